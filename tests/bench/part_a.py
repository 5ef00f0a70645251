"""(a) Small operations beside the ideal server."""
import os

import plots
from benchlib import bytes_name, figure, group, ratio_word, table, thousands

POLL_US = 50  # busy_poll of cofferd
MOONSHOT = 1_000_000  # Encrypt of 256 bytes a second, pipelined


def measure(bench):
    box = bench.sandbox("a")
    uuid = box.key("bench")
    socket = os.path.join(bench.work, "ideal.sock")
    ideal = bench.server([bench.program("bench_ideal"), socket, os.cpu_count(), POLL_US])
    common = ["--coffer", box.socket, "--coffer-pid", box.pid(), "--ideal", socket, "--ideal-pid", ideal.pid, "--tap", os.path.join(bench.work, "tap.sock"),
              "--key", "bench", "--uuid", uuid, "--poll-us", 100]
    if bench.quick:
        common += ["--rounds", 1, "--ms", 15, "--settle-ms", 1, "--sizes", "256,4096", "--flight", "1,16"]
    else:
        common += ["--rounds", 7, "--ms", 200]
    for table in ("sealed", "kmip"):
        bench.lines([bench.program("bench_small"), "--table", table, *common])
        if not bench.quick:  # how near to a million
            bench.lines([bench.program("bench_small"), "--table", table, *common, "--sizes", 256, "--threads", 2, "--flight", 256])
    bench.end(ideal)
    box.clean()


def wanted(size, flight):
    """What the ratio should be at least; None where nothing was said."""
    if size >= 4096:
        return 0.8
    return {1: 0.6, 64: 0.35}.get(flight)


def summary(records):
    """A row for each cell."""
    rows = []
    for (table, op, size, threads, flight), found in group(records, "table", "op", "size", "threads", "flight").items():
        sides = {side: figure([r for r in found if r["side"] == side], "rate") for side in ("coffer", "ideal")}
        cpu = {side: figure([r for r in found if r["side"] == side], "server_us")["median"] for side in ("coffer", "ideal")}
        ratio = sides["coffer"]["median"] / sides["ideal"]["median"]
        want = wanted(size, flight)
        rows.append({"table": table, "op": op, "size": size, "threads": threads, "flight": flight, "coffer": sides["coffer"], "ideal": sides["ideal"],
                     "ratio": ratio, "wanted": want, "met": None if want is None else ratio >= want, "server_us": cpu,
                     "frames": [found[0]["request"], found[0]["answer"]]})
    return rows


def moonshot(rows):
    """The best Encrypt rates at 256 bytes with more than one in flight, by table."""
    best = {}
    for row in rows:
        if row["size"] == 256 and row["op"] in ("seal", "encrypt") and row["flight"] > 1:
            best[row["table"]] = max(best.get(row["table"], 0), row["coffer"]["median"])
    return best


def report(bench):
    rows = summary(bench.of("a"))
    bench.say("(a) small operations, thousand a second: cofferd beside the ideal server; median (least to most)")
    for row in rows:
        c, i = row["coffer"], row["ideal"]
        verdict = "" if row["met"] is None else f"  wanted {row['wanted']:.2f}: {'pass' if row['met'] else 'miss'}"
        bench.say(f"  {row['table']:6} {row['op']:7} {row['size']:6} B  {row['threads']} threads {row['flight']:3} in flight  {thousands(c):26} "
                  f"ideal {thousands(i):26} "
                  f"ratio {row['ratio']:.2f}{verdict}  workers' processor time {row['server_us']['coffer']:.2f} / {row['server_us']['ideal']:.2f} us")
    judged = [row for row in rows if row["met"] is not None]
    bench.say(f"  {sum(row['met'] for row in judged)} of {len(judged)} cells pass")
    for table, rate in moonshot(rows).items():
        bench.say(f"  {table}: {rate / 1e3:.0f} thousand encryptions of 256 bytes a second, pipelined: {rate / MOONSHOT:.2f} of a million")


TITLES = {"sealed": "Sealed messages through libcoffer", "kmip": "KMIP Encrypt and Decrypt, raw frames"}


def markdown(records):
    rows = summary(records)
    out = []
    for name, title in TITLES.items():
        found = [r for r in rows if r["table"] == name]
        out += [f"{title}; thousand a second, medians with least and most; processor time of the "
                "workers for one operation, cofferd / ideal server:", ""]
        out += table(("operation", "bytes", "threads", "in flight", "cofferd", "ideal server", "ratio", "wanted", "processor, µs"),
                     [(r["op"], bytes_name(r["size"]), r["threads"], r["flight"], thousands(r["coffer"]), thousands(r["ideal"]), f"**{r['ratio']:.2f}**",
                       ratio_word(r["ratio"], r["wanted"]), f"{r['server_us']['coffer']:.2f} / {r['server_us']['ideal']:.2f}")
                      for r in found]) + [""]
    judged = [r for r in rows if r["met"] is not None]
    best = moonshot(rows)
    out.append(f"{sum(r['met'] for r in judged)} of the {len(judged)} cells with a wanted ratio reach it. "
               "Encryptions of 256 bytes a second, pipelined, at best: "
               + ", ".join(f"{rate / 1e3:.0f} thousand ({'sealed messages' if name == 'sealed' else 'KMIP'})" for name, rate in best.items())
               + f"; a million is {MOONSHOT / max(best.values()):.1f} times that." if best else "")
    return out


def draw(records):
    rows, drawn = summary(records), {}
    for name, title in TITLES.items():
        for op in ("seal", "encrypt"):
            found = [r for r in rows if r["table"] == name and r["op"] == op]
            if found:
                most = max(r["threads"] for r in found)
                groups = [(f"{bytes_name(r['size'])}\n{r['flight']} in flight", [r["coffer"], r["ideal"]]) for r in found if r["threads"] == most]
                drawn[f"small-{name}.svg"] = plots.bars(f"{title}: {op}, {most} clients", "operations a second", groups, ("cofferd", "ideal server"),
                                                        log=True)
    return drawn
