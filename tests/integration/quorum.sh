#!/bin/bash
# Two administrators: the gravest acts wait for the second one's yes, also when the node stopped at a fault of its store; each step is in the audit log.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
begin quorum
start_sandbox --token softhsm
use_sandbox
state=$home/state
second=unix:65533 # as_stranger

matches "one is enough until it is said" "$(coffer quorum)" 'need 1 administrator$'
refused "two need two" 1 'only one administrator' coffer quorum set 2
refused "three is no quorum" 2 "set 1" coffer quorum set 3
check "a second administrator" coffer grant --to $second --role administrator
check "two from now on" coffer quorum set 2
asks "another administrator wants two" coffer grant --to unix:7 --role administrator
refused "who asked cannot approve" 1 'another administrator must' coffer approve "$asked"
refused "and it is still refused" 1 "coffer approve $asked" coffer grant --to unix:7 --role administrator
matches "the second one sees what waits" "$(as_stranger approve)" "$asked +asked by unix:0: give role administrator to unix:7"
check "and approves" as_stranger approve "$asked"
refused "something else is not what was approved" 1 'coffer approve' coffer grant --to unix:8 --role administrator
check "then it is done" coffer grant --to unix:7 --role administrator
asks "taking it away wants two as well" coffer revoke-grant --to unix:7 --role administrator
check "other roles want one" coffer grant --to unix:7 --role auditor
mkdir -p "$work/new"
asks "a new recovery key wants two" coffer recovery shares --new --recovery-shares 3 --recovery-threshold 2 --recovery-out "$work/new" </dev/null
check "it is approved" as_stranger approve "$asked"
asks "other shares were not approved" coffer recovery shares --new --recovery-shares 5 --recovery-threshold 2 --recovery-out "$work/new" </dev/null
check "what was approved is done" coffer recovery shares --new --recovery-shares 3 --recovery-threshold 2 --recovery-out "$work/new"
asks "zeroising wants two" coffer zeroise --domain "$(status_field .domain.fingerprint)"
asks "it cannot be set back alone" coffer quorum set 1
first=$asked

stop_daemon
start_daemon "it starts again"
within 20 "and opens" is_ready
matches "two are needed after a restart too" "$(coffer quorum)" 'need 2 administrators$'
matches "what waited is forgotten" "$(coffer quorum)" 'nothing waits'
refused "also by who approves" 1 'nothing with this id' as_stranger approve "$first"

stop_daemon
python3 - "$state/store.db" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("DELETE FROM record WHERE tbl = 2 AND rowid = (SELECT max(rowid) FROM record WHERE tbl = 2)")
db.commit()
PY
give_to daemon "$state"
start_daemon "with a grant gone it starts"
within 20 "and stops at the fault" status_is .state fault
asks "accepting the store wants two" coffer store accept --yes
check "the second one approves at the fault" as_stranger approve "$asked"
check "then it is accepted" coffer store accept --yes
within 20 "and opens" is_ready
asks "once" coffer store accept --yes
# Who may write the store erases what says that two are needed, and the version root with it: both count as two.
erase() { # erase SQL-CONDITION
  stop_daemon
  python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(db.execute("DELETE FROM record WHERE tbl = 5 AND " + sys.argv[2]).rowcount)
db.commit()' "$state/store.db" "$1" >"$work/erased"
  give_to daemon "$state"
}
erase "id = CAST('quorum' AS BLOB)"
equal "a record is erased" "$(cat "$work/erased")" 1
start_daemon "without the record it starts"
within 20 "and stops at the fault" status_is .state fault
asks "accepting wants two, as the root says" coffer store accept --yes
check "the second one approves" as_stranger approve "$asked"
check "then it is accepted" coffer store accept --yes
within 20 "and opens" is_ready
matches "two are needed as before" "$(coffer quorum)" 'need 2 administrators$'
erase "id IN (CAST('quorum' AS BLOB), CAST('root' AS BLOB))"
start_daemon "without root and record it starts"
within 20 "and stops at the fault" status_is .state fault
asks "accepting wants two where there are two" coffer store accept --yes
check "the second one approves again" as_stranger approve "$asked"
check "and it is accepted" coffer store accept --yes
within 20 "and opens" is_ready
matches "two are needed from then on" "$(coffer quorum)" 'need 2 administrators$'
asks "setting it back wants two" coffer quorum set 1
check "which approve it" as_stranger approve "$asked"
check "then one is enough" coffer quorum set 1
stop_daemon
start_daemon "it starts again"
within 20 "and opens" is_ready
matches "one is enough" "$(coffer quorum)" 'need 1 administrator$'
matches "the audit log has who approved the grant" "$(coffer audit show --limit 100)" "$second .*Approve .*approved [A-Z2-7-]+ for unix:0: give role administrator to unix:7"
matches "and the acceptance" "$(coffer audit show --limit 100)" "store accepted as it is.*approved by $second"
finish
