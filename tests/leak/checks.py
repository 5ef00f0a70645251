"""What the kernel refuses, what OpenSSL keeps, what a thief of the disk gets, what the programs hold: single questions beside the search."""
import math
import os
import re
import resource
import signal
import sqlite3
import subprocess
import tempfile

import places
from node import alive, comm, wait_for

DENIED = ("EACCES", "EPERM")
ENTROPY_LEAST = 7.9  # bits a byte, of at least 16 KiB


# -- L3: another process of the same user

SAME_USER = r"""
import ctypes, errno, os, sys
pid = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
def name(e): return errno.errorcode.get(e, str(e))
for what in ("mem", "maps", "environ", "auxv", "syscall"):
    try:
        with open(f"/proc/{pid}/{what}", "rb", 0) as f:
            f.read(1)
        print(what, "OPEN")
    except OSError as e:
        print(what, name(e.errno) if not (what == "mem" and e.errno == errno.EIO) else "OPEN")
class V(ctypes.Structure):
    _fields_ = [("base", ctypes.c_size_t), ("len", ctypes.c_size_t)]
buf = ctypes.create_string_buffer(8)
r = libc.process_vm_readv(pid, ctypes.byref(V(ctypes.addressof(buf), 8)), 1, ctypes.byref(V(int(sys.argv[2], 16), 8)), 1, 0)
print("process_vm_readv", "OPEN" if r > 0 else name(ctypes.get_errno()))
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
r = libc.ptrace(16, pid, None, None)
print("ptrace", "OPEN" if r == 0 else name(ctypes.get_errno()))
if r == 0:
    os.waitpid(pid, 0)
    libc.ptrace(17, pid, None, None)
"""


def readable_address(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as f:
        return next(line.split("-")[0] for line in f if " r" in line)


def as_user(pid, uid):
    done = subprocess.run(["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", "python3", "-c", SAME_USER, str(pid), readable_address(pid)],
                          capture_output=True, timeout=30, cwd="/")
    return dict(line.split() for line in done.stdout.decode().splitlines())


def same_user(pids):
    """Each way into each process is closed to its own user; into an ordinary process of that user all are open."""
    faults, tries = [], 0
    for name, pid in pids.items():
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            uid = int(next(line.split()[1] for line in f if line.startswith("Uid:")))
        if uid == 0:
            continue  # the monitor: root may
        ordinary = subprocess.Popen(["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", "sleep", "60"])
        try:
            wait_for("a process of that user", 5, lambda: comm(ordinary.pid) == "sleep")
            control = as_user(ordinary.pid, uid)
        finally:
            ordinary.kill()
            ordinary.wait()
        if len(control) != 7 or set(control.values()) != {"OPEN"}:
            faults.append(f"blind: an ordinary process of user {uid} should be open: {control}")
        for what, result in as_user(pid, uid).items():
            tries += 1
            if result not in DENIED:
                faults.append(f"{what} of {name}: {result} to its own user")
    return faults, f"{tries} ways tried, all refused; open for an ordinary process"


# -- L4, L16: the arena, descriptors

def arena(pids):
    """cofferd's arena: secret memory, not readable by root, left out of dumps and forks. Every descriptor closes at exec."""
    faults, arenas, descriptors = [], 0, 0
    for name, pid in pids.items():
        with open(f"/proc/{pid}/smaps", encoding="utf-8") as f:
            regions = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", f.read())
        secret = [r for r in regions if "secretmem" in r.split("\n")[0]]
        if name != "coffer-monitor" and not secret:
            faults.append(f"{name} has no secret memory")
        for region in secret:
            arenas += 1
            begin = int(region.split("-")[0], 16)
            flags = re.search(r"VmFlags: (.*)", region)[1].split()
            if not {"dc", "dd"} <= set(flags):
                faults.append(f"{name}: the arena's flags are {' '.join(flags)}")
            try:
                with open(f"/proc/{pid}/mem", "rb", 0) as mem:
                    mem.seek(begin)
                    mem.read(16)
                faults.append(f"{name}: root reads the arena")
            except OSError as e:
                if e.errno != 5:
                    faults.append(f"{name}: reading the arena gives {e}")
        for fd in os.listdir(f"/proc/{pid}/fdinfo"):
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="utf-8") as f:
                flags = int(re.search(r"flags:\s+(\d+)", f.read())[1], 8)
            descriptors += 1
            if int(fd) > 2 and not flags & os.O_CLOEXEC:
                faults.append(f"{name}: descriptor {fd} ({os.readlink(f'/proc/{pid}/fd/{fd}')}) stays open at exec")
    return faults, f"{arenas} arenas unreadable (EIO), {descriptors} descriptors close at exec"


# -- L14, L1: OpenSSL's heap; a core that the kernel writes

def heap_process(build, markers, mode, env):
    words = [build + "/tests/leak_heap", markers.path, "aes-key"] + (["heap"] if mode == "heap" else [])
    folder = tempfile.mkdtemp(prefix="coffer-leak-core-")
    p = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder, env=dict(os.environ, **env),
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2))
    line = p.stdout.readline().split()
    if not line or line[0] != b"ready":
        raise RuntimeError("leak_heap does not start")
    return p, folder, line[1].decode()


def kernel_core(p, folder, scanner, label):
    p.stdin.write(b"abort\n")
    p.stdin.close()
    p.wait(timeout=60)
    names = os.listdir(folder)
    seen = places.blind(f"{label}: the kernel wrote no core") if not names else scanner.scan("--file", f"{folder}/{names[0]}", label=label)
    for name in names:
        os.unlink(f"{folder}/{name}")
    os.rmdir(folder)
    return seen


