#!/bin/bash
# Nobody knows the token's PIN any more (docs/recovery.md section 8), step by step as written there. Argument: swtpm or softhsm.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
token=$1
begin "forgotten-$token"
set --
if [ "$token" = softhsm ]; then # without the security officer's PIN it ends in a new token, which is a second node's
  other=$work/other
  "$sandbox" start --dir "$other" --token swtpm --quiet >"$work/other.out" 2>&1 || bad "the other token starts" "$(tail -3 "$work/other.out")"
  other_uri="$(COFFER_SOCKET=$other/node-1/coffer.sock coffer status --json | jq -r .token.uri)?handle=0x81010D01"
  kill -TERM "$(cat "$other/node-1/monitor.pid")" # its token alone stays
  trap '"$sandbox" stop --dir "$other" >/dev/null 2>&1; cleanup' EXIT
fi
start_sandbox --token "$token" --set anchor_interval=1s --set anchor_period=0
use_sandbox
shares=(--share-file "$dir/recovery/share-1.txt" --share-file "$dir/recovery/share-2.txt" --share-file "$dir/recovery/share-3.txt")
pin=$home/token/pin
[ "$token" = softhsm ] || pin=$work/pin

put_pin() { printf '%s' "$1" >"$pin.new"; chmod 600 "$pin.new"; give_to tokend "$pin.new"; mv "$pin.new" "$pin"; }
opens() { within 20 "$1: it is open" status_is .state open; equal "$1: what was sealed opens" "$(coffer decrypt -i "$work/m" 2>&1)" before; }
tries() { TPM2TOOLS_TCTI=swtpm:path=$home/token/swtpm.sock tpm2_getcap properties-variable | awk '/LOCKOUT_COUNTER/ { print $2 }'; }
# The next start, when the file has another PIN than the token.
start_without() {
  stop_daemon
  put_pin "$1"
  start_daemon "with a PIN that is not it, it starts"
  within 20 "and says that it is wrong" status_is .token.health 'wrong PIN'
  equal "sealed" "$(status_field .state)" sealed
}

coffer key create k >/dev/null || bad "a key"
printf before | coffer encrypt -k k -o "$work/m" || bad "encrypt"

# An older store put back: the counter wants no PIN, so shares do not open it, and no other try is spent. Then the newest again.
older_store() { # $1: what is done to the PIN, $2: the health that follows
  local out
  stop_daemon
  cp -a "$home/state" "$work/newest"
  rm -rf "$home/state"
  cp -a "$work/older" "$home/state"
  "$1"
  start_daemon "an older store, $2: it starts"
  within 20 "and says that of the PIN" status_is .token.health "$2"
  equal "sealed" "$(status_field .state)" sealed
  spent=$(tries)
  out=$(coffer unseal "${shares[@]}" 2>&1) && bad "shares do not open the older store" "$out" || matches "shares do not open the older store" "$out" 'rollback: the store is older than this node has been'
  equal "it is at fault" "$(status_field .state)" fault
  equal "no try was spent on it" "$(tries)" "$spent"
  stop_daemon
  rm -rf "$home/state"
  mv "$work/newest" "$home/state"
  put_pin a-pin-that-is-lost
  start_daemon "the newest again"
  opens "the newest"
}
wrong_pin() { put_pin no-longer-known; }
no_pin() { rm "$pin"; }
raised_past() { [ "$(status_field .rollback.counter)" -gt "$1" ]; }
protects() { status_is .rollback.protection 'counter in the token'; }

if [ "$token" = swtpm ]; then
  put_pin a-pin-that-is-lost
  check "the node wants a PIN" coffer token reseal --pin-source "file:$pin"
  within 20 "a counter protects it" protects
  stop_daemon
  cp -a "$home/state" "$work/older"
  start_daemon "after a copy of the state folder"
  opens "with its PIN"
  counter=$(status_field .rollback.counter)
  coffer key create doomed >/dev/null && coffer key revoke doomed --reason key-compromise >/dev/null && coffer key destroy doomed >/dev/null || bad "a key destroyed"
  within 20 "the counter was raised" raised_past "$counter"
  older_store wrong_pin 'wrong PIN'
  older_store no_pin gone
  start_without no-longer-known
  spent=$(tries)
  check "shares open it" coffer unseal "${shares[@]}"
  opens "by shares"
  check "the counter was asked" protects
  counter=$(status_field .rollback.counter)
  coffer key create second >/dev/null && coffer key revoke second --reason key-compromise >/dev/null && coffer key destroy second >/dev/null || bad "another key destroyed"
  within 20 "and is raised" raised_past "$counter"
  put_pin the-new-pin
  printf 'the-new-pin' >"$work/wish"
  refused "a change of the PIN does not help: it wants the old one" 1 'it is wrong, and is not tried again' coffer token change-pin --secret-file "$work/wish"
  refused "nor does reseal" 1 'it is wrong, and is not tried again' coffer token reseal
  out=$(coffer rotate master 2>&1) && ok "another master secret in the same TPM" || bad "another master secret in the same TPM" "$out"
  equal "no other try was spent" "$(tries)" "$spent"
  opens "by the new one"
  stop_daemon
  start_daemon "after a restart"
  opens "with the new PIN, without shares"
  equal "by its token" "$(status_field .opened_by)" token
  matches "still bound to a PIN" "$(coffer token status)" "PIN from file:$pin"
  stop_daemon
  put_pin a-pin-that-is-lost
  start_daemon "with the lost one, should it be found"
  within 20 "which it does not take any more" status_is .token.health 'wrong PIN'
  put_pin the-new-pin
  kill -HUP "$(cat "$home/monitor.pid")"
  opens "put right and reloaded"
  finish
fi

module=$(status_field .token.uri | sed -n 's/.*module-path=\([^&]*\).*/\1/p')
label=$(status_field .token.uri | sed -n 's/.*token=\([^;?]*\).*/\1/p')
export SOFTHSM2_CONF=$home/token/softhsm2.conf
start_without no-longer-known
check "the security officer sets another PIN" pkcs11-tool --module "$module" --token-label "$label" --login --login-type so --so-pin "$(cat "$home/token/so-pin")" --init-pin --new-pin 87654321
give_to tokend "$home/token/tokens"
put_pin 87654321
kill -HUP "$(cat "$home/monitor.pid")"
opens "written where pin-source points, and reloaded"
equal "by its token" "$(status_field .opened_by)" token
stop_daemon
start_daemon "after a restart"
opens "with the new PIN"

# Nobody knows the security officer's either.
start_without no-longer-known-again
check "shares open it" coffer unseal "${shares[@]}"
opens "by shares"
out=$(coffer rotate master --token "$other_uri" 2>&1) && ok "a new token takes over" || bad "a new token takes over" "$out"
matches "the earlier one cannot be destroyed, and why is said" "$out" 'the earlier one: .*PIN'
stop_daemon
start_daemon "after a restart"
opens "by the new token"
equal "which is another kind here" "$(status_field .token.kind)" tpm2
check "the earlier one is given up" coffer rotate master --forget-old
opens "and goes on"
check "the audit log verifies" coffer audit verify
finish
