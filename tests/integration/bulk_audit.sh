#!/bin/bash
# Bulk use of keys in the audit log. Counted: the sums of the records are what the clients did, to the last operation and byte, at every interval, at a stop,
# after a disk that was full. Full: the record is there before the answer, and with no room for it nothing is done.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin bulk
keep_softhsm
mkdir -p "$dir"
small=yes
mount -t tmpfs -o size=96M,mode=755 tmpfs "$dir" 2>/dev/null || small=
trap 'COFFER_KEEP=1 cleanup; [ -z "$small" ] || umount -l "$work/s" 2>/dev/null; rm -rf "$work"' EXIT
start_sandbox --token softhsm --set audit_interval=1h
use_sandbox
client() { timeout 120 python3 -B "$top/tests/integration/bulk_audit.py" "$@"; }
a=$(client create "$COFFER_SOCKET")
b=$(client create "$COFFER_SOCKET")
users=$(id -u)
if [ "$users" = 0 ]; then
  coffer grant --to unix:64301 --role key-user --on bulk >/dev/null
  users=0,64301
fi
used=$work/used
use() { client load "$COFFER_SOCKET" "$used" "$a,$b" "$users" 4 "$1" >"$work/load" 2>&1 || bad "the clients come to an end" "$(tail -3 "$work/load")"; }
from=1
show() { coffer audit show --json --from $from --limit 100000; }
exact() { # exact WHAT: the log's sums are those of the clients
  local wrong
  if wrong=$(show | client judge "$used"); then ok "$1"; else bad "$1" "$wrong"; fi
}
records() { status_field .audit_records; }
records_are_more_than() { [ "$(records)" -gt "$1" ]; }
set_to() { # set_to KEY VALUE: in the configuration of the running daemon
  local said
  said=$(grep -c 'was read again' "$home/cofferd.log")
  sed -i "/^$1 *=/d" "$home/cofferd.conf"
  echo "$1 = $2" >>"$home/cofferd.conf"
  kill -HUP "$(cat "$home/monitor.pid")"
  within 5 "$1 = $2 is read" reads_more_than "$said"
}
reads_more_than() { [ "$(grep -c 'was read again' "$home/cofferd.log")" -gt "$1" ]; }

use 400
before=$(records)
exact "an auditor reads what was done until then: $(cat "$work/load")"
rows=$(($(records) - before))
check "in a record for each key, user and operation ($rows)" [ "$rows" -ge 4 ] && check "and no more" [ "$rows" -le 8 ]
matches "failed openings are told" "$(show | jq -r '.[].details')" '[1-9][0-9]* did not open'
broken=$work/broken
jq -c '.[0][4] += 1' "$used" >"$broken"
if show | client judge "$broken" >/dev/null; then bad "the judge finds one operation that is not told"; else ok "the judge finds one operation that is not told"; fi

set_to audit_interval 1s
before=$(records)
use 100
within 5 "the interval's end writes, nobody has to ask" records_are_more_than "$before"
set_to audit_interval 1h
exact "and what it wrote is right"

use 100
c=$(coffer key create c --json | jq -r .uuid)
echo hi | coffer encrypt -k c -o /dev/null
coffer key revoke c --reason superseded >/dev/null
equal "a key's counts stand before its end" "$(show | jq -r --arg c "$c" '[.[] | select(.object == $c) | .operation] | join(" ")')" "Create Seal Revoke"

use 300
"$sandbox" stop --dir "$dir" >/dev/null
check "it starts again" "$sandbox" start --dir "$dir"
exact "an orderly stop lost nothing"
equal "and says so" "$(show | jq '[.[] | select(.details == "stopped; what was counted is in the audit log")] | length')" 1

exact "nothing is open"
use 50
kill -9 "$(cat "$home/cofferd.pid")"
within 10 "it is back after kill -9" is_ready
check "the audit log verifies" coffer audit verify
if show | client judge "$used" >/dev/null; then bad "what a crash lost shows as lost"; else ok "what a crash lost shows as lost (at most an interval)"; fi
rm "$used"
from=$(($(show | jq 'map(.seq) | max') + 1))

