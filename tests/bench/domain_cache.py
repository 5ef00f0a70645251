"""Lookup and Get at a node of a domain: asked of the database, from the node's memory, and from its cache while the database is away."""
import statistics

from domainlib import must_wait, quantile, say
from domain import now_ms
from hostile_frames import locate, name_attribute
from load import CREATE, GET_ATTRIBUTES, Line, new_key, request, text

GET = 0x0A


def lookup_of(key):
    return request(GET_ATTRIBUTES, text(0x420094, key[1]) + text(0x42000A, "State"))


def get_of(key):
    return request(GET, text(0x420094, key[1]))


def ask_us(line, frame):
    begun = now_ms()
    answer = line.ask(frame)
    took = (now_ms() - begun) * 1000
    if not answer.good:
        raise RuntimeError(answer.said)
    return took


def make(node, count, what):
    """(name, uid) of new keys."""
    line, made = Line(node.socket), []
    for n in range(count):
        name = "%s-%d" % (what, n)
        answer = line.ask(request(CREATE, new_key(name, 256)))
        if not answer.good:
            raise RuntimeError(answer.said)
        made.append((name, answer.text(0x420094)))
    return made


def tell(name, from_store, from_here):
    figures = {"%s_%s" % (side, word): int(quantile(values, part)) for side, values in (("database", from_store), ("here", from_here)) for word, part in (("p50", 0.5), ("p99", 0.99))}
    say(name, **figures, ratio=statistics.median(from_store) / statistics.median(from_here), n=len(from_here))


def kept(node):
    return (node.status().get("cache") or {}).get("rows", 0)


def kept_so_far(node):
    """Rows are put into the cache's file behind the answers: what was asked before is in it."""
    seen = [kept(node)]

    def stands():
        seen.append(kept(node))
        return len(seen) > 4 and len(set(seen[-4:])) == 1
    must_wait("the cache has what was asked before", stands, pause=0.25)
    return seen[-1]


def is_normal(node):
    status = node.status()
    return status.get("state") == "open" and status.get("store_health") == "well" and status["cache"]["serving"] == "no"


def is_offline(node):
    status = node.status()
    return status.get("state") == "open" and (status["cache"]["serving"] == "yes" or status["store_health"] != "well")


def connections(node):
    """That its way to the database was made so far."""
    return node.status()["database"]["opened"]


def part(domain, quick):
    """Half of the keys are looked up, half of them given out, so that each first time is one."""
    member, server, count = domain.nodes[1], domain.servers[0], 10 if quick else 300
    looked, given = make(domain.nodes[0], count, "looked-up"), make(domain.nodes[0], count, "given-out")
    line = Line(member.socket)
    ask_us(line, locate(name_attribute("bench")))
    before = kept_so_far(member)
    opened, cold, warm, named, got_cold, got_warm = connections(member), [], [], [], [], []
    for one, two in zip(looked, given):
        cold.append(ask_us(line, lookup_of(one)))
        warm.append(ask_us(line, lookup_of(one)))
        named.append(ask_us(line, locate(name_attribute(one[0]))))
        got_cold.append(ask_us(line, get_of(two)))
        got_warm.append(ask_us(line, get_of(two)))
    if connections(member) != opened:
        raise RuntimeError("the connection to the database was made anew %d times" % (connections(member) - opened))
    must_wait("the cache has them", lambda: kept(member) >= before + 2 * count)
    server.stop("immediate")
    must_wait("the node knows that the database is away", lambda: line.ask(get_of(given[0])).good and is_offline(member), 120)
    away, got_away = [], []
    for one, two in zip(looked, given):
        away.append(ask_us(line, lookup_of(one)))
        got_away.append(ask_us(line, get_of(two)))
    line.close()
    member.kill()
    member.start()
    must_wait("the node opens from its cache", lambda: is_offline(member))
    file, got_file = [], []
    for one, two in zip(looked, given):
        file.append(ask_us(line, lookup_of(one)))
        got_file.append(ask_us(line, get_of(two)))
    line.close()
    server.start()
    for node in domain.nodes:
        must_wait("node %d has the database again" % node.n, lambda node=node: is_normal(node))
    tell("lookup of a state, database and memory, us", cold, warm)
    tell("the same, memory with the database away, us", cold, away)
    tell("the same, node started without a database: its cache, us", cold, file)
    tell("Locate by name (database), lookup (memory), us", named, warm)
    tell("Get, first and again (each audited in the database), us", got_cold, got_warm)
    tell("Get, database and memory with the database away, us", got_warm, got_away)
    tell("Get, node started without a database: its cache, us", got_warm, got_file)
