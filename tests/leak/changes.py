"""What is done to the master secret and the data key in a node's life: new recovery shares, drill, backup, both rotations, a new PIN, unsealing, zeroising, restoring. Each command is held
at its last system call and searched; the node is searched after each group of them."""
import os
import secrets
import shutil
import subprocess

import places
from node import TOKEND_UID, wait_for

LIGHT = ("memory", "argv, environ", "deleted open files", "registers")


class Changes:
    """Part of a Scenario: needs node, markers, scanner, put(), search_processes(), search_files(), search_texts()."""

    # -- commands

    def held(self, state, words, learn=None, needs=None):
        """Runs a command until its last system call and searches it there; learn() is called before the search, when all that it does is done."""
        p = subprocess.Popen(places.hold_at_exit([self.build + "/bin/coffer", *words]), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, env=self.node.env)
        try:
            pid = places.tracee(p.pid)
            places.wait_at_exit(pid)
            if learn:
                learn()
            label = "memory of coffer " + " ".join(words[:2])
            seen = self.scanner.scan("--pid", str(pid), label=label + " at its end")
            with open(f"/proc/{pid}/syscall", encoding="ascii") as f:
                status = int(f.read().split()[1], 16)
            if status != 0:
                raise RuntimeError(f"coffer {' '.join(words)}: exit {status}: {os.read(p.stderr.fileno(), 4096).decode(errors='replace')}")
        finally:
            p.kill()
            p.wait(timeout=10)
            p.stderr.close()
        self.put(state, "coffer, at its end", seen.needs(label, "beacon"))

    def secret_file(self, name, marker, value):
        path = f"{self.work}/own/{name}"
        self.markers.add(marker, value, key=False)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
            f.write(value)
        if os.getuid() == 0:
            os.chown(path, TOKEND_UID, TOKEND_UID)
        return path

    def shares(self):
        """Two of the three files of the set in force."""
        folder = self.node.asked + "/new"
        return [x for n in (1, 3) for x in ("--share-file", f"{folder}/share-{n}.txt")]

    def new_shares(self):
        folder = self.node.asked + "/new"
        os.mkdir(folder, 0o700)
        return ("recovery", "shares", "--new", "--recovery-shares", "3", "--recovery-threshold", "2", "--recovery-out", folder)

    def learn_shares(self):
        texts = []
        for n in (1, 2, 3):
            with open(f"{self.node.asked}/new/share-{n}.txt", encoding="ascii") as f:
                texts.append(f.read())
        self.markers.add_shares(texts, 2, "new-")

    def learn_archive(self, path):
        """Every data key in it becomes a marker: what the keepers of the shares can learn."""
        done = subprocess.run([self.build + "/tests/leak_learn_archive", path, *self.shares()[1::2]], capture_output=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode())
        self.markers.add_learnt(done.stdout.decode())
        names = [x.split()[0] for x in done.stdout.decode().splitlines()]
        for name in names:
            self.markers.add_subkeys(bytes.fromhex(self.node.domain.replace("-", "")), name, int(name.rsplit("-", 1)[1]))
        return names

    def counter(self):
        """What the token's counter says; 0 of a token that cannot count."""
        return self.node.status().get("rollback", {}).get("counter", 0)

    def learn_counter(self, archive):
        """Of the counter that the running node made: its record in a copy of the store, opened with the archive's keys. A copy that is not whole is made again."""
        def ask():
            copy = self.node.copy_state()
            done = subprocess.run([self.build + "/tests/leak_learn_archive", archive, "--counter", copy, *self.shares()[1::2]], capture_output=True, timeout=60)
            shutil.rmtree(copy)
            return done.stdout.decode()
        if self.token == "swtpm":
            self.markers.add_learnt(wait_for("the new counter's record", 30, ask).replace("counter-auth", "restored-counter-auth"))

    # -- the node goes on

    def changed(self):
        """Everything that a serving node does to its secrets."""
        first, second = self.node.asked + "/first.cfra", self.node.asked + "/second.cfra"
        self.held("changed", self.new_shares(), self.learn_shares)
        self.held("changed", ("recovery", "test", *self.shares()))
        self.held("changed", ("backup", "create", first), lambda: self.learn_archive(first))
        if self.markers.values["data-key-1"] != self.markers.values["data-key"]:
            raise RuntimeError("the archive holds another data key than the token")
        self.held("changed", ("backup", "verify", first, *self.shares()))
        self.held("changed", ("rotate", "data-key", "--wait"))
        self.held("changed", ("rotate", "master"))
        self.change_pin()
        self.held("changed", ("backup", "create", second))
        if self.learn_archive(second) != ["data-key-2"]:
            raise RuntimeError("the second archive does not hold the new data key alone")
        self.search_processes("changed", () if self.full else LIGHT)
        self.search_files("changed")
        self.search_texts("changed")
        self.search_archives((first, second))

    def change_pin(self, run=None):
        run = run or self.held
        if self.token == "swtpm":
            pin = self.secret_file("tpm-pin", "tpm-pin", secrets.token_hex(8).encode())
            run("changed", ("token", "reseal", "--pin-source", "file:" + pin))
        else:
            pin = self.node.home + "/token/pin"
        new = self.secret_file("next-pin", "new-pin", secrets.token_hex(12).encode())
        run("changed", ("token", "change-pin", "--secret-file", new))
        os.rename(new, pin)

    def search_archives(self, archives):
        """A thief of archives."""
        self.put("changed", "backup archives", self.planted([self.node.asked], lambda paths: places.files(
            self.scanner, list(archives) + paths, "the archives", "control-key")))

    def accepted(self):
        """An older store is put back, refused because of the counter, and taken all the same."""
        if self.token != "swtpm":
            return
        state, kept = self.node.home + "/state", self.work + "/own/kept"
        self.node.stop()
        subprocess.run(["cp", "-a", state, kept], check=True, timeout=60)
        self.node.start()
        self.node.stop()  # which raises it
        shutil.rmtree(state)
        os.rename(kept, state)
        token = self.node.start_token()
        try:
            self.node.start_daemon()
            wait_for("the node refuses the old store", 20, lambda: self.node.status()["state"] == "fault")
            self.search_processes("refused", LIGHT)
            self.held("accepted", ("store", "accept", "--rollback", "--yes"))
            wait_for("the node is open", 20, lambda: self.node.status()["state"] == "open")
            if self.node.status()["rollback"]["overridden"] != 1:
                raise RuntimeError("the counter did not stand against the old store")
            self.search_processes("accepted", () if self.full else LIGHT)
            self.search_files("accepted")
            self.node.stop_daemon()
        finally:
            self.node.end_token(token)
        self.node.start()

    def unsealed(self):
        """The token is away: shares open the node."""
        self.held("unsealed", ("unseal", *self.shares()))
        if self.node.status()["state"] != "open":
            raise RuntimeError("the shares did not open the node")
        pids = {name: pid for name, pid in self.node.pids().items() if not name.startswith("coffer-tokend")}
        self.search_processes("unsealed", () if self.full else LIGHT, pids)
        self.search_files("unsealed")

    def ended(self):
        """Zeroised, and restored from the archive onto the same token."""
        self.node.start()
        uri = self.node.status()["token"]["uri"]
        self.held("zeroised", ("zeroise", "--domain", self.node.status()["domain"]["fingerprint"]))
        wait_for("the node has no domain", 20, lambda: self.node.status()["state"] == "uninitialised")
        self.search_processes("zeroised", () if self.full else LIGHT)
        self.search_files("zeroised")
        self.search_token()
        self.held("restored", ("restore", self.node.asked + "/second.cfra", "--token", self.plain_uri(uri), *self.shares()))
        wait_for("the node is open", 20, lambda: self.node.status()["state"] == "open")
        self.learn_counter(self.node.asked + "/second.cfra")
        self.search_processes("restored", () if self.full else LIGHT)
        self.search_files("restored")

    def plain_uri(self, uri):
        """Without what a TPM was bound to by and by."""
        return uri.split("?")[0] if self.token == "swtpm" else uri

    def search_token(self):
        """No data key and no share is in the token's own files; the PINs are the token's."""
        folder = self.node.home + "/token"
        own = ("pin", "new-pin", "tpm-pin", "control-key")
        seen = self.planted([folder], lambda paths: self.scanner.scan(*[x for path in places.tree(folder) for x in ("--file", path)], allowed=own))
        self.put("zeroised", "the token's files", seen.needs("the token's folder", "control-key"))
