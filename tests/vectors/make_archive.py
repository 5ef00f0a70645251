#!/usr/bin/env python3
"""Makes archive-v1.json: whole archives, their recovery stanzas and the sheets with the shares. Independent of Coffer's code: written from docs/formats.md sections 2, 6, 8, 10, 14 and 16 over
python3-cryptography. The file is frozen: run this only to see that it still gives the same bytes (--check)."""
import base64
import hashlib
import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from frozen import keep
from make_object_record import (CREATED, INDEX, KEY_FORMAT, KEY_VERSION, LONG_INTEGER, MATERIAL, RECORD, STRUCTURE, INTEGER, ENUMERATION, BYTES, TEXT, DATE_TIME,
                                attribute, item)
from make_sealed import DOMAIN, KEY_ID, MANAGED, hkdf, message, rising, u

NODE, ARCHIVE, SET_ID = rising(0x10, 16), rising(0xB0, 16), rising(0xF0, 16)
DATA_KEYS = {1: rising(0x20, 32), 2: rising(0x90, 32)}
NEWEST, ROOT_VERSION, WHEN = 2, 9, 1700000000000
SEED = rising(0xE0, 32)
SIGNER = Ed25519PrivateKey.from_private_bytes(SEED)
PUBLIC = SIGNER.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
SCALAR, C1, C2, K, N = rising(0x01, 32), rising(0x80, 32), rising(0x55, 32), 3, 5
EPHEMERAL = {1: rising(0x41, 32), 2: rising(0x61, 32)}
PASSPHRASE, LOG2N, SALT, SEAL_NONCE = b"correct horse", 15, rising(0xA0, 32), rising(0x90, 12)
EMPTY_INDEX = u(2, 0)
nonces = 0


def lp(value):
    return u(4, len(value)) + value


def t(label):
    text = b"coffer v1 " + label
    return bytes([len(text)]) + text


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def base32(b):
    return base64.b32encode(b).decode().rstrip("=")


def fours(text):
    return "-".join(text[i:i + 4] for i in range(0, len(text), 4))


def subkey(label, generation):
    return hkdf(hashes.SHA256(), DATA_KEYS[generation], DOMAIN, b"coffer v1 " + label + u(4, generation), 32)


FINGERPRINT = sha(t(b"domain-fingerprint"), DOMAIN, PUBLIC)[:20]


def generation_signature(generation):
    return SIGNER.sign(t(b"generation") + DOMAIN + u(4, generation) + subkey(b"key-check", generation))


# ---- recovery: section 10 ----

def point(scalar):
    return ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


RECOVERY_PUBLIC = point(SCALAR)
RECOVERY_ID = sha(t(b"recovery-key-id"), DOMAIN, RECOVERY_PUBLIC)[:16]


def hpke_seal(public, ephemeral, info, plaintext):
    """RFC 9180, base mode: KEM 0x0010, KDF 0x0001, AEAD 0x0002."""
    def extract(suite, salt, label, ikm):
        return hmac.new(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, hashlib.sha256).digest()

    def expand(suite, prk, label, what, length):
        return HKDFExpand(algorithm=hashes.SHA256(), length=length, info=u(2, length) + b"HPKE-v1" + suite + label + what).derive(prk)

    kem, suite = b"KEM" + u(2, 0x10), b"HPKE" + u(2, 0x10) + u(2, 1) + u(2, 2)
    private = ec.derive_private_key(int.from_bytes(ephemeral, "big"), ec.SECP256R1())
    encapsulated = point(ephemeral)
    dh = private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public))
    shared = expand(kem, extract(kem, b"", b"eae_prk", dh), b"shared_secret", encapsulated + public, 32)
    context = b"\0" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    secret = extract(suite, shared, b"secret", b"")
    key, nonce = expand(suite, secret, b"key", context, 32), expand(suite, secret, b"base_nonce", context, 12)
    return encapsulated + AESGCM(key).encrypt(nonce, plaintext, b"")


def wrap(generation):
    sealed = hpke_seal(RECOVERY_PUBLIC, EPHEMERAL[generation], t(b"recovery-wrap") + DOMAIN + RECOVERY_ID + u(4, generation), DATA_KEYS[generation])
    return u(4, generation) + sealed + subkey(b"key-check", generation) + generation_signature(generation)


def times(a, b):
    """In GF(2^8) with 0x11D."""
    out = 0
    for bit in range(8):
        if b >> bit & 1:
            out ^= a << bit
    for bit in range(14, 7, -1):
        if out >> bit & 1:
            out ^= 0x11D << (bit - 8)
    return out


def y_of(x):
    return bytes(d ^ times(c1, x) ^ times(c2, times(x, x)) for d, c1, c2 in zip(SCALAR, C1, C2))


