#!/bin/bash
# What the stories of upgrades share: three nodes of one domain, of the program before or of today's, keys made and messages opened at each of them all the while, and what must be true of all that afterwards. The programs before lie in
# $work/before/bin. Sourced behind lib.sh.
# shellcheck disable=SC2154,SC2034,SC2317  # from lib.sh, for the stories, functions are called by name

at() { # at N COMMAND…: today's client at node N
  local n=$1; shift
  witnessed timeout 30 "$bin/coffer" "$1" "${@:2}" --socket "$dir/node-$n/coffer.sock"
}
opens() { at "$1" status --quiet; }
restart() { # restart N before|after: node N with the other programs
  local from=$bin
  home=$dir/node-$1
  export COFFER_SOCKET=$home/coffer.sock
  stop_daemon
  [ "$2" = after ] || from=$work/before/bin
  bin=$from start_daemon "node $1 is started with the programs $2"
}
start_before() {
  COFFER_BUILD=$work/before start_sandbox --token softhsm --store postgres --nodes 3 --set lease_time=3s --set refresh_interval=500ms --set store_connect_ms=1000 --set store_statement_ms=1000
  postgres_of_sandbox
  head -c 2000 /dev/urandom >"$work/p"
}
seal_first() {
  check "a key" at 1 key create disk
  check "and a message" at 1 encrypt -k disk -i "$work/p" -o "$work/m"
}

# ---- load, until load_ends ----
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
load_begins() {
  local n
  touch "$work/go"
  for n in 1 2 3; do
    make_loop "$n" & loops[${#loops[@]}]=$!
    open_loop "$n" & loops[${#loops[@]}]=$!
  done
}
load_ends() {
  rm "$work/go"
  wait "${loops[@]}"
}
change() { # change N before|after, under load
  touch "$work/away-$1"
  restart "$1" "$2"
  within 30 "node $1 is open" opens "$1"
  rm "$work/away-$1"
}

# ---- what became of it all ----
there() { at 1 key list --json | jq -r '.[].name' | grep '^k[123]-' | sort >"$work/there" && [ -z "$(sort "$work/made" | comm -23 - "$work/there")" ]; }
nothing_was_lost() {
  local n
  for n in 1 2 3; do
    if [ "$(grep -c BAD "$work/opened-$n")" = 0 ] && [ "$(wc -l <"$work/opened-$n")" -gt 20 ]; then ok "node $n opened $(wc -l <"$work/opened-$n") times, and never failed"
    else bad "node $n opens all the time" "$(sort "$work/opened-$n" | uniq -c)"; fi
  done
  within 20 "each of the $(wc -l <"$work/made") keys that were acknowledged is there" there
  equal "once" "$(sort "$work/there" | uniq -d)" ""
  for n in 1 2 3; do
    within 20 "node $n: the audit log verifies" at "$n" audit verify # the database was away: it connects anew
    within 20 "node $n: the store is whole" at "$n" store check
  done
  judge_nodes
}
