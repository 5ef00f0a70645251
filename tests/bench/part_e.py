"""(e) What grows with the number of objects and of connections, and what does not.

One store is filled to each size in turn, through the daemon. "cold" is after a restart, with the store's file out of the system's memory as far as the system lets
go of it; "warm" is the same requests once more; "other keys" are drawn anew, so that in a large store they are not in the daemon's memory yet."""
import glob
import os
import signal
import subprocess
import time

from benchlib import figure

SIZES, QUICK_SIZES = "1000 100000 1000000", "200 2000"  # $COFFER_BENCH_SIZES: others
CROWD, QUICK_CROWD = (10000, 500), (300, 30)
FLAT = 1.5
FILL_MOST_S = 420  # a disk that is slower than that is not waited for
KINDS = ("get", "seal", "name", "attribute", "none")
SAID = {"get": "Get", "seal": "Seal, 256 B", "name": "Locate by Name", "attribute": "Locate by a custom attribute", "none": "Locate what is not there"}
PATIENCE_S = 120


class Daemon:
    """A sandbox whose daemon is started and stopped here, to see how long that takes."""

    def __init__(self, bench, name, *settings):
        self.bench, self.box, self.process = bench, bench.sandbox(name, *settings), None
        self.box.stop()

    def start(self):
        """Seconds from the start of the process until a client is told that it is open."""
        with open(os.path.join(self.box.home, "cofferd.log"), "ab") as log:
            begun = time.monotonic()
            self.process = subprocess.Popen([self.bench.program("cofferd"), "--config", os.path.join(self.box.home, "cofferd.conf")],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        return float(self.client("ready", PATIENCE_S)[1]) - begun

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE_S)
            self.process = None

    def clean(self):
        self.stop()
        self.box.clean()

    def client(self, *words):
        return self.bench.output([self.bench.program("bench_scale"), self.box.socket, *words], 3600).split()

    def memory(self):
        return memory_of(self.box)

    def forget_file(self):
        for path in glob.glob(os.path.join(self.box.home, "state", "store.db*")):
            with open(path, "rb") as f:
                os.fsync(f.fileno())
                os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def memory_of(box):
    with open(f"/proc/{box.pid()}/status", encoding="ascii") as f:
        fields = dict(line.split(":", 1) for line in f)
    status = box.status()
    return {"heap_kib": int(fields["RssAnon"].split()[0]), "secret": status["memory"]["used"], "open": status["objects_in_memory"],
            "connections": status["connections"], "descriptors": len(os.listdir(f"/proc/{box.pid()}/fd"))}


def time_kinds(bench, daemon, size, ids, when, rounds, kinds=KINDS, seed=0):
    for kind in kinds:
        number = size * 100 + seed * 10 + KINDS.index(kind)  # each kind has keys of its own: what one loads, the next does not find
        quarter, median, third, worst = map(float, daemon.client("time", ids, kind, rounds, number)[1:])
        bench.add("e", what=kind, when=when, size=size, value=median, quarters=[quarter, third], p99=worst)


