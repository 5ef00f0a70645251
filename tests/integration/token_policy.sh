#!/bin/bash
# Firmware updates of a node that is bound to PCRs: unplanned, planned with a reseal, and with values that the vendor signed.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
begin policy
start_sandbox --token swtpm
use_sandbox
export TPM2TOOLS_TCTI=swtpm:path=$home/token/swtpm.sock
coffer key create k >/dev/null
echo precious >"$work/p"
coffer encrypt -k k -i "$work/p" -o "$work/m"

start_daemon() { setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 & }
restart() { stop_daemon; start_daemon; }
sealed_because() { status_is .state sealed && grep -qE "$1" <<<"$(status_field .note)"; }
opens() { within 20 "$1" is_ready; check "$1, and decrypts" coffer decrypt -i "$work/m" -o "$work/back"; same "$1: what was encrypted" "$work/p" "$work/back"; }
update() { tpm2_pcrextend 7:sha256="$(printf '%064d' 1)" >/dev/null 2>&1 || bad "tpm2_pcrextend"; }
pcr7_after() { # pcr7_after N: what PCR 7 is after so many updates
  python3 - "$1" <<'PY'
import hashlib, sys
v = bytes(32)
for _ in range(int(sys.argv[1])):
    v = hashlib.sha256(v + bytes.fromhex("%064d" % 1)).digest()
print(v.hex())
PY
}
policy() { coffer token status --json | jq -r ".policy.$1"; }

# --- bound to the values of now ---
matches "unbound, status says so" "$(coffer token status)" 'policy +none: whoever starts this machine opens it'
refused "a list of PCRs that does not parse is refused" 1 'no list of PCRs' coffer token reseal --pcrs sha256:0,,7
refused "and so is a bank that is not there" 1 'no list of PCRs' coffer token reseal --pcrs sha1:7
matches "after which it is as unbound as before" "$(policy policy)" '^none'
check "the node is bound to PCR 7" coffer token reseal --pcrs sha256:7
matches "the audit log has it" "$(coffer audit show)" 'TokenReseal .*bound anew'
restart
opens "the same firmware opens it"
update
equal "after an update, status says that the next start does not open it" "does not open" "$(policy next_start)"
equal "and which PCR differs" "7 differs" "$(policy pcrs)"
rc=0; coffer token status --quiet || rc=$?
equal "and its exit status is that of a degraded node" 4 $rc
check "what is open goes on" coffer decrypt -i "$work/m" -o "$work/back"
restart
within 20 "started on another firmware, it stays sealed and names PCR and ways out" sealed_because 'PCRs sha256:7 differ.*coffer token reseal.*coffer unseal --share-file'
status_is .token.health well && ok "the token itself is well"
refused "nothing is decrypted" 4 sealed coffer decrypt -i "$work/m"
refused "nothing is bound anew by who has no data key" 4 sealed coffer token reseal --pcrs none
stop_daemon
"$sandbox" stop --dir "$dir" >/dev/null 2>&1
start_sandbox --token swtpm
opens "the firmware of before opens it again"

# --- the recovery branch: nobody planned it, and there is no way back to the firmware of before ---
update
restart
within 20 "the update again, and it stays sealed" sealed_because 'PCRs sha256:7 differ'
by_shares=(--share-file "$dir/recovery/share-1.txt" --share-file "$dir/recovery/share-3.txt")
coffer unseal --share-file "$dir/recovery/share-2.txt" >/dev/null; equal "one share is too few" 4 $?
coffer unseal --forget >/dev/null
equal "and it is still sealed" sealed "$(status_field .state)"
check "two shares open it" coffer unseal "${by_shares[@]}"
opens "opened by shares"
check "bound to what is there now" coffer token reseal
restart
opens "the new firmware opens it by itself"
stop_daemon
"$sandbox" stop --dir "$dir" >/dev/null 2>&1
"$sandbox" start --dir "$dir" --token swtpm --quiet >/dev/null 2>&1 # waits until it is open, which it will not be
within 20 "and the one of before does not any more" sealed_because 'PCRs sha256:7 differ'
check "the shares open it there as well" coffer unseal "${by_shares[@]}"
check "and it is bound to that one again" coffer token reseal

# --- a planned update ---
check "the values to come are bound beside those of now" coffer token reseal --next "sha256:7=$(pcr7_after 1)"
restart
opens "the old firmware opens it"
update
restart
opens "the new firmware opens it"
check "then the old values are dropped" coffer token reseal
matches "one set is left" "$(policy policy)" '1 set '

