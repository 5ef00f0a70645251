"""A PostgreSQL primary server and its streaming standby, as scripts/sandbox --standby makes them: killed, frozen, promoted, and made anew from each other."""
import glob
import os
import re
import signal
import subprocess
import time

BIN = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: [int(n) for n in re.findall(r"\d+", p)])[-1]
OPTIONS = "-c listen_addresses= -c unix_socket_directories=%s"
LIMIT_S = 30


def wait_for(condition, seconds=LIMIT_S, pause=0.01):
    """Its first true value; None when the time is over."""
    end = time.monotonic() + seconds
    while True:
        got = condition()
        if got or time.monotonic() > end:
            return got or None
        time.sleep(pause)


def children(pid):
    return [int(p) for p in subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()]


class Server:
    def __init__(self, folder, password, options=OPTIONS):
        self.folder, self.data, self.password = folder, folder + "/data", password
        self.options = options % folder
        self.env = dict(os.environ, PGPASSWORD=password, PGCONNECT_TIMEOUT="5")
        self.prefix = []

    def tool(self, program, *words, check=True):
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"] if os.getuid() == 0 else []
        done = subprocess.run(self.prefix + as_user + [BIN + "/" + program, *words], cwd="/", env=self.env, capture_output=True, text=True, check=False, timeout=4 * LIMIT_S)
        if check and done.returncode:
            raise RuntimeError("%s: %s%s" % (program, done.stdout[-300:], done.stderr[-600:]))
        return done

    def ctl(self, *words, check=True):
        return subprocess_quiet(self, "pg_ctl", "-D", self.data, "-w", "-t", str(LIMIT_S), *words, check=check)

    def start(self):
        self.ctl("-l", self.folder + "/log", "-o", self.options, "start")

    def stop(self, mode="fast"):
        self.ctl("-m", mode, "stop", check=False)

    def sql(self, text, check=True):
        done = self.tool("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U", "admin", "-d", "coffer", "-c", text, check=check)
        return done.stdout.strip()

    def setting(self, name, value):
        self.sql("ALTER SYSTEM SET %s = '%s'" % (name, value))
        self.sql("SELECT pg_reload_conf()")

    def pids(self):
        """The postmaster first."""
        try:
            with open(self.data + "/postmaster.pid", encoding="utf-8") as f:
                pid = int(f.readline())
        except (OSError, ValueError):
            return []
        return [pid] + children(pid)

    def signal(self, number):
        for pid in self.pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def kill(self):
        """All at once, as a power cut; what had begun with a backend that was just made ends by itself, because its postmaster is gone."""
        pids = self.pids()
        self.signal(signal.SIGKILL)
        if not wait_for(lambda: not any(os.path.exists("/proc/%d/exe" % p) and is_alive(p) for p in pids)):
            raise RuntimeError("PostgreSQL does not die")
        for name in (self.data + "/postmaster.pid", self.folder + "/.s.PGSQL.5432.lock"):  # what is dead and not yet waited for looks alive to it
            if os.path.exists(name):
                os.unlink(name)

    def promote(self):
        """Alone for now: it waits for no standby. Returns when it takes writes."""
        self.ctl("promote")
        self.setting("synchronous_standby_names", "")

    def follow(self, primary, how):
        """Becomes the standby of another one; how: rewind (its own files, taken back to where the histories part) or copy."""
        source = "host=%s user=admin dbname=postgres" % primary.folder
        if how == "rewind":
            primary.sql("CHECKPOINT")  # until then its control file names the timeline of before, and pg_rewind goes by that
            self.tool("pg_rewind", "-D", self.data, "--source-server", source, "-R", "--no-sync")
        else:
            subprocess.run(["rm", "-rf", self.data], check=True)
            self.tool("pg_basebackup", "-h", primary.folder, "-U", "admin", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "--no-sync")
        self.start()

    def is_followed(self, synchronous):
        return self.sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'%s" % (" AND sync_state = 'sync'" if synchronous else ""), check=False) == "1"

    def demand_standby(self):
        """From now on a commit is acknowledged when the standby has it too; returns when it has all of before."""
        if not wait_for(lambda: self.is_followed(False), pause=0.05):
            raise RuntimeError("the standby does not follow")
        self.setting("synchronous_standby_names", "*")
        at = self.sql("SELECT pg_current_wal_lsn()")
        if not wait_for(lambda: self.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND flush_lsn >= '%s'" % at) == "1", pause=0.05):
            raise RuntimeError("the standby does not become synchronous: %s" % self.sql("SELECT state, sync_state, flush_lsn, pg_current_wal_lsn() FROM pg_stat_replication"))


def subprocess_quiet(server, *words, check):
    """pg_ctl start leaves its server with the pipes that it was given: it gets none."""
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"] if os.getuid() == 0 else []
    done = subprocess.run(server.prefix + as_user + [BIN + "/" + words[0], *words[1:]], cwd="/", env=server.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False, timeout=4 * LIMIT_S)
    if check and done.returncode:
        with open(server.folder + "/log", encoding="utf-8", errors="replace") as f:
            raise RuntimeError("%s: exit %d: %s" % (" ".join(words), done.returncode, f.read()[-1500:]))
    return done


def is_alive(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
