#!/usr/bin/env python3
"""Two sites in network namespaces of their own, a node and a PostgreSQL server in each, and the way between them is cut: each node reaches one of the two servers. The standby at the other site
is promoted, so there are two would-be master servers. One holds an epoch; what the other one was asked and did not confirm is nowhere until it is asked again. Skips where there are no namespaces."""
import os
import subprocess
import sys

import oracle
from domain import BIN, Domain, Story
from judge import Judge
from load import Line, make_key
from oracle import History
from servers import wait_for

SITES = ("a", "b")


class Sites:
    """Namespaces a and b with an address of their own each, and one link."""

    def __init__(self):
        self.names = ["coffer-%s-%d" % (site, os.getpid()) for site in SITES]

    def ip(self, *words, check=True):
        return subprocess.run(["ip", *words], capture_output=True, check=check)

    def make(self):
        for name in self.names:
            self.ip("netns", "add", name)
            self.ip("-n", name, "link", "set", "lo", "up")
        self.ip("-n", self.names[0], "link", "add", "to-other", "type", "veth", "peer", "name", "to-other", "netns", self.names[1])
        for i, name in enumerate(self.names):
            self.ip("-n", name, "addr", "add", self.address(i) + "/32", "dev", "lo")
            self.ip("-n", name, "addr", "add", "10.77.0.%d/30" % (i + 1), "dev", "to-other")
            self.ip("-n", name, "link", "set", "to-other", "up")
        self.routes()

    @staticmethod
    def address(i):
        return "10.77.%d.1" % (i + 1)

    def routes(self):
        for i, name in enumerate(self.names):
            self.ip("-n", name, "route", "replace", self.address(1 - i), "via", "10.77.0.%d" % (2 - i))

    def cut(self):
        self.ip("-n", self.names[0], "link", "set", "to-other", "down")

    def heal(self):
        self.ip("-n", self.names[0], "link", "set", "to-other", "up")
        self.routes()

    def prefix(self, i):
        return ["ip", "netns", "exec", self.names[i]]

    def end(self):
        for name in self.names:
            self.ip("netns", "del", name, check=False)


def append(path, line):
    with open(path, "a", encoding="utf-8") as f:
        f.write(line + "\n")


def move(domain, sites):
    """Servers and nodes to their sites; they see each other through the link alone."""
    for node in domain.nodes:
        node.kill()
    for i, server in enumerate(domain.servers):
        server.stop()
        server.prefix = sites.prefix(i)
        server.options = "-c listen_addresses=%s -c unix_socket_directories=%s" % (sites.address(i), server.folder)
        append(server.data + "/pg_hba.conf", "host all all 10.77.0.0/16 scram-sha-256\nhost replication all 10.77.0.0/16 scram-sha-256")
    append(domain.servers[1].data + "/postgresql.auto.conf",
           "primary_conninfo = 'host=%s user=admin password=%s connect_timeout=2'" % (sites.address(0), domain.servers[0].password))
    for server in domain.servers:
        server.start()
    domain.servers[0].demand_standby()
    for i, node in enumerate(domain.nodes):
        path = node.home + "/cofferd.conf"
        with open(path, encoding="utf-8") as f:
            lines = [line for line in f if not line.startswith("store_conninfo")]
        lines.append("store_conninfo = host=%s,%s user=coffer dbname=coffer\n" % (sites.address(0), sites.address(1)))
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(lines)
        with open(node.home + "/cofferd.log", "a", encoding="utf-8") as log:
            subprocess.Popen(sites.prefix(i) + ["setsid", BIN + "/cofferd", "--config", path], stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def until_made(history, line, name, kept):
    return wait_for(lambda: make_key(history, line, name, kept).good, 30, 0.05)


def names_at(server):
    return int(server.sql("SELECT count(*) FROM coffer.record WHERE tbl = 1"))


def run(story, sites):
    domain = Domain(story, 2, ["lease_time=2s", "refresh_interval=500ms", "store_connect_ms=1000", "store_statement_ms=1000"])
    story.ends.append(lambda: [node.kill() for node in domain.nodes])
    move(domain, sites)
    one, two = domain.nodes
    history = History()
    lines = [Line(n.socket) for n in domain.nodes]
    for node in domain.nodes:
        story.within(20, "node %d is well at its site" % node.n, node.is_ready)
    if not one.is_master():
        one.coffer("promote")
    story.within(10, "node 1 is master server, beside the primary server", one.is_master)
    story.check("a key is made there", until_made(history, lines[0], "before", os.urandom(16)))
    epoch = one.lead("epoch")

    sites.cut()
    unknown = {"unknown-%d" % n: os.urandom(16) for n in range(3)}
    answers = {name: make_key(history, lines[0], name, kept) for name, kept in unknown.items()}
    story.check("cut: nothing is confirmed at the site of the former primary server", not any(a.good for a in answers.values()))
    story.check("cut: and each is told so", all(a.frame and a.said for a in answers.values()), [a.said for a in answers.values()])
    domain.servers[1].promote()
    story.within(20, "cut: node 2 takes the lease at the promoted one", two.is_master)
    story.within(10, "cut: node 1 is not master server", lambda: not one.is_master())
    story.check("cut: under a higher epoch", two.lead("epoch") > epoch)
    kept = {"kept-%d" % n: os.urandom(16) for n in range(3)}
    story.check("cut: changes are made there", all(until_made(history, lines[1], name, i) for name, i in kept.items()))
    story.refused("cut: node 1 does not change the data key", "", one.coffer("rotate", "data-key"))

    sites.heal()
    story.within(30, "healed: node 1 is well by itself", one.is_ready)
    story.within(10, "healed: it knows the master server", lambda: one.lead("master") == two.lead("master") and two.is_master())
    listed = [key["name"] for key in one.ask("key", "list") or []]
    story.equal("healed: what was confirmed is there", sorted(n for n in listed if n not in unknown), sorted(["before"] + list(kept)))
    print("     of unknown outcome, and not there: %s" % ", ".join(sorted(set(unknown) - set(listed))))
    story.check("healed: asked again, each is made", all(until_made(history, lines[0], name, i) for name, i in unknown.items()))
    for node in domain.nodes:
        story.within(5, "healed: node %d has each once" % node.n,
                     lambda node=node: sorted(k["name"] for k in node.ask("key", "list") or []) == sorted(["before"] + list(kept) + list(unknown)))
    story.check("healed: nothing was written to the former primary server", names_at(domain.servers[0]) < names_at(domain.servers[1]))
    logs = Judge(story, history).judge(domain.nodes)
    doubted = sorted(c.request for c in history.changes if c.doubted)
    story.check("cut: the outcome of a change was not known (%d)" % len(doubted), doubted)
    story.equal("healed: node 1 lists in its audit log whose outcome it could not say, and what became of them", sorted(request for node, _, request, _ in oracle.listed(logs) if node == one.n), doubted)
    story.equal("healed: and in its log", sum(c in one.log() for c in doubted), len(doubted))


def main():
    sites = Sites()
    try:
        sites.make()
    except (OSError, subprocess.CalledProcessError) as e:
        sites.end()
        print("skipped: no network namespaces here: %s" % e)
        sys.exit(77)
    with Story("partition") as story:
        story.ends.append(sites.end)
        run(story, sites)


main()
