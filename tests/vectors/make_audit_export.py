#!/usr/bin/env python3
"""Makes audit-export-v1.json. Independent of Coffer's code: written from docs/formats.md sections 8 and 20. The file is frozen: run this only to
see that it still gives the same bytes (--check)."""
import base64
import hashlib
import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from frozen import keep
from make_sealed import DOMAIN, hkdf, rising, u

NODE, OBJECT, REQUEST, GENERATION = rising(0x10, 16), rising(0x40, 16), rising(0x30, 16), 1
SIGNER = Ed25519PrivateKey.from_private_bytes(rising(0xE0, 32))
PUBLIC = SIGNER.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
# A principal and a sentence of the kind that wants to be something else: line ends, quotes, escapes of terminals, marks that turn text round, broken UTF-8.
BAD_NAME = 'tls:CN="a\\b"\r\n{"seq":9}\x1b[2J'.encode()
BAD_TEXT = "é\u202e\u2028\U0001f511\x7f\x00".encode() + b"\xff\xc3"


def lp(value):
    return u(4, len(value)) + value


def t(label):
    label = b"coffer v1 " + label
    return bytes([len(label)]) + label


def subkey(label):
    return hkdf(hashes.SHA256(), rising(0x20, 32), DOMAIN, b"coffer v1 " + label + u(4, GENERATION), 32)


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def uuid(b):
    h = b.hex()
    return "-".join((h[:8], h[8:12], h[12:16], h[16:20], h[20:]))


def base32(b):
    text = base64.b32encode(b).decode().rstrip("=")
    return "-".join(text[i:i + 4] for i in range(0, len(text), 4))


def quoted(b):
    out = ""
    for c in b.decode("utf-8", "surrogateescape"):
        if c in '"\\':
            out += "\\" + c
        elif " " <= c <= "~":
            out += c
        else:
            units = c.encode("utf-16-be", "surrogatepass")
            out += "".join("\\u" + units[i:i + 2].hex() for i in range(0, len(units), 2))
    return '"' + out + '"'


def line(*members):
    return "{" + ",".join(f'"{name}":{value}' for name, value in members) + "}"


def text(s):
    return quoted(s if isinstance(s, bytes) else s.encode())


def row(seq, ms, epoch, principal, op, status, reason, obj, request, details):
    return (b"\x01" + u(8, seq) + u(8, ms) + NODE + u(8, epoch) + lp(principal) + u(4, op) + u(4, status) + u(4, reason) + lp(obj) + lp(request) +
            lp(details))


def make():
    link = sha(t(b"audit-genesis"), DOMAIN, NODE, PUBLIC)
    digest = sha(t(b"audit-base"), DOMAIN, NODE, u(8, 0), link)
    fingerprint = base32(sha(t(b"domain-fingerprint"), DOMAIN, PUBLIC)[:20])
    out = {"header": line(("coffer-audit", 1), ("domain", text(uuid(DOMAIN))), ("node", text(uuid(NODE))), ("key", text(PUBLIC.hex())),
                          ("fingerprint", text(fingerprint)), ("seq", 0), ("link", text(link.hex())), ("digest", text(digest.hex())))}
    rows = [(1, 1700000000000, 5, b"unix:1000", 1, 0, 0, OBJECT, b"", b"", "Create", "ok", "2023-11-14T22:13:20Z"),
            (2, 1700000001999, 0, BAD_NAME, 0x8000000C, 1, 12, b"\x07\x08", REQUEST, BAD_TEXT, "AuditShow", "PermissionDenied", "2023-11-14T22:13:21Z")]
    before = digest
    for n, (seq, ms, epoch, principal, op, status, reason, obj, request, details, name, result, when) in enumerate(rows):
        body = row(seq, ms, epoch, principal, op, status, reason, obj, request, details)
        key = subkey(b"audit")
        link = hmac.new(key, t(b"audit-link") + DOMAIN + NODE + u(4, GENERATION) + u(8, seq) + link + lp(body), hashlib.sha256).digest()
        before, digest = digest, sha(t(b"audit-digest"), digest, u(4, GENERATION), link, lp(body))
        out[f"record-{n + 1}"] = line(
            ("seq", seq), ("time", text(when)), ("principal", text(principal)), ("operation", text(name)), ("result", text(result)),
            ("object", text(uuid(obj) if len(obj) == 16 else obj.hex())), ("details", text(details)), ("request", text(request.hex())), ("ms", ms),
            ("op", op), ("status", status), ("reason", reason), ("epoch", epoch), ("generation", GENERATION), ("link", text(link.hex())),
            ("digest", text(digest.hex())))
    ms = 1700000002000
    whose = (("time", text("2023-11-14T22:13:22Z")), ("ms", ms), ("domain", text(uuid(DOMAIN))), ("node", text(uuid(NODE))))
    signature = SIGNER.sign(t(b"audit-checkpoint") + DOMAIN + NODE + u(8, 2) + link + digest + u(8, ms))
    out["checkpoint"] = line(("checkpoint", 2), *whose, ("link", text(link.hex())), ("digest", text(digest.hex())), ("signature", text(signature.hex())))
    why = b"the queue was full"
    signature = SIGNER.sign(t(b"audit-gap") + DOMAIN + NODE + u(8, 2) + u(8, 2) + before + link + digest + u(8, ms) + lp(why))
    out["gap"] = line(("gap", 2), ("to", 2), *whose, ("why", text(why)), ("before", text(before.hex())), ("link", text(link.hex())),
                      ("digest", text(digest.hex())), ("signature", text(signature.hex())))
    return {"comment": "Known answers of docs/formats.md section 20. Frozen: a changed value is a new format version. Inputs are those of formats-v1.json.",
            **out}


if __name__ == "__main__":
    keep("audit-export-v1.json", make())
