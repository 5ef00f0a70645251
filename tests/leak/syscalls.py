"""What leaves the processes: every payload of a system call in a whole life of a node, and what the token is told."""
import os
import re
import shutil
import subprocess

import places
from scenario import Scenario
from node import wait_for
from objects import Objects

CALLS = "write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg,sendfile,splice,execve,openat,mkdir,rename,read,readv,recvfrom,recvmsg,memfd_secret"
READS = ("read", "readv", "recvfrom", "recvmsg")
STRING = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"')
CALL = re.compile(rb"(\w+)\((?:(\d+)(?:<(.*?)>(?=[,)]))?)?")
DUMP = re.compile(rb"^\s*[0-9A-Fa-f]{8}  ((?:[0-9A-Fa-f]{2}[ -]+){1,16})")
SPY = "/usr/lib/x86_64-linux-gnu/pkcs11-spy.so"
CHANNEL = b"3"  # coffer-tokend's descriptor of the channel

# What a client registers, asks for or sends may pass the socket that it uses; init's shares and passphrase too.
ASKED = ("aes-key", "hmac-key", "secret-data", "wrapping-key", "inner-key", "plaintext", "passphrase", "share-", "new-share-", "new-pin")
# The data keys pass between cofferd and the helper of its token (a socket pair of the two), the counter's authorization value, and a PIN that is to take the place of another.
CHANNEL_ALLOWED = ("data-key", "counter-auth", "restored-counter-auth", "new-pin")
# Of the commands that are traced, what a person asks them to write (new shares) or what they are given.
COMMANDS = "init|encrypt|decrypt|recovery|backup|restore|rotate|unseal|zeroise|token"


def strace(output, command):
    # strace cannot read memfd_secret pages either: without them it sees what is sent from the arena.
    return f"exec strace -ff -qq -yy -xx -s 2000000 -o '{output}' -e signal=none -e trace={CALLS} -e inject=memfd_secret:error=ENOSYS {command}"


def payload(line):
    return b"".join(bytes.fromhex(s.replace(b"\\x", b"").decode()) for s in STRING.findall(line))


def unhex(text):
    return re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes.fromhex(m[1].decode()), text)


def which(program, call, fd, kind):
    """The kind of channel that a call writes to, or None."""
    read = call in READS
    if program == "control":
        return "control process"
    if call in ("execve", "openat", "mkdir", "rename"):
        return "paths, arguments"
    stream = kind.startswith((b"UNIX-STREAM", b"TCP"))
    if program == "tokend":
        if stream and fd != CHANNEL:
            return "token bus"
        if read:
            return None
        return "token channel" if stream else "files and log"
    if read:
        return None
    if program == "coffer":
        return "client socket" if stream else "coffer's own output"
    if stream:
        return "client socket" if b"coffer.sock" in kind else "token channel"
    return "control channel" if kind.startswith(b"UNIX-SEQ") else "files and log"


class Trace:
    """The traces of strace -ff, sorted by where the bytes went."""

    def __init__(self, folder, spied):
        """What is written to `spied` is the spy's own."""
        self.streams = {}
        for name in sorted(os.listdir(folder)):
            self.read(f"{folder}/{name}", name.split(".")[0], spied.encode())

    def read(self, path, program, spied):
        with open(path, "rb") as f:
            for line in f:
                call = CALL.match(line)
                if not call:
                    continue
                if call[1] == b"execve" and program == "cofferd":
                    words = payload(line)
                    program = "tokend" if b"coffer-tokend" in words else program
                kind = unhex(call[3] or b"")
                name = which(program, call[1].decode(), call[2] or b"", kind)
                if name and not (spied and kind == spied):
                    self.streams.setdefault(name, bytearray()).extend(payload(line))


