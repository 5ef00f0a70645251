#!/usr/bin/env python3
"""Two nodes on a PostgreSQL primary server and its standby: the primary frozen, with and without a promotion; the synchronous standby gone; the former primary server back; a replica
that lags promoted. Opening goes on all the time, nothing acknowledged is lost silently, and all is well by itself when the servers are."""
import os
import signal
import time

from domain import Domain, Story, now_ms
from judge import Judge
from load import OPEN, SEAL, Answer, Line, data, find, make_key, request, text
from oracle import History

SETTINGS = ["lease_time=2s", "refresh_interval=500ms", "store_connect_ms=1000", "store_statement_ms=1000"]
TOLD_MS = 8000  # a change that cannot be made is told so by then: its deadlines, and what a loaded machine takes


class Pair:
    def __init__(self, story):
        self.story = story
        self.domain = Domain(story, 2, SETTINGS)
        self.primary, self.standby = self.domain.servers
        self.lines = [Line(n.socket) for n in self.domain.nodes]
        self.messages, self.history = [], History()
        kept = [self.cache(node) for node in self.domain.nodes]
        story.check("a key is made", self.create("disk").good)
        for line in self.lines:
            self.messages.append(find(line.ask(request(SEAL, text(0x54000B, "disk") + data(0x54000D, b"some text"))).frame, 0x540004, 8))
        self.opens("used at both")
        for node, rows in zip(self.domain.nodes, kept):
            story.within(20, "node %d keeps it in its cache" % node.n, lambda node=node, rows=rows: node.status()["cache"]["rows"] > rows)

    def cache(self, node):
        """Rows of a node's cache, once all is there that a start wants."""
        self.story.within(20, "node %d has a cache" % node.n, lambda: node.status()["cache"]["state"] == "ready")
        return node.status()["cache"]["rows"]

    def create(self, name, n=0, request_id=None) -> Answer:
        return make_key(self.history, self.lines[n], name, request_id or os.urandom(16))

    def opens(self, what):
        """Each node opens what each has sealed."""
        def one(line, message):
            answer = line.ask(request(OPEN, data(0x540004, message)))
            if not answer.frame:
                answer = line.ask(request(OPEN, data(0x540004, message)))  # its daemon was started anew
            return answer.good or answer.said
        good = [one(line, message) for line in self.lines for message in self.messages]
        self.story.check(what + ": opening goes on at both", all(g is True for g in good), good)

    def not_made(self, what, name, word, request_id=None):
        begun = now_ms()
        answer = self.create(name, 0, request_id)
        took = now_ms() - begun
        self.story.check("%s: a change is told so in one sentence (%d ms)" % (what, took), answer.frame and not answer.good and word in answer.said and took < TOLD_MS, answer.said)

    def well(self, what, seconds=20):
        for node in self.domain.nodes:
            self.story.within(seconds, "%s: node %d is well by itself" % (what, node.n), node.is_ready)
            self.story.within(seconds, "%s: a master server is there for node %d" % (what, node.n), lambda node=node: node.lead("master"))
        self.opens(what)  # and has the key in memory again, from where alone it is served while the database is away

    def made(self, what, name, n=0, request_id=None):
        """As a client does, until yes."""
        said, kept = [], request_id or os.urandom(16)

        def once():
            answer = self.create(name, n, kept)
            said.append(answer.said)
            return answer.good
        if not self.story.within(20, what, once):
            print("     " + said[-1])

    def alerted(self, what, word, nodes):
        """The alert of a database that is lost says why it is."""
        def sentence(node):
            return ((node.status().get("alerts") or {}).get("raised") or {}).get("database_lost", {}).get("sentence", "")
        for node in nodes:
            self.story.within(20, "%s: so does the alert of node %d" % (what, node.n), lambda node=node: word in sentence(node))

    def count(self, name):
        return [key["name"] for key in self.domain.nodes[0].ask("key", "list") or []].count(name)


def frozen(p):
    story, kept = p.story, os.urandom(16)
    p.primary.signal(signal.SIGSTOP)
    p.not_made("frozen", "frozen", "", kept)
    p.opens("frozen")
    p.primary.signal(signal.SIGCONT)
    p.well("thawed")
    p.made("thawed: the same request once more", "frozen", 1, kept)
    story.equal("thawed: it was made once", p.count("frozen"), 1)


