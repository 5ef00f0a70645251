#!/usr/bin/env python3
"""Makes version-root-v1.json. Independent of Coffer's code: written from docs/formats.md sections 6 and 14. The file is frozen: run this only to
see that it still gives the same bytes (--check)."""
import hashlib
import hmac

from cryptography.hazmat.primitives import hashes

from frozen import keep
from make_sealed import DOMAIN, NONCE, hkdf, message, rising, u

NODE, DATA_KEY, GENERATION = rising(0x10, 16), rising(0x20, 32), u(4, 1)


def lp(value):
    return u(4, len(value)) + value


def t(label):
    text = b"coffer v1 " + label
    return bytes([len(text)]) + text


def subkey(label):
    return hkdf(hashes.SHA256(), DATA_KEY, DOMAIN, b"coffer v1 " + label + GENERATION, 32)


def mac(*parts):
    return hmac.new(subkey(b"anchor"), b"".join(parts), hashlib.sha256).digest()


def binding(table, row_id, version, state, generation, header, index):
    return t(b"record") + DOMAIN + bytes([table]) + lp(row_id) + u(4, version) + u(4, state) + u(4, generation) + lp(header) + lp(index)


def entry(table, row_id, version, state, generation, header, index, body):
    return mac(t(b"root-row"), binding(table, row_id, version, state, generation, header, index), hashlib.sha256(body).digest())


def make():
    grant = entry(2, rising(0x50, 16), 1, 1, 1, b"\x01", u(2, 0), b"sealed grant")
    other = entry(2, rising(0x60, 16), 1, 1, 1, b"\x01", u(2, 0), b"")
    stanza = entry(8, rising(0x70, 16), 3, 1, 0, b"\x01", u(2, 0), b"signed stanza")  # no generation of its own: that of the root's row
    grants = u(32, (int.from_bytes(grant, "big") + int.from_bytes(other, "big")) % 2**256)
    none, link = bytes(32), rising(0xA0, 32)
    tables = [(n, 0, none) for n in range(1, 9)]
    tables[1] = (2, 2, grants)
    tables[7] = (8, 1, stanza)
    body = u(8, 7) + u(4, 1) + u(8, 1700000000000) + u(8, 5) + bytes([8])
    body += b"".join(bytes([n]) + u(8, count) + total for n, count, total in tables)
    body += bytes([1]) + NODE + u(8, 9) + link
    row = binding(5, b"root", 1, 0, 1, b"\x01", u(2, 0))
    slot = b"CFRM\x01" + bytes(3) + GENERATION + u(8, 7) + mac(t(b"root-mark"), DOMAIN, NODE, GENERATION, u(8, 7)) + bytes(12)
    fields = b"CFRM\x02" + slot[5:52]
    return {
        "comment": "Known answers of docs/formats.md section 14. Frozen: a changed value is a new format version. Inputs are those of formats-v1.json.",
        "grant-entry": grant.hex(), "other-entry": other.hex(), "stanza-entry": stanza.hex(), "grant-sum": grants.hex(),
        "body": body.hex(), "sealed-body": message(subkey(b"object-seal"), DOMAIN, 1, NONCE, 1, row, body).hex(), "mark-slot": slot.hex(),
        "mark-slot-2": (fields + hashlib.sha256(fields).digest()[:8] + bytes(4)).hex(),
    }


if __name__ == "__main__":
    keep("version-root-v1.json", make())
