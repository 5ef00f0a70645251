#!/usr/bin/env python3
"""Kills the whole daemon at system calls, one point a run, and has each wreck judged.

usage: daemon_campaign.py --build DIR [--points N] [--seed S] [--resume FILE] [--jobs N] [--only WORD] [--point P] [--soak KILLS] [--early] [--keep DIR] [--serving MS]

A point is TOKEN:SCENARIO:PROCESS/THREAD/CALL/N: the process that is about to make that call for the n-th time is killed (crash_inject). Scenarios: 'init'
is the first start, init and the first steps; 'work' is a start with recovery, steps, token tests, and SIGTERM. The monitor starts what was killed again,
and the campaign starts the monitor; the client repeats what was not answered with the same request id. One point in four is killed a second time on the
way back, one in sixteen a third time; three runs in ten end with the death of all processes instead of SIGTERM. Then the judge: the client asks for
everything it was acknowledged, crash_node_oracle reads the store with the data key that the token opens, the store's files hold nothing of what is
destroyed, and the token holds one master secret and nothing else. It serves again within 5 s (--serving).

Points come from recorded runs; rare calls and those that change something are preferred, in an order that the seed decides. --only: points with that word
in their name. --point with --seed repeats one (kills after the first stand behind it, with +). --resume notes finished points and leaves them out the next time. --soak kills that often at random
points of one state that is carried on. --early takes the cofferd that answers before it commits: then a violation is expected. --keep DIR keeps the folder of
the first violation.

Exit status 0: no violation (with --early: at least one)."""
import argparse
import collections
import concurrent.futures
import os
import queue
import random
import shutil
import sys
import threading
import time

import live_node

FIRST_STEPS = 8   # steps in the store before 'work'
INIT_STEPS = 3    # steps after an init
WORK_STEPS = 20
SERVING_MS = 5000
TOKENS = (("softhsm", 0.8), ("swtpm", 0.2))  # share of the points
CHANGES = set("pwrite64 write writev fsync fdatasync ftruncate renameat renameat2 rename unlink unlinkat mkdir mkdirat fchmod chmod sendto sendmsg "
              "bind listen connect clone execve exit_group sync".split())
DULL = ("mmap", "munmap", "fstat", "newfstatat", "lseek", "access", "getdents64", "flock")  # left to the driver's campaign
NAMES = {"c": "Create", "r": "Register", "k": "Re-key", "v": "Revoke", "d": "Destroy", "g": "Grant", "u": "Revoke Grant", "use": "Encrypt",
         "test": "Token Test"}


def process_of(point):
    return point.split(":")[2].split("/")[0]


