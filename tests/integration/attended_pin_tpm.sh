#!/bin/bash
# A TPM's PIN that a person gives: the data key wants it, not the connection. Typed, wrong, wrong again, locked out, changed, given to an open node; on an attended start and on any other.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
begin pin-tpm
start_sandbox --token swtpm --no-init --set start=attended
use_sandbox
export TPM2TOOLS_TCTI=swtpm:path=$home/token/swtpm.sock
uri=$(cat "$home/uri")
install -d -m 700 "$work/shares"
pin="4711-of-a-person"
(umask 077; printf '%s\n' "$pin" >"$work/pin"; printf 'not-%s' "$pin" >"$work/wrong"; printf 'next-%s' "$pin" >"$work/next"; printf 'third-%s' "$pin" >"$work/third")
tries() { echo $(($(tpm2_getcap properties-variable | awk '/LOCKOUT_COUNTER/ { print $2 }'))); }
unseal() { coffer unseal --pin --secret-file "$1"; }
restart() { stop_daemon; start_daemon "$1: it starts"; }
opened_by() { equal "$1" "$(status_field .state) $(status_field .opened_by) $(status_field .token.health)" "open $2 well"; }
wrong() { # wrong WHAT COMMAND…: one sentence, one try, and none after it
  local what=$1 before; shift
  before=$(tries)
  refused "$what" 1 'the TPM refuses the PIN of .*: it is wrong, and is not tried again' "$@"
  equal "$what: one try" "$(tries)" $((before + 1))
  equal "$what: status says it" "$(status_field .token.health)" 'wrong PIN'
  matches "$what: and what to do" "$(status_field .token.sentence)" "coffer unseal --pin"
}

check "init with the PIN that is typed" with_secret prompt "$pin" "$bin/coffer" init --token "$uri" --pin --recovery-shares 2 --recovery-threshold 2 --recovery-out "$work/shares"
matches "bound to it" "$(coffer token status)" "PIN from 'coffer unseal'"
check "a key" coffer key create k
printf precious >"$work/p"
coffer encrypt -k k -i "$work/p" -o "$work/m"
decrypts() { check "$1: it decrypts" coffer decrypt -i "$work/m" -o "$work/back"; same "$1: what was encrypted" "$work/p" "$work/back"; }

restart "attended"
equal "sealed, and the TPM was not touched" "$(status_field .state) $(status_field .token.health)" 'sealed waiting'
refused "the TPM without the PIN" 1 "data key wants a PIN: give it with 'coffer unseal --pin'" coffer unseal --token
equal "which is no try" "$(tries)" 0
check "the PIN after that" unseal "$work/pin"
opened_by "opens it" token
restart "again"
wrong "a wrong PIN" unseal "$work/wrong"
kill -HUP "$(cat "$home/monitor.pid")"
within 5 "SIGHUP was taken" grep -q 'configuration was read again' "$home/cofferd.log"
refused "the TPM without a PIN says so" 1 'data key wants a PIN' coffer unseal --token
equal "neither is a try" "$(tries)" 1
wrong "a wrong PIN that is typed" with_secret prompt "not-$pin" "$bin/coffer" unseal --pin
refused "a third PIN is not sent" 1 'was not sent' unseal "$work/wrong"
refused "nor is the right one, until a restart" 1 'was not sent' unseal "$work/pin"
equal "none of them is a try" "$(tries)" 2
restart "after two wrong ones"
check "the PIN that is typed" with_secret prompt "$pin" "$bin/coffer" unseal --pin
opened_by "opens it" token
decrypts "with the PIN"
rotated() { status_is .rotation.phase none && status_is .rotation.generations 1; }
restarted() { [ "$(status_field .token.restarts)" -gt "$restarts" ] && status_is .token.health well; }
kill_helper() {
  restarts=$(status_field .token.restarts)
  kill -9 "$(pgrep -P "$(cat "$home/monitor.pid")" coffer-tokend)"
  within 20 "a helper that dies is started again" restarted
}
kill_helper
check "with the PIN in memory: another data key" coffer rotate data-key
within 60 "it takes the place of the first" rotated
check "the PIN is changed" coffer token change-pin --secret-file "$work/next"
kill_helper
check "with the new one: another data key" coffer rotate data-key
within 60 "it takes the place of that" rotated
equal "no try was spent" "$(tries)" 2
restart "with the new PIN"
wrong "the old PIN" unseal "$work/pin"

