"""What must hold of a domain whose servers, nodes and ways fail, judged over what clients were told, what they saw, and what the nodes' audit logs say. No node is asked here: judge.py
reads them, and test_oracle.py plants mistakes into histories that are made up.

  acknowledged is there          a change that was answered with yes is in the logs exactly once, with its object and its request id, and in the store
  nothing goes backwards         no log has a hole, no epoch falls in one, no object is seen in an earlier state than before
  one holder of an epoch         no two nodes say that they are master server under one epoch, or write under it what only that one may
  one effect for each request    however often it was sent, to however many nodes; one that was refused has none
  everything audited             and nothing is in the logs that nobody asked for
"""
import re
import threading
import time

YES, NO, UNKNOWN = "yes", "no", "unknown"
LEADS_TO = {"Create": "active", "Register": "active", "Revoke": "deactivated", "Destroy": "destroyed"}  # the changes that are judged, and the state behind each
RANKS = {"pre-active": 0, "active": 1, "deactivated": 2, "compromised": 3, "destroyed": 4, "destroyed-compromised": 5}
FENCED = ("NodeApprove", "NodeEnrol", "NodeEnrolRevoke", "NodeRemove", "RotateDataKey")  # the master server's alone
LEADS = re.compile(r"this node is master server \(epoch (\d+)\)")
LISTED = re.compile(r"request ([0-9a-f]{32}), was answered as of unknown outcome: it was (not )?made")
HEARD_S = 2  # until a node that has its database has heard of what was acknowledged at another one: refresh_interval, and what a loaded machine takes


class Change:
    """One request that changes something, however often it is sent. request: its id in hexadecimal digits; uid: the object, where it is known."""

    def __init__(self, kind, name, request, uid=None, bits=0, leads_to=None):
        self.kind, self.name, self.request, self.uid, self.bits = kind, name, request, uid, bits
        self.rank = RANKS[leads_to or LEADS_TO[kind]]
        self.outcome, self.doubted, self.said = UNKNOWN, False, ""

    def __str__(self):
        return "%s %s (request %s)" % (self.kind, self.name, self.request)


class History:
    """What clients asked, were told and saw. Threads add to it."""

    def __init__(self, clock=time.monotonic):
        self.lock, self.clock = threading.Lock(), clock
        self.changes, self.problems = [], []
        self.well_since = clock()  # None: the nodes may not have their database
        self.highest, self.at_node = {}, {}

    def begun(self, kind, name, request, uid=None, bits=0, leads_to=None):
        change = Change(kind, name, request, uid, bits, leads_to)
        with self.lock:
            self.changes.append(change)
        return change

    def told(self, change, outcome, said="", uid=None):
        """How one sending of it ended. A refusal says nothing of a sending before it whose outcome nobody knows."""
        with self.lock:
            change.doubted, change.said, change.uid = change.doubted or outcome == UNKNOWN, said, uid or change.uid
            if outcome == YES or change.outcome != YES:
                change.outcome = YES if outcome == YES else UNKNOWN if change.doubted else NO
            if outcome == YES:
                self.raise_highest(change.uid, change.rank)

    def asked(self, request):
        """The change with this request id; None."""
        with self.lock:
            return next((c for c in self.changes if c.request == request), None)

    def raise_highest(self, uid, rank):
        had = self.highest.get(uid)
        if had is None or rank > had[0]:
            self.highest[uid] = (rank, self.clock())

    def with_database(self, well):
        """False before something is done to the servers or the ways to them; True when each node has its database."""
        with self.lock:
            self.well_since = self.clock() if well else None

    def saw(self, node, uid, state, begun):
        """An answer of a node, to a question that was sent at `begun`: it does not go behind what this node said before, nor, once it must have heard of it, behind anything else."""
        rank = RANKS[state]
        with self.lock:
            own, other = self.at_node.get((node, uid)), self.highest.get(uid)
            if own and own[1] < begun and rank < own[0]:
                self.problems.append("node %s: %s is %s, and was more than that" % (node, uid, state))
            elif other and rank < other[0] and self.well_since is not None and begun > max(other[1], self.well_since) + HEARD_S:
                self.problems.append("node %s: %s is %s, and is more than that elsewhere" % (node, uid, state))
            if not own or rank > own[0]:
                self.at_node[node, uid] = (rank, self.clock())
            self.raise_highest(uid, rank)

    def of(self, outcome, *kinds):
        with self.lock:
            return [c for c in self.changes if c.outcome == outcome and (not kinds or c.kind in kinds)]

    def confirmed(self):
        return len(self.of(YES))

    def bounds(self):
        """uid -> the least and the most that its state can be by now; for what was acknowledged to be there."""
        least, most = {}, {}
        with self.lock:
            for c in self.changes:
                if c.uid is None or c.outcome == NO:
                    continue
                most[c.uid] = max(most.get(c.uid, 0), c.rank)
                if c.outcome == YES:
                    least[c.uid] = max(least.get(c.uid, 0), c.rank)
        return {uid: (rank, most[uid]) for uid, rank in least.items()}


