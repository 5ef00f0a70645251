#!/bin/bash
# Zeroise: the master secret leaves the token, the state folder is wiped, and neither the node nor a copy of its disk beside its token opens anything
# any more. A crash in between is finished by the next start.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
token=${1:-softhsm}
begin "zeroise-$token"
start_sandbox --token "$token"
use_sandbox
state=$home/state

# What is left but the empty store of a node without a domain.
left_in_state() {
  find "$state" -mindepth 1 ! -name lock ! -name 'store.*' ! -name node.root -printf '%P\n'
  rm -rf "$work/look" && mkdir "$work/look" && cp "$state"/store.db* "$work/look/"
  python3 -c 'import sqlite3, sys
print("rows" * sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM record").fetchone()[0], end="")' "$work/look/store.db"
  ! grep -q . <(tr -d '\0' <"$state/node.root") || echo node.root
}

coffer key create payroll >/dev/null
echo "the plaintext of the story" >"$work/p"
coffer encrypt -k payroll -i "$work/p" -o "$work/m"
domain=$(status_field .fingerprint)
[ -n "$domain" ] && [ "$domain" != null ] || domain=$(status_field .domain.fingerprint)
cp -a "$state" "$work/copy"

# The token's objects: the master secret, and the key that signs the audit log.
objects() { SOFTHSM2_CONF=$home/token/softhsm2.conf pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --login --pin "$(cat "$home"/token/pin)" --list-objects 2>/dev/null | grep -cE "label: +$1"; }
export TPM2TOOLS_TCTI=swtpm:path=$home/token/swtpm.sock
if [ "$token" = softhsm ]; then
  within 20 "the token signs the audit log" status_is .audit_token.state signed
  equal "the token has these" "$(objects_in_token softhsm)" "coffer-audit master"
  check "it shows the master secret, and both halves of the signing key" [ "$(objects master)$(objects coffer-audit)" = 12 ]
fi
refused "which domain must be said" 2 '\-\-domain FINGERPRINT' coffer zeroise
refused "another domain is refused" 1 "not this domain's fingerprint" coffer zeroise --domain RQDP-QN4Y-ZLAN-CAJY-XEBQ-FLHG-PWU6-KOVQ
refused "a stranger may not" 1 'may not zeroise' as_stranger zeroise --domain "$domain"
# A token that does not answer: nobody knows what became of the master secret, and that is what is said.
hide_token() { if [ "$token" = swtpm ]; then kill -9 "$(cat "$home/token/swtpm.pid")" && rm -f "$home/token/swtpm.sock"; else mv "$home/token/tokens" "$home/token/away"; fi; }
bring_token() { if [ "$token" = swtpm ]; then "$sandbox" start --dir "$dir" --token swtpm >/dev/null 2>&1; else mv "$home/token/away" "$home/token/tokens"; fi; }
hide_token
refused "without its token it is refused, and what is not known is not claimed" 1 '(it is not certain that the master secret is destroyed|the token was not asked to destroy the master secret): .*; the state directory is not wiped;' coffer zeroise --domain "$domain"
absent "there is no order" "$state/zeroise.begun"
bring_token
within 20 "the token is back, and well" is_ready
check "what was sealed opens" coffer decrypt -i "$work/m" -o "$work/p2"
same "as it was" "$work/p" "$work/p2"
# An order whose token was not asked any more is one that did not happen: the master secret is there, so the node opens.
echo >"$state/zeroise.begun"
give_to daemon "$state/zeroise.begun"
stop_daemon
if [ "$token" = swtpm ]; then
  equal "the TPM has the master secret and the counter" "$(objects_in_token swtpm)" "0x81010C0F 0x1810C10"
  counter_of=$(tpm2_nvreadpublic 0x01810C10 | sed -n 's/^ *authorization policy: *//p')
fi
start_daemon "with an order that came to nothing it starts"
within 20 "and opens" is_ready
absent "the order is gone" "$state/zeroise.begun"
check "nothing was touched" coffer decrypt -i "$work/m" -o "$work/p2"
same "the file opens" "$work/p" "$work/p2"
out=$(coffer zeroise --domain "$domain" 2>&1) || bad "zeroise" "$out"
matches "the master secret is destroyed" "$out" 'destroyed, and looked for again'
matches "shares and copies are named" "$out" 'still open the data'
if [ "$token" = softhsm ]; then
  equal "the token shows neither master secret nor signing key" "$(objects master)$(objects coffer-audit)" 00
  equal "nor anything else of Coffer's" "$(objects_in_token softhsm)" ""
else
  matches "the counter is gone" "$out" '^counter +not in the token any more$'
  equal "the TPM has nothing of Coffer's" "$(objects_in_token swtpm)" ""
fi
equal "the daemon is back, without a domain" uninitialised "$(status_field .state)"
equal "nothing is left in the state folder" "" "$(left_in_state)"
refused "nothing is served" 4 'init' coffer decrypt -i "$work/m"
refused "a second time there is nothing" 4 'no domain|not initialised' coffer zeroise --domain "$domain"

# The thief's copy of the disk, and the token: nothing opens.
stop_daemon
rm -rf "$state"
cp -a "$work/copy" "$state"
start_daemon "with the copy put back it starts"
within 10 "and finds no master secret" status_is .token.health 'key missing'
equal "so it stays sealed" sealed "$(status_field .state)"
out=$(coffer zeroise --domain "$domain" 2>&1) || bad "zeroise while sealed" "$out"
matches "zeroise works while it is sealed" "$out" 'not there any more'
equal "nothing is left of the copy" "" "$(left_in_state)"

# A crash behind the token's part, in front of the mark: the order stands there, and the start goes on by itself.
stop_daemon
rm -rf "$state"
cp -a "$work/copy" "$state"
echo >"$state/zeroise.begun"
give_to daemon "$state"
if [ "$token" = swtpm ]; then # the counter stands yet
  check "a counter of this node" bash -c "printf %s $counter_of | xxd -r -p >'$work/policy' && tpm2_nvdefine -C o -s 8 -g sha256 -L '$work/policy' \
    -a 'nt=counter|authwrite|authread|ownerread|no_da' -p guess 0x01810C10 && tpm2_nvincrement -P guess 0x01810C10"
  equal "stands in the TPM" "$(objects_in_token swtpm)" "0x1810C10"
fi
start_daemon "with the order it starts"
within 20 "finds no master secret, and ends the zeroise" status_is .state uninitialised
if [ "$token" = swtpm ]; then # a file in the state folder is no administrator
  equal "the counter was not touched" "$(objects_in_token swtpm)" "0x1810C10"
  check "its removal is the owner's" tpm2_nvundefine -C o 0x01810C10
fi
equal "nothing is left of the copy then" "" "$(left_in_state)"

# The mark alone: a crash behind that.
stop_daemon
rm -rf "$state"
cp -a "$work/copy" "$state"
mkdir -p "$state/pending/deep"
echo x >"$state/pending/deep/file"
ln -s /etc/passwd "$state/link"
echo >"$state/zeroise"
give_to daemon "$state"
start_daemon "with the mark it starts"
equal "and knows no domain" uninitialised "$(status_field .state)"
equal "and everything is wiped" "" "$(left_in_state)"
check "links were not followed" test -s /etc/passwd

# Something in the folder that is not the daemon's, and that it can neither overwrite nor remove: everything else is wiped, and the start says what is left.
if separate_users; then
  stop_daemon
  rm -rf "$state"
  cp -a "$work/copy" "$state"
  for i in 1 2 3 4 5 6; do mkdir -m 700 "$state/copy-$i"; echo notes >"$state/copy-$i/notes"; done
  echo >"$state/zeroise"
  chown "$(stat -c %u:%g "$work/copy")" "$state/zeroise"
  setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 &
  refusing=$!
  within 20 "the start refuses" grep -q 'zeroise: copy-.* cannot be opened: .*remove it by hand' "$home/cofferd.log"
  kill -TERM "$refusing"
  within 10 "and is ended" has_ended "$refusing"
  equal "the rest of the folder is wiped all the same" "$(find "$state" -maxdepth 1 -type f ! -name lock ! -name zeroise)" ""
  rm -rf "$state"/copy-*
  start_daemon "without it the start ends the wiping"
  equal "and knows no domain" uninitialised "$(status_field .state)"
fi
uri="tpm2:swtpm:path=$home/token/swtpm.sock"
[ "$token" = swtpm ] || uri=$(tail -1 "$home/token/uri")
check "a new domain can begin" coffer init --token "$uri" --no-recovery
refused "which does not open the old one's files" 1 '.' coffer decrypt -i "$work/m"
finish
