#!/bin/bash
# The store's disk is full: a change is refused with a sentence and nothing is lost; reading and encrypting go on; space returned, it goes on by itself.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin disk
mkdir -p "$dir"
if ! mount -t tmpfs -o size=24M,mode=755 tmpfs "$dir" 2>/dev/null; then
  echo "note: no rights to mount a small disk here; this story needs them"
  finish
fi
trap 'COFFER_KEEP=1 cleanup; umount -l "$work/s" 2>/dev/null; rm -rf "$work"' EXIT
start_sandbox --token softhsm
use_sandbox
coffer key create k >/dev/null
echo hello >"$work/p"
coffer encrypt -k k -i "$work/p" -o "$work/m"

head -c 24M /dev/zero >"$dir/fill" 2>/dev/null
made=0
for ((i = 0; i < 50; i++)); do coffer key create "full-$i" >/dev/null 2>&1 || break; made=$((made + 1)); done
refused "a full disk" 1 'full|No space' coffer key create one-more
check "decrypting goes on" coffer decrypt -i "$work/m" -o "$work/o"
check "encrypting goes on" coffer encrypt -k k -i "$work/p" -o "$work/m2"
check "status answers" is_ready
rm -f "$dir/fill"
within 5 "space returned: changes go on by themselves" coffer key create after
equal "every key that was acknowledged is there" "$(coffer key list --json | jq length)" $((made + 2))
check "the audit log verifies" coffer audit verify
kill -9 "$(cat "$home/cofferd.pid")"
within 10 "also after a restart" is_ready
equal "nothing is lost" "$(coffer key list --json | jq length)" $((made + 2))
finish
