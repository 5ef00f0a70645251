#!/usr/bin/env python3
"""How long it takes until there is another master server: the one that is, is killed with all its processes, and the others looked at until one says that it is; then the killed one is
started again. Each time it must be within lease_time, measured at the node that took over. A client of each node seals all the time: at the others nothing is refused but for want of a
master server, and until when is told.

  takeover_times.py [--runs 10] [--lease 2]     the campaign: --runs 50 --lease 15
"""
import argparse
import threading
import time

import oracle
from domain import Domain, Story, now_ms, summary
from judge import Judge
from load import SEAL, Line, data, request, text

PAUSE_S = 0.002
REFUSAL = "no master server is there"
HEAR_MS = 1000  # beyond lease_time, until the node that did not take over has heard who did, on a busy machine


class Sealer:
    """Seals at one node all the time, whatever becomes of it. answers: (begun, ended, Answer), in ms."""

    def __init__(self, node):
        self.node, self.answers, self.go = node, [], True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        line, frame = Line(self.node.socket), request(SEAL, text(0x54000B, "disk") + data(0x54000D, b"some text"))
        while self.go:
            begun = now_ms()
            answer = line.ask(frame)
            self.answers.append((begun, now_ms(), answer))
            time.sleep(PAUSE_S)

    def end(self):
        self.go = False
        self.thread.join(60)

    def seals_since(self, begun):
        answers = list(self.answers)
        return bool(answers) and answers[-1][0] >= begun and answers[-1][2].good

    def interruption(self, since):
        """(first refusal, first sealed answer behind the last one, what was said); None: none was refused."""
        answers = [a for a in list(self.answers) if a[0] >= since]
        bad = [at for at, a in enumerate(answers) if not a[2].good]
        if not bad:
            return None
        after = answers[bad[-1] + 1:]
        return answers[bad[0]][1] - since, after[0][1] - since if after else float("inf"), {answers[at][2].said for at in bad}


def sealing_goes_on(story, run, sealers, killed, taken, lease_ms):
    """The times of the nodes that sealed nothing for a while: (from, until) ms behind the kill."""
    found = []
    for sealer in sealers:
        story.within(20, "run %d: node %d seals under the new master server" % (run, sealer.node.n), lambda sealer=sealer: sealer.seals_since(taken))
        gap = sealer.interruption(killed)
        if gap:
            found.append(gap[:2])
            story.check("run %d: node %d refuses for want of a master server alone" % (run, sealer.node.n), all(REFUSAL in said for said in gap[2]), gap[2])
            story.check("run %d: and seals again" % run, gap[1] <= lease_ms + HEAR_MS, gap)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--lease", type=int, default=2)
    args = parser.parse_args()
    times, stopped, gaps, asked = [], [], [], 0
    with Story("times") as story:
        domain = Domain(story, 3, ["lease_time=%ds" % args.lease, "store_connect_ms=1000", "store_statement_ms=1000"], standby=False)
        story.check("a key is made", domain.nodes[0].coffer("key", "create", "disk").returncode == 0)
        sealers = [Sealer(node) for node in domain.nodes]
        for run in range(args.runs):
            master = domain.master()
            others = [n for n in domain.nodes if n is not master]
            if not all(story.within(20, "run %d: node %d is ready" % (run + 1, n.n), n.is_ready) for n in others):
                break
            others_seal = [s for s in sealers if s.node is not master]
            if not all(story.within(20, "run %d: node %d seals" % (run + 1, s.node.n), lambda s=s: s.seals_since(now_ms() - 1000)) for s in others_seal):
                break
            epoch = master.lead("epoch")
            begun = now_ms()
            master.kill()
            taker = domain.master(others, 4 * args.lease)
            if not story.check("run %d: another one takes over" % (run + 1), taker):
                break
            times.append(now_ms() - begun)
            gaps += sealing_goes_on(story, run + 1, others_seal, begun, now_ms(), 1000 * args.lease)
            asked += len(others_seal)
            story.equal("run %d: under the next epoch" % (run + 1), taker.lead("epoch"), epoch + 1)
            begun = now_ms()
            if not story.check("run %d: the killed one is started" % (run + 1), domain.start()):
                break
            stopped.append(now_ms() - begun)
        story.check("all runs were made", len(times) == args.runs)
        story.check("no takeover took longer than lease_time", times and max(times) <= 1000 * args.lease, sorted(times))
        for sealer in sealers:
            sealer.end()
        for node in domain.nodes:
            story.within(20, "node %d is ready" % node.n, node.is_ready)
        story.equal("nothing is wrong with the logs", oracle.of_logs(Judge(story, None).logs(domain.nodes))[:5], [])
        print("takeover with lease_time = %d s, %d runs: %s; until a killed node is open again: %s" % (args.lease, len(times), summary(times), summary(stopped)))
        print("sealing at the other nodes, of %d: refused at %d, from %s after the kill, until %s after it; so for %s" % (asked, len(gaps), summary([g[0] for g in gaps]),
            summary([g[1] for g in gaps]), summary([g[1] - g[0] for g in gaps])))


main()
