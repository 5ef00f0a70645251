"""What the tests of rings share: the daemon they ask, streams to work on, and how a test is told: PROGRAM SOCKET PID-OF-COFFERD KEY [TEST …]."""
import os
import random
import sys
import time

from frames import find
from ring_client import OPEN_STREAM, SEAL_STREAM, Client, Failed, cut

KIB, MIB = 1 << 10, 1 << 20
SMALL = 64 * KIB
PATH, PID, KEY = sys.argv[1], int(sys.argv[2]), sys.argv[3]
PATIENCE = 30  # seconds
seed = int(os.environ.get("SEED", time.time_ns() & 0xFFFFFFFF))
dice = random.Random(seed)


class Wrong(Exception):
    pass


def want(condition, what):
    if not condition:
        raise Wrong(what)


def sentence(answer):
    """What a failure says; None for a success."""
    if answer is None:
        return "closed"
    if find(answer, 0x42007F, 5) == b"\0\0\0\0":
        return None
    return (find(answer, 0x42007D, 7) or b"").decode()


def refused(answer, part):
    said = sentence(answer)
    want(said is not None and part in said, f"'{part}' is expected, and '{said}' is said")


def eventually(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        want(time.monotonic() < end, what)
        time.sleep(0.01)


def maps():
    return open(f"/proc/{PID}/maps").read().count("coffer-ring")


def descriptors():
    return len(os.listdir(f"/proc/{PID}/fd"))


def resident_kib():
    return next(int(line.split()[1]) for line in open(f"/proc/{PID}/status") if line.startswith("VmRSS"))


def sealing(size=SMALL, slots=9):
    c = Client(PATH, PATIENCE)
    handle, header = c.begin_seal(KEY, size)
    c.map_ring(size, slots)
    return c, handle, header


def sealed(plain, size=SMALL):
    """Header and segments of a stream that was sealed in messages."""
    c = Client(PATH, PATIENCE)
    handle, header = c.begin_seal(KEY, size)
    made = c.one_by_one(SEAL_STREAM, handle, cut(plain, size))
    c.close()
    return header, made


def opening(header, size=SMALL, slots=9):
    c = Client(PATH, PATIENCE)
    handle = c.begin_open(header)
    c.map_ring(size, slots)
    return c, handle


def run(tests):
    """Every test, or those that are named; the exit status."""
    failed = 0
    print(f"     seed {seed}")
    for test in tests:
        if len(sys.argv) > 4 and test.__name__ not in sys.argv[4:]:
            continue
        try:
            test()
            print("     ok   " + test.__name__.replace("_", " "), flush=True)
        except (Wrong, Failed, OSError) as e:
            failed += 1
            print(f"     BAD  {test.__name__.replace('_', ' ')}: {type(e).__name__} {e}", flush=True)
    return failed != 0
