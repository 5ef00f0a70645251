#!/bin/bash
# kill -9 while a backup is made and while one is restored, of daemon and of command, again and again: an archive is there whole or not at all; a node is without a domain or has all of it; and giving the command again
# is all that anybody has to do.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
token=$1
rounds=${COFFER_CRASH_ROUNDS:-12}
begin "backup-crash-$token"
keep_softhsm
start_sandbox --token "$token"
use_sandbox
first=$dir
shares=(--share-file "$first/recovery/share-1.txt" --share-file "$first/recovery/share-3.txt")
trap '"$sandbox" stop --dir "$work/box" >/dev/null 2>&1; cleanup' EXIT
nap() { perl -e "select(undef, undef, undef, $1)"; }
settled() { case $(status_field .state) in open|uninitialised) ;; *) false ;; esac; }
is_open() { status_is .state open; }
# Monitor and daemon at once, as a power cut does; then everything is started again.
cut_power() { kill -9 "$(cat "$home/monitor.pid" 2>/dev/null)" "$(cat "$home/cofferd.pid" 2>/dev/null)" 2>/dev/null; }

for i in $(seq 1 150); do echo "k$i"; done | xargs -P 4 -n 1 "$bin/coffer" key create >/dev/null
echo precious >"$work/p"
coffer encrypt -k k77 -i "$work/p" -o "$work/m"
check "an archive to compare with" coffer backup create "$work/good.cfra"

whole=0
for round in $(seq 1 "$rounds"); do
  target=$work/try-$round.cfra
  coffer backup create "$target" >/dev/null 2>&1 &
  making=$!
  nap "0.00$((round % 9))"
  if [ $((round % 2)) = 0 ]; then cut_power; else kill -9 $making 2>/dev/null; fi
  wait $making 2>/dev/null
  [ $((round % 2)) != 0 ] || start_sandbox --no-init
  if [ -e "$target" ]; then
    whole=$((whole + 1))
    coffer backup verify "$target" --offline --quiet "${shares[@]}" >"$work/out" 2>&1 || bad "round $round: an archive that is there opens" "$(cat "$work/out")"
  fi
  is_open || within 20 "round $round: it opens" is_open
done
ok "$rounds backups were interrupted, $whole were whole, and each of these opens"
check "the node serves" coffer key create after
check "and its store is sound" coffer store check
check "and makes a backup" coffer backup create "$work/last.cfra"
"$sandbox" stop --dir "$first" >/dev/null 2>&1

# Restore: the daemon is killed a little later in every round, until a restore got through.
dir=$work/box
home=$dir/node-1
use_sandbox
other=softhsm; [ "$token" = swtpm ] || other=swtpm
start_sandbox --token "$other" --no-init
uri=$(cat "$home/uri")
killed=0 through=0
for round in $(seq 1 $((rounds * 2))); do
  settled || within 20 "round $round: it is open, or without a domain" settled
  if is_open; then
    # All of it is there, as it must be; a new machine for the next rounds.
    through=$((through + 1))
    coffer decrypt -i "$work/m" -o "$work/m.out" >/dev/null 2>&1 && cmp -s "$work/p" "$work/m.out" || bad "round $round: what is open has everything"
    coffer store check --quiet || bad "round $round: its store is sound"
    "$sandbox" clean --dir "$dir" >/dev/null 2>&1
    start_sandbox --token "$other" --no-init
    uri=$(cat "$home/uri")
  fi
  [ ! -e "$home/state/node.id" ] || bad "round $round: no half of a domain"
  coffer restore "$work/last.cfra" --token "$uri" "${shares[@]}" >/dev/null 2>&1 &
  restoring=$!
  nap "0.$(printf '%03d' $((round * 19 % 260 + 5)))"
  cut_power && killed=$((killed + 1))
  wait $restoring 2>/dev/null
  start_sandbox --no-init
done
within 20 "it is open, or without a domain" settled
is_open || check "the command given again" coffer restore "$work/last.cfra" --token "$uri" "${shares[@]}"
ok "$killed restores were interrupted, $through had got through"
check "everything is there" coffer decrypt -i "$work/m" -o "$work/m.out2"
same "as it was" "$work/p" "$work/m.out2"
check "the store is sound" coffer store check
check "the audit log verifies" coffer audit verify
absent "no upload is left" "$home/state/restore"
absent "nothing is pending" "$home/state/pending"
finish