# ---- refusals ----
if [ "$(id -u)" = 0 ]; then
  before=$(records)
  client refused "$COFFER_SOCKET" "$a" 64302 2000 >"$work/refused" 2>&1 || bad "a stranger is told that there is nothing" "$(tail -3 "$work/refused")"
  equal "2000 refusals about a key that is not to be seen write nothing" "$(records)" "$before"
  client refused "$COFFER_SOCKET" create 64302 500 >"$work/refused" 2>&1 || bad "a stranger is refused" "$(tail -3 "$work/refused")"
  equal "of 500 others ten have a record" "$(records)" $((before + 10))
  equal "the sums are told" "$(show | jq -r '[.[] | select(.principal == "unix:64302" and (.details | test("^[0-9]+ refused"))) | .details | split(" ")[0]] | sort | join(" ")')" "2000 490"
fi

# ---- full ----
set_to audit_bulk full
before=$(records)
use 50
equal "full: a record for each operation" "$(($(records) - before))" 200
matches "that says how much it was" "$(show | jq -r '.[].details')" '^[0-9]+ bytes$'
equal "failures too" "$(show | jq '[.[] | select(.operation == "Decrypt" and .result == "CryptographicFailure")] | length')" 20
# A stream in shared memory: its segments are asked for before they are worked on.
coffer key create streams >/dev/null
head -c 2500000 /dev/zero >"$work/stream"
coffer encrypt -k streams -i "$work/stream" -o "$work/stream.sealed"
grep -q 'streams do not use shared memory here' "$home/cofferd.log" || equal "full: a segment in shared memory says how much was asked for" "$(show | jq -r '[.[] | select(.operation == "SealStream" and (.details | test("in shared memory"))) | .details] | join("; ")')" \
  "a further part, 1048576 bytes asked for in shared memory; a further part, 1048576 bytes asked for in shared memory; a further part, 402848 bytes asked for in shared memory"
printf X | dd of="$work/stream.sealed" bs=1 seek=1500000 conv=notrunc status=none
if coffer decrypt -i "$work/stream.sealed" -o "$work/stream.out" 2>/dev/null; then bad "an altered stream does not open"; else ok "an altered stream does not open"; fi
for ((i = 0; i < 10; i++)); do
  before=$(show | jq '[.[] | select(.details == "77 bytes")] | length')
  pid=$(cat "$home/cofferd.pid")
  client one "$COFFER_SOCKET" "$a" | { read -r _ && kill -9 "$pid"; }
  within 10 "killed right after the answer: it is back" is_ready
  equal "and the record is there" "$(show | jq '[.[] | select(.details == "77 bytes")] | length')" $((before + 1))
done

if [ -n "$small" ]; then
  head -c 96M /dev/zero >"$dir/fill" 2>/dev/null
  for ((i = 0; i < 50; i++)); do coffer key create "full-$i" >/dev/null 2>&1 || break; done
  within 2 "the disk is full" status_is .store_health full
  if client one "$COFFER_SOCKET" "$a" >/dev/null 2>&1; then bad "full: nothing is done without its record"; else ok "full: nothing is done without its record"; fi
  set_to audit_bulk counted
  rm -f "$used"
  use 100
  use 100
  equal "counted: all of it is done" "$(jq '[.[] | select(.[3] == "failed")] | length' "$used")" 0
  equal "and none of it written" "$(show | client judge "$used" >/dev/null; echo $?)" 1
  rm -f "$dir/fill"
  within 5 "space returned: the store is well" status_is .store_health well
  exact "and the audit log tells all of it"
else
  set_to audit_bulk counted
  echo "note: no rights to mount a small disk here"
fi
check "the audit log verifies" coffer audit verify
finish
