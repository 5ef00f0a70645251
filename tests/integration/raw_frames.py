#!/usr/bin/env python3
"""Hostile and unusual frames on the socket: each is answered with the right Result Reason, or the connection is closed; a good
client beside them is served."""
import socket
import struct
import sys
import time

from frames import connect, exchange, find, integer, item, message, read_answer, reason


def drips(path, seconds):
    """A frame of a megabyte that comes a byte at a time: whether the connection is closed within that time. One deadline for the whole."""
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.sendall(struct.pack(">II", 0x42007801, 1 << 20))
    s.settimeout(0.3)
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            s.sendall(b"\0")
            try:
                if s.recv(1) == b"":
                    return True
            except TimeoutError:
                pass
        return False
    except (ConnectionResetError, BrokenPipeError):
        return True
    finally:
        s.close()


def piles_up(path):
    """Requests pipelined by a client that takes no answer: the daemon stops reading them, so that its memory is not filled. Bytes that it took."""
    request = message(operation=0x25, payload=integer(0x4200C4, 65536))
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.settimeout(0.5)
    sent = 0
    try:
        while sent < 64 * len(request) * 1000:
            sent += s.send(request * 64)
    except (TimeoutError, ConnectionResetError, BrokenPipeError):
        pass
    finally:
        s.close()
    return sent // len(request)


def head(size):
    """The beginning of a request of so many bytes in all."""
    return struct.pack(">II", 0x42007801, size - 8 if size < 1 << 30 else size)


def last_answer(path, data):
    """The last answer before the daemon hangs up, also while these bytes are still being sent; None when it does not hang up."""
    s = connect(path)
    try:
        try:
            s.sendall(data)
        except (ConnectionResetError, BrokenPipeError):
            pass
        answer = None
        while (more := read_answer(s)) is not None:
            answer = more
        return answer
    except TimeoutError:
        return None
    finally:
        s.close()


def main():
    path = sys.argv[1]
    bad = []

    def expect(what, answer, wanted):
        if wanted is None:
            ok = answer is None
        elif wanted == "ok":
            ok = answer is not None and find(answer, 0x42007F, 5) == b"\0\0\0\0"
        else:
            ok = answer is not None and reason(answer) in wanted
        if not ok:
            bad.append(f"{what}: {reason(answer) if answer else 'closed'} instead of {wanted}")

    good = message()
    expect("discover versions", exchange(path, good), "ok")
    deep = b""
    for _ in range(40):
        deep = item(0x420091, 1, deep)
    expect("depth bomb", exchange(path, message(payload=deep)), {4})
    expect("unknown operation", exchange(path, message(operation=0x7FFF)), {5})
    expect("unknown vendor operation", exchange(path, message(operation=0x8000FFFF)), {5})
    expect("unknown major version", exchange(path, message(major=9, minor=0)), {4, 7})
    expect("too many batch items announced", exchange(path, message(count=1000)), {4, 7, 0x100})
    expect("fewer batch items than announced", exchange(path, message(count=3)), {4, 7})
    expect("width bomb", exchange(path, message(payload=integer(0x420069, 1) * 100000)), {4, 0x100})
    broken = bytearray(good)
    broken[15] ^= 0x08  # a length that does not fit its parent
    expect("wrong length", exchange(path, bytes(broken)), {4})
    for what, size, key in (("oversized message", 0x7FFFFFF8, b"max_message"), ("a byte too many", (4 << 20) + 8, b"max_message"),
                            ("one that never has room", 4 << 20, b"secret_memory")):
        # with more behind the header than a socket holds: the refusal is there for a client that is still sending
        for frame in (head(size), head(size) + bytes(1 << 20), good + head(size)):
            answer = last_answer(path, frame)
            expect(what, answer, {7})
            if answer is not None and key not in find(answer, 0x42007D, 7):
                bad.append(f"{what}: {find(answer, 0x42007D, 7)} does not name {key}")
    expect("length 0xFFFFFFFF", exchange(path, struct.pack(">II", 0x42007801, 0xFFFFFFFF)), None)
    expect("a response instead of a request", exchange(path, struct.pack(">II", 0x42007B01, 8) + b"\0" * 8), None)
    expect("HTTP", exchange(path, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), None)
    expect("half a frame, then nothing", exchange(path, good[:20]), None)
    expect("half a frame, then closed", exchange(path, good[:20], half_close=True), None)
    if not drips(path, 5):
        bad.append("a frame that drips is not cut after the request timeout")
    took = piles_up(path)
    if took >= 64000:
        bad.append(f"a client that takes no answers had {took} requests taken")
    expect("still served", exchange(path, good), "ok")
    expect("two frames in one write", exchange(path, good + good), "ok")
    for line in bad:
        print(line)
    return 1 if bad else 0


sys.exit(main())
