"""A way to a PostgreSQL server's Unix socket that leaves out its notifications, as some connection poolers do."""
import os
import socket
import struct
import threading

PORT = ".s.PGSQL.5432"
NOTIFICATION = b"A"


def read(s, count):
    got = b""
    while len(got) < count:
        part = s.recv(count - len(got))
        if not part:
            raise EOFError
        got += part
    return got


class DeafServer:
    """folder: the host of a connection string. left_out: notifications so far."""

    def __init__(self, server_folder, folder):
        self.behind, self.folder, self.left_out = server_folder + "/" + PORT, folder, 0

    def __enter__(self):
        os.mkdir(self.folder, 0o755)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.folder + "/" + PORT)
        os.chmod(self.folder + "/" + PORT, 0o777)
        self.listener.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.behind)
            except OSError:
                client.close()
                continue
            for pump, source, target in ((self.requests, client, server), (self.answers, server, client)):
                threading.Thread(target=self.until_end, args=(pump, source, target), daemon=True).start()

    @staticmethod
    def until_end(pump, source, target):
        try:
            pump(source, target)
        except (EOFError, OSError):
            pass
        for s in (source, target):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @staticmethod
    def requests(client, server):
        while True:
            part = client.recv(65536)
            if not part:
                raise EOFError
            server.sendall(part)

    def answers(self, server, client):
        while True:
            kind, length = read(server, 1), read(server, 4)
            body = read(server, struct.unpack(">I", length)[0] - 4)
            if kind == NOTIFICATION:
                self.left_out += 1
            else:
                client.sendall(kind + length + body)
