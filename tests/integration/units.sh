#!/bin/bash
# Started as the systemd units start it, with the token given as $1: no monitor, a helper for each connection to a socket, sd_notify. What
# systemd does itself is done here by systemd-socket-activate, setpriv and a receiver of datagrams.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
token=$1
kind=tpm2; [ "$token" = swtpm ] || kind=pkcs11
command -v systemd-socket-activate >/dev/null || { echo "systemd-socket-activate is not there: not tested"; exit 77; }
separate_users || { echo "users of their own need root and a build that they can reach: not tested"; exit 77; }
begin "units-$token"
sockets=$work/sockets
sock=$sockets/$kind.sock
told=$work/told
activator=""
manager=""
daemon=""

stop_units() {
  [ -z "$daemon" ] || { kill -TERM "$daemon" 2>/dev/null; wait "$daemon" 2>/dev/null; }
  [ -z "$activator" ] || kill -TERM "$activator" 2>/dev/null
  [ -z "$manager" ] || kill -TERM "$manager" 2>/dev/null
  [ -z "$listener" ] || kill -TERM "$listener" 2>/dev/null
}
listener=""
trap 'stop_units; cleanup' EXIT

# What coffer-tokend-KIND.socket and its service do. The helpers are children of the activator.
start_socket() {
  rm -f "$sock"
  local words=(TSS2_LOG=all+NONE)
  [ "$token" = swtpm ] || words+=("SOFTHSM2_CONF=$home/token/softhsm2.conf" "CREDENTIALS_DIRECTORY=$work/credentials")
  env "${words[@]}" setsid systemd-socket-activate --listen="$sock" --accept "${words[@]/#/--setenv=}" \
    setpriv --reuid 64202 --regid 64202 --clear-groups --no-new-privs "$bin/coffer-tokend-$kind" --peer 64201 </dev/null >>"$work/helpers.log" 2>&1 &
  activator=$!
  within 5 "the helper's socket is there" test -S "$sock"
  chown 64201:64201 "$sock"
  chmod 600 "$sock"
}
helpers() { pgrep -P "$activator" coffer-tokend; }
helper_count_is() { [ "$(helpers | wc -w)" = "$1" ]; }
ready_twice() { [ "$(grep -cxF "$daemon READY=1" "$told")" -ge 2 ]; }
# What cofferd.service does.
start_cofferd() {
  env -i PATH="$PATH" NOTIFY_SOCKET="$work/notify" WATCHDOG_USEC=1000000 setpriv --reuid 64201 --regid 64201 --clear-groups --no-new-privs \
    "$bin/cofferd" --config "$home/cofferd.conf" --tokend-sockets "$sockets" </dev/null >>"$home/cofferd.log" 2>&1 &
  daemon=$!
}
was_told() { grep -qxF "$daemon $1" "$told"; }
ended() { ! kill -0 "$1" 2>/dev/null; }
works() { coffer decrypt -i "$work/m" -o "$work/o" && cmp -s "$work/p" "$work/o" && coffer encrypt -k k -i "$work/p" -o "$work/m2"; }
unwell() { [ "$(status_field .token.health)" != well ]; }

# A domain from the time of the monitor.
start_sandbox --token "$token" --set token_deadline=2s --set token_probe_interval=1s
use_sandbox
# What LoadCredential=coffer.pin gives: a file that the unit's user alone can read.
if [ "$token" = softhsm ]; then
  install -d -m 500 -o 64202 -g 64202 "$work/credentials"
  install -m 400 -o 64202 -g 64202 "$home/token/pin" "$work/credentials/coffer.pin"
fi
uri=$(if [ "$token" = swtpm ]; then echo "tpm2:swtpm:path=$home/token/swtpm.sock"; else tail -1 "$home/token/uri"; fi)
echo hello >"$work/p"
coffer key create k >/dev/null
coffer encrypt -k k -i "$work/p" -o "$work/m"
old_monitor=$(cat "$home/monitor.pid")
kill -TERM "$old_monitor"
within 20 "the monitor has ended" ended "$old_monitor"

