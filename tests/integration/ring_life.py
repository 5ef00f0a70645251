#!/usr/bin/env python3
"""Rings while something else happens: ring_life.py SOCKET KEY WHAT [COFFER]. Prints what is not as it should be.

    limits    the memory for rings is used up (ring_memory must be 40M): shares, Busy, and streams that work without
    keys      a key is revoked and destroyed, and has Usage Limits, while its segments are under way (COFFER: the command)
    stop      segments until the daemon stops; "ready" is printed when they flow"""
import os
import struct
import subprocess
import sys

from frames import enum, exchange, find, integer, item, message, read_answer, struct_
from ring_client import HANDLE, LAST, LENGTH, OPEN_STREAM, SEAL_STREAM, SLOT, TAG, Client, Failed, boolean, cut, good
from hostile_frames import text

PATH, KEY, WHAT = sys.argv[1:4]
MIB, SMALL = 1 << 20, 1 << 16
UNIQUE_ID = 0x420094
complaints = []


def expect(condition, what):
    if not condition:
        complaints.append(what)
        print("     BAD  " + what, flush=True)


def sentence(answer):
    if answer is None:
        return "closed"
    return None if find(answer, 0x42007F, 5) == b"\0\0\0\0" else (find(answer, 0x42007D, 7) or b"").decode()


def frame(operation, handle, slot, length, last):
    return message(operation=operation, payload=integer(HANDLE, handle) + integer(SLOT, slot) + integer(LENGTH, length) + boolean(LAST, last))


def client_of(uid):
    """A connection of that user, whose credentials count at connect."""
    os.setegid(uid)
    os.seteuid(uid)
    try:
        return Client(PATH, 30)
    finally:
        os.seteuid(0)
        os.setegid(0)


def ring_of(uid, key):
    c = client_of(uid)
    c.handle, c.header = c.begin_seal(key, MIB)
    answer, fds = c.ask_ring(MIB, 9)
    for fd in fds:
        os.close(fd)
    return c, sentence(answer)


def limits():
    """Nine slots of a megabyte are 9.04: two are the half of 40 that one user may have, two of another leave no room for a third user's."""
    open_ones = []
    for uid, wanted in ((0, None), (0, None), (0, "your rings"), (65531, None), (65531, None), (65531, "room"), (65532, "no room")):
        c, said = ring_of(uid, KEY)
        open_ones.append(c)
        expect((said is None) == (wanted is None) and (wanted is None or wanted in said), f"user {uid}: {said} instead of {wanted}")
        plain = os.urandom(2 * MIB + 5)
        if wanted:
            made = c.one_by_one(SEAL_STREAM, c.handle, cut(plain, MIB))
            expect(b"".join(c.one_by_one(OPEN_STREAM, c.begin_open(c.header), made)) == plain, f"user {uid}: a stream without a ring")
    for c in open_ones:
        c.close()
    for _ in range(100):  # they come back with the connections
        c, said = ring_of(65532, KEY)
        c.close()
        if said is None:
            return
    expect(False, f"the memory of rings does not come back: {said}")


def revoked_and_destroyed(coffer):
    run = lambda *words: subprocess.run([coffer, *words], check=True, capture_output=True)
    run("key", "create", "short-lived")
    sealing, opening = Client(PATH, 30), Client(PATH, 30)
    handle, header = sealing.begin_seal("short-lived", SMALL)
    sealing.map_ring(SMALL, 9)
    plain = os.urandom(8 * SMALL)
    made = sealing.many(SEAL_STREAM, handle, cut(plain, SMALL), 9, 8)
    handle, _ = sealing.begin_seal("short-lived", SMALL)
    old = opening.begin_open(header)
    opening.map_ring(SMALL, 9)
    sealing.s.sendall(b"".join(frame(SEAL_STREAM, handle, i, SMALL, False) for i in range(8)))
    run("key", "revoke", "short-lived", "--reason", "cessation-of-operation")
    for i in range(8):  # begun before or after: each has its answer
        said = sentence(read_answer(sealing.s))
        expect(said is None or "short-lived" in said or "no stream" in said, f"segment {i} while the key is revoked: {said}")
    sealing.s.sendall(frame(SEAL_STREAM, handle, 0, SMALL, False) + frame(SEAL_STREAM, handle, 1, SMALL, False))
    said = sentence(read_answer(sealing.s))
    expect(said is not None and ("short-lived" in said or "no stream" in said), f"a segment after the key is revoked: {said}")
    said = sentence(read_answer(sealing.s))
    expect(said is not None and "no stream" in said, f"the stream after that: {said}")
    for i in range(4):
        opening.put(i, made[i])
    opening.s.sendall(b"".join(frame(OPEN_STREAM, old, i, SMALL + TAG, False) for i in range(4)))
    for i in range(4):
        opening.next_length(i)
        expect(opening.get(i, SMALL) == plain[i * SMALL:(i + 1) * SMALL], "what was sealed before still opens")
    run("key", "destroy", "short-lived")
    opening.put(4, made[4])
    opening.s.sendall(frame(OPEN_STREAM, old, 4, SMALL + TAG, False))
    said = sentence(read_answer(opening.s))
    expect(said is not None, "a segment opens after the key is destroyed")
    expect(opening.get(4, SMALL + TAG) == made[4], "a segment that is refused is touched")


