#!/usr/bin/env python3
"""Changes of the data key and of the master secret, with cofferd killed at the recorded calls of their steps, one point a run.

usage: rotate_points.py --build DIR [--points N] [--kinds] [--only WORD[,WORD]] [--all] [--keep DIR]

Scenarios: 'data-key' (to its end, proof and retirement too), 'master' (another master secret in the same token), 'back' (to a TPM in which this node was before, and in
which it left a counter; the node is in SoftHSM by then), and 'key' (a key that its schedule replaces). A point is TOKEN:SCENARIO:PROCESS/THREAD/CALL/N and comes from a recorded run: what changes a file
or asks the token, once the change was asked for. --all takes every recorded call. Of each scenario N points are tried, evenly spread; with --kinds one of each kind of step (the store is
written or synced, a file is put in its place or taken away, the token is asked) until it was met, and a kind at which nothing was killed is a violation.
After the kill the monitor starts the daemon again: it must open by itself, what was sealed opens, the change is asked for once more and succeeds, the audit log
verifies, the store is whole, it opens again after one more restart with token and counter well, and each token holds the one master secret that is in force or none: nothing is left over.

Exit status 0: no violation."""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

import live_node

CHANGES = {"fsync", "fdatasync", "ftruncate", "rename", "renameat", "renameat2", "unlink", "unlinkat", "pwrite64"}
ASKS = {"write", "writev", "sendmsg", "sendto"}  # of the thread that speaks with the token helper
SCENARIOS = (("softhsm", "data-key"), ("swtpm", "data-key"), ("softhsm", "master"), ("swtpm", "master"), ("swtpm", "back"), ("softhsm", "key"))
OPEN_S = 20
KIND_TRIES = 16


class Node(live_node.Node):
    """A node with a second token beside it: a swtpm has a SoftHSM."""

    def make(self):
        kind, self.token = self.token, "softhsm"
        super().make()  # with what both need
        self.token = kind
        with open(self.path["cofferd.conf"], "a", encoding="ascii") as f:
            f.write("reseal_rate = 100000\n")

    def hsm_uri(self):
        return f"pkcs11:token=coffer;object=master?module-path={live_node.SOFTHSM[0]}&pin-source=file:{self.path['token']}/pin"

    def secrets(self):
        """Master secrets in the TPM, and in SoftHSM."""
        kind, found = self.token, []
        for one in ("swtpm", "softhsm"):
            self.token = one
            found.append(len([line for line in self.token_objects() if "transient" not in line and "session" not in line]) if one == "softhsm" or kind == "swtpm" else 0)
        self.token = kind
        return found

    def ask(self, *words):
        """Asks again when the daemon was killed meanwhile: a point may be reached late."""
        for _ in range(3):
            before = self.count_kills()
            code, text = self.coffer(*words)
            if not code:
                return text
            if self.count_kills() == before and "closed the connection" not in text:
                break
            self.wait_open()
        raise live_node.Trouble(f"coffer {' '.join(words)}: {text.strip()}")

    def status(self):
        try:
            return json.loads(self.coffer("status", "--json")[1])
        except ValueError:
            return {}

    def wait_open(self):
        if not live_node.wait_for(lambda: self.status().get("state") in ("open", "fault"), OPEN_S) or self.status().get("state") != "open":
            raise live_node.Trouble(f"it does not open by itself: {self.status().get('note')} {self.last_words()}")


def words_of(node, scenario):
    return {"data-key": ("rotate", "data-key", "--wait"), "master": ("rotate", "master"), "back": ("rotate", "master", "--token", node.uri()),
            "key": ("key", "schedule", "clock", "--rotate-every", "1s")}[scenario]


