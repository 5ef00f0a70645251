#!/usr/bin/env python3
"""The tables of docs/performance.md, "A domain": domain_tables.py FILE [SVG], of what domain.py --out FILE wrote; and what members cost, drawn."""
import json
import re
import sys

from benchlib import table
from plots import lines


def figure(value):
    return "%d" % round(value) if abs(value) >= 100 else "%.1f" % value if abs(value) >= 10 else "%.2f" % value


def throughput(figures):
    head = ["1 KiB, pinned", "node of a domain, 1/s", "node alone, 1/s", "ratio (quartiles)", "another node alone", "processor time, ns", "alone", "ratio", "another node alone"]
    rows = [[name.split()[0], f["domain"], f["alone"], "**%.2f** (%.2f to %.2f)" % (f["ratio"], f["quarter"], f["three_quarters"]), "%.2f" % f["another_alone"], f["ns_domain"], f["ns_alone"],
             "**%.2f**" % f["ns_ratio"], "%.2f" % f["ns_another_alone"]] for name, f in figures.items() if "ns_ratio" in f]
    return table(head, rows)


def lookups(figures):
    head = ["asked, µs", "database: p50", "p99", "here: p50", "p99", "database over here", "of"]
    return table(head, [[name.removesuffix(", us"), f["database_p50"], f["database_p99"], f["here_p50"], f["here_p99"], "**%.1f**" % f["ratio"], f["n"]] for name, f in figures.items()
                        if "here_p50" in f])


def times(figures):
    return table(["what, ms", "p50", "most", "of"], [[name.removesuffix(", ms"), figure(f["p50"]), figure(f["max"]), f["n"]] for name, f in figures.items()
                                                      if "max" in f and not re.match("[0-9]+ members", name)])


def by_members(figures):
    """What each cost is by the number of members, and those numbers."""
    found = {}
    for name, f in figures.items():
        of = re.match(r"([0-9]+) members: (.*)", name)
        if of:
            found.setdefault(of[2], {})[int(of[1])] = f.get("p50", f.get("value", f.get("times")))
    return found, sorted({n for by in found.values() for n in by})


def members(figures):
    """A row for each cost, a column for each number of members, and what the most cost over the fewest."""
    found, counts = by_members(figures)
    ratio = lambda by: "%.1f" % (by[counts[-1]] / by[counts[0]]) if counts[-1] in by and by.get(counts[0]) else ""
    return table(["members", *counts, "%d over %d" % (counts[-1], counts[0])], [[what, *[figure(by[n]) if n in by else "" for n in counts], ratio(by)] for what, by in found.items()]) if counts else []


DRAWN = (("idle, processor time of the master, ms a second", "idle master"), ("idle, other statements at the database a second", "idle statements"),
         ("start of the master server until it is open, ms", "start"), ("rotate data-key until it is in force, ms", "rotate data-key"), ("node remove, ms", "node remove"))


def plot(figures):
    found, counts = by_members(figures)
    at = lambda what, n: {k: found[what][n] for k in ("median", "min", "max")} if n in found.get(what, {}) else None
    return lines("What members cost", "ms; a second where idle", [("%d members" % n, [at(what, n) for what, _ in DRAWN]) for n in counts], [name for _, name in DRAWN])


TABLES = {"throughput": throughput, "lookups": lookups, "times": times, "members": members}


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        figures = json.load(f)["figures"]
    for make in TABLES.values():
        print("\n".join(make(figures)) + "\n")
    if len(sys.argv) > 2:
        with open(sys.argv[2], "w", encoding="utf-8") as f:
            f.write(plot(figures))


if __name__ == "__main__":
    main()
