#!/usr/bin/env python3
"""F101: in a copy of cofferd one digit of one known answer is changed, each of them once; the daemon must refuse to start, with the name of the
test and exit status 1, before it opens a store or a socket. selftest.py SOURCE BUILD."""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

source, build = sys.argv[1:3]
with open(os.path.join(source, "src/crypto/selftest.c"), encoding="utf-8") as f:
    code = f.read()
body = code[code.index("static enum coffer_err test_sha256"):code.index("enum coffer_err crypto_selftest(")]
joined = re.sub(r'"\s*\n\s*"', "", body)
answers = [a for a in re.findall(r'"([0-9a-f]{4,})"', joined)]
names = re.findall(r'\{ "([^"]+)", test_\w+ \}', code)
passed = failed = 0


def judge(what, good, why=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(("ok   " if good else "BAD  ") + what + ("" if good else ": " + why))


def start(program, config, limit=20):
    """As the monitor does it: a control channel as descriptor 3."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        fd = theirs.fileno()
        os.set_inheritable(fd, True)
        p = subprocess.Popen([program, "--supervised", str(fd), "--config", config], pass_fds=[fd], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        theirs.close()
        try:
            said = p.communicate(timeout=limit)[1].decode(errors="replace")
            return p.returncode, said
        except subprocess.TimeoutExpired:
            p.kill()
            return None, p.communicate()[1].decode(errors="replace")


with tempfile.TemporaryDirectory() as work:
    state, config, program = (os.path.join(work, n) for n in ("state", "cofferd.conf", "cofferd"))
    os.mkdir(state, 0o700)
    with open(config, "w", encoding="utf-8") as f:
        f.write(f"socket = {work}/coffer.sock\nstate_dir = {state}\nsecret_memory = 4M\nworkers = 1\n")
    with open(os.path.join(build, "bin/cofferd"), "rb") as f:
        whole = f.read()
    seen = set()
    for answer in sorted(set(answers)):
        at = whole.find(answer.encode() + b"\0")
        if at < 0:
            judge(f"{answer[:16]}… is in the program", False, "not found")
            continue
        digit = at + len(answer) - 2  # not the first byte: a cut tail of a hash would pass otherwise
        damaged = bytearray(whole)
        damaged[digit] = ord("0") if damaged[digit] != ord("0") else ord("1")
        with open(program, "wb") as f:
            f.write(damaged)
        os.chmod(program, 0o755)
        rc, said = start(program, config)
        named = re.search(r"the self-test of (.*?) failed", said)
        seen.add(named.group(1) if named else "")
        clean = not os.path.exists(f"{work}/coffer.sock") and not os.listdir(state)
        judge(f"{answer[:16]}…: {named.group(1) if named else 'not found out'}", rc == 1 and named and clean and said.count("\n") <= 2, f"{rc} {said}")
    judge("every test was damaged", seen == set(names), f"{sorted(set(names) - seen)}")
    shutil.copy(os.path.join(build, "bin/cofferd"), program)
    rc, said = start(program, config, 3)
    judge("undamaged it starts", rc is None and "serving at" in said, f"{rc} {said}")
print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
