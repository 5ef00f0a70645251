#!/usr/bin/env python3
"""Kills cofferd at recorded points of an unseal by shares, of `recovery shares --new` and of a restore, and judges what is left. The command is given again as a person would, and then everything is there.

usage: recovery_campaign.py --build DIR [--points N] [--seed N] [--token softhsm|swtpm] [--only SCENARIO] [--point 'SCENARIO:POINT'] [--jobs N]
--points 0: every point that was recorded."""
import argparse
import collections
import hashlib
import os
import queue
import shutil
import sys
import threading
import time

import live_node
import rotate_points

UNREACHABLE = 3  # the exit status of coffer
SCENARIOS = ("unseal", "shares", "restore")
SHARES = ["--recovery-shares", "3", "--recovery-threshold", "2", "--recovery-out"]


class Scene:
    """One node, and what is kept of it: the domain that was made once, the state before that, its sheets, an archive and a sealed message."""
    scenarios, planted = SCENARIOS, ("shares",)

    def __init__(self, folder, args):
        os.makedirs(folder)
        self.home, self.args = folder, args
        self.node = live_node.Node(os.path.join(folder, "node"), args.token, os.path.join(args.build, "bin"), os.path.join(args.build, "tests"))
        os.makedirs(self.node.home)
        self.kept = os.path.join(folder, "kept")
        self.config = ""

    def path(self, name):
        return os.path.join(self.kept, name)

    def must(self, *words):
        code, text = self.node.coffer(*words)
        if code:
            raise live_node.Trouble(f"coffer {' '.join(words[:2])}: {text.strip()}")
        return text

    def wait(self, *states):
        seen = [None]

        def is_there():
            seen[0] = self.node.state()
            return seen[0] in states
        if not live_node.wait_for(is_there, 20):
            raise live_node.Trouble(f"the node is {seen[0]}, not {' or '.join(states)}: {self.node.last_words()}")
        return seen[0]

    def found(self):
        """A domain with one key, and what that sealed."""
        node = self.node
        node.make()
        os.makedirs(self.kept)
        with open(node.path["cofferd.conf"], encoding="ascii") as f:
            self.config = f.read()
        self.configure("")
        node.put_aside("empty")
        node.start_token()
        node.start(traced=False)
        self.wait("uninitialised")
        os.mkdir(self.path("sheets"), 0o700)
        self.must("init", "--token", node.uri(), *SHARES, self.path("sheets"))
        self.must("key", "create", "k")
        with open(self.path("plain"), "wb") as f:
            f.write(os.urandom(3000))
        self.must("encrypt", "--key", "k", "-i", self.path("plain"), "-o", self.path("sealed"))

    def configure(self, lines):
        with open(self.node.path["cofferd.conf"], "w", encoding="ascii") as f:
            f.write(self.config + lines)

    def keep(self, name):
        self.node.stop()
        self.node.stop_token()
        self.node.put_aside(name)

    def prepare(self):
        self.found()
        self.must("backup", "create", self.path("archive"))
        self.keep("founded")

    # -- one run --------------------------------------------------------------------------------------------------------

    def sheets(self, folder, *numbers):
        return [word for n in numbers for word in ("--share-file", f"{folder}/share-{n}.txt")]

    def begin(self, scenario, kills, record):
        node = self.node
        node.take_back("empty" if scenario == "restore" else "founded")
        shutil.rmtree(self.path("new"), ignore_errors=True)
        os.mkdir(self.path("new"), 0o700)
        self.configure("start = attended\n" if scenario == "unseal" else "")
        node.start_token()
        node.start(kills, record, good="empty" if scenario == "restore" else "founded")

    def ready(self, scenario):
        """Waits until the command can be given."""
        self.wait({"unseal": "sealed", "shares": "open", "restore": "uninitialised"}[scenario])

    def recorded_from(self, _, record):
        """Where in the record the calls begin that are killed at."""
        return len(self.recorded(record))

    def command(self, scenario):
        if scenario == "unseal":
            return self.node.coffer("unseal", *self.sheets(self.path("sheets"), 1, 3))
        if scenario == "shares":
            return self.node.coffer("recovery", "shares", "--new", *SHARES, self.path("new"))
        return self.node.coffer("restore", self.path("archive"), "--token", self.node.uri(), *self.sheets(self.path("sheets"), 1, 2))

    def reopen(self, scenario):
        """As a person would: the command again until the node is open. Faults; the state that it was in first."""
        first = state = self.wait("open", *({"unseal": ("sealed",), "restore": ("uninitialised",)}.get(scenario, ())))
        text = ""
        for _ in range(3):
            if state == "open":
                return [], first
            kills = self.node.count_kills()
            code, text = self.command(scenario)
            state = self.node.state() if code == 0 and self.node.count_kills() == kills else None
            state = state or self.wait("open", first)
        return ([] if state == "open" else [f"given again it is {state}: {text.strip()}"]), first

    def ask(self, scenario, *words):
        """A question that a late kill may come into: asked again, then."""
        for _ in range(3):
            kills = self.node.count_kills()
            code, text = self.node.coffer(*words)
            if self.node.count_kills() == kills and code != UNREACHABLE:
                break
            self.reopen(scenario)
        return code, text

    def opens(self, folder):
        return os.path.exists(f"{folder}/share-2.txt") and self.ask("shares", "recovery", "test", *self.sheets(folder, 1, 2))[0] == 0

    def after(self, scenario, done):
        """What must hold now, and once the command was given again. done: it was acknowledged."""
        faults, state = self.reopen(scenario)
        if scenario == "restore" and done and state != "open":
            faults.append("a restore that was acknowledged is gone")
        if scenario == "shares":
            old, new = self.opens(self.path("sheets")), self.opens(self.path("new"))
            if old == new or (done and not new):
                faults.append(f"old sheets open: {old}, new ones: {new}, acknowledged: {done}")
        return faults + self.whole(scenario)

    def whole(self, scenario):
        faults, back = [], self.path("back")
        code, text = self.ask(scenario, "decrypt", "-i", self.path("sealed"), "-o", back)
        with open(self.path("plain"), "rb") as plain:
            if code or plain.read() != open(back, "rb").read():
                faults.append(f"what was sealed does not open: {text.strip()}")
        for words in (("store", "check"), ("audit", "verify")):
            code, text = self.ask(scenario, *words)
            if code:
                faults.append(f"coffer {' '.join(words)}: {text.strip()}")
        left = [name for name in ("restore", "pending") if os.path.exists(os.path.join(self.node.path["state"], name))]
        if scenario == "restore" and left:
            faults.append(f"left over: {' '.join(left)}")
        return faults

    def lose(self, _):
        """The control: what was acknowledged is taken back behind the node's back, and the judge has to see it."""
        self.node.stop()
        shutil.rmtree(self.node.path["state"])
        shutil.copytree(os.path.join(self.node.home + ".founded", "state"), self.node.path["state"])
        self.node.start(good="founded")

    def left_in_token(self, _):
        held = [what for what in self.node.token_objects() if not what.startswith(("handles-transient", "handles-loaded"))]  # of a helper that a late kill took along
        return [] if len(held) == 1 else [f"the token holds {len(held)} objects: {'; '.join(held)}"]

    def play(self, scenario, kills, record=None):
        """Whether the kill came, what is wrong, and the recorded points of the command alone."""
        node, faults, points, fired = self.node, [], [], 0
        try:
            self.begin(scenario, kills, record)
            self.ready(scenario)
            first = self.recorded_from(scenario, record)
            code, _ = self.command(scenario)
            points = self.recorded(record)[first:]
            if self.args.plant:
                self.lose(scenario)
            faults += self.after(scenario, code == 0)
            fired = node.count_kills()
            node.stop()
            faults += self.left_in_token(scenario) + node.trouble + node.complaints()
        except (live_node.Trouble, OSError, ValueError) as trouble:
            faults.append(str(trouble))
            fired = node.count_kills()
        finally:
            node.end()
            node.stop_token()
        return fired, faults, points

    def is_point(self, _, event):
        return event.startswith("cofferd/")

    @staticmethod
    def recorded(record):
        if not record:
            return []
        with open(record, encoding="ascii") as f:
            return f.read().splitlines()


