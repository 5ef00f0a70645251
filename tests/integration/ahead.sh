#!/bin/bash
# Operations sent ahead, and batches: byte for byte what was sealed, whatever else in the batch is refused; keys made in bulk.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
begin ahead
keep_softhsm
start_sandbox --token softhsm
use_sandbox
client=$COFFER_BUILD/tests/ahead
run() { timeout 120 "$client" "$@"; }

check "a key" coffer key create records
for batch in 1 0 64; do
  equal "10,000 messages, 64 ahead, $batch in a message" "$(run round-trip records 1 10000 64 $batch)" "10000 messages, 0 wrong"
done
equal "large messages, one call each: what was sealed is opened, what was altered is not, and out is untouched then" "$(run large records)" "0 wrong"
equal "two threads on two connections, all that is allowed ahead" "$(run round-trip records 2 5000 256 0)" "10000 messages, 0 wrong"
equal "more threads than cores, one by one" "$(run round-trip records 6 300 1 0)" "1800 messages, 0 wrong"
for batch in 1 0 64; do
  equal "what is refused in the middle stops no other, $batch in a message" "$(run bad records $batch)" \
    "0 seals and 0 opens are not as they should be, 0 under way"
done

before=$(coffer audit show --json --limit 1 | jq '.[-1].seq')
matches "500 keys at once, one of whose names is taken" "$(run many bulk- 500 records)" "^499 created, 1 taken: .*records"
equal "each is there" "$(coffer key list --json | jq '[.[].name | select(startswith("bulk-"))] | unique | length')" 499
equal "each has its audit record, and so has the refusal" "$(($(coffer audit show --json --limit 1 | jq '.[-1].seq') - before))" 500
equal "each can be used" "$(run round-trip bulk-499 1 100 16 0)" "100 messages, 0 wrong"
equal "names that are not UTF-8 are refused where they are given" "$(run names records)" "2 sealed, 0 created, 0 wrong"
equal "a child that closes its parent's stream takes no answer of it" "$(run child records)" "7 good"
equal "who destroys each key that is listed leaves none" "$(run purge bulk-)" "499 destroyed, 0 left"
check "the audit log verifies" coffer audit verify
equal "the example of the documents" "$(timeout 60 "$COFFER_BUILD/tests/example_seal_many" records 10000)" "10000 records sealed and opened, 0 wrong"

# Sent ahead into a daemon that goes away: everything ends, and says so.
pid=$(cat "$home/cofferd.pid")
ticks() { awk '{print $14 + $15}' "/proc/$pid/stat"; }
is_at_work() { [ $(($(ticks) - idle)) -ge 20 ]; }
idle=$(ticks)
(run round-trip records 2 200000 256 0 >"$work/killed" 2>&1; echo "exit $?" >>"$work/killed") &
load=$!
within 10 "the daemon is at work" is_at_work
kill -9 "$pid"
wait $load
matches "what was under way is lost, and the client comes to an end" "$(cat "$work/killed")" "exit 1"
matches "with a sentence" "$(cat "$work/killed")" "closed the connection|broke"
within 10 "the daemon is open again" is_ready
equal "and serves" "$(run round-trip records 1 100 64 0)" "100 messages, 0 wrong"
finish
