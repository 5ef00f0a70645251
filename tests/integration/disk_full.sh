#!/bin/bash
# The store's disk is full: a change is refused with a sentence and nothing is lost; reading and encrypting go on; keys can still be revoked and destroyed
# on the reserve, with their audit records; with the reserve used up nothing is done without its record; space returned, it goes on by itself.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin disk
keep_softhsm
mkdir -p "$dir"
if ! mount -t tmpfs -o size=96M,mode=755 tmpfs "$dir" 2>/dev/null; then
  echo "note: no rights to mount a small disk here; this story needs them"
  finish
fi
trap 'COFFER_KEEP=1 cleanup; umount -l "$work/s" 2>/dev/null; rm -rf "$work"' EXIT
start_sandbox --token softhsm
use_sandbox
reserve=$home/state/store.reserve
[ -e "$reserve" ] || reserve=$(find "$home" -name store.reserve | head -1)
reserve_is() { [ "$(stat -c %s "$reserve")" = "$1" ]; }
said() { coffer audit show --json | jq -r '.[].details' | grep -cF "$1"; }
fill() { head -c 96M /dev/zero >"$dir/$1" 2>/dev/null; }
equal "a reserve is kept" "$(stat -c '%s %a' "$reserve")" "20971520 600"
coffer key create k >/dev/null
for i in $(seq 8); do coffer key create "old-$i" >/dev/null; done
echo hello >"$work/p"
coffer encrypt -k k -i "$work/p" -o "$work/m"
# Many pages of the log are new to the file: it takes more than a little room to empty it.
log_len() { stat -c %s "$home/state/store.db-wal"; }
matches "many keys are made at once" "$("$COFFER_BUILD/tests/ahead" many many- 2000 k)" "^1999 created, 1 taken"
check "the log is long ($(log_len) bytes)" [ "$(log_len)" -gt 6000000 ]

fill fill
made=0
for ((i = 0; i < 50; i++)); do coffer key create "full-$i" >/dev/null 2>&1 || break; made=$((made + 1)); done
refused "a full disk" 1 'disk is full' coffer key create one-more
within 2 "status says so" status_is .store_health full
refused "and that it is not well" 4 '' coffer status --quiet
check "decrypting goes on" coffer decrypt -i "$work/m" -o "$work/o"
same "and is right" "$work/p" "$work/o"
check "encrypting goes on" coffer encrypt -k k -i "$work/p" -o "$work/m2"
check "a key can be revoked" coffer key revoke old-1 --reason superseded
check "and destroyed" coffer key destroy old-1
check "its bytes have left the log" [ "$(log_len)" -lt 1000000 ]
equal "the audit log has the full disk" "$(said 'the disk is full: only')" 1
equal "and the destruction" "$(coffer audit show --json | jq '[.[] | select(.operation == "Destroy" and .result == "ok")] | length')" 1
check "the reserve was given back for it" reserve_is 0

fill fill2 # what was given back is gone too: no room for an audit record any more
records=$(status_field .audit_records)
ended=0
for i in $(seq 2 8); do
  begun=$(date +%s%N)
  coffer key revoke "old-$i" --reason superseded >/dev/null 2>&1 || { ended=$i; break; }
done
took=$((($(date +%s%N) - begun) / 1000000))
if [ "$ended" != 0 ]; then
  check "without room for the record it is refused within a second ($took ms)" [ "$took" -le 1000 ]
  equal "what was done has its record, and nothing else has one" "$(status_field .audit_records)" $((records + ended - 2))
  refused "with a sentence" 1 'disk is full' coffer key revoke "old-$ended" --reason superseded
else
  echo "note: the log had room for seven more records"
fi
check "encrypting still goes on" coffer encrypt -k k -i "$work/p" -o "$work/m2"

rm -f "$dir/fill" "$dir/fill2"
within 5 "space returned: the store is well by itself" status_is .store_health well
check "changes go on" coffer key create after
check "the reserve is taken again" reserve_is 20971520
equal "the audit log has the end of it" "$(said 'takes changes again; it was full')" 1
count=$((made + 9 + 1999))
equal "every key that was acknowledged is there" "$(coffer key list --json | jq '[.[] | select(.state != "destroyed")] | length')" $count
check "the audit log verifies" coffer audit verify
kill -9 "$(cat "$home/cofferd.pid")"
within 10 "also after a restart" is_ready
equal "nothing is lost" "$(coffer key list --json | jq '[.[] | select(.state != "destroyed")] | length')" $count

# The log begins anew in the room that its file has: changes go on, and a Destroy finds no room in the store itself.
check "a key is revoked" coffer key revoke many-1 --reason superseded
matches "many more keys, and the log begins anew" "$("$COFFER_BUILD/tests/ahead" many more- 3500 k)" "^3499 created, 1 taken"
check "its file is as long as it gets" [ "$(log_len)" -gt 16000000 ]
fill fill
check "changes go on without a note of the full disk" coffer key create unnoticed
equal "and the store is well" "$(status_field .store_health)" well
check "a key is destroyed" coffer key destroy many-1
check "its bytes have left the log, on the reserve" [ "$(log_len)" -lt 1000000 ]
equal "now the disk is full" "$(status_field .store_health)" full
rm -f "$dir/fill"
within 5 "and well again with room" status_is .store_health well

fill fill
for ((i = 0; i < 50; i++)); do coffer key create "again-$i" >/dev/null 2>&1 || break; done
kill -9 "$(cat "$home/cofferd.pid")"
within 10 "a daemon that starts on a full disk opens" status_is .state open
check "and decrypts" coffer decrypt -i "$work/m" -o "$work/o"
rm -f "$dir/fill"
within 5 "and is well when there is room" status_is .store_health well

# Opening by shares fails for want of room: with room the same share is another try.
mv "$home/token/tokens" "$home/token/away"
kill -9 "$(cat "$home/cofferd.pid")"
within 10 "sealed without its token" status_is .state sealed
rm -f "$reserve"
fill fill
fill fill2
refused "one share" 4 '' coffer unseal --share-file "$dir/recovery/share-1.txt"
refused "two shares do not open on a full disk" 1 'disk is full.*make room' coffer unseal --share-file "$dir/recovery/share-2.txt"
rm -f "$dir/fill" "$dir/fill2"
check "the same command again opens when there is room" coffer unseal --share-file "$dir/recovery/share-2.txt"
equal "it is open" "$(status_field .state)" open
finish
