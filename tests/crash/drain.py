#!/usr/bin/env python3
"""SIGTERM under load: 100 connections ask 1,000 operations a second, the daemon is told to stop, and whatever it acknowledged must be there afterwards.

usage: drain.py --build DIR [--token softhsm|swtpm] [--rounds N] [--seed S]

Nine in ten operations are Encrypt, one is Create. After a start the next day every created key is found, and what was encrypted is decrypted. The stop takes at
most 10 s and ends with status 0. With swtpm the TPM loses its power after each stop, and its count of wrong authorizations stays what it was."""
import argparse
import os
import random
import re
import selectors
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import frames  # noqa: E402
import live_node  # noqa: E402

CONNECTIONS = 100
RATE = 1000  # operations a second
LOAD_S = 1.5
STOP_S = 10
CREATE, LOCATE, ENCRYPT, DECRYPT = 0x01, 0x08, 0x1F, 0x20
GCM = frames.struct_(0x42002B, frames.enum(0x420011, 9), frames.item(0x4200C5, 6, (1).to_bytes(8, "big")), frames.integer(0x4200CE, 16))
PLAIN = b"sixteen bytes .."


def text(tag, value):
    return frames.item(tag, 7, value.encode())


def attribute(name, value):
    return frames.struct_(0x420008, text(0x42000A, name), value)


def named(name):
    return attribute("Name", frames.struct_(0x42000B, text(0x420055, name), frames.enum(0x420054, 1)))


def create(name):
    template = frames.struct_(0x420091, attribute("Cryptographic Algorithm", frames.enum(0x42000B, 3)),
                              attribute("Cryptographic Length", frames.integer(0x42000B, 256)),
                              attribute("Cryptographic Usage Mask", frames.integer(0x42000B, 12)), named(name),
                              attribute("Activation Date", frames.item(0x42000B, 9, (1000).to_bytes(8, "big"))))
    return frames.message(operation=CREATE, payload=frames.enum(0x420057, 2) + template)


def encrypt(key):
    return frames.message(operation=ENCRYPT, payload=text(0x420094, key) + GCM + frames.item(0x4200C2, 8, PLAIN))


def decrypt(key, sealed):
    data, iv, tag = sealed
    return frames.message(operation=DECRYPT, payload=text(0x420094, key) + GCM + frames.item(0x4200C2, 8, data) + frames.item(0x42003D, 8, iv) +
                          frames.item(0x4200FF, 8, tag))


def succeeded(answer):
    status = frames.find(answer, 0x42007F, 5)
    return status is not None and int.from_bytes(status, "big") == 0


class Load:
    """Asks on all connections in turn, at the rate, each with one request under way; keeps what was acknowledged."""

    def __init__(self, path, key, dice, label):
        self.key, self.dice, self.label = key, dice, label
        self.selector, self.idle, self.asked = selectors.DefaultSelector(), [], {}
        self.created, self.sealed, self.refused, self.done, self.number = [], [], 0, 0, 0
        for _ in range(CONNECTIONS):
            s = frames.connect(path)
            s.setblocking(False)
            self.selector.register(s, selectors.EVENT_READ, bytearray())
            self.idle.append(s)
        self.open = CONNECTIONS

    def ask(self):
        s = self.idle.pop(0)
        name = f"{self.label}-{self.number}" if self.dice.random() < 0.1 else None
        self.number += 1
        self.asked[s] = name
        try:
            s.send(create(name) if name else encrypt(self.key))
        except OSError:
            pass  # its end is read

    def take(self, s, frame):
        name = self.asked.pop(s)
        self.done += 1
        if not succeeded(frame):
            self.refused += 1
        elif name:
            self.created.append(name)
        else:
            self.sealed.append(tuple(frames.find(frame, tag, 8) for tag in (0x4200C2, 0x42003D, 0x4200FF)))
        self.idle.append(s)

    def read(self, s, got):
        try:
            part = s.recv(65536)
        except ConnectionResetError:
            part = b""
        got += part
        size = 8 + int.from_bytes(got[4:8], "big") if len(got) >= 8 else 8
        if len(got) >= 8 and len(got) >= size:
            self.take(s, bytes(got[:size]))
            del got[:size]
        if not part:
            self.selector.unregister(s)
            s.close()
            self.open -= 1
            if s in self.idle:
                self.idle.remove(s)

    def run(self, until):
        """Until the condition holds or no connection is left."""
        began, asked = time.monotonic(), 0
        while self.open and not until():
            due = int((time.monotonic() - began) * RATE)
            while asked < due and self.idle:
                self.ask()
                asked += 1
            asked = max(asked, due - CONNECTIONS)
            for key, _ in self.selector.select(0.001):
                self.read(key.fileobj, key.data)


