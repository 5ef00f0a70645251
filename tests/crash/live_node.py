"""A whole node below one folder: token, monitor, cofferd and token helper, started under the tracer that kills (crash_inject). Its folder can be put
aside and taken back, so that many runs begin at the same state. Used by daemon_campaign.py and drain.py."""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid

SOFTHSM = [p for p in ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
                       "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so") if os.path.exists(p)]
TOKEN_PROGRAM = {"softhsm": "pkcs11", "swtpm": "tpm2"}
LIMIT_S = 60


def work_folder(prefix):
    """A temporary folder, in memory where there is room: what a kill leaves does not hang on the disk, and a run does not wait for it."""
    shm = "/dev/shm"
    try:
        room = os.statvfs(shm)
        fast = os.access(shm, os.W_OK) and room.f_bavail * room.f_frsize > 400 << 20
    except OSError:
        fast = False
    return tempfile.TemporaryDirectory(prefix=prefix, dir=shm if fast else None)


class Trouble(Exception):
    """What is wrong with the node, in one sentence."""


def end_in_order():
    """SIGTERM becomes an exception of the main thread, so that whatever was started is ended."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def wait_for(condition, seconds):
    """Whether it comes true in time; asked every 2 ms."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


class Node:
    """token: softhsm or swtpm. bin_dir: where coffer-monitor, cofferd and the token helpers are. tests: where the crash programs are."""

    def __init__(self, folder, token, bin_dir, tests):
        self.home, self.token, self.bin, self.tests = folder, token, bin_dir, tests
        self.path = {name: os.path.join(folder, name) for name in
                     ("state", "token", "client", "out", "judged", "cofferd.conf", "cofferd.log", "notes", "coffer.sock", "tpm.sock", "softhsm2.conf")}
        self.tpm = self.tracer = self.keeper = self.watcher = None
        self.bodies = {}
        self.mended = 0  # tokens that SoftHSM lost
        self.stopping = False
        self.kills, self.before, self.fired, self.restarts, self.trouble = [], 0, 0, 0, []
        self.record, self.traced = None, True
        self.pin = "1234567890ab"  # of a PKCS#11 token

    # -- the token ------------------------------------------------------------------------------------------------------

    def uri(self):
        if self.token == "swtpm":
            return "tpm2:swtpm:path=" + self.path["tpm.sock"]
        return f"pkcs11:token=coffer;object=master?module-path={SOFTHSM[0]}&pin-source=file:{self.path['token']}/pin"

    def environment(self):
        return dict(os.environ, SOFTHSM2_CONF=self.path["softhsm2.conf"], ASAN_OPTIONS="detect_leaks=0:" + os.environ.get("ASAN_OPTIONS", ""))

    def make(self):
        """A node that was never initialised, with a token that holds nothing."""
        for name in ("state", "token", "client", "out"):
            os.makedirs(self.path[name], mode=0o700)
        with open(self.path["cofferd.conf"], "w", encoding="ascii") as f:
            f.write(f"socket = {self.path['coffer.sock']}\nstate_dir = {self.path['state']}\nsecret_memory = 8M\nworkers = 2\n"
                    "token_probe_interval = 1h\n")
            if os.getuid() == 0:
                f.write("user_cofferd = 0\nuser_tokend = 0\n")
            if self.token == "softhsm":
                f.write(f"tokend_environment = SOFTHSM2_CONF={self.path['softhsm2.conf']}\n")
        if self.token != "softhsm":
            return
        os.mkdir(self.path["token"] + "/tokens", 0o700)
        with open(self.path["softhsm2.conf"], "w", encoding="ascii") as f:
            f.write(f"directories.tokendir = {self.path['token']}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
        with open(os.open(self.path["token"] + "/pin", os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as f:
            f.write(self.pin)
        self.run(["softhsm2-util", "--init-token", "--free", "--label", "coffer", "--pin", self.pin, "--so-pin", "ba0987654321"])

    def start_token(self):
        if self.token != "swtpm":
            return
        for name in (self.path["tpm.sock"], self.path["tpm.sock"] + ".ctrl"):
            if os.path.exists(name):
                os.unlink(name)
        self.tpm = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + self.path["token"], "--server",
                                     "type=unixio,path=" + self.path["tpm.sock"], "--ctrl", "type=unixio,path=" + self.path["tpm.sock"] + ".ctrl", "--flags", "not-need-init,startup-clear"],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not wait_for(lambda: os.path.exists(self.path["tpm.sock"]), 10):
            raise Trouble("swtpm does not start")

    def stop_token(self):
        if self.tpm:
            self.tpm.kill()
            self.tpm.wait()
        self.tpm = None

    def token_objects(self):
        """What the token itself says it holds, apart from what is temporary there and from the pair of keys that signs the audit log: one master secret, or
        nothing before init."""
        if self.token == "swtpm":
            found = []
            for what in ("handles-persistent", "handles-transient", "handles-loaded-session", "handles-saved-session"):
                out = self.run(["tpm2_getcap", "-T", "swtpm:path=" + self.path["tpm.sock"], what])
                found += [what + " " + line.strip("- ") for line in out.split("\n") if line.startswith("-")]
            return found
        out = self.run(["pkcs11-tool", "--module", SOFTHSM[0], "--token-label", "coffer", "--login", "--pin", self.pin, "--list-objects"])
        found = [line for line in out.split("\n") if " Object; " in line or line.startswith("Secret Key")]
        # The pair, and the half of one that was cut off: without a label, which SoftHSM writes last, nobody finds that again.
        pairs = [line for line in found if line.startswith(("Private Key Object; EC", "Public Key Object; EC"))]
        return [line for line in found if line not in pairs] + pairs[4:]

    # -- the state ------------------------------------------------------------------------------------------------------

    def put_aside(self, name):
        """Keeps the folders as they are under a name; the node and its token must be stopped."""
        for part in ("state", "token", "client"):
            shutil.copytree(self.path[part], os.path.join(self.home + "." + name, part), symlinks=True)

    def take_back(self, name):
        for part in ("state", "token", "client", "judged", "out"):
            shutil.rmtree(self.path[part], ignore_errors=True)
        for part in ("state", "token", "client"):
            shutil.copytree(os.path.join(self.home + "." + name, part), self.path[part], symlinks=True)
        os.mkdir(self.path["out"], 0o700)
        for part in ("cofferd.log", "notes", "coffer.sock"):
            if os.path.exists(self.path[part]):
                os.unlink(self.path[part])

    # -- the processes --------------------------------------------------------------------------------------------------

    def run(self, command, check=True, limit=LIMIT_S):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=limit, env=self.environment())
        text = done.stdout.decode(errors="replace")
        if check and done.returncode != 0:
            raise Trouble(f"{command[0]} ended with {done.returncode}: {text.strip()}")
        return text

    def spawn(self):
        """Starts the monitor under the tracer, with the kills that are left."""
        self.before = self.fired
        if os.path.exists(self.path["notes"]):
            os.unlink(self.path["notes"])
        command = []
        if self.traced:
            command = [os.path.join(self.tests, "crash_inject"), "--note", self.path["notes"]]
            for point in self.kills[self.fired:]:
                command += ["--kill", point]
            command += ["--record", self.record, "--"] if self.record else ["--"]
        with open(self.path["cofferd.log"], "a", encoding="ascii") as log:
            self.tracer = subprocess.Popen(command + [os.path.join(self.bin, "coffer-monitor"), "--config", self.path["cofferd.conf"]],
                                           stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment())

    def count_kills(self):
        """How many kills were done since start."""
        if os.path.exists(self.path["notes"]):
            with open(self.path["notes"], encoding="ascii") as f:
                self.fired = self.before + f.read().count("\n")
        return self.fired

    def keep(self, between):
        """Starts the monitor again after it was killed, as a service manager would."""
        while True:
            status = self.tracer.wait()
            killed = self.count_kills() > self.before and self.kills[self.fired - 1].startswith(("coffer-monitor/", "child/")) and status == 137
            if self.stopping:
                return
            if not killed or self.restarts > 8:
                self.trouble.append(f"the monitor ended with {status} although nobody killed it: {self.last_words()}")
                return
            if between:
                between()
            self.restarts += 1
            self.spawn()

    def start(self, kills=(), record=None, between=None, good=None, traced=True):
        """between: called while everything is dead, before a killed monitor is started again. good: what was put aside under this name is the token's
        backup."""
        self.kills, self.record, self.fired, self.restarts, self.stopping, self.trouble = list(kills), record, 0, 0, False, []
        self.traced = traced
        self.spawn()
        self.keeper = threading.Thread(target=self.keep, args=(between,))
        self.keeper.start()
        if self.token == "softhsm" and good and kills:
            self.watcher = threading.Thread(target=self.watch_token, args=(good,))
            self.watcher.start()

    def ask_to_stop(self):
        """SIGTERM, once."""
        if not self.stopping:
            self.stopping = True
            self.tracer.send_signal(signal.SIGTERM)

    def stop(self, limit=20):
        """SIGTERM. The seconds that it took; Trouble when it does not end."""
        began = time.monotonic()
        if not self.keeper:
            return 0  # it was ended before
        self.ask_to_stop()
        self.keeper.join(limit)
        if self.keeper.is_alive():
            self.end()
            raise Trouble(f"the daemon does not end within {limit} s of SIGTERM: {self.last_words()}")
        return time.monotonic() - began

    def end(self):
        """Ends whatever there is."""
        self.stopping = True
        if self.tracer and self.tracer.poll() is None:
            self.tracer.kill()
        if self.keeper:
            self.keeper.join()
        self.keeper = None
        if self.watcher:
            self.watcher.join()
        self.watcher = None

    def lost_token_files(self):
        files = [os.path.join(folder, "token.object") for folder, _, names in os.walk(self.path["token"] + "/tokens") if "generation" in names]
        return [f for f in files if not os.path.exists(f) or os.path.getsize(f) == 0]

    def mend_token(self, good):
        """What watch_token does, when nothing runs any more: the last kill may have come while the node stopped."""
        for path in self.lost_token_files() if self.token == "softhsm" and self.count_kills() else []:
            shutil.copy(os.path.join(self.home + "." + good, os.path.relpath(path, self.home)), path)
            self.mended += 1

    def watch_token(self, good):
        """SoftHSM empties token.object before it writes it anew, at every login: killed in between it has lost the whole token. What an operator would do
        then, this does: puts the file of the backup back. Until the node stops; `mended` counts."""
        empty = 0
        while not self.stopping:
            lost = self.lost_token_files()
            empty = empty + 1 if lost and self.count_kills() else 0
            if empty == 3:
                for path in lost:
                    shutil.copy(os.path.join(self.home + "." + good, os.path.relpath(path, self.home)), path)
                    self.mended += 1
                empty = 0
            time.sleep(0.02)

    def coffer(self, *arguments):
        done = subprocess.run([os.path.join(self.bin, "coffer"), *arguments, "--socket", self.path["coffer.sock"]], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=LIMIT_S, env=self.environment())
        return done.returncode, done.stdout.decode(errors="replace")

    def state(self):
        """uninitialised, sealed, open …; None when nobody answers."""
        code, text = self.coffer("status", "--json")
        try:
            return json.loads(text)["state"] if code in (0, 4) else None
        except (ValueError, KeyError):
            return None

    def last_words(self):
        try:
            with open(self.path["cofferd.log"], encoding="utf-8", errors="replace") as f:
                return " | ".join(f.read().strip().split("\n")[-3:])
        except OSError:
            return "it said nothing"

    def complaints(self):
        """What a sanitizer or an assertion said."""
        with open(self.path["cofferd.log"], encoding="utf-8", errors="replace") as f:
            return [line.strip() for line in f if "Sanitizer" in line or "runtime error:" in line or "assert" in line.lower()]

    # -- the client and the judge ----------------------------------------------------------------------------------------

    def client(self, seed, steps):
        """Exit status and lines of the client that carries the history on."""
        done = subprocess.run([os.path.join(self.tests, "crash_client"), self.path["coffer.sock"], self.path["client"], str(seed), str(steps)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=LIMIT_S, env=self.environment())
        return done.returncode, done.stdout.decode(errors="replace").strip().split("\n")

    def judge(self, seed, whole):
        """Violations that the judge finds in a copy of the state. whole: no step is under way."""
        shutil.rmtree(self.path["judged"], ignore_errors=True)
        shutil.copytree(self.path["state"], self.path["judged"])
        command = [os.path.join(self.tests, "crash_node_oracle_" + TOKEN_PROGRAM[self.token]), self.path["client"], self.path["judged"], str(seed)]
        done = subprocess.run(command + (["--done"] if whole else []), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S,
                              env=self.environment())
        return self.remains() + ([] if done.returncode == 0 else done.stdout.decode(errors="replace").strip().split("\n"))

    def note_bodies(self):
        """Keeps the sealed records of the objects that are there now, to look for them once their destruction was acknowledged."""
        store = sqlite3.connect(f"file:{self.path['state']}/store.db?mode=ro&immutable=1", uri=True)
        gone = self.destroyed()
        rows = [(str(uuid.UUID(bytes=row[0])), row[1]) for row in store.execute("SELECT id, body FROM record WHERE tbl = 1")]
        self.bodies = {name: body for name, body in rows if name not in gone}
        store.close()
        with open(os.path.join(self.path["state"], "store.db"), "rb") as f:
            content = f.read()
        if not self.bodies or not all(body[16:64] in content for body in self.bodies.values()):
            raise Trouble("the sealed records of objects that are there are not found in the store's file")

    def destroyed(self):
        """Ids of the objects whose destruction was acknowledged."""
        with open(os.path.join(self.path["client"], "acks"), encoding="ascii") as f:
            return [line.split()[2] for line in f if line.split()[1] == "d"]

    def remains(self):
        """What is left in the store's files of objects whose destruction was acknowledged."""
        found, destroyed = [], self.destroyed() if self.bodies else []
        for name in ("store.db", "store.db-wal"):
            path = os.path.join(self.path["state"], name)
            if not os.path.exists(path):
                continue
            with open(path, "rb") as f:
                content = f.read()
            found += [f"{one} is destroyed, and its sealed record is in {name}" for one in destroyed
                      if one in self.bodies and self.bodies[one][16:64] in content]
        return found
