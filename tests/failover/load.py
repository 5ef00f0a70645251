"""Clients that make, register, revoke and destroy keys and seal with them through several nodes: each change under a request id that is sent until it is answered with yes, or once and
no more; others that look at the keys meanwhile; and an administrator who asks what only the master server may do. What they were told and saw goes to a History (oracle.py)."""
import os
import random
import re
import struct
import threading
import time

import domain  # noqa: F401  (tests/integration is on the path)
from oracle import HEARD_S, NO, UNKNOWN, YES, History
from servers import wait_for
from frames import connect, enum, find, integer, item, read_answer, struct_
from hostile_frames import data, name_attribute, text

CREATE, REGISTER, REVOKE, DESTROY, GET_ATTRIBUTES, SEAL, OPEN, ENCODE_MASK = 0x01, 0x03, 0x13, 0x14, 0x0B, 0x80000004, 0x80000005, 12
CODES = {"Create": CREATE, "Register": REGISTER, "Revoke": REVOKE, "Destroy": DESTROY}
STATES = ("", "pre-active", "active", "deactivated", "compromised", "destroyed", "destroyed-compromised")
PATIENCE_S = 60
TOKEN = "of-the-load"  # an enrolment token that is revoked, again and again: the master server's alone
KEYS = 25      # of each client that are active, and that are revoked: listing them all must not take the time of a campaign
ONCE = 0.1     # of the changes are sent once, whatever becomes of them
PACE_S = 0.05  # between two changes of a client, so that what is looked through afterwards does not grow without end
# What may be said of a database or a lease that is being replaced; anything else is a refusal.
PASSING = re.compile(r"database|master server|try again|busy|not known|store|sealed|deadline", re.IGNORECASE)
UNHEARD = "revoke it before you destroy it"  # as a node says that has not heard of the revocation at another one yet


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
    """sent: whether any of the request may have arrived."""

    def __init__(self, frame, sent=True):
        self.frame, self.sent = frame, sent
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
        sent = self.s is not None
        try:
            self.s = self.s or connect(self.path, timeout)
            sent = True
            self.s.sendall(frame)
            answer = read_answer(self.s)
        except OSError:
            answer = None
        if answer is None:
            self.close()
        return Answer(answer, sent)

    def close(self):
        if self.s:
            self.s.close()
        self.s = None


def new_key(name, bits):
    return enum(0x420057, 2) + template(name, bits)


