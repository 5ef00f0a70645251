#!/usr/bin/env python3
"""The systemd units, as far as that can be judged without systemd as process 1: units.py BUILD SOURCE [--plant]

 * systemd-analyze verify has nothing to say;
 * their exposure as systemd-analyze security scores it, which is printed, stays below what is promised;
 * every system call that a process's own filter lets through, and what it needs before that, is let through by its unit too;
 * the same of coffer-tokend-pkcs11@.service with each of the sample drop-ins, at most 1.5;
 * the lines that REQUIRED names are there;
 * what the processes count on: users, the socket's owner and mode, no user namespace, the same folder of sockets on both sides.

--plant breaks one thing after the other in a copy, and fails when one of them is not found."""
import glob
import os
import re
import shutil
import sys
import tempfile

from unitlib import allowed_by, groups, run, value_of

BUILD, SOURCE = sys.argv[1], sys.argv[2]
# The one with a network: whom notify_command tells is elsewhere.
EXCEPTED = {"coffer-notify@.service": {"PrivateNetwork", "RestrictAddressFamilies", "IPAddressDeny"}}
PROMISED = {"coffer-notify@.service": 20, "cofferd.service": 5, "coffer-tokend-tpm2@.service": 5, "coffer-tokend-pkcs11@.service": 5, "coffer-stored@.service": 15}
OTHERS = 15
# Before a process has entered its own filter: its start, its secret memory, its confinement.
START = """execve brk mmap mprotect munmap arch_prctl set_tid_address set_robust_list rseq prlimit64 close close_range openat read pread64 fstat
newfstatat access getrandom prctl umask getpid gettid getuid geteuid getgid getegid seccomp memfd_secret ftruncate mlock madvise socket connect
getsockopt sendto rt_sigaction rt_sigprocmask sched_getaffinity fcntl clone exit_group""".split()
LANDLOCK = "landlock_create_ruleset landlock_add_rule landlock_restrict_self".split()
LISTS = {
    "cofferd.service": ("src/confine/cofferd.def", LANDLOCK),
    "coffer-tokend-tpm2@.service": ("src/confine/tokend.def", []),
    "coffer-tokend-pkcs11@.service": ("src/confine/tokend.def", []),
    "coffer-stored@.service": ("src/confine/stored.def", LANDLOCK),
}
# What the score forgives one by one and nothing here may lack.
REQUIRED = dict(line.split("=", 1) for line in """NoNewPrivileges=yes AmbientCapabilities= ProtectSystem=strict ProtectHome=yes PrivateTmp=yes PrivateMounts=yes
PrivateIPC=yes ProtectKernelTunables=yes ProtectKernelModules=yes ProtectKernelLogs=yes ProtectControlGroups=yes ProtectClock=yes ProtectHostname=yes
ProtectProc=invisible ProcSubset=pid RestrictNamespaces=yes RestrictRealtime=yes RestrictSUIDSGID=yes LockPersonality=yes MemoryDenyWriteExecute=yes RemoveIPC=yes
KeyringMode=private PrivateNetwork=yes RestrictAddressFamilies=AF_UNIX IPAddressDeny=any SystemCallArchitectures=native LimitCORE=0 MemorySwapMax=0
UMask=0077""".split())
REQUIRED_OF = {
    "cofferd.service": {"PrivateDevices": "yes", "StateDirectoryMode": "0700", "OOMScoreAdjust": "-900"},
    "coffer-tokend-tpm2@.service": {"DevicePolicy": "closed"},
    "coffer-tokend-pkcs11@.service": {"PrivateDevices": "yes", "StateDirectoryMode": "0700"},
    # It alone has a network.
    "coffer-stored@.service": {"PrivateDevices": "yes", "PrivateNetwork": None, "IPAddressDeny": None,
        "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6 AF_NETLINK"},
}
# The store's library changes owners as root alone, which no unit is.
NOT_IN_UNITS = {"fchown"}


def listed(path):
    text = open(os.path.join(SOURCE, path), encoding="utf-8").read()
    return set(re.findall(r"^(?:CALL|RULE)\((\w+)", text, re.M)) | {"tgkill", "kill", "clone3"}