def prepare(node, scenario):
    node.make()
    node.start_token()
    node.start(traced=False)
    if not live_node.wait_for(lambda: node.state() == "uninitialised", OPEN_S):
        raise live_node.Trouble("it does not start")
    node.ask("init", "--token", node.uri(), "--no-recovery")
    node.wait_open()
    for name in ("k", "clock"):
        node.ask("key", "create", name)
    with open(node.home + ".plain", "w", encoding="ascii") as f:
        f.write("before")
    node.ask("encrypt", "-k", "k", "-i", node.home + ".plain", "-o", node.home + ".sealed")
    if scenario == "back":
        node.ask("rotate", "master", "--token", node.hsm_uri())
    if scenario == "master":
        node.ask("rotate", "master")  # so that the one in force was made by the node under a place that it chose
    node.stop()
    node.stop_token()
    node.put_aside("ready")


def version(node):
    return json.loads(node.ask("key", "show", "clock", "--json"))["version"]


def well(node):
    """Token and, where it counts, its counter."""
    def is_well():
        status = node.status()
        return status.get("token", {}).get("health") == "well" and status.get("rollback", {}).get("health") == "well"

    if not live_node.wait_for(is_well, OPEN_S):
        status = node.status()
        raise live_node.Trouble(f"not well: token {status.get('token')}, rollback {status.get('rollback')}")


def settled(old):
    """A kill behind its destruction leaves one that its token does not show any more."""
    return old == "" or old.startswith("not shown by its token")


def judge(node, scenario):
    """What is wrong after the kill, the restart, and the change asked for again."""
    node.wait_open()
    back = node.ask("decrypt", "-i", node.home + ".sealed")
    if back.strip() != "before":
        raise live_node.Trouble(f"what was sealed opens as {back!r}")
    if scenario == "back" and node.status()["token"]["kind"] == "tpm2":
        pass  # it took effect
    elif scenario == "data-key":
        if not live_node.wait_for(lambda: node.status().get("rotation", {}).get("phase") == "none", OPEN_S):
            raise live_node.Trouble(f"the change does not end: {node.status().get('rotation')}")
    elif scenario == "key":
        node.ask(*words_of(node, scenario))
    else:
        text = node.ask(*words_of(node, scenario))
        if "not destroyed" in text or "left to its owner" in text:
            raise live_node.Trouble(f"the earlier master secret stays: {text.strip()}")
    if scenario == "key":
        if not live_node.wait_for(lambda: version(node) > 1, OPEN_S):
            raise live_node.Trouble("the key is not replaced")
        node.ask("key", "schedule", "clock", "--never")
    well(node)
    if scenario == "data-key" and node.status()["rotation"]["generations"] != 1:
        raise live_node.Trouble(f"older data keys stay: {node.status()['rotation']}")
    if "every link verified" not in node.ask("audit", "verify"):
        raise live_node.Trouble("the audit log does not verify")
    node.ask("store", "check")
    if not live_node.wait_for(lambda: settled(node.status().get("rotation", {}).get("old_master", "")), OPEN_S):
        raise live_node.Trouble(f"an earlier master secret stays: {node.status().get('rotation')}")


def lines_of(record):
    if not record:
        return 0
    with open(record, encoding="ascii", errors="replace") as f:
        return f.read().count("\n")


