#!/usr/bin/env python3
"""What grows with the number of objects, and what does not: start to ready, Locate, Get, Seal, memory, creates; all through a daemon of its own.

usage: tests/bench/scale.py [--build DIR] [--folder DIR] [--rounds N] [SIZE …]      (default 1000 100000 1000000; a release build)

Fills one store to each size in turn, and prints medians (quarters in brackets) and ratios to the first size. It reports; it judges nothing. "cold" is after
a restart with the store's file out of the system's memory, as far as the system lets go of it; "warm" is the same requests once more."""
import argparse
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
STARTS = 5
PATIENCE_S = 120


def run(*command, **more):
    done = subprocess.run([str(c) for c in command], check=False, capture_output=True, text=True, **more)
    if done.returncode:
        sys.exit(f"scale.py: {' '.join(map(str, command))}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Daemon:
    """A sandbox whose daemon this script starts and stops itself."""

    def __init__(self, build, folder):
        self.build, self.folder = build, folder
        self.node = folder / "node-1"
        self.socket = self.node / "coffer.sock"
        self.environment = dict(os.environ, COFFER_BUILD=str(build))
        run(TOP / "scripts/sandbox", "start", "--dir", folder, "--quiet", "--token", "softhsm", "--set", "scrub_interval=1h",
            env=self.environment)
        self.process = None
        self.sandbox_stop()

    def sandbox_stop(self):
        run(TOP / "scripts/sandbox", "stop", "--dir", self.folder, env=self.environment)

    def start(self):
        """Seconds from the start of the process until a client is told that it is open."""
        log = open(self.node / "cofferd.log", "ab")
        begun = time.monotonic()
        self.process = subprocess.Popen([self.build / "bin/cofferd", "--config", self.node / "cofferd.conf"], stdin=subprocess.DEVNULL, stdout=log,
                                        stderr=log, start_new_session=True)
        ready = float(self.client("ready", PATIENCE_S).split()[1])
        return ready - begun

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE_S)
            self.process = None

    def client(self, *words):
        return run(self.build / "tests/bench_scale", self.socket, *words)

    def memory(self):
        """KiB of ordinary memory, bytes of secret memory, objects in memory."""
        pid = (self.node / "cofferd.pid").read_text(encoding="ascii").strip()
        fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines())
        status = json.loads(run(self.build / "bin/coffer", "status", "--json", "--socket", self.socket))
        return int(fields["RssAnon"].split()[0]), status["memory"]["used"], status["objects_in_memory"]

    def forget_file(self):
        for path in (self.node / "state").glob("store.db*"):
            with open(path, "rb") as f:
                os.fsync(f.fileno())
                os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Table:
    def __init__(self):
        self.first, self.size = {}, None

    def begin(self, size):
        self.size = size
        print(f"\n{size} objects", flush=True)

    def row(self, name, value, unit, note=""):
        base = self.first.setdefault(name, value)
        ratio = f"{value / base:6.2f} x" if base else ""
        print(f"  {name:34} {value:12.1f} {unit:10} {ratio:>9}  {note}", flush=True)


def timed(daemon, table, name, ids, what, rounds, seed):
    quarter, median, third, worst = map(float, daemon.client("time", ids, what, rounds, seed).split()[1:])
    table.row(name, median, "us", f"[{quarter:.1f} … {third:.1f}], 99th of 100 {worst:.1f}")


def measure(daemon, table, size, ids, rounds):
    starts = []
    for _ in range(STARTS):
        daemon.stop()
        starts.append(daemon.start() * 1e3)
    table.row("start to ready", statistics.median(starts), "ms", f"[{min(starts):.1f} … {max(starts):.1f}]")
    before = daemon.memory()
    table.row("memory after the start", before[0], "KiB", f"secret {before[1]} bytes, {before[2]} objects open")
    daemon.stop()
    daemon.forget_file()
    daemon.start()
    for what in ("get", "seal", "name", "attribute"):
        timed(daemon, table, f"{what}, cold", ids, what, max(rounds // 10, 1), size)
        timed(daemon, table, f"{what}, warm", ids, what, rounds, size)
    timed(daemon, table, "locate what is not there", ids, "none", rounds, size)
    after = daemon.memory()
    table.row("memory with what was used", after[0], "KiB", f"secret {after[1]} bytes, {after[2]} objects open")
    for count in (1, 32):
        rate = float(daemon.client("create", 3, count).split()[1])
        table.row(f"durable creates, {count} at a time", rate, "/s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=TOP / "build")
    parser.add_argument("--folder", type=pathlib.Path, help="where the store is; default below /tmp")
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("sizes", type=int, nargs="*", default=[1000, 100000, 1000000])
    given = parser.parse_args()
    folder = given.folder or pathlib.Path(tempfile.mkdtemp(prefix="coffer-scale-", dir="/tmp"))
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    daemon, table, made = Daemon(given.build.resolve(), folder), Table(), 0
    ids = folder / "ids"
    try:
        for size in sorted(given.sizes):
            table.begin(size)
            daemon.start()
            rate = float(daemon.client("fill", ids, made, size, 8).split()[2])
            table.row("creates in batches", rate, "/s", "8 connections, 64 in a message")
            made = size
            measure(daemon, table, size, ids, given.rounds)
            daemon.stop()
    finally:
        daemon.stop()
        daemon.sandbox_stop()
        if not given.folder:
            shutil.rmtree(folder)


main()