def sheet(x):
    share = bytes([1, K, N, x]) + SET_ID + FINGERPRINT + y_of(x)
    share += sha(t(b"share"), share)[:3]
    out = f"coffer share {x} of {N}, any {K} recover\ndomain {fours(base32(FINGERPRINT))}\n"
    for i in range(5):
        part = share[15 * i:15 * i + 15]
        check = sha(t(b"share-line"), bytes([i + 1]), part)
        bits = int.from_bytes(check[:3], "big") >> 4
        out += f"{i + 1}  {fours(base32(part) + base32(u(5, bits << 20))[:4])}\n"
    return out


def mode_shares():
    return bytes([1, K, N]) + SET_ID + b"".join(sha(SET_ID, bytes([x]), y_of(x)) for x in range(1, N + 1))


def mode_passphrase():
    derived = Scrypt(salt=SALT, length=64, n=1 << LOG2N, r=8, p=1).derive(PASSPHRASE)
    parameters = bytes([LOG2N, 8, 1]) + SALT
    aad = t(b"recovery-passphrase") + DOMAIN + FINGERPRINT + RECOVERY_ID + RECOVERY_PUBLIC + parameters
    return bytes([2]) + parameters + derived[32:] + SEAL_NONCE + AESGCM(derived[:32]).encrypt(SEAL_NONCE, SCALAR, aad)


# ---- records: section 6 ----

def binding(table, row_id, version, state, generation, header, index):
    return t(b"record") + DOMAIN + bytes([table]) + lp(row_id) + u(4, version) + u(4, state) + u(4, generation) + lp(header) + lp(index)


def next_nonce():
    global nonces
    nonces += 1
    return sha(b"nonce", u(4, nonces))[:24]


class Row:
    def __init__(self, table, row_id, plain, state=0, version=1, generation=NEWEST, header=b"\x01", index=EMPTY_INDEX, label=b"object-seal", body=None):
        self.table, self.id, self.version, self.state, self.generation, self.header, self.index = table, row_id, version, state, generation, header, index
        bound = binding(table, row_id, version, state, generation, header, index)
        self.body = body(bound) if body else message(subkey(label, generation), DOMAIN, generation, next_nonce(), 1, bound, plain)

    def member(self):
        return (bytes([self.table]) + lp(self.id) + u(4, self.version) + u(4, self.state) + u(4, self.generation) + lp(self.header) + lp(self.index) +
                lp(self.body))

    def entry(self):
        key = subkey(b"anchor", self.generation or NEWEST)
        bound = binding(self.table, self.id, self.version, self.state, self.generation, self.header, self.index)
        return int.from_bytes(hmac.new(key, t(b"root-row") + bound + hashlib.sha256(self.body).digest(), hashlib.sha256).digest(), "big")


def stanza_row(mode):
    def signed(bound):
        body = (b"\x01" + DOMAIN + RECOVERY_ID + RECOVERY_PUBLIC + mode + u(2, len(DATA_KEYS)) + b"".join(wrap(g) for g in sorted(DATA_KEYS)))
        return body + SIGNER.sign(t(b"recovery-stanza") + bound + lp(body))
    return Row(8, RECOVERY_ID, None, state=1, generation=0, body=signed)


def token(table, index, value, generation):
    return bytes([index]) + hmac.new(subkey(b"index", generation), bytes([table, index]) + lp(value), hashlib.sha256).digest()


def index_column(tokens):
    return u(2, len(tokens)) + b"".join(sorted(tokens))


def object_row(row_id, name, state, generation, material, created, dates):
    fields = item(KEY_VERSION, INTEGER, u(4, 1)) + item(KEY_FORMAT, ENUMERATION, u(4, 1 if material else 0))
    if material:
        fields += item(MATERIAL, BYTES, material)
    fields += item(CREATED, LONG_INTEGER, u(8, created))
    value = item(0x420055, TEXT, name) + item(0x420054, ENUMERATION, u(4, 1))
    attributes = attribute(0, item(0x420053, STRUCTURE, value))
    for tag, seconds in dates:
        attributes += attribute(0, item(tag, DATE_TIME, u(8, seconds)))
    tokens = [token(1, 1, name, generation), token(1, 3 if material else 5, b"unix:1000", generation)]
    header = b"\x03" + u(4, 2) + u(4, 3) + u(4, 256) + u(4, 12) + lp(b"unix:1000")
    return Row(1, row_id, item(RECORD, STRUCTURE, fields + attributes), state=state, version=2, generation=generation, header=header, index=index_column(tokens))


