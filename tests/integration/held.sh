#!/bin/bash
# While the database is gone a node goes on: it hands out keys (Get), and tells each use that it counted, in a file of its own first. Killed and started anew without the database it goes on from
# its cache; and when the database is back all of that is in the audit log, once.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin held
keep_softhsm
start_sandbox --token softhsm --store postgres --nodes 2 --set lease_time=3s --set refresh_interval=500ms --set store_connect_ms=5000 --set store_statement_ms=10000 --set audit_interval=1s
postgres_of_sandbox
one=$dir/node-1 two=$dir/node-2
on1() { COFFER_SOCKET=$one/coffer.sock witnessed timeout 60 "$bin/coffer" "$@"; }
on2() { COFFER_SOCKET=$two/coffer.sock witnessed timeout 60 "$bin/coffer" "$@"; }
of2() { on2 status --json 2>/dev/null | jq -r "$1"; }
is2() { [ "$(of2 "$1")" = "$2" ]; }
get2() { timeout 60 python3 -B "$top/tests/integration/cached_get.py" "$two/coffer.sock" "$1"; }
pid2() { cat "$two/cofferd.pid" 2>/dev/null; }
is_new() { [ -n "$(pid2)" ] && [ "$(pid2)" != "$1" ] && [ -n "$(of2 .state)" ]; }
killed2() { local pid; pid=$(pid2); kill -9 "$pid"; within 20 "$1: a new daemon answers" is_new "$pid"; }
opens2() { on2 decrypt -i "$work/m" -o "$work/o" && cmp -s "$work/p" "$work/o"; }
normal() { is2 '"\(.state) \(.cache.serving) \(.store_health)"' "open no well"; }
serving() { is2 '"\(.state) \(.cache.serving)"' "open yes"; }
keeps() { [ "$(of2 .cache.rows)" -ge "$1" ]; }
flushed() { [ $((SECONDS - counted)) -ge 8 ] && holds "$1"; } # audit_interval has passed twice since; another record may come before what is counted
holds() { [ "$(of2 .cache.held_audit_records)" -ge "$1" ]; }
all_moved() { is2 .cache.held_audit_records 0; }
lost() { is2 .store_health failed; }
log2() { on2 audit show --limit 1000; }
missing() { [ -n "$(log2 | grep "records of the time without the database are missing")" ]; }
told() { log2 | grep 'without the database' | grep -c "$1"; } # told PATTERN: how many records of that time
opened() { log2 | grep 'without the database' | grep -E 'Open' | grep -oE '[0-9]+ done' | awk '{ n += $1 } END { print n + 0 }'; }
head -c 2000 /dev/urandom >"$work/p"

within 30 "node 2 has a cache" is2 .cache.state ready
check "a key is made at node 1" on1 key create used
check "and seals" on1 encrypt -k used -i "$work/p" -o "$work/m"
handed=$(timeout 60 python3 -B "$top/tests/integration/bulk_audit.py" create "$one/coffer.sock")
before=$(of2 .cache.rows)
check "node 2 opens with it" opens2
value=$(get2 "$handed")
matches "and hands out the other one" "$value" '^[0-9a-f]{64}$'
within 20 "both are kept" keeps $((before + 2))
equal "the file of what is held is its own" "$(stat -c %a "$two/state/held.db")" 600

# ---- one lists while others write ----
writes() { for _ in $(seq "$1"); do timeout 60 python3 -B "$top/tests/integration/bulk_audit.py" create "$one/coffer.sock" >/dev/null 2>&1 || echo refused >>"$work/refused"; done; }
lists() { [ "$(on2 key list --json 2>>"$work/list.err" | jq length)" -ge "$1" ]; }
writes 30 & writers=("$!")
writes 30 & writers+=("$!")
writes 30 & writers+=("$!")
listed=0 tried=0
while kill -0 "${writers[@]}" 2>/dev/null; do
  tried=$((tried + 1))
  lists 1 && listed=$((listed + 1))
done
wait "${writers[@]}"
equal "beside three writers each list is given ($(head -1 "$work/list.err"))" "$listed" "$tried"
check "and there were some" test "$tried" -ge 5
check "all is in the last one" lists 90
absent "and no writer was refused" "$work/refused"

