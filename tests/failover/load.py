"""Clients that make, register and revoke keys and seal with them through several nodes, each change under a request id that is sent until it is answered with yes; and what must
be there afterwards."""
import os
import random
import re
import struct
import threading
import time

import domain  # noqa: F401  (tests/integration is on the path)
from servers import wait_for
from frames import connect, enum, find, integer, item, read_answer, struct_
from hostile_frames import data, name_attribute, text

CREATE, REGISTER, REVOKE, SEAL, OPEN, ENCODE_MASK = 0x01, 0x03, 0x13, 0x80000004, 0x80000005, 12
PATIENCE_S = 60
HEARD_S = 2    # until a node has heard of what was acknowledged at another one: refresh_interval, and what a loaded machine takes
PACE_S = 0.05  # between two changes of a client, so that what is looked through afterwards does not grow without end
# What may be said of a database or a lease that is being replaced; anything else is a refusal.
PASSING = re.compile(r"database|master server|try again|busy|not known|store|sealed|deadline", re.IGNORECASE)


def attribute(name, value):
    return struct_(0x420008, text(0x42000A, name), value)


def template(name, bits):
    return struct_(0x420091, attribute("Cryptographic Algorithm", enum(0x42000B, 3)), attribute("Cryptographic Length", integer(0x42000B, bits)),
                   attribute("Cryptographic Usage Mask", integer(0x42000B, ENCODE_MASK)), attribute("Activation Date", item(0x42000B, 9, struct.pack(">q", 1))),
                   attribute("x-story", text(0x42000B, "of " + name)), name_attribute(name))


def request(operation, payload, request_id=None):
    extension = b""
    if request_id:
        extension = struct_(0x420051, text(0x42009D, "coffer"), item(0x420026, 6, bytes(8)), struct_(0x42009C, data(0x540061, request_id)))
    header = struct_(0x420077, struct_(0x420069, integer(0x42006A, 1), integer(0x42006B, 4)), integer(0x42000D, 1))
    return struct_(0x420078, header, struct_(0x42000F, enum(0x42005C, operation), item(0x420079, 1, payload), extension))


class Answer:
    def __init__(self, frame):
        self.frame = frame
        self.good = frame is not None and find(frame, 0x42007F, 5) == b"\0\0\0\0"
        self.said = (find(frame, 0x42007D, 7) or b"").decode(errors="replace") if frame else "no answer"

    def text(self, tag):
        value = find(self.frame, tag, 7)
        return value.decode() if value is not None else None


class Line:
    """A connection that is made anew when it breaks."""

    def __init__(self, path):
        self.path, self.s = path, None

    def ask(self, frame, timeout=30):
        try:
            self.s = self.s or connect(self.path, timeout)
            self.s.sendall(frame)
            answer = read_answer(self.s)
        except OSError:
            answer = None
        if answer is None:
            self.close()
        return Answer(answer)

    def close(self):
        if self.s:
            self.s.close()
        self.s = None


