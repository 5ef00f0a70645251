#!/usr/bin/env python3
"""Makes tpm-policy-v1.json: bindings of format 2, the policy digests of sealed objects, a vendor key's and a PIN gate's Name, a PIN's authorization value, and files of signed PCR values.
Independent of Coffer's code: written from docs/formats.md section 18 and TPM 2.0 parts 1 to 3 (Names: part 1, 16; policies: part 3, 23; structures: part 2) with hashlib and integers.
The file is frozen: run this only to see that it still gives the same bytes (--check)."""
import hashlib
import hmac

from frozen import keep

CC_POLICY_PCR, CC_POLICY_OR, CC_POLICY_AUTHORIZE, CC_POLICY_SECRET, CC_POLICY_COMMAND_CODE, CC_UNSEAL = 0x17F, 0x171, 0x16A, 0x151, 0x16C, 0x15E
ALG_NULL, ALG_KEYEDHASH, ALG_ECDSA, ALG_ECC = 0x10, 0x08, 0x18, 0x23
HASH_ALG = {"sha256": 0x0B, "sha384": 0x0C}
PROFILES = {1: "sha384", 2: "sha256"}
FIXED_TPM, FIXED_PARENT, USER_WITH_AUTH, SIGN = 1 << 1, 1 << 4, 1 << 6, 1 << 18


def u(width, value):
    return value.to_bytes(width, "big")


def lp16(value):
    return u(2, len(value)) + value


def h(name, *parts):
    return hashlib.new(name, b"".join(parts)).digest()


def rising(first, count):
    return bytes((first + i) & 0xFF for i in range(count))


# ---- ECDSA over integers, with a k that is written down: the file has to come out the same every time

CURVES = {
    1: ("sha256", 32, 3, 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF, -3,
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
        (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296, 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)),
    2: ("sha384", 48, 4, 2**384 - 2**128 - 2**96 + 2**32 - 1, -3,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
        (0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
         0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F)),
}


def add(curve, a, b):
    p, coefficient = CURVES[curve][3], CURVES[curve][4]
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % p == 0:
        return None
    slope = (3 * a[0] * a[0] + coefficient) * pow(2 * a[1], -1, p) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, p)
    x = (slope * slope - a[0] - b[0]) % p
    return x, (slope * (a[0] - x) - a[1]) % p


def times(curve, k, point):
    out = None
    while k:
        out, point, k = add(curve, out, point) if k & 1 else out, add(curve, point, point), k >> 1
    return out


def sign(curve, d, digest, k):
    _, width, _, _, _, order, base = CURVES[curve]
    r = times(curve, k, base)[0] % order
    s = pow(k, -1, order) * (int.from_bytes(digest, "big") + r * d) % order
    return u(width, r) + u(width, s)


def vendor(curve):
    name, width, _, _, _, order, base = CURVES[curve]
    d = int.from_bytes(h(name, b"coffer test vendor", u(1, curve)), "big") % order
    x, y = times(curve, d, base)
    return d, b"\x04" + u(width, x) + u(width, y)


def vendor_name(curve, point):
    """Name of the vendor key's TPMT_PUBLIC, as 18.1 writes it."""
    name, width, tpm_curve = CURVES[curve][:3]
    alg = u(2, HASH_ALG[name])
    public = u(2, ALG_ECC) + alg + u(4, SIGN | USER_WITH_AUTH) + lp16(b"") + u(2, ALG_NULL) + u(2, ALG_ECDSA) + alg + u(2, tpm_curve) + u(2, ALG_NULL)
    public += lp16(point[1:1 + width]) + lp16(point[1 + width:])
    return alg + h(name, public)


# ---- policies

def selection(bank, pcrs):
    """TPML_PCR_SELECTION with one bank, and the number in formats."""
    mask = sum(1 << n for n in pcrs)
    return u(4, 1) + u(2, HASH_ALG[bank]) + u(1, 3) + mask.to_bytes(3, "little"), u(1, 1 if bank == "sha256" else 2) + u(3, mask)


def pcr_policy(hash_name, bank, pcrs, values_digest):
    return h(hash_name, bytes(hashlib.new(hash_name).digest_size), u(4, CC_POLICY_PCR), selection(bank, pcrs)[0], values_digest)


def gate_public(hash_name):
    unique = h(hash_name, b"unique of a gate")
    return u(2, ALG_KEYEDHASH) + u(2, HASH_ALG[hash_name]) + u(4, FIXED_TPM | FIXED_PARENT | USER_WITH_AUTH) + lp16(b"") + u(2, ALG_NULL) + lp16(unique)


def digest_of(hash_name, *, bank=None, pcrs=(), sets=(), curve=0, ref=b"", pin=False):
    zero = bytes(hashlib.new(hash_name).digest_size)
    d = zero
    if curve:
        d = h(hash_name, h(hash_name, zero, u(4, CC_POLICY_AUTHORIZE), vendor_name(curve, vendor(curve)[1])), ref)
    elif sets:
        branches = [pcr_policy(hash_name, bank, pcrs, h(hash_name, *values)) for values in sets]
        d = branches[0] if len(branches) == 1 else h(hash_name, zero, u(4, CC_POLICY_OR), *branches)
    if pin:
        name = u(2, HASH_ALG[hash_name]) + h(hash_name, gate_public(hash_name))
        d = h(hash_name, h(hash_name, d, u(4, CC_POLICY_SECRET), name), b"")
    return h(hash_name, d, u(4, CC_POLICY_COMMAND_CODE), u(4, CC_UNSEAL))


