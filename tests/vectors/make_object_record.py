#!/usr/bin/env python3
"""Makes object-record-v1.json. Independent of Coffer's code: written from docs/formats.md sections 2.1, 6, 6.1 and 7. The file is frozen:
run this only to see that it still gives the same bytes (--check)."""
import hashlib
import hmac
import json
import os
import sys

from cryptography.hazmat.primitives import hashes

from make_sealed import DOMAIN, HERE, KEY_ID, MANAGED, NONCE, hkdf, message, rising, u

PATH = os.path.join(HERE, "object-record-v1.json")
DATA_KEY, GENERATION = rising(0x20, 32), u(4, 1)
STRUCTURE, INTEGER, ENUMERATION, BOOLEAN, TEXT, BYTES, DATE_TIME = 1, 2, 5, 6, 7, 8, 9
RECORD, ATTRIBUTE, MATERIAL, KEY_FORMAT, KEY_VERSION, INDEX, NAME = range(0x540080, 0x540087)


def lp(value):
    return u(4, len(value)) + value


def item(tag, kind, value):
    return u(3, tag) + bytes([kind]) + u(4, len(value)) + value + bytes(-len(value) % 8)


def attribute(index, value, name=None):
    custom = item(NAME, TEXT, name) if name else b""
    return item(ATTRIBUTE, STRUCTURE, item(INDEX, INTEGER, u(4, index)) + custom + value)


def subkey(label):
    return hkdf(hashes.SHA256(), DATA_KEY, DOMAIN, b"coffer v1 " + label + GENERATION, 32)


def token(index, value):
    return bytes([index]) + hmac.new(subkey(b"index"), bytes([1, index]) + lp(value), hashlib.sha256).digest()


def make():
    name = item(0x420055, TEXT, b"payroll-key") + item(0x420054, ENUMERATION, u(4, 1))
    body = item(RECORD, STRUCTURE, item(KEY_VERSION, INTEGER, u(4, 3)) + item(KEY_FORMAT, ENUMERATION, u(4, 1)) +
                item(MATERIAL, BYTES, MANAGED) + attribute(0, item(0x420053, STRUCTURE, name)) +
                attribute(0, item(0x420056, TEXT, b"finance")) +
                attribute(0, item(0x420039, DATE_TIME, u(8, 1700000000))) +
                attribute(0, item(0x42000B, TEXT, b"Ulm"), b"x-site"))
    header = bytes([1]) + u(4, 2) + u(4, 3) + u(4, 256) + u(4, 12) + lp(b"unix:1000")
    entries = sorted([token(1, b"payroll-key"), token(2, b"finance")])
    index = u(2, len(entries)) + b"".join(entries)
    label = b"coffer v1 record"
    binding = (bytes([len(label)]) + label + DOMAIN + bytes([1]) + lp(KEY_ID) + u(4, 7) + u(4, 2) + GENERATION + lp(header) + lp(index))
    sealed = message(subkey(b"object-seal"), DOMAIN, 1, NONCE, 1, binding, body)
    return {
        "comment": "Known answer of docs/formats.md section 6.1. Frozen: a changed value is a new format version. Inputs are those of formats-v1.json.",
        "version": 7, "state": 2, "generation": 1, "id": KEY_ID.hex(),
        "header": header.hex(), "index": index.hex(), "body": body.hex(), "sealed-body": sealed.hex(),
    }


def main():
    text = json.dumps(make(), indent=1) + "\n"
    if "--check" in sys.argv:
        with open(PATH, encoding="ascii") as f:
            if f.read() != text:
                sys.exit("object-record-v1.json differs")
        return
    with open(PATH, "w", encoding="ascii") as f:
        f.write(text)


main()