def check(folder, say=print, only=None):
    """The problems found; of one service alone where `only` names one, but for what verify says."""
    wrong = []
    paths = sorted(glob.glob(folder + "/*.service") + glob.glob(folder + "/*.socket") + glob.glob(folder + "/*.target"))
    rc, text = run("systemd-analyze", "--man=no", "verify", *paths)
    if rc or text.strip():
        wrong.append(f"verify: {text.strip()}")
    known = groups()
    for path in paths:
        name = os.path.basename(path)
        if not name.endswith(".service") or (only or name) != name:
            continue
        limit = PROMISED.get(name, OTHERS)
        rc, text = run("systemd-analyze", "--no-pager", "security", "--offline=yes", f"--threshold={limit}", path)
        score = re.search(r"Overall exposure level for \S+: (\S+)", text)
        say(f"{name}: exposure {score.group(1) if score else '?'} (at most {limit / 10})")
        if rc or not score:
            wrong.append(f"{name}: exposure is above {limit / 10}")
        if name in LISTS:
            file, more = LISTS[name]
            missing = (listed(file) | set(START) | set(more)) - NOT_IN_UNITS - allowed_by(path, known)
            if missing:
                wrong.append(f"{name}: its SystemCallFilter ends the process at {' '.join(sorted(missing))}")
        wrong += facts(path, name)
    for path in paths:
        if path.endswith(".socket"):
            wrong += socket_facts(path)
    return wrong


def facts(path, name):
    required = {**{k: v for k, v in REQUIRED.items() if k not in EXCEPTED.get(name, ())}, **REQUIRED_OF.get(name, {})}
    wrong = [f"{name}: {key}= is {value_of(path, key)}, not {v!r}" for key, v in required.items() if value_of(path, key) != v]
    if value_of(path, "PrivateUsers") not in (None, "no"):
        wrong.append(f"{name}: PrivateUsers= hides who is at the other end of a socket")
    if value_of(path, "CapabilityBoundingSet") != "":
        wrong.append(f"{name}: CapabilityBoundingSet= is not empty")
    if value_of(path, "User") not in ("coffer", "coffer-tokend", "coffer-notify", "coffer-stored"):
        wrong.append(f"{name}: User= is {value_of(path, 'User')}")
    if name.startswith(("coffer-tokend", "coffer-stored")) and not value_of(path, "ExecStart").endswith(" --peer coffer"):
        wrong.append(f"{name}: the helper does not look who connects (--peer coffer)")
    if name.startswith("coffer-notify") and " --peer coffer " not in value_of(path, "ExecStart"):
        wrong.append(f"{name}: the helper does not look who connects (--peer coffer)")
    if name == "cofferd.service":
        if not value_of(path, "ExecStart").endswith(" --tokend-sockets /run/coffer-tokend"):
            wrong.append(f"{name}: --tokend-sockets is not the sockets' folder")
        for key in ("StartLimitIntervalSec", "StartLimitBurst", "WatchdogSec"):
            if value_of(path, key) in (None, "0"):
                wrong.append(f"{name}: {key}= is not set")
    return wrong


def socket_facts(path):
    name = os.path.basename(path)
    notify = name == "coffer-notify.socket"
    kind = "notify" if notify else re.match(r"coffer-(?:tokend-)?(\w+)\.socket", name).group(1)
    wanted = {"ListenSequentialPacket" if notify else "ListenStream": f"/run/coffer-tokend/{kind}.sock", "Accept": "yes", "SocketUser": "coffer", "SocketMode": "0600"}
    return [f"{name}: {key}= is {value_of(path, key)}, not {v}" for key, v in wanted.items() if value_of(path, key) != v]


def copy_units(folder):
    """The build's units, with this build's programs, which are not installed."""
    for path in glob.glob(BUILD + "/packaging/*.*"):
        if os.path.exists(os.path.join(SOURCE, "packaging", os.path.basename(path))) and path.endswith((".service", ".socket", ".target")):
            text = open(path, encoding="utf-8").read()
            text = re.sub(r"^ExecStart=\S*/", f"ExecStart={BUILD}/bin/", text, flags=re.M)
            with open(os.path.join(folder, os.path.basename(path)), "w", encoding="utf-8") as out:
                out.write(text)