# ---- the logs: {node: its records from number 1 on, as 'coffer audit export' writes them} ----

def effects(logs):
    """(node, record) of every change that was made. One without an object is an answer that was given again."""
    return [(node, row) for node, log in logs.items() for row in log if row["operation"] in LEADS_TO and row["result"] == "ok" and row["object"]]


def holes(logs):
    return ["node %s: record %d stands where %d should" % (node, row["seq"], n) for node, log in logs.items() for n, row in enumerate(log, 1) if row["seq"] != n][:5]


def grouped(pairs):
    found = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def one_effect(logs):
    """For each request and for each change of an object, over all nodes."""
    made = effects(logs)
    by_request = grouped((row["request"], "%s of %s at node %s" % (row["operation"], row["object"], node)) for node, row in made if row["request"])
    by_change = grouped(((row["operation"], row["object"]), node) for node, row in made)
    return ["request %s: %s" % (request, ", ".join(what)) for request, what in by_request.items() if len(what) > 1] + \
           ["%s of %s: %d records" % (*change, len(nodes)) for change, nodes in by_change.items() if len(nodes) > 1]


def forward(logs):
    """Each object's changes, in their order: made, revoked, destroyed. Records have whole seconds."""
    wrong = []
    for uid, rows in grouped((row["object"], row) for _, row in effects(logs)).items():
        rows.sort(key=lambda row: (row["ms"], RANKS[LEADS_TO[row["operation"]]]))
        ranks = [RANKS[LEADS_TO[row["operation"]]] for row in rows]
        if ranks != sorted(ranks):
            wrong.append("%s: %s" % (uid, ", ".join(row["operation"] for row in rows)))
    return wrong


def claims(logs):
    """(epoch, node, record) of what only its holder writes: that it has it, and what is fenced."""
    found = []
    for node, log in logs.items():
        for row in log:
            said = LEADS.search(row["details"]) if row["operation"] == "event" else None
            if said:
                found.append((int(said.group(1)), node, row))
            elif row["operation"] in FENCED and row["result"] == "ok":
                found.append((row["epoch"], node, row))
    return found


def epochs(logs):
    """One holder each, rising in each log; and who was followed wrote nothing more."""
    wrong = []
    for node, log in logs.items():
        for before, row in zip(log, log[1:]):
            if row["epoch"] < before["epoch"]:
                wrong.append("node %s: record %d is of epoch %d, behind one of %d" % (node, row["seq"], row["epoch"], before["epoch"]))
    made = claims(logs)
    for epoch, nodes in sorted(grouped((epoch, node) for epoch, node, _ in made).items()):
        if len(set(nodes)) > 1:
            wrong.append("epoch %d: of the nodes %s" % (epoch, ", ".join(str(n) for n in sorted(set(nodes)))))
    begins = sorted((epoch, row["ms"]) for epoch, _, row in made if row["operation"] == "event")
    for epoch, node, row in made:
        late = [later for later, ms in begins if later > epoch and ms < row["ms"]]
        if late:
            wrong.append("node %s: record %d (%s) is of epoch %d, when %d had begun" % (node, row["seq"], row["operation"], epoch, late[0]))
    return wrong


