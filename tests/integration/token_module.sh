#!/bin/bash
# A PKCS#11 module that fails under a running daemon, by a shim between the helper and SoftHSM: removed, hung, a refused PIN, a key that
# vanishes or is replaced. Work from memory goes on, status says what is wrong, no PIN is tried twice, and recovery takes 5 seconds at most.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
begin module
softhsm=$(ls /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so 2>/dev/null | head -1)
pin=73910462
home=$work/node
mkdir -p "$home/state" "$work/tokens" "$work/shares" "$work/shim"
chmod 700 "$home/state"
export SOFTHSM2_CONF=$work/softhsm2.conf
printf 'directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n' "$work" >"$SOFTHSM2_CONF"
printf %s "$pin" >"$work/pin"
chmod 600 "$work/pin"
cp "$COFFER_BUILD/tests/hsm_shim.so" "$work/shim/module.so"
control=$work/shim/control
log=$work/shim/log
: >"$control"
: >"$log"
softhsm2-util --module "$softhsm" --init-token --free --label t --so-pin 12345678 --pin "$pin" >/dev/null
tool() { pkcs11-tool --module "$softhsm" --token-label t --login --pin "$pin" "$@"; }
keygen() { tool --keygen --key-type AES:32 --label master --id 11 --sensitive --private --usage-wrap --allowed-mechanisms AES-KEY-WRAP >/dev/null 2>&1; }
keygen
{
  echo "socket = $home/coffer.sock"
  echo "state_dir = $home/state"
  echo "pid_file = $home/cofferd.pid"
  echo "monitor_pid_file = $home/monitor.pid"
  echo "secret_memory = 8M"
  echo "token_deadline = 2s"
  echo "token_probe_interval = 1s"
  echo "audit_token_interval = 0" # the master secret alone is in the token
  echo "tokend_environment = SOFTHSM2_CONF=$SOFTHSM2_CONF HSM_SHIM_MODULE=$softhsm HSM_SHIM_CONTROL=$control HSM_SHIM_LOG=$log"
  user_settings
} >"$home/cofferd.conf"
give_to daemon "$home" "$home/state"
give_to tokend "$work/tokens" "$work/pin" "$SOFTHSM2_CONF" "$work/shim" "$work/shim/log" "$control"
export COFFER_SOCKET=$home/coffer.sock
end_daemon() { kill -TERM "$(cat "$home/monitor.pid" 2>/dev/null)" 2>/dev/null; within 10 "stopped" test ! -S "$home/coffer.sock"; }
trap 'kill -TERM "$(cat "$home/monitor.pid" 2>/dev/null)" 2>/dev/null; cleanup' EXIT
setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 &
within 10 "the daemon waits for init" status_is .state uninitialised
uri="pkcs11:token=t;object=master?module-path=$work/shim/module.so&pin-source=file:$work/pin"
check "init" coffer init --token "$uri" --recovery-shares 3 --recovery-threshold 2 --recovery-out "$work/shares"
within 5 "ready" is_ready
coffer key create k >/dev/null
echo hello >"$work/p"
coffer encrypt -k k -i "$work/p" -o "$work/m"

works() { coffer decrypt -i "$work/m" -o "$work/o" && cmp -s "$work/p" "$work/o" && coffer encrypt -k k -i "$work/p" -o "$work/m2"; }
health() { status_field .token.health; }
unwell() { [ "$(health)" != well ]; }
tell() { echo "$1" >"$control"; }
calls() { grep -c "^[0-9]* $1\$" "$log"; }
kill_tokend() { pkill -9 -P "$(cat "$home/monitor.pid")" coffer-tokend; }
ms() { echo $(($(date +%s%N) / 1000000)); }

# failing WHAT CONTROL HEALTH: the module fails, the daemon degrades, the module is well again.
failing() {
  local what=$1 began
  began=$(ms)
  tell "$2"
  within 5 "$what: noticed" status_is .token.health "$3"
  echo "     after $(($(ms) - began)) ms"
  check "$what: work from memory goes on" works
  matches "$what: status has a sentence" "$(status_field .token.sentence)" '[a-z]{3,} .*[a-z]'
  began=$(ms)
  tell ''
  within 5 "$what: well within 5 s of the cure" is_ready
  echo "     after $(($(ms) - began)) ms"
  check "$what: the token passes its test" coffer token test
}
failing "CKR_DEVICE_REMOVED from every call" "any 0x32" gone
failing "CKR_TOKEN_NOT_PRESENT from every call" "any 0xE0" gone
failing "CKR_SESSION_HANDLE_INVALID from every call" "any 0xB3" gone
failing "CKR_DEVICE_ERROR from C_UnwrapKey" "C_UnwrapKey 0x30" gone

# Hung: the module cannot be cancelled, so its process is.
tell "C_UnwrapKey sleep 30000"
within 5 "hung: noticed" unwell
restarts=$(status_field .token.restarts)
slowest=0
for _ in $(seq 20); do
  began=$(ms)
  works || bad "hung: work from memory goes on"
  took=$(($(ms) - began))
  [ $took -le $slowest ] || slowest=$took
done
check "hung: the slowest of 20 rounds of decrypt and encrypt took $slowest ms, which is less than the token's deadline" test "$slowest" -lt 2000
within 10 "hung: the helper is replaced" status_is ".token.restarts > $restarts" true
tell ''
within 5 "hung: well within 5 s of the cure" is_ready
tell "any sleep 20"
check "slow, 20 ms a call: served all the same" coffer token test
tell ''
within 5 "ready" is_ready

