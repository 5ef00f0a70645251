#!/usr/bin/env python3
"""What a domain costs: nodes that join, use of keys on a node of a domain beside a node alone, lookup and Get from memory and cache beside the database, how soon a node hears of another one's
change, durable creates on a shared PostgreSQL, and what more members cost. It reports; it judges nothing but that every figure is there.

  domain.py [--quick] [--only throughput,…] [--members 3,30,100] [--out FILE]     figures as JSON into FILE, a table for people on standard output

Members are real ones, all of them open. PostgreSQL runs beside the nodes, with fsync on; $COFFER_BUILD_DIR names the build."""
import argparse
import json
import os
import re
import statistics
import subprocess
import time

from domainlib import FIGURES, grow, must, must_wait, quantile, restart, say, spread
from domain_cache import part as cache
from domain_tables import TABLES
from domain_members import Costs, count_statements
from deaf import DeafServer
from domain import BUILD, TOP, Domain, Node, Story, now_ms
from load import CREATE, REVOKE, SEAL, Line, data, end_of, new_key, request, text
from servers import wait_for

OPERATIONS = ("encrypt", "decrypt", "seal", "open")
PARTS = ("throughput", "cache", "hear", "creates", "deaf", "members")


# ---- use of keys ----

CLIENT, DAEMON = {0}, {1}  # processors, where there are two


def rate(node, operation, seconds):
    """Answers a second to a client that is not in the way, and the daemon's processor time for each, in ns: 1 KiB, 16 in flight on a connection."""
    own = ["taskset", "-c", "0"] if os.cpu_count() > 1 else []
    said = must(subprocess.run(own + [BUILD + "/tests/bench_frames", operation, "bench", "1024", "16", "1", str(seconds)], env=dict(os.environ, COFFER_SOCKET=node.socket), capture_output=True,
        text=True, timeout=60, check=False))
    found = re.search(r"([0-9]+)/s, +([0-9]+) ns", said)
    return int(found[1]), int(found[2])


def place(node, processors):
    """Of all threads of its daemon."""
    for pid in node.processes():
        for thread in os.listdir("/proc/%d/task" % pid):
            os.sched_setaffinity(int(thread), processors)


def throughput(domain, alone, again, quick):
    """Each round asks a node of the domain, a node alone, and another one alone, in changing order; what is told are medians of the rounds' ratios. The nodes alone differ by what the machine does."""
    rounds, seconds = (3, 0.1) if quick else (25, 0.25)
    nodes = {"domain": domain.nodes[1], "alone": alone, "again": again}
    if os.cpu_count() > 1:
        for node in nodes.values():
            place(node, DAEMON)
    for operation in OPERATIONS:
        found = {side: [] for side in nodes}
        for n in range(rounds):
            for side in list(nodes)[n % 3:] + list(nodes)[:n % 3]:
                found[side].append(rate(nodes[side], operation, seconds))
        ratios = {side: [[f[at] / a[at] for f, a in zip(found[side], found["alone"])] for at in (0, 1)] for side in ("domain", "again")}
        say("%s of 1 KiB, a second" % operation, **{side: int(statistics.median(f[0] for f in found[side])) for side in ("domain", "alone")}, ratio=statistics.median(ratios["domain"][0]),
            quarter=quantile(ratios["domain"][0], 0.25), three_quarters=quantile(ratios["domain"][0], 0.75), another_alone=statistics.median(ratios["again"][0]),
            **{"ns_" + side: int(statistics.median(f[1] for f in found[side])) for side in ("domain", "alone")}, ns_ratio=statistics.median(ratios["domain"][1]),
            ns_another_alone=statistics.median(ratios["again"][1]))
    place(domain.nodes[1], set(range(os.cpu_count())))


# ---- hearing ----

def hear(one, two, rounds):
    """A key made at one node until it seals at the other; revoked at the one until the other, which has it in memory, seals no more."""
    lines, made, ended = (Line(one.socket), Line(two.socket)), [], []
    for n in range(rounds):
        name = "heard-%s-%d-%d" % (two.n, n, int(now_ms()))
        answer = lines[0].ask(request(CREATE, new_key(name, 256), os.urandom(16)))
        if not answer.good:
            raise RuntimeError(answer.said)
        uid, frame = answer.text(0x420094), request(SEAL, text(0x54000B, name) + data(0x54000D, b"x"))
        begun = now_ms()
        wait_for(lambda: lines[1].ask(frame).good, 60, 0)
        made.append(now_ms() - begun)
        if not lines[0].ask(request(REVOKE, end_of(uid, "Revoke"), os.urandom(16))).good:
            raise RuntimeError("not revoked")
        begun = now_ms()
        wait_for(lambda: not lines[1].ask(frame).good, 60, 0)
        ended.append(now_ms() - begun)
    return made, ended


def deaf(domain, quick):
    """The same at a node that its server's notifications do not reach: its way goes through something that leaves them out."""
    node = domain.nodes[2]
    with DeafServer(domain.servers[0].folder, domain.story.work + "/deaf") as server:
        path = node.home + "/cofferd.conf"
        with open(path, encoding="utf-8") as f:
            had = f.read()
        with open(path, "w", encoding="utf-8") as f:
            f.write(had.replace("host=%s " % domain.servers[0].folder, "host=%s " % server.folder))
        restart(node)
        made, ended = hear(domain.nodes[0], node, 3 if quick else 12)
        say("notifications lost: made at one node, sealed with at another, ms", **spread(made))
        say("notifications lost: revoked at one node, refused at another, ms", left_out=server.left_out, **spread(ended))
        with open(path, "w", encoding="utf-8") as f:
            f.write(had)
        restart(node)


