"""(c) Small operations of what people use instead, one client, one request at a time."""
import glob
import json
import os
import shutil
import subprocess
import time

import plots
from benchlib import NOT_HERE, figure, group, number, table, warn

SIZES = (256, 4096)
HERE = os.path.dirname(os.path.abspath(__file__))
DEBIAN_PYTHON = "/usr/bin/python3"


class Peer:
    """A program that measures itself on request: "BYTES MILLISECONDS" in, a line of JSON out."""

    def __init__(self, bench, command, environment=None):
        self.bench = bench
        self.process = subprocess.Popen([str(w) for w in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
        bench.processes.append(self.process)
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{command[0]} did not start")

    def measure(self, size, ms):
        self.process.stdin.write(f"{size} {ms}\n")
        self.process.stdin.flush()
        self.bench.records.append(json.loads(self.process.stdout.readline()))

    def close(self):
        self.bench.end(self.process)


def module(pattern):
    found = sorted(glob.glob(pattern))
    if not found:
        raise FileNotFoundError(pattern)
    return found[0]


def wanted(*programs):
    for program in programs:
        if not shutil.which(program):
            raise FileNotFoundError(program)


def softhsm(bench, folder):
    library = module("/usr/lib/softhsm/libsofthsm2.so")
    os.mkdir(os.path.join(folder, "tokens"))
    config = os.path.join(folder, "softhsm2.conf")
    with open(config, "w", encoding="ascii") as f:
        f.write(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    return Peer(bench, [bench.program("bench_token"), library, "SoftHSM"], {"SOFTHSM2_CONF": config})


def start_swtpm(bench, folder):
    socket = os.path.join(folder, "tpm")
    os.mkdir(os.path.join(folder, "state"))
    bench.processes.append(subprocess.Popen(
        ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}/state", "--server", f"type=unixio,path={socket}", "--ctrl",
         f"type=unixio,path={socket}.ctrl", "--flags", "not-need-init,startup-clear"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    for _ in range(200):
        if os.path.exists(socket) and os.path.exists(socket + ".ctrl"):
            return socket
        time.sleep(0.05)
    raise RuntimeError("swtpm did not start")


def tools_that_flush(folder):
    """Without a resource manager the TPM's few places fill up: each of tpm2_ptool's tools finds them empty."""
    tools = os.path.join(folder, "tools")
    os.mkdir(tools)
    with open(os.path.join(tools, "flush"), "w", encoding="ascii") as f:
        f.write('#!/bin/sh\n/usr/bin/tpm2_flushcontext -t >/dev/null 2>&1\nexec "/usr/bin/$(basename "$0")" "$@"\n')
    os.chmod(os.path.join(tools, "flush"), 0o755)
    for tool in glob.glob("/usr/bin/tpm2_*"):
        if not tool.endswith("ptool"):
            os.symlink("flush", os.path.join(tools, os.path.basename(tool)))
    return tools


def tpm2(bench, folder):
    library = module("/usr/lib/*/pkcs11/libtpm2_pkcs11.so")
    wanted("swtpm", "tpm2_ptool", "tpm2_flushcontext")
    tcti = f"swtpm:path={start_swtpm(bench, folder)}"
    store = os.path.join(folder, "store")
    os.mkdir(store)
    add = f"tpm2_ptool addkey --algorithm aes256 --label bench --userpin 1234 --key-label bench --path {store} >/dev/null 2>&1 && tpm2_flushcontext -t"
    return Peer(bench, [bench.program("bench_token"), library, "tpm2-pkcs11", add],
                {"TPM2_PKCS11_STORE": store, "TPM2_PKCS11_TCTI": tcti, "TPM2TOOLS_TCTI": tcti, "PATH": f"{tools_that_flush(folder)}:{os.environ['PATH']}"})


def pykmip(bench, folder):
    if subprocess.run([DEBIAN_PYTHON, "-c", "import kmip"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode:
        raise FileNotFoundError("python3-pykmip")
    return Peer(bench, [DEBIAN_PYTHON, os.path.join(HERE, "pykmip_peer.py"), folder])


class Coffer:
    """cofferd itself: sealed messages through libcoffer, KMIP as raw frames."""

    def __init__(self, bench):
        self.bench, self.box = bench, bench.sandbox("c")
        self.socket = os.path.join(bench.work, "c.sock")
        self.ideal = bench.server([bench.program("bench_ideal"), self.socket, 1, 0])
        self.uuid = self.box.key("bench")

    def measure(self, size, ms):
        for table, what, cipher in (("kmip", "cofferd, KMIP Encrypt", "AES-GCM"), ("sealed", "cofferd, sealed messages", "XAES-GCM")):
            command = [self.bench.program("bench_small"), "--table", table, "--coffer", self.box.socket, "--coffer-pid", self.box.pid(), "--ideal", self.socket,
                       "--ideal-pid", self.ideal.pid, "--tap", os.path.join(self.bench.work, "c.tap"), "--key", "bench", "--uuid", self.uuid,
                       "--rounds", 1, "--ms", ms, "--sizes", size, "--threads", 1, "--flight", 1, "--only-coffer"]
            for line in self.bench.output(command).splitlines():
                record = json.loads(line)
                if record["op"] in ("seal", "encrypt"):
                    self.bench.add("c", what=what, cipher=cipher, size=size, rate=record["rate"])

    def close(self):
        self.bench.end(self.ideal)
        self.box.clean()


def start(bench, name, begin):
    folder = os.path.join(bench.work, f"c-{begin.__name__}")
    os.mkdir(folder)
    try:
        return begin(bench, folder)
    except FileNotFoundError as e:
        warn(f"bench: {name}: {e} is missing (tests/bench/run --install)")
    except RuntimeError as e:
        warn(f"bench: {name}: {e}")
    bench.add("c", what=name, missing=True)
    return None


def measure(bench):
    ms, rounds = (60, 1) if bench.quick else (400, 5)
    others = [start(bench, name, begin) for name, begin in (("SoftHSM", softhsm), ("tpm2-pkcs11", tpm2), ("PyKMIP", pykmip))]
    peers = [Coffer(bench)] + [peer for peer in others if peer]
    for _ in range(rounds):
        for size in SIZES:
            for peer in peers:
                peer.measure(size, ms)
    for peer in peers:
        peer.close()


NOTES = {"SoftHSM": "C_EncryptInit and C_Encrypt, in the client's process", "tpm2-pkcs11": "C_EncryptInit and C_Encrypt, TPM simulator (swtpm)",
         "PyKMIP": "its server on its own TLS over the loopback, raw frames", "cofferd, KMIP Encrypt": "Unix socket, raw frames",
         "cofferd, sealed messages": "Unix socket, libcoffer"}


def summary(records):
    rows = []
    for (what,), found in group(records, "what").items():
        row = {"what": what, "note": NOTES[what], "cipher": found[0].get("cipher"), "missing": any(r.get("missing") for r in found)}
        for size in SIZES:
            row[str(size)] = figure([r for r in found if r.get("size") == size], "rate")
        rows.append(row)
    return rows


def report(bench):
    bench.say("(c) one client, one at a time: encryptions a second; median (least to most)")
    for row in summary(bench.of("c")):
        figures = [row[str(s)] for s in SIZES]
        cells = [f"{f['median']:9.0f} ({f['min']:.0f} to {f['max']:.0f})" if f else NOT_HERE for f in figures]
        bench.say(f"  {row['what']:26} {row['cipher'] or '':9} 256 B {cells[0]:30} 4 KiB {cells[1]:30} {row['note']}")


def markdown(records):
    return ["One client, one request at a time; encryptions a second:", ""] + table(
        ("what", "how", "cipher", "256 B", "4 KiB"),
        [(r["what"], r["note"], r["cipher"] or "", *(number(r[str(s)], 0) if r[str(s)] else NOT_HERE for s in SIZES)) for r in summary(records)])


def draw(records):
    groups = [(r["what"].replace(", ", ",\n"), [r[str(s)] for s in SIZES]) for r in summary(records)]
    return {"others.svg": plots.bars("One client, one request at a time", "encryptions a second", groups, ("256 B", "4 KiB"), log=True)}
