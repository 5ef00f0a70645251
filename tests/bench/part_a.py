"""(a) Small operations beside the ideal server."""
import os

from benchlib import figure, group

POLL_US = 100
MOONSHOT = 1_000_000  # Encrypt of 256 bytes a second, pipelined


def measure(bench):
    box = bench.sandbox("a")
    uuid = box.key("bench")
    socket = os.path.join(bench.work, "ideal.sock")
    ideal = bench.server([bench.program("bench_ideal"), socket, os.cpu_count(), POLL_US])
    common = ["--coffer", box.socket, "--coffer-pid", box.pid(), "--ideal", socket, "--ideal-pid", ideal.pid, "--tap", os.path.join(bench.work, "tap.sock"),
              "--key", "bench", "--uuid", uuid, "--poll-us", POLL_US]
    if bench.quick:
        common += ["--rounds", 1, "--ms", 15, "--sizes", "256,4096", "--flight", "1,16"]
    else:
        common += ["--rounds", 5, "--ms", 120]
    for table in ("sealed", "kmip"):
        bench.lines([bench.program("bench_small"), "--table", table, *common])
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
        bench.say(f"  {row['table']:6} {row['op']:7} {row['size']:6} B  {row['threads']} threads {row['flight']:3} in flight  {c['median'] / 1e3:8.1f} "
                  f"({c['min'] / 1e3:.1f} to {c['max'] / 1e3:.1f})  ideal {i['median'] / 1e3:8.1f} ({i['min'] / 1e3:.1f} to {i['max'] / 1e3:.1f})  "
                  f"ratio {row['ratio']:.2f}{verdict}")
    judged = [row for row in rows if row["met"] is not None]
    bench.say(f"  {sum(row['met'] for row in judged)} of {len(judged)} cells pass")
    for table, rate in moonshot(rows).items():
        bench.say(f"  {table}: {rate / 1e3:.0f} thousand encryptions of 256 bytes a second, pipelined: {rate / MOONSHOT:.2f} of a million")
