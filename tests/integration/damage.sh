#!/bin/bash
# The store of a real daemon is damaged: the start and the scrub say so in a sentence, old grants do not serve, what is whole is served, and an operator
# can go on. Rows and files in all their ways: ctest -R test_damage.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
begin damage
start_sandbox --token softhsm --set scrub_interval=1s
use_sandbox
state=$home/state

sql() { # sql STATEMENT…: behind the daemon's back
  python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for statement in sys.argv[2:]: db.execute(statement)
db.commit()
db.close()' "$state/store.db" "$@"
  give_to daemon "$state"
}
keep() { rm -rf "$work/kept"; cp -a "$state" "$work/kept"; }
put_back() { rm -rf "$state"; cp -a "$work/kept" "$state"; }
checked() { [ "$(status_field .integrity.passes)" -ge 1 ]; }
integrity_is() { [ "$(status_field .integrity.health)" = "$1" ]; }

coffer key create one >/dev/null
coffer key create two >/dev/null
echo plain >"$work/p"
coffer encrypt -k two -i "$work/p" -o "$work/m"
coffer grant --to unix:65533 --role key-user >/dev/null
within 10 "the first pass ends" checked
matches "status says that there is no fault" "$(coffer status)" '^integrity +no fault in [0-9]+ rows'
matches "and so does a check that is asked for" "$(coffer store check)" 'rows checked in [0-9]+ ms: no fault'
check "an auditor may ask for it too" coffer store check --quiet
refused "who has no role may not" 1 'may not|permission' as_stranger store check
refused "accepting wants to be meant" 2 'add --yes' coffer store accept