def names(hash_name):
    alg = u(2, HASH_ALG[hash_name])
    return alg + h(hash_name, b"primary"), alg + h(hash_name, b"master")


def binding(profile, *, bank=None, pcrs=(), sets=(), curve=0, ref=b"", pin=False):
    hash_name = PROFILES[profile]
    primary, master = names(hash_name)
    out = u(1, 2) + u(1, profile) + u(1, 1) + u(4, 0x81010C0F) + lp16(primary) + lp16(master)
    out += u(1, (1 if sets else 0) | (2 if curve else 0) | (4 if pin else 0))
    if sets or curve:
        out += selection(bank, pcrs)[1]
    if sets:
        out += u(1, len(sets)) + b"".join(h(hash_name, *values) + b"".join(v[:8] for v in values) for values in sets)
    if curve:
        out += u(1, curve) + vendor(curve)[1] + lp16(ref)
    if pin:
        out += lp16(gate_public(hash_name)) + lp16(rising(0x30, 64))
    return out


# ---- files of signed values

def policy_file(bank, pcrs, curve, ref, entries):
    hash_name = CURVES[curve][0]
    d, point = vendor(curve)
    out = b"CFRS\x01" + selection(bank, pcrs)[1] + u(1, curve) + point + lp16(ref) + u(1, len(entries))
    for number, values in enumerate(entries):
        out += b"".join(values)
        for policy_hash in ("sha256", "sha384"):
            approved = pcr_policy(policy_hash, bank, pcrs, h(policy_hash, *values))
            k = int.from_bytes(h("sha256", b"k", u(1, number), policy_hash.encode()), "big")
            out += sign(curve, d, h(hash_name, approved, ref), k)
    return out + h("sha256", out)[:8]


def pin_auth(pin, primary):
    prk = hmac.new(primary, pin, hashlib.sha256).digest()
    okm = hmac.new(prk, b"coffer v1 tpm-pin\x01", hashlib.sha256).digest()
    return okm[:31] + bytes((okm[31] | 1,))


def make():
    small = [[rising(0x10 * i, 32) for i in range(2)], [rising(0x80 + i, 32) for i in range(2)]]
    large = [[rising(0x20 * i, 48) for i in range(3)] for _ in range(1)]
    four = small + [[bytes(32), b"\xff" * 32], [rising(7, 32), rising(9, 32)]]
    cases = []
    for profile, hash_name in PROFILES.items():
        for text, policy in (
                ("PCRs, one set", {"bank": "sha256", "pcrs": (0, 7), "sets": small[:1]}),
                ("PCRs, two sets", {"bank": "sha256", "pcrs": (0, 7), "sets": small}),
                ("PCRs, four sets", {"bank": "sha256", "pcrs": (4, 23), "sets": four}),
                ("PCRs of SHA-384", {"bank": "sha384", "pcrs": (1, 8, 16), "sets": large}),
                ("signed, P-256", {"bank": "sha256", "pcrs": (0, 2, 7), "curve": 1, "ref": b"acme-x1/7"}),
                ("signed, P-384, no ref", {"bank": "sha384", "pcrs": (11,), "curve": 2}),
                ("PIN", {"pin": True}),
                ("PCRs and PIN", {"bank": "sha256", "pcrs": (0, 7), "sets": small, "pin": True}),
                ("signed and PIN", {"bank": "sha256", "pcrs": (7,), "curve": 2, "ref": b"x", "pin": True})):
            cases.append({"what": f"profile {profile}: {text}", "binding": binding(profile, **policy).hex(), "digest": digest_of(hash_name, **policy).hex()})
    primary = names("sha384")[0]
    files = []
    for bank, pcrs, curve, ref, entries in (("sha256", (0, 7), 1, b"acme/1", small), ("sha384", (1, 8, 16), 2, b"acme-x1/7", large), ("sha256", (4, 23), 2, b"", four)):
        files.append({"bank": bank, "pcrs": list(pcrs), "ref": ref.decode(), "entries": [[v.hex() for v in values] for values in entries],
                      "file": policy_file(bank, pcrs, curve, ref, entries).hex()})
    return {
        "comment": "Known answers of docs/formats.md section 18. Frozen: a changed value is a new format version.",
        "policies": cases, "nothing": {PROFILES[p]: digest_of(PROFILES[p]).hex() for p in PROFILES},
        "vendor-names": {str(c): vendor_name(c, vendor(c)[1]).hex() for c in (1, 2)},
        "pin": "correct horse", "pin-primary": primary.hex(), "pin-auth": pin_auth(b"correct horse", primary).hex(), "files": files,
    }


if __name__ == "__main__":
    keep("tpm-policy-v1.json", make())
