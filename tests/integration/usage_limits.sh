#!/bin/bash
# Many clients use up a key with Usage Limits: to the last object when nothing goes wrong, and never one more when the daemon is killed meanwhile.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
begin usage
start_sandbox --token softhsm
use_sandbox
clients=4

use_up() { timeout 120 python3 -B "$top/tests/integration/usage_limits.py" "$COFFER_SOCKET" "$1" $clients >"$work/used" 2>"$work/used.err" || bad "the clients come to an end" "$(tail -3 "$work/used.err")"; }
number() { sed -n "s/.*$1 \([0-9]*\).*/\1/p" "$work/used"; }

use_up 500
equal "every object of the limit is used, and no more" "$(cat "$work/used")" "done 500, refused $clients, unanswered 0, left 0"

use_up 3000 &
users=$!
for ((i = 0; i < 4; i++)); do
  pid=$(cat "$home/cofferd.pid" 2>/dev/null)
  perl -e 'select(undef, undef, undef, 0.3 + rand(0.2))'
  kill -9 "$pid" 2>/dev/null
  for ((n = 0; n < 200; n++)); do [ "$(cat "$home/cofferd.pid" 2>/dev/null)" != "$pid" ] && break; perl -e 'select(undef, undef, undef, 0.05)'; done
done
wait $users
within 10 "the daemon is open again" is_ready
matches "it was killed while they were at it" "$(grep -c 'cofferd started' "$home/cofferd.log")" '^([3-9]|[0-9]{2})'
answered=$(number "done")
lost=$(number unanswered)
echo "     $(cat "$work/used")"
equal "nothing is left" "$(number left)" 0
check "no more than the limit was done" test "$answered" -le 3000
check "what was spent and not answered was lost on its way" test $((3000 - answered)) -le "$lost"
check "the audit log verifies" coffer audit verify
finish