def all_points(scene, args, work):
    points = []
    for scenario in scene.scenarios:
        record = os.path.join(work, f"record-{scenario}")
        _, faults, events = scene.play(scenario, (), record)
        if faults:
            raise live_node.Trouble(f"{scenario} without a kill: {faults[0]}")
        points += sorted({f"{scenario}:{event.split()[0]}" for event in events if scene.is_point(scenario, event.split()[0]) and
                          (not args.changes or rotate_points.is_point(event.split()[0], False))})
    return points


def chosen(points, args, scenarios):
    """The same ones for a seed; as many of each scenario."""
    if args.point:
        return [args.point]
    if not args.points:
        return points
    keyed = sorted(points, key=lambda p: hashlib.sha256(f"{args.seed} {p}".encode()).digest())
    share = collections.Counter()
    out = []
    for p in keyed:
        scenario = p.split(":")[0]
        if share[scenario] < args.points // len(scenarios):
            share[scenario] += 1
            out.append(p)
    return out[:args.points]


def run(scenes, points):
    todo, lock, result = queue.Queue(), threading.Lock(), {"fired": collections.Counter(), "missed": 0, "faults": []}
    for point in points:
        todo.put(point)

    def work(scene):
        while True:
            try:
                point = todo.get_nowait()
            except queue.Empty:
                return
            scenario, kill = point.split(":", 1)
            fired, faults, _ = scene.play(scenario, [kill])
            with lock:
                result["fired"][scenario] += fired > 0
                result["missed"] += fired == 0
                for fault in faults:
                    result["faults"].append(f"{point}: {fault}")
                    print("VIOLATION", result["faults"][-1], flush=True)

    threads = [threading.Thread(target=work, args=(scene,)) for scene in scenes]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return result


