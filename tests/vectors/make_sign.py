#!/usr/bin/env python3
"""Makes sign-v1.json: rows of a node's sign of life. Independent of Coffer's code: written from docs/formats.md sections 1, 2.1, 6 and 23.7. The file is frozen: run this
only to see that it still gives the same bytes (--check)."""
import hashlib
import hmac

from frozen import keep
from make_lease import lp, node_record_key, shared_row, t
from make_sealed import rising, u

NODE = rising(0x10, 16)


def body(count, written, generation, epoch, role, well, version, date=None, view=None):
    fields = (b"\x03" if view else b"\x02" if date else b"\x01") + u(8, written) + u(4, generation) + u(8, epoch) + bytes([role, well, len(version)]) + version
    fields += u(8, date) if date else b""
    if view:
        lag, cache, rows, size, limit, pinned = view
        fields += u(8, lag) + bytes([cache]) + u(8, rows) + u(8, size) + u(8, limit) + u(8, pinned)
    return fields + hmac.new(node_record_key(), t(b"sign-mac") + shared_row(b"sign" + NODE, count, 1) + lp(fields), hashlib.sha256).digest()


def make():
    return {
        "comment": "Known answers of docs/formats.md section 23.7. Frozen: a changed value is a new format version. Inputs are those of formats-v1.json.",
        "master": body(1, 1700000000000, 1, 1, 1, 1, b"0.1.0").hex(), "member": body(4294967294, 1700000000001, 7, 9, 3, 0, b"v" * 32).hex(),
        "dated": body(1, 1700000000000, 1, 1, 1, 1, b"0.1.0", 1700000600000).hex(),
        "viewed": body(1, 1700000000000, 1, 1, 1, 1, b"0.1.0", 1700000600000, (1234, 3, 56, 7890, 67108864, 12)).hex(),
    }


if __name__ == "__main__":
    keep("sign-v1.json", make())
