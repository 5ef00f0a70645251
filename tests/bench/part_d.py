"""(d) Durable creates beside bare SQLite commits of the same rows, one and several to a commit."""
import glob
import os
import shutil

import plots
from benchlib import figure, number, ratio_word, table

WANTED_ONE, WANTED_MANY = 0.5, 5.0
MANY = 32


def copy_store(bench, box):
    """A store that cofferd wrote, stopped, as bare SQLite's to begin with."""
    box.stop()
    folder = os.path.join(bench.work, "sqlite")
    os.makedirs(folder)
    found = glob.glob(os.path.join(box.home, "state", "store.db"))[0]
    shutil.copy(found, folder)
    box.start()
    return os.path.join(folder, "store.db")


def measure(bench):
    box = bench.sandbox("d")
    ms, rounds = (100, 1) if bench.quick else (1200, 5)
    bench.output([bench.program("bench_create"), box.socket, 1, 20, "first"])
    store = copy_store(bench, box)
    for n in range(rounds):
        turns = [lambda: bench.lines([bench.program("bench_create"), box.socket, 1, ms, f"one-{n}"]),
                 lambda: bench.lines([bench.program("bench_sqlite"), store, ms]),
                 lambda: bench.lines([bench.program("bench_create"), box.socket, MANY, ms, f"many-{n}"]),
                 lambda: bench.lines([bench.program("bench_sqlite"), store, ms, MANY])]
        for turn in turns[n % 4:] + turns[:n % 4]:
            turn()
    box.clean()


def summary(records):
    one, bare, many, grouped = (figure([r for r in records if r["side"] == side and r["connections"] == n], "rate")
                                for side, n in (("coffer", 1), ("sqlite", 1), ("coffer", MANY), ("sqlite", MANY)))
    s = {"one": one, "sqlite": bare, "many": many, "one_ratio": one["median"] / bare["median"], "many_ratio": many["median"] / one["median"],
         "bytes": [r for r in records if r["side"] == "sqlite"][0]["bytes"], "wanted": [WANTED_ONE, WANTED_MANY]}
    if grouped:  # a run of before has none
        s.update(grouped=grouped, grouped_ratio=grouped["median"] / bare["median"], of_grouped=many["median"] / grouped["median"])
    return s


GROUPED = f"bare SQLite, the same rows, {MANY} in a commit"


def report(bench):
    s = summary(bench.of("d"))
    bench.say("(d) durable creates a second; median (least to most)")
    for what, f in (("cofferd, 1 connection", s["one"]), ("bare SQLite, the same rows, 1 writer", s["sqlite"]), (f"cofferd, {MANY} connections", s["many"]),
                    (GROUPED, s["grouped"])):
        bench.say(f"  {what:44} {f['median']:9.0f} ({f['min']:.0f} to {f['max']:.0f})")
    for what, ratio, want in (("1 connection / bare SQLite", s["one_ratio"], WANTED_ONE), (f"{MANY} connections / 1 connection", s["many_ratio"], WANTED_MANY),
                              (f"bare SQLite, {MANY} in a commit / 1", s["grouped_ratio"], None), (f"{MANY} connections / bare SQLite", s["of_grouped"], None)):
        wanted = "" if want is None else f"  wanted {want}: {'pass' if ratio >= want else 'miss'}"
        bench.say(f"  {what:44} {ratio:9.2f}{wanted}")


def markdown(records):
    s = summary(records)
    rows = [("cofferd, 1 connection", number(s["one"], 0), "**%.2f** of bare SQLite" % s["one_ratio"], ratio_word(s["one_ratio"], WANTED_ONE)),
            ("bare SQLite, the same rows, 1 writer", number(s["sqlite"], 0), "", ""),
            (f"cofferd, {MANY} connections", number(s["many"], 0), "**%.2f** of 1 connection" % s["many_ratio"]
             + (", **%.2f** of bare SQLite" % s["of_grouped"] if "grouped" in s else ""), ratio_word(s["many_ratio"], WANTED_MANY))]
    if "grouped" in s:
        rows.append((GROUPED, number(s["grouped"], 0), "**%.2f** of 1 in a commit" % s["grouped_ratio"], ""))
    sizes = s["bytes"]
    return ["Durable creates a second:", ""] + table(("who", "creates a second", "ratio", "wanted"), rows) + [
        "", f"A create is four rows (object {sizes[0]} bytes, audit {sizes[1]}, request record {sizes[2]}, root {sizes[3]}) and their index rows, "
        f"in one transaction; {MANY} in a commit have one root's row."]


def draw(records):
    s = summary(records)
    groups = [("cofferd,\n1 connection", [s["one"]]), ("bare SQLite,\n1 writer", [s["sqlite"]]), (f"cofferd,\n{MANY} connections", [s["many"]])]
    if "grouped" in s:
        groups.append((f"bare SQLite,\n{MANY} in a commit", [s["grouped"]]))
    return {"creates.svg": plots.bars("Durable creates", "creates a second", groups, ("rate",))}
