"""Where is searched: each function looks at one place and returns what the scanner saw there."""
import ctypes
import os
import struct
import subprocess

from markers import is_control
from node import alive, comm, wait_for

PAGEOUT = 21
SYS_PIDFD_OPEN, SYS_PROCESS_MADVISE = 434, 440
REGIONS_AT_ONCE = 512


class Seen:
    """What one search saw: hits that must not be, allowed ones, controls, bytes."""

    def __init__(self):
        self.bytes = self.unreadable = self.regions = 0
        self.hits, self.allowed, self.controls = {}, {}, {}
        self.places, self.faults, self.note = [], [], ""

    def __iadd__(self, other):
        self.bytes += other.bytes
        self.unreadable += other.unreadable
        self.regions += other.regions
        for mine, others in ((self.hits, other.hits), (self.allowed, other.allowed), (self.controls, other.controls)):
            for name, count in others.items():
                mine[name] = mine.get(name, 0) + count
        self.places += other.places
        self.faults += other.faults
        return self

    def count(self):
        return sum(self.hits.values())

    def needs(self, what, *names):
        """A control that has to be among what was found."""
        for name in names:
            if not any(x.startswith(name) for x in self.controls):
                self.faults.append(f"blind: {what} does not show the control {name}")
        return self


def blind(sentence):
    seen = Seen()
    seen.faults.append("blind: " + sentence)
    return seen


class Scanner:
    def __init__(self, build, markers):
        self.program, self.markers = build + "/tests/leakscan", markers
        self.registers = build + "/tests/leak_registers"

    def scan(self, *sources, data=None, label="", allowed=()):
        """sources: "--pid", "12", "--file", "/x" …; data: bytes for --stdin under the name label. `allowed`: names of markers that may be here."""
        words = list(sources) + (["--stdin", label] if data is not None else [])
        seen = Seen()
        for i in range(0, len(words), 400):
            done = subprocess.run([self.program, "--markers", self.markers.path, *words[i:i + 400]], input=data, capture_output=True, timeout=300)
            self.read(done, seen, label, allowed)
        return seen

    def read(self, done, seen, label, allowed):
        errors = done.stderr.decode(errors="replace").strip()
        if done.returncode > 1:
            seen.faults.append(f"{label}: {errors or 'the scanner failed'}")
        for line in done.stdout.decode(errors="replace").splitlines():
            part = line.split("\t")
            if part[0] == "S":
                seen.bytes += int(part[2])
                seen.unreadable += int(part[3])
                seen.regions += int(part[4])
            elif part[0] == "C" and is_control(part[2]):
                seen.controls[part[2]] = seen.controls.get(part[2], 0) + int(part[4])
            elif part[0] == "C" and part[2] in allowed:
                seen.allowed[part[2]] = seen.allowed.get(part[2], 0) + int(part[4])
            elif part[0] == "C":
                key = f"{label or part[1]}: {part[2]}, {part[3]}"
                seen.hits[key] = seen.hits.get(key, 0) + int(part[4])
            elif part[0] == "H" and part[3] not in allowed and not is_control(part[3]):
                seen.places.append(f"{label or part[1]}: {part[3]}, {part[4]}, {part[5]} bytes at {part[2]} {' '.join(part[6].split())}")


# -- memory

def memory(scanner, pids, control, allowed=()):
    """Every readable byte of every process; the beacon (its own path) shows for each that the search sees it."""
    seen = scanner.scan("--pid", str(control), label="control process").needs("memory of the control process", "control-key")
    for name, pid in pids.items():
        seen += scanner.scan("--pid-private", str(pid), label=f"memory of {name}", allowed=allowed).needs(f"memory of {name}", "beacon")
        # What a client seals and opens lies in memory that is its own as well (docs/security.md, "What a ring exposes").
        seen += scanner.scan("--pid-rings", str(pid), label=f"rings of {name}", allowed=(*allowed, "plaintext"))
    return seen


def environment(scanner, pids, control):
    seen = Seen()
    for name, pid in list(pids.items()) + [("control process", control)]:
        for what in ("cmdline", "environ"):
            seen += scanner.scan("--file", f"/proc/{pid}/{what}", label=f"{what} of {name}")
    return seen.needs("argv and environ", "control-key")


