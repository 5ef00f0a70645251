"""(b) Streams beside the raw cipher of the same engine, and a large file beside what people use."""
import json
import os
import shutil
import subprocess

import plots
from benchlib import NOT_HERE, figure, group, number, ratio_word, said, table, warn

GIB = 2**30
FILE = 4 * GIB
ENGINES = ("openssl", "ipsec-mb")
WANTED = {"seal": 0.9, "open": 0.8}
RSS_MIB, AGE_RATIO, IPSEC_RATIO = 32, 1.5, 2.0


GPG = ["gpg", "--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "bench"]
GPG_SEAL = ["-c", "--cipher-algo", "AES256", "-z", "0"]


# ---- memory to memory ----

def engine_box(bench, engine):
    """A daemon with that engine; None where it does not start with it."""
    try:
        box = bench.sandbox(f"b-{engine}", f"aead_engine={engine}")
    except subprocess.CalledProcessError:
        bench.sandboxes[-1].clean()
        return None
    box.key("bench")
    return box


def streams(bench):
    ms, rounds = (40, 1) if bench.quick else (300, 5)
    stream, boxes = bench.program("bench_stream"), {}
    for engine in ENGINES:
        box = engine_box(bench, engine)
        if box:
            boxes[engine] = box
        else:
            bench.add("b", what="missing", engine=engine)
    for _ in range(rounds):
        for engine, box in boxes.items():
            bench.lines([stream, "raw", engine, ms])
            for threads in (1, 2):
                bench.lines([stream, "stream", box.socket, box.pid(), "bench", engine, ms, threads])
    for box in boxes.values():
        box.clean()


# ---- a file ----

def read_through(path):
    with open(path, "rb", buffering=0) as f:
        piece = bytearray(2**20)
        while f.readinto(piece):
            pass


def write_through(path, size):
    piece = bytes(2**20)
    with open(path, "wb", buffering=0) as f:
        for _ in range(size // len(piece)):
            f.write(piece)
    os.unlink(path)


class Files:
    """What is encrypted, and by whom."""

    def __init__(self, bench, size):
        self.bench, self.size = bench, size
        self.dir = os.path.join(bench.work, "files")
        os.mkdir(self.dir)
        self.small = size // 4
        self.box = bench.sandbox("b-files")
        self.box.key("bench")
        self.environment = {**self.box.environment, "GNUPGHOME": self.path("gnupg")}
        self.make(self.path("plain"), size)
        self.make(self.path("small"), self.small)

    def path(self, name):
        return os.path.join(self.dir, name)

    def make(self, path, size):
        """Bytes that nothing can compress or skip."""
        with open(path, "wb") as out:
            zeros = subprocess.Popen(["head", "-c", str(size), "/dev/zero"], stdout=subprocess.PIPE)
            self.bench.run(["openssl", "enc", "-aes-256-ctr", "-K", "1" * 64, "-iv", "2" * 32], stdin=zeros.stdout, stdout=out)
            zeros.stdout.close()
            zeros.wait()

    def run(self, command):
        """Seconds, processor seconds and the largest resident memory in MiB of a program that must succeed."""
        done = subprocess.run([self.bench.program("bench_run"), *map(str, command)], env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=600, check=False)
        if done.returncode:
            raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        return json.loads(done.stdout)

    def settle(self, to, size, command):
        """The same machine for every program: what it reads is in memory, and where it writes a file, so much memory was just written and given back. A virtual
        machine returns memory that nobody has used for two seconds, and the first to write there again pays several times what the copy costs."""
        if self.bench.quick:
            return
        for word in map(str, command):
            if word.startswith(self.dir) and os.path.isfile(word):
                read_through(word)
        if to == "a file":
            write_through(self.path("before"), size + size // 16)

    def measure(self, what, op, to, size, command):
        self.settle(to, size, command)
        took = self.run(command)
        self.bench.add("b", what="file", who=what, op=op, to=to, bytes=size, gbps=size / took["seconds"] / 1e9, **took)
        if os.path.exists(self.path("out")):
            os.unlink(self.path("out"))

    def close(self):
        if shutil.which("gpgconf"):
            subprocess.run(["gpgconf", "--kill", "all"], env=self.environment, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.box.clean()
        shutil.rmtree(self.dir)


def pair(f, what, target, source, coffer, size):
    """coffer and age one after the other; to a file age once more with what coffer does by itself: the file on the disk before it is done."""
    to = "/dev/null" if target == "/dev/null" else "a file"
    sealing = what == "encrypt"
    plain, sealed, age_file = f.path(source), f.path(source + ".sealed"), f.path(source + ".age")
    turns = [("coffer", what, to, size, [coffer, what, "--quiet", *(["-k", "bench", "-i", plain] if sealing else ["-i", sealed]), "-o", target])]
    if shutil.which("age"):
        age = ["age", *(["-r", f.recipient] if sealing else ["-d", "-i", f.path("age.key")]), "-o", target, plain if sealing else age_file]
        turns.append(("age", what, to, size, age))
        if to == "a file":
            turns.append(("age, then sync", what, to, size, ["sh", "-c", f'"$@" && sync {target}', "sh", *age]))
    return turns


def rotated(turns, n):
    """Another one begins in each round: who writes a file first gets memory that nobody had, and who comes next that of the file before."""
    n %= len(turns)
    return turns[n:] + turns[:n]


def contestants(f, n):
    """(who, what, where to, bytes, command), in the order in which they take turns. What goes to a file, and gpg, has the small file."""
    coffer, out = os.path.join(f.bench.build, "bin", "coffer"), f.path("out")
    turns = [turn for what in ("encrypt", "decrypt") for turn in rotated(pair(f, what, "/dev/null", "plain", coffer, f.size), n)]
    enc = ["openssl", "enc", "-aes-256-ctr", "-K", "3" * 64, "-iv", "4" * 32, "-in", f.path("plain")]
    turns.append(("openssl enc -aes-256-ctr", "encrypt", "/dev/null", f.size, enc + ["-out", "/dev/null"]))
    if shutil.which("gpg"):
        turns.append(("gpg -c", "encrypt", "/dev/null", f.small, [*GPG, *GPG_SEAL, "-o", "/dev/null", f.path("small")]))
        turns.append(("gpg -c", "decrypt", "/dev/null", f.small, [*GPG, "-d", "-o", "/dev/null", f.path("small.gpg")]))
    turns += [turn for what in ("encrypt", "decrypt") for turn in rotated(pair(f, what, out, "small", coffer, f.small), n)]
    turns.append(("cp", "copy", "a file", f.small, ["cp", f.path("small"), out]))
    turns.append(("cp, then sync", "copy", "a file", f.small, ["sh", "-c", 'cp "$0" "$1" && sync "$1"', f.path("small"), out]))
    return turns


def prepare(f):
    """The sealed forms that are opened later; the small one is opened and compared."""
    coffer = os.path.join(f.bench.build, "bin", "coffer")
    for source in ("plain", "small"):
        f.run([coffer, "encrypt", "--quiet", "-k", "bench", "-i", f.path(source), "-o", f.path(source + ".sealed")])
    f.run([coffer, "decrypt", "--quiet", "-i", f.path("small.sealed"), "-o", f.path("out")])
    f.run(["cmp", f.path("small"), f.path("out")])
    os.unlink(f.path("out"))
    if shutil.which("age"):
        f.run(["age-keygen", "-o", f.path("age.key")])
        f.recipient = said("age-keygen", "-y", f.path("age.key"))
        for source in ("plain", "small"):
            f.run(["age", "-r", f.recipient, "-o", f.path(source + ".age"), f.path(source)])
    if shutil.which("gpg"):
        os.mkdir(f.path("gnupg"), 0o700)
        f.run([*GPG, *GPG_SEAL, "-o", f.path("small.gpg"), f.path("small")])
    if not f.bench.quick:
        f.run(["sync", f.dir])


def missing(bench):
    for program in ("age", "openssl", "gpg"):
        if not shutil.which(program):
            warn(f"bench: {program} is missing (tests/bench/run --install)")
            bench.add("b", what="file", who=program, missing=True)


def file_size(bench):
    """Four copies of the file are there at once."""
    if bench.quick:
        return 32 * 2**20
    size = bench.file_mib * 2**20 if bench.file_mib else FILE
    while size > 64 * 2**20 and shutil.disk_usage(bench.work).free < 6 * size:
        size //= 2
    return size


def files(bench):
    f = Files(bench, file_size(bench))
    try:
        missing(bench)
        prepare(f)
        for n in range(1 if bench.quick else 3):
            for turn in contestants(f, n):
                f.measure(*turn)
    finally:
        f.close()


def measure(bench):
    streams(bench)
    files(bench)


# ---- what comes of it ----

def stream_summary(records):
    rows = []
    raws = group([r for r in records if r["what"] == "raw"], "engine", "op", "memory")
    for (engine, op, threads), found in group([r for r in records if r["what"] == "stream"], "engine", "op", "threads").items():
        base = "open" if op == "open" else "seal"
        raw, hot = (figure(raws[(engine, base, memory)], "per_core") for memory in ("ring", "hot"))
        per_core = figure(found, "per_core")
        moved = figure(raws[(engine, base, "moved")], "per_core") if (engine, base, "moved") in raws else None
        rows.append({"engine": engine, "op": op, "threads": threads, "gbps": figure(found, "gbps"), "per_core": per_core, "raw": raw, "raw_hot": hot,
                     "moved": moved, "ratio_moved": per_core["median"] / moved["median"] if moved else None,
                     "ratio": per_core["median"] / raw["median"], "ratio_hot": per_core["median"] / hot["median"],
                     "wanted": WANTED[base] if engine == "openssl" else None,
                     "ring": all(r["ring"] for r in found)})
    return rows


def beside_openssl(rows):
    """ipsec-mb's figure as a multiple of OpenSSL's, by operation and connections."""
    base = {(r["op"], r["threads"]): r["per_core"]["median"] for r in rows if r["engine"] == "openssl"}
    return {(r["op"], r["threads"]): r["per_core"]["median"] / base[(r["op"], r["threads"])] for r in rows
            if r["engine"] == "ipsec-mb" and (r["op"], r["threads"]) in base}


def file_summary(records):
    rows = []
    for (who, op, to), found in group([r for r in records if r["what"] == "file"], "who", "op", "to").items():
        rows.append({"who": who, "op": op, "to": to, "missing": any(r.get("missing") for r in found), "gbps": figure(found, "gbps"),
                     "rss_mib": figure(found, "rss_mib"), "cpu_s": figure(found, "cpu_s"), "bytes": found[0].get("bytes")})
    return rows


def beside_age(rows):
    """coffer's speed as a multiple of age's: by operation, where to, and whether age's file was synced too."""
    speed = {(r["who"], r["op"], r["to"]): r["gbps"]["median"] for r in rows if r["gbps"]}
    return {(op, to, who): speed[("coffer", op, to)] / speed[(who, op, to)] for who, op, to in speed if who.startswith("age") and ("coffer", op, to) in speed}


def verdict(ratio, want):
    return "" if want is None else f"wanted {want}: {'pass' if ratio >= want else 'miss'}"


def report(bench):
    records = bench.of("b")
    rows = stream_summary(records)
    bench.say("(b) streams memory to memory, GB/s for a busy worker core, beside AES-256-GCM alone (1 MiB, in place, as much memory as a ring; one hot buffer)")
    for r in rows:
        p = r["per_core"]
        bench.say(f"  {r['engine']:9} {r['op']:13} {r['threads']} connections  {number(p):22}  in all {r['gbps']['median']:6.2f}  "
                  f"raw {r['raw']['median']:.2f}, hot {r['raw_hot']['median']:.2f}  ratio {r['ratio']:.2f}, to hot {r['ratio_hot']:.2f}  "
                  f"{verdict(r['ratio'], r['wanted'])}{'' if r['ring'] else '  WITHOUT A RING'}")
        if r["moved"]:
            bench.say(f"  {'':37} read once, opened, copied back, with nothing around it: {r['moved']['median']:.2f} GB/s, "
                      f"{r['moved']['median'] / r['raw']['median']:.2f} of raw; ratio to it {r['ratio_moved']:.2f}")
    for (op, threads), times in beside_openssl(rows).items():
        bench.say(f"  ipsec-mb / openssl, {op}, {threads} connections: {times:.2f}  wanted {IPSEC_RATIO}: {'pass' if times >= IPSEC_RATIO else 'miss'}")
    for r in records:
        if r["what"] == "missing":
            bench.say(f"  {r['engine']}: {NOT_HERE}")
    rows = file_summary(records)
    bench.say("  a file, its pages in memory when it can: GB/s, resident memory at most")
    for r in rows:
        if r["missing"]:
            bench.say(f"  {r['who']:26} {NOT_HERE}")
            continue
        bench.say(f"  {r['who']:26} {r['op']:8} {r['bytes'] / 2**20:6.0f} MiB to {r['to']:10} {number(r['gbps']):22}  "
                  f"{r['rss_mib']['max']:6.1f} MiB  {r['cpu_s']['median']:6.2f} s of processor")
    for (op, to, who), times in beside_age(rows).items():
        bench.say(f"  coffer / {who}, {op} to {to}: {times:.2f}  {verdict(times, AGE_RATIO)}")
    rss = max(r["rss_mib"]["max"] for r in rows if r["who"] == "coffer")
    bench.say(f"  coffer's memory at most {rss:.1f} MiB, wanted under {RSS_MIB}: {'pass' if rss < RSS_MIB else 'miss'}")


def markdown(records):
    rows, files_found = stream_summary(records), file_summary(records)
    out = ["Streams, segments of 1 MiB; GB/s for a busy worker core (bytes by processor time of cofferd's workers), beside AES-256-GCM alone of the same "
           "engine:", ""]
    out += table(("engine", "operation", "connections", "a worker core", "in all", "raw, memory of a ring", "raw, one hot buffer", "ratio", "wanted",
                  "read once and copied back, alone", "ratio to that"),
                 [(r["engine"], r["op"], r["threads"], number(r["per_core"]), number(r["gbps"]), number(r["raw"]), number(r["raw_hot"]),
                   f"**{r['ratio']:.2f}**", ratio_word(r["ratio"], r["wanted"]), number(r["moved"]) if r["moved"] else "",
                   f"{r['ratio_moved']:.2f}" if r["moved"] else "") for r in rows]) + [""]
    times = beside_openssl(rows)
    if times:
        out += [f"ipsec-mb's figures as multiples of OpenSSL's (wanted {IPSEC_RATIO}), by connections: "
                + ", ".join(f"{op} with {n} {t:.2f}" for (op, n), t in times.items()) + ".", ""]
    out += [f"{r['engine']}: {NOT_HERE}." for r in records if r["what"] == "missing"]
    size = max((r["bytes"] for r in files_found if r["bytes"]), default=0)
    out += [f"A file of {size / GIB:.3g} GiB; for gpg, and where the output is a file, of a quarter of that:", ""]
    out += table(("program", "", "to", "GB/s", "resident memory, most", "processor time of the program"),
                 [(r["who"], r["op"] or "", r["to"] or "", NOT_HERE, "", "") if r["missing"] else
                  (r["who"], r["op"], r["to"], number(r["gbps"]), f"{r['rss_mib']['max']:.1f} MiB", f"{r['cpu_s']['median']:.2f} s")
                  for r in files_found]) + [""]
    speed = beside_age(files_found)
    if speed:
        out.append(f"coffer's speed as a multiple of age's (wanted {AGE_RATIO}): "
                   + ", ".join(f"{op} to {to}{' (age, then sync)' if 'sync' in who else ''} **{t:.2f}**" for (op, to, who), t in speed.items()) + ".")
    return out


def draw(records):
    rows, found = stream_summary(records), [r for r in file_summary(records) if not r["missing"]]
    most = max((r["threads"] for r in rows), default=0)
    groups = [(f"{r['engine']}\n{r['op']}", [r["per_core"], r["raw"], r["raw_hot"]]) for r in rows if r["threads"] == most]
    names = [(f"{r['who'].split()[0]} {' '.join(r['who'].split()[1:2])}\n{r['op']}\n{r['to']}", [r["gbps"]]) for r in found]
    return {"streams.svg": plots.bars(f"Streams of 1 MiB segments, {most} connections", "GB/s of one busy core", groups,
                                      ("cofferd's worker", "raw, memory of a ring", "raw, hot buffer")),
            "file.svg": plots.bars("A large file", "GB/s", names, ("speed",))}