def main(kind, text, scenarios):
    """kind: a class of scenes. text: its program's documentation. scenarios: those that there are."""
    parser = argparse.ArgumentParser(usage=text.split("usage: ")[1])
    parser.add_argument("--build", required=True, type=os.path.abspath)
    parser.add_argument("--points", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--token", default="softhsm", choices=("softhsm", "swtpm"))
    parser.add_argument("--only", choices=scenarios)
    parser.add_argument("--point")
    parser.add_argument("--plant", action="store_true", help="what was acknowledged is lost, in each scenario: must be found")
    parser.add_argument("--changes", action="store_true", help="only calls that change a file or ask the token")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    live_node.end_in_order()
    began = time.monotonic()
    with live_node.work_folder("coffer-recovery-") as work:
        scenes = [kind(os.path.join(work, str(i)), args) for i in range(args.jobs)]
        try:
            for scene in scenes:
                scene.scenarios = [s for s in scene.scenarios if args.only in (None, s)]
                scene.prepare()
            if args.plant:
                return find_losses(scenes[0])
            every = [args.point] if args.point else all_points(scenes[0], args, work)
            points = chosen(every, args, scenes[0].scenarios)
            result = run(scenes, points)
        finally:
            for scene in scenes:
                scene.node.end()
                scene.node.stop_token()
    if result["faults"]:
        print(f"once more: python3 tests/crash/{os.path.basename(sys.argv[0])} --build {args.build} --token {args.token} --point '{result['faults'][0].split(': ')[0]}'")
    kills = ", ".join(f"{s} {n}" for s, n in sorted(result["fired"].items()))
    print(f"{args.token}: {len(points)} of {len(every)} recorded points of seed {args.seed}: killed in {kills}; {result['missed']} were not reached, "
          f"{len(result['faults'])} violations, {time.monotonic() - began:.0f} s")
    return 1 if result["faults"] or not sum(result["fired"].values()) else 0


def find_losses(scene):
    bad = 0
    for scenario in scene.scenarios:
        if scenario not in scene.planted:
            continue
        found = scene.play(scenario, ())[1]
        bad += not found
        print(f"{scenario}: the loss was found: {found[0]}" if found else f"{scenario}: the loss was not found", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(Scene, __doc__, SCENARIOS))
