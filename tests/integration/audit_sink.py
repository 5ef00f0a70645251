#!/usr/bin/env python3
"""A datagram socket in place of syslog or the journal: audit_sink.py SOCKET FILE writes each datagram and a newline to FILE."""
import os
import socket
import sys

path, out = sys.argv[1:]
if os.path.exists(path):
    os.unlink(path)
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s, open(out, "ab", buffering=0) as f:
    s.bind(path)
    os.chmod(path, 0o777)
    while True:
        f.write(s.recv(1 << 20) + b"\n")