def measure_size(bench, daemon, size, ids):
    for _ in range(2 if bench.quick else 7):
        daemon.stop()
        bench.add("e", what="start", when="", size=size, value=daemon.start() * 1e3)
    bench.add("e", what="memory", when="after the start", size=size, **daemon.memory())
    daemon.stop()
    daemon.forget_file()
    daemon.start()
    rounds = 100 if bench.quick else 2000
    time_kinds(bench, daemon, size, ids, "cold", rounds // 5)
    for _ in range(1 if bench.quick else 3):
        time_kinds(bench, daemon, size, ids, "warm", rounds)
    for seed in range(1, 2 if bench.quick else 4):
        time_kinds(bench, daemon, size, ids, "other keys", rounds, ("get", "seal"), seed)
    bench.add("e", what="memory", when="with what was used", size=size, **daemon.memory())


def measure_sizes(bench):
    daemon, made, rate = Daemon(bench, "e", "scrub_interval=1h"), 0, None
    ids = os.path.join(bench.work, "ids")
    for size in map(int, os.environ.get("COFFER_BENCH_SIZES", QUICK_SIZES if bench.quick else SIZES).split()):
        if rate and (size - made) / rate > FILL_MOST_S:
            bench.say(f"  {size:,} objects are left out: at {rate:.0f} creates a second they would take {(size - made) / rate:.0f} s")
            bench.add("e", what="left out", objects=size)
            break
        daemon.start()
        rate = float(daemon.client("fill", ids, made, size, 8)[2])
        bench.add("e", what="fill", when="", size=size, value=rate)
        made = size
        measure_size(bench, daemon, size, ids)
        daemon.stop()
    daemon.clean()


def crowd(bench, box, key, *words):
    return bench.output([bench.program("bench_crowd"), box.socket, key, *words]).split()


def be_active(bench, box, key, when, active):
    seconds = 0.3 if bench.quick else 3
    for _ in range(1 if bench.quick else 3):
        said = crowd(bench, box, key, "active", active, seconds)
        bench.add("c10k", when=when, rate=float(said[1]), median=float(said[4]), p99=float(said[6]))
    bench.add("c10k", when=when, **memory_of(box))


def until_gone(box, most):
    end = time.monotonic() + PATIENCE_S
    while memory_of(box)["connections"] > most and time.monotonic() < end:
        time.sleep(0.05)


def measure_crowd(bench):
    idle, active = QUICK_CROWD if bench.quick else CROWD
    box = bench.sandbox("crowd", "max_connections=100000", "max_connections_per_principal=100000")
    key = box.key("crowd")
    be_active(bench, box, key, "before", active)
    holder = bench.server([bench.program("bench_crowd"), box.socket, key, "idle", idle])
    be_active(bench, box, key, "during", active)
    bench.end(holder)
    until_gone(box, 1)
    be_active(bench, box, key, "after", active)
    bench.add("c10k", when="crowd", idle=idle, active=active)
    box.clean()


def measure(bench):
    measure_sizes(bench)
    measure_crowd(bench)


def row(bench, records, sizes, what, when, name, unit):
    found = [figure([r for r in records if r["what"] == what and r["when"] == when and r["size"] == size], "value") for size in sizes]
    if not all(found):
        return
    ratios = "  ".join(f"{f['median'] / found[0]['median']:5.2f}" for f in found[1:])
    spread = "  ".join(f"{f['median']:10.1f} ({f['min']:.1f} to {f['max']:.1f})" for f in found)
    bench.say(f"  {name:36} {spread} {unit}  x {ratios}")


def summary(records, crowd_records):
    sizes = sorted({r["size"] for r in records})
    value = {}
    for what, when in {(r["what"], r["when"]): 0 for r in records if "value" in r}:
        value[f"{what} {when}".strip()] = [figure([r for r in records if (r["what"], r["when"], r["size"]) == (what, when, s)], "value") for s in sizes]
    return {"sizes": sizes, "values": value, "flat": FLAT, "memory": [r for r in records if r["what"] == "memory"], "crowd": crowd_records}


def report(bench):
    records, many = bench.of("e"), bench.of("c10k")
    sizes = sorted({r["size"] for r in records})
    bench.say(f"(e) with {', '.join(f'{s:,}' for s in sizes)} objects; medians in each size (least to most), ratios to the first; flat is {FLAT}")
    row(bench, records, sizes, "start", "", "start to ready", "ms")
    for when in ("cold", "warm"):
        for kind in KINDS:
            row(bench, records, sizes, kind, when, f"{SAID[kind]}, {when}", "us")
    for kind in ("get", "seal"):
        row(bench, records, sizes, kind, "other keys", f"{SAID[kind]}, other keys", "us")
    row(bench, records, sizes, "fill", "", "creates, 64 in a message, 8 at a time", "/s")
    for r in records:
        if r["what"] == "memory":
            bench.say(f"  {r['size']:>9,} objects, {r['when']:20} {r['heap_kib']:>8} KiB ordinary memory, {r['secret'] // 1024:>6} KiB secret, {r['open']:>6} open")
    report_crowd(bench, many)


def report_crowd(bench, many):
    crowd_of = [r for r in many if r["when"] == "crowd"]
    if not crowd_of:
        return
    bench.say(f"  {crowd_of[0]['idle']:,} idle connections, {crowd_of[0]['active']:,} active ones with a Seal of 256 B each under way")
    first = None
    for when in ("before", "during", "after"):
        rates, end = [r for r in many if r["when"] == when and "rate" in r], [r for r in many if r["when"] == when and "heap_kib" in r][0]
        median, p99 = figure(rates, "median")["median"], figure(rates, "p99")["median"]
        first = first or (median, p99)
        bench.say(f"  {when:8} {figure(rates, 'rate')['median']:9.0f} /s, median {median:8.0f} us x {median / first[0]:.2f}, p99 {p99:8.0f} us x {p99 / first[1]:.2f}, "
                  f"{end['descriptors']:>6} descriptors, {end['heap_kib']:>7} KiB ordinary, {end['secret'] // 1024:>6} KiB secret")