def play(node, scenario, kills, record=None):
    """One run; which lines of the record are of the change, to its end, whether the kill was done, and what is wrong."""
    fault, before, after, fired = None, 0, 0, 0
    node.start_token()
    try:
        node.start(kills, record, None, "ready")
        node.wait_open()
        before = lines_of(record)
        node.coffer(*words_of(node, scenario))  # what came of it is another matter
        if scenario == "key":
            live_node.wait_for(lambda: node.count_kills() > 0 or (node.state() == "open" and version(node) > 1), OPEN_S)
        judge(node, scenario)
        fired, after = node.count_kills(), lines_of(record)
        node.stop()
        node.start(traced=False)  # nothing of it may show only at the next start
        node.wait_open()
        well(node)
        node.stop()
        secrets = node.secrets()
        if sum(secrets) != 1:
            fault = f"{secrets[0]} objects in the TPM and {secrets[1]} in SoftHSM; one master secret is in force"
    except (live_node.Trouble, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as trouble:
        fired, fault = max(fired, node.count_kills()), f"{trouble}"
    finally:
        node.end()
        node.stop_token()
    return slice(before, after), fired, fault


def is_point(event, every):
    process, thread, call, _ = event.split("/")
    if process != "cofferd":
        return False
    return every or call in CHANGES or (thread == "token" and call in ASKS)


def kind_of(event):
    _, thread, call, _ = event.split("/")
    return "token" if thread == "token" and call in ASKS else "file" if call.startswith(("rename", "unlink")) else "store"


def sample(found, count):
    return found if count >= len(found) else [found[i * len(found) // count] for i in range(count)]


def by_kind(found):
    """Per kind, points from its middle outwards: each is reached in some runs and not in others."""
    kinds = {}
    for event in found:
        kinds.setdefault(kind_of(event), []).append(event)
    return {kind: sorted(events, key=lambda e, all_of=events: abs(all_of.index(e) - len(all_of) // 2)) for kind, events in kinds.items()}


def scenario_points(args, node, scenario, path):
    node.take_back("ready")
    of_change, _, fault = play(node, scenario, [], path)
    if fault:
        sys.exit(f"rotate_points: a run without a kill does not work: {fault}; {node.last_words()}")
    with open(path, encoding="ascii", errors="replace") as f:
        events = [line.split(" ", 1)[0] for line in f][of_change]
    return [e for e in events if is_point(e, args.all)]


class Tries:
    """The points of one scenario that are tried, and what came of it."""

    def __init__(self, args, name, node, scenario):
        self.args, self.name, self.node, self.scenario = args, name, node, scenario
        self.tried = self.kills = self.bad = 0

    def violation(self, text):
        self.bad += 1
        print(f"VIOLATION {self.name}{text}", flush=True)

    def point(self, point):
        """How many kills it was good for."""
        self.node.take_back("ready")
        _, fired, fault = play(self.node, self.scenario, [point])
        self.tried += 1
        self.kills += fired
        if fault:
            self.violation(f":{point} {fault}")
            if self.args.keep and not os.path.exists(self.args.keep):
                shutil.copytree(self.node.home, self.args.keep, ignore=shutil.ignore_patterns("*.sock*"))
        return fired

    def all_of(self, points):
        for point in points:
            self.point(point)
        if len(points) >= 10 and not self.kills:
            self.violation(f": no point of {len(points)} was met, so nothing was shown")

    def one_of_each_kind(self, points):
        for kind, some in by_kind(points).items():
            if not any(self.point(some[i % len(some)]) for i in range(KIND_TRIES)):
                self.violation(f": no point of kind {kind} was met, so nothing was shown")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--build", required=True)
    p.add_argument("--points", type=int, default=1 << 20)
    p.add_argument("--kinds", action="store_true")
    p.add_argument("--only", default="")
    p.add_argument("--point", default="")
    p.add_argument("--all", action="store_true")
    p.add_argument("--keep", default="")
    args = p.parse_args()
    args.build = os.path.abspath(args.build)
    live_node.end_in_order()
    bad = 0
    with live_node.work_folder("coffer-points-") as work:
        for token, scenario in SCENARIOS:
            name = f"{token}:{scenario}"
            if not any(word in name for word in args.only.split(",")) or (args.point and not args.point.startswith(name + ":")):
                continue
            node = Node(os.path.join(work, name.replace(":", "-")), token, os.path.join(args.build, "bin"), os.path.join(args.build, "tests"))
            os.mkdir(node.home)
            try:
                prepare(node, scenario)
            finally:
                node.end()
                node.stop_token()
            tries = Tries(args, name, node, scenario)
            found = [args.point.split(":")[2]] if args.point else scenario_points(args, node, scenario, os.path.join(work, name + ".record"))
            if args.kinds:
                tries.one_of_each_kind(found)
            else:
                tries.all_of(sample(found, args.points))
            bad += tries.bad
            print(f"{name}: {tries.tried} points of {len(found)}, {tries.kills} kills, {bad} violations so far", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