def standby_gone(p):
    story, kept = p.story, os.urandom(16)
    p.standby.stop("immediate")
    p.not_made("no standby", "alone", "", kept)
    p.opens("no standby")
    p.standby.start()
    p.primary.demand_standby()
    p.well("a standby again")
    p.made("a standby again: the same request once more", "alone", 1, kept)
    story.equal("a standby again: it was made once", p.count("alone"), 1)


def frozen_and_promoted(p):
    """The frozen one takes connections, and wakes up as a second primary server."""
    story = p.story
    p.primary.signal(signal.SIGSTOP)
    p.standby.promote()
    p.made("frozen for good: a change at the promoted one", "promoted")
    p.opens("frozen for good")
    p.primary.signal(signal.SIGCONT)
    p.made("awake: the former primary server is not written to", "awake", 1)
    lacks = p.primary.sql("SELECT count(*) FROM coffer.record WHERE tbl = 1")
    story.check("awake: it lacks what was made since", int(lacks) < int(p.standby.sql("SELECT count(*) FROM coffer.record WHERE tbl = 1")))
    p.standby.stop("fast")
    p.not_made("alone", "nowhere", "")
    story.within(20, "alone: status says why", lambda: "former primary server" in p.domain.nodes[0].coffer("status").stdout)
    p.alerted("alone", "former primary server", p.domain.nodes[:1])
    p.opens("alone")
    p.standby.start()
    p.well("the promoted one is back")
    p.made("the promoted one is back: a change", "back")
    p.primary.stop("fast")
    p.primary.follow(p.standby, "copy")
    p.primary, p.standby = p.standby, p.primary
    p.primary.demand_standby()


def lagging(p):
    """The standby is asynchronous, gone for a while, and promoted as it is."""
    story, nodes = p.story, p.domain.nodes
    p.primary.setting("synchronous_standby_names", "")
    p.standby.stop("fast")
    for n in range(5):
        p.made("lagging: a change that the standby lacks", "lost-%d" % n, n % 2)
    p.primary.kill()
    unreachable = "no server of the database"
    for node in nodes:
        story.within(20, "lagging: node %d says that there is none" % node.n, lambda node=node: unreachable in node.coffer("status").stdout)
    p.standby.start()
    p.standby.promote()
    for node in nodes:
        story.within(20, "lagging: node %d refuses it, and says by how much" % node.n, lambda node=node: "older" in node.coffer("status").stdout)
    p.alerted("lagging", "older", nodes)
    p.not_made("lagging", "forked", "")
    p.opens("lagging")
    p.standby.stop("fast")
    for node in nodes:
        story.within(20, "lagging: gone again, node %d says so, and no more that it is older" % node.n, lambda node=node: unreachable in node.coffer("status").stdout)
    p.primary.start()
    p.well("the newer one is back")
    p.made("the newer one is back: a change", "newer")
    story.equal("the newer one is back: nothing is lost", sorted(k["name"] for k in nodes[0].ask("key", "list") if k["name"].startswith("lost-")), ["lost-%d" % n for n in range(5)])
    Judge(story, p.history).judge(nodes)
    p.primary.kill()
    p.standby.start()
    for node in nodes:
        story.within(20, "gone for good: node %d refuses" % node.n, lambda node=node: "older" in node.coffer("status").stdout)
    for node in nodes:  # started anew, it stands at the fault, and can be told
        pid = node.pid()
        os.kill(pid, signal.SIGKILL)
        story.within(20, "gone for good: node %d, started anew, does not open" % node.n, lambda node=node, pid=pid: node.pid() != pid and node.status().get("state") == "fault")
    for node in nodes:
        story.within(20, "gone for good: an administrator takes it as it is at node %d" % node.n, lambda node=node: node.coffer("store", "accept", "--yes").returncode == 0)
    p.well("accepted")
    p.made("accepted: a change", "accepted")
    p.history.changes = [c for c in p.history.changes if not c.name.startswith("lost-") and c.name != "newer"]  # what was accepted lacks these
    Judge(story, p.history).judge(nodes)


PARTS = (frozen, standby_gone, frozen_and_promoted, lagging)


def main():
    with Story("servers") as story:
        p = Pair(story)
        for part in PARTS:
            part(p)


main()
