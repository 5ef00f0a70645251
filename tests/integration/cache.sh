#!/bin/bash
# A node whose master server and database are both gone is started anew: it opens from its own token and its sealed cache, decrypts what it used, refuses the rest with a sentence, and is back by itself
# with the database. What it heard to be revoked or destroyed stays so, an older cache is refused, and one that was killed while it was written is whole or empty.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin cache
keep_softhsm
start_sandbox --token swtpm,softhsm --store postgres --nodes 3 --set lease_time=3s --set refresh_interval=500ms --set store_connect_ms=1000 --set store_statement_ms=2000 --set audit_interval=1s --set "cache_pin=nobody pinned doomed"
postgres_of_sandbox
one=$dir/node-1 two=$dir/node-2 three=$dir/node-3
on1() { COFFER_SOCKET=$one/coffer.sock witnessed timeout 60 "$bin/coffer" "$@"; }
on3() { COFFER_SOCKET=$three/coffer.sock timeout 60 "$bin/coffer" "$@"; }
on2() { COFFER_SOCKET=$two/coffer.sock witnessed timeout 60 "$bin/coffer" "$@"; }
of() { "$1" status --json 2>/dev/null | jq -r "$2"; }
is() { [ "$(of "$1" "$2")" = "$3" ]; }
pid_of() { cat "$1/cofferd.pid" 2>/dev/null; }
is_new() { [ -n "$(pid_of "$1")" ] && [ "$(pid_of "$1")" != "$2" ] && [ -n "$(of "$3" .state)" ]; }
restart() { local pid; pid=$(pid_of "$1"); kill -9 "$pid"; within 20 "$3: a new daemon answers" is_new "$1" "$pid" "$2"; } # restart FOLDER on1|on2 WHAT
keeps() { [ "$(of "$1" '.cache | select(.state == "ready") | .rows')" -ge "$2" ]; }
serving() { is "$1" '"\(.state) \(.cache.serving)"' "open yes"; }
normal() { is "$1" '"\(.state) \(.cache.serving) \(.store_health)"' "open no well"; }
# The master server is killed for good: stopped, with all that watches it.
stop1() { local monitor; monitor=$(cat "$one/monitor.pid"); kill -9 "$(pid_of "$one")"; kill -TERM "$monitor"; within 30 "$1: node 1 is gone" has_ended "$monitor"; }
lose_all() { stop1 "$1"; check "$1: the database is stopped" pg -m immediate stop; restart "$two" on2 "$1"; within 20 "$1: node 2 opens from its cache" serving on2; }
get_all_back() {
  check "$1: the database is back" pg_start
  within 30 "$1: node 2 is what it was, by itself" normal on2
  check "$1: node 1 is started" "$sandbox" start --dir "$dir" --no-join --quiet
  within 30 "$1: node 1 is open" is on1 .state open
}
# Node 3 is there to be removed.
stop3() { local monitor; monitor=$(cat "$three/monitor.pid"); kill -TERM "$monitor"; within 30 "$1: node 3 is stopped" has_ended "$monitor"; }
answers3() { [ -n "$(of on3 .state)" ]; }
start3() { setsid "$bin/cofferd" --config "$three/cofferd.conf" </dev/null >>"$three/cofferd.log" 2>&1 & within 20 "$1: node 3 answers" answers3; }
# The whole of the server, stopped as if its machine hung.
backends() { local postmaster; postmaster=$(head -1 "$database/data/postmaster.pid"); ps -o pid= --ppid "$postmaster"; echo "$postmaster"; }
# Node 2 ends in order, what follows is done to its files, and it starts anew.
stop2() { local monitor; monitor=$(cat "$two/monitor.pid"); kill -TERM "$monitor"; within 30 "$1: node 2 is stopped" has_ended "$monitor"; }
answers2() { [ -n "$(of on2 .state)" ]; }
start2() { setsid "$bin/cofferd" --config "$two/cofferd.conf" </dev/null >>"$two/cofferd.log" 2>&1 & within 20 "$1: node 2 answers" answers2; }
logged() { grep -q "$1" "$two/cofferd.log"; } # status has it until the database is asked again
says() { [[ $(of on2 .note) == *"$1"* ]]; }
kept_state() { # kept_state KEY: the state that its row has in node 2's cache, "none" where it has none; the file is node 2's alone, so a copy is read
  rm -f "$work"/copy.db*
  cp "$two/state/cache.db" "$work/copy.db" && cp "$two/state/cache.db-wal" "$work/copy.db-wal" 2>/dev/null
  python3 - "$work/copy.db" "${uuid[$1]}" <<'END'
import sqlite3, sys, uuid
rows = sqlite3.connect(sys.argv[1]).execute("SELECT state FROM record WHERE tbl = 1 AND id = ?", (uuid.UUID(sys.argv[2]).bytes,)).fetchall()
print(rows[0][0] if rows else "none")
END
}
declare -A uuid
kept_as() { [ "$(kept_state "$1")" = "$2" ]; }
opens2() { rm -f "$work/o"; on2 decrypt -i "$work/m-$1" -o "$work/o" && cmp -s "$work/p" "$work/o"; }
head -c 2000 /dev/urandom >"$work/p"

