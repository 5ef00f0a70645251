#!/usr/bin/env python3
"""Clients whose use of keys the audit log must tell, to the last operation and byte.

bulk_audit.py create SOCKET                              a key in the group "bulk"; prints its id
bulk_audit.py load SOCKET FILE KEYS UIDS CLIENTS COUNT   clients in turn as one of the users use the keys in turn, COUNT times each, and add what was
                                                         answered to FILE (JSON; made when it is not there); operations that were refused otherwise
                                                         are counted as failed
bulk_audit.py judge FILE                                 reads `coffer audit show --json` from its input: exit status 1 unless its sums are those of FILE
bulk_audit.py refused SOCKET KEY UID COUNT               as a user who may not, so many Encrypts with the key; "create" for a key: Creates
bulk_audit.py one SOCKET KEY                             one Encrypt of 77 bytes; prints "done" as soon as it is answered
"""
import collections
import json
import os
import re
import struct
import sys

from frames import connect, enum, find, integer, item, message, read_answer, reason, struct_

ITEM_NOT_FOUND, CRYPTOGRAPHIC_FAILURE, PERMISSION_DENIED = 0x01, 0x0A, 0x0C
NAMES = {0x1F: "Encrypt", 0x20: "Decrypt"}
KINDS = ("done", "bytes", "unopened", "failed")


def text(tag, s):
    return item(tag, 7, s.encode())


def request(operation, key, data, tag=None):
    """AES-GCM with a tag that is wrong, or CTR; the IV is the client's."""
    mode = 9 if tag else 6
    params = struct_(0x42002B, enum(0x420011, mode), *([integer(0x4200CF, 16)] if tag else []))
    last = item(0x4200FF, 8, tag) if tag else b""
    return message(operation=operation, payload=text(0x420094, key) + params + item(0x4200C2, 8, data) +
                   item(0x42003D, 8, b"\1" * (12 if tag else 16)) + last)


def attribute(name, *value):
    return struct_(0x420008, text(0x42000A, name), *value)


def create_request():
    template = struct_(0x420091, attribute("Cryptographic Algorithm", enum(0x42000B, 3)), attribute("Cryptographic Length", integer(0x42000B, 256)),
                       attribute("Cryptographic Usage Mask", integer(0x42000B, 12)), attribute("Object Group", text(0x42000B, "bulk")),
                       attribute("Activation Date", item(0x42000B, 9, struct.pack(">q", 1))))
    return message(operation=1, payload=enum(0x420057, 2) + template)


CREATE = create_request()


def create(path):
    s = connect(path)
    s.sendall(CREATE)
    print(find(read_answer(s), 0x420094, 7).decode())


def work(path, keys, number, count, out):
    sums = collections.Counter()
    s = connect(path)
    for i in range(count):
        key = keys[(i + number) % len(keys)]
        operation, tag = (0x20, b"\0" * 16) if i % 10 == 9 else (0x20 if i % 3 == 0 else 0x1F, None)
        data = bytes((i * 37 + number) % 3000)
        s.sendall(request(operation, key, data, tag))
        why = reason(read_answer(s))
        name = (key, NAMES[operation])
        if why is None:
            sums[name + ("done",)] += 1
            sums[name + ("bytes",)] += len(data)
        else:
            sums[name + ("unopened" if why == CRYPTOGRAPHIC_FAILURE else "failed",)] += 1
    with os.fdopen(out, "w", encoding="utf-8") as f:
        json.dump([[*k, n] for k, n in sums.items()], f)


def load(path, file, keys, uids, clients, count):
    total = collections.Counter()
    if os.path.exists(file):
        with open(file, encoding="utf-8") as f:
            total.update({tuple(k): n for *k, n in json.load(f)})
    pipes = []
    for number in range(clients):
        uid = uids[number % len(uids)]
        r, w = os.pipe()
        if os.fork() == 0:
            os.close(r)
            become(uid)
            work(path, keys, number, count, w)
            os._exit(0)
        os.close(w)
        pipes.append((uid, r))
    for uid, r in pipes:
        with os.fdopen(r, encoding="utf-8") as f:
            for key, operation, kind, n in json.load(f):
                total[(f"unix:{uid}", key, operation, kind)] += n
    with open(file, "w", encoding="utf-8") as f:
        json.dump([[*k, n] for k, n in total.items()], f)
    print(sum(n for k, n in total.items() if k[3] != "bytes"), "operations")


def become(uid):
    if uid != os.geteuid():
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)


def refused(path, key, uid, count):
    become(uid)
    s = connect(path)
    for _ in range(count):
        s.sendall(CREATE if key == "create" else request(0x1F, key, b"x"))
        why = reason(read_answer(s))
        if why != (PERMISSION_DENIED if key == "create" else ITEM_NOT_FOUND):
            sys.exit(f"Result Reason {why}")


def told(rows):
    sums = collections.Counter()
    patterns = {"done": r"^(\d+) done", "bytes": r", (\d+) bytes", "unopened": r", (\d+) did not open", "failed": r", (\d+) failed"}
    for row in rows:
        if row["operation"] not in NAMES.values() or not re.search(r"^\d+ done,", row["details"]):
            continue
        for kind in KINDS:
            found = re.search(patterns[kind], row["details"])
            if found and int(found[1]):
                sums[(row["principal"], row["object"], row["operation"], kind)] += int(found[1])
    return sums


def judge(file):
    with open(file, encoding="utf-8") as f:
        expected = {tuple(k): n for *k, n in json.load(f) if n}
    found = told(json.load(sys.stdin))
    wrong = [k for k in sorted(set(expected) | set(found)) if expected.get(k, 0) != found.get(k, 0)]
    for k in wrong[:10]:
        print(*k, "was", expected.get(k, 0), "and the audit log says", found.get(k, 0))
    return 1 if wrong or not expected else 0


def main():
    if sys.argv[1] == "load":
        load(sys.argv[2], sys.argv[3], sys.argv[4].split(","), [int(u) for u in sys.argv[5].split(",")], int(sys.argv[6]), int(sys.argv[7]))
    elif sys.argv[1] == "create":
        create(sys.argv[2])
    elif sys.argv[1] == "refused":
        refused(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    elif sys.argv[1] == "judge":
        sys.exit(judge(sys.argv[2]))
    else:
        s = connect(sys.argv[2])
        s.sendall(request(0x1F, sys.argv[3], bytes(77)))
        why = reason(read_answer(s))
        if why is not None:
            sys.exit(f"refused: Result Reason {why}")
        print("done", flush=True)


main()
