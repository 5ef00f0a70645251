#!/usr/bin/env python3
"""Get over KMIP: cached_get.py SOCKET UUID; prints the key in hex, or, with exit status 1, the sentence of the refusal."""
import sys

from frames import connect, find, item, message, read_answer, reason

s = connect(sys.argv[1], timeout=60)
s.sendall(message(operation=10, payload=item(0x420094, 7, sys.argv[2].encode())))
answer = read_answer(s)
if answer is None:
    sys.exit("no answer")
if reason(answer) is not None:
    sys.exit((find(answer, 0x42007D, 7) or b"").decode())
print(find(answer, 0x420043, 8).hex())