# A revoked grant put back.
stop_daemon
keep
old=$(python3 -c 'import sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute("SELECT hex(id), version, state, generation, hex(header), hex(idx), hex(body) FROM record WHERE tbl = 2"):
  print("INSERT OR IGNORE INTO record VALUES (2, x\x27%s\x27, %d, %d, %d, x\x27%s\x27, x\x27%s\x27, x\x27%s\x27)" % row)' "$state/store.db")
start_daemon "it starts again"
within 20 "and opens" is_ready
coffer revoke-grant --to unix:65533 --role key-user >/dev/null
stop_daemon
keep
mapfile -t rows <<<"$old"
sql "${rows[@]}"
start_daemon "with a revoked grant put back it starts"
within 20 "and stops at the fault" status_is .state fault
matches "status names the table, and the row" "$(coffer status)" 'integrity: grant [0-9a-f-]{36} is one row too many, an old one put back perhaps'
refused "nobody is served by the old grant" 1 'stopped serving after a fault' as_stranger decrypt -i "$work/m"
rc=0; coffer status --quiet || rc=$?; equal "the exit status says that it does not serve" 4 $rc
rc=0; out=$(coffer store check) || rc=$?
equal "the check can be asked for in this state" 4 $rc
matches "and says the same" "$out" 'grant [0-9a-f-]{36} is one row too many'
stop_daemon
put_back
start_daemon "with the right store it starts"
within 20 "and serves" is_ready

# An object's row gone; the others are served.
stop_daemon
keep
sql "DELETE FROM record WHERE rowid = (SELECT min(rowid) FROM record WHERE tbl = 1)"
start_daemon "with an object's row gone it starts"
within 20 "and is open" status_is .state open
within 60 "the scrub finds it" integrity_is fault
matches "status says what is missing and what to do" "$(coffer status)" 'FAULT: .*(rows are missing|is not there but has search entries).*; restore the store'
rc=0; coffer status --quiet || rc=$?; equal "the exit status is that of a degraded node" 4 $rc
matches "the audit log has it" "$(coffer audit show)" 'event +failed +integrity: [0-9]+ faults'
check "the key that is whole is served" coffer decrypt -i "$work/m" -o "$work/q"
same "and gives what was sealed" "$work/p" "$work/q"
check "an operator takes the store as it is" coffer store accept --yes
matches "from then on it is whole" "$(coffer store check)" 'no fault'
matches "status says for ever that it was accepted" "$(coffer status)" 'accepted by an operator at'
matches "the audit log says what was accepted" "$(coffer audit show)" 'store accepted as it is, at version'
check "everything else goes on" coffer key create three
stop_daemon
put_back

# A flipped bit under a running daemon, in the sealed bytes of a key whose page is not in the log.
start_daemon "once more with the right store"
within 20 "it serves" is_ready
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do coffer key create "more$i" >/dev/null; done
stop_daemon
start_daemon "with more keys it starts"
within 20 "and serves them" is_ready
within 20 "the scrub has nothing to say" checked
python3 - "$state/store.db" <<'PY'
import re, sys
path = sys.argv[1]
data = open(path, "rb").read()
# The body of an object stands behind its header and index column; the keys in the middle have pages of their own.
bodies = [m.end() for m in re.finditer(rb"unix:\d+\0.{1,600}?CFR1\x01\x01", data, re.S)]
at = bodies[len(bodies) // 2] + 150
with open(path, "r+b") as f:
    f.seek(at)
    f.write(bytes([data[at] ^ 4]))
PY
within 60 "a bit flipped under the running daemon is found" integrity_is fault
matches "and the row named" "$(coffer store check)" '^object [0-9a-f-]{36} does not open'
stop_daemon
put_back

# An old store put back, its mark not.

start_daemon "and once more"
within 20 "it serves again" is_ready
coffer key create four >/dev/null
stop_daemon
mark=$work/mark
cp -a "$state/node.root" "$mark"
put_back
cp -a "$mark" "$state/node.root"
start_daemon "with an old store it starts"
within 20 "and stops" status_is .state fault
matches "saying that it is old, and by how much" "$(coffer status)" 'the store is older than this node has seen: its last [0-9]+ changes are missing'
check "root takes it as it is" coffer store accept --yes
within 10 "and it serves" status_is .state open
check "a key of the old store works" coffer decrypt -i "$work/m" -o "$work/q"
stop_daemon

# From a program that knew no roots, or made to look so to have what was put back forgiven: no root, no mark, node.id of format 1.
put_back
sql "DELETE FROM record WHERE tbl = 5 AND id = CAST('root' AS BLOB)"
start_daemon "without its root it starts"
within 20 "and stops" status_is .state fault
matches "saying what is missing" "$(coffer status)" "version root is missing"
stop_daemon
rm -f "$state/node.root"
python3 - "$state/node.id" <<'PY'
import hashlib, sys
path = sys.argv[1]
data = bytearray(open(path, "rb").read()[:-8])
assert data[4] == 2
data[4] = 1
open(path, "wb").write(bytes(data) + hashlib.sha256(data).digest()[:8])
PY
start_daemon "a store from before there were roots"
within 20 "is not opened by itself" status_is .state fault
matches "it says why" "$(coffer status)" "version root is missing"
check "root takes it as it is" coffer store accept --yes
within 10 "and it serves" status_is .state open
matches "the audit log says so" "$(coffer audit show)" "store accepted as it is"
equal "its node.id says from now on that there is one" 02 "$(od -An -tx1 -j4 -N1 "$state/node.id" | tr -d ' ')"
matches "it is whole" "$(coffer store check)" 'no fault'

# Somebody who asks for a check again and again keeps none from ending.
python3 "$top/tests/bench/locate.py" "$COFFER_SOCKET" 64 2048 >/dev/null
PYTHONPATH=$top/tests/integration python3 - "$COFFER_SOCKET" "$work/asked" "$work/enough" <<'PY' &
import os, sys
from frames import connect, message, read_answer
s = connect(sys.argv[1])
for i in range(200000):
    s.sendall(message(operation=0x80000018))
    assert read_answer(s)
    if i == 100:
        open(sys.argv[2], "w").close()
    if i % 100 == 0 and os.path.exists(sys.argv[3]):
        break
PY
within 10 "somebody asks again and again" test -e "$work/asked"
check "a check ends all the same" timeout 20 "$bin/coffer" store check
touch "$work/enough"
stop_daemon

# Damaged audit records at the end of the chain keep nobody from the keys; what the root says is the end still is.
keep
for damage in "body = zeroblob(length(body)) WHERE tbl = 3 AND id = (SELECT max(id) FROM record WHERE tbl = 3)" \
  "idx = x'ffff' WHERE tbl = 3 AND id = (SELECT id FROM record WHERE tbl = 3 ORDER BY id DESC LIMIT 1 OFFSET 9)"; do
  put_back
  sql "UPDATE record SET $damage"
  start_daemon "with a damaged audit record it starts"
  within 20 "and opens" status_is .state open # it is not ready any more as soon as the damage is found
  matches "a check names it" "$(coffer store check)" '^audit record [0-9]+'
  check "keys are made" coffer key create "after-$RANDOM$RANDOM"
  stop_daemon
done
put_back

# Damaged grants give nobody a right: the node stops until an operator accepts the store, and then root makes an administrator again.
keep
sql "UPDATE record SET body = zeroblob(length(body)) WHERE tbl = 2"
start_daemon "with damaged grants it starts"
within 20 "and stops" status_is .state fault
matches "status names the table" "$(coffer status)" 'integrity: table grant: '
refused "who has no role may not accept it" 1 'may not|permission|stopped' as_stranger store accept --yes
check "root takes it as it is" coffer store accept --yes
within 10 "and it serves" status_is .state open
check "the log says what that means" grep -q 'grants do not open and give no right' "$home/cofferd.log"
refused "root has lost its role" 1 'may not' coffer audit show
refused "who is neither root nor the daemon's user makes no administrator" 1 'may not' as_stranger grant --to unix:65533 --role administrator
check "root does" coffer grant --to unix:0 --role administrator
within 60 "status goes on naming them" integrity_is fault
matches "in a sentence" "$(coffer status)" 'FAULT: .*does not open'
matches "the audit log has what was accepted" "$(coffer audit show)" 'store accepted as it is, at version'
check "keys are made" coffer key create afterwards
stop_daemon
start_daemon "it starts again like that"
within 20 "and opens" status_is .state open
matches "with the new grant" "$(coffer grants)" 'administrator'
stop_daemon
put_back

# A damaged key hides no other.
keep
sql "UPDATE record SET body = zeroblob(length(body)) WHERE tbl = 1 AND id = (SELECT min(id) FROM record WHERE tbl = 1)"
start_daemon "with a damaged key it starts"
within 20 "and opens" status_is .state open
check "the other keys are listed" coffer key list
check "and the log says that one is missing" grep -q 'a search passed over 1 objects' "$home/cofferd.log"
stop_daemon
put_back

# Locked by another process.
python3 - "$state/store.db" "$work/locked" "$work/unlock" <<'PY' &
import os, sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
open(sys.argv[2], "w").close()
for _ in range(600):
    if os.path.exists(sys.argv[3]):
        break
    time.sleep(0.05)
PY
within 10 "another process locks the store" test -e "$work/locked"
setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 &
within 20 "the daemon says who hinders it" grep -q 'store.db is in use by another process' "$home/cofferd.log"
touch "$work/unlock"
within 30 "and serves when the lock is gone" is_ready
stop_daemon
finish