def spy_bytes(path, functions, inside):
    """The bytes of pkcs11-spy's dumps, of the named functions alone (or of all others)."""
    out, now = bytearray(), b""
    with open(path, "rb") as f:
        for line in f:
            head = re.match(rb"^\d+: (C_\w+)", line)
            if head:
                now = head[1]
                out += b"|"
            dump = DUMP.match(line)
            if dump and (now.decode() in functions) == inside:
                out += bytes.fromhex(re.sub(rb"[^0-9A-Fa-f]", b"", dump[1]).decode())
            elif not dump and not inside:
                out += line
    return bytes(out)


class Traced(Scenario):
    def begin(self):
        self.folder, self.spied = self.work + "/own/trace", ""
        os.makedirs(self.folder)
        before = ""
        if self.token == "softhsm":
            self.node.provision_pin()
            if os.path.exists(SPY):
                before = self.spy()
            else:
                self.table.skip("PKCS#11 spy: opensc-pkcs11 is not installed")
        self.node.wrap(cofferd=before + strace(self.folder + "/cofferd", 'REAL "$@"'),
                       coffer='case "$1" in ' + COMMANDS + ') ;; *) exec REAL "$@" ;; esac\n' + strace(self.folder + "/coffer", 'REAL "$@"'))
        control = strace(self.folder + "/control", f"'{self.build}/tests/leak_control' '{self.markers.path}' '{self.work}/own' control-key")
        subprocess.run(["sh", "-c", control], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True, timeout=60)

    def spy(self):
        """The token's URI names the spy, and the helper's environment the real module."""
        path = self.node.home + "/token/uri"
        with open(path, encoding="ascii") as f:
            uri = f.read()
        module = re.search(r"module-path=([^&\s]+)", uri)[1]
        with open(path, "w", encoding="ascii") as f:
            f.write(uri.replace(module, SPY))
        self.spied = self.work + "/spy.log"
        with open(self.spied, "wb"):
            os.chmod(self.spied, 0o666)
        self.node.token_env = {"PKCS11SPY": module, "PKCS11SPY_OUTPUT": "/dev/null"}
        return f"sed -i 's|^tokend_environment = SOFTHSM2_CONF=[^ ]*$|& PKCS11SPY={module} PKCS11SPY_OUTPUT={self.spied}|' '{self.node.home}/cofferd.conf'\n"

    def live(self):
        node = self.node
        node.start()
        if self.token == "swtpm":
            texts = []
            for n in (1, 2, 3):
                with open(f"{node.dir}/recovery/share-{n}.txt", encoding="ascii") as f:
                    texts.append(f.read())
            self.markers.add_shares(texts, 2)
        self.objects = Objects(node.home + "/coffer.sock", self.markers)
        self.objects.register()
        node.domain = node.status()["domain"]["id"]
        for _ in range(3):
            self.objects.use()
        plain = self.markers.values["plaintext"] * 30000
        for data in (plain, plain[:48]):
            sealed = subprocess.run([node.programs + "/bin/coffer", "encrypt", "-k", self.objects.uuid["aes-key"]], input=data, capture_output=True,
                                    env=node.env, timeout=120, check=True).stdout
            opened = subprocess.run([node.programs + "/bin/coffer", "decrypt"], input=sealed, capture_output=True, env=node.env, timeout=120,
                                    check=True).stdout
            assert opened == data, "the round trip failed"
        self.objects.bad_requests()
        for words in (("status",), ("key", "list"), ("audit", "show"), ("audit", "verify"), ("token", "test")):
            node.run(*words)
        self.objects.destroy()
        self.change()
        node.stop()
        node.start()
        node.stop()
        if self.token == "swtpm":
            node.learn()  # the counter that zeroise takes away
        node.hide_token()
        node.start_daemon()
        wait_for("the node is sealed", 60, lambda: node.status()["state"] == "sealed")
        self.traced("unseal", *self.shares())
        node.stop_daemon()
        node.show_token()
        node.start()
        uri = node.status()["token"]["uri"]
        self.traced("zeroise", "--domain", node.status()["domain"]["fingerprint"])
        wait_for("the node has no domain", 60, lambda: node.status()["state"] == "uninitialised")
        self.traced("restore", node.asked + "/second.cfra", "--token", self.plain_uri(uri), *self.shares())
        wait_for("the node is open", 60, lambda: node.status()["state"] == "open")
        node.stop()
        node.unwrap()
        domain = node.learn("restored-")
        self.markers.add_managed_subkeys("aes-key", domain, self.objects.uuid["aes-key"])

    def traced(self, *words):
        done = subprocess.run([self.node.programs + "/bin/coffer", *words], stdin=subprocess.DEVNULL, capture_output=True, env=self.node.env, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"coffer {' '.join(words)}: {done.stderr.decode(errors='replace')}")

    def change(self):
        """The same changes as in the searched life."""
        first, second = self.node.asked + "/first.cfra", self.node.asked + "/second.cfra"
        self.traced(*self.new_shares())
        self.learn_shares()
        self.traced("backup", "create", first)
        self.learn_archive(first)
        self.traced("rotate", "data-key", "--wait")
        self.traced("rotate", "master")
        self.change_pin(lambda _, words: self.traced(*words))
        self.traced("backup", "create", second)
        self.learn_archive(second)
        self.traced("backup", "verify", second, *self.shares())

    def judge(self):
        trace = Trace(self.folder, self.spied)
        allowed = {"client socket": ASKED, "token channel": CHANNEL_ALLOWED, "coffer's own output": ASKED}
        counters = ("counter-auth", "restored-counter-auth") if self.token == "swtpm" else ()
        shown = {"client socket": ("secret-data",), "token channel": ("data-key", *counters), "paths, arguments": ("beacon",), "control process": ("control-key",),
                 "coffer's own output": ("plaintext",)}
        control = self.scanner.scan(data=bytes(trace.streams.pop("control process", b"")), label="control process")
        for name, data in sorted(trace.streams.items()):
            may = tuple(m for m in self.markers.values if m.startswith(allowed.get(name, ())))
            seen = self.scanner.scan(data=bytes(data), label=name, allowed=may)
            for wanted in shown.get(name, ()):
                if not any(m.startswith(wanted) for m in list(seen.allowed) + list(seen.controls)):
                    seen.faults.append(f"blind: {wanted} does not show")
            if seen.allowed:
                seen.note = "as it must be: " + ", ".join(sorted(seen.allowed))
            seen += control
            self.put("whole life", f"calls: {name}", seen.needs("the trace", "control-key"))
        for name in ("client socket", "token channel", "files and log", "paths, arguments") + (("token bus",) if self.token == "swtpm" else ()):
            if name not in trace.streams:
                self.put("whole life", f"calls: {name}", places.blind(f"the trace has no {name}"))
        if self.spied:
            self.judge_spy()

    def judge_spy(self):
        """The module is told the PIN at login and when it changes, and gives and takes data keys; nothing else is there."""
        keys = ("data-key", "data-key-1", "data-key-2")
        may = {"C_Login": ("pin", "new-pin"), "C_SetPIN": ("pin", "new-pin"), "C_GetAttributeValue": keys, "C_CreateObject": keys, "C_UnwrapKey": ()}
        seen = self.scanner.scan(data=spy_bytes(self.spied, may, False), label="PKCS#11, other calls")
        for function, names in may.items():
            one = self.scanner.scan(data=spy_bytes(self.spied, (function,), True), label=f"PKCS#11, {function}", allowed=names)
            for name in names[-2:]:  # data-key is one of the two behind it
                if name not in one.allowed:
                    seen.faults.append(f"blind: {function} does not show {name}")
                else:
                    seen.controls[f"control {name}"] = 1
            seen += one
        seen.note = "as it must be: PINs in C_Login and C_SetPIN, data keys in C_GetAttributeValue and C_CreateObject"
        self.put("whole life", "PKCS#11 calls", seen)

    def run(self):
        if not shutil.which("strace"):
            self.table.skip("system calls: strace is not installed")
            shutil.rmtree(self.work)
            return
        try:
            self.begin()
            self.live()
            self.judge()
        finally:
            self.end()
