#!/usr/bin/env python3
"""Makes anchor-record-v1.json: the owner digest, the counter's Name and reference, and the record in both stages. Independent of Coffer's code: written from docs/formats.md sections 6
and 19 and TPM 2.0 part 1, 16 (Names) and part 2, 13.6 (TPMS_NV_PUBLIC). The file is frozen: run this only to see that it still gives the same bytes (--check)."""
import hashlib

from cryptography.hazmat.primitives import hashes

from frozen import keep
from make_sealed import DOMAIN, NONCE, hkdf, message, rising, u

NODE, DATA_KEY, GENERATION = rising(0x10, 16), rising(0x20, 32), u(4, 1)
INDEX, SHA256 = 0x01810C10, 0x0B
COUNTER, AUTHWRITE, AUTHREAD, OWNERREAD, NO_DA, WRITTEN = 1 << 4, 1 << 2, 1 << 18, 1 << 17, 1 << 25, 1 << 29


def lp(value):
    return u(4, len(value)) + value


def t(label):
    text = b"coffer v1 " + label
    return bytes([len(text)]) + text


def sealed(version, body):
    key = hkdf(hashes.SHA256(), DATA_KEY, DOMAIN, b"coffer v1 object-seal" + GENERATION, 32)
    row = t(b"record") + DOMAIN + b"\x05" + lp(b"anchor-" + NODE.hex().encode()) + u(4, version) + u(4, 0) + GENERATION + lp(b"\x01") + lp(u(2, 0))
    return message(key, DOMAIN, 1, NONCE, 1, row, body)


def make():
    owner = hashlib.sha256(t(b"anchor-owner") + DOMAIN + NODE).digest()
    attributes = COUNTER | AUTHWRITE | AUTHREAD | OWNERREAD | NO_DA | WRITTEN
    public = u(4, INDEX) + u(2, SHA256) + u(4, attributes) + u(2, 32) + owner + u(2, 8)
    name = u(2, SHA256) + hashlib.sha256(public).digest()
    reference = b"\x01" + u(4, INDEX) + u(2, len(name)) + name
    auth = rising(0x91, 32)
    making = b"\x01" + auth + lp(b"") + lp(b"") + u(8, 0) * 3 + u(8, 11) + u(8, 1700000000000) + u(4, 0) + u(8, 0) * 3
    made = b"\x02" + auth + lp(reference) + lp(b"NV index 0x01810C10") + u(8, 5) + u(8, 1700000000001) + u(8, 9) + u(8, 77) + u(8, 1700000000002) + u(4, 2)
    made += u(8, 1700000000003) + u(8, 8) + u(8, 6)
    return {
        "comment": "Known answers of docs/formats.md section 19. Frozen: a changed value is a new format version. Inputs are those of formats-v1.json.",
        "owner": owner.hex(), "name": name.hex(), "reference": reference.hex(), "id": (b"anchor-" + NODE.hex().encode()).decode(), "auth": auth.hex(),
        "making": making.hex(), "sealed-making": sealed(1, making).hex(), "made": made.hex(), "sealed-made": sealed(2, made).hex(),
    }


if __name__ == "__main__":
    keep("anchor-record-v1.json", make())
