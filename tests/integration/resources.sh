#!/bin/bash
# What the machine does not give: descriptors (F91), threads and processes (F92), locked memory and memfd_secret (F96), memory (F90).
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin resources
start_sandbox --token softhsm --set workers=2
use_sandbox
coffer key create before >/dev/null
printf 'text' >"$work/plain"
"$sandbox" stop --dir "$dir"
python=/usr/bin/python3  # one that every user may run
[ -x "$python" ] || python=python3
gone() { ! kill -0 "$1" 2>/dev/null; }
works() { coffer encrypt -k before -i "$work/plain" -o "$work/c" && coffer decrypt -i "$work/c" -o "$work/p" && cmp -s "$work/plain" "$work/p"; }
said() { grep -qE "$1" "$home/cofferd.log"; }

monitor=""
daemon=""
# under COMMAND…: the daemon under a command that takes something away (… exec "$@").
under() {
  : >"$home/cofferd.log"
  setsid "$@" "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 &
  monitor=$!
}
serving() { within 20 "$1" is_ready 2>/dev/null && daemon=$(cat "$home/cofferd.pid"); }
end() {
  kill -TERM "$monitor" 2>/dev/null
  within 15 "$1: it stops in order" gone "$monitor" || { kill -9 "$daemon" "$monitor" 2>/dev/null; }
}
ends_with() { # ends_with WHAT STATUS SENTENCE: the monitor ends by itself
  local rc=0
  for _ in $(seq 200); do gone "$monitor" && break; sleep 0.05; done
  if ! gone "$monitor"; then bad "$1" "it goes on: $(tail -2 "$home/cofferd.log")"; end "$1"; return; fi
  wait "$monitor" 2>/dev/null || rc=$?
  if [ "$rc" = "$2" ] && said "$3"; then ok "$1: $(grep -oE "$3[^;:]*" "$home/cofferd.log" | head -1)"; else bad "$1" "status $rc: $(tail -2 "$home/cofferd.log")"; fi
}
with_limit() { under bash -c "ulimit $1; shift; exec \"\$@\"" bash x; }

# ---- F91: descriptors ----
with_limit '-n 20'
ends_with "20 descriptors are too few" 78 'only 20 descriptors are allowed and [0-9]+ are needed'
with_limit '-n 32'
serving "32 descriptors are enough to serve"
cat >"$work/hold.py" <<'TXT'
import os, socket, sys, time
# Connects until the daemon takes no more, tells how many were refused with an answer, and holds on until standard input ends.
conns, refused = [], 0
for _ in range(int(sys.argv[2])):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.settimeout(0.2)
    try:
        refused += bool(s.recv(1))
    except (TimeoutError, ConnectionResetError):
        conns.append(s)
print(len(conns), refused, flush=True)
sys.stdin.read()
TXT
cpu_ms() { awk -v hz="$(getconf CLK_TCK)" '{print int(($14 + $15) * 1000 / hz)}' "/proc/$1/stat"; }
hold() { # hold COUNT as a stranger; HELD and the process in background, ended by letgo
  rm -f "$work/fifo"; mkfifo "$work/fifo"
  setpriv --reuid 65533 --regid 65533 --clear-groups "$python" "$work/hold.py" "$COFFER_SOCKET" "$1" <"$work/fifo" >"$work/held" 2>"$work/held.err" &
  holder=$!
  exec 9>"$work/fifo"
  within 15 "connections are opened" test -s "$work/held"
}
letgo() { exec 9>&-; wait "$holder" 2>/dev/null; }
chmod a+r "$work/hold.py"
hold 20
read -r held turned_away <"$work/held"
if [ "$held" -ge 2 ] && [ "$turned_away" -ge 10 ]; then ok "a stranger has $held connections, $turned_away were refused with a sentence"; else bad "connections are refused" "$(cat "$work/held" "$work/held.err")"; fi
if [ "$(id -u)" = 0 ]; then check "the operator gets in all the same" is_ready; fi
daemon_tokend=$(pgrep -P "$monitor" coffer-tokend)
kill -9 "$daemon_tokend"
new_tokend() { [ -n "$(pgrep -P "$monitor" coffer-tokend)" ] && status_is .token.health well; }
within 15 "a killed token helper is taken back with the reserve" new_tokend
letgo
within 5 "the stranger gone, it works" works
end "32 descriptors"

