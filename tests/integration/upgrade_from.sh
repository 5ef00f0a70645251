#!/bin/bash
# upgrade_from.sh COMMIT [--no-way-back]: builds the programs of an earlier commit and upgrades three nodes of one domain from them, one by one, while keys are made and messages opened; one goes back in between.
# --no-way-back: for commits from before format levels (docs/formats.md section 23.8). A campaign, not a test of every run: it needs the project's history and a build of its own.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
commit=${1:?usage: upgrade_from.sh COMMIT [--no-way-back]}
back=${2:-}
begin upgrade-from
keep_softhsm
mkdir "$work/source"
check "the programs of $commit" git -C "$top" archive --output "$work/source.tar" "$commit"
tar -C "$work/source" -xf "$work/source.tar"
build_before() { cmake -S "$work/source" -B "$work/before" -DCMAKE_BUILD_TYPE=Release -DCOFFER_TESTS=OFF && cmake --build "$work/before" -j 2; }
build_before >"$work/build.out" 2>&1 || { tail -5 "$work/build.out"; bad "are built"; finish; }
chmod 755 "$work/before" "$work/before/bin"
at() { # at N COMMAND…: today's client at node N
  local n=$1; shift
  timeout 30 "$bin/coffer" "$1" "${@:2}" --socket "$dir/node-$n/coffer.sock"
}
restart() { # restart N before|after
  local from=$bin
  home=$dir/node-$1
  export COFFER_SOCKET=$home/coffer.sock
  stop_daemon
  [ "$2" = after ] || from=$work/before/bin
  bin=$from start_daemon "node $1 is started with the programs $2"
}
opens() { at "$1" status --quiet; }
COFFER_BUILD=$work/before start_sandbox --token softhsm --store postgres --nodes 3 --set lease_time=3s --set refresh_interval=500ms --set store_connect_ms=1000 --set store_statement_ms=1000
postgres_of_sandbox
head -c 2000 /dev/urandom >"$work/p"
for n in 1 2 3; do within 20 "node $n is of $commit and open" opens $n; done
check "a key" at 1 key create disk
check "and a message" at 1 encrypt -k disk -i "$work/p" -o "$work/m"

touch "$work/go"
load() { # keys at node N, each until it is acknowledged or was there already; openings while it is not being restarted
  local i=0 said
  while [ -e "$work/go" ]; do
    if said=$(at "$1" key create "k$1-$i" 2>&1) || grep -qE 'exists|has the name' <<<"$said"; then echo "k$1-$i" >>"$work/made"; i=$((i + 1)); fi
    [ ! -e "$work/away-$1" ] || continue
    if at "$1" decrypt -i "$work/m" -o "$work/o-$1" >/dev/null 2>&1 && cmp -s "$work/p" "$work/o-$1"; then echo ok; elif [ ! -e "$work/away-$1" ]; then echo BAD; fi >>"$work/opened-$1"
  done
}
loops=()
for n in 1 2 3; do load $n & loops[${#loops[@]}]=$!; done
everyone() { # everyone WHAT: each node makes a key that each node uses
  local n m
  for n in 1 2 3; do
    check "$1: node $n makes a key" at $n key create "$1-$n"
    check "$1: and seals with it" at $n encrypt -k "$1-$n" -i "$work/p" -o "$work/$1-$n"
  done
  for n in 1 2 3; do
    for m in 1 2 3; do
      opened() { at "$n" decrypt -i "$work/$1-$m" -o "$work/o" >/dev/null && cmp -s "$work/p" "$work/o"; }
      within 10 "$1: node $n opens what node $m sealed" opened "$1"
    done
  done
}
change() { # change N before|after, under load
  touch "$work/away-$1"
  restart "$1" "$2"
  within 30 "node $1 is open" opens "$1"
  rm "$work/away-$1"
}
change 1 after
everyone one
change 2 after
everyone two
if [ "$back" != --no-way-back ]; then
  change 1 before
  everyone back
  change 1 after
fi
change 3 after
everyone three
rotates() { at 1 rotate data-key || at 2 rotate data-key || at 3 rotate data-key; } # at the master server, whoever that is by now
check "the data key is rotated" rotates
everyone rotated
rm "$work/go"
wait "${loops[@]}"

for n in 1 2 3; do
  if [ "$(grep -c BAD "$work/opened-$n")" = 0 ] && [ "$(wc -l <"$work/opened-$n")" -gt 10 ]; then ok "node $n opened $(wc -l <"$work/opened-$n") times, and never failed"
  else bad "node $n opens all the time" "$(sort "$work/opened-$n" | uniq -c)"; fi
done
there() { at 1 key list --json | jq -r '.[].name' | grep '^k[123]-' | sort >"$work/there" && [ -z "$(sort "$work/made" | comm -23 - "$work/there")" ]; }
within 20 "each of the $(wc -l <"$work/made") keys that were acknowledged is there" there
equal "once" "$(sort "$work/there" | uniq -d)" ""
for n in 1 2 3; do
  check "node $n: the audit log verifies" at $n audit verify
  within 20 "node $n: the store is whole" at $n store check
done
judge_logs 1,2,3
finish
