#!/usr/bin/python3
"""PyKMIP's server on its own TLS, and a client of raw frames beside it: prints "ready", then for each line "BYTES MILLISECONDS" a line of JSON.
usage: pykmip_peer.py FOLDER (certificates, the server's database and its log go there; with a port: the server itself). Debian's Python: python3-pykmip."""
import json
import logging
import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time

STRUCTURE, INTEGER, ENUMERATION, TEXT, BYTES = 1, 2, 5, 7, 8
CREATE, ACTIVATE, ENCRYPT = 1, 0x12, 0x1F


def item(tag, kind, value):
    return struct.pack(">I", tag)[1:] + bytes([kind]) + struct.pack(">I", len(value)) + value + bytes(-len(value) % 8)


def structure(tag, *fields):
    return item(tag, STRUCTURE, b"".join(fields))


def number(tag, value, kind=INTEGER):
    return item(tag, kind, struct.pack(">i", value))


def attribute(name, value):
    return structure(0x420008, item(0x42000A, TEXT, name.encode()), value)


def message(operation, payload):
    version = structure(0x420069, number(0x42006A, 1), number(0x42006B, 2))
    batch = structure(0x42000F, number(0x42005C, operation, ENUMERATION), structure(0x420079, payload))
    return structure(0x420078, structure(0x420077, version, number(0x42000D, 1)), batch)


def certificates(folder):
    """A root and one certificate for both ends."""
    def openssl(*words):
        subprocess.run(("openssl",) + words, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(os.path.join(folder, "ext"), "w", encoding="ascii") as f:
        f.write("extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=IP:127.0.0.1\n")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=bench root")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "peer.key", "-out", "peer.csr", "-subj", "/CN=bench")
    openssl("x509", "-req", "-in", "peer.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext", "-out", "peer.pem")


def serve(folder, port):
    from kmip.services.server import KmipServer  # pylint: disable=import-outside-toplevel
    os.makedirs(os.path.join(folder, "policy"), exist_ok=True)
    server = KmipServer(hostname="127.0.0.1", port=port, certificate_path=os.path.join(folder, "peer.pem"), key_path=os.path.join(folder, "peer.key"),
                        ca_path=os.path.join(folder, "ca.pem"), auth_suite="TLS1.2", config_path=None, log_path=os.path.join(folder, "server.log"),
                        policy_path=os.path.join(folder, "policy"), enable_tls_client_auth=True, logging_level="ERROR",
                        database_path=os.path.join(folder, "kmip.db"))
    logging.disable(logging.CRITICAL)
    with server:
        server.serve()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def connect(folder, port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(os.path.join(folder, "ca.pem"))
    context.load_cert_chain(os.path.join(folder, "peer.pem"), os.path.join(folder, "peer.key"))
    for _ in range(200):
        try:
            return context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="127.0.0.1")
        except OSError:
            time.sleep(0.05)
    sys.exit("PyKMIP's server does not answer")


def read_exactly(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            sys.exit("PyKMIP's server closed the connection")
        data += more
    return data


def ask(connection, request):
    connection.sendall(request)
    head = read_exactly(connection, 8)
    answer = read_exactly(connection, struct.unpack(">I", head[4:])[0])
    if b"\x42\x00\x7f\x05\x00\x00\x00\x04\x00\x00\x00\x00" not in answer:
        sys.exit(f"PyKMIP's server refused: {answer!r}")
    return answer


def make_key(connection):
    attributes = structure(0x420091, attribute("Cryptographic Algorithm", number(0x42000B, 3, ENUMERATION)),
                           attribute("Cryptographic Length", number(0x42000B, 256)), attribute("Cryptographic Usage Mask", number(0x42000B, 12)))
    answer = ask(connection, message(CREATE, number(0x420057, 2, ENUMERATION) + attributes))
    at = answer.index(b"\x42\x00\x94\x07")
    uid = answer[at + 8:at + 8 + struct.unpack(">I", answer[at + 4:at + 8])[0]]
    ask(connection, message(ACTIVATE, item(0x420094, TEXT, uid)))
    return uid


def main():
    folder = sys.argv[1]
    if len(sys.argv) == 3:
        serve(folder, int(sys.argv[2]))
        return
    certificates(folder)
    port = free_port()
    with open(os.path.join(folder, "said"), "wb") as said:
        server = subprocess.Popen([sys.executable, os.path.abspath(__file__), folder, str(port)], stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                  start_new_session=True)
    try:
        connection = connect(folder, port)
        uid = make_key(connection)
        print("ready", flush=True)
        parameters = structure(0x42002B, number(0x420011, 1, ENUMERATION), number(0x42005F, 3, ENUMERATION), number(0x420028, 3, ENUMERATION))
        for line in sys.stdin:
            size, ms = map(int, line.split())
            request = message(ENCRYPT, item(0x420094, TEXT, uid) + parameters + item(0x4200C2, BYTES, bytes(size)))
            ask(connection, request)
            ops, begin = 0, time.perf_counter()
            while time.perf_counter() - begin < ms / 1000:
                ask(connection, request)
                ops += 1
            rate = ops / (time.perf_counter() - begin)
            print(json.dumps({"part": "c", "what": "PyKMIP", "cipher": "AES-CBC", "size": size, "rate": round(rate, 1)}), flush=True)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


main()
