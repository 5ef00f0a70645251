#!/usr/bin/env python3
"""The oracle finds what it is for: a history that is right passes, and each mistake that is planted into a copy of it is found, by the check that is meant for it and no other."""
import copy
import sys

import oracle
from oracle import NO, UNKNOWN, YES, History


def row(seq, epoch, operation, uid="", request="", details="", result="ok", second=0):
    return {"seq": seq, "ms": 1000 * (second or seq), "epoch": epoch, "operation": operation, "object": uid, "request": request, "details": details, "result": result}


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class World:
    """Two nodes: three keys, of which one was revoked and one destroyed too; a failover; one outcome that nobody knows, and one refusal."""

    def __init__(self):
        self.clock = Clock()
        h = self.history = History(self.clock)
        for n, name in enumerate(("a", "b", "c"), 1):
            h.told(h.begun("Create" if n < 3 else "Register", name, "0%d" % n, None, 256), YES, "", "uid-" + name)
        h.told(h.begun("Revoke", "uid-a", "04", "uid-a"), YES)
        h.told(h.begun("Revoke", "uid-b", "05", "uid-b"), YES)
        h.told(h.begun("Destroy", "uid-b", "06", "uid-b"), YES)
        h.told(h.begun("Create", "d", "07", None, 256), UNKNOWN, "no answer")
        h.told(h.begun("Create", "e", "08", None, 256), NO, "the store could not write; nothing was changed, try again")
        self.logs = {
            1: [row(1, 1, "event", details="this node is master server (epoch 1)"), row(2, 1, "Create", "uid-a", "01"), row(3, 1, "NodeEnrol"), row(4, 1, "Create", "uid-b", "02"),
                row(5, 1, "Create", "", "02", "asked again under the same request id, and answered as then"), row(6, 2, "Revoke", "uid-b", "05", second=12)],
            2: [row(1, 1, "Register", "uid-c", "03", second=7), row(2, 2, "event", details="this node is master server (epoch 2)", second=8),
                row(3, 2, "RotateDataKey", second=9), row(4, 2, "Revoke", "uid-a", "04", second=10), row(5, 2, "Destroy", "uid-b", "06", second=13),
                row(6, 2, "Create", "", "08", result="GeneralFailure", second=14)]}
        self.keys = {"uid-a": {"name": "a", "state": "deactivated", "length_bits": 256}, "uid-c": {"name": "c", "state": "active", "length_bits": 256}}

    def wrong(self):
        """Names of the checks that found something."""
        found = {"holes": oracle.holes(self.logs), "one_effect": oracle.one_effect(self.logs), "forward": oracle.forward(self.logs), "epochs": oracle.epochs(self.logs), "listed": oracle.listed_wrongly(self.logs),
                 "acknowledged": oracle.acknowledged(self.history, self.logs), "keys": oracle.of_keys(self.history, self.keys), "seen": self.history.problems}
        return {name for name, problems in found.items() if problems}

    def look(self, node, uid, state, after):
        """An answer of a node, `after` seconds later."""
        self.clock.now += after
        self.history.saw(node, uid, state, self.clock.now)
        self.clock.now += 0.001


def renumber(log):
    for n, r in enumerate(log, 1):
        r["seq"] = n


def take_out(w, node, seq, close=True):
    del w.logs[node][seq - 1]
    if close:
        renumber(w.logs[node])


def add(w, node, *words, **more):
    w.logs[node].append(row(len(w.logs[node]) + 1, *words, **more))


def see_twice(w, first, second, state, after):
    w.look(first, "uid-a", "deactivated", 0)
    w.look(second, "uid-a", state, after)


def rename(w, uid, **fields):
    w.keys[uid] = dict(w.keys.get(uid, {}), **fields)


def list_at(w, node, request, outcome):
    """As a node does that had not been able to say. Ids are whole ones there."""
    for log in w.logs.values():
        for r in log:
            r["request"] = r["request"] and r["request"].zfill(32)
    for c in w.history.changes:
        c.request = c.request.zfill(32)
    add(w, node, 2, "event", request=request.zfill(32), second=21,
        details="Create by unix:0, request %s, was answered as of unknown outcome: it was %s" % (request.zfill(32), outcome))


