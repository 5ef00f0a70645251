"""(e) What part_e.py measured, as tables and plots."""
import plots
from benchlib import figure, group, number, table
from part_e import FLAT, KINDS, SAID

SPANS = ("cold", "warm")


def sizes_of(records):
    return sorted({r["size"] for r in records if "size" in r})


def values(records, what, when):
    """A figure for each size, None where there is none."""
    return [figure([r for r in records if (r["what"], r.get("when"), r["size"]) == (what, when, size)], "value") for size in sizes_of(records)]


def flat_word(found, rising=True):
    """The largest ratio to the first size; a rate that falls is bad, a time that rises."""
    first, rest = found[0]["median"], [f["median"] for f in found[1:]]
    if not rest:
        return ""
    worst = max(v / first for v in rest) if rising else max(first / v for v in rest)
    return f"**{worst:.2f}**: {'flat' if worst <= FLAT else 'not flat'}"


def time_rows(records):
    rows = [("start to ready", "ms", values(records, "start", ""))]
    rows += [(f"{SAID[kind]}, {when}", "µs", values(records, kind, when)) for when in SPANS for kind in KINDS]
    return [(name, unit, *(number(f, 1) for f in found), flat_word(found)) for name, unit, found in rows if found and all(found)]


def memory_rows(records):
    """What the daemon has at each size, and how much more for each key than at the size before."""
    rows, before = [], None
    of = [r for r in records if r["what"] == "memory"]
    for (size, when), found in group(of, "size", "when").items():
        heap, secret, opened = (figure(found, k)["median"] for k in ("heap_kib", "secret", "open"))
        each = ""
        if when == "after the start":
            each = f"{(heap - before[1]) * 1024 / (size - before[0]):.1f} bytes" if before else ""
            before = (size, heap)
        rows.append((f"{size:,}", when, f"{heap:,.0f}", f"{secret / 1024:,.0f}", f"{opened:,.0f}", each))
    return rows


def crowd_lines(records):
    crowd = [r for r in records if r.get("when") == "crowd"]
    if not crowd:
        return []
    out = ["", f"{crowd[0]['idle']:,} idle connections, and {crowd[0]['active']:,} active ones with a Seal of 256 bytes each under way:", ""]
    rows, first, idle = [], None, {}
    for when in ("before", "during", "after"):
        rates = [r for r in records if r.get("when") == when and "rate" in r]
        ends = [r for r in records if r.get("when") == when and "heap_kib" in r]
        if not rates or not ends:
            continue
        median, p99 = figure(rates, "median"), figure(rates, "p99")
        first = first or p99["median"]
        idle[when] = ends[0]
        rows.append((when, f"{figure(rates, 'rate')['median']:,.0f}", number(median, 0), number(p99, 0), f"**{p99['median'] / first:.2f}**",
                     ends[0]["descriptors"], f"{ends[0]['heap_kib']:,}", f"{ends[0]['secret'] // 1024:,}"))
    head = ("", "a second", "median, µs", "p99, µs", "p99 to before", "descriptors", "ordinary memory, KiB", "secret memory, KiB")
    out += table(head, rows)
    if "before" in idle and "during" in idle:
        each = (idle["during"]["heap_kib"] - idle["before"]["heap_kib"]) * 1024 / crowd[0]["idle"]
        secret = (idle["during"]["secret"] - idle["before"]["secret"]) / crowd[0]["idle"]
        out += ["", f"An idle connection takes {each:.0f} bytes of ordinary memory and {secret:.0f} of secret memory."]
    return out


def markdown(records):
    of = [r for r in records if r["part"] == "e"]
    sizes = sizes_of(of)
    head = ("", "unit", *(f"{size:,} objects" for size in sizes), f"largest ratio to the first (flat: {FLAT})")
    out = ["Times of one client, one request at a time; cold is after a restart with the store's file out of the system's memory:", ""]
    out += table(head, time_rows(of))
    out += [line for r in of if r["what"] == "left out" for line in ("", f"{r['objects']:,} objects were left out: the disk was too slow to make them.")]
    fills = values(of, "fill", "")
    if any(fills):
        out += ["", "Creates a second, 64 in a message and 8 messages at a time: "
                + ", ".join(f"{f['median']:,.0f} up to {s:,}" for s, f in zip(sizes, fills) if f) + "."]
    rows = memory_rows(of)
    if rows:
        head = ("objects", "when", "ordinary memory, KiB", "secret memory, KiB", "objects open", "ordinary memory for each key more")
        out += ["", "Memory of the daemon:", "", *table(head, rows)]
    return out + crowd_lines([r for r in records if r["part"] == "c10k"])


def draw(records):
    of = [r for r in records if r["part"] == "e"]
    sizes = sizes_of(of)
    kinds = [kind for kind in KINDS if all(values(of, kind, "warm"))]
    points = [(f"{size:,} objects", [values(of, kind, "warm")[i] for kind in kinds]) for i, size in enumerate(sizes)]
    starts = values(of, "start", "")
    return {"objects.svg": plots.lines("One request at a time, warm", "microseconds", points, [SAID[kind] for kind in kinds]),
            "start.svg": plots.lines("From the start of the process to ready", "milliseconds", [(f"{s:,} objects", [f]) for s, f in zip(sizes, starts)],
                                     ("start to ready",))}