# --- values that the vendor signed ---
openssl ecparam -name prime256v1 -genkey -noout -out "$work/vendor.pem" 2>/dev/null
openssl ec -in "$work/vendor.pem" -pubout -out "$work/vendor.pub" 2>/dev/null
sign() { # sign FILE REF N…: images after so many updates
  local file=$1 ref=$2 args=() n; shift 2
  for n in "$@"; do args+=(--pcrs "sha256:7=$(pcr7_after "$n")"); done
  coffer token sign-pcrs --key "$work/vendor.pem" --policy-ref "$ref" -o "$file.new" "${args[@]}" --quiet && chmod 644 "$file.new" && mv "$file.new" "$file"
}
check "the vendor signs the values of an image, offline" sign "$work/signed" acme/1 1
refused "a public key cannot sign" 1 'private key' coffer token sign-pcrs --key "$work/vendor.pub" --pcrs "sha256:7=$(pcr7_after 1)" -o "$work/x"
refused "values of half a length are refused" 2 'no list of values' coffer token sign-pcrs --key "$work/vendor.pem" --pcrs sha256:7=00 -o "$work/x"
check "the node is bound to what the vendor signs" coffer token reseal --pcrs sha256:7 --policy-key "$work/vendor.pub" --policy-file "$work/signed"
restart
opens "the signed image opens it"
update
restart
within 20 "an update without signed values stays sealed and says so" sealed_because "PCRs sha256:7 have values that the vendor has not signed for 'acme/1'"
check "the update brings its values along" sign "$work/signed" acme/1 1 2
restart
opens "with them it opens"
check "the next series is signed" sign "$work/signed" acme/2 2
restart
within 20 "which this binding does not take" sealed_because "is of the series 'acme/2'"
sign "$work/signed" acme/1 1 2
restart
opens "the series of before opens it"
sign "$work/next" acme/2 2
check "the node goes over to the next series" coffer token reseal --policy-file "$work/next"
cp "$work/signed" "$work/old"
check "older signed values are put back" cp "$work/old" "$work/next"
restart
within 20 "they open nothing any more" sealed_because "is of the series 'acme/1'"
sign "$work/next" acme/2 2
restart
opens "the new series does"

# --- and a PIN beside them ---
pin=$work/pin
put_pin() { printf '%s' "$1" >"$pin.new"; chmod 600 "$pin.new"; give_to tokend "$pin.new"; mv "$pin.new" "$pin"; }
tries() { tpm2_getcap properties-variable | awk '/LOCKOUT_COUNTER/ { print $2 }'; }
put_pin 123456
check "the node wants a PIN as well" coffer token reseal --pin-source "file:$pin"
matches "status says both" "$(policy policy)" "signature for 'acme/2'; PIN from file:"
restart
opens "signed values and the PIN open it"
put_pin wrong
restart
within 20 "signed values and a wrong PIN do not" status_is .token.health 'wrong PIN'
spent=$(tries)
(umask 077; printf 123456 >"$work/given")
check "the PIN that a person gives opens it" coffer unseal --pin --secret-file "$work/given"
opens "signed values and a PIN that is given"
sign "$work/next" acme/2 1
put_pin 123456
restart
within 20 "values that are not signed and the PIN do not" sealed_because "the vendor has not signed for 'acme/2'"
refused "nor with one that a person gives" 1 'the vendor has not signed' coffer unseal --pin --secret-file "$work/given"
equal "and no try is spent on it" "$(tries)" "$spent"
sign "$work/next" acme/2 2
restart
opens "signed again, both open it"
check "without the PIN again" coffer token reseal --pin-source none

# --- crashes ---
stop_daemon
cp -p "$home/state/node.id" "$work/node.id.before"
start_daemon
opens "before the crashes"
check "bound to nothing again" coffer token reseal --policy-key none --policy-file none --pcrs none
stop_daemon
cp -p "$home/state/node.id" "$work/node.id.after"
put_pending() { # put_pending PENDING PUBLISHED: as a crash left them
  install -d -m 700 "$home/state/pending"
  cp -p "$1" "$home/state/pending/node.id"
  cp -p "$2" "$home/state/node.id"
  give_to daemon "$home/state/pending" "$home/state/node.id"
}
put_pending "$work/node.id.after" "$work/node.id.before"
start_daemon
opens "a crash after the rows and before node.id is finished"
same "with the file that the rows belong to" "$work/node.id.after" "$home/state/node.id"
stop_daemon
put_pending "$work/node.id.before" "$work/node.id.after"
start_daemon
opens "a crash before the rows is taken back"
same "with the file that was there" "$work/node.id.after" "$home/state/node.id"
absent "and the pending one is gone" "$home/state/pending/node.id"
seed=${COFFER_SEED:-$RANDOM}
RANDOM=$seed
for round in 1 2 3 4 5 6 7 8; do
  list=sha256:$((round % 3)),7
  coffer token reseal --pcrs "$list" --quiet 2>/dev/null &
  asked=$!
  sleep "0.$(printf '%03d' $((RANDOM % 400)))"
  kill -9 "$(cat "$home/cofferd.pid")" 2>/dev/null
  wait $asked 2>/dev/null
  within 30 "killed in reseal $round (seed $seed), it opens" is_ready || break
done
check "and decrypts" coffer decrypt -i "$work/m" -o "$work/back"
finish