def cores_go_to_files():
    with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as f:
        pattern = f.read().strip()
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    return pattern and pattern[0] != "|" and "/" not in pattern and (hard == resource.RLIM_INFINITY or hard > 1 << 24)


def openssl(build, markers, scanner):
    """{place: Seen}: a process with live cipher contexts under a marker, whose memory and core are searched; the same one on the heap is the control."""
    result = {}
    for level, env in (("full", {}), ("reduced", {"COFFER_TEST_NO_MEMFD_SECRET": "1"})):
        p, folder, got = heap_process(build, markers, "arena", env)
        if got != level:
            p.kill()
            p.wait()
            os.rmdir(folder)
            continue
        memory = scanner.scan("--pid", str(p.pid), label=f"OpenSSL in the arena ({level})")
        if level == "full":
            result["OpenSSL, memory"] = memory.needs("memory", "control-key")
        elif not memory.count():
            result["OpenSSL, reduced arena"] = places.blind("without memfd_secret the marker is readable in the arena, and was not found")
        if cores_go_to_files():
            result[f"kernel's core ({level})"] = kernel_core(p, folder, scanner, f"core, {level} arena").needs("the core", "control-key")
        else:
            p.kill()
            p.wait()
            os.rmdir(folder)
    p, folder, _ = heap_process(build, markers, "heap", {})
    found = scanner.scan("--pid", str(p.pid), label="OpenSSL on the heap")
    core = kernel_core(p, folder, scanner, "core of the heap") if cores_go_to_files() else None
    if core is None:
        p.kill()
        p.wait()
        os.rmdir(folder)
    first = result.setdefault("OpenSSL, memory", places.Seen())
    for what, seen in (("memory", found), ("the core", core)):
        if seen is not None and not seen.count():
            first.faults.append(f"blind: OpenSSL on the ordinary heap does not show in {what}")
    first.note = f"on the ordinary heap: {found.count()} hits" + (f", in its core {core.count()}" if core else "")
    return result


def killed(pids, log):
    """SIGABRT: no core of cofferd or its helper, where nobody made them dumpable."""
    faults = []
    for name, pid in sorted(pids.items()):  # the helper first: it ends with cofferd
        if name == "coffer-monitor":
            continue
        cwd = os.readlink(f"/proc/{pid}/cwd")
        before = set(os.listdir(cwd))
        os.kill(pid, signal.SIGABRT)
        wait_for(f"{name} ends", 10, lambda: not alive(pid))
        cores = [x for x in set(os.listdir(cwd)) - before if x.startswith("core")]
        if cores:
            faults.append(f"{name} left {cores} in {cwd}")
    try:
        wait_for("the monitor's word", 10, lambda: "signal 6" in log())
    except TimeoutError:
        faults.append("blind: nobody says that a process ended by signal 6")
    return faults, "SIGABRT leaves no core file"


# -- L7: the disk alone

def entropy(data):
    counts = [data.count(bytes((b,))) for b in range(256)]
    return -sum(n / len(data) * math.log2(n / len(data)) for n in counts if n)


def stolen_disk(state):
    """Bodies of sealed rows look like noise; a column that is not sealed shows that the measure sees a difference."""
    faults = []
    db = sqlite3.connect(f"file:{state}/store.db?immutable=1", uri=True)
    columns = [(t, c[1]) for (t,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'") for c in db.execute(f"PRAGMA table_info({t})")]
    table = next(t for t, c in columns if c == "body")
    rows = db.execute(f"SELECT tbl, body, header FROM {table}").fetchall()
    sealed = [bytes(b[52:]) for _, b, _ in rows if bytes(b[:4]) == b"CFR1"]  # behind nonce and header
    noise, clear = b"".join(sealed), b"".join(bytes(h) for t, _, h in rows if t == 1)
    db.close()
    if len(noise) < 16384:
        faults.append(f"blind: only {len(noise)} sealed bytes")
    elif entropy(noise) < ENTROPY_LEAST:
        faults.append(f"{entropy(noise):.3f} bits a byte in sealed bodies")
    if not clear or entropy(clear) > 6:
        faults.append("blind: clear headers look like noise too")
    return faults, f"{len(sealed)} sealed bodies, {len(noise)} bytes, {entropy(noise):.3f} bits a byte (headers: {entropy(clear):.3f})"


# -- L17: programs and fixtures

PEM = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")


def artefacts(build, source):
    """No private key in a program, none in the tree; test vectors are public constants and live in tests/vectors and the fuzz corpus."""
    faults, count = [], 0
    programs = [f"{build}/bin/{n}" for n in os.listdir(build + "/bin")]
    tracked = subprocess.run(["git", "-C", source, "ls-files"], capture_output=True, timeout=60).stdout.decode().split("\n")
    fixtures = [f"{source}/{n}" for n in tracked if n and not n.startswith("tests/vectors/")]
    for path in programs + fixtures:
        if os.path.isfile(path):
            with open(path, "rb") as f:
                data = f.read()
            count += 1
            if PEM.search(data) and not path.endswith("tests/leak/checks.py"):
                faults.append(f"{path} holds a private key")
            if path in programs and b"SSLKEYLOGFILE" in data:
                faults.append(f"{path} knows SSLKEYLOGFILE")
    if not PEM.search(b"-----BEGIN " + b"EC PRIVATE KEY-----"):
        faults.append("blind: the pattern of a private key does not match one")
    return faults, f"{count} files"
