#!/bin/bash
# Processes: own users, no core dumps, no ptrace, a locked state directory, orderly stop, configuration read again, no orphans.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin processes
keep_softhsm
# What whoever starts Coffer may have open and set, and what must not reach the processes.
echo inherited >"$work/inherited"
exec 9<"$work/inherited"
umask 0
COFFER_STORY_MARK=inherited start_sandbox --token softhsm
exec 9<&-
umask 022
use_sandbox
monitor=$(cat "$home/monitor.pid")
daemon=$(cat "$home/cofferd.pid")
tokend=$(pgrep -P "$monitor" coffer-tokend)

equal "the pid file names cofferd" "$(cat "/proc/$daemon/comm")" cofferd
equal "its parent is the monitor" "$(awk '/^PPid:/ {print $2}' "/proc/$daemon/status")" "$monitor"
for pid in "$monitor" "$daemon" "$tokend"; do
  name=$(cat "/proc/$pid/comm")
  matches "$name: no core dumps" "$(grep 'Max core file size' "/proc/$pid/limits")" ' 0 +0 '
  if nm "$COFFER_BUILD_DIR/bin/cofferd" 2>/dev/null | grep -E '__asan_init|__tsan_init' >/dev/null; then
    echo "     a sanitizer build has no filter of system calls: not checked"
  else
    equal "$name: system calls are filtered" "$(awk '/^Seccomp:/ {print $2}' "/proc/$pid/status")" 2
  fi
  equal "$name: no new privileges" "$(awk '/^NoNewPrivs:/ {print $2}' "/proc/$pid/status")" 1
  equal "$name: umask" "$(awk '/^Umask:/ {print $2}' "/proc/$pid/status")" 0077
  equal "$name: nothing is open that was inherited" "$(find "/proc/$pid/fd" -lname "$work/inherited" | wc -l)" 0
  if [ "$(id -u)" = 0 ]; then equal "$name: not dumpable: its /proc is root's" "$(stat -c %u "/proc/$pid/environ")" 0; fi
  # The monitor cleans its own after its start, which /proc does not show; what it hands on is seen in the others.
  [ "$name" = coffer-monitor ] || equal "$name: the environment is clean" "$(tr '\0' '\n' <"/proc/$pid/environ" | grep -c 'COFFER_STORY_MARK\|^PATH=')" 0
done
# A process that nobody cleaned shows that these checks can fail.
COFFER_STORY_MARK=inherited sleep 60 9<"$work/inherited" &
plain=$!
within 5 "control: an ordinary process has what it inherited" sh -c "find /proc/$plain/fd -lname $work/inherited | grep -q . && grep -q COFFER_STORY_MARK /proc/$plain/environ"
equal "control: and its umask" "$(awk '/^Umask:/ {print $2}' "/proc/$plain/status")" 0022
kill $plain
if [ "$(id -u)" = 0 ] && [ "$(stat -c %u "$home/state")" != 0 ]; then
  uid_d=$(awk '/^Uid:/ {print $2}' "/proc/$daemon/status")
  uid_t=$(awk '/^Uid:/ {print $2}' "/proc/$tokend/status")
  equal "cofferd has its own user" "$uid_d" 64201
  equal "coffer-tokend has another one" "$uid_t" 64202
  for pid in "$daemon" "$tokend"; do
    name=$(cat "/proc/$pid/comm")
    equal "$name: no capabilities" "$(awk '/^CapEff:/ {print $2}' "/proc/$pid/status")" 0000000000000000
    uid=$(awk '/^Uid:/ {print $2}' "/proc/$pid/status")
    as_same() { setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@"; }
    # Opening is what the kernel checks; a process of the same user that is not protected shows that the check can fail.
    setpriv --reuid "$uid" --regid "$uid" --clear-groups sleep 60 &
    open_one=$!
    within 5 "$name: the memory of an ordinary process of this user is open" as_same sh -c ": </proc/$open_one/mem"
    kill $open_one
    if as_same sh -c ": </proc/$pid/mem" 2>/dev/null; then bad "$name: memory is closed to its own user"; else ok "$name: memory is closed to its own user"; fi
    if as_same timeout 5 strace -p "$pid" -o /dev/null 2>/dev/null; [ $? = 124 ]; then bad "$name: not ptraceable"; else ok "$name: not ptraceable"; fi
  done
fi
equal "memory protection is named" "$(status_field .memory.protection | grep -cE '^(full|reduced)$')" 1
equal "cofferd has no network socket" "$(find "/proc/$daemon/fd" -lname 'socket:*' -exec readlink {} + | tr -d 'a-z:[]' |
  while read -r inode; do grep -lw "$inode" /proc/net/tcp /proc/net/tcp6 /proc/net/udp 2>/dev/null; done | wc -l)" 0

