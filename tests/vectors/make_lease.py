#!/usr/bin/env python3
"""Makes lease-v1.json: the lease row held, renewed and given back. Independent of Coffer's code: written from docs/formats.md sections 1, 2.1, 6 and 23.2. The file is frozen: run this
only to see that it still gives the same bytes (--check)."""
import hashlib
import hmac

from cryptography.hazmat.primitives import hashes

from frozen import keep
from make_sealed import DOMAIN, hkdf, rising, u

NODE, DATA_KEY, GENERATION = rising(0x10, 16), rising(0x20, 32), u(4, 1)


def lp(value):
    return u(4, len(value)) + value


def t(label):
    text = b"coffer v1 " + label
    return bytes([len(text)]) + text


def node_record_key():
    return hkdf(hashes.SHA256(), DATA_KEY, DOMAIN, b"coffer v1 node-record" + GENERATION, 32)


def shared_row(name, version, state):
    """R of a row of table 64."""
    return t(b"record") + DOMAIN + bytes([64]) + lp(name) + u(4, version) + u(4, state) + GENERATION + lp(b"\x01") + lp(u(2, 0))


def body(version, state, epoch, life, taken, holds):
    fields = b"\x01" + NODE + u(8, epoch) + life + u(8, taken) + u(4, holds)
    return fields + hmac.new(node_record_key(), t(b"lease-mac") + shared_row(b"lease", version, state) + lp(fields), hashlib.sha256).digest()


def make():
    rows = [(1, 1, 1, rising(0x40, 16), 1700000000000, 9000), (2, 1, 1, rising(0x50, 16), 1700000000000, 9000), (4294967294, 2, 7, rising(0x60, 16), 1700000000001, 1200)]
    return {
        "comment": "Known answers of docs/formats.md section 23.2. Frozen: a changed value is a new format version. Inputs are those of formats-v1.json.",
        "taken": body(*rows[0]).hex(), "renewed": body(*rows[1]).hex(), "given-back": body(*rows[2]).hex(),
    }


if __name__ == "__main__":
    keep("lease-v1.json", make())
