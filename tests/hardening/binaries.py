#!/usr/bin/env python3
"""What the installed programs and the library are built with, read from the files themselves: binaries.py SOURCE BUILD CC. --table prints a
table for docs/security.md. A program built without the flags must fail every check that it can fail."""
import json
import os
import re
import subprocess
import sys
import tempfile

CLEARS = "-fzero-call-used-regs=used-gpr"
SWITCHES = ["-O2", "-fstack-protector-strong", "-fstack-clash-protection", "-fcf-protection=full", "-ftrivial-auto-var-init=zero",
            CLEARS, "-fno-delete-null-pointer-checks", "-fno-strict-overflow", "-fno-strict-aliasing", "-fno-common"]
if os.uname().machine != "x86_64":
    SWITCHES.remove("-fcf-protection=full")
PROGRAMS = {"cofferd", "coffer", "coffer-monitor", "coffer-tokend-tpm2", "coffer-tokend-pkcs11", "coffer-stored"}
FORBIDDEN = ["SSLKEYLOGFILE", "LD_PRELOAD"]


def out(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, errors="replace").stdout


class Elf:
    def __init__(self, path, roots):
        self.path, self.roots = path, roots
        self.segments = out("readelf", "-lW", path)
        self.dynamic = out("readelf", "-dW", path)
        self.symbols = out("readelf", "--dyn-syms", "-W", path)
        self.producers = re.findall(r"DW_AT_producer\s*:.*?: (GNU .*)", out("readelf", "--debug-dump=info", path))
        with open(path, "rb") as f:
            self.bytes = f.read()

    def loads(self):
        return re.findall(r"^\s+LOAD\s+(0x\S+) \S+ \S+ \S+ \S+ (R?\s?W?\s?E?)\s", self.segments, re.M)

    def checks(self):
        library = ".so" in os.path.basename(self.path)
        yield "PIE", library or ("DYN" in out("readelf", "-hW", self.path) and re.search(r"FLAGS_1.*\bPIE\b", self.dynamic))
        yield "full RELRO", "GNU_RELRO" in self.segments and re.search(r"BIND_NOW|FLAGS_1.*\bNOW\b", self.dynamic)
        yield "stack not executable", re.search(r"GNU_STACK\s.*\bRW\s", self.segments)
        yield "no RPATH", not re.search(r"\(R(UN)?PATH\)", self.dynamic)
        yield "no TEXTREL", "TEXTREL" not in self.dynamic
        yield "no segment W and X", self.loads() and not any("W" in flags and "E" in flags for _, flags in self.loads())
        yield "code apart", all(int(at, 16) != 0 for at, flags in self.loads() if "E" in flags)
        yield "build id", "Build ID" in out("readelf", "-nW", self.path)
        yield "stack protector", "__stack_chk_fail" in self.symbols
        yield "fortified calls", re.search(r"__\w+_chk\b", self.symbols.replace("__stack_chk_fail", ""))
        for switch in SWITCHES:
            yield switch, self.producers and all(switch in p.split() for p in self.producers if p.startswith("GNU C"))
        # Where code is made at the link, this switch alone does not come along with the functions.
        yield "registers cleared at the link", self.producers and all(CLEARS in p.split() for p in self.producers)
        yield "no built-in paths", not any(root.encode() in self.bytes for root in self.roots)
        yield "no strings " + ", ".join(FORBIDDEN), not any(word.encode() in self.bytes for word in FORBIDDEN)
        if os.uname().machine == "x86_64":
            yield "endbr64", self.begins_with_endbr()

    def begins_with_endbr(self):
        """Every function that may be called through a pointer; looked at: every function of our own that is exported, else the program's start."""
        code = out("objdump", "-d", "--no-show-raw-insn", self.path)
        functions = re.findall(r"^[0-9a-f]+ <(\w+)>:\n\s+[0-9a-f]+:\s+(\S+)", code, re.M)
        exported = {name for kind, name in re.findall(r"FUNC\s+GLOBAL\s+(\w+)\s+\d+\s+(\w+)", self.symbols)}
        looked_at = [(n, i) for n, i in functions if n in exported or n == "main"]
        return bool(looked_at) and all(i == "endbr64" for _, i in looked_at)


def installed(build, into):
    out("cmake", "--install", build, "--prefix", into)
    found = []
    for folder, _, names in os.walk(into):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                if not os.path.islink(path) and f.read(4) == b"\x7fELF":
                    found.append(path)
    return sorted(found)


