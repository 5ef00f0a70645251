#!/usr/bin/env python3
"""Hostile clients beside a good one: hostile.py SOCKET PID-OF-COFFERD KEY-NAME MEMORY-MIB [ATTACK …]. Each attack runs as a user without rights; while it lasts the
good client must get work done, and memory and descriptors of the daemon stay within bounds. Prints what was not as it should be."""
import array
import os
import random
import select
import socket
import struct
import sys
import threading
import time

from frames import closes, connect, exchange, find, message, read_answer, reason
from hostile_frames import create, locate, locate_batch, malformed, name_attribute, query_batch, seal, with_request_id

STRANGER = 65533
PER_PRINCIPAL = 256  # the default of max_connections_per_principal
PATIENCE = 90  # seconds until something that does not happen is given up
WORK = 30  # rounds of the good client that must get done during each attack

complaints = []
memory = int(sys.argv[4])  # MiB of secret memory


def complain(text):
    complaints.append(text)
    print(text, flush=True)


# ---- the good client ----

def succeeded(answer):
    return answer is not None and find(answer, 0x42007F, 5) == b"\0\0\0\0"


class Good(threading.Thread):
    """One connection, round after round: a search in the store, a small and now and then a large message to seal."""

    def __init__(self, path, key):
        super().__init__(daemon=True)
        self.path, self.key, self.rounds, self.ended = path, key, 0, False

    def run(self):
        # Large enough to need memory set aside; what there is comes in pieces, so it is small beside the whole.
        small, large, find_key = seal(self.key, 64), seal(self.key, memory * 8192), locate(name_attribute(self.key))
        s = connect(self.path, PATIENCE)
        while not self.ended:
            for what, frame in (("locate", find_key), ("seal", small)) + ((("seal a large one", large),) if self.rounds % 8 == 0 else ()):
                s.sendall(frame)
                answer = read_answer(s)
                if not succeeded(answer):
                    complain(f"the good client's {what}: {answer and find(answer, 0x42007D, 7)}")
                    return
            self.rounds += 1
        s.close()

    def works(self, what):
        """Whether it gets done what it wants while the attack goes on."""
        wanted, end = self.rounds + WORK, time.monotonic() + PATIENCE
        while self.rounds < wanted and self.is_alive() and time.monotonic() < end:
            time.sleep(0.01)
        if self.rounds < wanted:
            complain(f"{what}: the good client does not get on")


# ---- the daemon from outside ----