within 20 "node 3 has a cache" is on3 .cache.state ready

# ---- what is used is kept ----
within 20 "node 2 has a cache" is on2 .cache.state ready
for key in used revoked destroyed unused; do
  check "key $key is made at node 1" on1 key create $key
  check "and sealed with" on1 encrypt -k $key -i "$work/p" -o "$work/m-$key"
  uuid[$key]=$(on1 key show $key --json | jq -r .uuid)
done
for key in used revoked destroyed; do check "node 2 uses $key" opens2 $key; done
for key in used revoked destroyed; do within 10 "node 2 keeps $key" kept_as $key 2; done
equal "and not what it never used" "$(kept_state unused)" none
equal "it is 0600" "$(stat -c %a "$two/state/cache.db")" 600

# ---- what is pinned is kept, although nobody uses it there; a key that was rotated with its earlier version ----
for key in pinned doomed; do
  check "key $key is made at node 1" on1 key create $key
  check "and sealed with" on1 encrypt -k $key -i "$work/p" -o "$work/m-$key"
  uuid[$key]=$(on1 key show $key --json | jq -r .uuid)
done
check "one is rotated" on1 key rotate pinned
within 20 "node 2 keeps its first version unasked" kept_as pinned 2
within 20 "and the other one" kept_as doomed 2
pins2() { is on2 '"\(.cache.pins) \(.cache.pinned) \(.cache.pins_unfound) \(.cache.pins_unkept)"' "$1"; }
within 20 "status says so, and that one name is nobody's" pins2 "3 3 1 0"
check "the other one is revoked" on1 key revoke doomed --reason superseded
check "and destroyed" on1 key destroy doomed
within 20 "it is not pinned any more" pins2 "3 2 2 0"

# The sealed bytes of a key's row, as they stand in node 2's cache; and how often they stand in its file or log.
body_of() { # body_of KEY
  kept_state "$1" >"$work/state-of"
  python3 - "$work/copy.db" "${uuid[$1]}" >"$work/body-$1" <<'END'
import sqlite3, sys, uuid
body, = sqlite3.connect(sys.argv[1]).execute("SELECT body FROM record WHERE tbl = 1 AND id = ?", (uuid.UUID(sys.argv[2]).bytes,)).fetchone()
sys.stdout.buffer.write(body[-48:])
END
}
bytes_left() { # bytes_left KEY
  python3 - "$work/body-$1" "$two/state/cache.db" "$two/state/cache.db-wal" <<'END'
import os, sys
body = open(sys.argv[1], "rb").read()
assert len(body) == 48
print(sum(open(p, "rb").read().count(body) for p in sys.argv[2:] if os.path.exists(p)))
END
}
is_scrubbed() { [ "$(bytes_left "$1")" = 0 ]; }
body_of destroyed
matches "the wrapped bytes of one are in the file or its log" "$(bytes_left destroyed)" '^[1-9]'

# ---- what is heard leaves first ----
check "node 1 revokes two" on1 key revoke revoked --reason key-compromise
check "and" on1 key revoke destroyed --reason superseded
check "and destroys one" on1 key destroy destroyed
gone2() { ! opens2 destroyed 2>/dev/null; }
within 10 "node 2 hears of it" gone2
within 10 "its cache has the revoked one as it is" kept_as revoked 4
within 10 "and nothing of the wrapped bytes of the destroyed one, in file or log" is_scrubbed destroyed

