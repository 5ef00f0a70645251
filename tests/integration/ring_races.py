#!/usr/bin/env python3
"""Rings whose slots change while they are worked on, and connections and streams that end meanwhile. Says how often it hit."""
import mmap
import os
import signal
import socket
import struct
import sys

from frames import integer, message, read_answer
from ring_bench import (KEY, KIB, MIB, PATIENCE, SMALL, descriptors, dice, eventually, maps, opening, refused, resident_kib, run, sealed, sealing, sentence,
                        want)
from ring_client import CLOSE_STREAM, HANDLE, LAST, LENGTH, OPEN_STREAM, SEAL_STREAM, SLOT, TAG, boolean, cut


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
    eventually(lambda: maps() == 0, "rings of the tests before")
    fds = descriptors()
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
    eventually(lambda: maps() == 0, "rings of connections that are gone stay mapped")
    eventually(lambda: descriptors() <= fds, "descriptors stay open")
    for _ in range(200):  # what is kept is not more each time
        c, handle, _ = sealing(MIB, 8)
        c.memory[:] = bytes(len(c.memory))
        c.close()
    eventually(lambda: maps() == 0, "rings stay mapped")
    before = resident_kib()
    for _ in range(100):
        c, handle, _ = sealing(MIB, 8)
        c.close()
    eventually(lambda: maps() == 0, "rings stay mapped")
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


sys.exit(run([ciphertext_that_changes_never_gives_wrong_plaintext, plaintext_that_changes_gives_one_segment, connections_that_end_with_segments_under_way,
              streams_closed_and_ended_with_segments_under_way, descriptors_of_clients_are_not_taken]))