# Descriptors that go away while it runs: accept pauses.
as_daemon() { if separate_users; then setpriv --reuid 64201 --regid 64201 --clear-groups "$@"; else "$@"; fi; }
with_limit '-n 512'
serving "512 descriptors"
within 10 "nobody but the asker is connected" status_is .connections 1
as_daemon prlimit --pid "$daemon" --nofile="$(find "/proc/$daemon/fd" -mindepth 1 | wc -l):512" || bad "the limit is lowered"
timeout 20 "$bin/coffer" status --quiet >/dev/null 2>&1 &
waiting=$!
within 3 "without any it says so" said 'no more connections can be accepted'
before=$(cpu_ms "$daemon")
begin_ms=$(date +%s%3N)
for _ in $(seq 30); do sleep 0.05; done
spent=$(($(cpu_ms "$daemon") - before)); took=$(($(date +%s%3N) - begin_ms))
if [ $((spent * 100)) -lt $((took * 5)) ]; then ok "it does not spin: $spent ms of processor in $took ms"; else bad "it does not spin" "$spent ms of processor in $took ms"; fi
equal "and says it once" "$(grep -c 'no more connections can be accepted' "$home/cofferd.log")" 1
as_daemon prlimit --pid "$daemon" --nofile=512:512 || bad "the limit is raised"
rc=0; wait "$waiting" || rc=$?
equal "who waited is answered when there are some again" "$rc" 0
check "and it works" works
end "512 descriptors"

# ---- F96: locked memory, memfd_secret ----
cat >"$work/enosys.py" <<'TXT'
import ctypes, os, sys
lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
lib.seccomp_init.restype = ctypes.c_void_p
lib.seccomp_rule_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint]
lib.seccomp_load.argtypes = [ctypes.c_void_p]
ctx = lib.seccomp_init(0x7FFF0000)
for call in sys.argv[1].split(","):
    number = {"memfd_secret": 447, "mlock": lib.seccomp_syscall_resolve_name(b"mlock")}[call]
    assert lib.seccomp_rule_add(ctx, 0x00050000 | 38, number, 0) == 0
assert lib.seccomp_load(ctx) == 0
os.execv(sys.argv[2], sys.argv[2:])
TXT
without() { under python3 "$work/enosys.py" "$1"; }
without memfd_secret
serving "no memfd_secret: it serves"
equal "and status says reduced" "$(status_field .memory.protection)" reduced
check "and the log" said 'memory protection: reduced'
check "and works" works
end "no memfd_secret"
cp "$home/cofferd.conf" "$work/good.conf"
echo 'require_secret_memory = yes' >>"$home/cofferd.conf"
without memfd_secret
ends_with "no memfd_secret where it is required" 78 'memfd_secret\(2\) gives no [0-9]+ bytes of secret memory'
cp "$work/good.conf" "$home/cofferd.conf"
without memfd_secret,mlock
ends_with "neither memfd_secret nor mlock" 78 'cannot lock [0-9]+ bytes of memory for secrets'
if [ "$(id -u)" != 0 ] || ! (ulimit -l 64 && prlimit --memlock=1048576 true) 2>/dev/null; then
  with_limit '-l 64'
  ends_with "64 KiB of locked memory" 78 'RLIMIT_MEMLOCK is 65536 bytes'
else
  echo "     this user raises RLIMIT_MEMLOCK by itself: not checked with ulimit -l 64"
fi

