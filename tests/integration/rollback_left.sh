#!/bin/bash
# What a node leaves behind when it goes from one token to another: the last copy from before is older than the counter of the TPM that it left, also where that TPM could only be asked later; a
# token that cannot count lies between a TPM and its return; and a copy of a time when the new TPM could make no counter is refused once it has one.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin rollback-left
# Another node's sandbox only for its token.
other=$work/other
"$sandbox" start --dir "$other" --token softhsm --quiet >"$work/other.out" 2>&1 || bad "the other token starts" "$(tail -3 "$work/other.out")"
hsm=$(COFFER_SOCKET=$other/node-1/coffer.sock coffer status --json | jq -r .token.uri)
hsm=${hsm/\?/;id=%0A%0B?}
kill -TERM "$(cat "$other/node-1/monitor.pid")"
trap 'kill_second; "$sandbox" stop --dir "$other" >/dev/null 2>&1; cleanup' EXIT
start_sandbox --token swtpm --set anchor_interval=1s --set anchor_period=0 --set token_deadline=4s --set token_probe_interval=1s --set "tokend_environment=SOFTHSM2_CONF=$other/node-1/token/softhsm2.conf"
use_sandbox
# shellcheck source=tests/integration/rollback_lib.sh
. "$(dirname "$0")/rollback_lib.sh"
shares=(--share-file "$dir/recovery/share-1.txt" --share-file "$dir/recovery/share-2.txt" --share-file "$dir/recovery/share-3.txt")
first=$(status_field .token.uri)
tpm=$home/second
second="tpm2:swtpm:path=$tpm/swtpm.sock"
export TPM2TOOLS_TCTI=swtpm:path=$tpm/swtpm.sock

kill_second() { [ ! -s "$tpm/pid" ] || kill -9 "$(cat "$tpm/pid")" 2>/dev/null; }
second_on() { tpm_start "$tpm" "$tpm/swtpm.sock" "$tpm/pid"; }
second_off() { tpm_stop TERM "$tpm/pid"; }
save_last() { # save_last COPY: of the running node, whose counter says what the copy says
  local pid; pid=$(cat "$home/cofferd.pid")
  within 20 "$1: its counter is well" status_is .rollback.health well
  kill -STOP "$pid"
  save "$1"
  kill -CONT "$pid"
}
shares_do_not_open() { # shares_do_not_open WHAT COPY
  put_back "$2"
  start_daemon "$1: with the copy it starts"
  within 20 "$1: and stays sealed" status_is .token.health 'key missing'
  refused "$1: shares do not open it" 1 'rollback: the store is older than this node has been' coffer unseal "${shares[@]}"
  equal "$1: the node is at fault" "$(status_field .state)" fault
  stop_daemon
}
indexes() { for i in 0 1 2 3 4 5 6 7; do "$@" "0x01810C1$i" >/dev/null 2>&1 || echo "0x01810C1$i"; done; }
make_index() { tpm2_nvdefine -C o -s 8 -a 'ownerwrite|ownerread' "$1"; }

mkdir -m 700 "$tpm"
give_to tokend "$tpm"
second_on
sealed_key
equal "the second TPM has no place left for a counter" "$(indexes make_index)" ""
save_last first-last

# ---- to a TPM that can make no counter yet ----
check "full: another TPM takes over" coffer rotate master --token "$second"
matches "full: that nothing protects is in the audit log at once" "$(coffer audit show --limit 5)" 'a change of the master secret, and the counter in the token: no counter could be made in the token'
equal "full: status says that nothing protects" "$(status_field .rollback.protection)" 'none yet'
stop_daemon
opens_again "full, once more"
matches "full: and the audit log that nothing was compared" "$(coffer audit show --limit 20)" \
  'opened the data key; the counter in the token was not compared: no counter could be made in the token'
stop_daemon
save full
equal "full: its places are free again" "$(indexes tpm2_nvundefine -C o)" ""
opens_again "full"
equal "full: the counter is made" "$(status_field .rollback.protection)" 'counter in the token'
stop_daemon
save second
put_back full
start_daemon "full: with the copy of then it starts"
within 20 "full: and is at fault" status_is .state fault
matches "full: and says why" "$(status_field .note)" '^rollback: the token has a counter of this node that the store does not know'
stop_daemon

# ---- the TPM that was left ----
shares_do_not_open "left" first-last

