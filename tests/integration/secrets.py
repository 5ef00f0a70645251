#!/usr/bin/env python3
"""secrets.py COFFER SANDBOX PROTECTION PID…: looks for known secrets on the disk and in memory; exit status 1 when one is found or the search is blind."""
import base64
import hashlib
import hmac
import json
import os
import socket
import struct
import subprocess
import sys

coffer, sandbox, protection, pids = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
path = sandbox + "/node-1/coffer.sock"
faults = []


def item(tag, kind, value):
    pad = 0 if kind == 1 else -len(value) % 8
    return struct.pack(">II", tag << 8 | kind, len(value)) + value + b"\0" * pad


def request(operation, payload):
    version = item(0x420069, 1, item(0x42006A, 2, struct.pack(">i", 1)) + item(0x42006B, 2, struct.pack(">i", 4)))
    header = item(0x420077, 1, version + item(0x42000D, 2, struct.pack(">i", 1)))
    data = item(0x420078, 1, header + item(0x42000F, 1, item(0x42005C, 5, struct.pack(">I", operation)) + item(0x420079, 1, payload)))
    answer = b""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(path)
        s.sendall(data)
        while len(answer) < 8 or len(answer) < 8 + struct.unpack(">I", answer[4:8])[0]:
            answer += s.recv(65536) or sys.exit("the daemon closed the connection")
    return answer


def field(answer, tag, kind):
    at = answer.index(struct.pack(">I", tag << 8 | kind))
    length = struct.unpack(">I", answer[at + 4:at + 8])[0]
    return answer[at + 8:at + 8 + length]


def attribute(name, kind, value):
    return item(0x420008, 1, item(0x42000A, 7, name) + item(0x42000B, kind, value))


def extractable_key():
    template = attribute(b"Cryptographic Algorithm", 5, struct.pack(">I", 3)) + attribute(b"Cryptographic Length", 2, struct.pack(">i", 256)) + \
        attribute(b"Cryptographic Usage Mask", 2, struct.pack(">i", 12)) + attribute(b"Extractable", 6, struct.pack(">Q", 1)) + \
        attribute(b"Sensitive", 6, struct.pack(">Q", 0))
    uuid = field(request(1, item(0x420057, 5, struct.pack(">I", 2)) + item(0x420091, 1, template)), 0x420094, 7)
    key = field(request(0x0A, item(0x420094, 7, uuid)), 0x420043, 8)
    request(0x12, item(0x420094, 7, uuid))
    return uuid.decode(), key


def hkdf(key, salt, info):
    return hmac.new(hmac.new(salt, key, hashlib.sha256).digest(), info + b"\1", hashlib.sha256).digest()


def run(*words, data=b""):
    return subprocess.run([coffer, *words], input=data, capture_output=True, check=True).stdout


def secrets():
    uuid, key = extractable_key()
    text = b"plaintext " + os.urandom(24).hex().encode()
    for _ in range(20):
        if run("decrypt", data=run("encrypt", "-k", uuid, data=text)) != text:
            faults.append("the round trip failed")
    large = text * 40000
    if run("decrypt", data=run("encrypt", "-k", uuid, data=large)) != large:
        faults.append("the round trip of a stream failed")
    domain = bytes.fromhex(json.loads(run("status", "--json"))["domain"]["id"].replace("-", ""))
    key_id = bytes.fromhex(uuid.replace("-", ""))
    known = {"key": key, "plaintext": text}
    for label in ("seal-message", "seal-stream"):
        known[label] = hkdf(key, domain, b"coffer v1 " + label.encode() + key_id)
    for n in (1, 2, 3):
        with open(f"{sandbox}/recovery/share-{n}.txt", encoding="ascii") as f:
            lines = [x[3:].strip() for x in f if x[:1] in "12345"]
        raw = b"".join(base64.b32decode(x.replace("-", "")[:24]) for x in lines)
        known[f"share {n}"] = raw[40:72]
        known[f"share text {n}"] = lines[3].encode()
    return known


def forms(name, value):
    yield name, value
    if len(value) == 32:
        yield name + " in hex", value.hex().encode()
        yield name + " in HEX", value.hex().upper().encode()
        yield name + " in base64", base64.b64encode(value)[:42]
        yield name + ", first half", value[:16]
        yield name + ", second half", value[16:]


def readable_memory(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            if line.split()[1][0] != "r" or "[v" in line:
                continue
            begin, end = (int(x, 16) for x in line.split()[0].split("-"))
            if end - begin > 1 << 30:
                continue  # the shadow of a sanitizer
            try:
                mem.seek(begin)
                yield mem.read(end - begin)
            except OSError:
                continue  # memfd_secret


def search(where, data, patterns):
    for name, pattern in patterns:
        if pattern in data:
            faults.append(f"{where}: {name}")


patterns = [x for name, value in secrets().items() for x in forms(name, value)]
control = sandbox.encode()
for pid in pids if protection == "full" else []:
    seen = 0
    with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
        name = f.read().strip()
    for data in readable_memory(pid):
        seen += data.count(control)
        search(f"memory of {name}", data, patterns)
    with open(f"/proc/{pid}/environ", "rb") as f:
        search(f"environment of {name}", f.read(), patterns)
    if seen == 0:
        faults.append(f"memory of {name}: the search is blind")
files = sealed = 0
for folder, _, names in os.walk(sandbox + "/node-1"):
    for name in names:
        if os.path.isfile(folder + "/" + name):
            with open(folder + "/" + name, "rb") as f:
                data = f.read()
            files += 1
            sealed += b"CFR1" in data
            search(name, data, patterns)
if sealed == 0:
    faults.append("disk: the search is blind")
print(f"{len(patterns)} patterns, {len(pids)} processes, {files} files")
print("\n".join(sorted(set(faults))))
sys.exit(1 if faults else 0)
