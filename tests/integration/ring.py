#!/usr/bin/env python3
"""Rings (docs/formats.md section 15) from a client's side: ring.py SOCKET PID-OF-COFFERD KEY [TEST …]. Honest ones get the same bytes as without a ring, hostile ones
nothing and nobody down. Prints one line for each test that is not as it should be; the seed is printed too."""
import fcntl
import mmap
import os
import random
import signal
import socket
import struct
import sys
import time

from frames import find, integer, message, read_answer
from ring_client import (CLOSE_STREAM, HANDLE, LAST, LENGTH, MAP_RING, OPEN_STREAM, SEAL_STREAM, SEALS, SEGMENT, SLOT, SLOT_SIZE, SLOTS, TAG, Client, Failed,
                         boolean, cut, good, number)
from hostile_frames import data

KIB, MIB = 1 << 10, 1 << 20
SMALL = 64 * KIB
PATH, PID, KEY = sys.argv[1], int(sys.argv[2]), sys.argv[3]
PATIENCE = 30  # seconds
seed = int(os.environ.get("SEED", time.time_ns() & 0xFFFFFFFF))
dice = random.Random(seed)


class Wrong(Exception):
    pass


def want(condition, what):
    if not condition:
        raise Wrong(what)


def sentence(answer):
    """What a failure says; None for a success."""
    if answer is None:
        return "closed"
    if find(answer, 0x42007F, 5) == b"\0\0\0\0":
        return None
    return (find(answer, 0x42007D, 7) or b"").decode()


def refused(answer, part):
    said = sentence(answer)
    want(said is not None and part in said, f"'{part}' is expected, and '{said}' is said")