def acknowledged(history, logs):
    """Each has its record, once, with its object; what was refused has none, and no other change is in the logs."""
    made = grouped((row["request"], row) for _, row in effects(logs))
    wrong = ["%s: acknowledged, and in no log" % c for c in history.of(YES) if c.request not in made]
    wrong += ["%s: acknowledged for %s, and of %s in the log" % (c, c.uid, row["object"]) for c in history.of(YES) for row in made.get(c.request, [])
              if (row["operation"], row["object"]) != (c.kind, c.uid)]
    wrong += ["%s: refused (%s), and made all the same" % (c, c.said) for c in history.of(NO) if c.request in made]
    asked = {c.request for c in history.changes}
    return wrong + ["%s of %s: nobody asked for it" % (row["operation"], row["object"]) for request, rows in made.items() if request not in asked for row in rows]


def unknown(history, logs):
    """What nobody was told the outcome of, and what became of it: (change, was it made)."""
    made = {row["request"] for _, row in effects(logs)}
    return [(c, c.request in made) for c in history.of(UNKNOWN)]


def listed(logs):
    """(node, record, request, was it made) of what a node says that it had answered as of unknown outcome."""
    found = [(node, row, LISTED.search(row["details"])) for node, log in logs.items() for row in log if row["operation"] == "event"]
    return [(node, row, said.group(1), not said.group(2)) for node, row, said in found if said]


def listed_wrongly(logs):
    """What a node says of its own changes is what its log says before that."""
    made = {(node, row["request"]): row["seq"] for node, row in effects(logs)}
    return ["node %s: record %d says that request %s was %smade" % (node, row["seq"], request, "" if was else "not ")
            for node, row, request, was in listed(logs) if was != (made.get((node, request), row["seq"]) < row["seq"])]


def of_logs(logs):
    """What holds of logs whatever was asked."""
    return holes(logs) + one_effect(logs) + forward(logs) + epochs(logs) + listed_wrongly(logs)


# ---- what a node lists: {uid: {name, state …}}, without what is destroyed ----

def of_keys(history, keys):
    wrong = []
    bounds = history.bounds()
    named = grouped((key["name"], uid) for uid, key in keys.items() if key.get("name") and not key.get("replaced_by"))
    for c in history.of(YES, "Create", "Register"):
        least, most = bounds[c.uid]
        key = keys.get(c.uid)
        if key is None and most < RANKS["destroyed"]:
            wrong.append("%s: acknowledged and lost%s" % (c, ", another key has its name" if c.name in named else ""))
        elif key is not None and not least <= RANKS[key["state"]] <= most:
            wrong.append("%s: %s" % (c, key["state"]))
        elif key is not None and c.bits and key["length_bits"] != c.bits:
            wrong.append("%s: %d bits instead of %d" % (c, key["length_bits"], c.bits))
    asked = {c.name for c in history.changes if c.outcome != NO}
    wrong += ["%s: is there, and nobody was told so" % name for name in named if name not in asked]
    return wrong + ["%s: %d keys of this name" % (name, len(uids)) for name, uids in named.items() if len(uids) > 1]


# ---- what a story of the shell was told (`witnessed` of tests/integration/lib.sh), which has no request ids: "asked VERB NAME STATE", and "yes VERB NAME UID" when that was acknowledged ----

VERBS = {"create": "Create", "revoke": "Revoke", "destroy": "Destroy"}


def recorded(lines):
    """A history of it. What was not acknowledged may have been made. A rotation says which object has the name from then on."""
    history, uids, begun = History(), {}, {}
    for n, line in enumerate(lines):
        said, verb, name, last = line.split()
        if said == "asked" and verb in VERBS:
            begun[verb, name] = history.begun(VERBS[verb], name, "line %d" % n, uids.get(name), leads_to=None if last == "-" else last)
            continue
        if verb in ("create", "rotate") and said == "yes":
            uids[name] = last
        if verb in VERBS:
            history.told(begun[verb, name], YES, uid=uids[name])
    return history


def recorded_wrongly(history, logs):
    """Each that was acknowledged has one record, of its object."""
    made = [(row["operation"], row["object"]) for _, row in effects(logs)]
    return ["%s of %s (%s): acknowledged, and in %d records" % (c.kind, c.name, c.uid, made.count((c.kind, c.uid))) for c in history.of(YES) if made.count((c.kind, c.uid)) != 1]