second=$(timeout 20 "$bin/cofferd" --config "$home/cofferd.conf" 2>&1)
equal "a second daemon on the same state ends" "$?" 78
matches "and says who has it" "$second" "another cofferd \(pid $daemon\) uses"
check "the first one is undisturbed" is_ready
equal "and so are its pid files" "$(cat "$home/monitor.pid") $(cat "$home/cofferd.pid")" "$monitor $daemon"

conf=$work/bad.conf
printf 'socket = %s\nwokers = 3\n' "$home/x.sock" >"$conf"
refused "an unknown key" 78 "$conf:2: .*wokers.*workers" "$bin/cofferd" --config "$conf" --check-config
printf 'workers = many\n' >"$conf"
refused "a bad value" 78 "$conf:1: .*workers" "$bin/cofferd" --config "$conf" --check-config
printf 'workers 3\n' >"$conf"
refused "a bad line" 78 "$conf:1:" "$bin/cofferd" --config "$conf" --check-config
refused "a configuration that is not there" 78 'none.conf' "$bin/cofferd" --config "$work/none.conf" --check-config
unknown=$("$bin/cofferd" --frobnicate 2>&1)
equal "an unknown option" "$?" 2
matches "and which one" "$unknown" 'frobnicate'

cp "$home/cofferd.conf" "$work/good.conf"
echo 'max_connections = few' >>"$home/cofferd.conf"
kill -HUP "$monitor"
within 5 "a bad configuration on SIGHUP is said so" grep -q 'max_connections' "$home/cofferd.log"
check "and changes nothing" is_ready
cp "$work/good.conf" "$home/cofferd.conf"
echo 'log_level = debug' >>"$home/cofferd.conf"
kill -HUP "$monitor"
within 5 "a good one is taken" grep -q 'read again' "$home/cofferd.log"
cp "$work/good.conf" "$home/cofferd.conf"

# Load while it stops: every encrypt that was answered is whole.
coffer key create k >/dev/null
head -c 20000000 /dev/urandom >"$work/p"
under_way() { [ "$(status_field .connections)" -gt 1 ]; }
seen=no
for _ in 1 2 3 4 5 6 7 8 9 10; do # they may have ended before they are looked at
  rm -f "$work"/c[1-4]
  for i in 1 2 3 4; do (coffer encrypt -k k -i "$work/p" -o "$work/c$i" 2>/dev/null; echo $? >"$work/rc$i") & done
  if under_way; then seen=yes; break; fi
  wait
done
equal "requests are under way" $seen yes
kill -TERM "$monitor"
wait
within 15 "SIGTERM: the monitor ends" sh -c "! kill -0 $monitor 2>/dev/null"
for pid in "$daemon" "$tokend"; do
  if kill -0 "$pid" 2>/dev/null; then bad "no process is left"; else ok "process $pid is gone"; fi
done
absent "the socket is gone" "$home/coffer.sock"
for i in 1 2 3 4; do
  if [ "$(cat "$work/rc$i")" = 0 ]; then check "encrypt $i ended well" test -s "$work/c$i"; else absent "encrypt $i failed and left nothing" "$work/c$i"; fi
done

start_sandbox
for i in 1 2 3 4; do
  [ "$(cat "$work/rc$i")" = 0 ] || continue
  coffer decrypt -i "$work/c$i" -o "$work/o$i"
  same "what ended well opens" "$work/p" "$work/o$i"
done
kill -9 "$(cat "$home/monitor.pid")"
gone() { ! kill -0 "$1" 2>/dev/null; }
daemon=$(cat "$home/cofferd.pid")
within 5 "the monitor killed: cofferd ends too" gone "$daemon"
start_sandbox
check "and starts again" is_ready
finish
