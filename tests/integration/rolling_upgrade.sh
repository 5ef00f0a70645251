#!/bin/bash
# Three nodes on one PostgreSQL are upgraded one by one while keys are made and messages opened: what the newer ones write the older ones read, the way back is open until the last one is upgraded, and then the
# domain writes what only the newer program knows, and refuses the older one. The older program is this one, built to know one format level less.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin rolling
keep_softhsm
mkdir -p "$work/before/bin"
chmod 755 "$work/before" "$work/before/bin"
cp "$bin"/* "$work/before/bin/"
cp "$COFFER_BUILD/tests/cofferd_before" "$work/before/bin/cofferd"
at() { # at N COMMAND…: at node N
  local n=$1; shift
  witnessed timeout 30 "$bin/coffer" "$1" "${@:2}" --socket "$dir/node-$n/coffer.sock"
}
stat_of() { at "$1" status --json 2>/dev/null | jq -r "$2"; }
seen() { stat_of "$1" "[.nodes[] | select(.name == \"node-$2\")][0].$3"; } # seen N M FIELD: what node N says of node M
restart() { # restart N before|after: node N with the other program
  local from=$bin
  home=$dir/node-$1
  export COFFER_SOCKET=$home/coffer.sock
  stop_daemon
  [ "$2" = after ] || from=$work/before/bin
  bin=$from start_daemon "node $1 is started with the program $2"
}
opens() { at "$1" status --quiet; }
COFFER_BUILD=$work/before start_sandbox --token softhsm --store postgres --nodes 3 --set lease_time=3s --set refresh_interval=500ms --set store_connect_ms=1000 --set store_statement_ms=1000
postgres_of_sandbox
formats() { pg_sql admin admin-password "SELECT string_agg(DISTINCT get_byte(body, 0)::text, ' ') FROM coffer.record WHERE tbl = 64 AND position('sign'::bytea in id) = 1"; }
head -c 2000 /dev/urandom >"$work/p"
for n in 1 2 3; do
  sees() { [ "$(seen 1 "$n" version) $(seen 1 "$n" silent)" = "0.0.9 no" ]; }
  within 10 "node $n is of the program before" sees
done
raised_to() { [ "$(stat_of "$1" .lead.format_level)" = "$2" ] && [ "$(formats)" = "$2" ]; }
within 20 "the domain writes what the program before knows" raised_to 1 2
check "a key" at 1 key create disk
check "and a message" at 1 encrypt -k disk -i "$work/p" -o "$work/m"

# ---- load, until the end ----
touch "$work/go"
pause() { perl -e 'select(undef, undef, undef, 0.05)'; }
make_loop() { # keys at node N: each until it is acknowledged, or was there already
  local i=0 said
  while [ -e "$work/go" ]; do
    if said=$(at "$1" key create "k$1-$i" 2>&1) || grep -qE 'exists|has the name' <<<"$said"; then echo "k$1-$i" >>"$work/made"; i=$((i + 1)); fi
    pause
  done
}
open_loop() { # at node N, whenever it is not the one that is being restarted
  while [ -e "$work/go" ]; do
    pause
    if [ -e "$work/away-$1" ]; then continue; fi
    if at "$1" decrypt -i "$work/m" -o "$work/o-$1" >/dev/null 2>&1 && cmp -s "$work/p" "$work/o-$1"; then echo ok; elif [ ! -e "$work/away-$1" ]; then echo BAD; fi
  done >"$work/opened-$1"
}
loops=()
for n in 1 2 3; do
  make_loop $n & loops[${#loops[@]}]=$!
  open_loop $n & loops[${#loops[@]}]=$!
done
change() { # change N before|after, under load
  touch "$work/away-$1"
  restart "$1" "$2"
  within 20 "node $1 is open" opens "$1"
  rm "$work/away-$1"
}
reads_all() { # reads_all N: it reads what every node says of itself
  local m
  for m in 1 2 3; do [ "$(seen "$1" $m silent)" = no ] || return 1; done
}

# ---- one by one ----
change 1 after
shown() { [ "$(seen 3 1 version)" = "$(stat_of 1 .version)" ]; }
within 10 "node 3, of the program before, sees that node 1 is newer" shown
within 10 "and reads what it writes" reads_all 3
equal "the domain stays at its format level" "$(stat_of 1 .lead.format_level) of $(stat_of 1 .lead.format_level_known)" "2 of 3"
matches "which status says" "$(at 1 status)" 'format +level 2; this program knows level 3, which the domain writes once all of its nodes do'
matches "and whom it waits for" "$(at 1 status)" 'node-3 knows level 2'
change 2 after
within 10 "two are newer: node 3 reads what all write" reads_all 3

# ---- the way back ----
change 1 before
back() { [ "$(seen 3 1 version)" = 0.0.9 ]; }
within 10 "node 1 went back" back
within 10 "and reads what all write" reads_all 1
equal "what all of them have written the older program reads" "$(formats)" 2
change 1 after

# ---- the last one ----
change 3 after
for n in 1 2 3; do
  raised() { [ "$(stat_of "$n" .lead.format_level)" = 3 ]; }
  within 15 "the last one is upgraded: node $n writes the next format level" raised
done
all_new() { [ "$(formats)" = 3 ]; }
within 10 "signs of life have their new form" all_new
for n in 1 2 3; do within 10 "node $n reads them all" reads_all $n; done
raises() { for n in 1 2 3; do at $n audit show --limit 100000 --json; done | jq -s '[.[][] | select(.details | test("format level of the domain was raised from 2 to 3: each of its 3 nodes knows it"))] | unique_by(.node, .seq) | length'; }
equal "the audit log says so, once" "$(raises)" 1

# ---- the older program now ----
touch "$work/away-3"
restart 3 before
refuses() { [[ $(at 3 status) == *"writes format level 3 since Coffer $(stat_of 1 .version) raised it, and this is Coffer 0.0.9, which knows levels up to 2: install the version of Coffer"* ]]; }
within 10 "the older program is refused, with both versions and what helps" refuses
equal "it is at fault" "$(stat_of 3 .state)" fault
refused "and opens nothing" 1 'stopped serving after a fault' at 3 decrypt -i "$work/m" -o "$work/o"
rm "$work/go"
wait "${loops[@]}"
check "without the database" pg -m fast stop
restart 3 before
offline() { [[ $(at 3 status) == *"the database does not answer"*"writes format level 3"* ]]; }
within 15 "it is not opened from its cache either" offline
check "the database is back" pg_start
change 3 after

# ---- what became of it all ----
for n in 1 2 3; do
  if [ "$(grep -c BAD "$work/opened-$n")" = 0 ] && [ "$(wc -l <"$work/opened-$n")" -gt 20 ]; then ok "node $n opened $(wc -l <"$work/opened-$n") times, and never failed"
  else bad "node $n opens all the time" "$(sort "$work/opened-$n" | uniq -c)"; fi
done
there() { at 1 key list --json | jq -r '.[].name' | grep '^k[123]-' | sort >"$work/there" && [ -z "$(sort "$work/made" | comm -23 - "$work/there")" ]; }
within 20 "each of the $(wc -l <"$work/made") keys that were acknowledged is there" there
equal "once" "$(sort "$work/there" | uniq -d)" ""
for n in 1 2 3; do
  check "node $n: the audit log verifies" at $n audit verify
  within 20 "node $n: the store is whole" at $n store check
done
judge_nodes
finish
