#!/bin/bash
# Attended start, and opening by shares or passphrase when the token cannot: attended.sh swtpm|softhsm
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin "attended-$1"
keep_softhsm
kind=$1
shares=$dir/recovery

stop_daemon() {
  local monitor
  monitor=$(cat "$home/monitor.pid")
  kill -TERM "$monitor"
  within 15 "stopped" sh -c "! kill -0 $monitor"
}
run_daemon() {
  setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 &
  within 10 "it answers" answers
}
restart() { stop_daemon; run_daemon; }
set_start() { sed -i "s/^start = .*/start = $1/" "$home/cofferd.conf"; }
last_audit() { coffer audit show --limit "${1:-6}"; }
opened_by() { status_field .opened_by; }
hide_token() { # the token is not there any more
  if [ "$kind" = swtpm ]; then
    kill -9 "$(cat "$home/token/swtpm.pid")" && rm -f "$home/token/swtpm.sock"
  else
    mv "$home/token/tokens" "$home/token/away"
  fi
}

start_sandbox --token "$kind" --set start=attended
use_sandbox
check "a key" coffer key create k
head -c 3000 /dev/urandom >"$work/plain"
check "something sealed" coffer encrypt --key k -i "$work/plain" -o "$work/sealed"
check "an administrator who is not root" coffer grant --to unix:65533 --role administrator

echo "# sealed until somebody comes"
restart
equal "sealed" "$(status_field .state)" sealed
matches "status says what it waits for" "$(status_field .note)" "coffer unseal"
equal "the token was not touched" "$(status_field .token.health)" waiting
refused "nothing is served" 4 'sealed' coffer key list
refused "no decryption" 4 'sealed' coffer decrypt -i "$work/sealed" -o "$work/back"
refused "Token Test says what it waits for" 1 'coffer unseal' coffer token test
kill -HUP "$(cat "$home/monitor.pid")"
within 5 "SIGHUP was taken" grep -q 'configuration was read again' "$home/cofferd.log"
equal "and opened nothing" "$(status_field .state)" sealed
if separate_users; then
  refused "an administrator who is not named here" 1 'may not unseal this node.*cannot read its grants' as_stranger unseal --share-file "$work/plain"
fi

echo "# every wrong input is told apart"
sed '4s/[A-Z2-7]-/&/; 4s/^2  \(.\)/2  \1/' "$shares/share-1.txt" >"$work/same.txt"
awk '/^3  /{ c = substr($2, 1, 1); $0 = "3  " (c == "A" ? "B" : "A") substr($2, 2) } { print }' "$shares/share-1.txt" >"$work/mistyped.txt"
refused "a mistyped line" 1 'mistyped.txt: line 3 is mistyped' coffer unseal --share-file "$work/mistyped.txt"
sed '/^5  /d' "$shares/share-1.txt" >"$work/short.txt"
refused "a line is missing" 1 'line 5 is missing' coffer unseal --share-file "$work/short.txt"
{ sed -n '/^1  /p;/^2  /p;/^3  /p' "$shares/share-1.txt"; sed -n '/^4  /p;/^5  /p' "$shares/share-2.txt"; } >"$work/mixed.txt"
refused "lines of two shares" 1 'different shares|do not belong together|mixed' coffer unseal --share-file "$work/mixed.txt"
awk '/coffer share 2 of 5/{ on = 1 } on && /^ *[1-5]  /{ print }' "$top/docs/formats.md" | head -5 >"$work/foreign.txt"
refused "a share of another domain" 1 'another domain' coffer unseal --share-file "$work/foreign.txt"
printf 'correct horse' >"$work/pass"
refused "a passphrase where there are shares" 1 'recovered with shares' coffer unseal --secret-file "$work/pass"
refused "two ways at once" 2 'choose one' coffer unseal --token --share-file "$shares/share-1.txt"
equal "still sealed" "$(status_field .state)" sealed