class Daemon:
    def __init__(self, path, pid):
        self.path, self.pid = path, pid
        self.sanitized = any(lib in open(f"/proc/{pid}/maps").read() for lib in ("libasan", "libtsan"))
        self.fds, self.rss = self.count_fds(), self.count_rss()

    def count_fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def count_rss(self):
        for line in open(f"/proc/{self.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1]) // 1024
        return 0

    def check(self, what, connections):
        end = time.monotonic() + PATIENCE
        while (fds := self.count_fds()) > self.fds + connections and time.monotonic() < end:
            time.sleep(0.02)
        if fds > self.fds + connections:
            complain(f"{what}: {fds} descriptors, {self.fds} before, {connections} connections")
        if self.count_rss() > self.rss + memory + 16 and not self.sanitized:
            complain(f"{what}: {self.count_rss()} MiB resident, {self.rss} before")
        if not succeeded(exchange(self.path, message())):
            complain(f"{what}: a new connection is not served")


# ---- attacks, each in a process of its own ----

class Hold:
    """What an attack says to its parent: ready with so many connections; then it goes on until it is released."""

    def __init__(self, out, back):
        self.out, self.back = out, back

    def ready(self, connections):
        os.write(self.out, struct.pack(">I", connections))

    def released(self, wait=0.0):
        return bool(select.select([self.back], [], [], wait)[0])


def attack(good, daemon, what, fn):
    from_child, to_parent = os.pipe()
    from_parent, to_child = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setresgid(STRANGER, STRANGER, STRANGER)
        os.setresuid(STRANGER, STRANGER, STRANGER)
        complaints.clear()
        try:
            fn(daemon.path, Hold(to_parent, from_parent))
        except BaseException as e:  # nothing may be lost in a child
            complain(f"{what}: {type(e).__name__} {e}")
        sys.stdout.flush()
        os._exit(1 if complaints else 0)
    os.close(to_parent)
    os.close(from_parent)
    if select.select([from_child], [], [], PATIENCE)[0]:
        head = os.read(from_child, 4)
        if len(head) == 4:
            good.works(what)
            daemon.check(what, struct.unpack(">I", head)[0] + 2)
    else:
        complain(f"{what}: never got ready")
    try:
        os.write(to_child, b".")
    except BrokenPipeError:
        pass  # it has ended already
    if os.waitpid(pid, 0)[1] != 0:
        complain(f"{what}: not as it should be")
    os.close(from_child)
    os.close(to_child)
    daemon.check(f"after {what}", 2)
    print(f"{what}: seen", flush=True)


def drip(path, hold):
    """Frames of a megabyte that come a byte at a time, over and over."""
    conns, cut = [], 0
    hold.ready(64)
    end = time.monotonic() + 3
    while time.monotonic() < end or not hold.released():
        while len(conns) < 64:
            s = connect(path)
            s.sendall(struct.pack(">II", 0x42007801, 1 << 20))
            conns.append(s)
        for s in list(conns):
            try:
                s.send(b"\0")
                alive = not closes(s, 0)
            except OSError:
                alive = False
            if not alive:
                s.close()
                conns.remove(s)
                cut += 1
        time.sleep(0.02)
    if cut < 64:
        complain(f"drip: only {cut} connections were cut")


def vanish_in_request(path, hold):
    frame, n = message(), 0
    hold.ready(PER_PRINCIPAL)
    while n < 400 or not hold.released():
        s = connect(path)
        try:
            s.sendall(frame[:n % len(frame)])
        except BrokenPipeError:
            pass  # those before are not all gone yet: refused
        s.close()
        n += 1


def vanish_in_answer(path, hold):
    frame, n = query_batch(64), 0
    hold.ready(PER_PRINCIPAL)
    while n < 200 or not hold.released():
        s = connect(path)
        try:
            s.sendall(frame * (n % 3 + 1))
            if n % 2:
                s.recv(1)
        except (BrokenPipeError, ConnectionResetError):
            pass
        s.close()
        n += 1


def half_closed(path, hold):
    hold.ready(8)
    for frame in (message(), locate_batch(2), message(operation=0x80000001)):  # worker, store, admin lane
        if exchange(path, frame, half_close=True) is None:
            complain("half closed: a whole request is not answered")
        s = connect(path)
        s.shutdown(socket.SHUT_RD)
        s.sendall(frame)
        s.close()
    for cut in range(0, len(message()) - 1, 3):
        if exchange(path, message()[:cut], half_close=True) is not None:
            complain(f"half closed: {cut} bytes were answered")


def descriptors(path, hold):
    """Open files sent along with requests: the daemon must not keep them."""
    null = os.open("/dev/null", os.O_RDONLY)
    conns = []

    def send(s, part, count):
        s.sendmsg([part], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null] * count))])

    for n in range(64):
        s = connect(path)
        conns.append(s)
        for _ in range(4):
            send(s, message()[:20], 1 + n * 3)
            send(s, message()[20:], 200)
            if not succeeded(read_answer(s)):
                complain("descriptors: the request beside them is not answered")
    hold.ready(64)
    hold.released(PATIENCE)


def crowd(path, hold):
    """A thousand connections: the share of one user, and a sentence for the rest."""
    conns, refused, end = [connect(path) for _ in range(1000)], 0, time.monotonic() + PATIENCE
    left = list(conns)
    while refused < 1000 - PER_PRINCIPAL and time.monotonic() < end:
        for s in select.select(left, [], [], 1)[0]:
            left.remove(s)
            if b"max_connections_per_principal" not in (read_answer(s) or b"") or s.recv(1) != b"":
                complain("crowd: a connection is refused without a sentence, or not closed")
            refused += 1
    if refused != 1000 - PER_PRINCIPAL:
        complain(f"crowd: {refused} of 1000 connections are refused")
    hold.ready(PER_PRINCIPAL)
    hold.released(PATIENCE)
    for s in left[:50]:
        s.sendall(message())
        if not succeeded(read_answer(s)):
            complain("crowd: one of those that were taken in is not served")


def large_frames_that_stall(path, hold):
    """Memory set aside for frames that do not come: each takes an eighth of it, with room for its answer."""
    size = (4 << 20 if memory >= 64 else memory << 16) - 8
    conns = []
    hold.ready(200)
    end = time.monotonic() + 3
    while time.monotonic() < end or not hold.released():
        while len(conns) < 200:
            s = connect(path)
            s.setblocking(False)
            try:
                s.send(struct.pack(">II", 0x42007801, size) + bytes(32768))
            except OSError:
                pass
            conns.append(s)
        for s in list(conns):
            if closes(s, 0):
                s.close()
                conns.remove(s)
        time.sleep(0.02)


def answers_not_taken(path, hold):
    """Requests with long answers that nobody reads."""
    conns, frame = [], query_batch(64)
    hold.ready(200)
    end = time.monotonic() + 3
    while time.monotonic() < end or not hold.released():
        while len(conns) < 200:
            conns.append(connect(path))
            conns[-1].setblocking(False)
        for s in list(conns):
            try:
                s.send(frame)
            except BlockingIOError:
                pass
            except OSError:
                s.close()
                conns.remove(s)
        time.sleep(0.02)


