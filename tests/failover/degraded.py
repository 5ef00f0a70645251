#!/usr/bin/env python3
"""What goes on and what is refused, with which Result Reason and which sentence, while the master server is gone, and the database is: by a node that may not take over (node_role = member), and by
one that seals on for a while (encrypt_grace). All is well by itself afterwards."""
import os
import re
import struct

from domain import Domain, Story, now_ms
from judge import Judge
from load import OPEN, SEAL, Line, data, find, make_key, request, text
from oracle import History
from servers import wait_for
from told import Told

GET, GENERAL_FAILURE = 0x0A, 0x100
LEASE_S, GRACE_S = 2, 6


def reason(answer):
    value = find(answer.frame, 0x42007E, 5) if answer.frame else None
    return struct.unpack(">I", value)[0] if value else None


def set_line(node, key, value):
    path = node.home + "/cofferd.conf"
    with open(path, encoding="utf-8") as f:
        kept = re.sub(r"(?m)^%s *=.*\n" % key, "", f.read())
    with open(path, "w", encoding="utf-8") as f:
        f.write("%s%s = %s\n" % (kept, key, value))


def restart(story, node):
    node.kill()
    node.start()
    story.within(30, "node %d is open again" % node.n, node.is_ready)


class Member:
    """A node, and what it is asked for."""

    def __init__(self, story, node, history):
        self.story, self.node, self.history, self.line, self.message = story, node, history, Line(node.socket), None

    def seal(self):
        return self.line.ask(request(SEAL, text(0x54000B, "disk") + data(0x54000D, b"some text")))

    def use(self, uid):
        rows = self.node.status()["cache"]["rows"]
        self.message = find(self.seal().frame, 0x540004, 8)
        self.opens("all well")
        self.story.check("node %d hands the key out" % self.node.n, self.get(uid).good)
        self.story.within(20, "node %d keeps it in its cache" % self.node.n, lambda: self.node.status()["cache"]["rows"] >= max(rows, 1))

    def get(self, uid):
        return self.line.ask(request(GET, text(0x420094, uid)))

    def opens(self, what):
        answer = self.line.ask(request(OPEN, data(0x540004, self.message)))
        if not answer.frame:
            answer = self.line.ask(request(OPEN, data(0x540004, self.message)))  # its daemon was started anew
        self.story.check("%s: node %d opens" % (what, self.node.n), answer.good, answer.said)

    def seals(self, what):
        answer = self.seal()
        self.story.check("%s: node %d seals" % (what, self.node.n), answer.good, answer.said)

    def refuses(self, what, deed, answer, words):
        self.story.check("%s: node %d does not %s: reason 0x%x, %s" % (what, self.node.n, deed, reason(answer) or 0, answer.said),
            not answer.good and reason(answer) == GENERAL_FAILURE and any(word in answer.said for word in words), answer.said)

    def makes_nothing(self, what, words):
        self.refuses(what, "seal", self.seal(), words)
        self.refuses(what, "make a key", make_key(self.history, self.line, "refused", os.urandom(16)), words)


NO_MASTER = ("no master server is there",)
NO_DATABASE = ("database",)


def master_gone(story, domain, told, member, patient):
    epoch = member.node.lead("epoch")
    begun = now_ms()
    domain.nodes[0].kill()
    story.within(20, "master server gone: a member says so", lambda: not member.node.lead("master"))
    patient.seals("master server gone, within encrypt_grace")
    member.makes_nothing("master server gone", NO_MASTER)
    for node in (member, patient):
        node.opens("master server gone")
    story.within(GRACE_S + 20, "master server gone: encrypt_grace ends", lambda: not patient.seal().good)
    took = now_ms() - begun
    story.check("master server gone: it had %d ms" % took, took >= 1000 * GRACE_S)
    patient.makes_nothing("master server gone, encrypt_grace over", NO_MASTER)
    story.equal("master server gone: no member takes over", [(m.node.is_master(), m.node.lead("epoch")) for m in (member, patient)], [(False, epoch)] * 2)
    story.refused("master server gone: nor by a rotation that is asked of it", "master server", member.node.coffer("rotate", "data-key"))
    told.once("master server gone", "master_lost", "raised", patient.node, "master server")
    restart(story, member.node)
    member.opens("a member started anew without master server")
    story.within(LEASE_S + 10, "a member started anew takes the lease that it finds for a living one, and for no longer than it lasts", lambda: not member.seal().good)
    member.makes_nothing("a member started anew without master server", NO_MASTER)
    domain.nodes[0].start()
    for node in (member, patient):
        story.within(30, "the master server is back: node %d seals by itself" % node.node.n, lambda node=node: node.seal().good)
    told.once("the master server is back", "master_lost", "cleared", patient.node, "")


def database_gone(story, domain, told, member, uid):
    server = domain.servers[0]
    server.stop("immediate")
    story.within(20, "database gone: the node says so", lambda: member.node.status()["store_health"] == "failed")
    member.opens("database gone")
    story.check("database gone: the key is handed out from the cache", member.get(uid).good)
    member.refuses("database gone", "make a key", make_key(member.history, member.line, "refused", os.urandom(16)), NO_DATABASE + NO_MASTER)
    story.within(20, "database gone: nothing is sealed", lambda: not member.seal().good)
    member.refuses("database gone", "seal", member.seal(), NO_DATABASE + NO_MASTER)
    told.once("database gone", "database_lost", "raised", member.node, "database")
    member.node.kill()
    member.node.start()
    story.within(30, "database gone: a node started anew opens", lambda: member.line.ask(request(OPEN, data(0x540004, member.message))).good)
    member.refuses("database gone, started anew", "seal", member.seal(), NO_DATABASE + NO_MASTER)
    server.start()
    story.within(40, "the database is back: it is well by itself", member.node.is_ready)
    story.within(40, "the database is back: it seals by itself", lambda: member.seal().good)
    told.once("the database is back", "database_lost", "cleared", member.node, "")
    wait_for(lambda: all(n.is_ready() for n in domain.nodes), 30)


def main():
    with Story("degraded") as story:
        told = Told(story)
        domain = Domain(story, 3, [told.setting, "notify_retry=200ms", "lease_time=%ds" % LEASE_S, "refresh_interval=500ms", "store_connect_ms=1000", "store_statement_ms=700"], standby=False)
        story.ends.append(domain.end_nodes)
        history = History()
        for node, grace in ((domain.nodes[1], None), (domain.nodes[2], GRACE_S)):
            set_line(node, "node_role", "member")
            if grace:
                set_line(node, "encrypt_grace", "%ds" % grace)
            restart(story, node)
        story.within(20, "node 1 is master server", domain.nodes[0].is_master)
        made = make_key(history, Line(domain.nodes[0].socket), "disk", os.urandom(16))
        story.check("a key is made", made.good, made.said)
        uid = made.text(0x420094)
        member, patient = (Member(story, node, history) for node in domain.nodes[1:])
        for node in (member, patient):
            story.within(20, "node %d seals" % node.node.n, lambda node=node: node.seal().good)
            node.use(uid)
        master_gone(story, domain, told, member, patient)
        database_gone(story, domain, told, member, uid)
        Judge(story, history).judge(domain.nodes)


main()
