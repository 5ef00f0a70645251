#!/usr/bin/env python3
"""Makes object-record-v1.json (header schema 1) and object-record-v3.json (schema 3). Independent of Coffer's code: written from docs/formats.md
sections 2.1, 6, 6.1 and 7. The files are frozen: run this only to see that it still gives the same bytes (--check)."""
import hashlib
import hmac

from cryptography.hazmat.primitives import hashes

from frozen import keep
from make_sealed import DOMAIN, KEY_ID, MANAGED, NONCE, hkdf, message, rising, u

DATA_KEY, GENERATION = rising(0x20, 32), u(4, 1)
STRUCTURE, INTEGER, LONG_INTEGER, ENUMERATION, BOOLEAN, TEXT, BYTES, DATE_TIME = 1, 2, 3, 5, 6, 7, 8, 9
CREATED, CUSTOM, APPLICATION, APPLICATION_DATA, APPLICATION_NAMESPACE = 0x54008F, 0x42000B, 0x420004, 0x420002, 0x420003
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


def searchable(tag, kind, value, name=b"", field=0):
    return token(4, u(4, tag) + lp(name) + u(4, field) + bytes([kind]) + lp(value))


def make(schema):
    name = item(0x420055, TEXT, b"payroll-key") + item(0x420054, ENUMERATION, u(4, 1))
    application = item(APPLICATION_NAMESPACE, TEXT, b"ssh") + item(APPLICATION_DATA, TEXT, b"host 7")
    fields = (item(KEY_VERSION, INTEGER, u(4, 3)) + item(KEY_FORMAT, ENUMERATION, u(4, 1)) + item(MATERIAL, BYTES, MANAGED))
    attributes = (attribute(0, item(0x420053, STRUCTURE, name)) + attribute(0, item(0x420056, TEXT, b"finance")) +
                  attribute(0, item(0x420039, DATE_TIME, u(8, 1700000000))) +
                  attribute(0, item(CUSTOM, TEXT, b"Ulm"), b"x-site"))
    tokens = [token(1, b"payroll-key"), token(2, b"finance")]
    if schema == 3:
        fields += item(CREATED, LONG_INTEGER, u(8, 1700000000000042))
        attributes += attribute(0, item(APPLICATION, STRUCTURE, application))
        tokens += [token(3, b"unix:1000"), searchable(CUSTOM, TEXT, b"Ulm", name=b"x-site"),
                   searchable(APPLICATION, TEXT, b"ssh", field=APPLICATION_NAMESPACE), searchable(APPLICATION, STRUCTURE, application)]
    body = item(RECORD, STRUCTURE, fields + attributes)
    header = bytes([schema]) + u(4, 2) + u(4, 3) + u(4, 256) + u(4, 12) + lp(b"unix:1000")
    index = u(2, len(tokens)) + b"".join(sorted(tokens))
    label = b"coffer v1 record"
    binding = (bytes([len(label)]) + label + DOMAIN + bytes([1]) + lp(KEY_ID) + u(4, 7) + u(4, 2) + GENERATION + lp(header) + lp(index))
    sealed = message(subkey(b"object-seal"), DOMAIN, 1, NONCE, 1, binding, body)
    what = "section 6.1" if schema == 1 else "sections 6.1 and 7, header schema 3"
    return {
        "comment": f"Known answer of docs/formats.md {what}. Frozen: a changed value is a new format version. Inputs are those of formats-v1.json.",
        "version": 7, "state": 2, "generation": 1, "id": KEY_ID.hex(),
        "header": header.hex(), "index": index.hex(), "body": body.hex(), "sealed-body": sealed.hex(),
    }


if __name__ == "__main__":
    for schema in (1, 3):
        keep(f"object-record-v{schema}.json", make(schema))
