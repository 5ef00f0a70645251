"""One node in a sandbox: started with wrapped programs where something has to be traced, stopped, started without its token."""
import json
import os
import secrets
import shutil
import signal
import subprocess
import time

TOKEND_UID = 64202


def wait_for(what, seconds, condition):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def comm(pid):
    with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as f:
        return f.read().strip()


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(x) for x in f.read().split()]
    except OSError:
        return []


class Node:
    def __init__(self, build, source, token, markers, work):
        self.build, self.source, self.token, self.markers, self.work = build, source, token, markers, work
        self.dir = work + "/s"
        self.home = self.dir + "/node-1"
        self.asked = work + "/asked"  # where the operator wants secrets to be written
        self.programs = build         # the build folder that the sandbox sees
        self.env = dict(os.environ, COFFER_SOCKET=self.home + "/coffer.sock")
        self.started = []
        self.token_env = {}           # more for the token's library
        os.makedirs(self.asked, exist_ok=True)

    # -- programs in front of the real ones

    def wrap(self, **before):
        """Puts commands in front of programs of the build: wrap(cofferd=[…], coffer=[…])."""
        self.programs = self.work + "/programs"
        shutil.rmtree(self.programs, ignore_errors=True)
        os.makedirs(self.programs + "/bin")
        for name in os.listdir(self.build + "/bin"):
            path, real = f"{self.programs}/bin/{name}", f"{self.build}/bin/{name}"
            with open(path, "w", encoding="ascii") as f:
                f.write("#!/bin/sh\n" + before.get(name.replace("-", "_"), 'exec REAL "$@"').replace("REAL", real) + "\n")
            os.chmod(path, 0o755)

    def unwrap(self):
        self.programs = self.build

    # -- start and stop

    def sandbox(self, *words):
        env = dict(self.env, COFFER_BUILD=self.programs)
        return subprocess.Popen([self.source + "/scripts/sandbox", *words, "--dir", self.dir], env=env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def finish(self, process, seconds=60):
        try:
            out, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        if process.returncode != 0:
            raise RuntimeError(out.decode(errors="replace") + self.log()[-2000:])
        return out

    def provision_pin(self):
        """A SoftHSM token whose PIN is a marker; the sandbox takes it as its own."""
        folder = self.home + "/token"
        os.makedirs(folder)
        os.chmod(self.work, 0o755)
        self.markers.add("pin", secrets.token_hex(12).encode(), key=False)
        for name, value in (("pin", self.markers.values["pin"].decode()), ("so-pin", secrets.token_hex(12))):
            with open(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as f:
                f.write(value)
        as_user = []
        if os.getuid() == 0:
            for path in (folder, folder + "/pin", folder + "/so-pin"):
                os.chown(path, TOKEND_UID, TOKEND_UID)
            as_user = ["setpriv", "--reuid", str(TOKEND_UID), "--regid", str(TOKEND_UID), "--clear-groups"]
        out = subprocess.run([*as_user, self.source + "/softhsm-config/provision.sh", "--tokendir", folder + "/tokens", "--pin-file", folder + "/pin",
                              "--so-pin-file", folder + "/so-pin"], capture_output=True, check=True, timeout=30)
        with open(folder + "/uri", "wb") as f:
            f.write(out.stdout)

    def begin(self, *settings):
        """Starts the sandbox; the caller finishes it."""
        words = ["start", "--token", self.token, "--set", "log_level=debug", "--set", "anchor_interval=1s"]
        for setting in settings:
            words += ["--set", setting]
        return self.sandbox(*words)

    def start(self, *settings):
        self.finish(self.begin(*settings))
        return self.pids()

    def stop(self):
        self.finish(self.sandbox("stop"))

    def start_daemon(self):
        """The daemon alone, as its configuration stands."""
        with open(self.home + "/cofferd.log", "ab") as log:
            p = subprocess.Popen([self.programs + "/bin/cofferd", "--config", self.home + "/cofferd.conf"], stdin=subprocess.DEVNULL, stdout=log,
                                 stderr=log, env=self.env, start_new_session=True)
        self.started.append(p)
        wait_for("the daemon answers", 20, lambda: self.status() is not None and os.path.exists(self.home + "/monitor.pid"))
        return p

    def stop_daemon(self):
        for p in self.started:
            try:
                os.kill(self.monitor(), signal.SIGTERM)
            except (OSError, ValueError):
                p.terminate()
            p.wait(timeout=30)
        self.started = []

    def start_token(self):
        """The simulated TPM alone, without a daemon that would talk to it."""
        if self.token != "swtpm":
            return None
        sock = self.home + "/token/swtpm.sock"
        command = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.home}/token", "--server", f"type=unixio,path={sock}", "--ctrl",
                   f"type=unixio,path={sock}.ctrl", "--flags", "not-need-init,startup-clear"]
        p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("a token", 10, lambda: os.path.exists(sock))
        if os.getuid() == 0:
            for path in (sock, sock + ".ctrl"):
                os.chown(path, TOKEND_UID, TOKEND_UID)
        return p

    def end_token(self, process):
        if process:
            process.kill()
            process.wait(timeout=10)
            for name in os.listdir(self.home + "/token"):
                path = f"{self.home}/token/{name}"
                if name.startswith("swtpm.sock"):
                    os.unlink(path)
                elif os.getuid() == 0:
                    os.chown(path, TOKEND_UID, TOKEND_UID)

    def hide_token(self):
        if self.token == "softhsm":
            os.rename(self.home + "/token/tokens", self.home + "/token/away")

    def show_token(self):
        if self.token == "softhsm":
            os.rename(self.home + "/token/away", self.home + "/token/tokens")

    # -- what is there

    def monitor(self):
        with open(self.home + "/monitor.pid", encoding="ascii") as f:
            return int(f.read())

    def pids(self):
        """{name: pid} of the product's processes."""
        monitor = self.monitor()
        found = {comm(monitor): monitor}
        for pid in children(monitor):
            try:
                found.setdefault(comm(pid), pid)  # one that has not become its program yet bears the monitor's name
            except (FileNotFoundError, ProcessLookupError):
                pass  # a helper that ended just now
        return found

    def run(self, *words, data=b"", good=True):
        done = subprocess.run([self.build + "/bin/coffer", *words], input=data, capture_output=True, env=self.env, timeout=60)
        if good and done.returncode != 0:
            raise RuntimeError(f"coffer {' '.join(words)}: {done.stderr.decode(errors='replace')}")
        return done.stdout + done.stderr

    def status(self):
        done = subprocess.run([self.build + "/bin/coffer", "status", "--json"], capture_output=True, env=self.env, timeout=60)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return None

    def log(self):
        try:
            with open(self.home + "/cofferd.log", encoding="utf-8", errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def copy_state(self):
        """A copy that is the caller's own, who takes it away."""
        copy = self.work + "/copy"
        shutil.copytree(self.home + "/state", copy)
        for folder, _, names in os.walk(copy):
            for path in [folder] + [f"{folder}/{n}" for n in names]:
                os.chown(path, os.getuid(), os.getgid())
        return copy

    def learn(self, before=""):
        """What the owner of the token can open offline, with a copy of the stopped node's state. The counter's authorization value gets the name before + counter-auth."""
        copy = self.copy_state()
        program = f"{self.build}/tests/leak_learn_{'tpm' if self.token == 'swtpm' else 'hsm'}"
        env = dict(os.environ, SOFTHSM2_CONF=self.home + "/token/softhsm2.conf", **self.token_env)
        as_user = []
        if os.getuid() == 0:  # the PIN file belongs to the token's user, and the state has to
            for folder, _, names in os.walk(copy):
                for path in [folder] + [f"{folder}/{n}" for n in names]:
                    os.chown(path, TOKEND_UID, TOKEND_UID)
            as_user = ["setpriv", "--reuid", str(TOKEND_UID), "--regid", str(TOKEND_UID), "--clear-groups"]
        token = self.start_token()
        try:
            done = subprocess.run([*as_user, program, copy], capture_output=True, env=env, timeout=60)
        finally:
            self.end_token(token)
        shutil.rmtree(copy)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode())
        learnt = done.stdout.decode()
        if ("counter-auth" in learnt) != (self.token == "swtpm"):
            raise RuntimeError("a TPM counts, SoftHSM does not: " + " ".join(x.split()[0] for x in learnt.splitlines()))
        self.markers.add_learnt(learnt.replace("counter-auth", before + "counter-auth"))
        domain = bytes.fromhex(self.domain.replace("-", ""))
        self.markers.add_subkeys(domain)
        return domain