echo "# shares one after another"
coffer unseal --share-file "$shares/share-1.txt" >"$work/out"; equal "one is not enough" "$?" 4
matches "it says how many are missing" "$(cat "$work/out")" '1 of 2 shares given .*1 more needed'
refused "the same once more" 1 'share 1 was given already' coffer unseal --share-file "$shares/share-1.txt"
coffer unseal --forget >/dev/null; equal "forgotten" "$?" 0
coffer unseal --share-file "$shares/share-2.txt" >"$work/out"; matches "it begins anew" "$(cat "$work/out")" '1 of 2 shares given'
if separate_users; then
  echo "unseal_users = 65533" >>"$home/cofferd.conf"
  kill -HUP "$(cat "$home/monitor.pid")"
  within 5 "another keeper, of another user, gives the last one" sh -c "cp '$shares/share-3.txt' '$work/k.txt' && chmod 644 '$work/k.txt' &&
    setpriv --reuid 65533 --regid 65533 --clear-groups '$work/coffer' unseal --quiet --share-file '$work/k.txt'"
else
  check "the last one" coffer unseal --share-file "$shares/share-3.txt"
fi
equal "open" "$(status_field .state)" open
check "what was sealed opens" coffer decrypt -i "$work/sealed" -o "$work/back"
same "as it was" "$work/plain" "$work/back"
matches "status says by what" "$(opened_by)" 'recovery shares 2 \(unix:[0-9]+\), 3 \(unix:[0-9]+\)'
matches "the audit log too" "$(last_audit 20)" 'recovery shares 2 .* opened the data key'
matches "and what failed before" "$(last_audit 20)" 'while the node was sealed: [0-9]+ failed'
refused "open is open" 1 'not sealed' coffer unseal --share-file "$shares/share-1.txt"

echo "# with the token, when somebody says so"
restart
equal "sealed again" "$(status_field .state)" sealed
check "by the token as its URI says" coffer unseal --token
equal "open" "$(status_field .state)" open
equal "by its token" "$(opened_by)" token
within 10 "and well" coffer status --quiet

if [ "$kind" = swtpm ]; then
  echo "# shares compare the token's counter too"
  check "a key that is destroyed later" coffer key create doomed
  stop_daemon
  cp -a "$home/state" "$work/before"
  run_daemon
  check "unsealed" coffer unseal --token
  check "it is destroyed" sh -c "'$bin/coffer' key revoke doomed --reason key-compromise && '$bin/coffer' key destroy doomed"
  stop_daemon
  mv "$home/state" "$work/after" && cp -a "$work/before" "$home/state"
  run_daemon
  equal "the token was not touched" "$(status_field .token.health)" waiting
  refused "an older state does not open by shares" 1 'rollback: the store is older than this node has been' coffer unseal --share-file "$shares/share-1.txt" --share-file "$shares/share-2.txt"
  equal "it is refused as it is by the token" "$(status_field .state)" fault
  stop_daemon
  rm -rf "${home:?}/state" && cp -a "$work/after" "$home/state"
  run_daemon
  check "the newest one does" coffer unseal --share-file "$shares/share-1.txt" --share-file "$shares/share-2.txt"
  equal "and was compared" "$(status_field .rollback.protection)" 'counter in the token'
fi

echo "# the token is dead: unattended, and shares open it"
set_start unattended
stop_daemon
hide_token
run_daemon
within 20 "sealed for want of its token" sh -c "'$bin/coffer' status --json | jq -e '.state == \"sealed\" and (.token.health | IN(\"gone\", \"not answering\", \"misconfigured\", \"other token\"))'"
mkdir "$work/credentials"
cp "$shares/share-1.txt" "$work/credentials/keeper"
refused "a descriptor that is none" 2 'share-fd wants the number of an open descriptor' coffer unseal --share-fd x
refused "a credential that is none" 2 "share-credential: '../keeper' is not" coffer unseal --share-credential ../keeper
CREDENTIALS_DIRECTORY=$work/credentials check "shares open it, from a descriptor and from a credential" coffer unseal --share-fd 3 --share-credential keeper 3<"$shares/share-3.txt"
check "what was sealed opens" coffer decrypt -i "$work/sealed" -o "$work/back"
check "and new keys are made" coffer key create made-without-token
coffer status >"$work/status"; equal "degraded" "$?" 4
matches "status says what to do" "$(cat "$work/status")" 'coffer rotate master --token'

echo "# a new recovery key, without a token"
mkdir -m 700 "$work/new"
refused "only with --new" 2 'cannot be shown again' coffer recovery shares
if separate_users; then
  check "the stranger's role goes" coffer revoke-grant --to unix:65533 --role administrator
  refused "nobody else may" 1 'may not make a new recovery key' as_stranger recovery shares --new --recovery-passphrase --secret-file "$work/pass"
  refused "nobody else may drill" 1 'may not make a new recovery key or test it' as_stranger recovery test
