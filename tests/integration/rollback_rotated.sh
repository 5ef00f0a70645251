#!/bin/bash
# A copy from before the last `rotate master`: the TPM has the master secret of then no more, or another one stands at its place, and its counter is asked all the same, so shares do not open the
# copy as if it were the newest, neither with the TPM there nor with one that comes back later.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin rollback-rotated
start_sandbox --token swtpm --set anchor_interval=1s --set anchor_period=0 --set token_probe_interval=1s
use_sandbox
state=$home/state
shares=(--share-file "$dir/recovery/share-1.txt" --share-file "$dir/recovery/share-2.txt" --share-file "$dir/recovery/share-3.txt")

save() { rm -rf "${work:?}/$1"; cp -a "$state" "$work/$1"; }
put_back() { rm -rf "${state:?}"; cp -a "$work/$1" "$state"; }
sealed_as() { # sealed_as WHAT HEALTH: it starts, stays sealed, and the token is in this state
  start_daemon "$1: it starts"
  within 20 "$1: the token is $2" status_is .token.health "$2"
  equal "$1: the node stays sealed" "$(status_field .state)" sealed
}
is_refused() {
  equal "$1: the node is at fault" "$(status_field .state)" fault
  matches "$1: and says why" "$(status_field .note)" '^rollback: the store is older than this node has been.*coffer store accept --rollback'
  refused "$1: what was destroyed does not decrypt" 1 'stopped serving' coffer decrypt -i "$work/d" -o "$work/o"
}

coffer key create k >/dev/null && coffer key create doomed >/dev/null || bad "keys"
printf before | coffer encrypt -k k -o "$work/m"
printf gone | coffer encrypt -k doomed -o "$work/d"
within 20 "there is a counter" status_is .rollback.protection 'counter in the token'
stop_daemon
save before
start_daemon "it starts again"
within 20 "and opens" is_ready
coffer key revoke doomed --reason key-compromise >/dev/null && check "a key is destroyed" coffer key destroy doomed
check "another master secret" coffer rotate master
stop_daemon
save after

# ---- the master secret of the copy is not in the TPM any more ----
put_back before
sealed_as "missing" 'key missing'
refused "missing: shares do not open it" 1 'rollback: the store is older than this node has been' coffer unseal "${shares[@]}"
is_refused "missing"
check "missing: root takes it" coffer store accept --rollback --yes
within 20 "missing: it serves" status_is .state open
check "missing: what was destroyed is back: root was told" coffer decrypt -i "$work/d" -o "$work/o"
equal "missing: the counter goes on, in the TPM of the counter" "$(status_field .rollback.protection)" 'counter in the token'
version=$(status_field .rollback.version)
anchored() { [ "$(status_field .rollback.anchored_version)" -ge "$1" ]; }
coffer key revoke doomed --reason key-compromise >/dev/null && check "missing: it is destroyed again" coffer key destroy doomed
within 20 "missing: and that is anchored, without a master secret" anchored "$((version + 2))"
check "missing: another master secret in it" coffer rotate master --forget-old
stop_daemon
start_daemon "missing: after a restart"
within 20 "missing: it opens by itself" is_ready
equal "missing: what root took stays on record" 1 "$(status_field .rollback.overridden)"
uri=$(cat "$home/uri")
stop_daemon
save now

# ---- the TPM is kept away, and comes back without the master secret of the copy ----
pid=$(cat "$home/token/swtpm.pid")
kill -TERM "$pid"
within 10 "late: the TPM is off" has_ended "$pid"
rm -f "$home"/token/*.sock*
put_back before
start_daemon "late: it starts"
within 20 "late: and stays sealed" status_is .state sealed
check "late: shares open it" coffer unseal "${shares[@]}"
matches "late: and it is on record that nothing was compared" "$(coffer audit show --limit 20)" 'opened the data key; the counter in the token was not compared'
"$sandbox" start --dir "$dir" >/dev/null 2>&1 &
within 30 "late: the TPM comes back, and the node stops" status_is .state fault
is_refused "late"
kill %1 2>/dev/null
stop_daemon

# ---- another master secret stands at the place of the copy's ----
put_back now
start_daemon "replaced: the newest store"
within 20 "replaced: it opens by itself" is_ready
check "replaced: another master secret at the place of the first" coffer rotate master --token "$uri?handle=0x81010C0F"
stop_daemon
put_back before
sealed_as "replaced" 'other token'
refused "replaced: shares do not open it" 1 'rollback: the store is older than this node has been' coffer unseal "${shares[@]}"
is_refused "replaced"
finish