def given_key(name, bits):
    block = struct_(0x420040, enum(0x420042, 1), struct_(0x420045, data(0x420043, os.urandom(bits // 8))), enum(0x420028, 3), integer(0x42002A, bits))
    return new_key(name, bits) + struct_(0x42008F, block)


def end_of(uid, kind):
    return text(0x420094, uid) + (struct_(0x420081, enum(0x420082, 4)) if kind == "Revoke" else b"")  # superseded


def outcome_of(answer):
    """A refusal is certain unless it says that it is not."""
    if answer.good:
        return YES
    return NO if not answer.sent or (answer.frame and "not known" not in answer.said) else UNKNOWN


def send(history, line, change, frame):
    """Once. The history has how it ended; returns the answer."""
    answer = line.ask(frame)
    history.told(change, outcome_of(answer), answer.said, answer.text(0x420094) if answer.good else None)
    return answer


def make_key(history, line, name, request_id, bits=256):
    change = history.asked(request_id.hex()) or history.begun("Create", name, request_id.hex(), None, bits)
    return send(history, line, change, request(CREATE, new_key(name, bits), request_id))


def state_at(line, uid):
    """None: it cannot be told now."""
    answer = line.ask(request(GET_ATTRIBUTES, text(0x420094, uid) + text(0x42000A, "State")))
    value = find(answer.frame, 0x42000B, 5) if answer.good else None
    return STATES[struct.unpack(">I", value)[0]] if value else None


class Load:
    """What all clients do. history: what they asked, were told and saw; trouble: what must not be. Threads add to them."""

    def __init__(self, nodes, clients, seed):
        self.nodes, self.seed = nodes, seed
        self.lock, self.go, self.works = threading.Lock(), threading.Event(), threading.Event()
        self.go.set()
        self.works.set()
        self.history = History()
        self.busy = self.repeated = self.sealed = self.opened = self.not_sealed = self.looked = self.led = 0
        self.trouble, self.down = [], set()  # down: nodes that were killed
        self.threads = [threading.Thread(target=self.guarded, args=(fn, i), daemon=True)
                        for fn, count in ((self.client, clients), (self.opener, len(nodes)), (self.watcher, len(nodes)), (self.administrator, 1)) for i in range(count)]

    def start(self):
        answer = make_key(self.history, Line(self.nodes[0].socket), "common", os.urandom(16))
        if not answer.good:
            raise RuntimeError(answer.said)
        token = os.path.join(os.path.dirname(self.nodes[0].home), TOKEN)
        if not any(node.coffer("node", "enrol", "--name", TOKEN, "--out", token).returncode == 0 for node in self.nodes):
            raise RuntimeError("no enrolment token is made")
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

    def add(self, **counts):
        with self.lock:
            for name, more in counts.items():
                setattr(self, name, getattr(self, name) + more)

    def guarded(self, fn, i):
        try:
            fn(i)
        except Exception as e:  # a client that ended would hide what it should have found
            self.note("client %d: %r" % (i, e))

    def until_done(self, lines, first, change, payload):
        """The same request under the same id, to one node after the other, until one says yes. Whether one did."""
        frame, begun, at = request(CODES[change.kind], payload, bytes.fromhex(change.request)), time.monotonic(), first
        while True:
            answer = send(self.history, lines[at % len(lines)], change, frame)
            if answer.good:
                return True
            waited = time.monotonic() - begun
            unheard = change.kind == "Destroy" and UNHEARD in answer.said and waited < HEARD_S
            if answer.frame and not PASSING.search(answer.said) and not unheard:
                self.note("%s: refused: %s" % (change, answer.said))
                return False
            if waited > PATIENCE_S:
                self.note("%s: not done in %d s: %s" % (change, PATIENCE_S, answer.said))
                return False
            at += 1
            self.add(repeated=1)
            time.sleep(0.02)

    def client(self, i):
        dice, lines, mine, ended, n = random.Random(self.seed * 1000 + i), [Line(node.socket) for node in self.nodes], [], [], 0
        while self.works.wait() and self.go.is_set():
            self.add(busy=1)
            n += 1
            self.one_change(dice, lines, i, mine, ended, "c%d-%d" % (i, n))
            if dice.random() < 0.5:
                self.seal(lines[i % len(lines)])
            self.add(busy=-1)
            time.sleep(PACE_S)

    def one_change(self, dice, lines, i, mine, ended, name):
        """mine, ended: keys of this client that are active, and revoked. What is asked once and not answered is left alone."""
        kind, bits, key_id = dice.choices(("Create", "Register", "Revoke", "Destroy"), (45, 25, 20, 10))[0], dice.choice((128, 192, 256)), os.urandom(16)
        if len(mine) > KEYS or len(ended) > KEYS:
            kind = "Revoke" if len(mine) > KEYS else "Destroy"
        of = {"Revoke": mine, "Destroy": ended}.get(kind)
        if of == []:
            kind, of = "Create", None
        if of is None:
            change, payload = self.history.begun(kind, name, key_id.hex(), None, bits), (new_key if kind == "Create" else given_key)(name, bits)
        else:
            uid = of.pop(dice.randrange(len(of)))
            change, payload = self.history.begun(kind, uid, key_id.hex(), uid), end_of(uid, kind)
        if dice.random() < ONCE:
            done = send(self.history, lines[i % len(lines)], change, request(CODES[kind], payload, key_id)).good
        else:
            done = self.until_done(lines, i, change, payload)
        if done and kind != "Destroy":
            (ended if kind == "Revoke" else mine).append(change.uid)

    def seal(self, line):
        answer = line.ask(request(SEAL, text(0x54000B, "common") + data(0x54000D, b"some text")))
        self.add(sealed=int(answer.good), not_sealed=int(not answer.good))
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
            if not answer.good and self.nodes[i].n not in self.down:
                self.note("node %d does not open: %s" % (self.nodes[i].n, answer.said))
            self.add(opened=int(answer.good))
            time.sleep(0.002)

    def watcher(self, i):
        """Looks at one node's keys, mostly at those that were changed lately; the history compares."""
        dice, line = random.Random(self.seed * 1000 + 500 + i), Line(self.nodes[i].socket)
        while self.go.is_set():
            with self.history.lock:
                known = [c.uid for c in self.history.changes[-200:] + dice.sample(self.history.changes, min(20, len(self.history.changes))) if c.uid]
            if known:
                uid, begun = dice.choice(known), time.monotonic()
                state = state_at(line, uid)
                if state:
                    self.history.saw(self.nodes[i].n, uid, state, begun)
                    self.add(looked=1)
            time.sleep(0.01)

    def administrator(self, _):
        """Something that only the master server may do, at each node in turn: whoever does it, and when, is in the logs."""
        at = 0
        while self.works.wait() and self.go.is_set():
            at += 1
            self.add(busy=1)
            done = self.nodes[at % len(self.nodes)].coffer("node", "enrol-revoke", TOKEN)
            self.add(led=int(done.returncode == 0), busy=-1)
            time.sleep(0.3)
