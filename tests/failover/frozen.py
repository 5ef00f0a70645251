#!/usr/bin/env python3
"""The master server stands still, all its processes, for longer than its lease holds, and wakes up with requests that wait for it: another node took over meanwhile, and the first thing
that it writes as the master server that it believes to be is refused. A change that any node may make is made, once, under the id that it was sent with.

  frozen.py [--runs 1] [--seconds 60] [--lease 15]
"""
import argparse
import os
import signal
import subprocess
import threading
import time

from domain import BIN, Domain, Story, now_ms, summary
from judge import Judge
from load import Line, make_key
from oracle import History
from told import Told

LOST = "this node is not master server any more"


class Sleeper:
    """What is sent to a node that stands still."""

    def __init__(self, node, history, name):
        self.led = subprocess.Popen([BIN + "/coffer", "rotate", "data-key", "--socket", node.socket], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.node, self.kept, self.history, self.name, self.answer = node, os.urandom(16), history, name, None
        self.thread = threading.Thread(target=self.make, daemon=True)
        self.thread.start()

    def make(self):
        self.answer = make_key(self.history, Line(self.node.socket), self.name, self.kept)

    def end(self):
        """What the one that leads said, its exit status, and when."""
        said = self.led.communicate(timeout=60)[1].strip()
        at = now_ms()
        self.thread.join(60)
        return said, self.led.returncode, at


def one_run(story, domain, history, run, args, figures):
    what = "run %d: " % run
    master = domain.master()
    others = [n for n in domain.nodes if n is not master]
    for node in domain.nodes:
        story.within(30, what + "node %d is ready" % node.n, node.is_ready)
    epoch, lost, pids = master.lead("epoch"), master.log().count(LOST), master.processes()
    begun = now_ms()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    story.ends.append(lambda: [os.kill(pid, signal.SIGCONT) for pid in pids if os.path.exists("/proc/%d" % pid)])
    taker = domain.master(others, 4 * args.lease)
    figures["taken over"].append(now_ms() - begun)
    if not story.check(what + "another one takes over, under the next epoch", taker and taker.lead("epoch") == epoch + 1):
        return False
    story.check(what + "and makes what only the master server may", taker.coffer("node", "enrol", "--name", "run-%d" % run, "--out", story.work + "/token-%d" % run).returncode == 0)
    sleeper = Sleeper(master, history, "of-run-%d" % run)
    time.sleep(max(0.0, args.seconds - (now_ms() - begun) / 1000))
    slept, woken = now_ms() - begun, now_ms()
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    said, status, refused = sleeper.end()
    figures["refused"].append(refused - woken)
    story.check(what + "awake after %d s, its first write as master server is refused after %d ms: %s" % (slept / 1000, refused - woken, said), status == 1 and "master server" in said, (status, said))
    story.within(10, what + "it says that it is not master server any more", lambda: master.log().count(LOST) > lost)
    figures["known"].append(now_ms() - woken)
    story.within(10, what + "and who is", lambda: master.lead("master") == taker.status().get("node"))
    story.within(20, what + "the key that it was asked for is made, under the same id", lambda: make_key(history, Line(master.socket), sleeper.name, sleeper.kept).good)
    figures["changes"].append(now_ms() - woken)
    story.equal(what + "one master server", [n.n for n in domain.nodes if n.is_master()], [taker.n])
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--lease", type=int, default=15)
    args = parser.parse_args()
    figures = {"taken over": [], "refused": [], "known": [], "changes": []}
    with Story("frozen") as story:
        told = Told(story)
        domain = Domain(story, 3, [told.setting, "lease_time=%ds" % args.lease, "store_connect_ms=1000", "store_statement_ms=700"], standby=False)
        history = History()
        story.check("a key is made", make_key(history, Line(domain.nodes[0].socket), "before", os.urandom(16)).good)
        for run in range(args.runs):
            if not one_run(story, domain, history, run + 1, args, figures):
                break
        story.within(20, "each takeover was told, once", lambda: len(told.events("takeover")) == len(figures["taken over"]))
        Judge(story, history).judge(domain.nodes)
        print("stood still for %g s with lease_time = %d s, %d runs: taken over after %s; awake, its first write refused after %s, known after %s, changes again after %s" % (
            args.seconds, args.lease, len(figures["changes"]), *(summary(figures[f]) for f in ("taken over", "refused", "known", "changes"))))


main()
