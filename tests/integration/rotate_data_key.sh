#!/bin/bash
# A new data key while clients work: every record is sealed again, nothing is refused, and of the old key nothing is left, in the store, the stanza and
# the ring; with restarts and kill -9 in the middle. Argument: swtpm or softhsm.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
begin "rotate-${1:-swtpm}"
keep_softhsm
start_sandbox --token "${1:-swtpm}" --set reseal_rate=5
use_sandbox
state=$home/state

start_daemon() {
  setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 &
  within 30 "$1" is_ready
}
kill_daemon() { # the processes of this sandbox alone
  local monitor; monitor=$(cat "$home/monitor.pid")
  kill -9 "$(cat "$home/cofferd.pid")" 2>/dev/null
  kill -9 "$monitor" 2>/dev/null
  rm -f "$home/coffer.sock"
  while kill -0 "$monitor" 2>/dev/null; do sleep 0.05; done
}
# Generations of the rows of tables, as the clear column says: "1 2"; and of the slot rows.
generations() { rm -f "$work/copy.db"*; cp "$state/store.db" "$work/copy.db"; cp "$state/store.db-wal" "$work/copy.db-wal" 2>/dev/null; python3 - "$work/copy.db" "$1" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(" ".join(str(r[0]) for r in db.execute("SELECT DISTINCT generation FROM record WHERE tbl IN (%s) ORDER BY 1" % sys.argv[2])))
PY
}
phase_is() { status_is .rotation.phase "$1"; }

for i in 1 2 3; do coffer key create "key-$i" >/dev/null || bad "key $i"; done
coffer key create spent >/dev/null && coffer key revoke spent --reason key-compromise >/dev/null && coffer key destroy spent >/dev/null || bad "spent"
coffer grant --to unix:7 --role auditor >/dev/null || bad grant
for i in $(seq 60); do coffer key create "many-$i" >/dev/null || bad "many $i"; done
printf 'before' | coffer encrypt -k key-1 -c a=b -o "$work/m1" || bad "encrypt"
keys() { for k in key-1 many-7; do coffer key show "$k" --json | jq -cS .; done; coffer grants | sort; }
before=$(keys)
equal "one generation" "$(generations 1,2,3,4,5)" 1

begun=$(date +%s%3N)
check "a new data key" coffer rotate data-key
equal "in force at once" "$(status_field .generation)" 2
refused "a second one is refused meanwhile" 1 'under way: generation 2' coffer rotate data-key
check "a new key meanwhile" coffer key create meanwhile
refused "whose name is taken for records of the old generation too" 1 'is taken' coffer key create key-2
equal "what was sealed before opens" "$(coffer decrypt -c a=b -i "$work/m1")" before
phase_is re-sealing && ok "records are being sealed again" || bad "records are being sealed again" "$(status_field .rotation)"
some_resealed() { [ "$(status_field .rotation.rows_resealed)" -gt 0 ]; }
within 10 "the first of them are" some_resealed
eight_resealed() { [ "$(status_field .rotation.rows_resealed)" -ge 8 ]; }
within 20 "and more" eight_resealed
resealed=$(status_field .rotation.rows_resealed)
took=$(($(date +%s%3N) - begun))
check "not more than 5 a second: $resealed in $took ms" test "$resealed" -le $((took * 5 / 1000 + 2))
sed -i 's/^reseal_rate = .*/reseal_rate = 20/' "$home/cofferd.conf"
kill_daemon
start_daemon "after kill -9 it opens"
some_resealed && ok "it goes on where it was" || bad "it goes on where it was" "$(status_field .rotation)"
[ "$(status_field .rotation.generations)" = 2 ] && ok "with both generations" || bad "with both generations" "$(status_field .rotation)"
equal "what was sealed before opens" "$(coffer decrypt -c a=b -i "$work/m1")" before
stop_daemon
start_daemon "and after a stop"
within 60 "it goes on by itself, to its end" phase_is none
equal "no record is of the old generation" "$(generations 1,2,3,4,5)" 2
equal "no slot row either" "$(generations 7)" 2
equal "one generation in the ring" "$(status_field .rotation.generations)" 1
equal "keys and grants are what they were" "$(keys)" "$before"
matches "every link of the audit log verifies" "$(coffer audit verify)" 'every link verified'
check "the store is whole" coffer store check
matches "the audit log says both" "$(coffer audit show)" 'generation 2 is in force'
matches "the audit log says both" "$(coffer audit show)" '1 older generations left, 2 is the only one'
stop_daemon
start_daemon "it opens with the new one alone"
equal "what was sealed before opens" "$(coffer decrypt -c a=b -i "$work/m1")" before
matches "the audit log verifies after the restart" "$(coffer audit verify)" 'every link verified'
# A backup that was begun before the older data key leaves keeps it until it is read.
cat >"$work/slow.py" <<'PY'
import os, struct, sys
sys.path.insert(0, sys.argv[1])
from frames import exchange, find, item, message
ask = lambda operation, payload=b"": exchange(os.environ["COFFER_SOCKET"], message(operation=operation, payload=payload))
if sys.argv[2] == "begin":
    sys.stdout.write(find(ask(0x80000020), 0x5400A0, 8)[:16].hex())
    sys.exit(0)