def check_dropins(folder):
    """Each sample drop-in alone, over its helper's unit."""
    wrong = []
    samples = sorted(glob.glob(SOURCE + "/packaging/dropins/*.conf"))
    for sample in samples:
        kind = "tpm2" if os.path.basename(sample) == "resource-manager.conf" else "pkcs11"
        name = f"coffer-tokend-{kind}@.service"
        unit = os.path.join(folder, name)
        if not os.path.exists(unit):
            continue
        os.mkdir(unit + ".d")
        shutil.copy(sample, unit + ".d")
        rc, text = run("systemd-analyze", "--man=no", "verify", unit)
        if rc or text.strip():
            wrong.append(f"{sample}: {text.strip()}")
        rc, text = run("systemd-analyze", "--no-pager", "security", "--offline=yes", f"--threshold={OTHERS}", unit)
        score = re.search(r"Overall exposure level for \S+: (\S+)", text)
        print(f"{name} with {os.path.basename(sample)}: exposure {score.group(1) if score else '?'} (at most {OTHERS / 10})")
        if rc or not score:
            wrong.append(f"{sample}: exposure is above {OTHERS / 10}")
        shutil.rmtree(unit + ".d")
    return wrong if samples else ["there is no sample drop-in"]


PLANTS = [
    ("cofferd.service", "ProtectSystem=strict", "ProtectSystm=strict"),
    ("cofferd.service", "CapabilityBoundingSet=\n", "CapabilityBoundingSet=CAP_KILL\n"),
    ("cofferd.service", "PrivateNetwork=yes\n", ""),
    ("cofferd.service", "SystemCallFilter=seccomp memfd_secret", "SystemCallFilter=memfd_secret"),
    ("cofferd.service", "@keyring @ipc", "@keyring @sync @ipc"),
    ("cofferd.service", "PrivateDevices=yes", "PrivateDevices=yes\nPrivateUsers=yes"),
    ("cofferd.service", "StartLimitBurst=30", ""),
    ("coffer-tokend-tpm2@.service", "DevicePolicy=closed", "DevicePolicy=auto"),
    ("coffer-tokend-tpm2@.service", " --peer coffer", ""),
    ("coffer-tokend-pkcs11@.service", "User=coffer-tokend", "User=root"),
    ("coffer-notify@.service", "--peer coffer ", ""),
    ("coffer-notify@.service", "User=coffer-notify", "User=root"),
    ("coffer-notify.socket", "SocketMode=0600", "SocketMode=0666"),
    ("coffer-tokend-tpm2.socket", "SocketMode=0600", "SocketMode=0666"),
    ("coffer-stored@.service", " --peer coffer", ""),
    ("coffer-stored.socket", "SocketMode=0600", "SocketMode=0666"),
]
# Each line that is required, taken out of each unit.
PLANTS += [(name, f"\n{key}={v}\n", "\n") for name, more in REQUIRED_OF.items() for key, v in (more if "stored" in name else {**REQUIRED, **more}).items() if v]


def main():
    with tempfile.TemporaryDirectory(prefix="coffer-units-") as folder:
        copy_units(folder)
        if "--plant" not in sys.argv:
            wrong = check(folder) + check_dropins(folder)
            print("\n".join(wrong) or "nothing wrong")
            return 1 if wrong else 0
        missed = len(check(folder, say=lambda _: None))
        if missed:
            print("MISSED there are mistakes already without a planted one")
        for name, before, after in PLANTS:
            path = os.path.join(folder, name)
            if not os.path.exists(path):
                continue
            text = open(path, encoding="utf-8").read()
            assert before in text, (name, before)
            with open(path, "w", encoding="utf-8") as out:
                out.write(text.replace(before, after))
            wrong = check(folder, say=lambda _: None, only=name)
            print(f"{'found ' if wrong else 'MISSED'} {name}: {before.strip()!r} -> {after.strip()!r}: {wrong[0].splitlines()[0] if wrong else ''}")
            missed += not wrong
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
        return 1 if missed else 0


if not shutil.which("systemd-analyze"):
    print("systemd-analyze is not there: not tested")
    sys.exit(77)
sys.exit(main())
