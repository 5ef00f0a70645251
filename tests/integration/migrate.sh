#!/bin/bash
# coffer store migrate: from SQLite to PostgreSQL and back, with kill -9 at recorded points (a trigger in the database holds the move at one of them), a server that goes away in the
# middle, what is refused before anything is touched, and the store that was left, which is refused afterwards. Argument: swtpm or softhsm.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
token=${1:-softhsm}
begin "migrate-$token"
keep_softhsm
keys=300
# A second sandbox only for its database.
dir=$work/db home=$work/db/node-1
start_sandbox --token softhsm --store postgres --no-init
postgres_of_sandbox
stop_daemon
trap '"$sandbox" stop --dir "$work/db" >/dev/null 2>&1; cleanup' EXIT
sql() { pg_sql admin admin-password "$1"; }
dir=$work/s home=$work/s/node-1
set --
[ "$(id -u)" != 0 ] || set -- --set user_stored=64204
start_sandbox --token "$token" --set store_connect_ms=3000 --set store_statement_ms=2000 "$@"
use_sandbox
state=$home/state
conf=$home/cofferd.conf

# store_lines sqlite|postgres [SCHEMA]
store_lines() {
  sed -i '/^store\(_conninfo\|_passfile\|_schema\|\) = /d' "$conf"
  [ "$1" = postgres ] || return 0
  printf 'store = postgres\nstore_conninfo = host=%s user=coffer dbname=coffer\nstore_passfile = %s/passfile\nstore_schema = %s\n' "$database" "$database" "${2:-coffer}" >>"$conf"
}
migrate() { coffer store migrate --to "$1" --yes; }
kill_daemon() {
  local monitor; monitor=$(cat "$home/monitor.pid")
  kill -9 "$monitor" "$(cat "$home/cofferd.pid")" 2>/dev/null
  rm -f "$home/coffer.sock"
  within 20 "$1" has_ended "$monitor"
}
phase_is() { status_is .move.phase "$1"; }
file_phase() { od -An -tu1 -j5 -N1 "$state/store.move" | tr -d ' '; }
file_phase_is() { [ "$(file_phase)" = "$1" ]; }
note_says() { grep -qE "$1" <<<"$(status_field .note)"; }

# ---- the point at which the move is held: a session of ours has the lock that a trigger waits for ----
sql "CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN coalesce(NEW, OLD); END \$\$" >/dev/null
hold_at() { # hold_at WHEN (SQL about OLD or NEW) INSERT|DELETE
  sql "DROP TRIGGER IF EXISTS hold ON coffer.record; CREATE TRIGGER hold BEFORE $2 ON coffer.record FOR EACH ROW WHEN ($1) EXECUTE FUNCTION public.hold()" >/dev/null
  if [ -z "${holder:-}" ]; then
    mkfifo "$work/holder" 2>/dev/null
    PGPASSWORD=$(cat "$database/admin-password") "$pgbin/psql" -X -q -A -t -h "$database" -U admin -d coffer -f "$work/holder" >"$work/holder.out" 2>&1 &
    holder=$!
    exec 8>"$work/holder"
    echo "SELECT pg_advisory_lock(4711);" >&8
  fi
  within 10 "the lock is held" lock_is_held
}
lock_is_held() { [ "$(sql "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND granted AND mode = 'ExclusiveLock'")" = 1 ]; }
is_held() { [ "$(sql "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted")" = 1 ]; }
let_go() {
  [ -n "${holder:-}" ] || return 0
  exec 8>&-
  wait "$holder"
  holder=""
  sql "DROP TRIGGER IF EXISTS hold ON coffer.record" >/dev/null
}