def fortified(source, build):
    """The macro stands in no file; the compile commands have it."""
    with open(os.path.join(build, "compile_commands.json")) as f:
        rows = json.load(f)
    ours = [r for r in rows if os.path.relpath(r["file"], source).split(os.sep)[0] in ("src", "hsm", "tpm")]
    return len(ours) > 100 and all("-D_FORTIFY_SOURCE=3" in r["command"] and "-U_FORTIFY_SOURCE" in r["command"] for r in ours)


def wipes(source, build):
    """Calls of wipe in a source file that are not in its object: [(file, in the source, in the object)]. None may be optimised away."""
    missing = []
    for folder in ("src", "hsm", "tpm"):
        for at, _, names in os.walk(os.path.join(source, folder)):
            for name in names:
                path = os.path.join(at, name)
                if not name.endswith(".c") or name == "ct.c":
                    continue
                with open(path, encoding="utf-8") as f:
                    wanted = len(re.findall(r"(?<![\w.>])wipe\(", re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)))
                if wanted:
                    missing += [row for row in [(path, wanted, calls_in(build, os.path.relpath(path, source)))] if row[2] < row[1]]
    ct = objects(build, "src/base/ct.c")
    if not ct or "explicit_bzero" not in out("objdump", "-dr", ct[0]):
        missing.append(("src/base/ct.c", 1, 0))
    return missing


def objects(build, relative):
    folder, name = os.path.split(relative)
    at = os.path.join(build, folder, "CMakeFiles")
    return [os.path.join(at, d, name + ".o") for d in os.listdir(at) if os.path.exists(os.path.join(at, d, name + ".o"))]


def calls_in(build, relative):
    found = [len(re.findall(r"R_\w+\s+(?:wipe|explicit_bzero)\b", out("objdump", "-dr", o))) for o in objects(build, relative)]
    return min(found, default=0)


def control(cc, into):
    """Names of the checks that a careless program fails."""
    path, source = os.path.join(into, "control"), os.path.join(into, "control.c")
    with open(source, "w") as f:
        f.write('#include <stdio.h>\n#include <string.h>\nint main(int c, char **v){char b[9];strcpy(b,v[c-1]);puts(b);return puts("SSLKEYLOGFILE");}\n')
    out(cc, "-g", "-O1", "-no-pie", "-fno-stack-protector", "-fcf-protection=none", "-U_FORTIFY_SOURCE", "-Wl,-z,norelro,-z,lazy,-z,execstack",
        "-Wl,-z,noseparate-code", "-Wl,--build-id=none", "-Wl,-rpath,/somewhere", "-w", "-o", path, source)
    return {name for name, good in Elf(path, [into]).checks() if not good}


def main():
    source, build, cc = sys.argv[1:4]
    bad = 0
    table = {}
    with tempfile.TemporaryDirectory() as into:
        files = installed(build, os.path.join(into, "tree"))
        names = {os.path.basename(f) for f in files}
        if not PROGRAMS <= names or not any(n.startswith("libcoffer.so") for n in names):
            print("BAD  not everything is installed:", " ".join(sorted(names)))
            bad += 1
        for path in files:
            for name, good in Elf(path, {source, build, os.path.realpath(source), os.path.realpath(build)}).checks():
                table.setdefault(name, []).append(bool(good))
                if not good:
                    bad += 1
                    print(f"BAD  {os.path.basename(path)}: {name}")
        # What a careless program cannot fail: nothing relocates its text, and no segment of it is W and X.
        missed = set(table) - control(cc, into) - {"no TEXTREL", "no segment W and X"}
        if missed:
            bad += 1
            print("BAD  a program without the flags passes:", ", ".join(sorted(missed)))
    if not fortified(source, build):
        bad += 1
        print("BAD  not every file is compiled with -D_FORTIFY_SOURCE=3")
    for path, wanted, found in wipes(source, build):
        bad += 1
        print(f"BAD  {path}: {wanted} calls of wipe, {found} in the object")
    if "--table" in sys.argv:
        print("| | " + " | ".join(os.path.basename(f) for f in files) + " |")
        for name, row in table.items():
            print(f"| {name} | " + " | ".join("yes" if good else "NO" for good in row) + " |")
    print(f"{len(files)} files, {len(table)} checks each, {bad} bad")
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