# ---- all is gone ----
lose_all "offline"
check "offline: it decrypts what it used" opens2 used
check "offline: and what is pinned, which it never used" opens2 pinned
refused "offline: what was pinned and destroyed is gone" 1 . opens2 doomed
check "offline: and what was revoked as compromised, which may be opened" opens2 revoked
refused "offline: what was destroyed is gone" 1 . opens2 destroyed
refused "offline: nothing new is sealed" 1 'no master server is there' on2 encrypt -k used -i "$work/p" -o "$work/x"
refused "offline: no key is made" 1 'database does not answer|no server of the database' on2 key create later
refused "offline: what it never used it does not have" 1 "cache does not have what the request names" opens2 unused
matches "offline: status says what it serves from" "$(on2 status 2>&1)" 'SERVING FROM IT, with what was known at'
matches "offline: and that the database is away" "$(on2 status 2>&1)" 'NOT REACHED since'
equal "offline: a collector sees it" "$(on2 metrics | grep -E '^coffer_cache_(ready|serving) ' | sort)" "$(printf 'coffer_cache_ready 1\ncoffer_cache_serving 1')"
restart "$two" on2 "offline again"
within 20 "offline again: node 2 opens from its cache" serving on2
check "offline again: it decrypts" opens2 used

# ---- and back ----
get_all_back "back"
check "back: it decrypts" opens2 used
check "back: what it never used too" opens2 unused
refused "back: what was destroyed stays so" 1 . opens2 destroyed
check "back: it seals" on2 encrypt -k used -i "$work/p" -o "$work/m2"
check "back: and makes keys" on2 key create later
matches "back: the log says where it served from" "$(on2 audit show --limit 1000)" 'served from its cache, because the database did not answer'
counted2() { on2 audit show --limit 1000 | grep -A3 'served from its cache' | grep -qE 'Open|Decrypt'; }
within 20 "back: and what was opened meanwhile" counted2
check "back: its audit log verifies" on2 audit verify
check "back: its store is whole" on2 store check

# ---- an older cache, or one without its mark ----
within 10 "older: what was used is kept" kept_as unused 2
stop2 "older"
cp -a "$two/state/cache.db" "$work/older.db"
start2 "older"
within 20 "older: node 2 is open" normal on2
check "older: another key is revoked" on1 key revoke unused --reason key-compromise
within 10 "older: node 2 has it" kept_as unused 4
stop2 "older, put back"
stop1 "older, put back"
check "older: the database is stopped" pg -m immediate stop
cp -a "$two/state" "$work/newest"
cat "$work/older.db" >"$two/state/cache.db"
rm -f "$two/state/cache.db-wal" "$two/state/cache.db-shm"
start2 "older, put back"
within 20 "older: it is refused, and the node stays sealed" logged 'than this node knows, an older copy was put back'
equal "older: sealed" "$(of on2 .state)" sealed
refused "older: and opens nothing" 4 sealed opens2 used
stop2 "cut"
head -c 5000 "$work/newest/cache.db" >"$two/state/cache.db"
start2 "cut"
within 20 "cut: it is refused" says 'this node'"'"'s cache'
equal "cut: sealed" "$(of on2 .state)" sealed
stop2 "newest"
cat "$work/newest/cache.db" >"$two/state/cache.db"
rm -f "$two/state/cache.db-wal" "$two/state/cache.db-shm"
cp -a "$work/newest/node.root" "$two/state/node.root"
start2 "newest"
within 20 "newest: it opens from that" serving on2
check "newest: and decrypts" opens2 used
get_all_back "newest"

# ---- a database that hangs ----
restart "$two" on2 "hangs"
within 20 "hangs: node 2 is open" normal on2
within 90 "hangs: all that it has was compared" is on2 .cache.to_compare 0
stopped=$(backends)
# shellcheck disable=SC2086  # numbers
kill -STOP $stopped
asking=()
for key in used revoked unused; do
  for i in 1 2 3 4; do (on2 decrypt -i "$work/m-$key" -o "$work/h-$key-$i" && cmp -s "$work/p" "$work/h-$key-$i") 2>"$work/h-err-$key-$i" & asking+=($!); done
