#!/bin/bash
# The main job with the store in PostgreSQL, behind coffer-stored: a real server with the role of packaging/postgres/roles.sql, which is stopped, killed, started and frozen; and coffer-stored
# killed. Nothing acknowledged is lost, nothing is there twice, what is in memory is served meanwhile, and it is well by itself afterwards.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin postgres
keep_softhsm
start_sandbox --token softhsm --store postgres --set store_connect_ms=2000 --set store_statement_ms=2000
use_sandbox
postgres_of_sandbox
sql() { pg_sql "$2" "$1" "$3"; }
stored() { pgrep -x coffer-stored -P "$(cat "$home/monitor.pid")"; }
pid=$(cat "$home/cofferd.pid")

# ---- the main job ----
check "status is open and well" is_ready
matches "status shows the database" "$(coffer status)" "database +$database:5432, schema coffer, PostgreSQL [0-9.]+, last answer in [0-9.]+ ms"
check "a key is made" coffer key create disk
head -c 300000 /dev/urandom >"$work/p"
check "encrypt" coffer encrypt -k disk -c unit=a -i "$work/p" -o "$work/m"
check "decrypt" coffer decrypt -c unit=a -i "$work/m" -o "$work/o"
same "and it is the same" "$work/p" "$work/o"
check "a new version" coffer key rotate disk
equal "the list has both" "$(coffer key list --json | jq length)" 2
check "the old version is revoked" coffer key revoke "$(coffer key show disk --json | jq -r .replaces)" --reason superseded
check "and destroyed" coffer key destroy disk --version 1
refused "and what it protected is gone" 1 destroyed coffer decrypt -c unit=a -i "$work/m" -o "$work/gone"
check "encrypt under the new one" coffer encrypt -k disk -i "$work/p" -o "$work/m"
check "a backup" coffer backup create "$work/archive"
check "which verifies" coffer backup verify "$work/archive" --share-file "$dir/recovery/share-1.txt" --share-file "$dir/recovery/share-2.txt"
equal "names are not in the database" "$(sql admin-password admin "SELECT count(*) FROM coffer.record WHERE position('disk' in encode(body || header, 'escape')) > 0")" 0

# ---- the fewest rights ----
equal "cofferd and its monitor link no libpq" "$(readelf -d "$bin/cofferd" "$bin/coffer-monitor" | grep -c libpq)" 0
matches "coffer-stored does" "$(readelf -d "$bin/coffer-stored")" 'libpq'
if separate_users; then equal "coffer-stored has a user of its own" "$(stat -c %u "/proc/$(stored)")" 64204; fi
for wish in "CREATE SCHEMA other" "CREATE DATABASE other" "CREATE ROLE other" "CREATE TEMP TABLE t (i int)" "CREATE TABLE public.t (i int)"; do
  matches "its role may not $wish" "$(sql password coffer "$wish")" 'permission denied'
done
equal "no other connection takes this node's place" \
  "$(sql password coffer "SELECT pg_try_advisory_lock(x'$(tr -d '\n' <"$home/state/store.writer")'::bigint)")" f

# ---- coffer-stored killed ----
first=$(stored)
kill -9 "$first"
check "coffer-stored killed: the next change is made" coffer key create after-kill
if [ "$(stored)" != "$first" ]; then ok "by a new coffer-stored"; else bad "by a new coffer-stored"; fi