def used_up():
    """Three segments and a half: each is spent durably before it is sealed, also when many come at once."""
    attribute = lambda name, value: struct_(0x420008, text(0x42000A, name), value)
    limit = struct_(0x42000B, item(0x420097, 3, struct.pack(">q", 3 * SMALL + SMALL // 2)), enum(0x420098, 1))
    template = struct_(0x420091, attribute("Cryptographic Algorithm", enum(0x42000B, 3)), attribute("Cryptographic Length", integer(0x42000B, 256)),
                       attribute("Cryptographic Usage Mask", integer(0x42000B, 12)),
                       attribute("Activation Date", item(0x42000B, 9, struct.pack(">q", 1))), attribute("Usage Limits", limit))
    key = find(good(exchange(PATH, message(operation=1, payload=enum(0x420057, 2) + template))), UNIQUE_ID, 7).decode()
    c = Client(PATH, 30)
    handle, header = c.begin_seal(key, SMALL, UNIQUE_ID)
    c.map_ring(SMALL, 9)
    plain = os.urandom(3 * SMALL)
    for i in range(3):
        c.put(i, plain[i * SMALL:(i + 1) * SMALL])
    c.s.sendall(b"".join(frame(SEAL_STREAM, handle, i, SMALL, False) for i in range(5)))
    for i in range(3):
        c.next_length(i)
    said = sentence(read_answer(c.s))
    expect(said is not None and "Usage Limits" in said, f"the fourth segment of three and a half: {said}")
    said = sentence(read_answer(c.s))
    expect(said is not None and "no stream" in said, f"the fifth: {said}")
    made = [bytes(c.get(i, SMALL + TAG)) for i in range(3)]
    again = c.begin_open(header)
    for i in range(3):
        c.put(i, made[i])
        c.segment(OPEN_STREAM, again, i, SMALL + TAG, False)
        c.next_length(i)
        expect(c.get(i, SMALL) == plain[i * SMALL:(i + 1) * SMALL], f"segment {i} of the key with Usage Limits")


def keys():
    revoked_and_destroyed(sys.argv[4])
    used_up()


def stop():
    """Whatever was answered was done; then the connection ends, and no answer is cut off."""
    c = Client(PATH, 30)
    handle, _ = c.begin_seal(KEY, MIB)
    c.map_ring(MIB, 9)
    sent = answered = refusals = 0
    said = None
    while said != "closed":
        try:
            while sent - answered < 8:
                c.segment(SEAL_STREAM, handle, sent % 9, MIB, False)
                sent += 1
        except OSError:
            pass
        said = sentence(read_answer(c.s))
        answered += 1
        if said is not None and said != "closed":
            refusals += 1
            expect(refusals <= 8 and ("stopping" in said or "no stream" in said), f"while it stops: {said}")
        if answered == 64:
            print("ready", flush=True)
    expect(answered > 64, "there was nothing under way")


try:
    {"limits": limits, "keys": keys, "stop": stop}[WHAT]()
except (Failed, OSError, subprocess.CalledProcessError) as e:
    expect(False, f"{WHAT}: {type(e).__name__} {e} {getattr(e, 'stderr', '')}")
sys.exit(bool(complaints))
