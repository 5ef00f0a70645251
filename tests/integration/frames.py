"""KMIP frames as bytes, for the clients of the stories: whole ones, broken ones, and what is in an answer."""
import socket
import struct
import time


def item(tag, kind, value):
    if kind == 1:
        return struct.pack(">I", tag << 8 | kind)[0:4] + struct.pack(">I", len(value)) + value
    pad = -len(value) % 8
    return struct.pack(">I", tag << 8 | kind) + struct.pack(">I", len(value)) + value + b"\0" * pad


def integer(tag, n):
    return item(tag, 2, struct.pack(">i", n))


def enum(tag, n):
    return item(tag, 5, struct.pack(">I", n))


def struct_(tag, *children):
    return item(tag, 1, b"".join(children))


def message(major=1, minor=4, operation=0x1E, payload=b"", count=1, items=1):
    header = struct_(0x420077, struct_(0x420069, integer(0x42006A, major), integer(0x42006B, minor)), integer(0x42000D, count))
    batch = struct_(0x42000F, enum(0x42005C, operation), item(0x420079, 1, payload))
    return struct_(0x420078, header, batch * items)


def connect(path, timeout=5):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(timeout)
    end = time.monotonic() + timeout
    while True:
        try:
            s.connect(path)
            return s
        except BlockingIOError:  # those before are not accepted yet
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def read_bytes(s, count):
    got = b""
    while len(got) < count:
        part = s.recv(count - len(got))
        if not part:
            return None
        got += part
    return got


def read_answer(s):
    """The next frame of a connection; None when it ends first."""
    try:
        head = read_bytes(s, 8)
        body = head and read_bytes(s, struct.unpack(">I", head[4:8])[0])
        return head + body if body is not None and head else None
    except (ConnectionResetError, BrokenPipeError):
        return None


def exchange(path, data, half_close=False):
    """The answer to some bytes on a connection of their own; None when there is none."""
    s = connect(path)
    try:
        s.sendall(data)
        if half_close:
            s.shutdown(socket.SHUT_WR)
        return read_answer(s)
    except (ConnectionResetError, BrokenPipeError):
        return None
    finally:
        s.close()


def closes(s, seconds):
    """Whether the other side ends the connection within that time; what it says is thrown away."""
    s.settimeout(seconds)
    try:
        while s.recv(65536):
            pass
        return True
    except (TimeoutError, BlockingIOError):
        return False
    except OSError:
        return True


def find(data, tag, kind):
    """Value of the first item with this tag, walking structures."""
    at = 0
    while at + 8 <= len(data):
        t = int.from_bytes(data[at:at + 3], "big")
        k = data[at + 3]
        n = int.from_bytes(data[at + 4:at + 8], "big")
        value = data[at + 8:at + 8 + n]
        if t == tag and k == kind:
            return value
        if k == 1:
            inner = find(value, tag, kind)
            if inner is not None:
                return inner
        at += 8 + n + (-n % 8)
    return None


def reason(answer):
    value = find(answer, 0x42007E, 5)
    return int.from_bytes(value, "big") if value else None