def eventually(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        want(time.monotonic() < end, what)
        time.sleep(0.01)


def maps():
    return open(f"/proc/{PID}/maps").read().count("coffer-ring")


def descriptors():
    return len(os.listdir(f"/proc/{PID}/fd"))


def resident_kib():
    return next(int(line.split()[1]) for line in open(f"/proc/{PID}/status") if line.startswith("VmRSS"))


def sealing(size=SMALL, slots=9):
    c = Client(PATH, PATIENCE)
    handle, header = c.begin_seal(KEY, size)
    c.map_ring(size, slots)
    return c, handle, header


def sealed(plain, size=SMALL):
    """Header and segments of a stream that was sealed in messages."""
    c = Client(PATH, PATIENCE)
    handle, header = c.begin_seal(KEY, size)
    made = c.one_by_one(SEAL_STREAM, handle, cut(plain, size))
    c.close()
    return header, made


def opening(header, size=SMALL, slots=9):
    c = Client(PATH, PATIENCE)
    handle = c.begin_open(header)
    c.map_ring(size, slots)
    return c, handle


# ---- the same bytes ----

def the_same_with_and_without_a_ring():
    for size, length in ((SMALL, 0), (SMALL, 1), (SMALL, SMALL), (SMALL, 5 * SMALL), (SMALL, 21 * SMALL + 17), (MIB, 12 * MIB + 5)):
        plain = dice.randbytes(length)
        c, handle, header = sealing(size)
        made = c.many(SEAL_STREAM, handle, cut(plain, size), 9, 8)
        want([len(m) for m in made] == [len(p) + TAG for p in cut(plain, size)], "lengths of sealed segments")
        want(b"".join(c.one_by_one(OPEN_STREAM, c.begin_open(header), made)) == plain, f"{length} bytes sealed in a ring, opened in messages")
        want(b"".join(c.many(OPEN_STREAM, c.begin_open(header), made, 9, 8)) == plain, f"{length} bytes, both in a ring")
        header, made = sealed(plain, size)
        want(b"".join(c.many(OPEN_STREAM, c.begin_open(header), made, 9, 8)) == plain, f"{length} bytes sealed in messages, opened in a ring")
        c.close()


def ring_and_messages_in_turns():
    """One stream, some segments in the ring and some in messages."""
    plain = dice.randbytes(11 * SMALL + 3)
    c, handle, header = sealing()
    made = []
    for i, piece in enumerate(cut(plain, SMALL)):
        last = i == 11
        if dice.random() < 0.5:
            c.put(i % 9, piece)
            c.segment(SEAL_STREAM, handle, i % 9, len(piece), last)
            made.append(bytes(c.get(i % 9, c.next_length(i % 9))))
        else:
            made.append(find(good(c.ask(SEAL_STREAM, integer(HANDLE, handle) + data(SEGMENT, piece) + boolean(LAST, last))), SEGMENT, 8))
    want(b"".join(c.many(OPEN_STREAM, c.begin_open(header), made, 9, 8)) == plain, "a stream in turns")
    c.close()


def two_streams_in_one_ring():
    a, b = dice.randbytes(6 * SMALL), dice.randbytes(6 * SMALL)
    c, first, first_header = sealing()
    second, second_header = c.begin_seal(KEY, SMALL)
    made = {first: [], second: []}
    for i in range(6):
        c.put(0, a[i * SMALL:(i + 1) * SMALL])
        c.put(1, b[i * SMALL:(i + 1) * SMALL])
        c.segment(SEAL_STREAM, first, 0, SMALL, i == 5)
        c.segment(SEAL_STREAM, second, 1, SMALL, i == 5)
        made[first].append(bytes(c.get(0, c.next_length(0))))
        made[second].append(bytes(c.get(1, c.next_length(1))))
    want(b"".join(c.many(OPEN_STREAM, c.begin_open(first_header), made[first], 9, 8)) == a, "the first of two streams")
    want(b"".join(c.many(OPEN_STREAM, c.begin_open(second_header), made[second], 9, 8)) == b, "the second of two streams")
    c.close()


def answers_keep_their_order():
    """Segments and other requests in one write: the other ones wait for those before them."""
    c, handle, _ = sealing()
    discover = message()
    frames, expected = b"", []
    for i in range(40):
        if i % 5 == 4:
            frames += discover
            expected.append(None)
        else:
            payload = integer(HANDLE, handle) + integer(SLOT, i % 9) + integer(LENGTH, SMALL) + boolean(LAST, False)
            frames += message(operation=SEAL_STREAM, payload=payload)
            expected.append(i % 9)
    c.s.sendall(frames)
    for i, slot in enumerate(expected):
        a = good(read_answer(c.s))
        want(number(a, SLOT) == slot, f"answer {i} is about slot {number(a, SLOT)} instead of {slot}")
    c.close()


def the_descriptor_comes_with_its_answer():
    """Behind other answers that are not read yet: with the first byte of Map Ring's own, and of no other."""
    c = Client(PATH, PATIENCE)
    c.begin_seal(KEY, SMALL)
    c.s.sendall(message() * 3 + message(operation=MAP_RING, payload=integer(SLOT_SIZE, SMALL) + integer(SLOTS, 2)) + message())
    for i in range(5):
        head, control, _, _ = c.s.recvmsg(1, socket.CMSG_SPACE(64))
        want(bool(control) == (i == 3), f"answer {i} comes {'with' if control else 'without'} a descriptor")
        while len(head) < 8:
            head += c.s.recv(8 - len(head))
        left = struct.unpack(">I", head[4:])[0]
        while left:
            part, control, _, _ = c.s.recvmsg(left, socket.CMSG_SPACE(64))
            want(not control, "a descriptor comes late")
            left -= len(part)
    c.close()


# ---- the memory ----

def memory_is_sealed_and_private():
    c, _, _ = sealing(SMALL, 4)
    seals = fcntl.fcntl(c.fd, fcntl.F_GET_SEALS)
    info = os.fstat(c.fd)
    want(seals & SEALS == SEALS and not seals & (fcntl.F_SEAL_WRITE | 0x10), f"seals {seals:#x}")
    want(info.st_size == 4 * c.slot_bytes and c.slot_bytes % 4096 == 0 and c.slot_bytes >= SMALL + TAG, f"size {info.st_size}")
    want(info.st_mode & 0o777 == 0o600, f"mode {info.st_mode:o}")
    want(info.st_blocks * 512 >= info.st_size, "not all of its pages are there")
    for what, change in (("cut off", lambda: os.ftruncate(c.fd, 4096)), ("made longer", lambda: os.ftruncate(c.fd, info.st_size + 4096)),
                         ("sealed against writing", lambda: fcntl.fcntl(c.fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE))):
        try:
            change()
        except OSError:
            continue
        raise Wrong("a ring can be " + what)
    lines = open(f"/proc/{PID}/smaps").read()
    at = lines.index("coffer-ring")
    want("rw-s" in lines[lines.rindex("\n", 0, at):at], "the daemon's mapping is not rw-s")
    flags = lines[lines.index("VmFlags:", at):].split("\n")[0].split()
    want("dd" in flags and "dc" in flags and "ex" not in flags, f"flags {flags}")
    c.close()


def holes_harm_nobody_else():
    """Pages that a client gives back under the daemon are new ones."""
    c, handle, header = sealing(MIB, 3)
    for i in range(3):
        c.segment(SEAL_STREAM, handle, i, MIB, False)
        c.memory.madvise(mmap.MADV_REMOVE if hasattr(mmap, "MADV_REMOVE") else 9)
    for i in range(3):
        c.next_length(i)
    want(sentence(c.ask(0x1E, b"")) is None, "the connection is served")
    c.close()


def pages_go_with_the_connection():
    """What a client keeps mapped is empty then, and costs the daemon nothing."""
    before = maps()
    c, handle, _ = sealing(SMALL, 4)
    c.put(0, b"plaintext" * 100)
    c.s.close()
    eventually(lambda: maps() == before, "the daemon keeps its mapping")
    eventually(lambda: c.get(0, 900) == bytes(900), "what was in the ring is still there")
    c.memory.close()
    os.close(c.fd)


# ---- what is refused ----

def a_ring_needs_a_stream_and_is_one():
    c = Client(PATH, PATIENCE)
    answer, fds = c.ask_ring(SMALL, 2)
    refused(answer, "begin it first")
    want(not fds, "a descriptor came with a refusal")
    handle, _ = c.begin_seal(KEY, SMALL)
    c.segment(SEAL_STREAM, handle, 0, 5, True)
    refused(read_answer(c.s), "has no ring")
    handle, _ = c.begin_seal(KEY, SMALL)
    for plain, slots in ((0, 1), (-1, 1), (2**24 + 1, 1), (2**31 - 1, 1), (-2**31, 1), (SMALL, 0), (SMALL, 17), (SMALL, -1), (SMALL, 2**31 - 1)):
        answer, fds = c.ask_ring(plain, slots)
        refused(answer, "cannot be")
        want(not fds, "a descriptor came with a refusal")
    answer, fds = c.ask_ring(2**24, 16)
    said = sentence(answer)
    want(said is not None and "in messages" in said, f"a ring of 256 MiB: {said}")
    c.map_ring(SMALL, 2)
    answer, fds = c.ask_ring(SMALL, 2)
    refused(answer, "a ring already")
    want(not fds, "a descriptor came with a refusal")
    c.put(1, b"some text")
    c.segment(SEAL_STREAM, handle, 1, 9, True)
    want(c.next_length(1) == 25, "the ring works nevertheless")
    c.close()


def bad_slots_and_lengths():
    for slot, length in ((-1, 5), (4, 5), (2**31 - 1, 5), (-2**31, 5), (0, -1), (0, 2**31 - 1), (0, -2**31), (0, SMALL + 1), (3, SMALL + 4096)):
        c, handle, _ = sealing(SMALL, 4)
        pattern = dice.randbytes(len(c.memory))
        c.memory[:] = pattern
        c.segment(SEAL_STREAM, handle, slot, length, True)
        said = sentence(read_answer(c.s))
        want(said is not None and said != "closed", f"slot {slot} of {length} bytes: {said}")
        want(c.memory[:] == pattern, f"slot {slot} of {length} bytes: the ring is touched")
        c.segment(SEAL_STREAM, handle, 0, 5, True)
        refused(read_answer(c.s), "no stream")
        c.close()
    header, made = sealed(dice.randbytes(SMALL))
    c, handle = opening(header, SMALL, 2)
    c.put(1, made[0])
    c.segment(OPEN_STREAM, handle, 1, c.slot_bytes, True)  # fits the slot, and no segment
    refused(read_answer(c.s), "does not open")
    c.close()


def a_slot_under_way_is_refused():
    c, handle, header = sealing()
    piece = dice.randbytes(SMALL)
    c.put(2, piece)
    one = message(operation=SEAL_STREAM, payload=integer(HANDLE, handle) + integer(SLOT, 2) + integer(LENGTH, SMALL) + boolean(LAST, False))
    c.s.sendall(one + one)
    want(c.next_length(2) == SMALL + TAG, "the first one is done")
    refused(read_answer(c.s), "is being worked on")
    handle, header = c.begin_seal(KEY, SMALL)
    for last in (False, True):
        c.put(2, piece)
        c.segment(SEAL_STREAM, handle, 2, SMALL, last)
        c.next_length(2)
    c.close()


def a_wrong_segment_ends_the_stream():
    """Those before it are answered, it and those behind it fail, and of them nothing stays in their slots."""
    plain = dice.randbytes(8 * SMALL)
    header, made = sealed(plain)
    for wrong in (0, 3, 7):
        c, handle = opening(header)
        for i in range(8):
            bad = bytearray(made[i])
            if i == wrong:
                bad[dice.randrange(len(bad))] ^= 1 << dice.randrange(8)
            c.put(i, bad)
        frames = b""
        for i in range(8):
            payload = integer(HANDLE, handle) + integer(SLOT, i) + integer(LENGTH, len(made[i])) + boolean(LAST, i == 7)
            frames += message(operation=OPEN_STREAM, payload=payload)
        c.s.sendall(frames)
        for i in range(8):
            answer = read_answer(c.s)
            if i < wrong:
                want(sentence(answer) is None and c.get(i, SMALL) == plain[i * SMALL:(i + 1) * SMALL], f"segment {i} before the wrong one")
            else:
                said = sentence(answer)
                want(said is not None and ("does not open" in said or "no stream" in said), f"segment {i} from the wrong one on: {said}")
                if "does not open" in said:
                    want(c.get(i, SMALL + TAG) == bytes(SMALL + TAG), f"segment {i}: something is left in its slot")
        c.segment(OPEN_STREAM, handle, 0, SMALL + TAG, True)
        refused(read_answer(c.s), "no stream")
        want(b"".join(c.many(OPEN_STREAM, c.begin_open(header), made, 9, 8)) == plain, "another stream of the connection")
        c.close()


def segments_out_of_their_place():
    plain = dice.randbytes(4 * SMALL)
    header, made = sealed(plain)
    for order, lasts in (((1, 0), (False, False)), ((0, 0), (False, False)), ((0, 2), (False, True)), ((3,), (True,)), ((0, 1, 2), (False, False, True))):
        c, handle = opening(header)
        said, slot = None, -1
        for i, last in zip(order, lasts):
            slot += 1
            c.put(slot, made[i])
            c.segment(OPEN_STREAM, handle, slot, len(made[i]), last)
            said = sentence(read_answer(c.s))
            if said is not None:
                break
        want(said is not None and "does not open" in said, f"segments {order}: {said}")
        want(c.get(slot, SMALL) == bytes(SMALL), f"segments {order}: something is left")
        c.close()


# ---- who changes slots while they are worked on ----

def flipper(c, go, places):
    """Another process that writes two things in turns to one place of each slot, as fast as it can, while it may."""
    pid = os.fork()
    if pid:
        return pid
    signal.alarm(PATIENCE * 4)
    while True:
        while go[0]:
            for at, a, b in places:
                c.memory[at:at + 16] = a
                c.memory[at:at + 16] = b


def ciphertext_that_changes_never_gives_wrong_plaintext():
    plain = dice.randbytes(6 * MIB)
    header, made = sealed(plain, MIB)
    mask = bytes([0xA5]) * 16
    flip = lambda text: bytes(x ^ y for x, y in zip(text, mask))
    opened = wrong_tags = 0
    for _ in range(8):
        c, handle = opening(header, MIB, 6)
        at = [i * c.slot_bytes + dice.randrange(MIB // 16) * 16 for i in range(6)]
        kept = [made[i][at[i] % c.slot_bytes:][:16] for i in range(6)]
        go = mmap.mmap(-1, 1)
        child = flipper(c, go, [(at[i], flip(kept[i]), kept[i]) for i in range(6)])
        try:
            for i in range(6):
                c.put(i, made[i])
            go[0] = 1
            for i in range(6):
                c.segment(OPEN_STREAM, handle, i, MIB + TAG, i == 5)
            answers = [read_answer(c.s) for _ in range(6)]
            go[0] = 0
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        for i, answer in enumerate(answers):
            said = sentence(answer)
            piece = plain[i * MIB:(i + 1) * MIB]
            there, where = bytearray(c.get(i, MIB)), at[i] % c.slot_bytes
            spot = bytes(there[where:where + 16])
            truth = piece[where:where + 16]
            want(spot != flip(truth), "plaintext of flipped ciphertext is in a slot")
            if said is None:
                opened += 1
                there[where:where + 16] = truth
                want(bytes(there) == piece, "a segment that opened has another plaintext")
            elif "does not open" in said:
                wrong_tags += 1
                there[where:where + 16] = bytes(16)
                want(not any(there), "a segment that did not open left something")
            else:
                want("no stream" in said, said)
        c.close()
    print(f"     {opened} segments opened, {wrong_tags} did not, while they were changed")


def plaintext_that_changes_gives_one_segment():
    """Whatever comes out: the daemon serves on, lengths are right, and a stream that nobody touched opens."""
    c, handle, header = sealing(MIB, 4)
    go = mmap.mmap(-1, 1)
    places = [(i * c.slot_bytes + dice.randrange(MIB // 16) * 16, b"a" * 16, b"b" * 16) for i in range(4)]
    child = flipper(c, go, places)
    go[0] = 1
    try:
        for n in range(40):
            c.segment(SEAL_STREAM, handle, n % 4, MIB, n == 39)
            want(c.next_length(n % 4) == MIB + TAG, "a length")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    plain = dice.randbytes(3 * MIB)
    handle, header = c.begin_seal(KEY, MIB)
    made = c.many(SEAL_STREAM, handle, cut(plain, MIB), 4, 4)
    want(b"".join(c.one_by_one(OPEN_STREAM, c.begin_open(header), made)) == plain, "a stream that nobody touches")
    c.close()


# ---- life and death ----

def connections_that_end_with_segments_under_way():
    fds, rings = descriptors(), maps()
    header, made = sealed(dice.randbytes(8 * MIB), MIB)
    for n in range(60):
        operation = (SEAL_STREAM, OPEN_STREAM)[n % 2]
        c, handle = opening(header, MIB, 8) if n % 2 else sealing(MIB, 8)[:2]
        for i in range(8):
            c.put(i, made[i])
        frames = b""
        for i in range(8):
            length = len(made[i]) if n % 2 else MIB
            frames += message(operation=operation, payload=integer(HANDLE, handle) + integer(SLOT, i) + integer(LENGTH, length) + boolean(LAST, i == 7))
        c.s.sendall(frames)
        for _ in range(dice.randrange(4)):
            read_answer(c.s)
        c.close()
    eventually(lambda: maps() == rings, "rings of connections that are gone stay mapped")
    eventually(lambda: descriptors() <= fds, "descriptors stay open")
    before = None
    for _ in range(200):  # what is kept is not more each time
        c, handle, _ = sealing(MIB, 8)
        c.memory[:] = bytes(len(c.memory))
        c.close()
    eventually(lambda: maps() == rings, "rings stay mapped")
    before = resident_kib()
    for _ in range(100):
        c, handle, _ = sealing(MIB, 8)
        c.close()
    eventually(lambda: maps() == rings, "rings stay mapped")
    want(resident_kib() < before + 16 * KIB, f"{resident_kib()} KiB resident, {before} before")


def streams_closed_and_ended_with_segments_under_way():
    """Close Stream behind segments waits for them; the last segment of a stream, and what is asked of it then."""
    c, handle, header = sealing()
    frames = b""
    for i in range(6):
        frames += message(operation=SEAL_STREAM, payload=integer(HANDLE, handle) + integer(SLOT, i) + integer(LENGTH, SMALL) + boolean(LAST, False))
    frames += message(operation=CLOSE_STREAM, payload=integer(HANDLE, handle))
    frames += message(operation=SEAL_STREAM, payload=integer(HANDLE, handle) + integer(SLOT, 6) + integer(LENGTH, SMALL) + boolean(LAST, False))
    c.s.sendall(frames)
    for i in range(6):
        c.next_length(i)
    want(sentence(read_answer(c.s)) is None, "Close Stream")
    refused(read_answer(c.s), "no stream")
    handle, header = c.begin_seal(KEY, SMALL)
    frames = b""
    for i in range(3):
        frames += message(operation=SEAL_STREAM, payload=integer(HANDLE, handle) + integer(SLOT, i) + integer(LENGTH, SMALL) + boolean(LAST, i > 0))
    c.s.sendall(frames)
    c.next_length(0)
    c.next_length(1)
    refused(read_answer(c.s), "no stream")
    c.close()


def descriptors_of_clients_are_not_taken():
    before = descriptors()
    c, handle, _ = sealing()
    for i in range(50):
        request = message(operation=SEAL_STREAM, payload=integer(HANDLE, handle) + integer(SLOT, i % 9) + integer(LENGTH, SMALL) + boolean(LAST, False))
        c.s.sendmsg([request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("2i", c.fd, 0))])
        c.next_length(i % 9)
    want(descriptors() <= before + 1, f"{descriptors()} descriptors, {before} before")
    c.close()


TESTS = [the_same_with_and_without_a_ring, ring_and_messages_in_turns, two_streams_in_one_ring, answers_keep_their_order, the_descriptor_comes_with_its_answer,
         memory_is_sealed_and_private, holes_harm_nobody_else, pages_go_with_the_connection, a_ring_needs_a_stream_and_is_one, bad_slots_and_lengths,
         a_slot_under_way_is_refused, a_wrong_segment_ends_the_stream, segments_out_of_their_place, ciphertext_that_changes_never_gives_wrong_plaintext,
         plaintext_that_changes_gives_one_segment, connections_that_end_with_segments_under_way, streams_closed_and_ended_with_segments_under_way,
         descriptors_of_clients_are_not_taken]


def main():
    failed = 0
    print(f"     seed {seed}")
    for test in TESTS:
        if len(sys.argv) > 4 and test.__name__ not in sys.argv[4:]:
            continue
        try:
            test()
            print("     ok   " + test.__name__.replace("_", " "), flush=True)
        except (Wrong, Failed, OSError, TimeoutError) as e:
            failed += 1
            print(f"     BAD  {test.__name__.replace('_', ' ')}: {type(e).__name__} {e}", flush=True)
    return failed != 0


sys.exit(main())
