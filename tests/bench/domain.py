#!/usr/bin/env python3
"""What a domain costs: nodes that join, use of keys on a node of a domain beside a node alone, how soon a node hears of another one's change, durable creates on a shared PostgreSQL, and
what more members cost. It reports; it judges nothing but that every figure is there.

  domain.py [--quick] [--members 3,10,30] [--out FILE]     figures as JSON into FILE, a table for people on standard output

Members beyond three are real ones that have joined and then stand still: their rows (node record, slots, root, sign of life) are what a node reads of them.
PostgreSQL runs beside the nodes, with fsync on; $COFFER_BUILD_DIR names the build."""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "failover"))
from deaf import DeafServer  # noqa: E402
from domain import BUILD, TOP, Domain, Node, Story, now_ms  # noqa: E402
from load import CREATE, REVOKE, SEAL, Line, data, end_of, new_key, request, text  # noqa: E402
from servers import wait_for  # noqa: E402

FIGURES = {}
OPERATIONS = ("encrypt", "decrypt", "seal", "open")


def say(name, **fields):
    FIGURES[name] = fields
    print("%-58s %s" % (name, ", ".join("%s %s" % (k, ("%.2f" if isinstance(v, float) else "%s") % v) for k, v in fields.items())), flush=True)


def spread(values):
    ordered = sorted(values)
    return {"p50": statistics.median(ordered), "max": ordered[-1], "n": len(ordered)}


def timed(fn):
    begun = now_ms()
    fn()
    return now_ms() - begun


def must(done):
    if done.returncode:
        raise RuntimeError("%s: %s%s" % (" ".join(done.args), done.stdout, done.stderr))
    return done.stdout


# ---- members ----

def uri_of(node):
    with open(node.home + "/uri", encoding="utf-8") as f:
        return f.read().strip()


def join(first, node):
    """The request, its approval by somebody who does not sleep, the answer, and open; in ms."""
    fingerprint = first.status()["domain"]["fingerprint"]
    words = ("node", "join", "--token", uri_of(node), "--domain", fingerprint)
    begun = now_ms()
    asked = json.loads(must(node.coffer(*words, "--no-wait", "--json")))
    must(first.coffer("node", "approve", "--fingerprint", asked["fingerprint"], "--quiet"))
    must(node.coffer(*words, "--quiet"))
    if not wait_for(node.is_ready, 60):
        raise RuntimeError("node %d does not open" % node.n)
    return now_ms() - begun


def grow(domain, count, kinds):
    """Nodes up to so many, which join; the time of each by the kind of its token."""
    took = {}
    must(domain.sandbox("start", "--token", ",".join(kinds), "--store", "postgres", "--nodes", str(count), "--no-join", *domain.set_words()))
    domain.nodes = [Node(domain.dir, n + 1) for n in range(count)]
    for node in domain.nodes:
        if not os.path.exists(node.home + "/state/node.id"):
            took.setdefault(kinds[min(node.n, len(kinds)) - 1], []).append(join(domain.nodes[0], node))
    return took


def restart(domain, node):
    """From the start of its process until it is open, in ms."""
    node.kill()
    begun = now_ms()
    node.start()
    if not wait_for(node.is_ready, 60):
        raise RuntimeError("node %d does not start" % node.n)
    return now_ms() - begun


# ---- use of keys ----

def rate(node, operation, seconds):
    """Answers a second to a client that is not in the way, and the daemon's processor time for each, in ns: 1 KiB, 16 in flight on each of two connections."""
    said = must(subprocess.run([BUILD + "/tests/bench_frames", operation, "bench", "1024", "16", "2", str(seconds)], env=dict(os.environ, COFFER_SOCKET=node.socket), capture_output=True, text=True,
        timeout=60, check=False))
    found = re.search(r"([0-9]+)/s, +([0-9]+) ns", said)
    return int(found[1]), int(found[2])


