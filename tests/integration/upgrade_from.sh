#!/bin/bash
# upgrade_from.sh COMMIT [--no-way-back]: builds the programs of an earlier commit and upgrades three nodes of one domain from them, one by one, while keys are made and messages opened; one goes back in between.
# --no-way-back: for commits from before format levels (docs/formats.md section 23.8). A campaign, not a test of every run: it needs the project's history and a build of its own.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/rolling_lib.sh
. "$(dirname "$0")/rolling_lib.sh"
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
start_before
for n in 1 2 3; do within 20 "node $n is of $commit and open" opens $n; done
seal_first

load_begins
seals() { at "$n" encrypt -k disk -i "$work/p" -o "$work/o"; } # not while the one that was restarted was master server, and no other is yet
everyone() { # everyone WHAT: each node makes a key that each node uses
  local n m
  for n in 1 2 3; do within 10 "$1: node $n seals" seals; done
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
load_ends
nothing_was_lost
finish