MISTAKES = [
    ("an acknowledged key has no record", {"acknowledged"}, lambda w: take_out(w, 1, 2)),
    ("an acknowledged revocation has no record", {"acknowledged"}, lambda w: take_out(w, 2, 4)),
    ("an acknowledged end has no record", {"acknowledged"}, lambda w: take_out(w, 2, 5)),
    ("a record was taken out of a log", {"holes", "acknowledged"}, lambda w: take_out(w, 1, 2, close=False)),
    ("a record is there twice", {"holes", "one_effect"}, lambda w: w.logs[1].insert(2, copy.deepcopy(w.logs[1][1]))),
    ("one request made two keys, at two nodes", {"one_effect", "acknowledged"}, lambda w: add(w, 2, 2, "Create", "uid-x", "01", second=20)),
    ("a key was revoked twice, by two requests", {"one_effect", "acknowledged"}, lambda w: add(w, 2, 2, "Revoke", "uid-a", "09", second=20)),
    ("the record is of another key", {"acknowledged"}, lambda w: w.logs[1][1].update(object="uid-x")),
    ("a refused change was made", {"acknowledged"}, lambda w: add(w, 1, 2, "Create", "uid-e", "08", second=20)),
    ("a change was made that nobody asked for", {"acknowledged"}, lambda w: add(w, 1, 2, "Create", "uid-y", "77", second=20)),
    ("a key was revoked before it was made", {"forward"}, lambda w: w.logs[1][1].update(ms=11000)),
    ("an epoch falls in a log", {"epochs"}, lambda w: w.logs[2][5].update(epoch=1)),
    ("two nodes say that they have one epoch", {"epochs"}, lambda w: add(w, 1, 2, "event", details="this node is master server (epoch 2)", second=15)),
    ("another node writes what only the holder may", {"epochs"}, lambda w: add(w, 1, 2, "NodeEnrol", second=15)),
    ("who was followed writes once more", {"epochs"}, lambda w: w.logs[1].insert(5, row(6, 1, "NodeEnrol", second=11)) or renumber(w.logs[1])),
    ("a node says of a change that it was made, and it was not", {"listed"}, lambda w: list_at(w, 1, "07", "made")),
    ("a node says of a change that it was not made, and it was", {"listed"}, lambda w: list_at(w, 1, "02", "not made")),
    ("an acknowledged key is lost", {"keys"}, lambda w: w.keys.pop("uid-c")),
    ("another key has its name", {"keys"}, lambda w: w.keys.update({"uid-z": w.keys.pop("uid-c")})),
    ("a name is there twice", {"keys"}, lambda w: w.keys.update({"uid-z": dict(w.keys["uid-c"])})),
    ("a revoked key is active", {"keys"}, lambda w: rename(w, "uid-a", state="active")),
    ("a key is revoked, and nobody did", {"keys"}, lambda w: rename(w, "uid-c", state="deactivated")),
    ("a destroyed key is listed", {"keys"}, lambda w: rename(w, "uid-b", name="b", state="deactivated", length_bits=256)),
    ("a key has another length", {"keys"}, lambda w: rename(w, "uid-c", length_bits=128)),
    ("a refused key is there", {"keys"}, lambda w: rename(w, "uid-e", name="e", state="active", length_bits=256)),
    ("a node that saw it revoked says that it is active", {"seen"}, lambda w: see_twice(w, 1, 1, "active", 0.1)),
    ("another node says so, long after", {"seen"}, lambda w: see_twice(w, 1, 2, "active", oracle.HEARD_S + 0.1)),
    ("a node says so long after it was acknowledged", {"seen"}, lambda w: w.look(2, "uid-a", "active", oracle.HEARD_S + 0.1)),
    ("a destroyed key is seen revoked", {"seen"}, lambda w: w.look(2, "uid-b", "deactivated", oracle.HEARD_S + 0.1)),
]


def away(w):
    w.history.with_database(False)
    w.look(2, "uid-a", "active", 60)
    w.history.with_database(True)
    w.look(2, "uid-a", "active", 0.1)


def once_more(w):
    """Made by the first sending, whose answer was lost; what the second one says is no matter."""
    change = w.history.asked("07")
    w.history.told(change, NO, "try again")
    add(w, 2, 2, "Create", "uid-d", "07", second=20)
    rename(w, "uid-d", name="d", state="active", length_bits=256)