# A PIN that is refused: one try, whatever is asked for, until an operator says so.
refusing() { # refusing NAME CONTROL HEALTH
  local tries seen=1
  tell "$2"
  : >"$log"
  kill_tokend
  within 5 "$1: noticed" status_is .token.health "$3"
  coffer token test >/dev/null 2>&1
  for _ in $(seq 50); do # longer than the longest pause between attempts
    tries=$(calls C_Login)
    [ "$tries" -le "$seen" ] || { bad "$1: one try" "$tries tries"; break; }
    sleep 0.05
  done
  equal "$1: one try and no more" "$(calls C_Login)" 1
  check "$1: work from memory goes on" works
  tell ''
  kill -HUP "$(cat "$home/monitor.pid")"
  within 5 "$1: the operator asks again: well" is_ready
  equal "$1: that cost one more" "$(calls C_Login)" 2
}
refusing "CKR_PIN_INCORRECT" "C_Login 0xA0" "wrong PIN"
refusing "CKR_PIN_EXPIRED" "C_Login 0xA3" "wrong PIN"
refusing "CKR_PIN_LOCKED" "C_Login 0xA4" locked
absent_in() { ! grep -rqF -- "$pin" "$@"; }
# A login that hangs: whether it was a try is not known. A PIN that was right before goes out once more by itself, one that was never taken does not; then an operator says so.
stopped_after() { # stopped_after NAME LOGINS
  within 15 "$1: the token is left alone" status_is .token.health "wrong PIN"
  matches "$1: status says what is known of it, and what to do" "$(status_field .token.sentence)" 'whether that cost a try is not known.*tries.*coffer unseal'
  coffer token test >/dev/null 2>&1
  equal "$1: so often the PIN was sent" "$(calls C_Login)" "$2"
  check "$1: work from memory goes on" works
}
tell "C_Login sleep 30000"
: >"$log"
kill_tokend
stopped_after "a login hangs, of a PIN that is right" 2
refused "an operator asks again: hangs too" 1 'whether that cost a try is not known' coffer unseal --token
equal "an operator asks again: once" "$(calls C_Login)" 3
tell ''
check "the token answers, and is asked" coffer unseal --token
within 5 "the token answers: well" is_ready
tell "C_SetPIN sleep 30000"
: >"$log"
printf 1234 >"$work/next-pin"
refused "a change of the PIN hangs" 1 'the old one or the new one is in force' coffer token change-pin --secret-file "$work/next-pin"
coffer token test >/dev/null 2>&1
equal "a change of the PIN hangs: neither is sent, and it is not changed again" "$(calls C_Login) $(calls C_SetPIN)" "0 1"
tell ''
check "the old one is in force, and an operator asks" coffer unseal --token
within 5 "the old one is in force: well" is_ready
check "the PIN stands in no log and no status" absent_in "$home/cofferd.log" "$log"
check "nor in what status says" eval '! coffer status --json | grep -qF "$pin"'

# The key's file vanishes, is torn, is replaced by another key of the same name.
object=$(find "$work/tokens" -name '*.object' ! -name token.object)
equal "there is one key" "$(wc -l <<<"$object")" 1
vanish() { mv "$object" "$work/kept"; }
restore() { cp -p "$work/kept" "$object"; }
keys() { find "$work/tokens" -name '*.object' ! -name token.object | wc -l; }
cp -p "$object" "$work/kept"
rm "$object"
within 5 "key vanished: noticed" status_is .token.health "key missing"
check "key vanished: work from memory goes on" works
refused "key vanished: the token's test fails" 1 'does not show|not well|key' coffer token test
equal "key vanished: no new one is made" "$(keys)" 0
restore
within 5 "key returned: well" is_ready
truncate -s 100 "$object"
touch "$object"
kill_tokend
within 5 "key torn: noticed" status_is .token.health "key missing"
restore
within 5 "key mended: well" is_ready
rm "$object"
within 5 "key vanished again: noticed" status_is .token.health "key missing"
keygen
give_to tokend -R "$work/tokens"
within 5 "another key with the same label and id: refused" status_is .token.health "other token"
check "another key: work from memory goes on" works
refused "another key: nothing is wrapped with it" 1 '.' coffer token test
find "$work/tokens" -name '*.object' ! -name token.object -delete
restore
give_to tokend -R "$work/tokens"
within 5 "the right key is back: well" is_ready

# PKCS#11 runs in the helpers alone, each with a C_Initialize of its own, and none of them forks.
check "no process that loaded the module forked" eval '! grep -q FORKED "$log"'
old=$(pgrep -P "$(cat "$home/monitor.pid")" coffer-tokend) # it may call once more before it is killed
first_calls() { awk -v old="$old" '$1 != old && !($1 in seen) { seen[$1] = 1; print $2 }' "$log" | sort -u; }
begun() { [ -n "$(first_calls)" ]; }
: >"$log"
kill_tokend
within 10 "another helper begins" begun
within 5 "the helper killed: well again" is_ready
equal "each process begins with C_Initialize" "$(first_calls)" C_Initialize
for pid in $(cut -d' ' -f1 "$log" | sort -u); do
  case $pid in "$(cat "$home/monitor.pid")"|"$(cat "$home/cofferd.pid")") bad "PKCS#11 runs in a helper" "$pid" ;; esac
done
ok "neither the daemon nor the monitor called the module"

# A start whose login hangs: one, whatever is asked for.
end_daemon
tell "C_Login sleep 30000"
: >"$log"
setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 &
within 15 "a start hangs in the login: the token is left alone" status_is .token.health "wrong PIN"
refused "a start hangs in the login: the node is sealed" 1 'whether that cost a try is not known' coffer token test
equal "a start hangs in the login: the PIN was sent once" "$(calls C_Login)" 1
tell ''
check "the token answers at last, and an operator asks" coffer unseal --token
within 5 "the node is open" is_ready
equal "that was one login more" "$(calls C_Login)" 2
end_daemon
finish