mkdir "$sockets"
chmod 755 "$sockets"
python3 "$(dirname "$0")/fake_manager.py" "$work/notify" >"$told" &
manager=$!
within 5 "the service manager listens" test -S "$work/notify"
start_socket
start_cofferd
within 10 "READY=1 comes from cofferd itself" was_told READY=1
within 10 "and it is ready on the state that the monitor's cofferd left" is_ready
check "what was sealed then opens now" works
within 5 "the service manager is told how it is" was_told 'STATUS=open; token: well'
within 5 "and that it lives" was_told WATCHDOG=1
equal "no monitor: cofferd is the first process" "$(awk '/^PPid:/ {print $2}' "/proc/$daemon/status")" $$
helper=$(helpers)
equal "one helper" "$(wc -w <<<"$helper")" 1
for pid in "$daemon" "$helper"; do
  name=$(cat "/proc/$pid/comm")
  equal "$name: no new privileges" "$(awk '/^NoNewPrivs:/ {print $2}' "/proc/$pid/status")" 1
  matches "$name: no core dumps" "$(grep 'Max core file size' "/proc/$pid/limits")" ' 0 +0 '
  equal "$name: umask" "$(awk '/^Umask:/ {print $2}' "/proc/$pid/status")" 0077
  equal "$name: not dumpable: its /proc belongs to root" "$(stat -c %u "/proc/$pid/environ")" 0
  if ! nm "$bin/cofferd" 2>/dev/null | grep -E '__asan_init|__tsan_init' >/dev/null; then
    for task in "/proc/$pid/task"/*; do
      equal "$name: thread $(cat "$task/comm") is filtered" "$(awk '/^Seccomp:/ {print $2}' "$task/status")" 2
    done
  fi
done

# Who may be at the other end.
talk='import socket,sys;s=socket.socket(socket.AF_UNIX);s.settimeout(5);s.connect(sys.argv[1]);s.send(b"\0\0\0\6\0\0\0\1\0\4");print(len(s.recv(100)))'
stranger=$(setpriv --reuid 65533 --regid 65533 --clear-groups /usr/bin/python3 -c "$talk" "$sock" 2>&1)
matches "a stranger cannot connect" "$stranger" 'PermissionError'
equal "root connects, and the helper serves nobody but cofferd" "$(/usr/bin/python3 -c "$talk" "$sock" 2>&1 | tail -1 | grep -cE '^0$|ConnectionReset|BrokenPipe')" 1
within 5 "and says whom" grep -q "user 0 connected instead of '64201'" "$work/helpers.log"
equal "as root this way of starting is refused" "$("$bin/cofferd" --config "$home/cofferd.conf" --tokend-sockets "$sockets" 2>&1 >/dev/null | grep -c 'User=')" 1
check "nobody was disturbed" is_ready

# A helper that dies; one that hangs in its device; one that is stopped.
restarts=$(status_field .token.restarts)
kill -9 "$(helpers)"
within 5 "the helper killed: another one is there" status_is ".token.restarts > $restarts" true
within 5 "and well" is_ready
if [ "$token" = swtpm ]; then
  helper=$(helpers)
  kill -STOP "$(cat "$home/token/swtpm.pid")"
  within 10 "hung in its device: status says so" unwell
  check "work from memory goes on" works
  within 5 "the hanging helper has ended, and nobody signalled it" ended "$helper"
  kill -CONT "$(cat "$home/token/swtpm.pid")"
  within 5 "well again" is_ready
fi
restarts=$(status_field .token.restarts)
helper=$(helpers)
kill -STOP "$helper"
within 15 "a stopped helper is replaced" status_is ".token.restarts > $restarts" true
within 5 "and well" is_ready
kill -CONT "$helper"
within 5 "let go on, it sees that nobody is there and ends" ended "$helper"
within 5 "one helper is left" helper_count_is 1

# The socket's unit stops and comes back.
kill -TERM "$activator"
helper=$(pgrep -f "coffer-tokend-$kind --peer 64201" -u 64202 | head -1)
kill -9 "$helper" 2>/dev/null
within 10 "no socket: unwell" unwell
check "work from memory goes on" works
matches "the sentence says what to start" "$(status_field .token.sentence)" "coffer-tokend-$kind.socket"
start_socket
within 5 "the socket is back: well" is_ready

# Somebody else in the helper's place gets nothing.
kill -TERM "$activator"
kill -9 "$(pgrep -f "coffer-tokend-$kind --peer 64201" -u 64202 | head -1)" 2>/dev/null
rm -f "$sock"
chown 65533 "$sockets"
setpriv --reuid 65533 --regid 65533 --clear-groups /usr/bin/python3 -c 'import os,socket,sys
s=socket.socket(socket.AF_UNIX);s.bind(sys.argv[1]);os.chmod(sys.argv[1],0o666);s.listen()
while True:
  c,_=s.accept();d=c.recv(100);open(sys.argv[2],"ab").write(b"closed " if d==b"" else d)' "$sock" "$sockets/got" &
listener=$!
within 10 "an impostor's socket is recognised" status_is '.token.sentence|test("neither root nor user_tokend")' true
within 5 "it saw somebody" test -s "$sockets/got"
kill -TERM $listener; listener=""
matches "it was connected to and got no byte" "$(cat "$sockets/got")" '^(closed )+$'
chown 0 "$sockets"
start_socket
within 5 "the right one again: well" is_ready

# The watchdog: a worker that hangs stops the sign of life, though everything else goes on.
lives() { grep -cxF "$daemon WATCHDOG=1" "$told"; }
more_lives() { [ "$(lives)" -gt "$1" ]; }
silent_for() { # silent_for SECONDS: no sign of life for so long, looked at for at most 10 s
  local last now since looks=0
  last=$(lives); since=$(date +%s%N)
  while [ $looks -lt 200 ]; do
    now=$(lives)
    [ "$now" = "$last" ] || { last=$now; since=$(date +%s%N); }
    [ $((($(date +%s%N) - since) / 1000000)) -lt $(($1 * 1000)) ] || return 0
    looks=$((looks + 1)); sleep 0.05
  done
  return 1
}
if [ "$(uname -m)" = x86_64 ] && grep -qE '^TracerPid:.0$' "/proc/$daemon/status"; then
  if silent_for 2; then bad "control: the sign of life comes all the time"; else ok "control: the sign of life comes all the time"; fi
  worker=$(grep -l ^worker "/proc/$daemon/task"/*/comm | head -1 | cut -d/ -f5)
  matches "a worker is found" "$(cat "/proc/$daemon/task/$worker/comm")" "^worker"
  mkfifo "$work/hold"
  "$COFFER_BUILD/tests/inject_call" "$worker" hold <"$work/hold" >"$work/held" 2>&1 &
  exec 8>"$work/hold"
  within 5 "one worker is held" grep -qx held "$work/held"
  check "then nothing says any more that cofferd lives" silent_for 3
  before=$(lives)
  exec 8>&-
  within 5 "let go on, it does" more_lives "$before"
