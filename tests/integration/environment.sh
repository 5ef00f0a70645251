#!/bin/bash
# What whoever starts the programs hands them: variables, closed descriptors, umask, ignored and blocked signals, long arguments; and 200 bad
# configuration files at SIGHUP. Nothing of it has an effect, or it is refused.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin environment
start_sandbox --token softhsm --set max_connections_per_principal=6
use_sandbox
coffer key create before >/dev/null
printf 'text' >"$work/plain"
"$sandbox" stop --dir "$dir"
# shellcheck disable=SC2034  # read by finish
monitor=""

# A library that notes in whose memory it is, and that lies to whoever asks it.
cat >"$work/evil.c" <<'TXT'
#define _GNU_SOURCE
#include <stdio.h>
__attribute__((constructor)) static void here(void) { FILE *f = fopen("/proc/self/comm", "r"); (void)f; }
int tss2_evil = 1;
TXT
cc -shared -fPIC -o "$work/evil.so" "$work/evil.c"
mkdir "$work/libs"
for lib in libcrypto.so.3 libsqlite3.so.0 libp11-kit.so.0; do cp "$work/evil.so" "$work/libs/$lib"; done
chmod -R a+rX "$work/evil.so" "$work/libs"
printf 'openssl_conf = x\n[x]\nproviders = y\n[y]\nevil = z\n[z]\nmodule = %s/evil.so\nactivate = 1\n' "$work" >"$work/openssl.cnf"
printf 'directories.tokendir = %s/nowhere\n' "$work" >"$work/softhsm2.conf"
chmod a+r "$work"/*.cnf "$work"/*.conf

# started HOW [NAME=VALUE …]: starts cofferd by hand through python, which arranges signals and descriptors.
cat >"$work/start.py" <<'TXT'
import os, resource, signal, sys
how, config, exe = sys.argv[1:4]
if os.fork():
    os._exit(0)
os.setsid()
os.chdir("/")
if how == "signals":
    for s in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(s, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
if how == "sizes":
    resource.setrlimit(resource.RLIMIT_FSIZE, (400 << 10, 400 << 10))
if how == "umask":
    os.umask(0)
if how == "descriptors":
    os.closerange(0, 3)
os.execv(exe, [exe, "--config", config])
TXT
start_by_hand() {
  local how=$1; shift
  : >"$home/cofferd.log"
  env "$@" python3 "$work/start.py" "$how" "$home/cofferd.conf" "$bin/cofferd" </dev/null >>"$home/cofferd.log" 2>&1
  within 20 "$how: it serves" is_ready || { tail -5 "$home/cofferd.log"; return 1; }
  monitor=$(cat "$home/monitor.pid")
  daemon=$(cat "$home/cofferd.pid")
}
gone() { ! kill -0 "$1" 2>/dev/null; }
stop_by_hand() {
  kill -TERM "$monitor"
  within 10 "$1: it stops in order" gone "$monitor" || kill -9 "$monitor"
}
works() { coffer encrypt -k before -i "$work/plain" -o "$work/c" && coffer decrypt -i "$work/c" -o "$work/p" && cmp -s "$work/plain" "$work/p"; }

# ---- variables ----
names="OPENSSL_CONF OPENSSL_MODULES SOFTHSM2_CONF TPM2TOOLS_TCTI TSS2_FAPICONF TCTI SSLKEYLOGFILE LD_PRELOAD LD_LIBRARY_PATH GLIBC_TUNABLES MALLOC_TRACE TMPDIR P11_KIT_DEBUG SQLITE_TMPDIR"
start_by_hand variables OPENSSL_CONF="$work/openssl.cnf" OPENSSL_MODULES="$work/libs" SOFTHSM2_CONF="$work/softhsm2.conf" \
  TPM2TOOLS_TCTI=device:/dev/null TSS2_FAPICONF="$work/x" TCTI=device:/dev/null SSLKEYLOGFILE="$work/keylog" LD_PRELOAD="$work/evil.so" \
  GLIBC_TUNABLES=glibc.malloc.check=3 MALLOC_TRACE="$work/trace" TMPDIR="$work/tmp" P11_KIT_DEBUG=all SQLITE_TMPDIR="$work/tmp"
check "variables: it works" works
tokend=$(pgrep -P "$monitor" coffer-tokend)
for pid in "$daemon" "$tokend"; do
  name=$(cat "/proc/$pid/comm")
  # What a process was given at exec; the kernel shows it to root.
  given=$(tr '\0' '\n' <"/proc/$pid/environ" | cut -d= -f1 | sort | tr '\n' ' ')
  for n in $names; do
    case "$name $n" in coffer-tokend*SOFTHSM2_CONF) continue ;; esac  # its own, from tokend_environment
    grep -qw "$n" <<<"$given" && bad "$name was given $n"
  done
  if grep -q evil "/proc/$pid/maps"; then bad "$name has the library that LD_PRELOAD named"; else ok "$name: nothing of it came through ($given)"; fi
done
matches "variables: the check sees what a process has" "$(env SSLKEYLOGFILE=x cat /proc/self/environ | tr '\0' '\n')" SSLKEYLOGFILE
absent "variables: no key log" "$work/keylog"
stop_by_hand variables

# With other libraries in front the dynamic loader itself gives up, or takes them for the starter's process alone.
rc=0; LD_LIBRARY_PATH=$work/libs timeout 10 "$bin/cofferd" --config "$home/cofferd.conf" >"$work/loader.out" 2>&1 </dev/null || rc=$?
if [ $rc != 0 ]; then ok "LD_LIBRARY_PATH with libraries that are none: no start ($rc)"; else bad "LD_LIBRARY_PATH with libraries that are none" "$(cat "$work/loader.out")"; fi
check "and nothing runs" gone "$(cat "$home/monitor.pid" 2>/dev/null || echo 999999999)"

# ---- descriptors, umask, signals ----
start_by_hand descriptors
for pid in "$monitor" "$daemon" "$(pgrep -P "$monitor" coffer-tokend)"; do
  open=$(for n in 0 1 2; do readlink "/proc/$pid/fd/$n"; done | sort -u | tr '\n' ' ')
  equal "$(cat "/proc/$pid/comm"): closed descriptors 0 to 2 are taken by nothing" "$open" "/dev/null "
done
check "descriptors: it works" works
stop_by_hand descriptors
check "descriptors: the store is whole" sqlite3 "$home/state/store.db" 'pragma integrity_check'
rc=0; "$bin/coffer" --version <&- >&- 2>&- || rc=$?
equal "coffer without standard output says so" "$rc" 1

start_by_hand umask
check "umask: it works" works
equal "umask 0: files are closed to others" "$(find "$home/state" -perm /077 | wc -l)" 0
stop_by_hand umask

start_by_hand sizes
check "files of 400 KiB at most: it works" works
rc=0
for ((t = 0; t < 100 && rc == 0; t++)); do said=$(coffer key create "size-$t" 2>&1) || rc=$?; done
equal "what has no room in them is refused with a sentence" "$rc $(wc -l <<<"$said")" "1 1"
equal "and does not end the daemon" "$(cat "$home/cofferd.pid")" "$daemon"
stop_by_hand sizes

start_by_hand signals
kill -9 "$daemon"
restarted() { is_ready && [ "$(cat "$home/cofferd.pid")" != "$daemon" ]; }
within 10 "SIGCHLD ignored: the end of cofferd is noticed, and it starts again" restarted
check "signals: it works" works

# ---- arguments and a large environment ----
long=$(head -c 100000 /dev/zero | tr '\0' x)
rc=0; timeout 10 "$bin/cofferd" --config "$long" --check-config >"$work/out" 2>&1 || rc=$?
equal "a path of 100,000 characters is refused" "$rc" 78
rc=0; timeout 10 "$bin/coffer" key create "$long" >"$work/out" 2>&1 || rc=$?
if [ $rc = 1 ] || [ $rc = 2 ]; then ok "a name of 100,000 characters is refused"; else bad "a name of 100,000 characters is refused" "exit $rc: $(head -c 300 "$work/out")"; fi
if [ "$(wc -c <"$work/out")" -lt 2000 ]; then ok "in one sentence"; else bad "in one sentence" "$(wc -c <"$work/out") bytes"; fi
rc=0; timeout 20 python3 - "$bin/coffer" >"$work/out" 2>&1 <<'TXT' || rc=$?
import subprocess, os, sys
env = {f"V{i}": "y" * 1000 for i in range(1500)}
env["COFFER_SOCKET"] = os.environ["COFFER_SOCKET"]
args = [sys.argv[1], "status", "--quiet"]
sys.exit(subprocess.run(args, env=env).returncode or (subprocess.run(args[:2] + ["x"] * 20000, env={}, stderr=subprocess.DEVNULL).returncode != 2))
TXT
equal "1500 variables change nothing, 20,000 arguments are refused" "$rc" 0
check "it still serves" works

# ---- 200 bad configurations ----
cp "$home/cofferd.conf" "$work/good.conf"
mutate() { python3 "$(dirname "$0")/bad_configs.py" "$work/good.conf" "$work/bad" 200 "${COFFER_SEED:-$RANDOM}"; }
mkdir "$work/bad"
mutate || bad "200 bad configurations are made"
daemon=$(cat "$home/cofferd.pid")
taken=$(grep -c 'was read again' "$home/cofferd.log")
# Each in turn: --check-config must refuse it, and cofferd must say so in its log after SIGHUP.
cat >"$work/reload.py" <<'TXT'
import glob, os, signal, subprocess, sys, time
folder, config, log, monitor, cofferd = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5]
SAID = b"cofferd: the configuration stays as it was"
accepted, unsaid = [], []
def said():
    with open(log, "rb") as f:
        return f.read().count(SAID)
for path in sorted(glob.glob(folder + "/*.conf")):
    if subprocess.run([cofferd, "--config", path, "--check-config"], capture_output=True).returncode != 78:
        accepted.append(os.path.basename(path))
        continue
    with open(path, "rb") as f, open(config, "wb") as g:
        g.write(f.read())
    seen, until = said(), time.monotonic() + 20
    os.kill(monitor, signal.SIGHUP)
    while said() == seen and time.monotonic() < until:
        time.sleep(0.005)
    if said() == seen:
        unsaid.append(os.path.basename(path))
print(" ".join(accepted))
print(" ".join(unsaid))
TXT
python3 "$work/reload.py" "$work/bad" "$home/cofferd.conf" "$home/cofferd.log" "$monitor" "$bin/cofferd" >"$work/reloaded"
equal "every one of $(find "$work/bad" -name '*.conf' | wc -l) is bad" "$(sed -n 1p "$work/reloaded")" ""
equal "each is said to be bad" "$(sed -n 2p "$work/reloaded")" ""
equal "both were looked at" "$(wc -l <"$work/reloaded")" 2
equal "none was taken" "$(grep -c 'was read again' "$home/cofferd.log")" "$taken"
matches "the monitor says it too" "$(grep -c 'coffer-monitor: the configuration stays' "$home/cofferd.log")" '^[1-9]'
equal "0 crashes: the same process" "$(cat "$home/cofferd.pid")" "$daemon"
# The old values are in force: every bad file asked for 100 connections, and the sixth is still the last one.
python3 - "$COFFER_SOCKET" >"$work/conns" <<'TXT'
import socket, sys, time
conns, refused = [], 0
for _ in range(9):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.settimeout(10 if len(conns) >= 6 else 0.3)
    conns.append(s)
    try:
        if s.recv(1):
            refused += 1
    except TimeoutError:
        pass
print(refused)
TXT
equal "the old limits are in force" "$(cat "$work/conns")" 3
cp "$work/good.conf" "$home/cofferd.conf"
kill -HUP "$monitor"
within 5 "a good one is taken afterwards" sh -c "[ \$(grep -c 'was read again' '$home/cofferd.log') -gt $taken ]"
check "and it works" works
stop_by_hand signals
finish