def lockouts(node):
    out = node.run(["tpm2_getcap", "-T", "swtpm:path=" + node.path["tpm.sock"], "properties-variable"])
    return int(re.search(r"TPM2_PT_LOCKOUT_COUNTER: (0x[0-9A-Fa-f]+|\d+)", out).group(1), 0)


def check(node, load, key):
    """What was acknowledged and is not there."""
    lost = []
    s = frames.connect(node.path["coffer.sock"])

    def ask(frame):
        s.sendall(frame)
        return frames.read_answer(s)
    for name in load.created:
        answer = ask(frames.message(operation=LOCATE, payload=named(name)))
        if not succeeded(answer) or frames.find(answer, 0x420094, 7) is None:
            lost.append(name)
    for sealed in load.sealed[-200:]:
        answer = ask(decrypt(key, sealed))
        if not succeeded(answer) or frames.find(answer, 0x4200C2, 8) != PLAIN:
            lost.append("an encrypted message")
    s.close()
    return lost


def one_round(node, number, dice):
    faults = []
    node.start(traced=False)
    if not live_node.wait_for(lambda: node.state() == "open", 10):
        raise live_node.Trouble(f"the node does not open: {node.last_words()}")
    answer = frames.exchange(node.path["coffer.sock"], create(f"load-{number}"))
    key = frames.find(answer, 0x420094, 7).decode()
    load = Load(node.path["coffer.sock"], key, dice, f"made-{number}")
    end = time.monotonic() + LOAD_S
    load.run(lambda: time.monotonic() > end)
    before = load.done
    node.ask_to_stop()
    told = time.monotonic()
    load.run(lambda: time.monotonic() > told + STOP_S)
    node.stop()
    took = time.monotonic() - told
    if took > STOP_S:
        faults.append(f"the stop took {took:.1f} s")
    if node.tracer.returncode != 0:
        faults.append(f"it ended with {node.tracer.returncode}: {node.last_words()}")
    if before < LOAD_S * RATE * 0.5:
        faults.append(f"the load was {before / LOAD_S:.0f} operations a second")
    if node.tpm:
        node.stop_token()  # SIGKILL: a power cut
        node.start_token()
    node.start(traced=False)
    if not live_node.wait_for(lambda: node.state() == "open", 10):
        raise live_node.Trouble(f"the node does not open again: {node.last_words()}")
    lost = check(node, load, key)
    faults += [f"{len(lost)} acknowledged operations are lost: {', '.join(lost[:3])}"] if lost else []
    node.stop()
    print(f"round {number}: {before} operations in {LOAD_S} s, {load.done - before} more answered after SIGTERM ({load.refused} refused), stopped in "
          f"{took:.2f} s, {len(load.created)} keys and {len(load.sealed)} messages acknowledged, {len(lost)} lost")
    return faults


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0])
    parser.add_argument("--build", required=True, type=os.path.abspath)
    parser.add_argument("--token", choices=("softhsm", "swtpm"), default="swtpm")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    live_node.end_in_order()
    dice, faults = random.Random(args.seed), []
    with live_node.work_folder("coffer-drain-") as work:
        node = live_node.Node(os.path.join(work, "n"), args.token, os.path.join(args.build, "bin"), os.path.join(args.build, "tests"))
        os.mkdir(node.home)
        try:
            node.make()
            node.start_token()
            node.start(traced=False)
            live_node.wait_for(lambda: node.state() == "uninitialised", 10)
            code, text_ = node.coffer("init", "--token", node.uri(), "--no-recovery")
            if code != 0:
                raise live_node.Trouble(text_)
            node.stop()
            first = lockouts(node) if node.tpm else 0
            for number in range(args.rounds):
                faults += one_round(node, number, dice)
            if node.tpm:
                last = lockouts(node)
                print(f"the TPM counts {last} wrong authorizations, {first} before")
                faults += [f"the TPM counts {last} wrong authorizations, {first} before"] if last != first else []
            faults += node.complaints()
        except (live_node.Trouble, OSError, socket.timeout) as trouble:
            faults.append(f"{trouble}; {node.last_words()}")
        finally:
            node.end()
            node.stop_token()
    for fault in faults:
        print(f"seed {args.seed}: {fault}")
    print(f"{len(faults)} violations")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