fi
check "the drill with the old shares" coffer recovery test --share-file "$shares/share-1.txt" --share-file "$shares/share-2.txt"
before=$(status_field .recovery)
check "new shares" coffer recovery shares --new --recovery-shares 4 --recovery-threshold 3 --recovery-out "$work/new"
matches "status names the new set" "$(status_field .recovery)" 'any 3 of 4 \(set [0-9a-f]{8}\)'
equal "which was never drilled" "$(status_field .recovery_drilled_at)" 0
set=$(sed -n 's/.*set \([0-9a-f]*\).*/\1/p' <<<"$before")
refused "old shares are refused by the name of their set" 1 "set \($set\), which was replaced" coffer recovery test --share-file "$shares/share-1.txt" \
  --share-file "$shares/share-2.txt"
refused "too few" 1 '1 more of the shares are needed' coffer recovery test --share-file "$work/new/share-1.txt" --share-file "$work/new/share-4.txt"
check "the drill with the new ones" coffer recovery test --share-file "$work/new/share-1.txt" --share-file "$work/new/share-4.txt" --share-file "$work/new/share-2.txt"
check "status tells of it" test "$(status_field .recovery_drilled_at)" -gt 0

echo "# kill -9 while a new recovery key is made: one of the two is in force, whole"
now=$work/new
for round in 1 2 3 4 5 6; do
  rm -rf "$work/next" && mkdir -m 700 "$work/next"
  coffer recovery shares --new --recovery-shares 3 --recovery-threshold 2 --recovery-out "$work/next" >/dev/null 2>&1 &
  making=$!
  perl -e "select(undef, undef, undef, 0.004 * $round * $round)"
  kill -9 "$(cat "$home/cofferd.pid")" 2>/dev/null
  wait $making
  within 15 "round $round: it answers" answers
  old=0; new=0
  for f in "$now"/share-[123].txt; do coffer unseal --quiet --share-file "$f" >/dev/null 2>&1 && old=1; done
  [ $old = 1 ] || coffer unseal --forget --quiet >/dev/null 2>&1
  if [ $old = 0 ]; then coffer unseal --quiet --share-file "$work/next/share-1.txt" --share-file "$work/next/share-2.txt" >/dev/null 2>&1 && new=1; fi
  equal "round $round: one of them opens it" "$((old + new))" 1
  check "round $round: it reads" coffer decrypt -i "$work/sealed" -o "$work/back"
  if [ $new = 1 ]; then rm -rf "$work/now" && mv "$work/next" "$work/now" && now=$work/now; fi
done
check "no fault in the store" coffer store check

echo "# a passphrase, from a systemd credential"
mkdir -m 700 "$work/creds"
printf 'correct horse battery' >"$work/creds/pass"
check "a passphrase in place of shares" env CREDENTIALS_DIRECTORY="$work/creds" "$bin/coffer" recovery shares --new --recovery-passphrase --secret-credential pass
restart
refused "shares where there is a passphrase" 1 'with a passphrase, not with shares' coffer unseal --share-file "$now/share-1.txt"
refused "a wrong passphrase" 1 'passphrase is wrong' coffer unseal --secret-file "$work/pass"
held_off() { [[ $(coffer unseal --secret-file "$1" 2>&1) == *'not looked at'* ]]; }
waits() { held_off "$work/pass" && held_off "$work/creds/pass"; } # a wrong one that is looked at makes the pause twice as long; then the right one waits too
within 20 "the next one waits" waits
refused "a credential that is not there" 1 'CREDENTIALS_DIRECTORY is not set' coffer unseal --secret-credential pass
within 30 "then it opens" env CREDENTIALS_DIRECTORY="$work/creds" "$bin/coffer" unseal --secret-credential pass
check "and reads" coffer decrypt -i "$work/sealed" -o "$work/back"
check "the audit log verifies" coffer audit verify

echo "# nothing of it is written down"
for secret in "$(sed -n 's/^4  //p' "$now/share-1.txt")" "$(sed -n 's/^4  //p' "$shares/share-1.txt")" 'correct horse battery'; do
  equal "no share and no passphrase in state or logs" "$(grep -rlaF "$secret" "$home/state" "$home/cofferd.log" | wc -l)" 0
done
equal "the control is found" "$(grep -rlaF "$(sed -n 's/^4  //p' "$shares/share-1.txt")" "$shares" | wc -l)" 1
finish
