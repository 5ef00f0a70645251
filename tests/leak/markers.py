"""Markers: secrets that the test knows, and what follows from them. The file for the scanner holds them masked."""
import base64
import hashlib
import hmac
import os


def gf_mul(a, b):
    """GF(2^8) with 0x11D (docs/formats.md section 10.2)."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = a << 1 ^ (0x11D if a & 0x80 else 0)
        b >>= 1
    return product


def gf_inverse(a):
    return next(b for b in range(1, 256) if gf_mul(a, b) == 1)


def interpolate(points):
    """The shared secret from (x, y) pairs: the polynomial at 0."""
    secret = bytearray(len(points[0][1]))
    for i, (x, y) in enumerate(points):
        factor = 1
        for j, (other, _) in enumerate(points):
            if i != j:
                factor = gf_mul(factor, gf_mul(other, gf_inverse(other ^ x)))
        for at, byte in enumerate(y):
            secret[at] ^= gf_mul(byte, factor)
    return bytes(secret)


def hkdf(key, salt, info):
    return hmac.new(hmac.new(salt, key, hashlib.sha256).digest(), info + b"\1", hashlib.sha256).digest()


class Markers:
    """All markers of a run. What is named `control…` or `beacon…` is there to be found; everything else is not."""

    def __init__(self, path):
        self.path = path
        self.values = {}
        self.kinds = {}

    def add(self, name, value, key=True):
        if not 12 <= len(value) <= 256:
            raise ValueError(f"{name}: {len(value)} bytes")
        self.values[name] = value
        self.kinds[name] = "key" if key else "text"
        self.write()
        return value

    def forget(self, *names):
        for name in names:
            del self.values[name]
        self.write()

    def write(self):
        lines = []
        for name, value in self.values.items():
            mask = os.urandom(16)
            masked = bytes(b ^ mask[i % 16] for i, b in enumerate(value))
            lines.append(f"{name} {self.kinds[name]} {mask.hex()} {masked.hex()}\n")
        with open(self.path, "w", encoding="ascii") as f:
            f.writelines(lines)

    def add_learnt(self, text):
        """Lines of leak_learn."""
        for line in text.splitlines():
            name, kind, mask, value = line.split()
            mask = bytes.fromhex(mask)
            self.add(name, bytes(b ^ mask[i % 16] for i, b in enumerate(bytes.fromhex(value))), kind == "key")

    def add_subkeys(self, domain, key="data-key", generation=1):
        """Of a data key (docs/formats.md section 2.1). key-check is public."""
        for label in ("object-seal", "domain-key", "index", "audit", "node-record"):
            name = f"subkey-{label}" if generation == 1 else f"subkey-{label}-{generation}"
            self.add(name, hkdf(self.values[key], domain, b"coffer v1 " + label.encode() + generation.to_bytes(4, "big")))

    def add_managed_subkeys(self, name, domain, uuid):
        key_id = bytes.fromhex(uuid.replace("-", ""))
        for label in ("seal-message", "seal-stream"):
            self.add(f"{name}-{label}", hkdf(self.values[name], domain, b"coffer v1 " + label.encode() + key_id))

    def add_shares(self, texts, threshold, prefix=""):
        """What each share holds, the texts of the lines that are secret as a whole, and the recovery key that they make."""
        points = []
        for n, text in enumerate(texts, 1):
            lines = [x[3:].strip() for x in text.splitlines() if x[:1] in "12345"]
            raw = b"".join(base64.b32decode(x.replace("-", "")[:24]) for x in lines)
            points.append((raw[3], raw[40:72]))
            self.add(f"{prefix}share-{n}", raw[40:72])
            for line in (4, 5):
                self.add(f"{prefix}share-{n}-line-{line}", lines[line - 1].encode(), key=False)
        self.add(prefix + "recovery-key", interpolate(points[:threshold]))
        return points


def is_control(name):
    return name.startswith(("control", "beacon"))
