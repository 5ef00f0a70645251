#!/bin/bash
# cofferd is killed again and again while keys are made: a change whose answer was lost is sent again under its request id, so that every create
# succeeds and has exactly one effect.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
begin lost
keep_softhsm
start_sandbox --token softhsm
use_sandbox
keys=40
(
  for ((i = 0; i < 6; i++)); do
    pid=$(cat "$home/cofferd.pid")
    perl -e 'select(undef, undef, undef, 0.15 + rand(0.2))'
    kill -9 "$pid" 2>/dev/null
    for ((n = 0; n < 200; n++)); do [ "$(cat "$home/cofferd.pid" 2>/dev/null)" != "$pid" ] && break; perl -e 'select(undef, undef, undef, 0.05)'; done
  done
) &
killer=$!
failures=0
for ((i = 0; i < keys; i++)); do
  # A daemon that is away when the command begins is told by exit status 3 or 4: then nothing was sent, and the caller tries again.
  for ((n = 0; n < 400; n++)); do
    rc=0
    out=$(coffer key create "key-$i" 2>&1) || rc=$?
    [ $rc = 3 ] || [ $rc = 4 ] || break
    perl -e 'select(undef, undef, undef, 0.05)'
  done
  [ $rc = 0 ] || { failures=$((failures + 1)); echo "     key-$i: exit $rc: $out"; }
done
wait $killer
within 10 "the daemon is open again" is_ready
equal "every create succeeded" "$failures" 0
equal "and has one effect" "$(coffer key list --json | jq -r '.[].name' | sort | uniq | wc -l)" $keys
equal "no key twice" "$(coffer key list --json | jq length)" $keys
equal "one audit record for each" "$(coffer audit show --json | jq '[.[] | select(.operation == "Create" and .result == "ok")] | length')" $keys
check "the audit log verifies" coffer audit verify
matches "the daemon was really killed" "$(grep -c 'cofferd started' "$home/cofferd.log")" '^([4-9]|[0-9]{2})'
finish