# ---- left for a token that cannot count ----
put_back second
opens_again "hsm"
doomed_key
save_last second-last
check "hsm: a token that cannot count takes over" coffer rotate master --token "$hsm"
equal "hsm: status says that nothing protects" "$(status_field .rollback.protection)" 'none in the token'
stop_daemon
save hsm
shares_do_not_open "hsm" second-last
put_back hsm
opens_again "back"
out=$(coffer rotate master --token "$second" 2>&1) && ok "back: the TPM takes over again" || bad "back: the TPM takes over again" "$out"
equal "back: its counter protects again" "$(status_field .rollback.protection)" 'counter in the token'
equal "back: nobody had to take anything" 0 "$(status_field .rollback.overridden)"
destroy_doomed back
stop_daemon
save back

# ---- a copy of the time with the token that cannot count, and the way to the TPM from it ----
put_back hsm
start_daemon "hsm copy: it starts"
within 20 "hsm copy: and stays sealed" status_is .token.health 'key missing'
check "hsm copy: shares open it: its token cannot be asked" coffer unseal "${shares[@]}"
refused "hsm copy: the TPM does not take over" 1 'rollback: the store is older than this node has been.*coffer store accept --rollback' coffer rotate master --token "$second?handle=0x81010D07"
equal "hsm copy: the node is at fault" "$(status_field .state)" fault
refused "hsm copy: what was destroyed does not decrypt" 1 'stopped serving' coffer decrypt -i "$work/d" -o "$work/o"
stop_daemon

# ---- left while it was away ----
put_back back
opens_again "away"
stop_daemon
save away-last
second_off
start_daemon "away: without its TPM it starts"
within 20 "away: and stays sealed" status_is .state sealed
check "away: shares open it" coffer unseal "${shares[@]}"
refused "away: the first TPM does not take over: it has a counter, and nothing bears the store out" 1 'rollback: the token has a counter of this node that the store does not know' coffer rotate master --token "$first"
stop_daemon
start_daemon "away: it starts again"
within 20 "away: and stays sealed" status_is .state sealed
check "away: shares open it" coffer unseal "${shares[@]}"
check "away: a token that cannot count takes over" coffer rotate master --token "$hsm"
matches "away: the earlier one is on record" "$(coffer status)" 'not destroyed'
stop_daemon
second_on
opens_again "away: the TPM is back"
settled() { ! coffer status | grep -q 'not destroyed'; }
within 20 "away: its master secret is destroyed" settled
stop_daemon
save away-hsm
shares_do_not_open "away" away-last

# ---- left by an older copy while it was away ----
put_back away-hsm
opens_again "older"
check "older: the TPM takes over once more" coffer rotate master --token "$second"
coffer key create late >/dev/null && printf gone | coffer encrypt -k late -o "$work/d" || bad "the late key"
save_last older
coffer key revoke late --reason key-compromise >/dev/null && check "older: a key is destroyed" coffer key destroy late
stop_daemon
opens_again "older: the newest store"
coffer key create one-more >/dev/null || bad "one more key"
stop_daemon
save newest
second_off
put_back older
start_daemon "older: without the TPM the older copy starts"
within 20 "older: and stays sealed" status_is .state sealed
check "older: shares open it in good faith" coffer unseal "${shares[@]}"
check "older: a token that cannot count takes over" coffer rotate master --token "$hsm"
equal "older: what was destroyed is back: nothing can be compared yet" "$(coffer decrypt -i "$work/d" 2>&1)" gone
stop_daemon
second_on
start_daemon "older: the TPM is back"
is_behind "older"
matches "older: the log says which counter that was" "$(cat "$home/cofferd.log")" 'not all is done about the master secret before this one: rollback: the store is older'
stop_daemon
start_daemon "older: after a restart"
is_behind "older: after a restart"
check "older: root takes it" coffer store accept --rollback --yes
within 20 "older: it serves" status_is .state open
within 20 "older: the earlier master secret is destroyed now" settled
equal "older: what root took stays on record" 1 "$(status_field .rollback.overridden)"
log=$(coffer audit show --limit 30)
matches "older: what was found is in the audit log" "$log" 'a change of the master secret, and the counter in the token: rollback: the store is older'
matches "older: and what was taken" "$log" 'that token was left'
stop_daemon
shares_do_not_open "older: the newest store from before that" newest
finish
