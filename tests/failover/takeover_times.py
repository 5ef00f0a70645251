#!/usr/bin/env python3
"""How long it takes until there is another master server: the one that is, is killed with all its processes, and the others looked at until one says that it is; then the killed one is
started again. Each time it must be within lease_time, measured at the node that took over.

  takeover_times.py [--runs 10] [--lease 2]     the campaign: --runs 50 --lease 15
"""
import argparse

import oracle
from domain import Domain, Story, now_ms, summary
from judge import Judge


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--lease", type=int, default=2)
    args = parser.parse_args()
    times, stopped = [], []
    with Story("times") as story:
        domain = Domain(story, 3, ["lease_time=%ds" % args.lease, "store_connect_ms=1000", "store_statement_ms=1000"], standby=False)
        story.check("a key is made", domain.nodes[0].coffer("key", "create", "disk").returncode == 0)
        for run in range(args.runs):
            master = domain.master()
            others = [n for n in domain.nodes if n is not master]
            if not all(story.within(20, "run %d: node %d is ready" % (run + 1, n.n), n.is_ready) for n in others):
                break
            epoch = master.lead("epoch")
            begun = now_ms()
            master.kill()
            taker = domain.master(others, 4 * args.lease)
            if not story.check("run %d: another one takes over" % (run + 1), taker):
                break
            times.append(now_ms() - begun)
            story.equal("run %d: under the next epoch" % (run + 1), taker.lead("epoch"), epoch + 1)
            begun = now_ms()
            if not story.check("run %d: the killed one is started" % (run + 1), domain.start()):
                break
            stopped.append(now_ms() - begun)
        story.check("all runs were made", len(times) == args.runs)
        story.check("no takeover took longer than lease_time", times and max(times) <= 1000 * args.lease, sorted(times))
        for node in domain.nodes:
            story.within(20, "node %d is ready" % node.n, node.is_ready)
        story.equal("nothing is wrong with the logs", oracle.of_logs(Judge(story, None).logs(domain.nodes))[:5], [])
        print("takeover with lease_time = %d s, %d runs: %s; until a killed node is open again: %s" % (args.lease, len(times), summary(times), summary(stopped)))


main()
