#!/bin/bash
# A recovery passphrase in each way that a command takes it (a descriptor, a file, a systemd credential, a prompt), right and wrong: new recovery key, drill, unseal, verify and restore of a
# backup. And a backup of a damaged store: what --accept-damaged takes, and what it does not.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317,SC2086  # functions are called by name; a list of ways
. "$(dirname "$0")/lib.sh"
token=$1
begin "secrets-$token"
start_sandbox --token "$token" --set start=attended
use_sandbox
first=$dir
stop_all() { for one in "$first" "$work"/box-*; do [ ! -d "$one" ] || "$sandbox" stop --dir "$one" >/dev/null 2>&1; done; }
trap 'stop_all; cleanup' EXIT

box() { # box NAME: an empty one with a token of the same kind, the current one from then on
  dir=$work/box-$1
  home=$dir/node-1
  start_sandbox --token "$token" --no-init
  use_sandbox
  uri=$(cat "$home/uri")
  had=$(objects_in_token "$token")
}
go_back() {
  "$sandbox" stop --dir "$dir" >/dev/null 2>&1
  dir=$first home=$first/node-1
  use_sandbox
}
# What a restore that is refused leaves as it was: no domain, no identity (the archive that was sent stays until the next try or start), and nothing in the token that was not there.
untouched() {
  equal "$1: the node has no domain" "$(status_field .state) $(find "$home/state" -name node.id | wc -l)" 'uninitialised 0'
  equal "$1: the token has what it had" "$(objects_in_token "$token")" "$had"
}

coffer key create payroll >/dev/null
coffer key create other >/dev/null
echo precious >"$work/p"
coffer encrypt -k payroll -i "$work/p" -o "$work/m"
coffer encrypt -k other -i "$work/p" -o "$work/m-other"
fingerprint=$(status_field .domain.fingerprint)
verified=0
for way in $secret_ways; do
  echo "# by $way"
  right="right horse battery $way"
  wrong="wrong horse battery $way"
  check "a new recovery passphrase" with_secret "$way" "$right" "$bin/coffer" recovery shares --new --recovery-passphrase
  check "the drill" with_secret "$way" "$right" "$bin/coffer" recovery test
  refused "the drill with a wrong one" 1 'passphrase is wrong' with_secret "$way" "$wrong" "$bin/coffer" recovery test
  check "a backup" coffer backup create "$work/$way.cfra"
  if [ "$way" != prompt ]; then # verify asks nobody: without a secret it looks at form, digests and signature
    check "it opens" with_secret "$way" "$right" "$bin/coffer" backup verify "$work/$way.cfra"
    equal "which is on record" "$(coffer backup list --json | jq '[.backups[] | select(.opened == 1)] | length')" $((++verified))
    refused "and not with a wrong one" 1 'passphrase is wrong' with_secret "$way" "$wrong" "$bin/coffer" backup verify "$work/$way.cfra"
  fi
  stop_daemon
  start_daemon "it starts"
  refused "sealed, a wrong passphrase is named as such" 1 'passphrase is wrong' with_secret "$way" "$wrong" "$bin/coffer" unseal
  equal "and opens nothing" "$(status_field .state)" sealed
  within 10 "the right one opens it" with_secret "$way" "$right" "$bin/coffer" unseal
  equal "by the passphrase" "$(status_field .state) $(status_field .opened_by)" 'open the recovery passphrase (unix:0)'

  box "$way"
  refused "restored with a wrong passphrase, named as such" 1 'passphrase is wrong' with_secret "$way" "$wrong" "$bin/coffer" restore "$work/$way.cfra" --token "$uri"
  untouched "the wrong one"
  check "restored with the right one" with_secret "$way" "$right" "$bin/coffer" restore "$work/$way.cfra" --token "$uri"
  equal "the same domain" "$(status_field .state) $(status_field .domain.fingerprint)" "open $fingerprint"
  check "a message opens" coffer decrypt -i "$work/m" -o "$work/o"
  same "as it was" "$work/p" "$work/o"
  go_back
done
refused "two ways at once" 2 'exclude each other' with_secret fd x "$bin/coffer" recovery test --secret-file "$work/p"
refused "a descriptor that is not open" 1 'descriptor' coffer recovery test --secret-fd 9
refused "a descriptor that is no number" 2 'number of an open descriptor' coffer recovery test --secret-fd nine
refused "shares where there is a passphrase" 1 'with a passphrase, not with shares' coffer recovery test --share-file "$first/recovery/share-1.txt"
for way in $secret_ways; do
  equal "no passphrase in state, logs or archives ($way)" "$(grep -rlaF "horse battery $way" "$first/node-1/state" "$first/node-1/cofferd.log" "$work"/box-*/node-1/state "$work"/box-*/node-1/cofferd.log "$work"/*.cfra | wc -l)" 0
done

echo "# of a damaged store"
right="right horse battery prompt" # the last one
give() { with_secret fd "$right" "$bin/coffer" "$@"; }
stop_daemon
damaged=$(python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(db.execute("UPDATE record SET body = zeroblob(length(body)) WHERE tbl = 1 AND id = (SELECT min(id) FROM record WHERE tbl = 1)").rowcount)
db.commit()' "$first/node-1/state/store.db")
give_to daemon "$first/node-1/state"
equal "one key is damaged" "$damaged" 1
start_daemon "with it the node starts"
within 10 "and is unsealed" give unseal
coffer backup create "$work/damaged.cfra" >"$work/out" 2>&1
equal "a backup says that the store was not whole" "$?" 4
refused "and so does its verification" 1 'opens, but the store was damaged when it was made: [0-9]+ faults?, first: row [0-9a-f]+ of table 1' give backup verify "$work/damaged.cfra"
box damaged
refused "it is not restored without more" 1 'the store was damaged when the archive was made \([0-9]+ faults?; first: .*\); .*--accept-damaged' give restore "$work/damaged.cfra" --token "$uri"
untouched "refused"
with_wrong() { with_secret fd "wrong horse battery" "$bin/coffer" "$@"; }
refused "--accept-damaged takes no wrong passphrase" 1 'passphrase is wrong' with_wrong restore "$work/damaged.cfra" --token "$uri" --accept-damaged
head -c -1 "$work/damaged.cfra" >"$work/cut.cfra"
refused "nor an archive that was cut" 1 'ends too early|damaged' give restore "$work/cut.cfra" --token "$uri" --accept-damaged
cp "$work/prompt.cfra" "$work/bent.cfra"
printf 'XXXX' | dd of="$work/bent.cfra" bs=1 seek=$(($(stat -c %s "$work/bent.cfra") / 2)) conv=notrunc status=none
refused "nor one whose bytes were changed" 1 'damaged' give restore "$work/bent.cfra" --token "$uri" --accept-damaged
untouched "all of these"
out=$(give restore "$work/damaged.cfra" --token "$uri" --accept-damaged 2>&1) || bad "restored with --accept-damaged" "$out"
matches "--accept-damaged restores what opens, and says what came along" "$out" '^[1-9][0-9]* faults of the archived store came along'
opened=0
for f in m m-other; do if coffer decrypt -i "$work/$f" -o "$work/o" 2>/dev/null && cmp -s "$work/p" "$work/o"; then opened=$((opened + 1)); fi; done
equal "of two keys the whole one opens, the damaged one does not" "$opened" 1
matches "the audit log says it" "$(coffer audit show --from 1 --limit 3)" 'the store was damaged when it was archived, accepted by the operator'
matches "status too" "$(coffer status)" 'accepted by an operator'
check "a store check names the damage" bash -c "! '$bin/coffer' store check --quiet"
go_back
finish
