"""What the stories of several nodes share: a sandbox of nodes on a pair of PostgreSQL servers, checks that count, and an end that leaves nothing behind."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from servers import Server, children, is_alive, wait_for

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("COFFER_BUILD_DIR", TOP + "/build")
BIN = BUILD + "/bin"
sys.path.insert(0, TOP + "/tests/integration")


class Story:
    """As tests/integration/lib.sh for bash."""

    def __init__(self, name):
        self.passed = self.failed = 0
        self.work = tempfile.mkdtemp(prefix="coffer-%s-" % name, dir="/tmp")
        os.chmod(self.work, 0o755)
        self.keeper = subprocess.Popen([sys.executable, TOP + "/tests/integration/keep_softhsm.py", str(os.getpid()), self.work], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.ends = []
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for end in reversed(self.ends):
            end()
        self.keeper.kill()
        self.keeper.wait()
        if kind and kind is not SystemExit:
            self.bad("the story goes to its end", "%s: %s" % (kind.__name__, value))
            import traceback
            traceback.print_tb(trace)
        if not os.environ.get("COFFER_KEEP"):
            shutil.rmtree(self.work, ignore_errors=True)
        print("%d passed, %d failed" % (self.passed, self.failed), flush=True)
        os._exit(1 if self.failed or not self.passed else 0)

    def ok(self, what):
        self.passed += 1
        print("ok   " + what, flush=True)

    def bad(self, what, why=""):
        self.failed += 1
        print("BAD  " + what + ("\n     " + str(why)[:2000] if why else ""), flush=True)

    def check(self, what, good, why=""):
        self.ok(what) if good else self.bad(what, why)
        return bool(good)

    def equal(self, what, got, wanted):
        return self.check(what, got == wanted, "%r is not %r" % (got, wanted))

    def within(self, seconds, what, condition):
        return self.check(what, wait_for(condition, seconds, 0.05), "not within %s s" % seconds)

    def refused(self, what, word, done):
        """A command that ended with a sentence that has this word, and with no second one."""
        said = (done.stderr or "").strip()
        return self.check(what, done.returncode not in (0, 2) and word in said and "\n" not in said, "exit %d: %s" % (done.returncode, said))


class Node:
    def __init__(self, folder, n):
        self.n, self.home = n, "%s/node-%d" % (folder, n)
        self.socket = self.home + "/coffer.sock"

    def coffer(self, *words, limit=60):
        """The command line at this node."""
        return subprocess.run([BIN + "/coffer", *words, "--socket", self.socket], capture_output=True, text=True, check=False, timeout=limit, stdin=subprocess.DEVNULL)

    def ask(self, *words):
        """Its document; None when it has none."""
        done = self.coffer(*words, "--json")
        try:
            return json.loads(done.stdout)
        except ValueError:
            return None

    def status(self):
        return self.ask("status") or {}

    def lead(self, field):
        return (self.status().get("lead") or {}).get(field)

    def is_master(self):
        return self.lead("role") == "master"

    def is_ready(self):
        return self.coffer("status", "--quiet").returncode == 0

    def pid(self, name="cofferd"):
        try:
            with open("%s/%s.pid" % (self.home, name), encoding="utf-8") as f:
                return int(f.read())
        except (OSError, ValueError):
            return None

    def processes(self):
        """Monitor and all below it."""
        found = [self.pid("monitor")] if self.pid("monitor") else []
        for pid in found:
            found.extend(children(pid))
        return found

    def kill(self):
        pids = self.processes()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        wait_for(lambda: not any(is_alive(p) for p in pids))

    def start(self):
        """By itself, with the configuration as it is. It is this program's child: Domain.end_nodes before the sandbox ends."""
        with open(self.home + "/cofferd.log", "a", encoding="utf-8") as log:
            subprocess.Popen(["setsid", BIN + "/cofferd", "--config", self.home + "/cofferd.conf"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def log(self):
        with open(self.home + "/cofferd.log", encoding="utf-8", errors="replace") as f:
            return f.read()


def nodes_of(folder):
    """Of a sandbox."""
    with open(folder + "/nodes", encoding="utf-8") as f:
        return [Node(folder, n + 1) for n in range(int(f.read()))]


class Domain:
    """nodes: how many. settings: lines of the daemons' configuration. more: words for the sandbox."""

    def __init__(self, story, nodes, settings=(), standby=True, token="softhsm", more=()):
        self.story, self.dir, self.settings = story, story.work + "/s", list(settings)
        self.nodes = [Node(self.dir, n + 1) for n in range(nodes)]
        story.ends.append(lambda: self.sandbox("stop"))
        done = self.sandbox("start", "--token", token, "--store", "postgres", "--nodes", str(nodes), *(["--standby"] if standby else []), *more, *self.set_words())
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        with open(self.dir + "/postgres/admin-password", encoding="utf-8") as f:
            password = f.read().strip()
        self.servers = [Server(self.dir + "/postgres" + ending, password) for ending in (("", "-2") if standby else ("",))]
        story.ends.append(self.end_servers)

    def set_words(self):
        return [word for line in self.settings for word in ("--set", line)]

    def sandbox(self, verb, *words):
        return subprocess.run([TOP + "/scripts/sandbox", verb, "--dir", self.dir, *words], env=dict(os.environ, COFFER_BUILD=BUILD), capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=120)

    def start(self):
        """What is not running is started."""
        done = self.sandbox("start", *self.set_words())
        return done.returncode == 0

    def end_nodes(self):
        """Those that were started here are nobody's children but this program's, and look alive to the sandbox until it ends."""
        for node in self.nodes:
            node.kill()
            for name in ("monitor.pid", "cofferd.pid"):
                if os.path.exists(node.home + "/" + name):
                    os.unlink(node.home + "/" + name)

    def end_servers(self):
        for server in self.servers:
            server.signal(signal.SIGCONT)
            server.stop("immediate")

    def master(self, among=None, seconds=20):
        """The node that is master server, as soon as one is."""
        return wait_for(lambda: next((n for n in among or self.nodes if n.is_master()), None), seconds)


def now_ms():
    return time.monotonic() * 1000


def summary(values):
    """Median and most, for people."""
    if not values:
        return "none"
    ordered = sorted(values)
    return "p50 %d ms, max %d ms" % (ordered[len(ordered) // 2], ordered[-1])
