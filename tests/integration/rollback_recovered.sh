#!/bin/bash
# Recovery by shares does not make an old store the newest (docs/recovery.md section 8): the counter of a TPM that comes back, or that is reached under another name, is held against the store before
# another master secret takes over; a TPM that was cleared gets a counter anew, and what was opened without being compared is on record.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin rollback-recovered
start_sandbox --token swtpm --set anchor_interval=1s --set anchor_period=0 --set token_probe_interval=1s
use_sandbox
# shellcheck source=tests/integration/rollback_lib.sh
. "$(dirname "$0")/rollback_lib.sh"
shares=(--share-file "$dir/recovery/share-1.txt" --share-file "$dir/recovery/share-2.txt" --share-file "$dir/recovery/share-3.txt")

restart() {
  stop_daemon
  opens_again "$1"
}
tpm_off() { tpm_stop KILL "$home/token/swtpm.pid"; }
tpm_on() { tpm_start "$home/token" "$1" "$home/token/swtpm.pid"; } # tpm_on SOCKET: the same TPM, at this socket
by_shares() { # by_shares WHAT FOLDER: the node stands on this folder, without its token
  tpm_off
  put_back "$2"
  start_daemon "$1: without its token it starts"
  within 20 "$1: and stays sealed" status_is .state sealed
  out=$(coffer unseal "${shares[@]}" 2>&1) && ok "$1: shares open it" || bad "$1: shares open it" "$out"
  within 10 "$1: status says that the counter was not asked" status_is .rollback.health late
  matches "$1: and the audit log" "$(coffer audit show --limit 20)" 'opened the data key; the counter in the token was not compared'
}

sealed_key
doomed_key
uri=$(status_field .token.uri)
stop_daemon
save before
opens_again "once more"
destroy_doomed "once more"
stop_daemon
save after

# ---- the TPM comes back to an old store ----
by_shares "the TPM comes back" before
check "the TPM comes back: until then it serves" coffer decrypt -i "$work/d" -o "$work/o"
tpm_on "$home/token/swtpm.sock"
is_behind "the TPM comes back"
refused "the TPM comes back: no other master secret" 1 'stopped serving' coffer rotate master --token "$uri?handle=0x81010D07"
stop_daemon

# ---- to the newest one ----
by_shares "the newest store" after
tpm_on "$home/token/swtpm.sock"
within 20 "the newest store: the counter protects again" status_is .rollback.protection 'counter in the token'
matches "the newest store: the audit log says so" "$(coffer audit show --limit 20)" 'the token is back and its counter was asked: the store is the newest'
check "the newest store: the same TPM under another handle" coffer rotate master --token "$uri?handle=0x81010D05"
restart "the newest store"
equal "the newest store: the counter stayed" 0 "$(status_field .rollback.overridden)"
stop_daemon
save after

# ---- the same TPM under another name ----
by_shares "another name" before
other=$home/token/other.sock
tpm_on "$other"
refused "another name: a change to it is refused" 1 'rollback: the store is older than this node has been.*coffer store accept --rollback' coffer rotate master --token "tpm2:swtpm:path=$other?handle=0x81010D07"
is_behind "another name"
matches "another name: nothing was changed" "$(status_field .token.uri)" '/swtpm\.sock'
check "another name: root takes it" coffer store accept --rollback --yes
within 20 "another name: it serves" status_is .state open
out=$(coffer rotate master --token "tpm2:swtpm:path=$other?handle=0x81010D07" 2>&1) && ok "another name: now it is changed" || bad "another name: now it is changed" "$out"
equal "another name: what root took stays on record" 1 "$(status_field .rollback.overridden)"
restart "another name"
matches "another name: the audit log has what the change found" "$(coffer audit show --limit 60)" 'a change of the master secret, and the counter in the token: rollback: the store is older than this node has been'
matches "another name: the audit log has it" "$(coffer audit show --limit 60)" 'AnchorAccept +ok'
equal "another name: still on record" 1 "$(status_field .rollback.overridden)"

# ---- a TPM that was cleared, at the same path ----
stop_daemon
save now
tpm_off
rm -f "$home/token/tpm2-00.permall"
tpm_on "$other"
start_daemon "cleared: it starts"
within 20 "cleared: and stays sealed" status_is .state sealed
check "cleared: shares open it" coffer unseal "${shares[@]}"
refused "cleared: what was before the TPM that was left is to be settled" 1 'not destroyed yet.*--forget-old' coffer rotate master
out=$(coffer rotate master --forget-old 2>&1) && ok "cleared: another master secret in it" || bad "cleared: another master secret in it" "$out"
equal "cleared: with a counter" "$(status_field .rollback.protection)" 'counter in the token'
matches "cleared: the next start opens" "$(coffer token status)" 'next_start +opens'
matches "cleared: the audit log says that it was made" "$(coffer audit show --limit 20)" 'a rollback counter is made anew'
restart "cleared"
equal "cleared: it counts" "$(status_field .rollback.protection)" 'counter in the token'
within 10 "cleared: everything is anchored" status_is .rollback.unanchored 0
counter=$(status_field .rollback.counter)
raised() { [ "$(status_field .rollback.counter)" -gt "$counter" ] && status_is .rollback.unanchored 0; }
mkdir -m 700 "$work/new"
check "cleared: new shares" coffer recovery shares --new --recovery-shares 3 --recovery-threshold 2 --recovery-out "$work/new"
within 10 "cleared: the counter is raised for them, and for nothing else" raised
equal "cleared: and opens what was sealed before" "$(coffer decrypt -i "$work/m" 2>&1)" before
stop_daemon
put_back now
start_daemon "cleared: with the store of before it starts"
within 20 "cleared: and stays closed" status_is .state sealed
finish
