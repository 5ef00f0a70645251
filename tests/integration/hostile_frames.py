"""Frames of the hostile clients and of the good one beside them: requests, batches, and everything that is well delimited and wrong inside."""
import struct

from frames import enum, integer, item, message, struct_


def text(tag, s):
    return item(tag, 7, s.encode())


def data(tag, b):
    return item(tag, 8, b)


def name_attribute(name):
    return struct_(0x420008, text(0x42000A, "Name"), struct_(0x42000B, text(0x420055, name), enum(0x420054, 1)))


def locate(*criteria):
    return message(operation=0x08, payload=b"".join(criteria))


def seal(key, size):
    return message(operation=0x80000004, payload=text(0x54000B, key) + data(0x54000D, bytes(size)))


def query_batch(items):
    """Long answers to somebody without rights."""
    payload = b"".join(enum(0x420074, f) for f in (1, 2, 3, 5, 6, 8))
    one = lambda i: struct_(0x42000F, enum(0x42005C, 0x18), data(0x420093, bytes([i])), item(0x420079, 1, payload))
    header = struct_(0x420077, struct_(0x420069, integer(0x42006A, 1), integer(0x42006B, 4)), integer(0x42000D, items))
    return struct_(0x420078, header, *(one(i) for i in range(items)))


def locate_batch(items):
    one = lambda i: struct_(0x42000F, enum(0x42005C, 0x08), data(0x420093, bytes([i])), item(0x420079, 1, b""))
    header = struct_(0x420077, struct_(0x420069, integer(0x42006A, 1), integer(0x42006B, 4)), integer(0x42000D, items))
    return struct_(0x420078, header, *(one(i) for i in range(items)))


def raw(tag, kind, length, body):
    return struct.pack(">II", tag << 8 | kind, length) + body


def header(*fields):
    return struct_(0x420077, *fields)


def malformed():
    """(what, frame): well delimited, and wrong inside: refused, and the connection goes on."""
    version = struct_(0x420069, integer(0x42006A, 1), integer(0x42006B, 4))
    one = integer(0x42000D, 1)
    uid = text(0x420094, "x")
    batch = struct_(0x42000F, enum(0x42005C, 0x1E), item(0x420079, 1, b""))

    def ask(payload, operation=0x0B):
        return message(operation=operation, payload=payload)

    def counted(count, *items):
        return struct_(0x420078, header(version, integer(0x42000D, count)), *items)

    yield "padding that is not zero", ask(raw(0x420094, 7, 1, b"x\0\0\0\0\0\0\1"))
    yield "padding of an integer that is not zero", ask(raw(0x42004F, 2, 4, b"\0\0\0\1\0\0\0\1"))
    yield "text that is no UTF-8", ask(item(0x420094, 7, b"\xff\xfe"))
    yield "text with a surrogate", ask(item(0x420094, 7, b"\xed\xa0\x80"))
    yield "text with an overlong form", ask(item(0x420094, 7, b"\xc0\xaf"))
    yield "text with a NUL", ask(item(0x420094, 7, b"a\0b"))
    yield "a doubled field", ask(uid + uid)
    yield "an unknown field", ask(uid + integer(0x42FFFF, 1))
    yield "a field of a foreign range", ask(uid + integer(0x123456, 1))
    yield "a field of another operation", ask(uid + integer(0x54000C, 1))
    yield "a field of the wrong type", ask(integer(0x420094, 1))
    yield "an unknown type", ask(raw(0x420094, 0x0F, 8, bytes(8)))
    yield "the type zero", ask(raw(0x420094, 0, 8, bytes(8)))
    yield "an integer of five bytes", ask(raw(0x42004F, 2, 5, bytes(8)))
    yield "an enumeration of eight bytes", ask(raw(0x42004F, 5, 8, bytes(8)))
    yield "a boolean that is two", ask(raw(0x42004F, 6, 8, struct.pack(">Q", 2)))
    yield "a big integer of five bytes", ask(raw(0x42004F, 4, 5, bytes(8)))
    yield "a date of four bytes", ask(raw(0x42004F, 9, 4, bytes(8)))
    yield "a length past its parent", ask(raw(0x420094, 7, 64, bytes(8)))
    yield "a length of 2 GiB inside", ask(raw(0x420094, 7, 0x80000000, bytes(8)))
    yield "a length of 4 GiB inside", ask(raw(0x420094, 8, 0xFFFFFFFF, bytes(8)))
    yield "a structure of 2 GiB inside", ask(raw(0x420091, 1, 0x80000000, bytes(8)))
    yield "a structure whose length is odd", ask(raw(0x420091, 1, 4, bytes(8)))
    yield "garbage behind the last field", struct_(0x420078, header(version, one), batch, b"\xff" * 8)
    yield "an empty message", struct_(0x420078)
    yield "no batch count", struct_(0x420078, header(version), batch)
    yield "no version", struct_(0x420078, header(one), batch)
    yield "no header", struct_(0x420078, batch)
    yield "two headers", struct_(0x420078, header(version, one), header(version, one), batch)
    yield "two versions", struct_(0x420078, header(version, version, one), batch)
    yield "two batch counts", struct_(0x420078, header(version, one, one), batch)
    yield "a version without minor", struct_(0x420078, header(struct_(0x420069, integer(0x42006A, 1)), one), batch)
    yield "no operation", counted(1, struct_(0x42000F, item(0x420079, 1, b"")))
    yield "no payload", counted(1, struct_(0x42000F, enum(0x42005C, 0x1E)))
    yield "an operation that is a text", counted(1, struct_(0x42000F, text(0x42005C, "Get"), item(0x420079, 1, b"")))
    yield "a batch count that is a text", struct_(0x420078, header(version, text(0x42000D, "1")), batch)
    for count in (0, -1, 2, 65, 1000, 2**31 - 1, -2**31):
        yield f"a batch count of {count}", counted(count, batch)
    yield "an item too many", counted(1, batch, batch)
    for value in (-1, -2**31):
        yield f"a maximum answer of {value}", struct_(0x420078, header(version, integer(0x420050, value), one), batch)
    deep = b""
    for depth in range(1, 10001):
        deep = item(0x420091, 1, deep)
        if depth in (17, 40, 1000, 10000):
            yield f"{depth} structures inside each other", ask(deep)
    yield "100000 fields", ask(integer(0x420069, 1) * 100000)
    yield "200000 empty structures", ask(struct_(0x420091) * 200000)
    yield "100000 attribute names", ask(uid + text(0x42000A, "State") * 100000)


def create(name):
    attributes = [struct_(0x420008, text(0x42000A, "Cryptographic Algorithm"), enum(0x42000B, 3)),
                  struct_(0x420008, text(0x42000A, "Cryptographic Length"), integer(0x42000B, 256)),
                  struct_(0x420008, text(0x42000A, "Cryptographic Usage Mask"), integer(0x42000B, 12)), name_attribute(name)]
    return enum(0x420057, 2) + struct_(0x420091, *attributes)


def with_request_id(payload, request_id):
    ours = struct_(0x420051, text(0x42009D, "coffer"), item(0x420026, 6, bytes(8)), struct_(0x42009C, data(0x540061, request_id)))
    head = header(struct_(0x420069, integer(0x42006A, 1), integer(0x42006B, 4)), integer(0x42000D, 1))
    return struct_(0x420078, head, struct_(0x42000F, enum(0x42005C, 1), item(0x420079, 1, payload), ours))
