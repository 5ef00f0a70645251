#!/usr/bin/env python3
"""Kills cofferd at recorded points of what else happens to a master secret in its life, and judges what is left, as recovery_campaign.py does:

reseal, pin       `coffer token reseal` (TPM), `coffer token change-pin`: one binding is in force, whole, and the new one when it was acknowledged
revoke, destroy   (TPM) what ends a key: once acknowledged, the state of the moment before is refused
start, stop       (TPM) the counter is raised: no start takes that for a rollback, and the state of before is refused
accept            (TPM) `coffer store accept --rollback`: once acknowledged it opens, and the state that it gave up is refused
zeroise, alone    `coffer zeroise`, and --without-token: the node opens whole, or nothing is left once it has gone on by itself
export, keep      the audit log goes into a file and archives, and out of the store: each record once, verified offline
signer            the token's first key for the audit log

usage: life_campaign.py --build DIR [--points N] [--seed N] [--token softhsm|swtpm] [--only SCENARIO] [--point 'SCENARIO:POINT'] [--jobs N] [--plant]
--points 0: every point that was recorded."""
import glob
import json
import os
import shutil
import sqlite3
import sys
import time

import live_node
import recovery_campaign

TPM_ONLY = ("reseal", "revoke", "destroy", "start", "stop", "accept")
SCENARIOS = ("reseal", "pin", "revoke", "destroy", "start", "stop", "accept", "zeroise", "alone", "export", "keep", "signer")
NEW_PIN = "87654321abcd"
AUDIT = "audit_export_file = {}\naudit_archive_size = 64K\naudit_checkpoint_interval = 1s\n"
CONFIG = {"revoke": "anchor_interval = 1s\n", "destroy": "anchor_interval = 1s\n", "keep": AUDIT + "audit_keep = 1000\naudit_token_interval = 1s\n", "export": AUDIT,
          "signer": AUDIT + "audit_token_interval = 1s\n"}
FROM_START = ("start", "export", "keep", "signer")  # nobody gives a command
THREADS = {"start": ("store", "anchor", "token"), "export": ("store", "audit-file"), "keep": ("store", "audit-file", "audit-signer"),
           "signer": ("store", "token", "audit-signer")}
RECORDS = 1700  # of audit_keep 1000 two batches of 256 may leave