# ---- what is moved ----
coffer key create disk >/dev/null || bad "a key"
for ((i = 1; i < keys; i++)); do coffer key create "k$i" >/dev/null || bad "key k$i"; done
check "a version more" coffer key rotate disk
check "a key is destroyed" coffer key revoke k7 --reason superseded
check "for good" coffer key destroy k7
check "a grant" coffer grant --to unix:65533 --role auditor
head -c 200000 /dev/urandom >"$work/p"
check "encrypt" coffer encrypt -k disk -c unit=a -i "$work/p" -o "$work/m"
all() { # all WHERE: everything reads the same there
  coffer key list --json | jq -S '[.[] | {uuid, name, state, version}] | sort_by(.uuid)' >"$work/keys.$1"
  same "$1: all keys are the same" "$work/keys.first" "$work/keys.$1"
  check "$1: what was encrypted opens" coffer decrypt -c unit=a -i "$work/m" -o "$work/o.$1"
  same "$1: and is the same" "$work/p" "$work/o.$1"
  matches "$1: the grant is there" "$(coffer grants)" 'unix:65533 +auditor'
  check "$1: the audit log verifies" coffer audit verify
  check "$1: the store is whole" coffer store check
  check "$1: a change is made" coffer key create "of-$1"
  check "$1: and taken back" coffer key revoke "of-$1" --reason superseded
  check "$1: destroyed" coffer key destroy "of-$1"
  coffer key list --json | jq -S '[.[] | {uuid, name, state, version}] | sort_by(.uuid)' >"$work/keys.first"
}
coffer key list --json | jq -S '[.[] | {uuid, name, state, version}] | sort_by(.uuid)' >"$work/keys.first"
equal "as many as were made" "$(jq length "$work/keys.first")" $keys # one version more, one destroyed

# ---- what is refused, and touches nothing ----
refused "without --yes" 2 'add --yes' coffer store migrate --to postgres
refused "without --to" 2 'to postgres or' coffer store migrate --yes
refused "to where it is" 1 'in SQLite already' migrate sqlite
refused "the configuration does not say so" 1 'says store = sqlite: write there' migrate postgres
store_lines postgres nowhere
refused "no such schema, and no right to make one" 1 'permission denied|schema' migrate postgres
store_lines postgres
check "the server is stopped" pg -m fast stop
refused "no server" 1 'database|server|connect' migrate postgres
check "and started" pg_start
sql "INSERT INTO coffer.record (tbl, id, version, state, generation, header, idx, body) VALUES (3, 'x', 1, 0, 1, '', '', '')" >/dev/null
refused "another store is there" 1 'holds a store already' migrate postgres
sql "UPDATE coffer.record SET tbl = 68, id = 'mark', body = decode('0101' || repeat('11', 56) || '0000', 'hex')" >/dev/null
refused "a move of another domain" 1 'of another domain or node' migrate postgres
sql "DELETE FROM coffer.record" >/dev/null
refused "who is not root may not" 1 'may not|permission|denied' as_stranger store migrate --to postgres --yes
absent "no order was written" "$state/store.move"
equal "nothing was put there" "$(sql "SELECT count(*) FROM coffer.record")" 0
check "the store serves" coffer decrypt -c unit=a -i "$work/m" -o "$work/o"

# ---- to PostgreSQL: an order that is taken back ----
hold_at "NEW.tbl = 3" INSERT
check "withdrawn: the order" coffer store migrate --to postgres --yes --no-wait
within 20 "withdrawn: the move is held in the audit log" is_held
refused "withdrawn: nothing is served meanwhile" 1 'is being moved' coffer key list
kill_daemon "withdrawn: kill -9"
let_go
store_lines sqlite
start_daemon "withdrawn: the old configuration starts"
within 20 "withdrawn: and is open" is_ready
matches "withdrawn: the audit log says so" "$(coffer audit show)" 'a move of the store to PostgreSQL, schema coffer, which unix:[0-9]+ ordered, was not made'
absent "withdrawn: there is no order any more" "$state/store.move"
all withdrawn

# ---- to PostgreSQL, killed at each of these points ----
store_lines postgres
hold_at "NEW.tbl = 1" INSERT
check "the order" coffer store migrate --to postgres --yes --no-wait
within 20 "killed in table 1: held there" is_held
for next in 3 5 7; do
  kill_daemon "killed before table $next: kill -9"
  equal "before table $next: nothing was switched over" "$(file_phase)" 1
  let_go
  hold_at "NEW.tbl = $next" INSERT
  start_daemon "killed before table $next: it starts"
  within 20 "it goes on, up to table $next" is_held
