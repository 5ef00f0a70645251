#!/usr/bin/env python3
"""Makes sealed-message-v1.json and sealed-stream-v1.json. Independent of Coffer's code: written from docs/formats.md sections 2.2, 3, 4
over python3-cryptography. The files are frozen: run this only to see that it still gives the same bytes (--check)."""
import hashlib
import json
import os
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives import hashes

HERE = os.path.dirname(os.path.abspath(__file__))


def rising(first, count):
    return bytes((first + i) & 0xFF for i in range(count))


def u(width, value):
    return value.to_bytes(width, "big")


def hkdf(algorithm, ikm, salt, info, length):
    return HKDF(algorithm=algorithm, length=length, salt=salt, info=info).derive(ikm)


def encode_context(pairs):
    out = b""
    for name, value in sorted((n.encode(), v.encode()) for n, v in pairs.items()):
        out += u(4, len(name)) + name + u(4, len(value)) + value
    return out


def aes_block(key, block):
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def xaes_seal(key, nonce, aad, plaintext):
    top = int.from_bytes(aes_block(key, bytes(16)), "big")
    k1 = ((top << 1) & ((1 << 128) - 1)) ^ (0x87 if top >> 127 else 0)
    derived = b""
    for i in (1, 2):
        m = int.from_bytes(bytes([0, i, 0x58, 0]) + nonce[:12], "big")
        derived += aes_block(key, u(16, m ^ k1))
    return AESGCM(derived).encrypt(nonce[12:], plaintext, aad)


def message(key, key_id, version, nonce, flags, aad, plaintext):
    header = b"CFR1" + bytes([1, flags, 0, 0]) + key_id + u(4, version) + nonce
    return header + xaes_seal(key, nonce, header + aad, plaintext)


def stream(key, key_id, version, salt, prefix, bits, context, plaintext):
    header = b"CFRS" + bytes([1, bits, 0, 0]) + key_id + u(4, version) + salt + prefix
    okm = hkdf(hashes.SHA512(), key, salt, header + context, 64)
    size = 1 << bits
    cuts = list(range(0, max(len(plaintext), 1), size))
    out = header + okm[32:]
    for number, at in enumerate(cuts):
        nonce = prefix + u(4, number) + bytes([number == len(cuts) - 1])
        out += AESGCM(okm[:32]).encrypt(nonce, plaintext[at:at + size], None)
    return out


def pattern(name, length):
    """The plaintexts that are too long to write out: zeros then an A, or rising bytes modulo 251."""
    return bytes(length - 1) + b"A" if name == "zeros-A" else bytes(i % 251 for i in range(length))


DOMAIN, KEY_ID, MANAGED = rising(0x00, 16), rising(0x40, 16), rising(0x60, 32)
NONCE, SALT, PREFIX = rising(0x80, 24), rising(0xA0, 32), rising(0xC0, 7)
PAIRS = {"app": "payroll", "env": ""}


def subkey(label):
    return hkdf(hashes.SHA256(), MANAGED, DOMAIN, b"coffer v1 " + label + KEY_ID, 32)


def messages():
    key, out = subkey(b"seal-message"), []
    for name, pairs, version, plaintext in [
            ("hello with context", PAIRS, 3, b"hello"), ("hello without context", {}, 3, b"hello"),
            ("empty plaintext", PAIRS, 1, b""), ("highest key version", {}, 0xFFFFFFFF, rising(0, 255)),
            ("name order: a prefix comes first", {"b": "2", "ab": "1", "a": "0"}, 3, b"x" * 17)]:
        context = encode_context(pairs)
        out.append({"name": name, "key": key.hex(), "key_id": KEY_ID.hex(), "key_version": version, "nonce": NONCE.hex(),
                    "pairs": pairs, "context": context.hex(), "plaintext": plaintext.hex(),
                    "sealed": message(key, KEY_ID, version, NONCE, 0, context, plaintext).hex()})
    return {"format": "sealed message, version 1", "made_by": "make_sealed.py", "managed_key": MANAGED.hex(), "domain_id": DOMAIN.hex(),
            "vectors": out}


def streams():
    key, out = subkey(b"seal-stream"), []
    for name, pairs, bits, kind, length in [
            ("empty", PAIRS, 16, "bytes", 0), ("hello", PAIRS, 16, "bytes", 5), ("hello without context, 1 MiB segments", {}, 20, "bytes", 5),
            ("one whole segment", PAIRS, 16, "rising", 65536), ("one byte into the second", PAIRS, 16, "zeros-A", 65537),
            ("three segments", {}, 16, "rising", 3 * 65536), ("two segments of 128 KiB", {}, 17, "rising", 200000)]:
        plaintext = b"hello"[:length] if kind == "bytes" else pattern(kind, length)
        context = encode_context(pairs)
        sealed = stream(key, KEY_ID, 3, SALT, PREFIX, bits, context, plaintext)
        row = {"name": name, "key": key.hex(), "key_id": KEY_ID.hex(), "key_version": 3, "segment_bits": bits, "salt": SALT.hex(),
               "prefix": PREFIX.hex(), "context": context.hex(), "plaintext_kind": kind, "plaintext_len": length,
               "header": sealed[:99].hex(), "sealed_len": len(sealed), "sealed_sha256": hashlib.sha256(sealed).hexdigest(),
               "last_tag": sealed[-16:].hex()}
        if kind == "bytes":
            row["plaintext"], row["sealed"] = plaintext.hex(), sealed.hex()
        out.append(row)
    return {"format": "sealed stream, version 1", "made_by": "make_sealed.py", "managed_key": MANAGED.hex(), "domain_id": DOMAIN.hex(),
            "vectors": out}


def main():
    bad = 0
    for name, data in (("sealed-message-v1.json", messages()), ("sealed-stream-v1.json", streams())):
        path, text = os.path.join(HERE, name), json.dumps(data, indent=1) + "\n"
        if "--check" in sys.argv:
            with open(path, encoding="utf-8") as f:
                same = f.read() == text
            print(name, "same" if same else "DIFFERENT")
            bad += not same
        else:
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