def audit_rows():
    link = sha(t(b"audit-genesis"), DOMAIN, NODE, PUBLIC)
    digest = sha(t(b"audit-base"), DOMAIN, NODE, u(8, 0), link)
    out = []
    for seq, operation, details in ((1, 1, b"made"), (2, 0x14, b"destroyed")):
        row = (b"\x01" + u(8, seq) + u(8, WHEN + seq) + NODE + u(8, 0) + lp(b"unix:1000") + u(4, operation) + u(4, 0) + u(4, 0) + lp(KEY_ID) + lp(b"") + lp(details))
        generation = seq
        link = hmac.new(subkey(b"audit", generation), t(b"audit-link") + DOMAIN + NODE + u(4, generation) + u(8, seq) + link + lp(row), hashlib.sha256).digest()
        digest = sha(t(b"audit-digest"), digest, u(4, generation), link, lp(row))
        out.append(Row(3, NODE + u(8, seq), row, header=b"\x02" + u(4, generation) + link + digest))
    return out, link


def rows():
    start = WHEN // 1000
    audits, link = audit_rows()
    grant = lp(b"unix:0") + b"\x01" + lp(b"") + lp(b"unix:0") + u(8, WHEN)
    request = sha(t(b"request"), DOMAIN, lp(b"unix:1000"), lp(rising(0x30, 16)))
    out = [
        object_row(KEY_ID, b"payroll-key", 2, 1, MANAGED, 1700000000000042, ((0x420039, start), (0x420001, start))),
        object_row(rising(0x50, 16), b"gone", 5, 2, b"", 1700000000000043, ((0x420039, start), (0x420001, start), (0x42002F, start + 5), (0x420033, start + 9))),
        Row(2, rising(0x30, 16), grant, state=1, index=index_column([token(2, 1, b"unix:0", NEWEST)])),
        *audits,
        Row(4, request, sha(b"payload") + u(8, WHEN) + lp(b"answer"), header=b"\x01" + u(8, WHEN + 3600000)),
        Row(5, b"domain-key", SEED + PUBLIC, label=b"domain-key"),
        Row(5, b"object-index", b"\x01"),
        Row(5, b"recovery", RECOVERY_ID + u(4, 1)),
    ]
    return out, link


# ---- the archive: section 16 ----

def member(kind, content):
    return bytes([kind]) + lp(content)


def total(these):
    return u(32, sum(r.entry() for r in these) % 2**256)


def root_row(all_rows, stanza, link):
    def table(n):
        these = [stanza] if n == 8 else [r for r in all_rows if r.table == n]
        return bytes([n]) + u(8, len(these)) + total(these)
    body = u(8, ROOT_VERSION) + u(4, 0) + u(8, 0) + u(8, 0) + bytes([8]) + b"".join(table(n) for n in range(1, 9)) + bytes([1]) + NODE + u(8, 2) + link
    return Row(5, b"root", body)


def archive(mode):
    global nonces
    nonces = 0
    all_rows, link = rows()
    stanza = stanza_row(mode)
    header = DOMAIN + PUBLIC + FINGERPRINT + NODE + ARCHIVE + u(8, WHEN + 9000) + u(8, ROOT_VERSION) + u(4, NEWEST) + RECOVERY_ID
    out = b"CFRA\x01" + bytes(3) + member(1, header) + member(2, stanza.member()) + member(3, root_row(all_rows, stanza, link).member())
    manifest = bytes([0]) + u(8, len(all_rows))
    for n in range(1, 6):
        these = [r for r in all_rows if r.table == n]
        members = b"".join(member(4, r.member()) for r in these)
        manifest += bytes([n]) + u(8, len(these)) + u(8, len(members)) + sha(members) + total(these)
        out += members
    canary = Row(5, b"archive-canary", t(b"archive-canary") + hashlib.sha512(header).digest(), header=b"\x01" + ARCHIVE)
    out += member(5, canary.body) + member(6, manifest)
    return out + SIGNER.sign(t(b"archive") + DOMAIN + hashlib.sha512(out).digest()), stanza.body


def make():
    shares, stanza = archive(mode_shares())
    passphrase, sealed = archive(mode_passphrase())
    return {
        "comment": "Known answers of docs/formats.md section 16, with stanza and sheets of section 10. Frozen: a changed value is a new format version.",
        "fingerprint": fours(base32(FINGERPRINT)), "sheets": [sheet(x) for x in range(1, N + 1)], "passphrase": PASSPHRASE.decode(),
        "stanza-shares": stanza.hex(), "stanza-passphrase": sealed.hex(),
        "archive-shares": shares.hex(), "archive-passphrase": passphrase.hex(),
    }


if __name__ == "__main__":
    keep("archive-v1.json", make())
