#!/usr/bin/env python3
"""Writes rsa-oaep-sha1.json: RSAES-OAEP with SHA-1 and MGF1 over SHA-1 (RFC 8017, section 7.1), which is the only one that SoftHSM has, with the kinds of mistakes of Wycheproof's files and
its key of 2048 bits. Every message has 32 bytes, so that a wrong one is not refused for its length. No cryptographic library: integers, and hashlib's SHA-1.
make_oaep.py --check makes it again and compares."""
import hashlib
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FILE = HERE + "/rsa-oaep-sha1.json"
KEY_FILE = HERE + "/wycheproof/rsa_oaep_2048_sha256_mgf1sha256_test.json"
K, H = 256, 20
MESSAGE = bytes(range(0x40, 0x60))
SEED = hashlib.sha1(b"coffer oaep seed").digest()


def mgf(seed, n):
    return b"".join(hashlib.sha1(seed + i.to_bytes(4, "big")).digest() for i in range(n // H + 1))[:n]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def data_block(message=MESSAGE, label=b""):
    return hashlib.sha1(label).digest() + bytes(K - 2 * H - 2 - len(message)) + b"\1" + message


def encode(db, seed=SEED, first=0):
    masked = xor(db, mgf(seed, K - H - 1))
    return bytes((first,)) + xor(seed, mgf(masked, H)) + masked


def edit(db, at, value):
    return db[:at] + bytes((value,)) + db[at + 1:]


def main():
    with open(KEY_FILE, encoding="utf-8") as f:
        group = json.load(f)["testGroups"][0]
    key = {name: group["privateKey"][name] for name in group["privateKey"]}
    n, e = int(key["modulus"], 16), int(key["publicExponent"], 16)

    def rsa(em):
        return pow(int.from_bytes(em, "big"), e, n)

    good, ps = data_block(), range(H, K - H - 1 - len(MESSAGE) - 1)
    end = ps.stop  # where the 01 stands
    tests = []

    def add(comment, result, ct, msg=MESSAGE, label=b""):
        ct = ct if isinstance(ct, bytes) else ct.to_bytes(K, "big")
        tests.append({"tcId": len(tests) + 1, "comment": comment, "msg": msg.hex(), "ct": ct.hex(), "label": label.hex(), "result": result})

    def bad(comment, db, **more):
        add(comment, "invalid", rsa(encode(db, **more)))

    add("", "valid", rsa(encode(good)))
    add("seed is all 0", "valid", rsa(encode(good, bytes(H))))
    add("seed is all 1", "valid", rsa(encode(good, b"\xff" * H)))
    for size in (0, 1, 31, 33, K - 2 * H - 2):
        m = bytes(i & 0xff for i in range(size))
        add(f"{size} bytes", "valid", rsa(encode(data_block(m))), m)
    add("with a label", "valid", rsa(encode(data_block(label=b"coffer"))), label=b"coffer")
    bad("first byte of l_hash modified", edit(good, 0, good[0] ^ 1))
    bad("last byte of l_hash modified", edit(good, H - 1, good[H - 1] ^ 0x80))
    bad("l_hash changed to all 0", bytes(H) + good[H:])
    bad("l_hash changed to all 1", b"\xff" * H + good[H:])
    bad("l_hash of SHA-256, cut", hashlib.sha256(b"").digest()[:H] + good[H:])
    bad("first byte of ps modified", edit(good, ps.start, 0x80))
    bad("a byte in the middle of ps modified", edit(good, (ps.start + ps.stop) // 2, 2))
    bad("last byte of ps modified", edit(good, end - 1, 0x10))
    bad("ps terminated by 0xff", edit(good, end, 0xff))
    bad("ps terminated by 2", edit(good, end, 2))
    bad("no 1 anywhere", good[:H] + bytes(len(good) - H))
    bad("ps replaced by 0xff", good[:H] + b"\xff" * len(ps) + good[end:])
    bad("first byte is 1", good, first=1)
    bad("first byte is 0x40", good, first=0x40)
    bad("mgf seed of another block", xor(good, mgf(SEED, len(good))))
    add("m is 0", "invalid", 0)
    add("m is 1", "invalid", 1)
    add("m is n-1", "invalid", n - 1)
    c = rsa(encode(good))
    add("n added to c", "invalid", (c + n).to_bytes(K + 1, "big")[-K:] if c + n < 1 << (8 * K) else (c + n).to_bytes(K + 1, "big"))
    add("ciphertext is empty", "invalid", b"")
    add("prepended 0", "invalid", b"\0" + c.to_bytes(K, "big"))
    add("appended 0", "invalid", c.to_bytes(K, "big") + b"\0")
    add("truncated", "invalid", c.to_bytes(K, "big")[:-1])
    for bit in (0, 7, 1023, 2040):
        add(f"bit {bit} of the ciphertext flipped", "invalid", c ^ 1 << bit)
    out = {"algorithm": "RSAES-OAEP", "numberOfTests": len(tests), "testGroups": [
        {"keySize": 2048, "sha": "SHA-1", "mgf": "MGF1", "mgfSha": "SHA-1", "privateKey": key, "tests": tests}]}
    text = json.dumps(out, indent=1) + "\n"
    if "--check" in sys.argv:
        with open(FILE, encoding="ascii") as f:
            sys.exit(0 if f.read() == text else "rsa-oaep-sha1.json is not what this makes")
    with open(FILE, "w", encoding="ascii") as f:
        f.write(text)


main()
