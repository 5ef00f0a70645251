"""What more members cost: joined, open and idle ones, each a cofferd of its own on the same PostgreSQL. The master server's processor time, the database's statements, a change of the data key
(a wrap for each member, in the audit log), a member removed."""
import statistics
import time

from domainlib import forget, leader, must, must_wait, processor_s, restart, say, spread, timed, until_taken
from domain import now_ms

SCRUB = "query LIKE '%id >= $2::bytea%' OR query LIKE 'SELECT idx::bigint%'"  # what goes over the whole store: SURVEY, COPIES and ORPHANS of src/store/postgres_stmt.def
STATEMENTS = "SELECT coalesce(sum(calls) FILTER (WHERE {0}), 0)::bigint || ' ' || coalesce(sum(calls) FILTER (WHERE NOT ({0})), 0)::bigint FROM pg_stat_statements".format(SCRUB)
WRAPPED = "was wrapped for node"


def count_statements(domain):
    """From now on the server counts them."""
    server = domain.servers[0]
    server.setting("shared_preload_libraries", "pg_stat_statements")
    server.stop("fast")
    server.start()
    server.sql("CREATE EXTENSION pg_stat_statements")
    server.sql("ALTER ROLE coffer CONNECTION LIMIT -1")  # of packaging/postgres/roles.sql, where each node has a role of its own
    for node in domain.nodes:
        must_wait("node %d has the database again" % node.n, lambda node=node: node.status().get("store_health") == "well")


def statements(domain):
    """Of the scrub, and all others."""
    return [int(n) for n in domain.servers[0].sql(STATEMENTS).split()]


def idle(domain, seconds):
    """Of the master server, of another node and of the database, while nobody asks for anything: ms of processor time a second, and statements a second, of the scrub and others."""
    master = leader(domain)
    other = next(n for n in domain.nodes if n is not master)
    groups = {"master": master.processes(), "member": other.processes(), "database": domain.servers[0].pids()}
    asked, begun, before = statements(domain), time.monotonic(), {name: processor_s(pids) for name, pids in groups.items()}
    time.sleep(seconds)
    passed = time.monotonic() - begun
    used = {name: 1000 * (processor_s(pids) - before[name]) / passed for name, pids in groups.items()}
    return used, [(now - then) / passed for now, then in zip(statements(domain), asked)]


def is_quiet(master):
    return master.status().get("rotation", {}).get("phase") == "none"


def have_generation(domain, master, generation):
    told = master.status().get("nodes", {})
    return len(told) == len(domain.nodes) and all(node.get("generation") == generation for node in told.values())


def wraps(master):
    return must(master.coffer("audit", "show")).count(WRAPPED)


def change_key(domain):
    """In force, in ms; until all members have said that they have it; until all records are sealed again. The log has a wrap for each other member."""
    master = leader(domain)
    must_wait("no change is under way", lambda: is_quiet(master), 600)
    before, begun = wraps(master), now_ms()
    until_taken(domain, master, "rotate", "data-key", "--quiet")
    took = now_ms() - begun
    generation = master.status()["generation"]
    must_wait("every member has generation %d" % generation, lambda: have_generation(domain, master, generation), 300, 0.05)
    heard = now_ms() - begun
    must_wait("all records are sealed again", lambda: is_quiet(master), 600, 0.05)
    sealed = now_ms() - begun
    if wraps(master) - before != len(domain.nodes) - 1:
        raise RuntimeError("%d wraps are in the log, not %d" % (wraps(master) - before, len(domain.nodes) - 1))
    return took, heard, sealed


def remove(domain):
    """The last one; it is gone afterwards."""
    last = domain.nodes[-1]
    if leader(domain) is last:
        must(domain.nodes[0].coffer("promote", "--quiet"))
    master = leader(domain)
    must_wait("no change is under way", lambda: is_quiet(master), 600)
    took = timed(lambda: until_taken(domain, master, "node", "remove", "node-%d" % last.n))
    must_wait("all records are sealed again", lambda: is_quiet(master), 600, 0.05)
    forget(domain, last)
    return took


class Costs:
    """Of each number of members, and what the most cost beside the fewest."""

    def __init__(self):
        self.found = {}

    def note(self, members, what, value, **more):
        self.found.setdefault(what, {})[members] = value
        say("%d members: %s" % (members, what), **(more or {"value": value}))

    def note_spread(self, members, what, values):
        self.note(members, what, statistics.median(values), **spread(values))

    def measure(self, domain, create, hear, quick):
        """create: a second's durable creates by the first node. hear: ms until a revocation is heard, several."""
        members, server = len(domain.nodes), domain.servers[0]
        rounds = 1 if quick or members > 50 else 3
        used, asked = idle(domain, 2 if quick else 40)  # more than scrub_interval
        for name, ms in used.items():
            self.note(members, "idle, processor time of the %s, ms a second" % name, ms)
        for what, rate in zip(("the scrub's statements", "other statements"), asked):
            self.note(members, "idle, %s at the database a second" % what, rate)
        before = processor_s(server.pids())
        made = create(members)
        self.note(members, "durable creates a second by one node", made["rate"])
        self.note(members, "the database's processor time for each, ms", 1000 * (processor_s(server.pids()) - before) / made["created"])
        self.note_spread(members, "revoked at one, refused at another, ms", hear(domain.nodes[0], domain.nodes[1]))
        self.note_spread(members, "coffer status, ms", [timed(domain.nodes[1].status) for _ in range(4 * rounds)])
        self.note_spread(members, "start of the master server until it is open, ms", [restart(leader(domain)) for _ in range(rounds)])
        changes = [change_key(domain) for _ in range(rounds)]
        for at, what in enumerate(("rotate data-key until it is in force, ms", "the same until every member said that it has it, ms", "the same until all records are sealed again, ms")):
            self.note_spread(members, what, [change[at] for change in changes])
        self.note_spread(members, "node remove, ms", [remove(domain) for _ in range(min(rounds, members - 1))])

    def compare(self):
        for what, by in self.found.items():
            few, many = min(by), max(by)
            say("%d over %d members: %s" % (many, few, what), few=float(by[few]), many=float(by[many]), ratio=by[many] / by[few])
