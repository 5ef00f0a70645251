#!/bin/bash
# A copy from before the last `rotate master`: the TPM has the master secret of then no more, or another one stands at its place, and its counter is asked all the same, so shares do not open the
# copy as if it were the newest, neither with the TPM there nor with one that comes back later.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin rollback-rotated
start_sandbox --token swtpm --set anchor_interval=1s --set anchor_period=0 --set token_probe_interval=1s
use_sandbox
# shellcheck source=tests/integration/rollback_lib.sh
. "$(dirname "$0")/rollback_lib.sh"
shares=(--share-file "$dir/recovery/share-1.txt" --share-file "$dir/recovery/share-2.txt" --share-file "$dir/recovery/share-3.txt")

sealed_as() { # sealed_as WHAT HEALTH: it starts, stays sealed, and the token is in this state
  start_daemon "$1: it starts"
  within 20 "$1: the token is $2" status_is .token.health "$2"
  equal "$1: the node stays sealed" "$(status_field .state)" sealed
}

sealed_key
doomed_key
stop_daemon
save before
opens_again "once more"
destroy_doomed "once more"
check "another master secret" coffer rotate master
stop_daemon
save after

# ---- the master secret of the copy is not in the TPM any more ----
put_back before
sealed_as "missing" 'key missing'
refused "missing: shares do not open it" 1 'rollback: the store is older than this node has been' coffer unseal "${shares[@]}"
is_behind "missing"
check "missing: root takes it" coffer store accept --rollback --yes
within 20 "missing: it serves" status_is .state open
check "missing: what was destroyed is back: root was told" coffer decrypt -i "$work/d" -o "$work/o"
equal "missing: the counter goes on, in the TPM of the counter" "$(status_field .rollback.protection)" 'counter in the token'
version=$(status_field .rollback.version)
anchored() { [ "$(status_field .rollback.anchored_version)" -ge "$1" ]; }
destroy_doomed "missing, again"
within 20 "missing: and that is anchored, without a master secret" anchored "$((version + 2))"
check "missing: another master secret in it" coffer rotate master --forget-old
stop_daemon
opens_again "missing, after a restart"
equal "missing: what root took stays on record" 1 "$(status_field .rollback.overridden)"
uri=$(cat "$home/uri")
stop_daemon
save now

# ---- the TPM is kept away, and comes back without the master secret of the copy ----
tpm_stop TERM "$home/token/swtpm.pid"
put_back before
start_daemon "late: it starts"
within 20 "late: and stays sealed" status_is .state sealed
check "late: shares open it" coffer unseal "${shares[@]}"
matches "late: and it is on record that nothing was compared" "$(coffer audit show --limit 20)" 'opened the data key; the counter in the token was not compared'
"$sandbox" start --dir "$dir" >/dev/null 2>&1 &
within 30 "late: the TPM comes back, and the node stops" status_is .state fault
is_behind "late"
kill %1 2>/dev/null
stop_daemon

# ---- another master secret stands at the place of the copy's ----
put_back now
opens_again "replaced, the newest store"
check "replaced: another master secret at the place of the first" coffer rotate master --token "$uri?handle=0x81010C0F"
stop_daemon
put_back before
sealed_as "replaced" 'other token'
refused "replaced: shares do not open it" 1 'rollback: the store is older than this node has been' coffer unseal "${shares[@]}"
is_behind "replaced"
finish
