#!/usr/bin/env python3
"""Kills the crash driver at system calls, one point a run, and lets the oracle judge what is left.

usage: campaign.py --build DIR [--points N] [--seed S] [--steps N] [--resume FILE] [--jobs N] [--early]

A point is (phase, system call, n-th): the process is killed when it enters that call (crash_inject). Phases: 'first' makes the store, 'work' carries
a history on. After each kill the oracle judges, then the driver goes on to the end with the step under way repeated under its request id, and the oracle
judges again; one point in four is killed a second time on that way, one in sixteen a third time. The points are all that a recorded run has, in an order
that the seed decides. --resume notes finished points in a file and leaves them out the next time. --early takes the driver that acknowledges before it
commits: then a violation is expected, and none is the failure.

Exit status 0: no violation (with --early: at least one)."""
import argparse
import collections
import concurrent.futures
import os
import random
import shutil
import subprocess
import sys
import time

from live_node import work_folder

CALLS = ("read write pread64 pwrite64 lseek openat close fstat newfstatat fsync fdatasync ftruncate rename renameat unlink fcntl mmap munmap "
         "fchmod access getdents64 mkdir rmdir flock").split()
FIRST_STEPS = 12  # steps in the store before the phase 'work'
LIMIT_S = 60


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S, **options)


class Campaign:
    def __init__(self, args, work):
        self.args, self.work = args, work
        self.driver = os.path.join(args.build, "tests", "crash_driver_early" if args.early else "crash_driver")
        self.plain = os.path.join(args.build, "tests", "crash_driver")
        self.oracle = os.path.join(args.build, "tests", "crash_oracle")
        self.inject = os.path.join(args.build, "tests", "crash_inject")
        self.name = os.path.basename(self.driver)[:15]
        self.base = os.path.join(work, "base")
        self.seed = str(args.seed)

    def drive(self, folder, steps, inject=None, driver=None):
        command = [driver or self.driver, folder, self.seed, str(steps)]
        if inject:
            call, number = inject
            command = [self.inject, "--kill", f"{self.name}/main/{call}/{number}", "--"] + command
        return run(command)

    def folder(self, phase, name):
        path = os.path.join(self.work, name)
        if phase == "first":
            os.mkdir(path, 0o700)
        else:
            shutil.copytree(self.base, path)
        return path

    def steps(self, phase):
        return FIRST_STEPS if phase == "first" else FIRST_STEPS + self.args.steps

    def prepare(self):
        os.mkdir(self.base, 0o700)
        done = self.drive(self.base, FIRST_STEPS, driver=self.plain)
        if done.returncode != 0:
            sys.exit("campaign: the driver does not work: " + done.stdout.decode())

    def record(self, phase):
        """How often each call is made in a run of this phase."""
        folder = self.folder(phase, "trace-" + phase)
        trace = os.path.join(self.work, "trace-" + phase + ".txt")
        run([self.inject, "--record", trace, "--", self.driver, folder, self.seed, str(self.steps(phase))])
        counts = collections.Counter()
        with open(trace, encoding="ascii", errors="replace") as f:
            for line in f:
                process, _, call, number = line.split(" ", 1)[0].split("/")
                if process == self.name and call in CALLS:
                    counts[call] = int(number)
        shutil.rmtree(folder)
        return counts

    def points(self):
        every = [(phase, call, n) for phase in ("first", "work") for call, count in sorted(self.record(phase).items()) for n in range(1, count + 1)]
        random.Random(self.args.seed).shuffle(every)
        return every

    def judge(self, folder, what, steps=None):
        """steps: the history is carried on until then, and what is there at the end judged too."""
        verdict = run([self.oracle, folder, self.seed] + ([str(steps)] if steps else []))
        if verdict.returncode == 0:
            return []
        if verdict.returncode == 2:
            sys.exit("campaign: the oracle does not work: " + verdict.stdout.decode())
        return [f"{what}: {line}" for line in verdict.stdout.decode(errors="replace").splitlines() or ["the oracle said nothing"]]

    def again(self, folder, phase, name, dice):
        """Kills on the way back: the second and third crash. Their number, and what was found before them."""
        kills = 1 if dice.random() < 0.25 else 0
        kills += 1 if kills and dice.random() < 0.25 else 0
        faults = self.judge(folder, name + ", first kill") if kills else []
        for _ in range(kills):
            self.drive(folder, self.steps(phase), (dice.choice(("pread64", "pwrite64", "openat", "fdatasync", "fcntl")), dice.randint(1, 40)))
        return kills, faults

    def one(self, point):
        phase, call, number = point
        name = f"{phase}-{call}-{number}"
        dice = random.Random(f"{self.seed} {name}")
        folder = self.folder(phase, name)
        killed = self.drive(folder, self.steps(phase), (call, number)).returncode in (-9, 137)
        kills, faults = self.again(folder, phase, name, dice)
        faults += self.judge(folder, name, self.steps(phase))
        shutil.rmtree(folder, ignore_errors=True)
        return point, kills + int(killed), faults


def finished(path):
    if not path or not os.path.exists(path):
        return set()
    with open(path, encoding="ascii") as f:
        return {tuple(line.split()) for line in f}


def main():
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"  # the leak check cannot run in a traced process
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--points", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--resume")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--early", action="store_true")
    args = parser.parse_args()
    began = time.monotonic()
    violations, kills, done = [], 0, 0
    with work_folder("coffer-crash-") as work:
        campaign = Campaign(args, work)
        campaign.prepare()
        every = campaign.points()
        before = finished(args.resume)
        left = [p for p in every if (p[0], p[1], str(p[2])) not in before][:args.points]
        note = open(args.resume, "a", encoding="ascii") if args.resume else None
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for point, died, faults in pool.map(campaign.one, left):
                done += 1
                kills += died
                violations += faults
                if note and not faults:
                    print(*point, file=note, flush=True)
                for fault in faults if not args.early else []:
                    print(fault)
                if args.early and violations:
                    break
            pool.shutdown(cancel_futures=True)
        if note:
            note.close()
    seconds = time.monotonic() - began
    print(f"{done} of {len(every)} points of seed {args.seed} ({len(before)} were done before), {kills} kills, {len(violations)} violations, {seconds:.0f} s")
    if args.early:
        print("the build that answers before it commits was found out" if violations else "the oracle did not find the build that answers before it commits")
        return 0 if violations else 1
    return 1 if violations or not kills else 0


if __name__ == "__main__":
    sys.exit(main())