RIGHT = [
    ("the history as it is", lambda w: None),
    ("another node has not heard of it yet", lambda w: see_twice(w, 1, 2, "active", 0.1)),
    ("a node without its database says what it knows", away),
    ("what nobody knows was made", once_more),
    ("a node lists what it could not say, and it was not made", lambda w: list_at(w, 1, "07", "not made")),
    ("a node lists what it could not say, and it was made", lambda w: list_at(w, 1, "02", "made")),
    ("the holder says it again", lambda w: add(w, 2, 2, "event", details="this node is master server (epoch 2)", second=20)),
]


# ---- what a story of the shell kept ----

RECORDED = ["asked create a -", "yes create a uid-a", "asked create b -", "yes create b uid-b", "asked create c -", "yes create c uid-c", "asked revoke a compromised", "yes revoke a -", "asked revoke b -", "yes revoke b -",
            "asked destroy b -", "yes destroy b -", "asked create d -", "asked create e -", "asked rotate c -", "yes rotate c uid-c2"]


class Told:
    """The same two nodes, as a story saw them that has no request ids; one key was rotated."""

    def __init__(self):
        world = World()
        self.lines, self.logs, self.keys = list(RECORDED), world.logs, world.keys
        self.logs[2][0]["operation"] = "Create"
        self.logs[1][1]["request"] = self.logs[1][4]["request"] = ""
        self.keys["uid-a"]["state"] = "compromised"
        self.keys["uid-c"]["replaced_by"] = "uid-c2"
        self.keys["uid-c2"] = dict(name="c", state="active", length_bits=256)
        self.keys["uid-x"] = dict(state="active", length_bits=128)  # another program's, without a name

    def wrong(self):
        history = oracle.recorded(self.lines)
        found = {"acknowledged": oracle.recorded_wrongly(history, self.logs), "keys": oracle.of_keys(history, self.keys), "logs": oracle.of_logs(self.logs)}
        return {name for name, problems in found.items() if problems}


TOLD_MISTAKES = [
    ("told: as it was", set(), lambda w: None),
    ("told: what was not acknowledged was made", set(), lambda w: (add(w, 2, 2, "Create", "uid-d", second=20), rename(w, "uid-d", name="d", state="active", length_bits=256))),
    ("told: an acknowledged key has no record", {"acknowledged"}, lambda w: take_out(w, 1, 2)),
    ("told: an acknowledged revocation has no record", {"acknowledged"}, lambda w: take_out(w, 2, 4)),
    ("told: the end of another key is on record", {"acknowledged"}, lambda w: w.logs[2][4].update(object="uid-x")),
    ("told: a key was made twice", {"acknowledged", "logs"}, lambda w: add(w, 2, 2, "Create", "uid-a", second=20)),
    ("told: an acknowledged key is lost", {"keys"}, lambda w: w.keys.pop("uid-a")),
    ("told: a compromised key is active", {"keys"}, lambda w: rename(w, "uid-a", state="active")),
    ("told: a destroyed key is listed", {"keys"}, lambda w: rename(w, "uid-b", name="b", state="deactivated", length_bits=256)),
    ("told: a key is there that nobody asked for", {"keys"}, lambda w: rename(w, "uid-f", name="f", state="active", length_bits=256)),
    ("told: a name is there twice", {"keys"}, lambda w: rename(w, "uid-c", replaced_by="")),
]


def main():
    failed = 0
    worlds = [(what, set(), change, World) for what, change in RIGHT] + [(*mistake, World) for mistake in MISTAKES] + [(*mistake, Told) for mistake in TOLD_MISTAKES]
    for what, wanted, change, kind in worlds:
        world = kind()
        change(world)
        found = world.wrong()
        failed += found != wanted
        print("%s %s" % ("ok  " if found == wanted else "BAD ", what) + ("" if found == wanted else ": found by %s, not by %s" % (sorted(found), sorted(wanted))))
    world = World()
    left = oracle.unknown(world.history, world.logs)
    once_more(world)
    left += oracle.unknown(world.history, world.logs)
    good = [(c.name, made) for c, made in left] == [("d", False), ("d", True)]
    print("%s what nobody was told the outcome of is listed, with what became of it" % ("ok  " if good else "BAD "))
    sys.exit(1 if failed or not good else 0)


main()
