#!/usr/bin/env python3
"""A PostgreSQL primary server under running nodes and load is killed, its synchronous standby promoted, the old one made the standby of the new one; again and again. What was
acknowledged is there afterwards, once; nothing goes backwards, and opening goes on at every node all the time.

  failover.py [--rounds 20] [--seconds 0] [--seed N] [--nodes 2] [--clients 4]     seconds: no further round begins after so many; 0: no bound. The campaign: --rounds 200
"""
import argparse
import random
import time

from domain import Domain, Story, now_ms, summary
from load import Load, Oracle
from servers import wait_for


def takes_changes(load, had):
    """Clients are told yes again."""
    return len(load.acked) + len(load.revoked) > had


def one_round(n, domain, load, dice, times):
    """Returns the new pair; None when the domain does not come back."""
    primary, standby = domain.servers
    time.sleep(dice.uniform(0.0, 0.3))  # so that it hits another moment each time
    begun = now_ms()
    primary.kill()
    standby.promote()
    promoted = now_ms()
    had = len(load.acked) + len(load.revoked)
    if not wait_for(lambda: takes_changes(load, had), 30):
        return None
    times.append(now_ms() - promoted)
    if n % 4 == 3:  # it comes back as it was, and the nodes pass it over; the first of their list, each second time
        primary.start()
        had = len(load.acked) + len(load.revoked)
        if not wait_for(lambda: takes_changes(load, had), 30):
            return None
        primary.stop("fast")
        primary.follow(standby, "copy")
    else:
        primary.follow(standby, "rewind" if n % 2 else "copy")
    standby.demand_standby()
    print("     round %d: promoted after %d ms, changes again %d ms later" % (n + 1, promoted - begun, times[-1]), flush=True)
    return [standby, primary]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--clients", type=int, default=4)
    args = parser.parse_args()
    dice, times, begun = random.Random(args.seed), [], time.monotonic()
    print("seed %d" % args.seed)
    with Story("failover") as story:
        domain = Domain(story, args.nodes, ["lease_time=2s", "refresh_interval=500ms", "store_connect_ms=2000", "store_statement_ms=1000"])
        load = Load(domain.nodes, args.clients, args.seed)
        oracle = Oracle(story, load)
        load.start()
        for n in range(args.rounds):
            if args.seconds and time.monotonic() - begun > args.seconds:
                break
            pair = one_round(n, domain, load, dice, times)
            if not story.check("round %d: changes are made at the promoted server" % (n + 1), pair):
                break
            domain.servers = pair
            wrong = oracle.look(domain.nodes[n % len(domain.nodes)]) if load.pause() else ["a client hangs"]
            load.works.set()
            if wrong:
                story.bad("round %d: nothing is lost" % (n + 1), wrong[:5])
                break
        load.stop()
        story.check("%d of %d rounds were run" % (len(times), args.rounds), len(times) >= min(args.rounds, 10))
        for node in domain.nodes:
            if not story.within(20, "node %d is well" % node.n, node.is_ready):
                print(node.coffer("status").stdout)
        oracle.judge(domain.nodes)
        for node in domain.nodes:
            story.equal("node %d: the store is whole" % node.n, node.coffer("store", "check").returncode, 0)
        print("%d rounds, %d keys, %d revoked, %d requests repeated, %d sealed (%d not), %d opened; changes again %s after the promotion; heard of within %d ms" % (
            len(times), len(load.acked), len(load.revoked), load.repeated, load.sealed, load.not_sealed, load.opened, summary(times), 1000 * oracle.late))


main()
