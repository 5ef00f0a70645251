#!/bin/bash
# Whose AES-GCM serves: what one engine sealed the other opens, status names the engine, and one that fails its self-test serves nobody: OpenSSL
# does, or, where it was asked for by name, the daemon does not start.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin engine
start_sandbox --token softhsm --set aead_engine=openssl
use_sandbox

restart() { # restart ENGINE [NAME=VALUE]: with that aead_engine in the configuration
  "$sandbox" stop --dir "$dir" >/dev/null 2>&1
  : >"$home/cofferd.log"
  env ${2:+"$2"} "$sandbox" start --dir "$dir" --quiet --set aead_engine="$1" >"$work/start.out" 2>&1
}

seal_with() { # seal_with NAME: messages and streams of several lengths
  local n
  for n in 0 1 300 5000 1048576 3000000; do coffer encrypt -k k -c of="$1" -i "$work/$n" -o "$work/$n.$1" || return 1; done
}
open_of() {
  local n
  for n in 0 1 300 5000 1048576 3000000; do
    coffer decrypt -c of="$1" -i "$work/$n.$1" -o "$work/out" && cmp -s "$work/$n" "$work/out" || return 1
    { head -c -1 "$work/$n.$1"; tail -c 1 "$work/$n.$1" | tr '\0-\377' '\1-\377\0'; } >"$work/bad"
    if coffer decrypt -c of="$1" -i "$work/bad" -o "$work/out2" 2>/dev/null; then return 1; fi
  done
}

for n in 0 1 300 5000 1048576 3000000; do head -c "$n" /dev/urandom >"$work/$n"; done
coffer key create k >/dev/null
equal "openssl was asked for and serves" "$(status_field .aead.engine)" openssl
equal "of which nothing is to be said" "$(status_field .aead.note)" ""
check "seal by openssl" seal_with openssl

if restart ipsec-mb; then
  equal "ipsec-mb was asked for and serves" "$(status_field .aead.engine)" ipsec-mb
  matches "status says so to people" "$(coffer status)" '^AES-GCM +ipsec-mb$'
  check "seal by ipsec-mb" seal_with ipsec
  check "what openssl sealed is opened, and not when it is changed" open_of openssl

  restart auto || bad "auto starts"
  matches "auto takes one of them" "$(status_field .aead.engine)" '^(openssl|ipsec-mb)$'
  if [ "$(status_field .aead.engine)" = openssl ]; then matches "and says why not the other" "$(status_field .aead.note)" '^not ipsec-mb: '; fi
  fast=$(status_field .aead.engine)

  if restart auto COFFER_TEST_BROKEN_AEAD=1; then ok "with a broken ipsec-mb auto starts"; else bad "with a broken ipsec-mb auto starts"; fi
  equal "and openssl serves" "$(status_field .aead.engine)" openssl
  if [ "$fast" = ipsec-mb ]; then
    matches "status says why" "$(status_field .aead.note)" 'self-test failed \(AES-[0-9]+-GCM of 257 bytes is not OpenSSL'
    matches "and the log does" "$(cat "$home/cofferd.log")" 'AES-GCM by openssl, not ipsec-mb: its self-test failed'
  fi
  check "it opens what ipsec-mb sealed, and not when it is changed" open_of ipsec
  "$sandbox" stop --dir "$dir" >/dev/null 2>&1

  { grep -v '^aead_engine' "$home/cofferd.conf"; echo 'aead_engine = ipsec-mb'; } >"$work/asked.conf"
  : >"$home/cofferd.log"
  COFFER_TEST_BROKEN_AEAD=1 timeout 30 "$bin/cofferd" --config "$work/asked.conf" </dev/null >>"$home/cofferd.log" 2>&1
  equal "with a broken ipsec-mb that was asked for cofferd ends, and is not started again" $? 78
  matches "with a sentence" "$(cat "$home/cofferd.log")" 'aead_engine is ipsec-mb, but its self-test failed \(AES-[0-9]+-GCM of 257 bytes is not OpenSSL'
  absent "and without a socket" "$COFFER_SOCKET"
else
  matches "ipsec-mb cannot be had here, and a sentence says why" "$(cat "$home/cofferd.log")" 'aead_engine is ipsec-mb, but .*: set it to auto or openssl'
  restart auto || bad "auto starts"
  equal "auto takes openssl" "$(status_field .aead.engine)" openssl
  matches "and says why" "$(status_field .aead.note)" '^not ipsec-mb: '
fi
finish
