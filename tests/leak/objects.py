"""Managed objects with known material, over KMIP, and work with them."""
import os
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from frames import connect, enum, find, integer, item, message, read_answer, reason, struct_  # noqa: E402

REGISTER, GET, ACTIVATE, REVOKE, DESTROY, ENCRYPT, DECRYPT, MAC = 3, 10, 18, 19, 20, 0x1F, 0x20, 0x23
AES, HMAC_SHA256 = 3, 9
CBC, GCM, KEY_WRAP = 1, 9, 13
PLAIN_MARKER = 48  # bytes of a plaintext's marker


def text(tag, s):
    return item(tag, 7, s.encode())


def attribute(name, value):
    return struct_(0x420008, text(0x42000A, name), value)


def date(tag, n):
    return item(tag, 9, struct.pack(">q", n))


class Refused(Exception):
    pass


class Kmip:
    """One connection, one request after the other."""

    def __init__(self, path):
        self.socket = connect(path, timeout=120)

    def ask(self, operation, *payload):
        self.socket.sendall(message(operation=operation, payload=b"".join(payload)))
        answer = read_answer(self.socket)
        if answer is None:
            raise Refused("no answer")
        if reason(answer) is not None:
            sentence = find(answer, 0x42007D, 7)
            raise Refused((sentence or b"").decode())
        return answer

    def close(self):
        self.socket.close()


def template(name, mask, *more):
    names = attribute("Name", struct_(0x42000B, text(0x420055, name), enum(0x420054, 1)))
    return struct_(0x420091, names, attribute("Cryptographic Usage Mask", integer(0x42000B, mask)),
                   attribute("Activation Date", date(0x42000B, 1)), *more)


KEY_WRAPS = attribute("Cryptographic Parameters", struct_(0x42000B, enum(0x420011, KEY_WRAP)))


def wrapping(tag, kek):
    params = struct_(0x42002B, enum(0x420011, KEY_WRAP))
    return struct_(tag, enum(0x42009E, 1), struct_(0x420036, text(0x420094, kek), params), enum(0x4200A3, 1))


def key_block(algorithm, bits, value, *more):
    return struct_(0x420040, enum(0x420042, 1), value, enum(0x420028, algorithm), integer(0x42002A, bits), *more)


def register_key(kmip, name, algorithm, mask, material, *attributes):
    value = struct_(0x420045, item(0x420043, 8, material))
    key = struct_(0x42008F, key_block(algorithm, 8 * len(material), value))
    return find(kmip.ask(REGISTER, enum(0x420057, 2), template(name, mask, *attributes), key), 0x420094, 7).decode()


def register_secret(kmip, name, material):
    block = struct_(0x420040, enum(0x420042, 1), struct_(0x420045, item(0x420043, 8, material)))
    secret = struct_(0x420085, enum(0x420086, 1), block)
    return find(kmip.ask(REGISTER, enum(0x420057, 7), template(name, 0x200), secret), 0x420094, 7).decode()


def register_wrapped(kmip, name, kek, wrapped, bits):
    key = struct_(0x42008F, key_block(AES, bits, item(0x420045, 8, wrapped), wrapping(0x420046, kek)))
    return find(kmip.ask(REGISTER, enum(0x420057, 2), template(name, 12), key), 0x420094, 7).decode()


def get_wrapped(kmip, uuid, kek):
    return find(kmip.ask(GET, text(0x420094, uuid), wrapping(0x420047, kek)), 0x420045, 8)


def destroy(kmip, uuid):
    kmip.ask(REVOKE, text(0x420094, uuid), struct_(0x420081, enum(0x420082, 1)))
    kmip.ask(DESTROY, text(0x420094, uuid))


