#!/bin/bash
# The token is dead and the disk is not (docs/recovery.md section 8): shares open the node, a token of the other kind takes the master secret over, and the one that nobody can destroy any more is
# given up. Argument: swtpm or softhsm, the token that dies.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
first=$1
second=$([ "$first" = swtpm ] && echo softhsm || echo swtpm)
begin "dead-$first"
# A second node's sandbox only for its token.
other=$work/other
"$sandbox" start --dir "$other" --token "$second" --quiet >"$work/other.out" 2>&1 || bad "the other token starts" "$(tail -3 "$work/other.out")"
uri=$(COFFER_SOCKET=$other/node-1/coffer.sock coffer status --json | jq -r .token.uri)
kill -TERM "$(cat "$other/node-1/monitor.pid")" # its token alone stays
[ "$second" = swtpm ] && uri="$uri?handle=0x81010D01"
[ "$second" = softhsm ] && uri=${uri/\?/;id=%0A%0B?} # not the node's that the token was made for
trap '"$sandbox" stop --dir "$other" >/dev/null 2>&1; cleanup' EXIT
set --
[ "$first" = softhsm ] || set -- --set "tokend_environment=SOFTHSM2_CONF=$other/node-1/token/softhsm2.conf"
start_sandbox --token "$first" --set token_deadline=3s --set token_probe_interval=1s "$@"
use_sandbox
shares=(--share-file "$dir/recovery/share-1.txt" --share-file "$dir/recovery/share-2.txt" --share-file "$dir/recovery/share-3.txt")

restart() {
  stop_daemon
  start_daemon "$1: it starts"
  within 20 "$1: it opens by itself" is_ready
}
opens() { equal "$1" "$(coffer decrypt -i "$work/m" 2>&1)" before; }
die() { # for good
  if [ "$first" = swtpm ]; then
    kill -9 "$(cat "$home/token/swtpm.pid")"
    rm -f "$home"/token/swtpm.sock "$home"/token/tpm2-00.permall
  else
    rm -rf "$home/token/tokens"
  fi
}
said() { coffer status | grep -q 'not destroyed'; }

coffer key create k >/dev/null || bad "a key"
printf before | coffer encrypt -k k -o "$work/m" || bad "encrypt"
fingerprint=$(status_field .domain.fingerprint)
stop_daemon
die
start_daemon "with a dead token it starts"
within 20 "and stays sealed" status_is .state sealed
refused "nothing is decrypted" 4 '.' coffer decrypt -i "$work/m"

# ---- as section 8 says ----
check "shares open it" coffer unseal "${shares[@]}"
opens "it serves from then on"
out=$(coffer rotate master --token "$uri" 2>&1) && ok "another token takes over" || bad "another token takes over" "$out"
matches "it says that the earlier one could not be destroyed, and why" "$out" 'the earlier one: .+'
if grep -qE 'the earlier one: (destroyed|left)' <<<"$out"; then bad "and not that it was" "$out"; else ok "and not that it was"; fi
equal "status names the new token" "$(status_field .token.kind)" "$([ "$second" = swtpm ] && echo tpm2 || echo pkcs11)"
within 20 "which is well" status_is .token.health well
opens "what was sealed before opens"
restart "after a restart"
opens "by the new token, without shares"
within 20 "the earlier one stays on record" said
refused "another change wants it settled" 1 'is not destroyed yet.*--forget-old' coffer rotate master
check "the node goes on" coffer token test
out=$(coffer rotate master --forget-old 2>&1) && ok "it is given up" || bad "it is given up" "$out"
matches "that of the new token was destroyed" "$out" 'the earlier one: destroyed'
check "it is not on record any more" bash -c "! '$bin/coffer' status | grep -q 'not destroyed'"
matches "but in the audit log" "$(coffer audit show --limit 100)" 'master secret: the earlier one is given up'
restart "after another restart"
opens "and opens what was sealed before"
equal "the same domain" "$(status_field .domain.fingerprint)" "$fingerprint"
[ "$second" = softhsm ] || equal "whose token counts now" "$(status_field .rollback.protection)" 'counter in the token'
check "the data key changes under it" coffer rotate data-key --wait
check "the audit log verifies" coffer audit verify
check "the store is whole" coffer store check
finish
