#!/bin/bash
# A new master secret on a live node: in the same token, TPM to HSM and back, kill -9 in the middle, a token that is dead; the old one is gone from its token.
# Argument: swtpm or softhsm, the token to begin with.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
first=${1:-swtpm}
begin "master-$first"
keep_softhsm
second=$([ "$first" = swtpm ] && echo softhsm || echo swtpm)
# A second node's sandbox only for its token.
other=$work/other
"$sandbox" start --dir "$other" --token "$second" --quiet >"$work/other.out" 2>&1 || bad "the other token starts" "$(tail -3 "$work/other.out")"
other_uri=$(COFFER_SOCKET=$other/node-1/coffer.sock coffer status --json | jq -r .token.uri)
kill -TERM "$(cat "$other/node-1/monitor.pid")" # its token alone stays
[ "$second" = swtpm ] && other_uri="$other_uri?handle=0x81010D01"
[ "$second" = softhsm ] && other_uri=${other_uri/\?/;id=%0A%0B?} # not the node's that the token was made for
set --
[ "$first" = softhsm ] || set -- --set audit_token_interval=1s --set "tokend_environment=SOFTHSM2_CONF=$other/node-1/token/softhsm2.conf"
[ "$first" = swtpm ] || set -- --set audit_token_interval=1s
start_sandbox --token "$first" "$@"
use_sandbox
state=$home/state
trap '"$sandbox" stop --dir "$other" >/dev/null 2>&1; cleanup' EXIT

start_daemon() {
  setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 &
  within 40 "$1" is_ready
}
kill_daemon() {
  local monitor; monitor=$(cat "$home/monitor.pid")
  kill -9 "$(cat "$home/cofferd.pid")" 2>/dev/null
  kill -9 "$monitor" 2>/dev/null
  rm -f "$home/coffer.sock"
  while kill -0 "$monitor" 2>/dev/null; do sleep 0.05; done
}
opens() { equal "$1" "$(coffer decrypt -i "$work/m" 2>&1)" before; }
secret_now() { status_field .token.master_secret; }

coffer key create k >/dev/null || bad "a key"
printf before | coffer encrypt -k k -o "$work/m" || bad "encrypt"
own_uri=$(status_field .token.uri)
was=$(secret_now)
out=$(coffer rotate master 2>&1) && ok "another master secret in the same token" || bad "another master secret in the same token" "$out"
[ "$(secret_now)" != "$was" ] && ok "it is another one" || bad "it is another one" "$was"
matches "what became of the old one is said" "$out" 'the earlier one: (destroyed|left to its owner)'
opens "what was sealed before opens"
out=$(coffer rotate master 2>&1)
matches "the next time the old one was Coffer's own, and is destroyed" "$out" 'the earlier one: destroyed'
kill_daemon
start_daemon "it opens after kill -9"
opens "and opens what was sealed before"
equal "nothing is left pending" "$(ls "$state/pending" 2>/dev/null)" ""

refused "a token that is not there changes nothing" 1 '' coffer rotate master --token "tpm2:swtpm:path=$work/nowhere"
within 20 "the old token is in force again" is_ready
matches "the audit log has the attempt" "$(coffer audit show)" 'RotateMaster +[^o ]'
refused "the master secret in force is not another one" 1 'in force already' coffer rotate master --token "$(status_field .token.uri)"
within 20 "well again" is_ready

# Another token that fails now and answers later is not where a change without --token goes.
part=$other/node-1/token/$([ "$second" = swtpm ] && echo swtpm.sock || echo pin)
mv "$part" "$part.away"
refused "a change to a token that does not answer is refused" 1 '' coffer rotate master --token "$other_uri"
mv "$part.away" "$part"
within 20 "well again" is_ready
check "a change without --token" coffer rotate master
equal "stays in the token in force" "$(status_field .token.kind)" "$([ "$first" = swtpm ] && echo tpm2 || echo pkcs11)"
own_uri=$(status_field .token.uri)

within 20 "the token signs the audit log" status_is .audit_token.state signed
softhsm_node=$([ "$first" = softhsm ] && echo "$home" || echo "$other/node-1")
signing_keys() { # both halves of those in the PKCS#11 token
  SOFTHSM2_CONF=$softhsm_node/token/softhsm2.conf pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --login --pin "$(cat "$softhsm_node"/token/pin)" --list-objects 2>/dev/null |
    grep -cE 'label: +coffer-audit'
}
there_are() { [ "$(signing_keys)" = "$1" ]; }
if [ "$first" = softhsm ]; then equal "its signing key is in the token" "$(signing_keys)" 2; else within 20 "the other node's signing key is in its token" there_are 2; fi
signer=$(status_field .audit_token.key)
out=$(coffer rotate master --token "$other_uri" 2>&1) && ok "$first to $second" || bad "$first to $second" "$out $(tail -3 "$home/cofferd.log")"
matches "the old one is destroyed" "$out" 'the earlier one: destroyed'
equal "status names the new token" "$(status_field .token.kind)" "$([ "$second" = swtpm ] && echo tpm2 || echo pkcs11)"
check "the data key changes under it" coffer rotate data-key --wait
another_key_signs() { [ "$(status_field .audit_token.key)" != "$signer" ] && [ "$(status_field .audit_token.state)" = signed ]; }
within 20 "the other token signs the audit log by a key of its own" another_key_signs
check "an export" coffer audit export "$work/log"
fingerprint=$(status_field .domain.fingerprint)
if out=$(coffer audit verify "$work/log" --fingerprint "$fingerprint" 2>&1); then bad "the change of the key is found" "$out"; else matches "the change of the key is found" "$out" '^token key: record [0-9]+'; fi
equal "a signing key is in the token in force, and in none that the node left" "$(signing_keys)" "$([ "$second" = softhsm ] && echo 4 || echo 0)"
check "both keys are expected" coffer audit verify "$work/log" --fingerprint "$fingerprint" --token-key "$signer" --token-key "$(status_field .audit_token.key)"
kill_daemon
start_daemon "it opens by the new token after kill -9"
opens "and opens what was sealed before"
out=$(coffer rotate master --token "$own_uri" 2>&1) && ok "and back" || bad "and back" "$out $(tail -3 "$home/cofferd.log")"
opens "what was sealed before opens"
[ "$first" = softhsm ] || equal "and no signing key but the other node's stays in the token that it left" "$(signing_keys)" 2
kill_daemon
start_daemon "it opens by the first token after kill -9"
opens "and opens what was sealed before"

# kill -9 in the middle: whichever is in force then, the node opens.
seed=${COFFER_SEED:-$$}
echo "seed $seed"
RANDOM=$seed
for i in $(seq 6); do
  coffer rotate master >"$work/cut.out" 2>&1 &
  cut=$!
  sleep "0.$((RANDOM % 90 + 10))"
  kill_daemon
  wait $cut
  start_daemon "after kill -9 number $i in the middle of it, it opens"
  opens "and opens what was sealed before"
done
within 20 "what was left is settled" test ! -e "$state/pending/node.id"
check "a whole change afterwards" coffer rotate master
matches "the audit log verifies" "$(coffer audit verify)" 'every link verified'
check "the store is whole" coffer store check
finish
