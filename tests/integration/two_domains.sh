#!/bin/bash
# Two domains on one machine: each has its socket, state, store and token, the client takes the one that COFFER_SOCKET names, and neither opens, lists or stops what is the other's.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin domains
keep_softhsm
start_sandbox --token softhsm
"$sandbox" start --dir "$work/t" --token softhsm >"$work/start.out" 2>&1 || bad "the second domain starts" "$(cat "$work/start.out")"
end_both() { "$sandbox" stop --dir "$work/t" >/dev/null 2>&1; cleanup; }
trap end_both EXIT
one() { COFFER_SOCKET=$work/s/node-1/coffer.sock "$bin/coffer" "$@"; }
two() { COFFER_SOCKET=$work/t/node-1/coffer.sock "$bin/coffer" "$@"; }
print_of() { "$1" status --json | jq -r .domain.fingerprint; }
head -c 1000 /dev/urandom >"$work/p"
if [ "$(print_of one)" != "$(print_of two)" ]; then ok "two fingerprints"; else bad "two fingerprints" "$(print_of one)"; fi
for d in one two; do
  check "$d: a key of the same name" $d key create disk
  check "$d: seals" $d encrypt -k disk -i "$work/p" -o "$work/m-$d"
  check "$d: opens" $d decrypt -i "$work/m-$d" -o "$work/o-$d"
  same "$d: the same" "$work/p" "$work/o-$d"
done
check "a key of the first alone" one key create alone
equal "which the second does not list" "$(two key list --json | jq -r '[.[].name] | join(" ")')" disk
refused "the second does not open what the first sealed" 1 'no such key' two decrypt -i "$work/m-one" -o "$work/no"
refused "nor the first what the second sealed" 1 'no such key' one decrypt -i "$work/m-two" -o "$work/no"
check "the first is stopped" "$sandbox" stop --dir "$dir"
refused "who asks the first is told" 3 'coffer.sock' one key list
check "the second opens as before" two decrypt -i "$work/m-two" -o "$work/o-two"
check "and its audit log verifies" two audit verify
check "the first is started again" "$sandbox" start --dir "$dir"
check "and opens what is its own" one decrypt -i "$work/m-one" -o "$work/o-one"
finish