class Life(recovery_campaign.Scene):
    def __init__(self, folder, args):
        super().__init__(folder, args)
        self.scenarios = self.planted = [s for s in SCENARIOS if args.token == "swtpm" or s not in TPM_ONLY]
        self.fired, self.trouble, self.fingerprint, self.bodies = 0, [], "", []
        self.interrupted = False  # the daemon was killed while the last command was given: its client may have asked the next one

    # -- the states that runs begin at ----------------------------------------------------------------------------------

    def good(self, scenario):
        if scenario == "pin":
            return "pinned" if self.args.token == "swtpm" else "founded"
        return {"accept": "rolled", "zeroise": "signed", "alone": "signed", "export": "long", "keep": "long"}.get(scenario, "founded")

    def prepare(self):
        self.found()
        for name in ("old", "doomed"):
            self.must("key", "create", name)
        self.must("key", "revoke", "doomed", "--reason", "key-compromise")
        self.fingerprint = self.status()["domain"]["fingerprint"]
        self.keep("founded")
        for name, make in (("signed", self.make_signed), ("long", self.make_long), ("pinned", self.make_pinned), ("rolled", self.make_rolled)):
            if any(self.good(s) == name for s in self.scenarios):
                self.open_state("founded", "audit_token_interval = 1s\n" if name == "signed" else "")
                make()
                self.keep(name)

    def open_state(self, name, config=""):
        self.node.take_back(name)
        self.configure(config)
        self.node.start_token()
        self.node.start(traced=False)
        self.wait("open")

    def make_signed(self):
        self.until("the token signs", lambda s: s["audit_token"]["state"] == "signed")

    def make_long(self):
        steps = 0
        while self.status()["audit_records"] < RECORDS:
            steps += 400
            code, lines = self.node.client(1, steps)
            if code:
                raise live_node.Trouble(lines[-1])

    def make_pinned(self):
        self.write_pin("123456")
        self.must("token", "reseal", "--pin-source", "file:" + self.pin_file())

    def make_rolled(self):
        """The state of before beside a token that has gone on; what has gone on with it is kept."""
        self.must("key", "create", "later")
        self.node.stop()
        shutil.copytree(self.node.path["state"], self.path("later"))
        self.put_state(os.path.join(self.node.home + ".founded", "state"))

    def configure(self, lines):
        """The token signs the audit log where the scenario is about that: its key is not made at other moments."""
        super().configure(lines if "audit_token_interval" in lines else lines + "audit_token_interval = 0\n")

    # -- small things -----------------------------------------------------------------------------------------------------

    def status(self):
        try:
            return json.loads(self.node.coffer("status", "--json")[1])
        except ValueError:
            return {}

    def until(self, what, condition, seconds=30):
        """Until a condition of the status holds; a node that is away meanwhile has none."""
        def holds():
            try:
                return condition(self.status())
            except KeyError:
                return False
        if not live_node.wait_for(holds, seconds):
            raise live_node.Trouble(f"{what}: not within {seconds} s: {self.node.last_words()}")

    def pin_file(self):
        return self.node.path["token"] + "/pin"

    def write_pin(self, pin):
        with open(os.open(self.pin_file(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as f:
            f.write(pin)

    def put_state(self, source, part="state"):
        shutil.rmtree(self.node.path[part])
        shutil.copytree(source, self.node.path[part], symlinks=True)

    def halt(self, orderly=False):
        """Everything ends, at once or as a service manager would. What the run has told so far is kept."""
        if orderly:
            self.node.stop()
        self.node.end()
        self.fired, self.trouble = max(self.fired, self.node.count_kills()), self.trouble + self.node.trouble

    def before(self):
        """Keeps the state and the token of now."""
        for part in ("state", "token"):
            shutil.rmtree(self.path("before-" + part), ignore_errors=True)
            shutil.copytree(self.node.path[part], self.path("before-" + part), symlinks=True, ignore=shutil.ignore_patterns("*.sock*", ".lock"))

    def is_refused(self, state):
        """Everything is killed at once and an older state put in: whether it is taken for a rollback. Then the one of now again, which must open. The control puts
        the token of then in as well, which nobody can tell."""
        self.halt()
        shutil.rmtree(self.path("newest"), ignore_errors=True)
        shutil.copytree(self.node.path["state"], self.path("newest"))
        self.put_state(state)
        if self.args.plant:
            self.node.stop_token()
            self.put_state(self.path("before-token"), "token")
            self.node.start_token()
        self.node.start()
        if self.wait("open", "fault") == "open" or not self.status()["note"].startswith("rollback"):
            return ["the state of before is served"]
        self.halt()
        self.put_state(self.path("newest"))
        self.node.start()
        self.wait("open")
        return []

    # -- one run ----------------------------------------------------------------------------------------------------------

    def begin(self, scenario, kills, record):
        node = self.node
        self.fired, self.trouble = 0, []
        good = self.good(scenario)
        node.take_back(good)
        node.pin = "1234567890ab"
        self.configure(CONFIG.get(scenario, "").format(self.export_file()))
        store = sqlite3.connect(f"file:{node.path['state']}/store.db?mode=ro&immutable=1", uri=True)
        self.bodies = [row[0][16:64] for row in store.execute("SELECT body FROM record") if len(row[0]) >= 64]
        store.close()
        if scenario == "start":
            self.before()
        node.start_token()
        node.start(kills, record, good=good)

    def ready(self, scenario):
        if scenario in FROM_START:
            return
        self.wait("fault" if scenario == "accept" else "open")
        if scenario in ("revoke", "destroy", "stop"):
            self.calm()
            self.before()

    def calm(self):
        """The raise of this start was done, long enough ago that the next end of a key waits for one of its own."""
        def is_calm(status):
            anchor, now = status["rollback"], time.time()
            return anchor["health"] == "well" and now - status["uptime_s"] - 2 < anchor["raised_at"] < now - 2 and anchor["unanchored"] == 0
        self.until("the counter is raised", is_calm)

    def recorded_from(self, scenario, record):
        return 0 if scenario in FROM_START else super().recorded_from(scenario, record)

    def is_point(self, scenario, event):
        return super().is_point(scenario, event) and event.split("/")[1] in THREADS.get(scenario, (event.split("/")[1],))

    def command(self, scenario):
        kills = self.node.count_kills()
        code, text = self.give_once(scenario)
        self.interrupted = self.node.count_kills() != kills
        return code, text

    def give_once(self, scenario):
        node = self.node
        if scenario == "stop":
            node.stop()
            return (1 if node.count_kills() else 0), ""
        if scenario in FROM_START:
            try:
                self.until(scenario, {"start": self.is_raised, "export": self.is_exported, "signer": self.is_signed, "keep": self.is_taken_out}[scenario])
                return 0, ""
            except live_node.Trouble as trouble:
                return 1, str(trouble)
        words = {"reseal": ("token", "reseal", "--pcrs", "sha256:7"), "pin": ("token", "change-pin", "--secret-file", self.path("new-pin")),
                 "revoke": ("key", "revoke", "old", "--reason", "key-compromise"), "destroy": ("key", "destroy", "doomed"),
                 "accept": ("store", "accept", "--rollback", "--yes"), "zeroise": ("zeroise", "--domain", self.fingerprint),
                 "alone": ("zeroise", "--without-token", "--domain", self.fingerprint)}
        with open(self.path("new-pin"), "w", encoding="ascii") as f:
            f.write(NEW_PIN)
        return node.coffer(*words[scenario])

    @staticmethod
    def is_raised(status):
        anchor = status["rollback"]
        return status["state"] == "open" and anchor["health"] == "well" and anchor["unanchored"] == 0 and anchor["raised_at"] > time.time() - status["uptime_s"] - 2

    @staticmethod
    def is_exported(status):
        return status["state"] == "open" and status["audit_exports"]["file"]["records"] >= status["audit_records"]

    @staticmethod
    def is_signed(status):
        return status["audit_token"]["state"] == "signed"

    @staticmethod
    def is_taken_out(status):
        return status["audit_taken_out"] >= 512

    def reopen(self, _):
        """After a late kill: it opens by itself."""
        return [], self.wait("open")

    def give(self, scenario, *states):
        """As a person would: the command until it is acknowledged."""
        for _ in range(3):
            self.wait("open", *states)
            if scenario in ("revoke", "destroy"):
                self.calm()
                self.before()
            code, text = self.command(scenario)
            if code == 0 or self.is_done(scenario):
                return
        raise live_node.Trouble(f"given again: {text.strip()}")

    def is_done(self, scenario):
        if scenario == "accept":
            return self.node.state() == "open"
        return scenario in ("zeroise", "alone") and self.node.state() == "uninitialised"

    def after(self, scenario, done):
        return getattr(self, "judge_" + scenario)(done)

    def lose(self, scenario):
        """The control: what was acknowledged is taken back behind the node's back, or the record of it, and the judge has to see it."""
        good = self.node.home + "." + self.good(scenario)
        if scenario == "signer":
            self.configure(AUDIT.format(self.export_file()))
            self.halt()
            for name in glob.glob(self.export_file() + "*"):
                os.unlink(name)
        if scenario in ("reseal", "pin", "accept", "signer", "alone"):
            self.halt()
            self.node.stop_token()
            for part in ("state", "token"):
                self.put_state(os.path.join(good, part), part)
            self.node.start_token()
            self.node.start()
        if scenario == "zeroise":
            self.halt()
            self.put_state(os.path.join(good, "state"))
            self.node.start()

    # -- the judges -------------------------------------------------------------------------------------------------------

    def judge_reseal(self, done):
        def bound():
            return not json.loads(self.ask("reseal", "token", "status", "--json")[1])["policy"]["policy"].startswith("none")
        self.wait("open")
        if done and not bound():
            return ["a binding that was acknowledged is gone"]
        if not done:
            self.give("reseal")
        self.halt()
        self.node.start()
        self.wait("open")
        return ([] if bound() else ["it is not bound"]) + self.whole("reseal")

    def judge_pin(self, done):
        def wrong(status):
            return status["token"]["health"] == "wrong PIN"
        if not done:
            self.until("it opens or says that the PIN is wrong", lambda s: s["state"] == "open" or wrong(s))
            done = wrong(self.status())
        if not done:
            self.give("pin")
        self.halt()
        self.node.pin = NEW_PIN
        self.write_pin(NEW_PIN)
        self.node.start()
        self.until("it opens with the new PIN, or says that it is wrong", lambda s: s["state"] == "open" or wrong(s))
        return self.whole("pin") if self.node.state() == "open" else ["a PIN that was acknowledged is not the token's"]

    def judge_ended(self, scenario, done):
        name = {"revoke": "old", "destroy": "doomed"}[scenario]
        if not done:
            self.give(scenario)
        if self.interrupted:
            self.calm()  # so soon after a start's raise an end does not wait for another
        faults = self.is_refused(self.path("before-state"))
        text = self.ask(scenario, "key", "show", name)[1]
        if "active" in text or (scenario == "destroy" and "destroyed" not in text and "there is no key" not in text):
            faults.append(f"{scenario} was acknowledged: {text.strip()}")
        return faults + self.whole(scenario)

    def judge_revoke(self, done):
        return self.judge_ended("revoke", done)

    def judge_destroy(self, done):
        return self.judge_ended("destroy", done)

    def judge_start(self, _):
        self.until("it opens and is anchored", self.is_raised)
        return self.is_refused(self.path("before-state")) + self.whole("start")

    def judge_stop(self, done):
        self.halt()
        faults = self.is_refused(self.path("before-state")) if done else []
        if not done:
            self.node.start()
        return faults + self.whole("stop")

    def judge_accept(self, done):
        if self.wait("open", "fault") == "fault":
            if done:
                return ["a rollback that was taken is refused again"]
            self.give("accept", "fault")
        if self.interrupted or not done:
            self.until("the counter is raised", self.is_raised)  # after a start it opens first
        faults = self.is_refused(self.path("later"))
        if self.status()["rollback"]["overridden"] != 1:
            faults.append(f"taken {self.status()['rollback']['overridden']} times")
        if "AnchorAccept" not in self.ask("accept", "audit", "show", "--limit", "200")[1]:
            faults.append("no record of who took it")
        return faults + self.whole("accept")

    def judge_zeroise(self, done, scenario="zeroise"):
        """Open and whole, or wiped: what was killed behind the token's part goes on by itself. Then given again until it is."""
        state = self.wait("open", "uninitialised")
        if done and state != "uninitialised":
            return [f"zeroise was acknowledged, and it is {state}"]
        faults = self.whole(scenario) if state == "open" else []
        if state != "uninitialised":
            self.give(scenario, "sealed", "uninitialised")
            self.wait("uninitialised")
        self.halt(orderly=True)
        return faults + self.left_in_state() + self.thief(scenario)

    def judge_alone(self, done):
        return self.judge_zeroise(done, "alone")

    def left_in_state(self):
        state, faults = self.node.path["state"], []
        for folder, _, names in os.walk(state):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as f:
                    content = f.read()
                if any(body in content for body in self.bodies):
                    faults.append(f"{name} holds a sealed record")
                if not name.startswith(("lock", "store.", "node.root")) or (name == "node.root" and content.strip(b"\0")):
                    faults.append(f"{name} is left")
        return faults

    def thief(self, scenario):
        """A copy of the disk beside the token: opens only when the master secret was left there, and not where the token has counted on since."""
        self.put_state(os.path.join(self.node.home + ".signed", "state"))
        self.node.start()
        if scenario == "alone":
            self.wait("open", *(("fault",) if self.args.token == "swtpm" else ()))
            return []
        self.until("a copy of the disk finds no master secret", lambda s: s["token"]["health"] == "key missing" and s["state"] == "sealed")
        return []

    def export_file(self):
        return self.node.path["out"] + "/audit.jsonl"

    def judge_export(self, done, scenario="export", condition=None):
        """Each record once, from the first one on, and the same as in the store."""
        if not done:
            self.until(scenario, condition or self.is_exported)
        faults = self.whole(scenario)
        words = ["--fingerprint", self.fingerprint]
        if scenario == "signer":
            words += ["--token-key", self.status()["audit_token"]["key"]]
        self.until("everything is exported", self.is_exported)
        store = self.export_of_store()
        kills = self.node.count_kills()
        self.halt(orderly=True)
        if self.node.count_kills() != kills:  # the checkpoint of an orderly stop is the next one's
            self.node.start()
            self.wait("open")
            self.halt(orderly=True)
        files = sorted(glob.glob(self.export_file() + "*"))
        if self.args.plant and scenario != "signer":
            self.cut(files[0])
        if any("aside" in name for name in files):
            faults.append("an export was put aside")
        code, text = self.node.coffer("audit", "verify", *files, *words)
        if code:
            faults.append(f"the export does not verify: {text.strip()}")
        if scenario != "signer" and len(files) < 3:
            faults.append(f"{len(files)} files: nothing was archived")
        exported, stored = self.records(files), self.records([store])
        numbers = sorted(exported, key=lambda line: json.loads(line)["seq"])
        if [json.loads(line)["seq"] for line in numbers] != list(range(1, len(exported) + 1)):
            faults.append("a record is missing in the export, or there twice")
        if not set(stored) <= set(exported):
            faults.append("the export differs from the store")
        return faults

    def export_of_store(self):
        """Asked again when a late kill comes into it."""
        path = self.path("from-store")
        for _ in range(3):
            if os.path.exists(path):
                os.unlink(path)
            kills = self.node.count_kills()
            code, text = self.node.coffer("audit", "export", path)
            if code == 0 or self.node.count_kills() == kills:
                break
            self.wait("open")
        if code:
            raise live_node.Trouble(f"coffer audit export: {text.strip()}")
        return path

    def judge_keep(self, done):
        faults = self.judge_export(done, "keep", self.is_taken_out)
        first = json.loads(self.records([self.path("from-store")])[0])["seq"]
        return faults + ([] if first > 512 else [f"the store begins with record {first}"])

    def judge_signer(self, _):
        self.until("it opens", lambda s: s["state"] == "open")
        return self.judge_export(False, "signer", self.is_signed)

    @staticmethod
    def records(files):
        lines = []
        for name in files:
            with open(name, encoding="ascii") as f:
                lines += [line for line in f if line.startswith('{"seq"')]
        return lines

    @staticmethod
    def cut(name):
        with open(name, encoding="ascii") as f:
            lines = f.readlines()
        with open(name, "w", encoding="ascii") as f:
            f.writelines(lines[:20] + lines[21:])

    def left_in_token(self, scenario):
        self.fired = max(self.fired, self.node.count_kills())
        held = super().left_in_token(scenario)
        if scenario == "zeroise":
            return [] if held and " 0 objects" in held[0] else held or ["the master secret is in the token"]
        return held

    def play(self, scenario, kills, record=None):
        fired, faults, points = super().play(scenario, kills, record)
        return max(fired, self.fired), faults + self.trouble, points


if __name__ == "__main__":
    sys.exit(recovery_campaign.main(Life, __doc__, SCENARIOS))
