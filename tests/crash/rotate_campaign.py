#!/usr/bin/env python3
"""Changes of the data key, one after the other, under constant load, with kill -9 of daemon and monitor at random moments. Afterwards every key that was
acknowledged is there, every message opens, the audit chain verifies, the store is whole and of one generation. Prints the throughput beside the idle one's.

  rotate_campaign.py --build DIR [--records 300] [--kills 4] [--token softhsm] [--rate 1000] [--seed N]      the large run: --records 100000 --kills 200 --rate 100000
"""
import argparse
import ctypes as c
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

BATCH = 100


class NewKey(c.Structure):
    _fields_ = [("name", c.c_char_p), ("algorithm", c.c_char_p), ("group", c.c_char_p), ("status", c.c_int), ("uuid", c.c_char * 37)]


class Conn:
    def __init__(self, lib, socket):
        self.lib, self.ptr = lib, c.c_void_p()
        st = lib.coffer_connect(socket.encode(), None, c.byref(self.ptr))
        if st:
            raise ConnectionError(st)

    def fail(self, st):
        text = self.lib.coffer_error(self.ptr).decode()
        return RuntimeError(f"{st}: {text}")

    def encrypt(self, key, plain):
        out, n = c.create_string_buffer(len(plain) + 128), c.c_size_t()
        st = self.lib.coffer_encrypt(self.ptr, key.encode(), None, 0, plain, len(plain), out, len(out), c.byref(n))
        return st, out.raw[:n.value]

    def decrypt(self, sealed):
        out, n = c.create_string_buffer(len(sealed)), c.c_size_t()
        st = self.lib.coffer_decrypt(self.ptr, None, 0, sealed, len(sealed), out, len(out), c.byref(n))
        return st, out.raw[:n.value]

    def create(self, names):
        keys = (NewKey * len(names))(*[NewKey(n.encode(), None, None, 0, b"") for n in names])
        st = self.lib.coffer_key_create_many(self.ptr, keys, len(names))
        return st, [n for n, k in zip(names, keys) if k.status == 0]

    def close(self):
        self.lib.coffer_close(self.ptr)


def load_library(build):
    lib = c.CDLL(f"{build}/lib/libcoffer.so")
    lib.coffer_error.restype = c.c_char_p
    lib.coffer_error.argtypes = [c.c_void_p]
    lib.coffer_close.argtypes = [c.c_void_p]
    lib.coffer_connect.argtypes = [c.c_char_p, c.c_void_p, c.POINTER(c.c_void_p)]
    size = c.POINTER(c.c_size_t)
    lib.coffer_encrypt.argtypes = [c.c_void_p, c.c_char_p, c.c_void_p, c.c_size_t, c.c_char_p, c.c_size_t, c.c_void_p, c.c_size_t, size]
    lib.coffer_decrypt.argtypes = [c.c_void_p, c.c_void_p, c.c_size_t, c.c_char_p, c.c_size_t, c.c_void_p, c.c_size_t, size]
    lib.coffer_key_create_many.argtypes = [c.c_void_p, c.c_void_p, c.c_size_t]
    return lib


