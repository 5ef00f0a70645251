"""(d) Durable creates beside bare SQLite commits of the same rows, one and several to a commit, on the disk that is here and where each sync takes longer."""
import glob
import os
import shutil
import subprocess
import sys

import plots
from benchlib import TOP, figure, number, ratio_word, table

WANTED_ONE, WANTED_MANY = 0.5, 5.0
MANY = 32
SLOW_US = 1000  # what an SSD that has to write its flash, or an eMMC, takes at least


def copy_store(bench, box, name):
    """A store that cofferd wrote, stopped, as bare SQLite's to begin with."""
    box.stop()
    folder = os.path.join(bench.work, name)
    os.makedirs(folder)
    found = glob.glob(os.path.join(box.home, "state", "store.db"))[0]
    shutil.copy(found, folder)
    box.start()
    return os.path.join(folder, "store.db")


def slow_build(bench):
    """The same programs, but a daemon whose syncs take SLOW_US longer (tests/fault/bad_disk.c)."""
    folder = os.path.join(bench.work, "slow-build")
    shutil.copytree(os.path.join(bench.build, "bin"), os.path.join(folder, "bin"))
    shutil.copy(bench.program("cofferd_bad_disk"), os.path.join(folder, "bin", "cofferd"))
    slow_syncs(folder)
    return folder


def slow_syncs(folder):
    """From here on; how many were slow so far."""
    command = [sys.executable, os.path.join(TOP, "tests", "fault", "bad_disk.py"), os.path.join(folder, "bin", "cofferd.faults"), "sync", f"slow:{SLOW_US}"]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def measure_disk(bench, slow_us, name, build):
    box = bench.sandbox(name, build=build)
    ms, rounds = (100, 1) if bench.quick else (1200, 5)
    fields = {"slow_us": slow_us}
    bench.output([bench.program("bench_create"), box.socket, 1, 20, "first"])
    store = copy_store(bench, box, name + "-sqlite")
    for n in range(rounds):
        turns = [lambda: bench.lines([bench.program("bench_create"), box.socket, 1, ms, f"one-{n}"], fields=fields),
                 lambda: bench.lines([bench.program("bench_sqlite"), store, ms, 1, slow_us], fields=fields),
                 lambda: bench.lines([bench.program("bench_create"), box.socket, MANY, ms, f"many-{n}"], fields=fields),
                 lambda: bench.lines([bench.program("bench_sqlite"), store, ms, MANY, slow_us], fields=fields)]
        for turn in turns[n % 4:] + turns[:n % 4]:
            turn()
    box.clean()


def measure(bench):
    measure_disk(bench, 0, "d", bench.build)
    build = slow_build(bench)
    measure_disk(bench, SLOW_US, "d-slow", build)
    created = sum(r["created"] for r in bench.of("d") if r["side"] == "coffer" and r["slow_us"])
    if slow_syncs(build) < created / MANY:
        raise RuntimeError("the daemon's syncs were not slow")


def summary(records, slow_us=0):
    records = [r for r in records if r.get("slow_us", 0) == slow_us]
    one, bare, many, grouped = (figure([r for r in records if r["side"] == side and r["connections"] == n], "rate")
                                for side, n in (("coffer", 1), ("sqlite", 1), ("coffer", MANY), ("sqlite", MANY)))
    if not one:
        return None  # a run of before
    s = {"one": one, "sqlite": bare, "many": many, "one_ratio": one["median"] / bare["median"], "many_ratio": many["median"] / one["median"],
         "bytes": [r for r in records if r["side"] == "sqlite"][0]["bytes"], "wanted": [WANTED_ONE, WANTED_MANY]}
    if grouped:  # a run of before has none
        s.update(grouped=grouped, grouped_ratio=grouped["median"] / bare["median"], of_grouped=many["median"] / grouped["median"])
    return s


GROUPED = f"bare SQLite, the same rows, {MANY} in a commit"
DISKS = ((0, "this machine's disk"), (SLOW_US, f"each sync {SLOW_US / 1000:g} ms longer"))


def report(bench):
    for slow_us, disk in DISKS:
        s = summary(bench.of("d"), slow_us)
        bench.say(f"(d) durable creates a second; median (least to most); {disk}")
        for what, f in (("cofferd, 1 connection", s["one"]), ("bare SQLite, the same rows, 1 writer", s["sqlite"]), (f"cofferd, {MANY} connections", s["many"]),
                        (GROUPED, s["grouped"])):
            bench.say(f"  {what:44} {f['median']:9.0f} ({f['min']:.0f} to {f['max']:.0f})")
        for what, ratio, want in (("1 connection / bare SQLite", s["one_ratio"], WANTED_ONE), (f"{MANY} connections / 1 connection", s["many_ratio"], WANTED_MANY),
                                  (f"bare SQLite, {MANY} in a commit / 1", s["grouped_ratio"], None), (f"{MANY} connections / bare SQLite", s["of_grouped"], None)):
            wanted = "" if want is None else f"  wanted {want}: {'pass' if ratio >= want else 'miss'}"
            bench.say(f"  {what:44} {ratio:9.2f}{wanted}")


def rows_of(s, disk):
    rows = [(disk, "cofferd, 1 connection", number(s["one"], 0), "**%.2f** of bare SQLite" % s["one_ratio"], ratio_word(s["one_ratio"], WANTED_ONE)),
            (disk, "bare SQLite, the same rows, 1 writer", number(s["sqlite"], 0), "", ""),
            (disk, f"cofferd, {MANY} connections", number(s["many"], 0), "**%.2f** of 1 connection" % s["many_ratio"]
             + (", **%.2f** of bare SQLite" % s["of_grouped"] if "grouped" in s else ""), ratio_word(s["many_ratio"], WANTED_MANY))]
    if "grouped" in s:
        rows.append((disk, GROUPED, number(s["grouped"], 0), "**%.2f** of 1 in a commit" % s["grouped_ratio"], ""))
    return rows


def markdown(records):
    found = [(s, disk) for s, disk in ((summary(records, slow_us), disk) for slow_us, disk in DISKS) if s]
    sizes = found[0][0]["bytes"]
    rows = [row for s, disk in found for row in rows_of(s, disk)]
    return ["Durable creates a second:", ""] + table(("disk", "who", "creates a second", "ratio", "wanted"), rows) + [
        "", f"A create is four rows (object {sizes[0]} bytes, audit {sizes[1]}, request record {sizes[2]}, root {sizes[3]}) and their index rows, "
        f"in one transaction; {MANY} in a commit have one root's row."]


def draw(records):
    s = summary(records)
    groups = [("cofferd,\n1 connection", [s["one"]]), ("bare SQLite,\n1 writer", [s["sqlite"]]), (f"cofferd,\n{MANY} connections", [s["many"]])]
    if "grouped" in s:
        groups.append((f"bare SQLite,\n{MANY} in a commit", [s["grouped"]]))
    return {"creates.svg": plots.bars("Durable creates", "creates a second", groups, ("rate",))}