class Objects:
    """The marker objects of a domain."""

    def __init__(self, path, markers):
        self.path, self.markers, self.uuid = path, markers, {}

    def register(self):
        m, kmip = self.markers, Kmip(self.path)
        self.uuid["aes-key"] = register_key(kmip, "leak-aes", AES, 12, m.add("aes-key", os.urandom(32)))
        self.uuid["hmac-key"] = register_key(kmip, "leak-hmac", HMAC_SHA256, 0x180, m.add("hmac-key", os.urandom(32)))
        self.uuid["secret-data"] = register_secret(kmip, "leak-secret", m.add("secret-data", os.urandom(40)))
        self.uuid["wrapping-key"] = register_key(kmip, "leak-wrap", AES, 0x10, m.add("wrapping-key", os.urandom(32)), KEY_WRAPS)
        # The same bytes as a key that may open again: a key that may wrap must not.
        self.uuid["unwrapping-key"] = register_key(kmip, "leak-unwrap", AES, 0x20, m.values["wrapping-key"], KEY_WRAPS)
        inner = register_key(kmip, "leak-inner", AES, 12, m.add("inner-key", os.urandom(16)))
        wrapped = get_wrapped(kmip, inner, self.uuid["wrapping-key"])
        if m.values["inner-key"] in wrapped:
            raise Refused("a key left in clear where it should be wrapped")
        destroy(kmip, inner)
        self.uuid["inner-key"] = register_wrapped(kmip, "leak-wrapped", self.uuid["unwrapping-key"], wrapped, 128)
        m.add("plaintext", os.urandom(PLAIN_MARKER))
        m.add("control-name", os.urandom(16).hex().encode(), key=False)
        self.uuid["control-name"] = register_key(kmip, m.values["control-name"].decode(), AES, 12, os.urandom(32))
        kmip.close()

    def use(self):
        """Each use of each object once."""
        m, kmip = self.markers, Kmip(self.path)
        key, plain = text(0x420094, self.uuid["aes-key"]), m.values["plaintext"]
        for mode in (CBC, GCM):
            padding, tag = ((enum(0x42005F, 3),), ()) if mode == CBC else ((), (integer(0x4200CE, 16),))
            params = struct_(0x42002B, enum(0x420011, mode), *padding, item(0x4200C5, 6, struct.pack(">Q", 1)), *tag)
            answer = kmip.ask(ENCRYPT, key, params, item(0x4200C2, 8, plain))
            back = [item(0x4200C2, 8, find(answer, 0x4200C2, 8)), item(0x42003D, 8, find(answer, 0x42003D, 8))]
            if mode == GCM:
                back.append(item(0x4200FF, 8, find(answer, 0x4200FF, 8)))
            params = struct_(0x42002B, enum(0x420011, mode), *padding, *tag)
            if find(kmip.ask(DECRYPT, key, params, *back), 0x4200C2, 8) != plain:
                raise Refused("the round trip failed")
        kmip.ask(MAC, text(0x420094, self.uuid["hmac-key"]), item(0x4200C2, 8, plain))
        kmip.ask(GET, text(0x420094, self.uuid["secret-data"]))
        get_wrapped(kmip, self.uuid["aes-key"], self.uuid["wrapping-key"])
        answer = kmip.ask(GET, text(0x420094, self.uuid["inner-key"]), enum(0x4200F8, 1))
        if find(answer, 0x420043, 8) != m.values["inner-key"]:
            raise Refused("the wrapped key did not open")
        kmip.close()

    def bad_requests(self):
        """What the daemon says to requests that carry secrets in the wrong place."""
        m, said = self.markers, []
        key, name = m.values["aes-key"], m.values["secret-data"].hex()
        tries = ((REGISTER, enum(0x420057, 2), template("bad", 12), struct_(0x42008F, key_block(AES, 128, struct_(0x420045, item(0x420043, 8, key))))),
                 (REGISTER, enum(0x420057, 2), template("bad", 12), struct_(0x42008F, item(0x420040, 8, key))),
                 (GET, text(0x420094, name)), (ENCRYPT, text(0x420094, self.uuid["hmac-key"]), item(0x4200C2, 8, m.values["plaintext"])),
                 (DECRYPT, text(0x420094, self.uuid["aes-key"]), item(0x4200C2, 8, m.values["plaintext"])))
        for operation, *payload in tries:
            kmip = Kmip(self.path)
            try:
                kmip.ask(operation, *payload)
                said.append("accepted")
            except Refused as e:
                said.append(str(e))
            kmip.close()
        return "\n".join(said).encode()

    def destroy(self):
        kmip = Kmip(self.path)
        for name, uuid in self.uuid.items():
            if name != "control-name":
                destroy(kmip, uuid)
        kmip.close()


class Load:
    """Uses the objects again and again, over KMIP and with the command line, until it is stopped."""

    def __init__(self, coffer, objects, env):
        self.coffer, self.objects, self.env = coffer, objects, env
        self.rounds, self.faults, self.over = 0, [], threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(work,)) for work in (self.kmip, self.kmip, self.command)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for t in self.threads:
            t.join()

    def run(self, work):
        while not self.over.is_set() and len(self.faults) < 5:
            try:
                work()
                self.rounds += 1
            except (Refused, OSError, subprocess.SubprocessError) as e:
                self.faults.append(f"{work.__name__}: {e}")

    def kmip(self):
        self.objects.use()

    def command(self):
        plain = self.objects.markers.values["plaintext"] * 30000  # a stream
        for data in (plain[:PLAIN_MARKER], plain):
            sealed = self.ask("encrypt", "-k", self.objects.uuid["aes-key"], data=data)
            if self.ask("decrypt", data=sealed) != data:
                raise Refused("the round trip failed")

    def ask(self, *words, data=b""):
        done = subprocess.run([self.coffer, *words], input=data, capture_output=True, env=self.env, timeout=300)
        if done.returncode != 0:
            raise Refused(done.stderr.decode())
        return done.stdout
