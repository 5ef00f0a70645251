#!/usr/bin/env python3
"""Makes keys over the socket of cofferd and times Locate. usage: locate.py SOCKET FIRST SECOND: the store grows to FIRST keys, then to SECOND.
Part of locate.sh."""
import socket
import statistics
import struct
import sys
import time

STRUCTURE, INTEGER, ENUMERATION, TEXT, DATE_TIME = 1, 2, 5, 7, 9
BATCH, ROUNDS = 64, 200


def item(tag, kind, value):
    return struct.pack(">I", tag)[1:] + bytes([kind]) + struct.pack(">I", len(value)) + value + bytes(-len(value) % 8)


def structure(tag, *fields):
    return item(tag, STRUCTURE, b"".join(fields))


def text(tag, value):
    return item(tag, TEXT, value.encode())


def number(tag, value, kind=INTEGER):
    return item(tag, kind, struct.pack(">i", value))


def attribute(name, value):
    return structure(0x420008, text(0x42000A, name), value)


def message(operation, payloads):
    version = structure(0x420069, number(0x42006A, 1), number(0x42006B, 4))
    items = [structure(0x42000F, number(0x42005C, operation, ENUMERATION), item(0x420093, 8, bytes([i])), structure(0x420079, p))
             for i, p in enumerate(payloads)]
    return structure(0x420078, structure(0x420077, version, number(0x42000D, len(items))), *items)


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)

    def ask(self, operation, payloads):
        self.socket.sendall(message(operation, payloads))
        answer = b""
        while len(answer) < 8 or len(answer) < 8 + struct.unpack(">I", answer[4:8])[0]:
            more = self.socket.recv(1 << 20)
            if not more:
                sys.exit("cofferd closed the connection")
            answer += more
        if b"\x42\x00\x7f\x05\x00\x00\x00\x04\x00\x00\x00\x01" in answer:
            sys.exit(f"refused: {answer!r}")
        return answer


def key(i):
    application = structure(0x42000B, text(0x420003, "bench"), text(0x420002, f"host {i}"))
    return (number(0x420057, 2, ENUMERATION) + structure(
        0x420091, attribute("Cryptographic Algorithm", number(0x42000B, 3, ENUMERATION)), attribute("Cryptographic Length", number(0x42000B, 256)),
        attribute("Cryptographic Usage Mask", number(0x42000B, 12)), attribute("Application Specific Information", application),
        attribute("x-number", text(0x42000B, f"number {i}")), attribute("x-shared", number(0x42000B, 1))))


def searches(i):
    first = structure(0x42000B, text(0x420003, "bench"), text(0x420002, f"host {i}"))
    return {
        "by custom attribute": (1, attribute("x-number", text(0x42000B, f"number {i}"))),
        "by application information": (1, attribute("Application Specific Information", first)),
        "nothing has the value": (0, attribute("x-number", text(0x42000B, "none"))),
        "through the table, none opened": (0, attribute("Object Type", number(0x42000B, 7, ENUMERATION))),
        "through the table, all opened": (0, attribute("Initial Date", item(0x42000B, DATE_TIME, bytes(8)))),
    }


def measure(client, count):
    for name in searches(0):
        times = []
        rounds = ROUNDS if not name.startswith("through") else 3
        for i in range(rounds):
            found, payload = searches(i * 7919 % count)[name]
            begin = time.perf_counter()
            answer = client.ask(8, [payload])
            times.append(time.perf_counter() - begin)
            if answer.count(b"\x42\x00\x94\x07") != found:
                sys.exit(f"{name}: not {found} found")
        print(f"{count:7} keys  {name:32} {statistics.median(times) * 1e6:10.0f} microseconds (median of {rounds})", flush=True)


def main():
    client = Client(sys.argv[1])
    made = 0
    for count in map(int, sys.argv[2:]):
        begin, before = time.perf_counter(), made
        while made < count:
            batch = min(BATCH, count - made)
            client.ask(1, [key(made + i) for i in range(batch)])
            made += batch
        print(f"{count:7} keys  {'making one':32} {(time.perf_counter() - begin) / (made - before) * 1e6:10.0f} microseconds (in batches of {BATCH})", flush=True)
        measure(client, count)


main()
