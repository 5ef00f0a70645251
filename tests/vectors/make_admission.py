#!/usr/bin/env python3
"""Makes admission-v1.json: card, requests, rows, answers, a later generation, an enrolment token. Independent of Coffer's code: written from docs/formats.md section 23.3 and
RFC 9180 over python3-cryptography. The file is frozen: run this only to see that it still gives the same bytes (--check)."""
import base64
import hashlib
import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from frozen import keep
from make_sealed import DOMAIN, hkdf, rising, u

NODE, SEED = rising(0x10, 16), Ed25519PrivateKey.from_private_bytes(rising(0xE0, 32))
DATA_KEYS = {1: rising(0x20, 32), 2: rising(0x21, 32)}
TRANSPORT, EPHEMERAL = rising(0x31, 32), rising(0x41, 32)
TOKEN = rising(0x80, 32)


def lp(value):
    return u(4, len(value)) + value


def t(label):
    text = b"coffer v1 " + label
    return bytes([len(text)]) + text


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def raw(public):
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


PUBLIC = raw(SEED.public_key())


def scalar(d):
    return ec.derive_private_key(int.from_bytes(d, "big"), ec.SECP256R1())


def point(private):
    return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def extract(suite, salt, label, ikm):
    return mac(salt or bytes(32), b"HPKE-v1" + suite + label + ikm)


def expand(suite, prk, label, info, length):
    out, block, i = b"", b"", 1
    info = u(2, length) + b"HPKE-v1" + suite + label + info
    while len(out) < length:
        block = mac(prk, block + info + bytes([i]))
        out, i = out + block, i + 1
    return out[:length]


def hpke_seal(public_key, ephemeral, info, plain):
    e = scalar(ephemeral)
    peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    enc, kem, suite = point(e), b"KEM" + u(2, 0x10), b"HPKE" + u(2, 0x10) + u(2, 1) + u(2, 2)
    shared = expand(kem, extract(kem, b"", b"eae_prk", e.exchange(ec.ECDH(), peer)), b"shared_secret", enc + public_key, 32)
    context = b"\0" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    secret = extract(suite, shared, b"secret", b"")
    return enc, AESGCM(expand(suite, secret, b"key", context, 32)).encrypt(expand(suite, secret, b"base_nonce", context, 12), plain, b"")


def subkey(label, generation):
    return hkdf(hashes.SHA256(), DATA_KEYS[generation], DOMAIN, b"coffer v1 " + label + u(4, generation), 32)


def generation_signature(generation):
    return SEED.sign(t(b"generation") + DOMAIN + u(4, generation) + subkey(b"key-check", generation))


def request(evidence):
    return b"\x01" + DOMAIN + NODE + lp("knoten-ü".encode()) + b"\x02" + point(scalar(TRANSPORT)) + rising(0x51, 32) + u(8, 1700000000000) + lp(evidence)


def digest(req):
    return sha(t(b"admission-request"), lp(req))


def base32(value):
    text = base64.b32encode(value).decode().rstrip("=")
    return "-".join(text[i:i + 4] for i in range(0, len(text), 4))


def answer(req, enrolment_key):
    q, out = digest(req), b"\x01" + PUBLIC + u(2, len(DATA_KEYS))
    for g, key in sorted(DATA_KEYS.items()):
        info = t(b"admission-wrap") + DOMAIN + NODE + u(4, g) + rising(0x51, 32) + q
        enc, ct = hpke_seal(point(scalar(TRANSPORT)), rising(0x41 + g, 32), info, key)
        out += u(4, g) + subkey(b"key-check", g) + generation_signature(g) + enc + ct
    out += u(8, 7) + u(2, 2) + NODE + u(8, 11) + rising(0x90, 16) + u(8, 12)
    out += lp(mac(enrolment_key, t(b"enrolment-answer"), q, lp(out)) if enrolment_key else b"")
    return out + SEED.sign(t(b"admission-answer") + q + lp(out))


def refresh(generation):
    signature = generation_signature(generation)
    enc, ct = hpke_seal(point(scalar(TRANSPORT)), EPHEMERAL, t(b"refresh-wrap") + DOMAIN + NODE + u(4, generation) + signature, DATA_KEYS[generation])
    body = b"\x01" + subkey(b"key-check", generation) + signature + enc + ct + u(8, 9)
    return body + mac(subkey(b"node-record", generation - 1), t(b"refresh-mac"), DOMAIN, NODE, u(4, generation - 1), u(4, generation), lp(body))


def row(state, req, challenge=b"", proof=b"", ans=b"", sentence=b""):
    return b"\x01" + bytes([state]) + lp(req) + lp(challenge) + lp(proof) + lp(ans) + lp(sentence)


def joining(stage, req):
    keys = stage > 1
    out = b"CFRJ\x01\x02" + bytes([stage, 0]) + DOMAIN + NODE + PUBLIC + lp(b"pkcs11:token=x") + (rising(0xC0, 32) if keys else bytes(32))
    out += lp(b"CKM_AES_KEY_WRAP" if keys else b"") + lp(b"details" if keys else b"") + lp(rising(1, 17) if keys else b"") + lp(rising(2, 40) if keys else b"")
    out += lp(rising(3, 40) if keys else b"") + lp(req)
    return out + sha(out)[:8]


def make():
    key, identity = sha(t(b"enrolment-key"), TOKEN), sha(t(b"enrolment-id"), TOKEN)[:16]
    plain = request(b"")
    by_token = request(b"\x01" + identity + mac(key, t(b"enrolment"), lp(plain)))
    endorsed = request(b"\x02" + lp(rising(0, 200)) + lp(rising(1, 90)))
    ans, by_token_answer = answer(plain, None), answer(by_token, key)
    out = {
        "transport-private": TRANSPORT, "transport-public": point(scalar(TRANSPORT)), "card": b"\x01" + DOMAIN + PUBLIC, "request": plain, "digest": digest(plain),
        "request-enrolment": by_token, "request-endorsement": endorsed, "enrolment-key": key, "answer": ans, "answer-enrolment": by_token_answer, "refresh-2": refresh(2),
        "row-asked": row(1, plain), "row-answered": row(2, plain, ans=ans), "row-refused": row(3, plain, sentence=b"no"),
        "joining-begun": joining(1, b""), "joining-keys": joining(2, b""), "joining-asked": joining(3, plain),
        "row-challenged": row(4, endorsed, rising(5, 100), rising(6, 32)),
    }
    out = {name: value.hex() for name, value in out.items()}
    out["comment"] = "Known answers of docs/formats.md section 23.3. Frozen: a changed value is a new format version. Domain, node, data keys are those of formats-v1.json."
    out["fingerprint"] = base32(digest(plain)[:20])
    out["answer-fingerprint"] = base32(sha(t(b"admission-answer-print"), lp(ans))[:20])
    out["domain-fingerprint"] = base32(sha(t(b"domain-fingerprint"), DOMAIN, PUBLIC)[:20])
    out["enrolment-token"] = base32(TOKEN + sha(t(b"enrolment-check"), TOKEN)[:3])
    return out


if __name__ == "__main__":
    keep("admission-v1.json", make(), sort_keys=True)