fi

kill -HUP "$daemon"
within 5 "reload: RELOADING=1" was_told RELOADING=1
within 5 "then READY=1 again" ready_twice
kill -9 "$daemon"; wait "$daemon" 2>/dev/null
within 5 "cofferd killed: its helper ends by itself" helper_count_is 0
start_cofferd
within 10 "started again: ready" is_ready
check "what was sealed opens" works
kill -TERM "$daemon"
wait "$daemon"
equal "SIGTERM: exit status" $? 0
within 5 "STOPPING=1 was said" was_told STOPPING=1
absent "the socket is gone" "$home/coffer.sock"

# A domain that begins here.
mv "$home/state" "$work/old-state"
install -d -m 700 -o 64201 -g 64201 "$home/state"
start_cofferd
within 10 "an empty state: READY=1" was_told READY=1
equal "uninitialised" "$(status_field .state)" uninitialised
# The PIN from the credential now; the file that the first domain was told of is gone.
if [ "$token" = softhsm ]; then
  rm "$home/token/pin"
  uri=${uri/pin-source=file:$home\/token\/pin/pin-source=credential:coffer.pin}
  matches "the URI names the credential" "$uri" 'pin-source=credential:coffer.pin$'
fi
mkdir "$work/shares"
check "init" coffer init --token "$uri" --recovery-shares 3 --recovery-threshold 2 --recovery-out "$work/shares" --quiet
check "create" coffer key create k
check "encrypt" coffer encrypt -k k -i "$work/p" -o "$work/m"
check "decrypt" works
kill -TERM "$daemon"; wait "$daemon"
start_cofferd
within 10 "after a restart: ready" is_ready
check "and what was sealed opens" works
check "the audit log verifies" coffer audit verify
finish