class Node:
    def __init__(self, args, folder):
        self.bin, self.dir, self.home = f"{args.build}/bin", folder, f"{folder}/node-1"
        self.socket = f"{self.home}/coffer.sock"
        self.sandbox = os.path.join(os.path.dirname(__file__), "../../scripts/sandbox")
        self.env = dict(os.environ, COFFER_BUILD=args.build, COFFER_SOCKET=self.socket)
        subprocess.run([self.sandbox, "start", "--dir", folder, "--token", args.token, "--quiet", "--set", f"reseal_rate={args.rate}",
                        *[w for s in args.set for w in ("--set", s)]], env=self.env, check=True)
        self.daemon = None
        self.killing = False  # before the first kill nothing breaks off, so nothing may be refused

    def coffer(self, *words, check=True):
        done = subprocess.run([f"{self.bin}/coffer", *words], env=self.env, capture_output=True, text=True)
        if check and done.returncode:
            raise RuntimeError(f"coffer {' '.join(words)}: {done.stderr.strip()}")
        return done

    def status(self):
        done = self.coffer("status", "--json", check=False)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return {}

    def wait(self, what, seconds, test):
        until = time.monotonic() + seconds
        while not test():
            if time.monotonic() > until:
                raise RuntimeError(f"{what}: not within {seconds} s: {self.status()}")
            time.sleep(0.05)

    def pid(self, name):
        with open(f"{self.home}/{name}.pid", encoding="ascii") as f:
            return int(f.read())

    def kill(self):
        self.killing = True
        monitor, daemon = self.pid("monitor"), self.pid("cofferd")
        for p in (daemon, monitor):
            try:
                os.kill(p, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.wait("it is dead", 10, lambda: not os.path.exists(f"/proc/{daemon}") and self.is_gone(monitor))

    def is_gone(self, pid):
        if self.daemon and self.daemon.pid == pid:
            return self.daemon.poll() is not None
        return not os.path.exists(f"/proc/{pid}")

    def start(self):
        with open(f"{self.home}/cofferd.log", "ab") as log:
            self.daemon = subprocess.Popen([f"{self.bin}/cofferd", "--config", f"{self.home}/cofferd.conf"], stdin=subprocess.DEVNULL, stdout=log,
                                           stderr=log, start_new_session=True)
        self.wait("it opens after kill -9", 60, lambda: self.status().get("state") == "open")

    def end(self):
        try:
            self.kill()
        except (RuntimeError, OSError, ValueError):
            pass
        subprocess.run([self.sandbox, "stop", "--dir", self.dir], env=self.env, capture_output=True, check=False)


class Load(threading.Thread):
    """Opens and seals messages, and makes a key now and then; what is acknowledged is remembered."""

    def __init__(self, lib, node, sealed, number, seed):
        super().__init__(daemon=True)
        self.lib, self.node, self.sealed, self.number = lib, node, list(sealed.items()), number
        self.rng, self.ops, self.made, self.bad, self.done = random.Random(seed), 0, [], [], False
        self.broken, self.refused = 0, 0  # since the kills began, and before

    def step(self, conn):
        key, (plain, sealed) = self.rng.choice(self.sealed)
        st, back = conn.decrypt(sealed)
        if st:
            raise conn.fail(st)
        if back != plain:
            self.bad.append(f"{key}: other plaintext")
        st, _ = conn.encrypt(key, plain)
        if st:
            raise conn.fail(st)
        self.ops += 2
        if self.ops % 400 == 0:
            name = f"load-{self.number}-{self.ops}"
            st, ok = conn.create([name])
            self.made += ok
            if st or not ok:
                raise conn.fail(st)

    def run(self):
        conn = None
        while not self.done:
            try:
                conn = conn or Conn(self.lib, self.node.socket)
                self.step(conn)
            except ConnectionError as e:
                if not self.node.killing:
                    self.judge(f"no connection: {e}")
                time.sleep(0.02)
            except RuntimeError as e:
                self.judge(str(e))
                conn.close()
                conn = None
        if conn:
            conn.close()

    def judge(self, text):
        """Before the first kill each call that fails is a finding. While the daemon is killed and started calls break off; then whatever speaks of data or keys is one."""
        if not self.node.killing:
            self.refused += 1
            self.bad.append(f"refused before the first kill: {text}")
            return
        self.broken += 1
        if any(word in text for word in ("does not open", "no key", "integrity", "damaged", "altered")):
            self.bad.append(text)


def throughput(loads, seconds):
    before, begun = sum(x.ops for x in loads), time.monotonic()
    time.sleep(seconds)
    return (sum(x.ops for x in loads) - before) / (time.monotonic() - begun)


def fill(lib, node, count):
    conn, sealed = Conn(lib, node.socket), {}
    for at in range(0, count, BATCH):
        names = [f"key-{i}" for i in range(at, min(at + BATCH, count))]
        st, ok = conn.create(names)
        if st or len(ok) != len(names):
            raise conn.fail(st)
    for i in range(0, count, max(1, count // 200)):
        plain = f"plain {i}".encode()
        st, message = conn.encrypt(f"key-{i}", plain)
        if st:
            raise conn.fail(st)
        sealed[f"key-{i}"] = (plain, message)
    conn.close()
    return sealed


def phase(node):
    return node.status().get("rotation", {}).get("phase", "?")


def campaign(args, node, loads, rng):
    """Kills at random moments of changes of the data key; returns how many changes were begun, and the throughput while one goes on."""
    begun, rates = 0, []
    for number in range(args.kills):
        if args.patience and number % args.patience == args.patience - 1:  # the proof wants a pass that nothing cuts off
            node.wait("the change ends", 300 + args.records / 200, lambda: phase(node) in ("none", "held"))
            print(f"a change of the data key ended: generation {node.status().get('generation')}", flush=True)
        if phase(node) in ("none", "held"):
            node.coffer("rotate", "data-key")
            begun += 1
        rates.append(throughput(loads, rng.uniform(0.02, args.longest)))
        node.kill()
        node.start()
        seen = node.status().get("rotation", {})
        print(f"kill {number + 1} of {args.kills}: generation {node.status().get('generation')}, {phase(node)}, {seen.get('rows_seen')} of {seen.get('rows_total')} records seen", flush=True)
    return begun, rates


def judge(args, lib, node, sealed, loads):
    node.wait("the change ends", 600 + args.records / 100, lambda: phase(node) == "none")  # one pass over everything, beside others on the machine
    bad = [b for x in loads for b in x.bad]
    conn = Conn(lib, node.socket)
    for key, (plain, message) in sealed.items():
        st, back = conn.decrypt(message)
        if st or back != plain:
            bad.append(f"{key}: what was sealed before does not open: {conn.fail(st)}")
    for name in [n for x in loads for n in x.made] + list(sealed) + [f"key-{i}" for i in range(0, args.records, max(1, args.records // 5000))]:
        st, _ = conn.encrypt(name, b"x")
        if st:
            bad.append(f"{name}: was acknowledged and is gone: {conn.fail(st)}")
    conn.close()
    rotation = node.status()["rotation"]
    if rotation["generations"] != 1:
        bad.append(f"older generations stay: {rotation}")
    for words in (("audit", "verify"), ("store", "check")):
        done = node.coffer(*words, check=False)
        if done.returncode:
            bad.append(f"coffer {' '.join(words)}: {done.stdout} {done.stderr}")
    return bad


def run(args, folder):
    rng = random.Random(args.seed)
    lib = load_library(args.build)
    node = Node(args, folder)
    try:
        sealed = fill(lib, node, args.records)
        loads = [Load(lib, node, sealed, i, args.seed + i) for i in range(2)]
        for x in loads:
            x.start()
        idle = throughput(loads, args.measure)
        node.coffer("rotate", "data-key")
        busy = throughput(loads, args.measure)
        how = phase(node)
        if not args.unfinished:
            node.wait("the first change ends under load, before anything is killed", 300 + args.records / 100, lambda: phase(node) == "none")
        refused = sum(x.refused for x in loads)
        print(f"before the kills: {sum(x.ops for x in loads)} operations done, {refused} refused", flush=True)
        begun, _ = campaign(args, node, loads, rng)
        for x in loads:
            x.done = True
        for x in loads:
            x.join(60)
        bad = judge(args, lib, node, sealed, loads)
        if idle <= 0 or busy <= 0:
            bad.append(f"nothing was done before the kills: {idle:.0f} operations/s idle, {busy:.0f} while records are sealed again")
        made, broken = sum(len(x.made) for x in loads), sum(x.broken for x in loads)
        print(f"{args.records} records, {args.kills} kills, {begun + 1} changes of the data key; {made} keys made meanwhile, {broken} calls broken off")
        print(f"throughput: {idle:.0f} operations/s idle, {busy:.0f} while records are sealed again ({how} at its end)")
        return bad
    finally:
        node.end()


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--build", required=True)
    p.add_argument("--records", type=int, default=300)
    p.add_argument("--kills", type=int, default=4)
    p.add_argument("--token", default="softhsm", choices=("softhsm", "swtpm"))
    p.add_argument("--rate", type=int, default=400, help="reseal_rate")
    p.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one more line of the node's configuration")
    p.add_argument("--longest", type=float, default=1.0, help="seconds before a kill, at most")
    p.add_argument("--patience", type=int, default=0, help="each time after so many kills, a change comes to its end")
    p.add_argument("--unfinished", action="store_true", help="the first change, in which nothing may be refused, is not waited for before the kills")
    p.add_argument("--measure", type=float, default=1.0, help="seconds of each measurement")
    p.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    args = p.parse_args()
    args.build = os.path.abspath(args.build)
    print(f"seed {args.seed}", flush=True)
    folder = tempfile.mkdtemp(prefix="coffer-rotate-")
    os.chmod(folder, 0o755)
    try:
        bad = run(args, f"{folder}/s")
    finally:
        if not os.environ.get("COFFER_KEEP"):
            shutil.rmtree(folder, ignore_errors=True)
    for b in bad[:20]:
        print(f"BAD  {b}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
