#!/usr/bin/env python3
"""The oracle (oracle.py) with nodes: reads their logs, keys and attributes, and says what is wrong.

  judge.py FOLDER [RECORDED|- [N,N…]]   the logs of all nodes of a sandbox, for stories of the shell; and, where they kept what was acknowledged (`witnessed` of tests/integration/lib.sh), whether the logs have it
                                 and every node lists it: one line for each thing that is wrong.
                                 N,N…: of these nodes alone, where others were removed
"""
import json
import os
import sys
import time

import oracle
from domain import nodes_of
from load import GET_ATTRIBUTES, PATIENCE_S, Line, request, state_at, text
from servers import wait_for


def read_log(node):
    """All of its records: an export has no limit. None when it is not to be had."""
    done = node.coffer("audit", "export", "-", limit=300)
    if done.returncode:
        return None
    return [row for row in map(json.loads, done.stdout.splitlines()) if "seq" in row and "coffer-audit" not in row]


def read_keys(node):
    keys = wait_for(lambda: node.ask("key", "list"), PATIENCE_S, 0.1)
    if keys is None:
        raise RuntimeError("node %d does not list its keys within %d s" % (node.n, PATIENCE_S))
    return {key["uuid"]: key for key in keys}


class Judge:
    def __init__(self, story, history):
        self.story, self.history, self.late = story, history, 0

    def look(self, node):
        """While its clients wait, behind a failover: what was acknowledged before is there and no state went backwards, as soon as the node has heard of it. Problems."""
        begun, wrong = time.monotonic(), oracle.of_keys(self.history, read_keys(node))
        while wrong and time.monotonic() - begun < oracle.HEARD_S:
            wrong = oracle.of_keys(self.history, read_keys(node))
            self.late = max(self.late, time.monotonic() - begun)
        return wrong + self.history.problems

    def logs(self, nodes):
        """Each whole, by the daemon and by its export."""
        logs = {}
        for node in nodes:
            self.story.equal("node %d: the audit log verifies" % node.n, node.coffer("audit", "verify", limit=300).returncode, 0)
            log = wait_for(lambda node=node: read_log(node), PATIENCE_S, 0.1)
            self.story.check("node %d: its audit log can be exported" % node.n, log)
            logs[node.n] = log or []
        return logs

    def judge(self, nodes, led=0):
        """All of it; returns the logs. led: how often somebody was told that a change that only the master server may make was made."""
        story, history = self.story, self.history
        for node in nodes:
            story.equal("node %d: every acknowledged change is there" % node.n, self.look(node)[:5], [])
        lists = [{uid: (k["name"], k["state"], k["length_bits"]) for uid, k in read_keys(node).items()} for node in nodes]
        story.check("all nodes list the same keys", all(one == lists[0] for one in lists))
        story.equal("each has its attributes and its state", self.attributes(nodes[-1])[:5], [])
        story.equal("nobody saw a state go backwards", history.problems[:5], [])
        logs = self.logs(nodes)
        count = sum(map(len, logs.values()))
        story.equal("each acknowledged change is in the logs once, and no other (%d changes, %d records)" % (history.confirmed(), count), oracle.acknowledged(history, logs)[:5], [])
        for what, check in (("no log has a hole", oracle.holes), ("each request has one effect", oracle.one_effect), ("no key's changes go backwards in the logs", oracle.forward),
                            ("what the nodes list as of unknown outcome became of it what they say (%d)" % len(oracle.listed(logs)), oracle.listed_wrongly)):
            story.equal(what, check(logs)[:5], [])
        claims = oracle.claims(logs)
        story.equal("each epoch has one holder, and none falls (%d epochs, %d records of holders)" % (len({c[0] for c in claims}), len(claims)), oracle.epochs(logs)[:5], [])
        story.check("what a master server said that it did is in the logs (%d times)" % led, led <= sum(row["operation"] == "NodeEnrolRevoke" for _, _, row in claims))
        self.tell_unknown(logs)
        return logs

    def tell_unknown(self, logs):
        left = oracle.unknown(self.history, logs)
        print("     of unknown outcome: %d, of which %d were made" % (len(left), sum(made for _, made in left)))
        for change, made in left[:20]:
            print("       %s: %s: %s" % (change, "made" if made else "not made", change.said or "no answer"))
        sys.stdout.flush()

    def attributes(self, node):
        """Get Attributes of each: what it was made with, and the state that was acknowledged last."""
        line, wrong, bounds = Line(node.socket), [], self.history.bounds()
        for c in self.history.of(oracle.YES, "Create", "Register"):
            answer, state = line.ask(request(GET_ATTRIBUTES, text(0x420094, c.uid))), state_at(line, c.uid)
            least, most = bounds[c.uid]
            if not answer.good or ("of " + c.name).encode() not in answer.frame or not least <= oracle.RANKS.get(state, -1) <= most:
                wrong.append("%s: %s %s" % (c, state, answer.said))
        return wrong


def recorded_wrongly(path, nodes, logs):
    """Problems of what was acknowledged to a story; and how many changes were."""
    if not os.path.exists(path):
        return [], 0
    with open(path, encoding="utf-8") as f:
        history = oracle.recorded(f)
    wrong = oracle.recorded_wrongly(history, logs)
    for node in nodes:
        wait_for(lambda node=node: not oracle.of_keys(history, read_keys(node)), oracle.HEARD_S, 0.1)
        wrong += ["node %d: %s" % (node.n, what) for what in oracle.of_keys(history, read_keys(node))]
    return wrong, history.confirmed()


def main():
    folder, recorded, *only = sys.argv[1:] + ["-"] * (3 - len(sys.argv))
    nodes = [node for node in nodes_of(folder) if not only or str(node.n) in only[0].split(",")]
    logs = {node.n: wait_for(lambda node=node: read_log(node), PATIENCE_S, 0.2) for node in nodes}  # one may be on its way back to the database
    wrong = ["node %s: its audit log cannot be exported" % n for n, log in logs.items() if log is None]
    told = 0
    if not wrong:
        wrong = oracle.of_logs(logs)
        more, told = recorded_wrongly(recorded, nodes, logs) if recorded != "-" else ([], 0)
        wrong += more
    for what in wrong:
        print(what)
    claims = oracle.claims(logs) if not wrong else []
    print("%d logs, %d records, %d epochs, %d changes that were acknowledged: %d faults" % (len(logs), sum(len(log or []) for log in logs.values()), len({c[0] for c in claims}), told, len(wrong)))
    sys.exit(1 if wrong or not logs else 0)


if __name__ == "__main__":
    main()