# ---- creates ----

def creates(nodes, ms, name):
    """Durable creates a second, by so many nodes at once, eight connections each."""
    runs = [subprocess.Popen([BUILD + "/tests/bench_create", node.socket, "8", str(ms), "%s-%d" % (name, node.n)], stdout=subprocess.PIPE, text=True) for node in nodes]
    said = [json.loads(run.communicate(timeout=ms / 1000 + 120)[0]) for run in runs]
    return {what: sum(record[what] for record in said) for what in ("rate", "created", "busy")}


def all_creates(domain, quick):
    rounds, ms = (1, 200) if quick else (5, 2000)
    rates = {1: [], 3: []}
    for n in range(rounds):
        for count in (1, 3):
            rates[count].append(creates(domain.nodes[:count], ms, "create-%d-%d" % (count, n)))
    for count, found in rates.items():
        each, made = [f["rate"] for f in found], sum(f["created"] for f in found)
        say("durable creates a second by %d node%s" % (count, "s" if count > 1 else ""), p50=statistics.median(each), least=min(each), most=max(each), created=made,
            percent_busy=100 * sum(f["busy"] for f in found) / made)


# ---- all of it ----

def alone_node(story, name):
    box = story.work + "/" + name
    environment = dict(os.environ, COFFER_BUILD=BUILD)
    story.ends.append(lambda: subprocess.run([TOP + "/scripts/sandbox", "stop", "--dir", box], env=environment, capture_output=True, check=False))
    must(subprocess.run([TOP + "/scripts/sandbox", "start", "--dir", box, "--token", "softhsm", "--quiet"], env=environment, capture_output=True, text=True, check=False))
    node = Node(box, 1)
    must(node.coffer("key", "create", "bench"))
    return node


def heard(domain, quick):
    made, ended = hear(domain.nodes[0], domain.nodes[1], 5 if quick else 100)
    say("made at one node, sealed with at another, ms", **spread(made))
    say("revoked at one node, refused at another, ms", **spread(ended))


def members(domain, args, kinds, joined):
    """What it takes to join is told by the kind of token, whatever the number of members. joined: times of before."""
    costs = Costs()
    for count in args.members:
        for kind, took in grow(domain, count, kinds).items():
            joined.setdefault(kind, []).extend(took)
        say("%d members: told to try again while they joined" % count, times=domain.again)
        costs.measure(domain, lambda n: creates(domain.nodes[:1], 200 if args.quick else 500, "create-of-%d" % n), lambda one, two: hear(one, two, 3 if args.quick else 20)[1], args.quick)
    costs.compare()
    for kind, took in joined.items():
        say("node join until it is open, %s, ms" % kind, **spread(took))


def run(story, args):
    kinds = ["softhsm"] * 3 + ["swtpm"] * (1 if args.quick else 9) + ["softhsm"]
    domain = Domain(story, 3, ["lease_time=15s", "refresh_interval=%s" % args.refresh], standby=False, token=",".join(kinds), more=("--no-join",))
    story.ends.append(domain.end_nodes)
    domain.servers[0].setting("fsync", "on")
    must(domain.nodes[0].coffer("key", "create", "bench"))
    domain.again = 0
    joined = grow(domain, 3, kinds)
    count_statements(domain)
    parts = {"throughput": lambda: throughput(domain, alone_node(story, "alone"), alone_node(story, "again"), args.quick), "cache": lambda: cache(domain, args.quick), "hear": lambda: heard(domain, args.quick),
             "creates": lambda: all_creates(domain, args.quick), "deaf": lambda: deaf(domain, args.quick), "members": lambda: members(domain, args, kinds, joined)}
    for name in args.only:
        parts[name]()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", type=lambda s: s.split(","), default=list(PARTS), help="parts, in their order: " + ",".join(PARTS))
    parser.add_argument("--members", type=lambda s: [int(n) for n in s.split(",")])
    parser.add_argument("--refresh", default="5s", help="refresh_interval")
    parser.add_argument("--out")
    args = parser.parse_args()
    args.members = args.members or ([3] if args.quick else [3, 30, 100])
    print("load average before: %.2f, %d processors" % (os.getloadavg()[0], os.cpu_count()))
    with Story("bench-domain") as story:
        run(story, args)
        print("load average behind: %.2f" % os.getloadavg()[0])
        story.check("every figure is there and one (%d)" % len(FIGURES), (len(FIGURES) >= 45 or args.only != list(PARTS)) and all(v > 0 or k in ("percent_busy", "left_out", "times") for f in FIGURES.values() for k, v in f.items()), FIGURES)
        tables = {name: make(FIGURES) for name, make in TABLES.items()}
        story.check("tables come of them", all(len(lines) > 2 for lines in tables.values()) or args.only != list(PARTS), tables)
        if args.out:
            with open(args.out, "w", encoding="utf-8") as f:
                json.dump({"figures": FIGURES, "load": os.getloadavg(), "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime())}, f, indent=1)


main()