# --- locked out, and shares ---
check "as many tries as were made" tpm2_dictionarylockout --setup-parameters --max-tries=3 --recovery-time=86400 --lockout-recovery-time=86400
refused "the right one is not looked at" 1 'takes no PIN now, after too many wrong ones or power cuts \(0x921\)' unseal "$work/next"
equal "status says it" "$(status_field .token.health)" locked
check "shares open it" coffer unseal --share-file "$work/shares/share-1.txt" --share-file "$work/shares/share-2.txt"
stop_daemon # which would end the tool's sessions
check "the TPM's owner ends the lockout" tpm2_dictionarylockout --clear-lockout
check "and gives tries again" tpm2_dictionarylockout --setup-parameters --max-tries=32 --recovery-time=86400 --lockout-recovery-time=86400
start_daemon "by shares: it starts"
check "shares open it" coffer unseal --share-file "$work/shares/share-1.txt" --share-file "$work/shares/share-2.txt"
equal "without the PIN" "$(status_field .state) $(status_field .token.health)" 'open well'
refused "a new master secret does not go without a PIN in silence" 1 "bound to a PIN that was not given.*'coffer unseal --pin' first.*--token.*--pin" coffer rotate master
refused "nor in another place" 1 'would want none: .*--pin.*pin-source=' coffer rotate master --token "$uri?handle=0x81010D01"
wrong "a wrong PIN to the open node" unseal "$work/wrong"
equal "it serves meanwhile" "$(status_field .state)" open
check "the PIN to the open node" unseal "$work/next"
equal "its token is well" "$(status_field .token.health)" well
refused "which wants no other" 1 'open already' unseal "$work/next"
check "a new master secret goes with that" coffer rotate master
matches "and is bound to it" "$(coffer token status)" "PIN from 'coffer unseal'"
check "one with a PIN of its own" coffer rotate master --token "$uri?handle=0x81010D01" --pin-file "$work/third"

# --- a start that is not attended ---
sed -i '/^start *=/d' "$home/cofferd.conf"
restart "unattended"
waits() { status_is .state sealed && grep -q "give it with 'coffer unseal --pin'" <<<"$(status_field .note)"; }
within 20 "it is sealed and says what it waits for" waits
before=$(tries)
wrong "a wrong PIN" unseal "$work/next"
check "its PIN" unseal "$work/third"
opened_by "opens it" token
decrypts "unattended"
equal "one try was spent" "$(tries)" $((before + 1))

# --- the PIN is forgotten: shares open it, and a new master secret with a PIN of its own takes the place of the old one ---
restart "forgotten"
within 20 "it is sealed and says what it waits for" waits
before=$(tries)
check "shares open it" coffer unseal --share-file "$work/shares/share-1.txt" --share-file "$work/shares/share-2.txt"
check "a new master secret with a new PIN, and never the old one" coffer rotate master --token "$uri?handle=0x81010D02" --pin-file "$work/next"
matches "is bound to it" "$(coffer token status)" "PIN from 'coffer unseal'"
restart "with what took its place"
within 20 "it is sealed and says what it waits for" waits
check "the new PIN" unseal "$work/next"
opened_by "opens it" token
decrypts "forgotten"
equal "no try was spent" "$(tries)" "$before"
equal "no PIN in state, configuration or log" "$(grep -rlaF "$pin" "$home/state" "$home/cofferd.log" "$home/cofferd.conf" | wc -l)" 0
finish
