"""A client with a ring, frame by frame (docs/formats.md section 15): nothing that libcoffer would refuse to do is refused here."""
import array
import fcntl
import mmap
import os
import socket
import struct

from frames import connect, find, integer, item, message, read_answer, reason, struct_
from hostile_frames import data, text

SEAL_STREAM, OPEN_STREAM, CLOSE_STREAM, MAP_RING = 0x80000007, 0x80000008, 0x8000000E, 0x8000001A
HANDLE, HEADER, SEGMENT, SEGMENT_SIZE, LAST, KEY_NAME = 0x540005, 0x540006, 0x540007, 0x540008, 0x54000A, 0x54000B
SLOT_SIZE, SLOTS, SLOT, LENGTH = 0x54000E, 0x54000F, 0x540010, 0x540011
TAG = 16
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


def boolean(tag, value):
    return item(tag, 6, struct.pack(">Q", 1 if value else 0))


def number(answer, tag):
    value = find(answer, tag, 2)
    return None if value is None else struct.unpack(">i", value)[0]


class Failed(Exception):
    """A request failed: its Result Reason."""


def good(answer):
    if answer is None:
        raise Failed("closed")
    if find(answer, 0x42007F, 5) != b"\0\0\0\0":
        raise Failed("%s: %s" % (reason(answer), (find(answer, 0x42007D, 7) or b"").decode()))
    return answer


class Client:
    def __init__(self, path, timeout=20):
        self.s = connect(path, timeout)
        self.memory = None
        self.fd = -1
        self.slot_bytes = 0

    def close(self):
        self.s.close()
        if self.memory is not None:
            self.memory.close()
            os.close(self.fd)

    def send(self, operation, payload):
        self.s.sendall(message(operation=operation, payload=payload))

    def ask(self, operation, payload):
        self.send(operation, payload)
        return read_answer(self.s)

    def begin_seal(self, key, size, tag=KEY_NAME):
        a = good(self.ask(SEAL_STREAM, text(tag, key) + integer(SEGMENT_SIZE, size)))
        return number(a, HANDLE), find(a, HEADER, 8)

    def begin_open(self, header):
        return number(good(self.ask(OPEN_STREAM, data(HEADER, header))), HANDLE)

    def ask_ring(self, plain, slots):
        """The answer, and the descriptors that came with its first byte."""
        self.send(MAP_RING, integer(SLOT_SIZE, plain) + integer(SLOTS, slots))
        part, control, _, _ = self.s.recvmsg(8, socket.CMSG_SPACE(8 * 4))
        fds = array.array("i")
        for level, kind, content in control:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(content[:len(content) - len(content) % fds.itemsize])
        while len(part) < 8:
            part += self.s.recv(8 - len(part))
        rest = struct.unpack(">I", part[4:8])[0]
        while rest:
            more = self.s.recv(rest)
            part += more
            rest -= len(more)
        return part, list(fds)

    def map_ring(self, plain, slots):
        answer, fds = self.ask_ring(plain, slots)
        good(answer)
        if len(fds) != 1:
            raise Failed("%d descriptors" % len(fds))
        self.fd, self.slot_bytes = fds[0], number(answer, SLOT_SIZE)
        self.memory = mmap.mmap(self.fd, self.slot_bytes * number(answer, SLOTS))
        return self

    def put(self, slot, content):
        at = slot * self.slot_bytes
        self.memory[at:at + len(content)] = content

    def get(self, slot, length):
        at = slot * self.slot_bytes
        return self.memory[at:at + length]

    def segment(self, operation, handle, slot, length, last):
        self.send(operation, integer(HANDLE, handle) + integer(SLOT, slot) + integer(LENGTH, length) + boolean(LAST, last))

    def next_length(self, slot=None):
        """Length of the segment that is answered next, which must be that slot's."""
        answer = good(read_answer(self.s))
        if slot is not None and number(answer, SLOT) != slot:
            raise Failed("an answer for slot %r in place of %d" % (number(answer, SLOT), slot))
        return number(answer, LENGTH)

    def many(self, operation, handle, pieces, slots, ahead):
        """Every piece through the ring, so many ahead; what they became."""
        made = []
        sent = 0
        while len(made) < len(pieces):
            while sent < len(pieces) and sent - len(made) < ahead:
                slot = sent % slots
                self.put(slot, pieces[sent])
                self.segment(operation, handle, slot, len(pieces[sent]), sent == len(pieces) - 1)
                sent += 1
            slot = len(made) % slots
            made.append(bytes(self.get(slot, self.next_length(slot))))
        return made

    def one_by_one(self, operation, handle, pieces):
        """The same in messages."""
        made = []
        for i, piece in enumerate(pieces):
            a = good(self.ask(operation, integer(HANDLE, handle) + data(SEGMENT, piece) + boolean(LAST, i == len(pieces) - 1)))
            made.append(find(a, SEGMENT, 8))
        return made


def cut(content, size):
    return [content[i:i + size] for i in range(0, len(content), size)] or [b""]