name, archive, last = item(0x5400A0, 8, bytes.fromhex(sys.argv[3])), b"", False
while not last:
    answer = ask(0x80000021, name + item(0x5400A2, 3, struct.pack(">q", len(archive))))
    archive += find(answer, 0x5400A1, 8)
    last = any(find(answer, 0x5400A3, 6))
open(sys.argv[4], "wb").write(archive)
ask(0x80000022, name + item(0x5400A7, 6, struct.pack(">q", 1)))
PY
slow() { python3 -B "$work/slow.py" "$top/tests/integration" "$@"; }
check "a change of the data key" coffer rotate data-key
archive=$(slow begin)
matches "a backup begins meanwhile" "$archive" '^[0-9a-f]{32}$'
within 30 "the older data key waits for it" grep -q 'a backup is being made; the older data keys leave when it is done' "$home/cofferd.log"
equal "it is in the ring" "$(status_field .rotation.generations)" 2
check "the backup is read" slow read "$archive" "$work/slow.cfra"
check "and is whole" coffer backup verify "$work/slow.cfra" --share-file "$dir/recovery/share-1.txt" --share-file "$dir/recovery/share-2.txt"
within 30 "then the older data key leaves" phase_is none
equal "what was sealed before opens" "$(coffer decrypt -c a=b -i "$work/m1")" before

check "again" coffer rotate data-key --wait
equal "no record is of an old generation" "$(generations 1,2,3,4,5,7)" 4
equal "what was sealed before opens" "$(coffer decrypt -c a=b -i "$work/m1")" before

# A key with a schedule: due while the daemon runs, and while it does not.
check "a key that is replaced every two seconds" coffer key create clockwork --rotate-every 2s
first_version=$(coffer key show clockwork --json | jq -r .uuid)
printf early | coffer encrypt -k clockwork -o "$work/m2" || bad "encrypt"
version_past() { [ "$(coffer key show clockwork --json | jq .version)" -gt "$1" ]; }
within 20 "the daemon replaces it by itself" version_past 1
matches "the old one is linked" "$(coffer key show "$first_version")" 'replaced by'
refused "and protects nothing new" 1 'Protect Stop Date' coffer encrypt -k "$first_version" -i "$work/m2" -o "$work/m3"
equal "it opens what it protected" "$(coffer decrypt -i "$work/m2")" early
matches "the audit log has it" "$(coffer audit show)" 'by its schedule: replaced by'
check "a key that is due tomorrow" coffer key create tomorrow --rotate-every 1d
stop_daemon
late=$(date +%s)
start_daemon "stopped while it is due, and started again"
due_again() { [ "$(coffer key show clockwork --json | jq -r '.created | fromdate')" -ge "$late" ]; }
within 20 "it is replaced after the start" due_again
equal "what is not due stays" "$(coffer key show tomorrow --json | jq .version)" 1
counted() { coffer status | grep -qE 'scheduled +2 keys'; }
within 20 "status counts them, when the pass is through" counted
check "no more" coffer key schedule clockwork --never
equal "key show says so" "$(coffer key show clockwork --json | jq .rotate_every)" null
equal "and when the other one is due" "$(coffer key show tomorrow --json | jq '.rotate_every')" 86400
refused "an interval that is none" 2 'rotate-every wants' coffer key schedule tomorrow --rotate-every soon

# A record that does not open holds the old key, and is named.
stop_daemon
python3 - "$state/store.db" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
row = db.execute("SELECT rowid, body FROM record WHERE tbl = 1 ORDER BY id LIMIT 1").fetchone()
body = bytearray(row[1]); body[-1] ^= 1
db.execute("UPDATE record SET body = ? WHERE rowid = ?", (bytes(body), row[0]))
db.commit()
PY
give_to daemon "$state"
setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 &
within 30 "with a damaged record it opens" status_is .state open
refused "the old key stays for it" 1 'could not be sealed again' coffer rotate data-key --wait
equal "two generations of slots" "$(generations 7)" "4 5"
matches "status says so" "$(coffer status)" 'held: '
finish
