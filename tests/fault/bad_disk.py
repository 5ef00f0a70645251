#!/usr/bin/env python3
"""bad_disk.py FILE CALLS ERROR [N]: from here on these calls of the daemon (read,write,sync,truncate,allocate) fail with this errno, or the N-th alone;
with "hangs" in place of an errno they wait, with "slow:MICROSECONDS" they take so much longer.
bad_disk.py FILE none: none fails any more. Prints how many failed since the last time."""
import errno
import os
import struct
import sys

CALLS = {"none": 0, "read": 1, "write": 2, "sync": 4, "truncate": 8, "allocate": 16}
HANGS, SLOW = 100000, 1000000  # likewise
LAYOUT = "=5I"  # struct page of bad_disk.c


def number_of(error):
    if error.startswith("slow:"):
        return SLOW + int(error[5:])
    return HANGS if error == "hangs" else getattr(errno, error)


def main():
    path, calls = sys.argv[1], sum(CALLS[name] for name in sys.argv[2].split(","))
    error = number_of(sys.argv[3]) if calls else 0
    nth = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    size = struct.calcsize(LAYOUT)
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    os.fchmod(fd, 0o666)
    old = os.pread(fd, size, 0).ljust(size, b"\0")
    print(struct.unpack(LAYOUT, old)[4])
    os.pwrite(fd, struct.pack("=I", 0), 0)  # first of all nothing fails while the rest is written
    os.pwrite(fd, struct.pack("=4I", error, nth, 0, 0), 4)
    os.pwrite(fd, struct.pack("=I", calls), 0)
    os.close(fd)


main()
