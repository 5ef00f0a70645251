#!/bin/bash
# The gravest acts under two administrators, each carried out to its end: other recovery shares, a store taken against the token's counter, and the end of the node.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
token=$1
begin "quorum-end-$token"
start_sandbox --token "$token" --set anchor_interval=2s --set audit_token_interval=1s
use_sandbox
state=$home/state
shares=$dir/recovery
second=unix:65533 # as_stranger

asked=""
asks() { # asks WHAT COMMAND…: it is refused until a second administrator approves; leaves the id in $asked
  local what=$1 err rc=0; shift
  err=$("$@" 2>&1 >/dev/null </dev/null) || rc=$?
  asked=$(grep -oE "coffer approve [A-Z2-7]{4}-[A-Z2-7]{4}" <<<"$err" | cut -d' ' -f3)
  if [ $rc = 1 ] && [ -n "$asked" ]; then ok "$what"; else bad "$what" "exit $rc: $err"; fi
}
not_yet() { # not_yet WHAT COMMAND…: who asked can neither approve it nor do it again without the other
  local what=$1; shift
  refused "$what: who asked cannot approve" 1 'another administrator must' coffer approve "$asked"
  refused "$what: nor do it without the other" 1 "coffer approve $asked" "$@"
}

coffer key create payroll >/dev/null
echo precious >"$work/p"
coffer encrypt -k payroll -i "$work/p" -o "$work/m"
check "a second administrator" coffer grant --to $second --role administrator
check "two from now on" coffer quorum set 2

echo "# other recovery shares"
mkdir -m 700 "$work/new"
again=("$bin/coffer" recovery shares --new --recovery-shares 4 --recovery-threshold 3 --recovery-out "$work/new")
before=$(status_field .recovery)
asks "they want two" "${again[@]}"
not_yet "other shares" "${again[@]}"
equal "no share was written" "$(find "$work/new" -type f | wc -l)" 0
equal "the set in force is the one before" "$(status_field .recovery)" "$before"
check "which opens" coffer recovery test --share-file "$shares/share-1.txt" --share-file "$shares/share-2.txt"
check "the second one approves" as_stranger approve "$asked"
check "then it is done" "${again[@]}"
matches "the new set is in force" "$(status_field .recovery)" 'any 3 of 4'
refused "the shares before open nothing" 1 'which was replaced' coffer recovery test --share-file "$shares/share-1.txt" --share-file "$shares/share-2.txt"
check "three of the new ones do" coffer recovery test --share-file "$work/new/share-1.txt" --share-file "$work/new/share-2.txt" --share-file "$work/new/share-4.txt"
matches "the audit log has who approved it" "$(coffer audit show --limit 50)" "RecoveryNew .*approved by $second"
rm -rf "$work/new" && mkdir -m 700 "$work/new"
asks "once" "${again[@]}"

if [ "$token" = swtpm ]; then
  echo "# the store of an earlier moment"
  stop_daemon
  cp -a "$state" "$work/before"
  start_daemon "it starts again"
  within 20 "and opens" is_ready
  check "something ends" coffer grant --to unix:7 --role auditor
  check "and ends" coffer revoke-grant --to unix:7 --role auditor
  stop_daemon
  rm -rf "$state" && cp -a "$work/before" "$state"
  start_daemon "with the store of before it starts"
  within 20 "and stops at it" status_is .state fault
  take=("$bin/coffer" store accept --rollback --yes)
  asks "taking it wants two" "${take[@]}"
  not_yet "taking it" "${take[@]}"
  equal "it was not taken" "$(status_field .state) $(status_field .rollback.overridden)" "fault 0"
  refused "nothing is served" 1 'stopped serving' coffer decrypt -i "$work/m" -o "$work/o"
  matches "the second one sees what waits" "$(as_stranger approve)" "$asked +asked by unix:0: accept the store against the counter in the token"
  check "and approves at the fault" as_stranger approve "$asked"
  check "then it is taken" "${take[@]}"
  within 20 "and opens" is_ready
  equal "which stays in status" "$(status_field .rollback.overridden)" 1
  matches "the audit log has both" "$(coffer audit show --limit 50)" "unix:0 +AnchorAccept +ok .*approved by $second"
fi

echo "# the end of the node"
within 20 "the token signs the audit log" status_is .audit_token.state signed
domain=$(status_field .domain.fingerprint)
end=("$bin/coffer" zeroise --domain "$domain")
asks "zeroising wants two" "${end[@]}"
not_yet "zeroising" "${end[@]}"
without=$asked
asks "without the token is another act" "${end[@]}" --without-token
check "that one is not approved by the other's yes" [ "$asked" != "$without" ]
asked=$without
check "nothing was touched" coffer decrypt -i "$work/m" -o "$work/o"
same "the file opens" "$work/p" "$work/o"
stop_daemon
matches "the token has what it had" "$(objects_in_token "$token")" "$([ "$token" = swtpm ] && echo '^0x81010C0F 0x1810C10$' || echo '^coffer-audit master$')"
start_daemon "it starts again"
within 20 "and opens" is_ready
refused "what waited is forgotten" 1 'nothing with this id' as_stranger approve "$asked"
asks "so it is asked again" "${end[@]}"
matches "the second one sees what waits" "$(as_stranger approve)" "$asked +asked by unix:0: zeroise this node"
check "and approves" as_stranger approve "$asked"
refused "without the token it is still not approved" 1 'coffer approve' "${end[@]}" --without-token
out=$("${end[@]}" 2>&1) || bad "zeroise" "$out"
matches "then it is done" "$out" 'destroyed, and looked for again'
equal "the daemon is back, without a domain" "$(status_field .state)" uninitialised
equal "the token has nothing of Coffer's" "$(objects_in_token "$token")" ""
equal "the state folder has an empty store at most" "$(find "$state" -mindepth 1 ! -name lock ! -name 'store.*' ! -name node.root)" ""
refused "nothing opens" 4 'init' coffer decrypt -i "$work/m"
finish
