"""What the parts of the benchmark share: the sandbox, processes, figures and what is made of them."""
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NOT_HERE = "not here"
PACKAGES = ("age", "gpg", "libipsec-mb1", "libsofthsm2", "libtpm2-pkcs11-1", "python3-pykmip", "swtpm", "libsqlite3-0")  # whose versions are told


def median(values):
    return statistics.median(values)


def spread(values):
    return (min(values), max(values))


def group(records, *keys):
    """Records with the same values of keys, in the order of their first."""
    found = {}
    for record in records:
        found.setdefault(tuple(record.get(k) for k in keys), []).append(record)
    return found


def figure(records, field):
    """Median, least and most of a field, or None where no record has it."""
    values = [r[field] for r in records if field in r]
    return {"median": median(values), "min": min(values), "max": max(values), "runs": len(values)} if values else None


# ---- words for people ----

def bytes_name(size):
    return f"{size // 1024} KiB" if size >= 1024 else f"{size} B"


def number(f, digits=2):
    return f"{f['median']:.{digits}f} ({f['min']:.{digits}f} to {f['max']:.{digits}f})"


def thousands(f):
    return f"{f['median'] / 1e3:.1f} ({f['min'] / 1e3:.1f} to {f['max'] / 1e3:.1f})"


def ratio_word(ratio, want):
    return "" if want is None else f"{want:g}: {'reached' if ratio >= want else 'missed'}"


def table(head, rows):
    """Lines of a Markdown table."""
    return ["| " + " | ".join(map(str, row)) + " |" for row in (head, ["---"] * len(head), *rows)]


class Bench:
    """One run: its folders, its sandboxes, its records."""

    def __init__(self, build, work, quick, file_mib=None):
        self.build, self.quick, self.file_mib = build, quick, file_mib
        self.work = tempfile.mkdtemp(prefix="coffer-bench-", dir=work)
        os.chmod(self.work, 0o755)
        self.records, self.sandboxes, self.processes, self.troubles = [], [], [], []
        self.begun = time.monotonic()

    # ---- records ----

    def add(self, part, **fields):
        self.records.append({"part": part, **fields})

    def of(self, part):
        return [r for r in self.records if r["part"] == part]

    def say(self, line=""):
        print(line, flush=True)

    # ---- processes ----

    def program(self, name):
        """A program of the build: one of the benchmark's, or an installed one."""
        for folder in ("tests", "bin"):
            path = os.path.join(self.build, folder, name)
            if os.access(path, os.X_OK):
                return path
        raise RuntimeError(f"there is no {name} in {self.build}: build it first (cmake --build {self.build})")

    def run(self, command, timeout=600, **more):
        return subprocess.run([str(word) for word in command], check=True, timeout=timeout, **more)

    def output(self, command, timeout=600, **more):
        return self.run(command, timeout, stdout=subprocess.PIPE, text=True, **more).stdout

    def lines(self, command, part=None, timeout=600, fields=None, **more):
        """Runs a program that prints records; they are kept, with these fields more."""
        found = [json.loads(line) for line in self.output(command, timeout, **more).splitlines() if line.startswith("{")]
        for record in found:
            self.records.append({**record, **({"part": part} if part else {}), **(fields or {})})
        return found

    def server(self, command, ready="ready"):
        """A process that says that it is ready on its first line and ends when its input does."""
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        line = process.stdout.readline().strip()
        if line != ready:
            raise RuntimeError(f"{command[0]} did not start: '{line}'")
        return process

    def end(self, process):
        if process in self.processes:
            self.processes.remove(process)
        if process.poll() is None:
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # ---- sandboxes ----

    def sandbox(self, name, *settings, token="softhsm", build=None):
        """A daemon of its own, of this build or another; ends with the run, or with sandbox.clean()."""
        box = Sandbox(self, name, settings, token, build or self.build)
        self.sandboxes.append(box)
        return box

    def close(self):
        for process in list(self.processes):
            self.end(process)
        for box in list(self.sandboxes):
            box.clean()
        shutil.rmtree(self.work, ignore_errors=True)