def throughput(domain, alone, quick):
    rounds, seconds = (1, 1) if quick else (7, 2)
    member = domain.nodes[1]
    for operation in OPERATIONS:
        found = {"domain": [], "alone": []}
        for n in range(rounds):
            for side in (("domain", "alone") if n % 2 else ("alone", "domain")):
                found[side].append(rate(member if side == "domain" else alone, operation, seconds))
        one, two = (statistics.median(f[0] for f in found[side]) for side in ("domain", "alone"))
        cost_one, cost_two = (statistics.median(f[1] for f in found[side]) for side in ("domain", "alone"))
        say("%s of 1 KiB, a second" % operation, node_of_a_domain=int(one), node_alone=int(two), ratio=one / two, ns_each=int(cost_one), ns_each_alone=int(cost_two))


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
        restart(domain, node)
        made, ended = hear(domain.nodes[0], node, 3 if quick else 12)
        say("notifications lost: made at one node, sealed with at another, ms", **spread(made))
        say("notifications lost: revoked at one node, refused at another, ms", left_out=server.left_out, **spread(ended))
        with open(path, "w", encoding="utf-8") as f:
            f.write(had)
        restart(domain, node)


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


# ---- more members ----

def cost(domain, quick):
    one, two = domain.nodes[:2]
    made, ended = hear(one, two, 3 if quick else 20)
    starts = [restart(domain, two) for _ in range(1 if quick else 5)]
    status = [timed(two.status) for _ in range(3 if quick else 20)]
    say("%d members: revoked at one, refused at another, ms" % len(domain.nodes), **spread(ended))
    say("%d members: start of a node until it is open, ms" % len(domain.nodes), **spread(starts))
    say("%d members: coffer status, ms" % len(domain.nodes), **spread(status))


def alone_node(story):
    box = story.work + "/alone"
    environment = dict(os.environ, COFFER_BUILD=BUILD)
    story.ends.append(lambda: subprocess.run([TOP + "/scripts/sandbox", "stop", "--dir", box], env=environment, capture_output=True, check=False))
    must(subprocess.run([TOP + "/scripts/sandbox", "start", "--dir", box, "--token", "softhsm", "--quiet"], env=environment, capture_output=True, text=True, check=False))
    node = Node(box, 1)
    must(node.coffer("key", "create", "bench"))
    return node


def run(story, args):
    kinds = ["softhsm"] * 3 + ["swtpm"] * 3 + ["softhsm"] if not args.quick else ["softhsm"]
    domain = Domain(story, args.members[0], ["lease_time=15s", "refresh_interval=%s" % args.refresh], standby=False, token=",".join(kinds), more=("--no-join",))
    story.ends.append(domain.end_nodes)
    domain.servers[0].setting("fsync", "on")
    joined = {}
    must(domain.nodes[0].coffer("key", "create", "bench"))
    for members in args.members:
        for kind, took in grow(domain, members, kinds).items():
            joined.setdefault(kind, []).extend(took)
        for node in domain.nodes[3:]:
            node.kill()
        if members == args.members[0]:
            throughput(domain, alone_node(story), args.quick)
            made, ended = hear(domain.nodes[0], domain.nodes[1], 5 if args.quick else 100)
            say("made at one node, sealed with at another, ms", **spread(made))
            say("revoked at one node, refused at another, ms", **spread(ended))
            all_creates(domain, args.quick)
            deaf(domain, args.quick)
        cost(domain, args.quick)
    for kind, took in joined.items():
        say("node join until it is open, %s, ms" % kind, **spread(took))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--members", type=lambda s: [int(n) for n in s.split(",")])
    parser.add_argument("--refresh", default="5s", help="refresh_interval")
    parser.add_argument("--out")
    args = parser.parse_args()
    args.members = args.members or ([3, 4] if args.quick else [3, 10, 30])
    print("load average before: %.2f, %d processors" % (os.getloadavg()[0], os.cpu_count()))
    with Story("bench-domain") as story:
        run(story, args)
        print("load average behind: %.2f" % os.getloadavg()[0])
        story.check("every figure is there and one (%d)" % len(FIGURES), len(FIGURES) >= 16 and all(v > 0 or k in ("percent_busy", "left_out") for f in FIGURES.values() for k, v in f.items()), FIGURES)
        if args.out:
            with open(args.out, "w", encoding="utf-8") as f:
                json.dump({"figures": FIGURES, "load": os.getloadavg(), "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime())}, f, indent=1)


main()