def registers(scanner, pids, control):
    """Of every thread: what a core's notes hold."""
    seen = Seen()
    for name, pid in list(pids.items()) + [("control process", control)]:
        done = subprocess.run([scanner.registers, str(pid)], capture_output=True, timeout=30)
        if done.returncode != 0:
            seen.faults.append(f"blind: registers of {name}: {done.stderr.decode()}")
        seen += scanner.scan(data=done.stdout, label=f"registers of {name}")
    return seen.needs("registers", "control-key")


def clear_notes(path):
    """Takes the notes, where registers are, out of a core of threads at work."""
    with open(path, "r+b") as f:
        head = f.read(64)
        at, size, count = struct.unpack_from("<Q", head, 32)[0], *struct.unpack_from("<HH", head, 54)
        for i in range(count):
            f.seek(at + i * size)
            row = f.read(size)
            offset, length = struct.unpack_from("<Q", row, 8)[0], struct.unpack_from("<Q", row, 32)[0]
            if struct.unpack_from("<I", row)[0] == 4:  # PT_NOTE
                f.seek(offset)
                f.write(bytes(length))


def core(scanner, pids, control, work, at_work):
    """Cores that gdb takes of every page that it can read, also of those that asked to be left out. Registers of threads at work are left out."""
    seen = Seen()
    for name, pid in list(pids.items()) + [("control process", control)]:
        path = f"{work}/core-{pid}"
        done = subprocess.run(["gdb", "-nx", "-batch", "-p", str(pid), "-ex", "set use-coredump-filter off", "-ex", "set dump-excluded-mappings on",
                               "-ex", "gcore " + path], capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
        if not os.path.exists(path):
            seen.faults.append(f"core of {name}: gdb made none: {done.stderr.decode(errors='replace')[-300:]}")
            continue
        if at_work:
            clear_notes(path)
        # A ring under way is in such a core too, with what is its client's; all other memory was searched for plaintext by memory().
        one = scanner.scan("--file", path, label=f"core of {name}", allowed=("plaintext",) if at_work and name == "cofferd" else ())
        seen += one.needs(f"core of {name}", "control-key" if pid == control else "beacon")
        os.unlink(path)
    return seen


# -- swap

class Swap:
    """A swap area of our own on a loop device, for all nodes of a run."""

    def __init__(self, folder, mib=96):
        self.file, self.device, self.why = f"{folder}/coffer-leak-swap-{os.getpid()}", None, ""
        try:
            self.make(mib)
        except (OSError, subprocess.SubprocessError) as e:
            self.why = str(getattr(e, "stderr", b"") or e)
            self.close()

    def make(self, mib):
        with open(self.file, "wb") as f:
            for _ in range(mib):
                f.write(bytes(1 << 20))
        os.chmod(self.file, 0o600)
        run = {"check": True, "capture_output": True, "timeout": 60}
        self.device = subprocess.run(["losetup", "-f", "--show", self.file], **run).stdout.decode().strip()
        subprocess.run(["mkswap", self.device], **run)
        subprocess.run(["swapon", self.device], **run)

    def close(self):
        if self.device:
            subprocess.run(["swapoff", self.device], capture_output=True, timeout=60)
            subprocess.run(["losetup", "-d", self.device], capture_output=True, timeout=60)
            self.device = None
        if os.path.exists(self.file):
            os.unlink(self.file)


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_size_t), ("len", ctypes.c_size_t)]