def searches(path, hold):
    """Every connection has a batch of searches through the whole store under way, and begins the next when it is answered."""
    conns = [connect(path, PATIENCE) for _ in range(100)]
    frame = locate_batch(8)
    for s in conns:
        s.sendall(frame)
    hold.ready(100)
    while not hold.released():
        for s in select.select(conns, [], [], 0.1)[0]:
            if read_answer(s) is None:
                complain("searches: a connection was closed")
                return
            s.sendall(frame)


def pushed_behind_searches(path, hold):
    """Every connection has a batch of searches under way, and pushes behind it as much as the daemon takes: none of that may become the others' want."""
    frame, conns = locate_batch(60) + message() * 1100, [connect(path, PATIENCE) for _ in range(200)]
    for s in conns:
        s.setblocking(False)
    hold.ready(len(conns))
    end = time.monotonic() + 3
    while time.monotonic() < end or not hold.released():
        for i, s in enumerate(conns):
            try:
                s.send(frame)
            except BlockingIOError:
                pass
            except OSError:
                s.close()
                conns[i] = connect(path, PATIENCE)
                conns[i].setblocking(False)
            try:
                while s.recv(65536):
                    pass
            except OSError:
                pass


# ---- frames that are refused ----

def bad_frames(path, hold):
    for what, frame in malformed():
        s = connect(path)
        s.sendall(frame)
        answer = read_answer(s)
        if answer is None or reason(answer) is None or succeeded(answer):
            complain(f"{what}: {'closed' if answer is None else 'not refused'}")
            continue
        s.sendall(message())
        if not succeeded(read_answer(s)):
            complain(f"{what}: the connection is not served any more")
        s.close()
    for length in (0x7FFFFFF8, 0x80000000, 0xFFFFFFF8, 0xFFFFFFFF, 0x00400008, 12):
        s = connect(path)
        s.sendall(struct.pack(">II", 0x42007801, length))
        if not closes(s, 5):
            complain(f"a frame of {length} bytes is awaited")
        s.close()
    hold.ready(8)
    hold.released(PATIENCE)


def mutations(path, hold):
    """Whole frames with some bytes changed, always the same ones: answered or closed, never left hanging."""
    dice = random.Random(1)
    hold.ready(8)
    for n in range(1500):
        frame = bytearray(query_batch(2) if n % 2 else locate_batch(2))
        for _ in range(dice.randint(1, 4)):
            frame[dice.randrange(len(frame))] = dice.randrange(256)
        s = connect(path, PATIENCE)
        try:
            s.sendall(frame)
            s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
        except TimeoutError:
            complain(f"mutation {n} is left hanging")
            return
        except OSError:
            pass
        s.close()


# ---- replay ----

def replays(path):
    """A frame seen on its way, sent again: by its owner it has one effect, by another none."""
    frame = with_request_id(create("replayed"), bytes(range(16)))
    ids = {find(exchange(path, frame) or b"", 0x420094, 7) for _ in range(3)}
    if len(ids) != 1 or None in ids:
        complain(f"replay: {ids}")
    return frame


def replayed_by_stranger(frame):
    def run(path, hold):
        answer = exchange(path, frame)
        if answer is None or reason(answer) != 0x0C or find(answer, 0x420094, 7):
            complain(f"a stranger's replay: {answer and reason(answer)}")
        hold.ready(8)
        hold.released(PATIENCE)
    return run


def main():
    path, pid, key = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    for n in range(300 if len(sys.argv) < 6 else 0):  # something to search through
        if not succeeded(exchange(path, message(operation=1, payload=create(f"many-{n}")))):
            complain(f"create many-{n}")
            break
    frame = replays(path)
    good = Good(path, key)
    good.start()
    good.works("alone")
    daemon = Daemon(path, pid)
    for what, fn in (("bad frames", bad_frames), ("mutations", mutations), ("a stranger's replay", replayed_by_stranger(frame)),
                     ("half closed", half_closed), ("drip", drip), ("vanish in the request", vanish_in_request),
                     ("vanish in the answer", vanish_in_answer), ("descriptors", descriptors), ("crowd", crowd),
                     ("large frames that stall", large_frames_that_stall), ("answers not taken", answers_not_taken), ("searches", searches),
                     ("pushed behind searches", pushed_behind_searches)):
        if len(sys.argv) < 6 or fn.__name__ in sys.argv[5:]:
            attack(good, daemon, what, fn)
    good.ended = True
    good.join(PATIENCE)
    return 1 if complaints else 0


sys.exit(main())