# ---- the server stopped and started under load ----
make() { # make NAME: until it is acknowledged; what was refused for certain must not have been there before
  local out rc n
  for ((n = 0; n < 400; n++)); do
    rc=0
    out=$(timeout 30 "$bin/coffer" key create "$1" 2>&1) || rc=$?
    [ $rc = 0 ] && { echo "acked $1" >>"$work/acked"; return; }
    [ "$(wc -l <<<"$out")" = 1 ] || echo "$1: $out" >>"$work/talkative"
    if grep -q 'not known' <<<"$out"; then echo "$1" >>"$work/unknown"; fi
    if grep -qE 'exists|is taken|has the name' <<<"$out"; then
      grep -qx "$1" "$work/unknown" || echo "$1: $out" >>"$work/lied"
      echo "acked $1" >>"$work/acked"
      return
    fi
    perl -e 'select(undef, undef, undef, 0.05)'
  done
  echo "$1: $out" >>"$work/never"
}
touch "$work/acked" "$work/unknown" "$work/lied" "$work/never" "$work/talkative"
load() { local i; for ((i = 0; i < 25; i++)); do make "$1-$i"; done; }
loads=()
for who in a b c; do load $who & loads[${#loads[@]}]=$!; done
acked_since() { [ "$(wc -l <"$work/acked")" -ge $(($1 + 5)) ]; }
for how in immediate fast; do
  had=$(wc -l <"$work/acked")
  within 20 "$how: keys are being made" acked_since "$had"
  check "$how: the server is stopped" pg -m $how stop
  check "$how: and started" pg_start
done
kill -9 "$(stored)" 2>/dev/null
wait "${loads[@]}"
equal "every key was made in the end" "$(cat "$work/never")" ""
equal "none was refused for certain and yet there" "$(cat "$work/lied")" ""
equal "one sentence each time" "$(cat "$work/talkative")" ""
coffer key list --json | jq -r '.[].name' | grep '^[abc]-' | sort >"$work/there"
sed 's/^acked //' "$work/acked" | sort >"$work/said"
same "what was acknowledged is there, once" "$work/said" "$work/there"
equal "one audit record for each" "$(coffer audit show --limit 100000 --json | jq '[.[] | select(.operation == "Create" and .result == "ok")] | length')" $((75 + 2))
check "the audit log verifies" coffer audit verify

# ---- the server away ----
check "encrypting brings the key into memory" coffer encrypt -k disk -i "$work/p" -o "$work/m"
served() { check "$1: decrypting goes on" coffer decrypt -i "$work/m" -o "$work/o"; }
check "away: the server is stopped" pg -m fast stop
refused "away: a change is refused" 1 'database' coffer key create away
served "away"
within 5 "away: status says so" status_is .store_health failed
matches "away: and since when" "$(coffer status)" 'NOT REACHED since 20'
equal "away: status is not well" "$(coffer status --quiet; echo $?)" 4
check "away: started" pg_start
within 10 "away: well by itself" status_is .store_health well
check "away: changes are made again" coffer key create away

# ---- the server frozen ----
backends() { pgrep -f "^postgres: .*coffer coffer" ; }
freeze() { local p; for p in $(head -1 "$database/data/postmaster.pid") $(pgrep -P "$(head -1 "$database/data/postmaster.pid")"); do kill "-$1" "$p"; done; }
freeze STOP
begun=$(date +%s)
refused "frozen: a change ends with a sentence" 1 'database|store' timeout 25 "$bin/coffer" key create frozen
took=$(($(date +%s) - begun))
served "frozen (told after $took s)"
freeze CONT
within 20 "frozen: well by itself" status_is .store_health well
if coffer key list --json | jq -e 'any(.[]; .name == "frozen")' >/dev/null; then coffer key destroy frozen >/dev/null 2>&1; fi
equal "the same daemon all the time" "$(cat "$home/cofferd.pid")" "$pid"

# ---- a start without the database ----
check "restart: the server is stopped" pg -m fast stop
kill -9 "$pid"
another() { [ -n "$(cat "$home/cofferd.pid" 2>/dev/null)" ] && [ "$(cat "$home/cofferd.pid")" != "$pid" ] && [ -n "$(status_field .state)" ]; }
within 20 "restart: a daemon without its database answers" another
equal "restart: it is sealed" "$(status_field .state)" sealed
matches "restart: and says why" "$(coffer status)" 'NOT REACHED since 20'
check "restart: the server is started" pg_start
within 20 "restart: it opens by itself" is_ready
check "restart: and has its keys" coffer decrypt -i "$work/m" -o "$work/o"
same "the same" "$work/p" "$work/o"
within 30 "the store is whole" sh -c "'$bin/coffer' store check"

# ---- to SQLite and back: by a backup, on a new node ----
more() { # more FOLDER ARGUMENTS…: another sandbox in the place of this one
  "$sandbox" stop --dir "$dir" >/dev/null 2>&1
  dir=$work/$1 home=$work/$1/node-1
  start_sandbox --token softhsm --restore "$2" --shares "$work/s/recovery" "${@:3}"
  use_sandbox
}
check "move: a backup" coffer backup create "$work/from-postgres"
more in-sqlite "$work/from-postgres"
check "move: SQLite has its keys" coffer decrypt -i "$work/m" -o "$work/o2"
same "move: the same" "$work/p" "$work/o2"
check "move: a backup of that" coffer backup create "$work/from-sqlite"
more in-postgres "$work/from-sqlite" --store postgres
matches "move: PostgreSQL again" "$(coffer status)" 'PostgreSQL 1'
check "move: it has its keys" coffer decrypt -i "$work/m" -o "$work/o3"
same "move: the same again" "$work/p" "$work/o3"
refused "move: what was destroyed stays so" 1 destroyed coffer key destroy disk --version 1
within 30 "move: the store is whole" sh -c "'$bin/coffer' store check"
finish