class Sandbox:
    def __init__(self, bench, name, settings, token, build):
        self.bench, self.dir = bench, os.path.join(bench.work, name)
        self.home = os.path.join(self.dir, "node-1")
        self.socket = os.path.join(self.home, "coffer.sock")
        self.script = os.path.join(TOP, "scripts", "sandbox")
        self.environment = {**os.environ, "COFFER_BUILD": build, "COFFER_SOCKET": self.socket}
        self.start(token, settings)

    def start(self, token="softhsm", settings=()):
        sets = [word for s in settings for word in ("--set", s)]
        self.bench.run([self.script, "start", "--dir", self.dir, "--token", token, "--quiet", *sets], 180, env=self.environment)

    def stop(self):
        self.bench.run([self.script, "stop", "--dir", self.dir], 180, env=self.environment)

    def clean(self):
        """Stops and removes it. What a sanitizer said of the daemon is kept."""
        if self in self.bench.sandboxes:
            self.bench.sandboxes.remove(self)
        subprocess.run([self.script, "stop", "--dir", self.dir], env=self.environment, timeout=180, check=False)
        try:
            with open(os.path.join(self.home, "cofferd.log"), encoding="utf-8", errors="replace") as f:
                log = f.read()
        except OSError:
            log = ""
        found = re.search(r"(WARNING: ThreadSanitizer|ERROR: (Address|Leak)Sanitizer|runtime error:)", log)
        if found:
            self.bench.troubles.append(log[found.start():found.start() + 4000])
        subprocess.run([self.script, "clean", "--dir", self.dir], env=self.environment, timeout=180, check=False)

    def pid(self):
        with open(os.path.join(self.home, "cofferd.pid"), encoding="ascii") as f:
            return int(f.read())

    def coffer(self, *words):
        return self.bench.output([os.path.join(self.bench.build, "bin", "coffer"), *words], env=self.environment)

    def key(self, name):
        """A new AES-256 key; its UUID."""
        self.coffer("key", "create", name, "--quiet")
        return json.loads(self.coffer("key", "show", name, "--json"))["uuid"]

    def status(self):
        return json.loads(self.coffer("status", "--json"))


def first_match(pattern, path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            found = re.search(pattern, f.read(), re.M)
    except OSError:
        return ""
    return found.group(1).strip() if found else ""


def said(*command):
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20, check=False).stdout.strip()
    except OSError:
        return ""


def machine(build):
    flags = first_match(r"^flags\s*:(.*)$", "/proc/cpuinfo").split()
    return {
        "cpu": first_match(r"^model name\s*:(.*)$", "/proc/cpuinfo") or platform.machine(),
        "cores": os.cpu_count(),
        "instructions": [f for f in ("aes", "vaes", "vpclmulqdq", "avx512f") if f in flags],
        "memory_gib": round(int(first_match(r"^MemTotal:\s*(\d+)", "/proc/meminfo") or 0) / 2**20, 1),
        "system": first_match(r'^PRETTY_NAME="(.*)"$', "/etc/os-release"),
        "kernel": platform.release(),
        "openssl": said("openssl", "version").split(" (")[0],
        "commit": said("git", "-C", TOP, "describe", "--always", "--dirty"),
        "build": first_match(r"^CMAKE_BUILD_TYPE:\w+=(.*)$", os.path.join(build, "CMakeCache.txt")),
        "sanitizer": first_match(r"^COFFER_SANITIZE:\w+=(.*)$", os.path.join(build, "CMakeCache.txt")),
        "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()) + " UTC",
        "load_before": os.getloadavg()[0],
        "packages": versions(PACKAGES) if shutil.which("dpkg-query") else {},
    }


def versions(names):
    """Versions of those of these Debian packages that are installed."""
    found = {}
    for name in names:
        done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        if done.returncode == 0 and done.stdout:
            found[name] = done.stdout
    return found


def warn(text):
    print(text, file=sys.stderr, flush=True)
