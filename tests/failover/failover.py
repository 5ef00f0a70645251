#!/usr/bin/env python3
"""A PostgreSQL primary server under running nodes and load is killed, its synchronous standby promoted, the old one made the standby of the new one; again and again. What was
acknowledged is there afterwards, once; nothing goes backwards, and opening goes on at every node all the time.

  failover.py [--rounds 20] [--seconds 0] [--seed N] [--nodes 2] [--clients 4] [--masters 5]     The campaign: --rounds 200
      seconds: no further round begins after so many; 0: no bound. masters: each so many-th round the master server is killed as well; 0: never
"""
import argparse
import random
import time

from domain import Domain, Story, now_ms, summary
from judge import Judge
from load import Load
from oracle import YES
from servers import wait_for


def takes_changes(history, seconds=30):
    """Until clients are told yes again; how long that took, in ms. None: it did not."""
    had, begun = history.confirmed(), now_ms()
    return now_ms() - begun if wait_for(lambda: history.confirmed() > had, seconds) else None


def one_round(n, domain, load, dice, times, master=None):
    """Returns the new pair; None when the domain does not come back. master: a node that is killed with the server, and started again."""
    primary, standby = domain.servers
    time.sleep(dice.uniform(0.0, 0.3))  # so that it hits another moment each time
    begun = now_ms()
    load.history.with_database(False)
    if master:
        load.down.add(master.n)
        master.kill()
    primary.kill()
    standby.promote()
    promoted = now_ms()
    took = takes_changes(load.history)
    if took is None:
        return None
    times.append(took)
    if n % 4 == 3:  # it comes back as it was, and the nodes pass it over; the first of their list, each second time
        primary.start()
        if takes_changes(load.history) is None:
            return None
        primary.stop("fast")
        primary.follow(standby, "copy")
    else:
        primary.follow(standby, "rewind" if n % 2 else "copy")
    standby.demand_standby()
    if master and not (domain.start() and wait_for(master.is_ready)):
        return None
    load.down.clear()
    load.history.with_database(True)
    print("     round %d%s: promoted after %d ms, changes again %d ms later" % (n + 1, ", and node %d" % master.n if master else "", promoted - begun, took), flush=True)
    return [standby, primary]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--masters", type=int, default=5)
    parser.add_argument("--token", default="swtpm,softhsm")
    args = parser.parse_args()
    dice, times, with_master, begun = random.Random(args.seed), [], [], time.monotonic()
    print("seed %d" % args.seed)
    with Story("failover") as story:
        domain = Domain(story, args.nodes, ["lease_time=2s", "refresh_interval=500ms", "store_connect_ms=2000", "store_statement_ms=1000"], token=args.token)
        load = Load(domain.nodes, args.clients, args.seed)
        judge = Judge(story, load.history)
        load.start()
        for n in range(args.rounds):
            if args.seconds and time.monotonic() - begun > args.seconds:
                break
            master = domain.master() if args.masters and n % args.masters == args.masters - 1 else None
            pair = one_round(n, domain, load, dice, with_master if master else times, master)
            if not story.check("round %d: changes are made at the promoted server" % (n + 1), pair):
                break
            domain.servers = pair
            wrong = (judge.look(domain.nodes[n % len(domain.nodes)]) if load.pause() else ["a client hangs"]) + load.trouble
            load.works.set()
            if wrong:
                story.bad("round %d: nothing is lost" % (n + 1), wrong[:5])
                break
        load.stop()
        rounds = len(times) + len(with_master)
        story.check("%d of %d rounds were run" % (rounds, args.rounds), rounds >= args.rounds)
        for node in domain.nodes:
            if not story.within(20, "node %d is well" % node.n, node.is_ready):
                print(node.coffer("status").stdout)
        story.equal("no client saw what must not be", load.trouble[:5], [])
        judge.judge(domain.nodes, load.led)
        for node in domain.nodes:
            story.equal("node %d: the store is whole" % node.n, node.coffer("store", "check").returncode, 0)
        made, ended = len(load.history.of(YES, "Create", "Register")), len(load.history.of(YES, "Revoke", "Destroy"))
        print("%d rounds, %d keys, %d revoked or destroyed, %d requests repeated, %d of the master server's, %d sealed (%d not), %d opened, %d looks at states; changes again %s after the promotion, with the master server gone too %s; heard of within %d ms" % (
            rounds, made, ended, load.repeated, load.led, load.sealed, load.not_sealed, load.opened, load.looked, summary(times), summary(with_master), 1000 * judge.late))


main()
