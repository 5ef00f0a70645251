#!/usr/bin/env python3
"""Rings (docs/formats.md section 15) from a client's side: the same bytes as without, memory that is as it must be, and what is refused."""
import fcntl
import mmap
import os
import socket
import struct
import sys

from frames import enum, find, integer, item, message, read_answer, struct_
from hostile_frames import data
from ring_bench import KEY, MIB, PATH, PATIENCE, PID, SMALL, Wrong, dice, eventually, maps, opening, refused, run, sealed, sealing, sentence, want
from ring_client import (HANDLE, LAST, LENGTH, MAP_RING, OPEN_STREAM, SEAL_STREAM, SEALS, SEGMENT, SLOT, SLOT_SIZE, SLOTS, TAG, Client, boolean, cut, good,
                         number)


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
    c, handle, _ = sealing(SMALL, 4)
    c.put(0, b"plaintext" * 100)
    c.s.close()
    eventually(lambda: maps() == 0, "the daemon keeps its mapping")
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
    # what does not fit here does not fit into a message of 4 MiB either
    way_out = "smaller, or raise secret_memory" if said and "too large for the secret memory" in said else "in messages"
    want(said is not None and way_out in said, f"a ring of 256 MiB: {said}")
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
    for past, works in ((15, False), (0, False), (16, True)):  # slots that are smaller than the stream's segments: sealed, it must fit
        c = Client(PATH, PATIENCE)
        handle, _ = c.begin_seal(KEY, MIB)
        c.map_ring(SMALL, 2)
        c.segment(SEAL_STREAM, handle, 1, c.slot_bytes - past, True)
        said = sentence(read_answer(c.s))
        want((said is None) == works, f"{past} bytes less than a slot: {said}")
        c.close()
    header, made = sealed(dice.randbytes(3 * SMALL), MIB)
    c, handle = opening(header, SMALL, 2)
    c.segment(OPEN_STREAM, handle, 1, c.slot_bytes + 1, True)
    refused(read_answer(c.s), "cannot be in a slot")
    c.close()
    header, made = sealed(dice.randbytes(SMALL))
    c, handle = opening(header, SMALL, 2)
    c.put(1, made[0])
    c.segment(OPEN_STREAM, handle, 1, c.slot_bytes, True)  # fits the slot, and no segment
    refused(read_answer(c.s), "does not open")
    c.close()


def a_segment_in_a_large_message_is_refused():
    """Its message would have memory of its own, counted to nobody while the segment is worked on."""
    header, made = sealed(dice.randbytes(3 * SMALL), SMALL)
    c, handle = opening(header, SMALL, 4)
    extension = struct_(0x420051, item(0x42009D, 7, b"nobody"), item(0x420026, 6, struct.pack(">Q", 0)), struct_(0x42009C, item(0x4200C2, 8, bytes(20000))))
    fields = integer(HANDLE, handle) + integer(SLOT, 1) + integer(LENGTH, len(made[1])) + boolean(LAST, False)
    ask = struct_(0x420078, struct_(0x420077, struct_(0x420069, integer(0x42006A, 1), integer(0x42006B, 4)), integer(0x42000D, 1)),
                  struct_(0x42000F, enum(0x42005C, OPEN_STREAM), item(0x420079, 1, fields), extension))
    c.put(0, made[0])
    c.segment(OPEN_STREAM, handle, 0, len(made[0]), False)
    c.s.sendall(ask)
    want(c.next_length(0) == SMALL, "the segment before it")
    refused(read_answer(c.s), "16376 bytes at most")
    c.put(1, made[1])
    c.segment(OPEN_STREAM, handle, 1, len(made[1]), False)
    want(c.next_length(1) == SMALL, "the same segment as it should be")
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


def what_follows_a_wrong_segment_in_a_message_fails_too():
    """It is not begun before the one in the ring has failed."""
    header, made = sealed(dice.randbytes(MIB + 10), MIB)
    c, handle = opening(header, MIB, 2)
    c.put(0, made[0][:-1] + bytes([made[0][-1] ^ 1]))
    c.s.sendall(message(operation=OPEN_STREAM, payload=integer(HANDLE, handle) + integer(SLOT, 0) + integer(LENGTH, MIB + TAG) + boolean(LAST, False)) +
                message(operation=OPEN_STREAM, payload=integer(HANDLE, handle) + data(SEGMENT, made[1]) + boolean(LAST, True)))
    refused(read_answer(c.s), "does not open")
    refused(read_answer(c.s), "no stream")
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


sys.exit(run([the_same_with_and_without_a_ring, ring_and_messages_in_turns, two_streams_in_one_ring, answers_keep_their_order,
              the_descriptor_comes_with_its_answer, memory_is_sealed_and_private, holes_harm_nobody_else, pages_go_with_the_connection,
              a_ring_needs_a_stream_and_is_one, bad_slots_and_lengths, a_segment_in_a_large_message_is_refused, a_slot_under_way_is_refused,
              a_wrong_segment_ends_the_stream,
              what_follows_a_wrong_segment_in_a_message_fails_too, segments_out_of_their_place]))
