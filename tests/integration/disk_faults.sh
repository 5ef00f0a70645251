#!/bin/bash
# A disk that fails under the running daemon, which here is one whose disk calls fail on demand (tests/fault/bad_disk.c). Nothing is acknowledged that is
# not there, what is in memory is served, status says what is wrong, and it is well by itself when the disk is.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin faults
keep_softhsm
# The same programs, but for the daemon.
mkdir -p "$work/build/bin"
cp "$bin"/* "$work/build/bin/"
cp "$COFFER_BUILD/tests/cofferd_bad_disk" "$work/build/bin/cofferd"
bin=$work/build/bin
export COFFER_BUILD=$work/build
fault() { python3 "$top/tests/fault/bad_disk.py" "$bin/cofferd.faults" "$@" >"$work/struck"; }
fault_over() { fault none; }
fault_over
start_sandbox --token softhsm
use_sandbox
pid=$(cat "$home/cofferd.pid")
echo hello >"$work/p"
coffer key create k >/dev/null
coffer encrypt -k k -i "$work/p" -o "$work/m"
made=1

declare -A said
is_there() { coffer key list --json | jq -e --arg name "$1" 'any(.[]; .name == $name)' >/dev/null; }
# make NAME: a key, or one sentence.
make() {
  local out rc=0
  out=$(timeout 20 "$bin/coffer" key create "$1" 2>&1) || rc=$?
  said[$1]=$out
  if [ $rc = 0 ]; then made=$((made + 1)); elif [ "$(wc -l <<<"$out")" != 1 ]; then bad "one sentence for $1" "$out"; fi
  return $rc
}
# A refused key is not there, unless it was said that this is not known; it can be made afterwards.
settle() { # settle NAME
  local first=${said[$1]}
  if ! is_there "$1"; then make "$1" || bad "$1 can be made afterwards" "${said[$1]}"; return; fi
  made=$((made + 1))
  unknown=$((unknown + 1))
  grep -q 'not known' <<<"$first" || bad "$1 is not there although it was refused" "$first"
}
unknown=0
served() {
  check "$1: decrypting goes on" coffer decrypt -i "$work/m" -o "$work/o"
  check "$1: encrypting goes on" coffer encrypt -k k -i "$work/p" -o "$work/m2"
}
all_there() {
  equal "$1: every acknowledged key is there, once" "$(coffer key list --json | jq length)" $made
  check "$1: the audit log verifies" coffer audit verify
}

while read -r what calls error health; do
  fault "$calls" "$error"
  begun=$(date +%s%N)
  for ((t = 0; t < 3; t++)); do make "$what-$t" && bad "$what: a change is refused"; done
  within 2 "$what: status says $health" status_is .store_health "$health"
  took=$((($(date +%s%N) - begun) / 1000000))
  refused "$what: changes are refused with a sentence" 1 '(read-only|disk is full|the disk lost|the store failed)' coffer key create "$what-3"
  served "$what"
  fault_over
  within 5 "$what: well by itself (status after $took ms)" status_is .store_health well
  for ((t = 0; t < 3; t++)); do settle "$what-$t"; done
  all_there "$what"
  equal "$what: the same daemon" "$(cat "$home/cofferd.pid")" "$pid"
done <<'END'
read-only write,sync,truncate,allocate EROFS read-only
no-writes write EIO failed
no-fsync sync EIO failed
quota write,allocate EDQUOT full
no-space write,allocate ENOSPC full
END

# Full, then read-only, then writable and still full: the reserve is away, so the store is full again and not well.
reserve=$(find "$home" -name store.reserve | head -1)
fault write,allocate ENOSPC
make full-0 && bad "full: a change is refused"
within 2 "full: status says so" status_is .store_health full
fault write,sync,truncate,allocate EROFS
within 2 "and then read-only" status_is .store_health read-only
fault allocate ENOSPC
within 2 "writable without room for the reserve: full" status_is .store_health full
refused "changes are refused" 1 'disk is full' coffer key create full-1
fault_over
within 5 "room: well by itself" status_is .store_health well
equal "and the reserve is back" "$(stat -c %s "$reserve")" 20971520
settle full-0
all_there full

# The n-th write, sync and truncation once, until there is none: a change is done, or refused, and then it can be done.
for call in write sync truncate; do
  n=0 ended=no refusals=0
  while [ $ended = no ] && [ $n -lt 60 ]; do
    n=$((n + 1))
    fault "$call" EIO "$n"
    asked=refused
    make "$call-$n" && asked="done"
    if [ $asked = "done" ] && [ "$call" != write ]; then
      coffer key revoke "$call-$n" --reason superseded >/dev/null 2>&1 && coffer key destroy "$call-$n" >/dev/null 2>&1 || asked=refused
    fi
    fault_over
    [ "$(cat "$work/struck")" != 0 ] || ended=yes
    [ $asked = "done" ] && continue
    refusals=$((refusals + 1))
    until_well=0
    until status_is .store_health well || [ $until_well = 100 ]; do until_well=$((until_well + 1)); sleep 0.05; done
    is_there "$call-$n" || make "$call-$n" || bad "$call-$n can be made afterwards" "${said[$call-$n]}"
  done
  equal "$call: the loop ended" $ended yes
  check "$call EIO at each of $((n - 1)) places, $refusals refused: the audit log verifies" coffer audit verify
done
keys=$(coffer key list --json | jq length)
[ "$unknown" = 0 ] || echo "note: $unknown changes were there although not acknowledged; they were told as not known"
kill -9 "$pid"
within 10 "open after a restart" is_ready
equal "nothing is lost" "$(coffer key list --json | jq length)" "$keys"
check "the audit log verifies" coffer audit verify

# A Destroy whose log could not be emptied: the sealed key goes as soon as that can be done, not with the next Destroy.
id=$(coffer key create gone --json | jq -r .uuid)
coffer key revoke gone --reason superseded >/dev/null
cp "$home/state/store.db" "$work/copy.db"
cp "$home/state/store.db-wal" "$work/copy.db-wal"
in_log() { python3 -c 'import sqlite3, sys
body = sqlite3.connect(sys.argv[1]).execute("SELECT body FROM record WHERE tbl = 1 AND id = ?", (bytes.fromhex(sys.argv[2].replace("-", "")),)).fetchone()[0]
sys.exit(not any(body[40:72] in open(f, "rb").read() for f in sys.argv[3:]))' "$work/copy.db" "$id" "$home/state/store.db" "$home/state/store.db-wal"; }
gone() { ! in_log; }
check "log: the sealed key is in it" in_log
fault truncate EIO
check "log: it is destroyed all the same" coffer key destroy gone
check "log: its bytes are still there" in_log
fault_over
within 5 "log: they go by themselves" gone

# A disk that does not answer: status does, changes are refused within the deadline of their audit record, what is in memory is served, and nothing is acknowledged.
coffer key create k >/dev/null 2>&1
coffer encrypt -k k -i "$work/p" -o "$work/m"
set_deadline() { sed -i '/^audit_deadline/d' "$home/cofferd.conf"; echo "audit_deadline = $1" >>"$home/cofferd.conf"; kill -HUP "$(cat "$home/monitor.pid")"; }
set_deadline 1s
within 5 "hangs: the deadline is read" grep -q 'was read again' "$home/cofferd.log"
fault sync hangs
begun=$(date +%s%N)
for ((t = 0; t < 6; t++)); do timeout 60 "$bin/coffer" key create "hung-$t" >"$work/hung-$t" 2>&1 & waiting[t]=$!; done
within 4 "hangs: status says so" status_is .store_health hangs
took=$((($(date +%s%N) - begun) / 1000000))
equal "hangs: not ready, and status is there at once (noticed after $took ms)" "$(timeout 10 "$bin/coffer" status --quiet; echo $?)" 4
equal "hangs: what comes is refused at once" "$(timeout 10 "$bin/coffer" key create hung-6 >"$work/hung-6" 2>&1; echo $?)" 1
matches "hangs: with a sentence" "$(cat "$work/hung-6")" 'store does not answer'
served "hangs"
equal "hangs: no change is acknowledged" "$(grep -l created "$work"/hung-*)" ""
fault_over
refused=1
for ((t = 0; t < 6; t++)); do
  wait "${waiting[t]}"
  if grep -q 'store does not answer' "$work/hung-$t"; then
    refused=$((refused + 1))
    if is_there "hung-$t"; then bad "hangs: hung-$t was refused and is there"; fi
  elif ! grep -q 'created\|outcome' "$work/hung-$t"; then bad "hangs: hung-$t is told what became of it" "$(cat "$work/hung-$t")"
  elif grep -q created "$work/hung-$t" && ! is_there "hung-$t"; then bad "hangs: hung-$t is not there"; fi
done
ok "hangs: $refused of 7 refused, and not there; what was under way is what it was told to be"
within 5 "hangs: well by itself" status_is .store_health well
check "hangs: a change is done" coffer key create hung-after
check "hangs: the audit log verifies" coffer audit verify

# While the store is closed nobody holds its lock: an old grant that is put back then is not taken into memory with the rest.
coffer grant --to unix:4711 --role auditor >/dev/null
"$sandbox" stop --dir "$dir" >/dev/null
cp "$home/state/store.db" "$work/old.db"
start_sandbox --token softhsm
pid=$(cat "$home/cofferd.pid")
coffer revoke-grant --to unix:4711 --role auditor >/dev/null
fault write,sync,truncate EIO
make shut && bad "put back: a change is refused"
within 5 "put back: the store is closed" status_is .store_health failed
check "put back: an old grant" python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=5)
db.execute("ATTACH ? AS old", (sys.argv[2],))
count = sum(db.execute(f"INSERT OR IGNORE INTO {t} SELECT * FROM old.{t} WHERE tbl = 2").rowcount for t in ("record", "search"))
db.commit()
sys.exit(count < 1)' "$home/state/store.db" "$work/old.db"
fault_over
within 5 "put back: it is noticed before anything is read" grep -q 'store: failed: integrity: grant .* is one row too many' "$home/cofferd.log"
equal "put back: the old grant is not valid" "$(coffer grants --json | grep -c 4711)" 0
refused "put back: nothing is changed" 1 'one row too many.*stop the daemon' coffer key create late
finish
