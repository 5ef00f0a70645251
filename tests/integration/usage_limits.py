#!/usr/bin/env python3
"""Many clients use up one key with Usage Limits: usage_limits.py SOCKET TOTAL CLIENTS. Prints "done N, refused N, unanswered N, left N": operations
that were answered as done, that found too little left, whose answer was lost, and what the key has left at the end."""
import struct
import sys
import threading
import time

from frames import connect, enum, find, integer, item, message, read_answer, reason, struct_

DENIED = 0x0C  # Result Reason Permission Denied
OBJECT = 2     # Usage Limits Unit


def text(tag, s):
    return item(tag, 7, s.encode())


def attribute(name, *value):
    return struct_(0x420008, text(0x42000A, name), *value)


def long_integer(tag, n):
    return item(tag, 3, struct.pack(">q", n))


def create(path, total):
    limits = struct_(0x42000B, long_integer(0x420097, total), enum(0x420098, OBJECT))
    template = struct_(0x420091, attribute("Cryptographic Algorithm", enum(0x42000B, 3)), attribute("Cryptographic Length", integer(0x42000B, 256)),
                       attribute("Cryptographic Usage Mask", integer(0x42000B, 12)),
                       attribute("Activation Date", item(0x42000B, 9, struct.pack(">q", 1))), attribute("Usage Limits", limits))
    answer = ask(path, message(operation=1, payload=enum(0x420057, 2) + template))
    return find(answer, 0x420094, 7).decode()


def ask(path, request):
    """One request on a connection of its own, again until it is answered: for what may happen twice."""
    while True:
        try:
            s = connect(path)
        except OSError:
            time.sleep(0.05)
            continue
        with s:
            try:
                s.sendall(request)
                answer = read_answer(s)
            except OSError:
                answer = None
        if answer is not None and reason(answer) in (None, DENIED):
            return answer
        time.sleep(0.05)


class Client(threading.Thread):
    def __init__(self, path, key):
        super().__init__()
        self.path, self.done, self.refused, self.unanswered = path, 0, 0, 0
        params = struct_(0x42002B, enum(0x420011, 6))  # CTR
        self.request = message(operation=0x1F, payload=text(0x420094, key) + params + item(0x4200C2, 8, b"some text") +
                               item(0x42003D, 8, b"\1" * 16))

    def run(self):
        s = None
        while self.refused == 0:
            sent = False
            try:
                s = s or connect(self.path)
                sent = True
                s.sendall(self.request)
                answer = read_answer(s)
            except OSError:
                answer = None
            if answer is None:
                self.unanswered += sent
                s = None
                time.sleep(0.02)
            elif reason(answer) is None:
                self.done += 1
            elif reason(answer) == DENIED:
                self.refused += 1


def main():
    path, total, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    key = create(path, total)
    clients = [Client(path, key) for _ in range(count)]
    for c in clients:
        c.start()
    for c in clients:
        c.join()
    answer = ask(path, message(operation=0x0B, payload=text(0x420094, key) + text(0x42000A, "Usage Limits")))
    left = struct.unpack(">q", find(answer, 0x420096, 3))[0]
    print("done %d, refused %d, unanswered %d, left %d" % (sum(c.done for c in clients), sum(c.refused for c in clients),
                                                         sum(c.unanswered for c in clients), left))


main()
