#!/bin/bash
# Segments in shared memory: the same bytes with and without, hostile clients, keys that end, memory that is used up, and a daemon that stops meanwhile.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || { echo "only root can be several users at once: nothing to see"; exit 0; }
begin ring
start_sandbox --token softhsm --set ring_memory=40M
use_sandbox
life() { python3 -B "$top/tests/integration/ring_life.py" "$COFFER_SOCKET" good "$@"; }
coffer key create good >/dev/null
pid=$(cat "$home/cofferd.pid")
python3 -B "$top/tests/integration/ring.py" "$COFFER_SOCKET" "$pid" good
equal "rings do what they should, and nothing else" "$?" 0
python3 -B "$top/tests/integration/ring_races.py" "$COFFER_SOCKET" "$pid" good
equal "slots that change, and connections that end, harm nobody" "$?" 0
within 10 "no ring is left" status_is '"\(.rings.count) \(.rings.bytes)"' '0 0'
equal "status says how much they may take" "$(status_field .rings.limit)" $((40 << 20))
matches "also to people" "$(coffer status)" '^rings +0, 0 of 40960 KiB used$'
equal "the daemon is the same process" "$(cat "$home/cofferd.pid")" "$pid"

for uid in 65531 65532; do coffer grant --to "unix:$uid" --role key-user >/dev/null; done
life limits
equal "shares of the memory for rings" "$?" 0
within 10 "no ring is left" status_is '"\(.rings.count) \(.rings.bytes)"' '0 0'
sed -i 's/^ring_memory = .*/ring_memory = 0/' "$home/cofferd.conf"
kill -HUP "$pid"
within 5 "rings can be switched off while it runs" status_is .rings.limit 0
refuses_rings() { ! python3 -B "$top/tests/integration/ring.py" "$COFFER_SOCKET" "$pid" good memory_is_sealed_and_private >/dev/null; }
check "then there are none" refuses_rings
sed -i 's/^ring_memory = .*/ring_memory = 40M/' "$home/cofferd.conf"
kill -HUP "$pid"
within 5 "and on again" status_is .rings.limit $((40 << 20))

life keys "$bin/coffer"
equal "keys that end while their segments are under way" "$?" 0
check "the audit log is whole" coffer audit verify

life stop >"$work/stop.out" &
client=$!
flows() { grep -q ready "$work/stop.out"; }
within 30 "segments flow" flows
kill -TERM "$(cat "$home/monitor.pid")"
within 20 "it stops" grep -q 'cofferd has stopped' "$home/cofferd.log"
wait "$client"
equal "what was under way was answered" "$?" 0
grep BAD "$work/stop.out"
equal "nothing was given up" "$(grep -cE 'requests under way|did not end in time|killed' "$home/cofferd.log")" 0
finish
