#!/usr/bin/env python3
"""Checks kmip-crypto.json against python3-cryptography, hashlib and hmac: every known answer, without Coffer's code.

The answers come from the standards that each entry names; this tells whether they were copied rightly."""
import hashlib
import hmac
import json
import os
import sys

from cryptography.hazmat.primitives import cmac, keywrap
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers import aead
try:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from cryptography.hazmat.decrepit.ciphers.modes import CFB, OFB
except ImportError:
    TripleDES, CFB, OFB = algorithms.TripleDES, modes.CFB, modes.OFB

HASHES = {"SHA-1": "sha1", "SHA-224": "sha224", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512",
          "SHA-512/224": "sha512_224", "SHA-512/256": "sha512_256", "SHA3-224": "sha3_224", "SHA3-256": "sha3_256",
          "SHA3-384": "sha3_384", "SHA3-512": "sha3_512"}


def associated(v):
    if "aad_rising" in v:
        return bytes(i % 256 for i in range(v["aad_rising"]))
    return bytes.fromhex(v["aad"])


def plain(algorithm, mode, data):
    e = Cipher(algorithm, mode).encryptor()
    return e.update(data) + e.finalize()


def encrypt(v):
    """Ciphertext and full tag."""
    key, iv, pt = (bytes.fromhex(v[n]) for n in ("key", "iv", "pt"))
    aad, mode, tag_len = associated(v), v["mode"], len(v["tag"]) // 2
    if v["algorithm"] == "ChaCha20":
        return plain(algorithms.ChaCha20(key, iv.rjust(16, b"\0")), None, pt), b""
    if v["algorithm"] == "ChaCha20-Poly1305":
        both = aead.ChaCha20Poly1305(key).encrypt(iv, pt, aad)
    elif mode == "GCM":
        both = aead.AESGCM(key).encrypt(iv, pt, aad)
    elif mode == "CCM":
        both = aead.AESCCM(key, tag_length=tag_len).encrypt(iv, pt, aad)
    elif mode == "NISTKeyWrap":
        return keywrap.aes_key_wrap(key, pt), b""
    elif mode == "AESKeyWrapPadding":
        return keywrap.aes_key_wrap_with_padding(key, pt), b""
    else:
        algorithm = TripleDES((key + key[:8])[:24]) if v["algorithm"] == "3DES" else algorithms.AES(key)
        made = {"ECB": modes.ECB, "CBC": modes.CBC, "CFB": CFB, "OFB": OFB, "CTR": modes.CTR, "XTS": modes.XTS}[mode]
        return plain(algorithm, made(iv) if iv else made(), pt), b""
    return both[:len(pt)], both[len(pt):][:tag_len]


def mac(v):
    key, data = bytes.fromhex(v["key"]), bytes.fromhex(v["data"])
    if v["algorithm"] == "CMAC":
        c = cmac.CMAC(algorithms.AES(key))
        c.update(data)
        return c.finalize()
    return hmac.new(key, data, HASHES[v["algorithm"][len("HMAC-"):]]).digest()


def main():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "kmip-crypto.json"), encoding="utf-8") as f:
        vectors = json.load(f)
    wrong = 0
    for v in vectors["ciphers"]:
        ct, tag = encrypt(v)
        if (ct.hex(), tag.hex()) != (v["ct"], v["tag"]):
            print(f"{v['source']}: {v['algorithm']} {v['mode']}: {ct.hex()} {tag.hex()}")
            wrong += 1
    for v in vectors["macs"]:
        if mac(v).hex() != v["mac"]:
            print(f"{v['source']}: {v['algorithm']}: {mac(v).hex()}")
            wrong += 1
    for v in vectors["hashes"]:
        digest = hashlib.new(HASHES[v["algorithm"]], bytes.fromhex(v["data"])).hexdigest()
        if digest != v["digest"]:
            print(f"{v['source']}: {v['algorithm']}: {digest}")
            wrong += 1
    print(f"{sum(len(x) for x in vectors.values())} known answers, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