class Campaign:
    def __init__(self, args, work):
        self.args, self.work = args, work
        self.tests = os.path.join(args.build, "tests")
        self.bin = self.early_bin() if args.early else os.path.join(args.build, "bin")
        self.free = {token: queue.Queue() for token, _ in TOKENS}
        self.nodes, self.events, self.lock = [], {}, threading.Lock()
        self.kills, self.interrupted, self.waits = collections.Counter(), collections.Counter(), []
        self.depth, self.history = collections.Counter(), 0

    def early_bin(self):
        """The programs of the build with the cofferd that answers before it commits."""
        path = os.path.join(self.work, "bin")
        shutil.copytree(os.path.join(self.args.build, "bin"), path)
        shutil.copy(os.path.join(self.args.build, "tests", "crash_cofferd_early"), os.path.join(path, "cofferd"))
        return path

    # -- preparation ----------------------------------------------------------------------------------------------------

    def choose_history(self):
        """A history that follows from the seed and has every kind of step in 'work'. The driver without processes walks it."""
        for number in range(100):
            folder = os.path.join(self.work, f"plan{number}")
            os.mkdir(folder)
            live_node.subprocess.run([os.path.join(self.tests, "crash_driver"), folder, str(self.args.seed * 100 + number), str(FIRST_STEPS + WORK_STEPS)],
                                     check=True, timeout=live_node.LIMIT_S)
            with open(os.path.join(folder, "acks"), encoding="ascii") as f:
                kinds = [line.split()[1] for line in f]
            if set(kinds[FIRST_STEPS:]) >= set("crkvdgu"):
                return self.args.seed * 100 + number
        sys.exit("daemon_campaign: no history has every kind of step")

    def prepare_node(self, token, number):
        node = live_node.Node(os.path.join(self.work, f"{token}{number}"), token, self.bin, self.tests)
        self.nodes.append(node)
        os.mkdir(node.home)
        node.make()
        node.put_aside("init")
        self.recorded(node, "init", number == 0)
        node.put_aside("work")
        node.note_bodies()
        if number == 0:
            self.recorded(node, "work", True)
        self.free[token].put(node)

    def recorded(self, node, scenario, record):
        """A run without kills; its calls are the points."""
        path = os.path.join(self.work, f"{node.token}-{scenario}.record")
        faults = self.play(node, scenario, [], path if record else None)[1]
        if faults:
            sys.exit("daemon_campaign: a run without a kill does not work: " + "; ".join(faults))
        if record:
            with open(path, encoding="ascii", errors="replace") as f:
                events = [line.split(" ", 1)[0] for line in f]
            self.events[node.token, scenario] = [event for event in events if event.split("/")[2] not in DULL]

    def prepare(self):
        self.history = self.choose_history()
        wanted = (self.args.only or "").split(":")[0]
        tokens = [token for token, _ in TOKENS if wanted not in dict(TOKENS) or token == wanted]
        if self.args.soak:
            tokens = ["softhsm"]
        if self.args.point:
            tokens = [self.args.point.split(":")[0]]
        with concurrent.futures.ThreadPoolExecutor(self.args.jobs) as pool:
            for done in [pool.submit(self.prepare_node, token, n) for token in tokens for n in range(self.args.jobs)]:
                done.result()

    def points(self):
        """All points of the records in the order of this seed: each kind of call by the root of how often it is made, so that rare ones come early too."""
        dice, keyed, every = random.Random(self.args.seed), [], 0
        for (token, scenario), events in sorted(self.events.items()):
            kinds = collections.defaultdict(list)
            for event in events:
                kinds[event.rsplit("/", 1)[0]].append(event)
            for kind, members in sorted(kinds.items()):
                weight = len(members) ** 0.5 * (3 if kind.rsplit("/", 1)[1] in CHANGES else 0.7) * dict(TOKENS)[token]
                dice.shuffle(members)
                keyed += [((i + dice.random()) / weight, f"{token}:{scenario}:{event}") for i, event in enumerate(members)]
                every += len(members)
        return [point for _, point in sorted(keyed) if not self.args.only or self.args.only in point], every

    # -- one run --------------------------------------------------------------------------------------------------------

    def init(self, node):
        """Until the domain is there. Whatever a kill left, it is initialised or it is not, and then init can be done again."""
        acknowledged = False
        for _ in range(8):
            if not live_node.wait_for(lambda: node.state() in ("open", "uninitialised", "fault"), self.args.serving / 1000):
                return [f"after init the node is {node.state()} for {self.args.serving} ms: {node.last_words()}"]
            state = node.state()
            if state == "open":
                return []
            if state == "fault" or (acknowledged and state == "uninitialised"):
                return [f"the node is {state} after an init that was {'acknowledged' if acknowledged else 'interrupted'}: {node.last_words()}"]
            for name in os.listdir(node.path["out"]):
                os.unlink(os.path.join(node.path["out"], name))
            code, text = node.coffer("init", "--token", node.uri(), "--recovery-shares", "3", "--recovery-threshold", "2", "--recovery-out",
                                     node.path["out"])
            acknowledged = acknowledged or code == 0
        return ["init does not come to its end: " + text.strip()]

    def read_client(self, code, lines):
        faults = [line for line in lines if line.startswith("VIOLATION") or line.startswith("crash:")]
        if code != 0 and not faults:
            faults.append(f"the client ended with {code}: {' | '.join(lines[-3:])}")
        words = [line.split() for line in lines]
        waits = [int(w[2]) for w in words if w[:2] == ["open", "after"]] + [int(w[-2]) for w in words if w[:1] == ["done"]]
        faults += [f"served again only after {wait} ms" for wait in waits if wait > self.args.serving]
        with self.lock:
            self.interrupted.update(w[1] for w in words if w[:1] == ["interrupted"])
            self.waits += [max(waits)] if waits else []
        return faults

    def finish(self, node, steps, scenario):
        """SIGTERM. A kill may come on the way, or just before: then everything must still be there after another start."""
        before = node.count_kills()
        took = node.stop()
        fired = node.count_kills()
        faults = [] if took < 10 else [f"SIGTERM took {took:.1f} s"]
        status = node.tracer.returncode
        late = fired > before or (fired and (status == 137 or "did not stop in order: signal 9" in node.last_words()))
        node.mend_token(scenario)
        if late:
            node.start()
            faults += self.read_client(*node.client(self.history, steps))
            node.stop()
            status = node.tracer.returncode
        if status != 0:
            faults.append(f"the daemon ended with {status} after SIGTERM: {node.last_words()}")
        return fired, faults

    def play(self, node, scenario, kills, record=None):
        steps = INIT_STEPS if scenario == "init" else node.steps if hasattr(node, "steps") else FIRST_STEPS + WORK_STEPS
        between, faults, fired = [], [], 0
        node.start_token()
        try:
            node.start(kills, record, lambda: between.extend(node.judge(self.history, False)) if scenario == "work" else None, scenario)
            faults += self.init(node) if scenario == "init" else []
            if not faults:
                faults += self.read_client(*node.client(self.history, steps))
            if kills and random.Random(kills[0]).random() < 0.3:
                fired = node.count_kills()
                node.end()  # everything at once, and no stop
                node.mend_token(scenario)
            else:
                fired, found = self.finish(node, steps, scenario)
                faults += found
            if scenario == "init" and not kills:
                node.start()
                faults += self.read_client(*node.client(self.history, FIRST_STEPS)) + self.finish(node, FIRST_STEPS, scenario)[1]
            faults += node.trouble + between + node.complaints() + node.judge(self.history, not faults)
            held = node.token_objects()
            if len(held) != 1:
                faults.append(f"the token holds {len(held)} objects: {'; '.join(held)}")
        except (live_node.Trouble, OSError, ValueError) as trouble:
            faults.append(f"{trouble}; {node.last_words()}")
        except live_node.subprocess.TimeoutExpired as trouble:
            faults.append(f"{trouble.cmd[0]} does not end: {node.last_words()}")
        finally:
            node.end()
            node.stop_token()
        with self.lock:
            for kill in kills[:fired]:
                self.kills[kill.split("/")[0]] += 1
            if kills:
                self.depth[fired] += 1
        return fired, faults

    def one(self, point):
        token, scenario, name = point.split(":")
        dice = random.Random(f"{self.args.seed} {point}")
        kills = name.split("+")
        early = self.events[token, "work"]
        while len(kills) < 3 and dice.random() < 0.25 and not self.args.point:
            kills.append(dice.choice(early[:len(early) // 2]))
        node = self.free[token].get()
        try:
            node.take_back(scenario)
            fired, faults = self.play(node, scenario, kills)
            if faults and self.args.keep and not os.path.exists(self.args.keep):
                shutil.copytree(node.home, self.args.keep, ignore=shutil.ignore_patterns("*.sock*"))
            return fired, [f"{token}:{scenario}:{'+'.join(kills)} {fault}" for fault in faults]
        finally:
            self.free[token].put(node)

    def soak(self, kills):
        """One state that is carried on: three random points a round, a judge after each. The kills that were done, and what was found."""
        node = self.free["softhsm"].get()
        dice = random.Random(f"{self.args.seed} soak")
        node.take_back("work")
        events = self.events["softhsm", "work"][:len(self.events["softhsm", "work"]) // 2]
        node.steps, done, rounds, faults = FIRST_STEPS, 0, 0, []
        while done < kills and not faults:
            node.steps += 4
            rounds += 1
            fired, found = self.play(node, "work", dice.choices(events, k=3))
            faults = [f"soak, round {rounds}: {fault}" for fault in found]
            done += fired
        return done, faults


def finished(path):
    if not path or not os.path.exists(path):
        return set()
    with open(path, encoding="ascii") as f:
        return {line.strip() for line in f}


def run_points(campaign, args):
    before = finished(args.resume)
    every, count = campaign.points()
    left = [args.point] if args.point else [p for p in every if p not in before][:args.points]
    done, missed, faults = 0, 0, []
    note = open(args.resume, "a", encoding="ascii") if args.resume else None
    with concurrent.futures.ThreadPoolExecutor(args.jobs * (1 if args.early else 2)) as pool:
        for point, (fired, found) in zip(left, pool.map(campaign.one, left)):
            done += 1
            missed += fired == 0
            faults += found
            if note and not found:
                print(point, file=note, flush=True)
            for fault in found if not args.early else []:
                print(fault, flush=True)
            if args.early and faults:
                print("found: " + faults[0])
                break
        pool.shutdown(cancel_futures=True)
    if note:
        note.close()
    if faults and not args.early:
        print(f"once more: python3 tests/crash/daemon_campaign.py --build {args.build} --seed {args.seed} --point '{faults[0].split(' ')[0]}'")
    print(f"{done} of {count} points of seed {args.seed} ({len(before)} were done before, {missed} were not reached), {len(faults)} violations")
    return faults


def report(campaign, seconds):
    waits = sorted(campaign.waits)
    print("kills: " + ", ".join(f"{name} {n}" for name, n in campaign.kills.most_common()) + "; in one run " +
          ", ".join(f"{n}: {campaign.depth[n]}" for n in sorted(campaign.depth)))
    print("interrupted: " + ", ".join(f"{NAMES.get(kind, kind)} {n}" for kind, n in campaign.interrupted.most_common()))
    if waits:
        print(f"longest wait of a client in a run: median {waits[len(waits) // 2]} ms, p99 {waits[len(waits) * 99 // 100]} ms, most {waits[-1]} ms")
    print(f"tokens that SoftHSM lost, taken from the backup: {sum(node.mended for node in campaign.nodes)}; {seconds:.0f} s")


def parse():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0])
    parser.add_argument("--build", required=True, type=os.path.abspath)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only")
    parser.add_argument("--point")
    parser.add_argument("--soak", type=int, default=0)
    parser.add_argument("--early", action="store_true")
    parser.add_argument("--keep")
    parser.add_argument("--serving", type=int, default=SERVING_MS, help="ms within which it serves again")
    return parser.parse_args()


def main():
    args = parse()
    live_node.end_in_order()
    began = time.monotonic()
    with live_node.work_folder("coffer-kill-") as work:
        campaign = Campaign(args, work)
        try:
            campaign.prepare()
            if args.soak:
                done, faults = campaign.soak(args.soak)
                print("\n".join(faults + [f"soak of seed {args.seed}: {done} kills of one state, {len(faults)} violations"]))
            else:
                faults = run_points(campaign, args)
        finally:
            for node in campaign.nodes:
                node.end()
                node.stop_token()
        report(campaign, time.monotonic() - began)
    if args.early:
        print("the cofferd that answers before it commits was found out" if faults else "the cofferd that answers before it commits was not found out")
        return 0 if faults else 1
    return 1 if faults or not campaign.kills else 0


if __name__ == "__main__":
    sys.exit(main())
