#!/usr/bin/env python3
"""The receiving end of sd_notify: fake_manager.py SOCKET writes each line of each datagram to standard output, with the sender's process id."""
import os
import socket
import struct
import sys

sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
while True:
    data, ancillary, _, _ = sock.recvmsg(4096, 256)
    pid = struct.unpack("iii", ancillary[0][2][:12])[0] if ancillary else 0
    for line in data.decode("utf-8", "replace").split("\n"):
        print(pid, line, flush=True)
