#!/bin/bash
# The state folder is lost and the machine with its TPM is not: an archive that is older than what the TPM's counter saw is not restored there unless the operator says so, and then it is on record.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin restore-counter
start_sandbox --token swtpm --set anchor_interval=1s --set anchor_period=0
use_sandbox
shares=(--share-file "$work/shares/share-1.txt" --share-file "$work/shares/share-2.txt" --share-file "$work/shares/share-3.txt")
cp -r "$dir/recovery" "$work/shares"
export TPM2TOOLS_TCTI=swtpm:path=$home/token/swtpm.sock
uri=$(cat "$home/uri")

# Nothing is left of the state folder, not even node.root; the TPM is as it was.
lose_state() {
  rm -rf "${home:?}/state"
  mkdir -m 700 "$home/state"
  give_to daemon "$home/state"
}
start_empty() {
  start_sandbox --no-init
  equal "$1: a node without a domain" "$(status_field .state)" uninitialised
}
kill_daemon() { # so that nothing is raised at the end; the monitor stands still first, or what it starts would
  local monitor; monitor=$(cat "$home/monitor.pid")
  kill -STOP "$monitor"
  kill -9 "$(cat "$home/cofferd.pid")" "$monitor"
  within 10 "killed" has_ended "$monitor"
}
handles() { tpm2_getcap handles-persistent | sort; }
restore() { coffer restore "$@" "${shares[@]}"; }
raised() { [ "$(status_field .rollback.counter)" -gt "$1" ]; }

coffer key create k >/dev/null
coffer key create doomed >/dev/null
echo precious >"$work/p"
coffer encrypt -k doomed -i "$work/p" -o "$work/d"
within 20 "the token has a counter" status_is .rollback.protection 'counter in the token'
check "a backup" coffer backup create "$work/old.cfra"
at=$(status_field .rollback.counter)
coffer key revoke doomed --reason key-compromise >/dev/null
check "a key is destroyed after it" coffer key destroy doomed
within 20 "and the counter raised" raised "$at"
stop_daemon
lose_state

# ---- the same TPM ----
start_empty "the same TPM"
before=$(handles)
older='older than what this token saw: its counter for the archive.s node was raised [0-9]+ times since.*--accept-older'
refused "what was destroyed does not come back unsaid" 1 "$older" restore "$work/old.cfra" --token "$uri"
equal "nothing was changed" "$(status_field .state)" uninitialised
refused "also under another handle" 1 "$older" restore "$work/old.cfra" --token "${uri%%\?*}?handle=0x81010D07"
equal "and nothing was left in the TPM" "$(handles)" "$before"
out=$(restore "$work/old.cfra" --token "$uri" --accept-older 2>&1) && ok "the operator takes it" || bad "the operator takes it" "$out"
matches "and is told again" "$out" 'This token saw a newer store: its counter was raised [0-9]+ times since'
matches "the audit log says so" "$(coffer audit show --from 1 --limit 1)" 'OLDER than what this node knew'
check "what was destroyed is back" coffer decrypt -i "$work/d" -o "$work/o"
equal "the new node has a counter of its own" "$(status_field .rollback.protection)" 'counter in the token'

# ---- the newest archive on the same TPM ----
at=$(status_field .rollback.counter)
coffer key revoke doomed --reason key-compromise >/dev/null
within 20 "its counter was raised" raised "$at"
check "a backup of it" coffer backup create "$work/new.cfra"
kill_daemon
lose_state
start_empty "the newest archive"
out=$(restore "$work/new.cfra" --token "$uri" 2>&1) && ok "is restored without a word" || bad "is restored without a word" "$out"
matches "and it is known for the newest" "$out" "The token's counter stands where the archive has it"
matches "the key is in the state of then" "$(coffer key show doomed)" compromised

# ---- another counter of the archive's node ----
check "a backup that knows the counter of now" coffer backup create "$work/before.cfra"
index=$(status_field .rollback.place | grep -oE '0x[0-9A-F]+')
stop_daemon
check "the counter goes" tpm2_nvundefine -C o "$index"
setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 &
within 20 "the node misses it" status_is .state fault
check "root takes the store, and another counter is made" coffer store accept --rollback --yes
within 20 "it opens" is_ready
stop_daemon
lose_state
start_empty "another counter"
refused "an archive that does not know it is held up" 1 "a counter of the archive's node that the archive does not know.*--accept-older" restore "$work/before.cfra" --token "$uri"
out=$(restore "$work/before.cfra" --token "$uri" --accept-older 2>&1) && ok "unless the operator takes it" || bad "unless the operator takes it" "$out"
matches "who is told again" "$out" 'This token may have seen a newer store'
matches "and the audit log" "$(coffer audit show --from 1 --limit 1)" 'OLDER than what this node knew, or perhaps so'
check "the audit log verifies" coffer audit verify
finish
