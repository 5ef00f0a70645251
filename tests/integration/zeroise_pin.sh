#!/bin/bash
# Zeroise of a node that its TPM's PIN keeps from opening: wrong, locked out, not to be read, not given. It wants the owner of the TPM and no PIN, and spends no try.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
begin zeroise-pin
start_sandbox --token swtpm
use_sandbox
export TPM2TOOLS_TCTI=swtpm:path=$home/token/swtpm.sock
uri="tpm2:swtpm:path=$home/token/swtpm.sock"
pin=$work/pin
put_pin() { printf '%s' "$1" >"$pin.new"; chmod 600 "$pin.new"; give_to tokend "$pin.new"; mv "$pin.new" "$pin"; }
tries() { tpm2_getcap properties-variable | awk '/LOCKOUT_COUNTER/ { print $2 }'; }
protects() { status_is .rollback.protection 'counter in the token'; }

# A node bound to a PIN, stopped. The TPM says nothing of it once zeroise is through.
bound() {
  status_is .state open || check "$1: a new domain" coffer init --token "$uri" --no-recovery
  put_pin 123456
  check "$1: the node wants a PIN" coffer token reseal --pin-source "file:$pin"
  within 20 "$1: a counter protects it" protects
  domain=$(status_field .domain.fingerprint)
  stop_daemon
  equal "$1: the TPM has both" "$(objects_in_token swtpm)" "0x81010C0F 0x1810C10"
}
ended() { # $1: what it is, $2: the health that follows
  local out spent
  start_daemon "$1: it starts"
  within 20 "$1: it says so" status_is .token.health "$2"
  spent=$(tries)
  out=$(coffer zeroise --domain "$domain" 2>&1) && ok "$1: it is zeroised" || bad "$1: it is zeroised" "$out"
  matches "$1: the master secret is destroyed" "$out" 'destroyed, and looked for again'
  matches "$1: the counter is gone" "$out" '^counter +not in the token any more$'
  equal "$1: the TPM has nothing of Coffer's" "$(objects_in_token swtpm)" ""
  equal "$1: no try was spent" "$(tries)" "$spent"
  equal "$1: the daemon knows no domain" uninitialised "$(status_field .state)"
}

bound "a wrong PIN"
put_pin no-longer-known
ended "a wrong PIN" 'wrong PIN'
bound "no PIN to be read"
rm "$pin"
ended "no PIN to be read" gone
bound "a TPM that is locked out"
put_pin no-longer-known
check "one try locks it" tpm2_dictionarylockout --setup-parameters --max-tries=1 --recovery-time=86400 --lockout-recovery-time=86400
ended "a TPM that is locked out" locked
check "its owner ends the lockout" tpm2_dictionarylockout --clear-lockout
bound "an attended node"
echo 'start = attended' >>"$home/cofferd.conf"
ended "an attended node" waiting
finish
