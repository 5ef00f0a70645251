"""Many requests under way on one connection: pipelined.py SOCKET batches COUNT | SOCKET hostile SECONDS | SOCKET larger COUNT."""
import socket
import sys
import threading
import time

import frames

IN_FLIGHT = 64


def request():
    return frames.message()  # Discover Versions: a worker answers it at once


def read_answers(s, count):
    for _ in range(count):
        if frames.read_answer(s) is None:
            raise SystemExit("the connection ended before its answers")


def batches(path, count):
    """As many requests as fit into one write, answered before the next ones are sent."""
    s = frames.connect(path)
    for _ in range(count):
        s.sendall(request() * IN_FLIGHT)
        read_answers(s, IN_FLIGHT)
    print("answered", count * IN_FLIGHT)


def push(path, until, reads):
    """A hostile client: always more requests, half of one at the end, answers taken or not."""
    data = request() * IN_FLIGHT + request()[:70]
    while time.monotonic() < until:
        s = frames.connect(path)
        s.settimeout(0.2)
        try:
            while time.monotonic() < until:
                s.sendall(data)
                if not reads:
                    continue
                read_answers(s, IN_FLIGHT)
                s.sendall(request()[70:])
                read_answers(s, 1)
        except OSError:
            pass
        s.close()


def hostile(path, seconds):
    """Eight of them, and one who asks one thing at a time: how often he was answered, and the longest that he waited."""
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=push, args=(path, until, i % 2 == 0)) for i in range(8)]
    for t in threads:
        t.start()
    s = frames.connect(path, 10)
    answers, longest = 0, 0.0
    while time.monotonic() < until:
        began = time.monotonic()
        s.sendall(request())
        read_answers(s, 1)
        longest = max(longest, time.monotonic() - began)
        answers += 1
    for t in threads:
        t.join()
    print(answers, round(longest * 1000))


def larger(path, count):
    """Answers that are five hundred times as large as their requests, which are all sent at once: who reads them gets each."""
    s = frames.connect(path, 30)
    asked = frames.message(operation=0x25, payload=frames.integer(0x4200C4, 65536))  # RNG Retrieve
    sender = threading.Thread(target=s.sendall, args=(asked * count,), daemon=True)
    sender.start()
    got = sum(len(frames.find(frames.read_answer(s), 0x4200C2, 8) or b"") for _ in range(count))
    sender.join()
    print(got)


def main():
    path, what, number = sys.argv[1:]
    {"batches": batches, "hostile": hostile, "larger": larger}[what](path, int(number))


if __name__ == "__main__":
    try:
        main()
    except socket.timeout:
        raise SystemExit("no answer in time") from None
