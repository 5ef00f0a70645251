#!/bin/bash
# Three nodes on one PostgreSQL are upgraded one by one while keys are made and messages opened: what the newer ones write the older ones read, the way back is open until the last one is upgraded, and then the
# domain writes what only the newer program knows, and refuses the older one. The older program is this one, built to know one format level less.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/rolling_lib.sh
. "$(dirname "$0")/rolling_lib.sh"
begin rolling
keep_softhsm
mkdir -p "$work/before/bin"
chmod 755 "$work/before" "$work/before/bin"
cp "$bin"/* "$work/before/bin/"
cp "$COFFER_BUILD/tests/cofferd_before" "$work/before/bin/cofferd"
stat_of() { at "$1" status --json 2>/dev/null | jq -r "$2"; }
seen() { stat_of "$1" "[.nodes[] | select(.name == \"node-$2\")][0].$3"; } # seen N M FIELD: what node N says of node M
start_before
formats() { pg_sql admin admin-password "SELECT string_agg(DISTINCT get_byte(body, 0)::text, ' ') FROM coffer.record WHERE tbl = 64 AND position('sign'::bytea in id) = 1"; }
for n in 1 2 3; do
  sees() { [ "$(seen 1 "$n" version) $(seen 1 "$n" silent)" = "0.0.9 no" ]; }
  within 10 "node $n is of the program before" sees
done
raised_to() { [ "$(stat_of "$1" .lead.format_level)" = "$2" ] && [ "$(formats)" = "$2" ]; }
within 20 "the domain writes what the program before knows" raised_to 1 2
seal_first

load_begins
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
load_ends
check "without the database" pg -m fast stop
restart 3 before
offline() { [[ $(at 3 status) == *"the database does not answer"*"writes format level 3"* ]]; }
within 15 "it is not opened from its cache either" offline
check "the database is back" pg_start
change 3 after

nothing_was_lost
finish
