#!/bin/bash
# A token killed, hung, removed and returned under a running daemon: work from memory goes on, status says what is wrong, and recovery comes by
# itself within 5 seconds of the cure.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
token=$1
begin "faults-$token"
start_sandbox --token "$token" --set token_deadline=2s --set token_probe_interval=1s
use_sandbox
coffer key create k >/dev/null
echo hello >"$work/p"
coffer encrypt -k k -i "$work/p" -o "$work/m"

works() { coffer decrypt -i "$work/m" -o "$work/o" && cmp -s "$work/p" "$work/o" && coffer encrypt -k k -i "$work/p" -o "$work/m2"; }
unwell() { [ "$(status_field .token.health)" != well ]; }
exits_4() { local rc=0; coffer status --quiet || rc=$?; [ $rc = 4 ]; }

# break_token WHAT BREAK CURE: what is asked of every fault
try_fault() {
  local what=$1 break=$2 cure=$3
  $break
  check "$what: work from memory goes on at once" works
  within "${4:-10}" "$what: status says that the token is unwell" unwell
  check "$what: status exits with 4" exits_4
  matches "$what: status has a sentence" "$(status_field .token.sentence)" '[a-z]{3,} .*[a-z]'
  check "$what: work from memory still goes on" works
  check "$what: keys can still be made (the ring is open)" coffer key create "k-$RANDOM$RANDOM"
  $cure
  within 5 "$what: well again within 5 s of the cure" is_ready
  check "$what: the token passes its test" coffer token test
}

swtpm_pid() { cat "$home/token/swtpm.pid"; }
stop_swtpm() { kill -STOP "$(swtpm_pid)"; }
cont_swtpm() { kill -CONT "$(swtpm_pid)"; }
kill_swtpm() { kill -9 "$(swtpm_pid)"; rm -f "$home/token/swtpm.sock"; }
again_swtpm() { "$sandbox" start --dir "$dir" --token swtpm >/dev/null 2>&1; }
kill_tokend() { pkill -9 -P "$(cat "$home/monitor.pid")" coffer-tokend; }
nothing() { :; }
remove_softhsm() { mv "$home/token/tokens" "$home/token/away"; }
return_softhsm() { mv "$home/token/away" "$home/token/tokens"; }

slowest_round() { # the longest of 20 rounds of decrypt and encrypt, in ms
  local began took
  slowest=0
  for _ in $(seq 20); do
    began=$(date +%s%N)
    works || bad "$1: work from memory goes on"
    took=$((($(date +%s%N) - began) / 1000000))
    [ $took -le $slowest ] || slowest=$took
  done
  echo "     $1: the slowest round took $slowest ms"
}

if [ "$token" = swtpm ]; then
  slowest_round "with the token well"
  well_ms=$slowest
  stop_swtpm
  slowest_round "with the token hung"
  check "hung: work from memory is not slower by as much as a token's deadline" test "$slowest" -lt $((well_ms + 1000))
  cont_swtpm
  within 5 "well again" is_ready
  for i in 1 2 3; do # a late answer is never the next command's: each round opens a canary of its own
    try_fault "hung (SIGSTOP), round $i" stop_swtpm cont_swtpm 5
  done
  try_fault "killed" kill_swtpm again_swtpm 2
else
  try_fault "removed" remove_softhsm return_softhsm
fi
restarts=$(status_field .token.restarts)
kill_tokend
within 5 "the token helper killed: started again" status_is '.token.restarts > '"$restarts" true
within 5 "and well" is_ready
kill -STOP "$(pgrep -P "$(cat "$home/monitor.pid")" coffer-tokend)"
check "the token helper hung: work goes on" works
within 15 "it is replaced" status_is '.token.restarts > '"$((restarts + 1))" true
within 5 "and well" is_ready

if [ "$token" = swtpm ]; then
  # The owner clears the TPM while the daemon runs: the master secret is lost for good, what is open stays open.
  export TPM2TOOLS_TCTI="swtpm:path=$home/token/swtpm.sock"
  check "the TPM is cleared" tpm2_clear -c lockout
  within 5 "cleared: status says so" status_is .token.health 'other token'
  matches "cleared: and why" "$(status_field .token.sentence)" 'cleared'
  check "cleared: work from memory goes on" works
  kill_tokend
  within 5 "cleared: a new helper finds the same" status_is .token.health 'other token'
  equal "cleared: no master secret is made anew" "$(tpm2_getcap handles-persistent)" ""
  refused "cleared: nothing is wrapped" 1 'cleared' coffer token test
fi

# Started without its token: sealed, says so, opens by itself.
"$sandbox" stop --dir "$dir" >/dev/null 2>&1
if [ "$token" = softhsm ]; then
  remove_softhsm
  setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 &
  within 10 "without its token the daemon starts sealed" status_is .state sealed
  refused "sealed: nothing is decrypted" 4 'sealed' coffer decrypt -i "$work/m"
  matches "sealed: no new master secret was made" "$(find "$home/token" -path '*tokens/*' 2>/dev/null)" '^$'
  return_softhsm
  within 5 "the token returned: open within 5 s" is_ready
  check "and what was sealed opens" works
  kill -TERM "$(cat "$home/monitor.pid")"
  within 10 "stopped" test ! -S "$home/coffer.sock"

  cp "$home/token/pin" "$work/pin.good"
  printf 'wrong-pin-000' >"$home/token/pin"
  setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 &
  within 10 "with a wrong PIN the daemon stays sealed" status_is .token.health 'wrong PIN'
  opens_before=$(status_field .token.restarts)
  matches "and says which PIN is wrong" "$(coffer status)" 'PIN'
  cat "$work/pin.good" >"$home/token/pin"
  equal "it did not try again by itself" "$(status_field .token.restarts)" "$opens_before"
  kill -HUP "$(cat "$home/monitor.pid")"
  within 5 "SIGHUP after mending: open" is_ready
  kill -TERM "$(cat "$home/monitor.pid")"
  within 10 "stopped" test ! -S "$home/coffer.sock"
fi
finish