class Load:
    """What all clients did. acked: name -> {id, bits}; revoked: ids; trouble: what must not be. Threads add to them under the lock."""

    def __init__(self, nodes, clients, seed):
        self.nodes, self.seed = nodes, seed
        self.lock, self.go, self.works = threading.Lock(), threading.Event(), threading.Event()
        self.go.set()
        self.works.set()
        self.busy = 0
        self.acked, self.revoked, self.trouble, self.repeated, self.waits = {}, set(), [], 0, []
        self.sealed = self.opened = self.not_sealed = 0
        self.threads = [threading.Thread(target=self.guarded, args=(self.client, i), daemon=True) for i in range(clients)]
        self.threads += [threading.Thread(target=self.guarded, args=(self.opener, i), daemon=True) for i in range(len(nodes))]

    def start(self):
        answer = Line(self.nodes[0].socket).ask(request(CREATE, enum(0x420057, 2) + template("common", 256), os.urandom(16)))
        if not answer.good:
            raise RuntimeError(answer.said)
        self.acked["common"] = {"id": answer.text(0x420094), "bits": 256}
        for thread in self.threads:
            thread.start()

    def pause(self):
        """Clients end what they are at and wait; True when all do."""
        self.works.clear()
        return wait_for(lambda: self.busy == 0, 2 * PATIENCE_S)

    def stop(self):
        self.go.clear()
        self.works.set()
        for thread in self.threads:
            thread.join(2 * PATIENCE_S)
        if any(t.is_alive() for t in self.threads):
            self.note("a client hangs")

    def note(self, what):
        with self.lock:
            self.trouble.append(what)

    def guarded(self, fn, i):
        try:
            fn(i)
        except Exception as e:  # a client that ended would hide what it should have found
            self.note("client %d: %r" % (i, e))

    def until_done(self, lines, first, operation, payload, what):
        """The same request under the same id, to one node after the other, until one says yes."""
        frame, begun, at = request(operation, payload, os.urandom(16)), time.monotonic(), first
        while True:
            answer = lines[at % len(lines)].ask(frame)
            if answer.good:
                break
            if answer.frame and not PASSING.search(answer.said):
                return self.note("%s: refused: %s" % (what, answer.said))
            if time.monotonic() - begun > PATIENCE_S:
                return self.note("%s: not done in %d s: %s" % (what, PATIENCE_S, answer.said))
            at += 1
            with self.lock:
                self.repeated += 1
            time.sleep(0.02)
        with self.lock:
            self.waits.append(1000 * (time.monotonic() - begun))
        return answer

    def client(self, i):
        dice, lines, mine, n = random.Random(self.seed * 1000 + i), [Line(node.socket) for node in self.nodes], [], 0
        while self.works.wait() and self.go.is_set():
            with self.lock:
                self.busy += 1
            name, bits = "c%d-%d" % (i, n), dice.choice((128, 192, 256))
            n += 1
            what = dice.random()
            if what < 0.5 or not mine:
                answer = self.until_done(lines, i, CREATE, enum(0x420057, 2) + template(name, bits), "create " + name)
                self.made(answer, name, bits, mine)
            elif what < 0.75:
                key = struct_(0x42008F, struct_(0x420040, enum(0x420042, 1), struct_(0x420045, data(0x420043, os.urandom(bits // 8))), enum(0x420028, 3), integer(0x42002A, bits)))
                answer = self.until_done(lines, i, REGISTER, enum(0x420057, 2) + template(name, bits) + key, "register " + name)
                self.made(answer, name, bits, mine)
            else:
                self.revoke(lines, i, mine.pop(dice.randrange(len(mine))))
            if dice.random() < 0.5:
                self.seal(lines[i % len(lines)])
            with self.lock:
                self.busy -= 1
            time.sleep(PACE_S)

    def made(self, answer, name, bits, mine):
        if answer is None:
            return
        with self.lock:
            self.acked[name] = {"id": answer.text(0x420094), "bits": bits}
        mine.append(answer.text(0x420094))

    def revoke(self, lines, i, uid):
        answer = self.until_done(lines, i, REVOKE, text(0x420094, uid) + struct_(0x420081, enum(0x420082, 4)), "revoke " + uid)  # superseded
        if answer:
            with self.lock:
                self.revoked.add(uid)

    def seal(self, line):
        answer = line.ask(request(SEAL, text(0x54000B, "common") + data(0x54000D, b"some text")))
        with self.lock:
            self.sealed += answer.good
            self.not_sealed += not answer.good
        if not answer.good and answer.frame and not PASSING.search(answer.said):
            self.note("seal: " + answer.said)

    def opener(self, i):
        """Opening goes on at every node, whatever becomes of the database."""
        line, message = Line(self.nodes[i].socket), None
        while self.go.is_set():
            if message is None:
                answer = line.ask(request(SEAL, text(0x54000B, "common") + data(0x54000D, b"some text")))
                message = find(answer.frame, 0x540004, 8) if answer.good else None
                continue
            answer = line.ask(request(OPEN, data(0x540004, message)))
            if not answer.good:
                self.note("node %d does not open: %s" % (self.nodes[i].n, answer.said))
            with self.lock:
                self.opened += 1
            time.sleep(0.002)


class Oracle:
    """Reads the domain's keys and logs, and says what is wrong."""

    def __init__(self, story, load):
        self.story, self.load, self.late = story, load, 0

    def look(self, node):
        """While its clients wait, behind a failover: what was acknowledged before is there and no state went backwards, as soon as the node has heard of it. Problems."""
        begun, wrong = time.monotonic(), self.found_wrong(node)
        while wrong and time.monotonic() - begun < HEARD_S:
            wrong = self.found_wrong(node)
            self.late = max(self.late, time.monotonic() - begun)
        return wrong

    def found_wrong(self, node):
        with self.load.lock:
            acked, revoked = dict(self.load.acked), set(self.load.revoked)
        found = {key["name"]: key for key in wait_for(lambda: node.ask("key", "list"), PATIENCE_S, 0.1) or []}
        wrong = ["%s: acknowledged and lost" % name for name in acked if name not in found]
        wrong += ["%s: another key" % name for name, k in acked.items() if name in found and found[name]["uuid"] != k["id"]]
        wrong += ["%s: revoked and %s" % (k["name"], k["state"]) for k in found.values() if k["uuid"] in revoked and k["state"] not in ("deactivated", "compromised")]
        return wrong

    def judge(self, nodes):
        story, load = self.story, self.load
        story.equal("no client saw what must not be", load.trouble[:5], [])
        for node in nodes:
            story.equal("node %d: every acknowledged change is there" % node.n, self.look(node)[:5], [])
        lists = [{k["uuid"]: (k["name"], k["state"], k["length_bits"]) for k in node.ask("key", "list") or []} for node in nodes]
        story.check("all nodes list the same keys", all(one == lists[0] for one in lists))
        names = [k[0] for k in lists[0].values()]
        story.equal("no name is there twice", len(names), len(set(names)))
        story.equal("nothing is there that nobody was told of", sorted(set(names) - set(load.acked)), [])
        self.attributes(nodes[-1], lists[0])
        self.audit(nodes)

    def attributes(self, node, keys):
        line, wrong = Line(node.socket), []
        for name, k in self.load.acked.items():
            answer = line.ask(request(0x0B, text(0x420094, k["id"])))  # Get Attributes
            state = keys.get(k["id"], ("", ""))[1]
            good = answer.good and ("of " + name).encode() in answer.frame and struct.pack(">I", k["bits"]) in answer.frame
            if not good or (state == "active") != (k["id"] not in self.load.revoked):
                wrong.append("%s: %s %s" % (name, state, answer.said))
        self.story.equal("each has its attributes and its state", wrong[:5], [])

    def audit(self, nodes):
        """One record for each acknowledged change, over all logs; each log is whole."""
        count, epochs = {}, {}
        for node in nodes:
            self.story.equal("node %d: the audit log verifies" % node.n, node.coffer("audit", "verify").returncode, 0)
            last = 0
            for row in node.ask("audit", "show", "--limit", "100000") or []:
                if row["operation"] in ("Create", "Register", "Revoke") and row["result"] == "ok" and row["object"]:  # without: asked again, and answered as then
                    key = (row["operation"] == "Revoke", row["object"])
                    count[key] = count.get(key, 0) + 1
                took = re.search(r"this node is master server \(epoch (\d+)\)", row.get("details") or "")
                if took:
                    epoch = int(took.group(1))
                    epochs.setdefault(epoch, set()).add(node.n)
                    self.story.check("node %d: epochs rise" % node.n, epoch >= last) if epoch < last else None
                    last = epoch
        wanted = {(False, k["id"]) for k in self.load.acked.values()} | {(True, uid) for uid in self.load.revoked}
        self.story.equal("every acknowledged change has a record", sorted(wanted - set(count))[:3], [])
        self.story.equal("none has two", sorted(k for k, n in count.items() if n > 1)[:3], [])
        self.story.equal("there is no record of another change", sorted(set(count) - wanted)[:3], [])
        self.story.equal("each epoch had one holder (%d epochs)" % len(epochs), {e: n for e, n in epochs.items() if len(n) > 1}, {})