done
# The connection goes, and the server.
check "lost: the connection is cut" sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'coffer'"
within 20 "lost: status says that it is tried again" note_says 'not moved yet, and it is tried again'
within 20 "lost: and it is, by itself" is_held
check "lost: the server is stopped" pg -m immediate stop
exec 8>&-
wait "$holder"
holder=""
within 20 "lost: status says what it waits for" note_says 'not moved yet, and it is tried again.*(database|server|connect)'
kill_daemon "lost: kill -9"
check "lost: the server is started" pg_start
hold_at "OLD.tbl = 68" DELETE
start_daemon "it starts"
within 60 "switched: held before the marks" is_held
equal "switched: the new place counts" "$(file_phase)" 2
kill_daemon "switched: kill -9"
store_lines sqlite
setsid "$bin/cofferd" --config "$conf" </dev/null >"$work/refused.log" 2>&1 & early=$!
within 30 "switched: the old configuration is refused" grep -q 'was moved to PostgreSQL, schema coffer.*set store = postgres' "$work/refused.log"
kill -TERM "$early" 2>/dev/null
wait "$early"
let_go
store_lines postgres
start_daemon "it starts in its new place"
within 30 "and is open" is_ready
within 20 "the move is done" phase_is "done"
matches "status shows the database" "$(coffer status)" 'PostgreSQL [0-9.]+'
matches "the audit log has the order" "$(coffer audit show --limit 40)" 'StoreMigrate +ok .*to be moved to PostgreSQL, schema coffer'
matches "and the move" "$(coffer audit show --limit 40)" 'the store was moved from SQLite \(store.db\) to PostgreSQL, schema coffer, as unix:[0-9]+ ordered'
equal "no mark is left in it" "$(sql "SELECT count(*) FROM coffer.record WHERE tbl >= 64")" 0
all postgres

# ---- the store that was left ----
stop_daemon
mv "$state/store.move" "$work/store.move"
store_lines sqlite
start_daemon "without the note in the folder: the old store says it by itself"
within 20 "it is refused" status_is .state fault
matches "with where the domain is" "$(status_field .note)" 'was left: its domain was moved to PostgreSQL, schema coffer|older than this node has'
stop_daemon
mv "$work/store.move" "$state/store.move"
store_lines postgres
start_daemon "back in its place"
within 30 "it is open" is_ready

# ---- and back to SQLite ----
store_lines sqlite
refused "back: the configuration names a store that is here" 1 'in PostgreSQL already' migrate postgres
hold_at "NEW.tbl = 68" INSERT
check "back: the order" coffer store migrate --to sqlite --yes --no-wait
within 60 "back: held before the old store is marked" is_held
equal "back: switched over" "$(file_phase)" 2
kill_daemon "back: kill -9"
let_go
start_daemon "back: it starts"
within 30 "back: and is open" is_ready
within 20 "back: the move is done" phase_is "done"
equal "back: what was left says so" "$(sql "SELECT state FROM coffer.record WHERE tbl = 68")" 2
all sqlite

# ---- and once more, at one go: what was left there is cleared first ----
store_lines postgres
check "again: a second administrator" coffer grant --to unix:65533 --role administrator
check "again: two from now on" coffer quorum set 2
asks "again: moving wants two" migrate postgres
check "again: the second one approves" as_stranger approve "$asked"
check "again: moved, and waited for" migrate postgres
matches "again: the audit log has who approved" "$(coffer audit show --limit 40)" 'StoreMigrate +ok .*approved by unix:65533'
asks "again: one is enough, says the first" coffer quorum set 1
check "again: and the second" as_stranger approve "$asked"
check "again: so it is" coffer quorum set 1
equal "again: it is there" "$(status_field .store)" postgres
all again
store_lines sqlite
check "again: and back" migrate sqlite
all back
finish