# ---- F92: threads and processes; F90: memory (control groups of version 1) ----
groups=/sys/fs/cgroup
group=coffer-story-$$
make_group() { mkdir "$groups/$1/$group" 2>/dev/null && [ -e "$groups/$1/$group/cgroup.procs" ]; }
drop_group() { # every process of it back to the top, then away with it
  local p
  while read -r p; do echo "$p" >"$groups/$1/cgroup.procs" 2>/dev/null; done <"$groups/$1/$group/cgroup.procs"
  rmdir "$groups/$1/$group"
}
in_group() { under bash -c "echo \$\$ >$groups/$1/$group/cgroup.procs; shift; exec \"\$@\"" bash x; }
if make_group pids && [ -e "$groups/pids/$group/pids.max" ]; then
  served=0; refused=0
  for max in 1 2 3 4 5 6 8 10 12 14 16 24; do
    echo $max >"$groups/pids/$group/pids.max"
    in_group pids
    for _ in $(seq 60); do is_ready 2>/dev/null && break; said 'raise TasksMax|new process cannot be made' && break; gone "$monitor" && break; sleep 0.05; done
    if is_ready 2>/dev/null; then served=$((served + 1)); works || bad "$max processes and threads: it works"
    elif said 'raise TasksMax|new process cannot be made'; then refused=$((refused + 1))
    elif [ "$(status_field .state)" = sealed ]; then refused=$((refused + 1))  # no process for the token helper: status says so, and it is tried again
    else bad "$max processes and threads" "$(tail -3 "$home/cofferd.log")"; fi
    if grep -qE 'signal|assert|core' "$home/cofferd.log"; then bad "$max processes and threads: no crash" "$(grep -E 'signal|assert' "$home/cofferd.log" | head -2)"; fi
    # Given back what it needs it serves, if it did not before.
    echo max >"$groups/pids/$group/pids.max"
    within 30 "$max processes and threads, then all: it serves" is_ready
    daemon=$(cat "$home/cofferd.pid")
    end "$max processes and threads"
  done
  if [ $served -gt 0 ] && [ $refused -gt 0 ]; then ok "of 12 limits $served served with a smaller pool, $refused were refused or stayed sealed, with a sentence"; else bad "both happen" "$served served, $refused refused"; fi
  drop_group pids
else
  echo "     no control group for processes here: F92 not checked"
fi

if make_group memory && [ -e "$groups/memory/$group/memory.limit_in_bytes" ]; then
  under env
  serving "for the memory limit: it serves"
  echo "$daemon" >"$groups/memory/$group/cgroup.procs"
  # Creates until it is killed: each answer is noted after it was given.
  (n=0; while [ ! -e "$work/stop" ] && [ $n -lt 2000 ]; do n=$((n + 1)); coffer key create "oom-$n" >/dev/null 2>&1 && echo "oom-$n" >>"$work/acked"; done) &
  maker=$!
  within 10 "keys are made" test -s "$work/acked"
  # What it has now, and no page more: its next one ends it. The large message takes many.
  echo $(($(cat "$groups/memory/$group/memory.usage_in_bytes") + 262144)) >"$groups/memory/$group/memory.limit_in_bytes"
  head -c 30000000 /dev/zero >"$work/big"
  for _ in 1 2 3 4; do coffer encrypt -k before -i "$work/big" -o /dev/null >/dev/null 2>&1 & done
  within 20 "the kernel kills it" gone "$daemon"
  begin_ms=$(date +%s%3N)
  within 5 "it serves again within 5 s" is_ready
  ok "after $(($(date +%s%3N) - begin_ms)) ms"
  touch "$work/stop"
  wait "$maker"
  matches "the log says how it ended" "$(grep 'cofferd ended unexpectedly' "$home/cofferd.log")" 'signal 9'
  daemon=$(cat "$home/cofferd.pid")
  coffer key list --json 2>/dev/null | jq -r '.. | .name? // empty' | sort -u >"$work/there"
  equal "every acknowledged key is there ($(wc -l <"$work/acked"))" "$(sort "$work/acked" | comm -23 - "$work/there" | wc -l)" 0
  check "the audit chain verifies" coffer audit verify
  check "and it works" works
  end "memory limit"
  drop_group memory
else
  echo "     no control group for memory here: F90 not checked"
fi
finish