# ---- the database goes while the node runs ----
within 30 "what it has is compared" is2 .cache.to_compare 0
never=$(timeout 60 python3 -B "$top/tests/integration/bulk_audit.py" create "$one/coffer.sock")
check "node 1 is stopped" kill -TERM "$(cat "$one/monitor.pid")"
within 30 "it is gone" has_ended "$(cat "$one/monitor.pid")"
check "the database is stopped" pg -m immediate stop
refused "nothing is changed" 1 . on2 key create later
within 20 "node 2 sees that" lost
equal "gone: a key is handed out" "$(get2 "$handed")" "$value"
matches "gone: that is held when it is answered" "$(of2 .cache.held_audit_records)" '^[1-9]'
for i in 1 2 3; do check "gone: $i is opened" opens2; done
counted=$SECONDS
within 20 "gone: that is held too" flushed 2
out=$(get2 "$never" 2>&1)
matches "gone: what it never used it does not have" "$out" "cache does not have what the request names"
killed2 "gone"
within 20 "gone: node 2 opens from its cache" serving
check "gone: and holds what it held" holds 2
equal "gone: a key is handed out again" "$(get2 "$handed")" "$value"
held=$(of2 .cache.held_audit_records)
for i in 1 2; do check "gone: $i is opened again" opens2; done
counted=$SECONDS
within 20 "gone: that is held too" flushed $((held + 1))

# ---- each use on record ----
sed -i '/^audit_bulk/d' "$two/cofferd.conf"
echo 'audit_bulk = full' >>"$two/cofferd.conf"
killed2 "full"
within 20 "full: node 2 opens from its cache" serving
held=$(of2 .cache.held_audit_records)
for i in 1 2 3; do check "full: $i is opened" opens2; done
equal "full: each is held when it is answered" "$(of2 .cache.held_audit_records)" $((held + 3))
killed2 "full, once more"
within 20 "full, once more: node 2 opens from its cache" serving
equal "full, once more: all is there" "$(of2 .cache.held_audit_records)" $((held + 3))

# ---- back ----
check "back: the database is back" pg_start
within 30 "back: node 2 is what it was, by itself" normal
within 20 "back: nothing is held any more" all_moved
check "back: a key was handed out twice" test "$(told "Get.*$handed\|$handed.*Get")" = 2
equal "back: five openings that were counted and three that were not" "$(opened) $(told '2000 bytes$')" "5 3"
check "back: the log verifies" on2 audit verify
check "back: the store is whole" on2 store check
records=$(log2 | grep -c 'without the database')
killed2 "back, and killed"
within 30 "back, and killed: node 2 is open" normal
within 20 "back, and killed: nothing is held" all_moved
equal "back, and killed: nothing is in the log twice" "$(log2 | grep -c 'without the database')" "$records"

# ---- cut ----
within 30 "cut: what it has is compared" is2 .cache.to_compare 0
check "cut: the database is stopped" pg -m immediate stop
refused "cut: nothing is changed" 1 . on2 key create later
within 20 "cut: node 2 sees that" lost
cp -p "$two/state/held.db" "$work/older.db"
equal "cut: a key is handed out" "$(get2 "$handed")" "$value"
monitor=$(cat "$two/monitor.pid")
check "cut: node 2 is stopped" kill -TERM "$monitor"
within 30 "cut: it is gone" has_ended "$monitor"
cat "$work/older.db" >"$two/state/held.db"
rm -f "$two/state/held.db-wal"
setsid "$bin/cofferd" --config "$two/cofferd.conf" </dev/null >>"$two/cofferd.log" 2>&1 &
within 30 "cut: node 2 opens from its cache" serving
out=$(get2 "$handed" 2>&1)
matches "cut: nothing is done that has to be on record" "$out" "held of it without the database is not whole|what this node holds of it"
check "cut: the database is back" pg_start
within 30 "cut: node 2 is what it was, by itself" normal
within 20 "cut: it is on record" missing
check "cut: the log verifies" on2 audit verify
check "cut: node 1 is started" "$sandbox" start --dir "$dir" --no-join --quiet
judge_nodes
finish
