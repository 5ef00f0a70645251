#!/usr/bin/env python3
"""Makes audit-token-v1.json. Independent of Coffer's code: written from docs/formats.md section 20.6; ECDSA with the nonce of RFC 6979, so that it is the same
each time. The file is frozen: run this only to see that it still gives the same bytes (--check)."""
import hashlib
import hmac

from frozen import keep
from make_audit_export import NODE, base32, sha, t
from make_sealed import DOMAIN, rising, u

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296, 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
KEY = int.from_bytes(rising(0x60, 32), "big")


def add(a, b):
    if a is None or b is None:
        return b if a is None else a
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k, point):
    out = None
    while k:
        if k & 1:
            out = add(out, point)
        point = add(point, point)
        k >>= 1
    return out


def nonce(digest):
    """RFC 6979 section 3.2 with SHA-256; the order has 256 bits."""
    seed = u(32, KEY) + u(32, int.from_bytes(digest, "big") % N)
    k, v = b"\0" * 32, b"\1" * 32
    for mark in (b"\0", b"\1"):
        k = hmac.new(k, v + mark + seed, hashlib.sha256).digest()
        v = hmac.new(k, v, hashlib.sha256).digest()
    while True:
        v = hmac.new(k, v, hashlib.sha256).digest()
        if 0 < int.from_bytes(v, "big") < N:
            return int.from_bytes(v, "big")
        k = hmac.new(k, v + b"\0", hashlib.sha256).digest()
        v = hmac.new(k, v, hashlib.sha256).digest()


def sign(message):
    digest = hashlib.sha256(message).digest()
    k = nonce(digest)
    r = times(k, G)[0] % N
    return u(32, r) + u(32, pow(k, -1, N) * (int.from_bytes(digest, "big") + r * KEY) % N)


def make():
    point = times(KEY, G)
    public = b"\x04" + u(32, point[0]) + u(32, point[1])
    link, digest, seq, ms = rising(0x80, 32), rising(0xA0, 32), 41, 1700000003000
    signature = sign(t(b"audit-token") + DOMAIN + NODE + u(8, seq) + link + digest + u(8, ms))
    return {"comment": "Known answers of docs/formats.md section 20.6. Frozen: a changed value is a new format version. Domain and node are those of formats-v1.json.",
            "details": f"signed by the token up to record {seq}, key ecdsa-p256 {public.hex()}, time {ms}, link {link.hex()}, digest {digest.hex()}, "
                       f"signature {signature.hex()}",
            "fingerprint": base32(sha(t(b"audit-token-key"), public)[:20])}


if __name__ == "__main__":
    keep("audit-token-v1.json", make())
