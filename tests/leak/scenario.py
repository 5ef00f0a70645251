"""One token: a node goes through its states, and is searched in each."""
import os
import re
import secrets
import shutil
import subprocess

import checks
import places
from changes import Changes, LIGHT
from markers import Markers, interpolate
from node import Node, wait_for
from objects import Load, Objects, Refused

SAMPLES = 5  # of memory under load
LIBRARY_RUNS = 4
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")


class Scenario(Changes):
    def __init__(self, token, build, source, table, area, full=False):
        self.token, self.build, self.source, self.table, self.area, self.full = token, build, source, table, area, full
        self.name = secrets.token_hex(8)
        self.work = "/tmp/coffer-leak-" + self.name
        os.mkdir(self.work, 0o755)
        os.makedirs(self.work + "/own")  # what the test itself needs
        self.markers = Markers(self.work + "/own/markers")
        self.markers.add("beacon", f"leak-{self.name}".encode(), key=False)
        self.markers.add("control-key", os.urandom(32))
        self.node = Node(build, source, token, self.markers, self.work)
        self.scanner = places.Scanner(build, self.markers)
        self.control = None
        self.before = {x for folder in TEMPORARY for x in places.tree_top(folder)}

    # -- controls

    def begin_control(self):
        self.control = subprocess.Popen([self.build + "/tests/leak_control", self.markers.path, self.work + "/own", "control-key"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        if not self.control.stdout.readline().startswith(b"ready"):
            raise RuntimeError("the control process does not start")

    def plant(self, folder):
        path = f"{folder}/planted-{self.name}"
        with open(path, "wb") as f:
            f.write(b"before" + self.markers.values["control-key"] + b"behind")
        return path

    def planted(self, folders, search):
        """Files with the control marker in these folders as long as the search takes."""
        paths = [self.plant(folder) for folder in folders]
        try:
            return search(paths)
        finally:
            for path in paths:
                os.unlink(path)

    # -- one state

    def put(self, state, place, seen):
        self.table.put(self.token, state, place, seen)

    def search_processes(self, state, only=(), pids=None):
        """only: the places that are searched; empty: all of them."""
        pids = pids or self.node.pids()
        control = self.control.pid
        for place, search in (("memory", places.memory), ("argv, environ", places.environment), ("deleted open files", places.open_deleted),
                              ("registers", places.registers), ("core (gcore)", self.search_cores), ("swap", self.search_swap)):
            if only and place not in only:
                continue
            if place == "registers" and state == "loaded":
                continue  # a thread at work has to have what it works on in registers
            seen = search(self.scanner, pids, control) if place not in ("core (gcore)", "swap") else search(state, pids)
            if seen:
                self.put(state, place, seen)

    def search_cores(self, state, pids):
        if state in ("initialised", "sealed"):
            return None  # gdb is slow, and sees what /proc/PID/mem shows
        if shutil.which("gdb"):
            return places.core(self.scanner, pids, self.control.pid, self.work, state == "loaded")
        return self.table.skip("cores by gcore: gdb is not installed")

    def search_swap(self, _, pids):
        if self.area.device:
            return places.swap(self.scanner, pids, self.control.pid, self.area)
        return self.table.skip(f"swap: no swap area can be made here ({self.area.why.strip()})")

    def search_files(self, state):
        home, state_dir = self.node.home, self.node.home + "/state"
        in_state = list(places.tree(state_dir))
        self.put(state, "store, state folder", self.planted([state_dir], lambda paths: places.files(
            self.scanner, in_state + paths, "the state folder", "control-key")))
        log = home + "/cofferd.log"
        self.put(state, "log (debug)", self.planted([], lambda _: places.files(self.scanner, [log], "the log", "beacon")))
        skip = (state_dir, home + "/token", log)
        self.put(state, "run folder", self.planted([home], lambda paths: places.files(
            self.scanner, list(places.tree(home, skip)), "the run folder", "control-key")))
        self.put(state, "/tmp, /dev/shm", self.planted(TEMPORARY, lambda paths: self.search_temporary()))

    def search_temporary(self):
        """What appeared since the test began; folders of others are theirs."""
        mine = (self.work + "/own", self.work + "/asked", self.node.home, self.node.dir + "/recovery")
        found = [x for folder in TEMPORARY for x in places.tree_top(folder) if x not in self.before]
        held = []
        for path in found + list(places.tree(self.work, mine)):
            try:  # files of others come and go: what can be opened stays readable
                if os.path.isfile(path):
                    held.append(os.open(path, os.O_RDONLY))
            except FileNotFoundError:
                continue
        seen = places.files(self.scanner, [f"/proc/{os.getpid()}/fd/{fd}" for fd in held], "/tmp and /dev/shm", "control-key")
        for fd in held:
            os.close(fd)
        if sum(count for name, count in seen.controls.items() if name == "control-key") < len(TEMPORARY):
            seen.faults.append("blind: not every folder shows its control")
        return seen

    def search_texts(self, state):
        """What the daemon says: status, lists, the audit log, errors."""
        run, uuid = self.node.run, self.objects.uuid
        said = run("status", good=False) + run("status", "--json", good=False)
        for words in (("key", "list"), ("key", "list", "--json"), ("key", "show", uuid["aes-key"]), ("key", "show", uuid["secret-data"], "--json"),
                      ("grants",), ("audit", "show", "--limit", "1000"), ("audit", "verify"), ("token", "status"), ("token", "test")):
            said += run(*words, good=False)
        plain = self.markers.values["plaintext"]
        said += run("decrypt", data=b"CFR1" + plain * 4, good=False) + run("encrypt", "-k", "no such key", data=plain, good=False)
        said += self.objects.bad_requests()
        seen = self.scanner.scan(data=said, label="texts")
        self.put(state, "status, errors, audit", seen.needs("texts", "control-name" if state in ("idle", "changed", "destroyed") else "beacon"))

    # -- the states

    def initialise(self):
        """Init under the eyes of the scanner: the command is held at its exit and searched."""
        own = self.work + "/own"
        here = os.path.dirname(os.path.abspath(__file__))
        if self.token == "softhsm":
            self.node.provision_pin()
            self.markers.add("passphrase", secrets.token_hex(20).encode(), key=False)
            with open(own + "/passphrase", "w", encoding="ascii") as f:
                f.write(self.markers.values["passphrase"].decode())
            hold = " ".join(f"'{x}'" for x in places.hold_at_exit([]))
            command = f"{hold} REAL init --socket '{self.node.home}/coffer.sock' --token \"$(tail -1 '{self.node.home}/token/uri')\" " \
                      f"--recovery-passphrase --secret-file '{own}/passphrase' --quiet &\necho $! >'{own}/init.pid'\nwait"
        else:
            command = f"'{here}/typist' '{own}/init.pid' '{own}/shares' REAL init --socket '{self.node.home}/coffer.sock' --recovery-shares 3 " \
                      f"--token 'tpm2:swtpm:path={self.node.home}/token/swtpm.sock' --recovery-threshold 2 >/dev/null"
        self.node.wrap(coffer=f'if [ "$1" != init ]; then exec REAL "$@"; fi\n{command}\nexit 0')
        starting = self.node.begin()
        pid_file = own + "/init.pid"
        wait_for("init is under way", 60, lambda: os.path.exists(pid_file) and os.path.getsize(pid_file) or starting.poll() is not None)
        if starting.poll() is not None:
            self.node.finish(starting)
        with open(pid_file, encoding="ascii") as f:
            tracer = int(f.read())
        pid = places.tracee(tracer)
        places.wait_at_exit(pid)
        if self.token == "swtpm":
            with open(own + "/shares", encoding="ascii") as f:
                lines = f.read().split()[1::2]
            os.unlink(own + "/shares")
            texts = ["".join(f"{i + 1}  {line}\n" for i, line in enumerate(lines[at:at + 5])) for at in range(0, 15, 5)]
            points = self.markers.add_shares(texts, 2)
            if interpolate(points[1:]) != self.markers.values["recovery-key"]:
                raise RuntimeError("the shares do not agree")
        seen = self.scanner.scan("--pid", str(pid), label="memory of coffer init at its end")
        self.put("initialised", "coffer, at its end", seen.needs("memory of coffer init", "beacon"))
        os.kill(tracer, 9)
        self.node.finish(starting)
        self.node.unwrap()
        self.search_processes("initialised")

    def make_objects(self):
        self.objects = Objects(self.node.home + "/coffer.sock", self.markers)
        self.objects.register()
        self.objects.use()
        self.node.domain = self.node.status()["domain"]["id"]
        self.node.stop()
        domain = self.node.learn()
        for name in ("aes-key", "inner-key"):
            if name == "aes-key":
                self.markers.add_managed_subkeys(name, domain, self.objects.uuid[name])

    def idle(self):
        self.node.start()
        self.objects.use()
        self.table.ask(self.token, "L3 same user", checks.same_user(self.node.pids()))
        if self.node.status()["memory"]["protection"] == "full":
            self.table.ask(self.token, "L4, L16 arena, descriptors", checks.arena(self.node.pids()))
        self.search_processes("idle")
        self.search_files("idle")
        self.search_texts("idle")

    def loaded(self):
        plain = self.markers.values["plaintext"]
        key = self.objects.uuid["aes-key"]
        with Load(self.build + "/bin/coffer", self.objects, self.node.env) as load:
            wait_for("the load runs", 30, lambda: load.rounds > 3 or load.faults)
            for _ in range(SAMPLES):
                self.put("loaded", "memory", places.memory(self.scanner, self.node.pids(), self.control.pid))
            self.search_processes("loaded", self.node.pids())
            self.search_files("loaded")
            words = ("encrypt", "-k", key)
            self.put("loaded", "coffer, at work", places.command_at_work(self.scanner, self.node, words, plain * 40000, ("plaintext",)))
            self.put("loaded", "coffer, at its end", places.command_at_exit(self.scanner, self.node, words, plain))
            sealed = self.node.run(*words, data=plain)
            self.put("loaded", "coffer, at its end", places.command_at_exit(self.scanner, self.node, ("decrypt",), sealed))
        self.random()
        self.library()
        if load.faults:
            raise Refused("; ".join(load.faults))
        print(f"  {self.token}: {load.rounds} rounds of load", flush=True)

    def library(self):
        """A program that goes on after its work: libcoffer keeps nothing of the plaintext."""
        words = (self.node.home + "/coffer.sock", self.objects.uuid["aes-key"], self.markers.path, "plaintext")
        for _ in range(LIBRARY_RUNS):  # what is left would depend on how the answers come in
            p = subprocess.Popen([self.build + "/tests/leak_client", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            if not p.stdout.readline().startswith(b"ready"):
                raise RuntimeError("leak_client does not get through")
            seen = self.scanner.scan("--pid", str(p.pid), label="memory of a program with libcoffer, behind its work")
            p.stdin.close()
            p.wait(timeout=10)
            self.put("loaded", "libcoffer, behind work", seen.needs("memory of a program with libcoffer", "beacon"))

    def random(self):
        """Random bytes are made into keys: the command must not keep them."""
        for words in (("random", "40"), ("random", "40", "--json"), ("random", "40", "--raw")):
            p = subprocess.Popen(places.hold_at_exit([self.build + "/bin/coffer", *words]), stdout=subprocess.PIPE, env=self.node.env)
            pid = places.tracee(p.pid)
            places.wait_at_exit(pid)
            said = os.read(p.stdout.fileno(), 4096)
            self.markers.add("random", said[:40] if "--raw" in words else bytes.fromhex(re.search(rb"[0-9a-f]{80}", said)[0].decode()))
            seen = self.scanner.scan("--pid", str(pid), label=f"memory of coffer {' '.join(words)} at its end")
            p.kill()
            p.wait(timeout=10)
            self.put("loaded", "coffer, at its end", seen.needs("memory of coffer random", "beacon"))
        self.markers.forget("random")

    def destroyed(self):
        before = self.counter()
        self.objects.destroy()
        wait_for("the ends of the keys raise the counter", 30, lambda: self.token != "swtpm" or self.counter() > before)
        self.search_processes("destroyed", () if self.full else LIGHT)
        self.search_files("destroyed")
        self.search_texts("destroyed")

    def openssl(self):
        for place, seen in checks.openssl(self.build, self.markers, self.scanner).items():
            self.put("OpenSSL", place, seen)
        if not checks.cores_go_to_files():
            self.table.skip("cores that the kernel writes: core_pattern does not name a file in the working folder, or the limit is 0")

    def reduced(self):
        """The control of all searches of memory: without memfd_secret the same search finds the keys in cofferd."""
        self.node.wrap(cofferd="exec strace -f -qq -o /dev/null -e trace=memfd_secret -e inject=memfd_secret:error=ENOSYS REAL \"$@\"")
        self.node.start()
        self.node.unwrap()
        self.objects.use()
        seen = self.scanner.scan("--pid", str(self.node.pids()["cofferd"]), label="cofferd without memfd_secret")
        keys = sorted({what.split(": ")[1].split(",")[0] for what in seen.hits})
        faults = [] if "data-key" in keys and "aes-key" in keys else ["blind: the keys of a readable arena are not found"]
        self.table.ask(self.token, "control: a readable arena", (faults, f"{seen.count()} hits: {', '.join(keys)}"))
        self.node.stop()

    def sealed(self):
        self.node.stop()
        self.node.hide_token()
        self.node.start_daemon()
        wait_for("the node is sealed", 20, lambda: self.node.status()["state"] == "sealed")
        # A helper without its token ends at once and is started again, later and later: there is nothing to search.
        self.search_processes("sealed", pids={name: pid for name, pid in self.node.pids().items() if not name.startswith("coffer-tokend")})
        self.search_files("sealed")
        self.unsealed()
        self.node.stop_daemon()
        self.node.show_token()

    def run(self):
        try:
            self.begin_control()
            self.initialise()
            self.make_objects()
            self.reduced()
            self.openssl()
            self.idle()
            self.loaded()
            self.changed()
            self.destroyed()
            self.accepted()
            self.sealed()
            self.search_files("stopped")
            self.table.ask(self.token, "L7 stolen disk", checks.stolen_disk(self.node.home + "/state"))
            self.ended()
            # The last thing, because SoftHSM that is killed in the middle of a login loses its token (docs/tokens.md, section 4).
            self.table.ask(self.token, "F95 killed", checks.killed(self.node.pids(), self.node.log))
            self.node.stop()
        finally:
            self.end()

    def end(self):
        if self.control:
            self.control.stdin.close()
            self.control.wait(timeout=10)
        try:
            self.node.stop_daemon()
            self.node.stop()
        finally:
            if not os.environ.get("COFFER_KEEP"):
                shutil.rmtree(self.work)
