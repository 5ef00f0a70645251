#!/bin/bash
# Three nodes of one domain, and a copy of the third one's machine, state and token: while the original runs the copy does not come in; when the original was cut off from the database, both are stopped and say so, the
# other two tell it as well and go on, and an administrator decides.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin cloned
keep_softhsm
make_box
start_sandbox "${box_words[@]}" --token softhsm --store postgres --nodes 3 --set lease_time=3s --set refresh_interval=500ms --set store_connect_ms=1000 --set store_statement_ms=1000
postgres_of_sandbox
three=$dir/node-3 copy=$work/copy
at() { # at N|copy COMMAND…
  local socket=$dir/node-$1/coffer.sock
  [ "$1" != copy ] || socket=$copy/coffer.sock
  witnessed timeout 30 "$bin/coffer" "${@:2}" --socket "$socket"
}
field() { at "$1" status --json 2>/dev/null | jq -r "$2"; }
is() { [ "$(field "$1" "$2")" = "$3" ]; }
opens() { at "$1" decrypt -i "$work/m" -o "$work/o-$1" && cmp -s "$work/p" "$work/o-$1"; }
kill_node() { kill -9 "$(cat "$1/monitor.pid")" "$(cat "$1/cofferd.pid")"; }
run() { setsid "$bin/cofferd" --config "$1/cofferd.conf" </dev/null >>"$1/cofferd.log" 2>&1 & disown; }
end() {
  [ ! -e "$copy/monitor.pid" ] || kill_node "$copy" 2>/dev/null
  cleanup
}
trap end EXIT
head -c 2000 /dev/urandom >"$work/p"
check "a key" at 1 key create disk
check "a message" at 1 encrypt -k disk -i "$work/p" -o "$work/m"
check "node 3 opens it" opens 3
id=$(field 3 .node)
writer=$(cat "$three/state/store.writer")

# ---- while the original runs ----
cp -a "$three" "$copy"
rm -f "$copy"/*.sock "$copy"/*.pid
sed -i "s|$three|$copy|g" "$copy/cofferd.conf" "$copy/token/softhsm2.conf"
run "$copy"
kept_out() { [[ $(at "$1" status 2>/dev/null) == *"another connection of this node writes to the database"*"look for a copy of this node"* ]]; }
within 20 "beside the original: the copy is kept out, and says why" kept_out copy
tells "beside the original" 1 database_lost raised 'another connection of this node .*look for a copy of this node' "$id"
check "beside the original: node 3 makes a key" at 3 key create beside
refused "beside the original: the copy makes none" 1 'another connection of this node' at copy key create no

# ---- the original is cut off from the database, the copy comes in, and it the other way round ----
processes() { cat "$1/cofferd.pid"; pgrep -P "$(cat "$1/monitor.pid")" -f coffer-stored; }
cut() { # cut FOLDER: its session ends while it stands still
  local stopped
  mapfile -t stopped < <(processes "$1")
  kill -STOP "${stopped[@]}"
  equal "cut off: a session ends" "$(pg_sql admin admin-password "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = x'${writer:0:8}'::bigint::oid")" 1
}
go_on() { mapfile -t stopped < <(processes "$1"); kill -CONT "${stopped[@]}"; }
cut "$three"
writes() { at copy key create by-the-copy; }
within 30 "the original is cut off: the copy comes in, and makes a key" writes
go_on "$three"
within 20 "the original is kept out, and says why" kept_out 3
cut "$copy"
cloned='two machines run with the identity of this node'
refuses() { [[ $(at "$1" key create "no-$1" 2>&1) == *"$cloned"* ]]; }
within 20 "the copy is cut off: the original finds that there was another" is 3 .lead.cloned yes
within 20 "the original changes nothing" refuses 3
check "the original opens what was sealed" opens 3
tells "the original" 1 node_cloned raised "$cloned" "$id"
for n in 1 2; do
  seen() { [ "$(field $n '.nodes[] | select(.name == "node-3") | .cloned')" = yes ]; }
  within 20 "node $n sees it" seen
  matches "node $n: for people too" "$(at $n status)" "CLONED: two machines run with its identity; remove one, then run 'coffer node accept node-3'"
  tells "node $n" 1 node_cloned raised "identity of node 'node-3'" "$(field $n .node)"
  check "node $n makes a key" at $n key create "meanwhile-$n"
done
kill_node "$three"
go_on "$copy"
within 30 "the original is gone: the copy finds it too" is copy .lead.cloned yes
within 20 "the copy changes nothing" refuses copy
check "the copy opens what was sealed" opens copy
tells "the copy" 2 node_cloned raised "$cloned" "$id"

# ---- an administrator decides ----
kill_node "$copy"
rm -f "$copy/monitor.pid" "$three/monitor.pid" "$three/cofferd.pid"
run "$three"
within 20 "accepted: the original, started anew, stays closed" is 3 .state fault
within 20 "accepted: there, however often another node comes between" at 3 node accept node-3
within 30 "accepted: the original is open" is 3 .state open
check "accepted: and makes a key" at 3 key create after
for n in 1 2; do tells "accepted, node $n" 1 node_cloned cleared . "$(field $n .node)"; done
judge_nodes
finish