done
served=0
for pid in "${asking[@]}"; do wait "$pid" && served=$((served + 1)); done
# shellcheck disable=SC2086
kill -CONT $stopped
equal "hangs: whoever asks for what the cache has is served ($(cat "$work"/h-err-* | head -1))" "$served" 12
within 60 "hangs: node 2 is what it was" normal on2
within 60 "hangs: node 1 too" is on1 '"\(.state) \(.store_health)"' "open well"

# ---- an older database comes back ----
stop1 "older database"
check "older database: the database is stopped" pg stop
cp -a "$database/data" "$work/older-data"
get_all_back "older database"
check "older database: node 1 makes a key" on1 key create forgotten
check "older database: and seals with it" on1 encrypt -k forgotten -i "$work/p" -o "$work/m-forgotten"
check "older database: which node 2 uses" opens2 forgotten
lose_all "older database"
mv "$database/data" "$work/newer-data"
cp -a "$work/older-data" "$database/data"
check "older database: it comes back" pg_start
within 30 "older database: node 2 says so" says 'the database is back and does not open this node'
lost_how() { [[ $(of on2 .alerts.raised.database_lost.sentence) == *'does not open this node'* ]]; }
within 20 "older database: the alert has the cause" lost_how
equal "older database: and serves from its cache" "$(of on2 '"\(.state) \(.cache.serving)"')" "open yes"
check "older database: it decrypts" opens2 used
refused "older database: nothing is changed" 1 'not the one that this node knows' on2 key create later-still
check "older database: it is stopped" pg stop
rm -rf "$database/data"
mv "$work/newer-data" "$database/data"
get_all_back "newer database"

# ---- killed while it is written ----
for i in 1 2 3 4 5 6; do check "key many-$i" on1 key create "many-$i"; check "sealed with" on1 encrypt -k "many-$i" -i "$work/p" -o "$work/m-many-$i"; done
for i in 1 2 3 4 5 6; do
  check "killed $i: used" opens2 "many-$i"
  pid=$(pid_of "$two")
  perl -e "select(undef, undef, undef, 0.0$((i * 17 % 100)))"
  kill -9 "$pid"
  within 20 "killed $i: a new daemon answers" is_new "$two" "$pid" on2
  within 20 "killed $i: node 2 is open" normal on2
done
within 20 "killed: the cache is ready" is on2 .cache.state ready
judge_nodes

# ---- removed ----
three_id=$(of on3 .node)
keeps3() { is on3 '"\(.state) \(.cache.state)"' "open ready"; }
within 30 "removed: node 3 has a cache" keeps3
stop3 "removed"
leads1() { is on1 .lead.role master || { on1 promote >/dev/null 2>&1 && is on1 .lead.role master; }; }
within 60 "removed: node 1 is master server" leads1
check "node 3 is removed while it is down" on1 node remove "$three_id"
within 60 "removed: the data key that it had leaves" is on1 .rotation.generations 1
check "node 2 is removed" on1 node remove "$(of on2 .node)"
closed2() { is on2 .state fault && [ ! -e "$two/state/cache.db" ]; }
within 20 "removed: node 2 closes, and its cache is gone" closed2
stop1 "removed"
check "removed: the database is stopped" pg -m immediate stop
restart "$two" on2 "removed"
within 20 "removed: it does not start from it" says 'cache'
equal "removed: sealed" "$(of on2 .state)" sealed

# ---- removed while it serves from its cache ----
start3 "gone meanwhile"
within 20 "gone meanwhile: node 3 opens from its cache" serving on3
pid=$(pid_of "$three")
check "gone meanwhile: the database is back" pg_start
closed3() { is_new "$three" "$pid" on3 && is on3 .state fault && [ ! -e "$three/state/cache.db" ]; }
within 30 "gone meanwhile: node 3 starts anew, closed, and its cache is gone" closed3
check "gone meanwhile: as a node does that runs" grep -q 'its keys leave the memory now' "$three/cofferd.log"
finish