def page_out(pid):
    """Asks the kernel to swap out every page of the process that it may swap."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(SYS_PIDFD_OPEN, pid, 0)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "pidfd_open")
    with open(f"/proc/{pid}/maps", encoding="utf-8") as f:
        regions = [tuple(int(x, 16) for x in line.split()[0].split("-")) for line in f if "[v" not in line]
    for begin, end in regions:  # one by one: a region that refuses ends a call
        vector = Iovec(begin, end - begin)
        libc.syscall(SYS_PROCESS_MADVISE, fd, ctypes.byref(vector), ctypes.c_size_t(1), PAGEOUT, 0)
    os.close(fd)


def swapped(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return int(next((line.split()[1] for line in f if line.startswith("VmSwap:")), 0))


def swap(scanner, pids, control, area):
    seen = Seen()
    everybody = list(pids.items()) + [("control process", control)]
    kib = {}
    for name, pid in everybody:
        page_out(pid)
        kib[name] = swapped(pid)
        if kib[name] == 0:
            seen.faults.append(f"blind: nothing of {name} went to swap")
    os.sync()
    seen += scanner.scan("--dev", area.device, label="swap").needs("swap", "control-key", "beacon")
    seen.note = ", ".join(f"{name} {n} KiB" for name, n in kib.items())
    return seen


# -- files

def tree(folder, skip=()):
    for parent, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if os.path.join(parent, f) not in skip]
        for name in names:
            path = os.path.join(parent, name)
            if path not in skip and os.path.isfile(path) and not os.path.islink(path):
                yield path


def files(scanner, paths, what, *controls):
    words = [x for path in paths for x in ("--file", path)]
    return scanner.scan(*words).needs(what, *controls)


def open_deleted(scanner, pids, control):
    """Files that are deleted and still open: every descriptor of a regular file that has no name any more."""
    seen = Seen()
    for name, pid in list(pids.items()) + [("control process", control)]:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            path = f"/proc/{pid}/fd/{fd}"
            try:
                if os.readlink(path).endswith(" (deleted)") and os.path.isfile(path):
                    found = scanner.scan("--file", path, label=f"deleted file of {name}")
                    if not found.faults or os.path.lexists(path):  # else it was closed meanwhile: a ring's descriptor lives for a moment
                        seen += found
            except OSError:
                continue
    return seen.needs("deleted files", "control-key")


# -- the command line

def wait_at_exit(pid):
    """Until the process is at its last system call, held there by strace."""
    def there():
        try:
            with open(f"/proc/{pid}/syscall", encoding="ascii") as f:
                return f.read().split()[0] == "231"
        except OSError:
            return False
    wait_for("a command at its exit", 60, there)


def hold_at_exit(command):
    return ["strace", "-qq", "-o", "/dev/null", "-e", "trace=exit_group", "-e", "inject=exit_group:delay_enter=60000000", *command]


def tracee(tracer, name="coffer"):
    """The traced program itself: a wrapper's shell, and what it runs before strace takes its place, bear the same name."""
    def runs(pid):
        return alive(pid) and comm(pid) == name and os.path.basename(os.readlink(f"/proc/{pid}/exe")) == name

    def find():
        with open(f"/proc/{tracer}/task/{tracer}/children", encoding="ascii") as f:
            pids = [int(x) for x in f.read().split()]
        try:
            return next((p for p in pids if runs(p)), None)
        except (FileNotFoundError, ProcessLookupError):
            return None  # one that ended just now
    return wait_for("the traced command", 10, find)


def command_at_exit(scanner, node, words, data, allowed=()):
    """Runs a command, and searches its memory when it has done all its work."""
    p = subprocess.Popen(hold_at_exit([node.build + "/bin/coffer", *words]), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=node.env)
    pid = tracee(p.pid)
    p.stdin.write(data)
    p.stdin.close()
    wait_at_exit(pid)
    seen = scanner.scan("--pid", str(pid), label=f"memory of coffer {words[0]} at its end", allowed=allowed)
    p.kill()
    p.wait(timeout=10)
    return seen.needs(f"memory of coffer {words[0]}", "beacon")


def command_at_work(scanner, node, words, data, allowed):
    """Runs a command whose input does not end, and searches its memory while it waits for more of it."""
    p = subprocess.Popen([node.build + "/bin/coffer", *words], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=node.env)
    p.stdin.write(data)
    p.stdin.flush()
    wait_for("a command waits for its input", 20, lambda: waits_for_input(p.pid))
    seen = scanner.scan("--pid", str(p.pid), label=f"memory of coffer {words[0]} at work", allowed=allowed)
    p.kill()
    p.wait(timeout=10)
    return seen.needs(f"memory of coffer {words[0]}", "beacon")


def waits_for_input(pid):
    with open(f"/proc/{pid}/syscall", encoding="ascii") as f:
        return f.read().split()[:2] == ["0", "0x0"]  # read(0


def tree_top(folder):
    return [os.path.join(folder, name) for name in os.listdir(folder)]
