#!/bin/bash
# The box is lost: a new one, another kind of token, the shares, and everything is back; what was destroyed stays destroyed. Each thing that can be wrong is named, and nothing is changed before all is
# right. A stolen archive shows nothing.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
token=$1
other=softhsm; [ "$token" = swtpm ] || other=swtpm
begin "backup-$token"
start_sandbox --token "$token"
use_sandbox
first=$dir
shares=$work/shares
name=payroll-of-a-name-that-is-nowhere-else

more() { # more FOLDER ARGUMENTS…: another sandbox, which is the current one then
  dir=$work/$1
  home=$dir/node-1
  shift
  start_sandbox "$@"
  use_sandbox
}
stop_one() { "$sandbox" stop --dir "$1" >/dev/null 2>&1; }
stop_all() { for one in "$work"/s "$work"/box-*; do [ -d "$one" ] && stop_one "$one"; done; }
trap 'stop_all; cleanup' EXIT
check_fails() { ! "$@"; }
key_state() { coffer key show "$1" --json | jq -r .state; }
uuid() { coffer key show "$1" --json | jq -r .uuid; }

coffer key create $name >/dev/null
for k in stopped compromised dead spoiled; do coffer key create $k >/dev/null; done
echo precious >"$work/p"
head -c 3000000 /dev/urandom >"$work/big"
coffer encrypt -k $name -i "$work/p" -o "$work/m"
coffer encrypt -k $name -i "$work/big" -o "$work/stream"
coffer encrypt -k dead -i "$work/p" -o "$work/m-dead"
coffer encrypt -k stopped -i "$work/p" -o "$work/m-stopped"
declare -A id
for k in stopped compromised dead spoiled; do id[$k]=$(uuid $k); done
coffer key deactivate stopped >/dev/null
coffer key revoke compromised --reason key-compromise >/dev/null
coffer key deactivate dead >/dev/null && coffer key destroy dead >/dev/null
coffer key revoke spoiled --reason key-compromise >/dev/null && coffer key destroy spoiled >/dev/null
coffer grant --to unix:4711 --role auditor >/dev/null
cp -r "$first/recovery" "$shares"
a=(--share-file "$shares/share-1.txt") b=(--share-file "$shares/share-2.txt") c=(--share-file "$shares/share-3.txt")

# While the daemon serves, and others write.
(while [ ! -e "$work/enough" ]; do coffer key create "busy-$RANDOM" >/dev/null 2>&1; done) &
writer=$!
check "a backup is made while keys are made" coffer backup create "$work/one.cfra"
check "and another" coffer backup create "$work/two.cfra"
touch "$work/enough"
wait $writer
equal "an archive is its owner's" "$(stat -c %a "$work/one.cfra")" 600
refused "an archive takes no other one's place" 1 'exists already' coffer backup create "$work/one.cfra"
# Also not that of one that appears while it is made: the daemon stands still between the first look and the end.
part_there() { [ -n "$(find "$work" -maxdepth 1 -name 'race.cfra.part-*')" ]; }
kill -STOP "$(cat "$home/cofferd.pid")"
coffer backup create "$work/race.cfra" >/dev/null 2>"$work/race.err" &
racing=$!
within 10 "one is being made" part_there
echo 'the archive of who was first' >"$work/race.cfra"
kill -CONT "$(cat "$home/cofferd.pid")"
if wait $racing; then bad "who is second loses" "it took the name"; else matches "who is second loses, and is told" "$(cat "$work/race.err")" 'exists already: another command made it'; fi
equal "what was first stays" "$(cat "$work/race.cfra")" 'the archive of who was first'
check "and no part of the other" check_fails part_there
[ "$(id -u)" != 0 ] || refused "a stranger makes none" 1 'may not' as_stranger backup create /tmp/never.cfra
equal "both are on record" "$(coffer backup list --json | jq '.backups | length')" 2
equal "none is verified" "$(status_field .backup.verified_at)" null
check "verified whole" coffer backup verify "$work/two.cfra"
check "verified with shares" coffer backup verify "$work/two.cfra" "${a[@]}" "${c[@]}"
equal "one is verified now" "$(coffer backup list --json | jq '[.backups[] | select(.opened == 1)] | length')" 1
matches "status knows" "$(status_field .backup.verified_at)" '^[0-9]+$'


# Numbers for who watches; who may read the status may have them, and nobody else.
metrics() { coffer metrics | /usr/bin/python3 "$COFFER_SOURCE_DIR/tests/integration/check_metrics.py" "$@"; }
equal "metrics: open, token and store well, a verified backup" "$(metrics coffer_up coffer_open coffer_token_ok coffer_store_ok coffer_backups coffer_backup_verified)" \
  "$(printf '%s\n' 'coffer_up 1' 'coffer_open 1' 'coffer_token_ok 1' 'coffer_store_ok 1' 'coffer_backups 2' 'coffer_backup_verified 1')"
check "they fill a file" coffer metrics -o "$work/coffer.prom"
if command -v systemd-socket-activate >/dev/null; then # docs/operations.md section 5: a socket that gives them to whoever connects
  systemd-socket-activate --accept --inetd -E COFFER_SOCKET -l "$work/metrics.sock" "$bin/coffer" metrics 2>/dev/null & server=$!
  within 5 "a socket for them is there" test -S "$work/metrics.sock"
  equal "who connects to it reads them" "$(python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); sys.stdout.write(s.makefile().read())' "$work/metrics.sock" |
    /usr/bin/python3 "$top/tests/integration/check_metrics.py" coffer_up coffer_open | sed 's/.* //' | xargs)" "1 1"
  kill "$server"
fi
check "which is whole" /usr/bin/python3 "$COFFER_SOURCE_DIR/tests/integration/check_metrics.py" <"$work/coffer.prom"
check "and the check can fail" check_fails /usr/bin/python3 "$COFFER_SOURCE_DIR/tests/integration/check_metrics.py" <<<'coffer_up 1'
unreachable=$(coffer metrics --socket "$work/none" 2>/dev/null); rc=$?
equal "without a daemon: down, and exit status 3" "$rc $(tail -1 <<<"$unreachable")" "3 coffer_up 0"
if [ "$(id -u)" = 0 ]; then
  equal "a stranger learns no numbers" "$(as_stranger metrics | grep -c coffer_backup)" 0
  as_auditor() { setpriv --reuid 4711 --regid 4711 --clear-groups "$work/coffer" "$@"; }
  equal "an auditor does" "$(as_auditor metrics | grep -c '^coffer_backup_verified 1')" 1
fi

# Told once a day when none is verified, or the newest is too old; not again by a restart.
told() { coffer audit show --json | jq '[.[] | select(.details | test("newest verified backup"))] | length'; }
told_once() { [ "$(told)" = 1 ]; }
equal "nobody is told while it is young" "$(told)" 0
echo 'backup_max_age = 1s' >>"$home/cofferd.conf"
kill -HUP "$(cat "$home/monitor.pid")"
within 20 "the audit log tells that the newest verified backup is too old" told_once
matches "and the log" "$(cat "$home"/*.log)" 'newest verified backup is .* old'
equal "which a metric says" "$(metrics coffer_backup_verified)" 'coffer_backup_verified 0'
"$sandbox" stop --dir "$first" >/dev/null
start_sandbox
check "a key is made after the restart" coffer key create after-restart
equal "told once, not once a start" "$(told)" 1

# After the backup.
coffer key create later >/dev/null
id[back]=$(uuid stopped)
coffer audit verify --quiet >/dev/null
records=$(status_field .audit_records)
fingerprint=$(status_field .domain.fingerprint)
coffer audit export "$work/old.jsonl" >/dev/null
stop_one "$first"

# The thief has the archive, and no shares; without a daemon, with the program alone.
export COFFER_SOCKET=$work/nobody
equal "a stolen archive holds no name" "$(grep -acF $name "$work/two.cfra")" 0
equal "no plaintext" "$(grep -acF precious "$work/two.cfra")" 0
for i in 1 2 3; do
  equal "no line of share $i" "$(grep -acF "$(sed -n 's/^4  //p' "$shares/share-$i.txt")" "$work/two.cfra")" 0
done
matches "verify needs no daemon" "$(coffer backup verify "$work/two.cfra")" "$fingerprint"
matches "and says how many shares" "$(coffer backup verify "$work/two.cfra")" 'any 2 of 3'
check "shares open it without a daemon" coffer backup verify "$work/two.cfra" "${b[@]}" "${c[@]}"
refused "one share does not" 1 '1 more of the shares' coffer backup verify "$work/two.cfra" "${a[@]}"

# Somebody else's domain.
more box-foreign --token "$token"
coffer backup create "$work/foreign.cfra" >/dev/null
f=(--share-file "$dir/recovery/share-1.txt")
printf 'correct horse battery staple' >"$work/pass"
stop_one "$dir"

# A new box with an empty token of the other kind.
more box-new --token "$other" --no-init
uri=$(cat "$home/uri")
r=(restore "$work/two.cfra" --token "$uri")
refused "without shares and without a terminal" 1 'no terminal' setsid "$bin/coffer" "${r[@]}"
refused "too few" 1 '1 more of the shares are needed' coffer "${r[@]}" "${a[@]}"
refused "a share twice" 1 'share 1 was given twice' coffer "${r[@]}" "${a[@]}" "${a[@]}"
refused "another domain's share" 1 'share 1 is of another domain' coffer "${r[@]}" "${f[@]}" "${b[@]}"
cp "$shares/share-2.txt" "$work/typo.txt"
typo=$(sed -n '5s/^.\{11\}\(.\).*/\1/p' "$work/typo.txt" | tr 'A-Z2-7' 'B-ZA3-72') # another letter or digit of the alphabet
sed -i "5s/./$typo/12" "$work/typo.txt"
refused "a mistyped share" 1 'sheet 2.*line 3.*mistyped' coffer "${r[@]}" "${a[@]}" --share-file "$work/typo.txt"
refused "a passphrase where shares are wanted" 1 'recovered with shares' coffer "${r[@]}" --secret-file "$work/pass"
refused "another domain's archive" 1 'another domain' coffer restore "$work/foreign.cfra" --token "$uri" "${a[@]}" "${b[@]}"
refused "no archive at all" 1 'not a backup archive' coffer restore "$work/p" --token "$uri" "${a[@]}" "${b[@]}"
head -c -1 "$work/two.cfra" >"$work/cut.cfra"
refused "a cut archive" 1 'ends too early|damaged' coffer restore "$work/cut.cfra" --token "$uri" "${a[@]}" "${b[@]}"
(cat "$work/two.cfra"; printf x) >"$work/long.cfra"
refused "an archive with a byte more" 1 'behind its end' coffer restore "$work/long.cfra" --token "$uri" "${a[@]}" "${b[@]}"
cp "$work/two.cfra" "$work/bent.cfra"
printf 'XXXX' | dd of="$work/bent.cfra" bs=1 seek=$(($(stat -c %s "$work/bent.cfra") / 2)) conv=notrunc status=none
refused "a damaged archive" 1 'damaged' coffer restore "$work/bent.cfra" --token "$uri" "${a[@]}" "${b[@]}"
refused "a token that is not there" 1 '.' coffer restore "$work/two.cfra" --token tpm2:swtpm:path=/nowhere "${a[@]}" "${b[@]}"
mkdir "$work/elsewhere" && give_to daemon "$work/elsewhere" && rm -rf "$home/state/restore" && ln -s "$work/elsewhere" "$home/state/restore"
refused "a link in the place of the upload" 1 'is no folder of the daemon.s own' coffer "${r[@]}" "${a[@]}" "${b[@]}"
equal "which is not followed" "$(find "$work/elsewhere" -mindepth 1 | wc -l)" 0
rm "$home/state/restore"
equal "nothing was made by any of these" "$(status_field .state)" uninitialised
absent "no identity" "$home/state/node.id"
if [ "$(id -u)" = 0 ]; then
  install -m 644 "$work/two.cfra" "$work/open.cfra"
  chmod 644 "$work/pass"
  refused "a stranger may not restore" 4 'root' as_stranger restore "$work/open.cfra" --token "$uri" --secret-file "$work/pass"
fi

check "the domain is restored" coffer "${r[@]}" "${a[@]}" "${b[@]}"
absent "the upload is gone" "$home/state/restore"
equal "it is open" "$(status_field .state)" open
equal "it is the same domain" "$(status_field .domain.fingerprint)" "$fingerprint"
equal "on the other kind of token" "$(status_field .token.kind)" "$([ "$other" = swtpm ] && echo tpm2 || echo pkcs11)"
check "a message opens" coffer decrypt -i "$work/m" -o "$work/m.out"
same "as it was" "$work/p" "$work/m.out"
check "a stream opens" coffer decrypt -i "$work/stream" -o "$work/stream.out"
same "as it was too" "$work/big" "$work/stream.out"
equal "states as they were: deactivated" "$(key_state "${id[stopped]}")" deactivated
equal "compromised" "$(key_state "${id[compromised]}")" compromised
equal "destroyed" "$(key_state "${id[dead]}")" destroyed
equal "destroyed and compromised" "$(key_state "${id[spoiled]}")" destroyed-compromised
refused "what was destroyed opens nothing" 1 '.' coffer decrypt -i "$work/m-dead"
check "what is deactivated opens" coffer decrypt -i "$work/m-stopped" -o "$work/x"
refused "and seals nothing" 1 'deactivated' coffer encrypt -k "${id[stopped]}" -i "$work/p" -o "$work/y"
check "an active key seals" coffer encrypt -k $name -i "$work/p" -o "$work/m2"
refused "what was made later is gone" 1 "no key 'later'" coffer key show later
matches "grants are back" "$(coffer grants)" 'unix:4711 +auditor'
check "the new audit log verifies" coffer audit verify
matches "it begins with the restore" "$(coffer audit show --from 1 --limit 1)" 'restored from archive'
check "the whole store is sound, the old audit log too" coffer store check
check "an export of the new log" coffer audit export "$work/new.jsonl"
prove() { coffer audit verify --fingerprint "$fingerprint" "$@"; }
matches "both logs are whole, and joined" "$(prove "$work/old.jsonl" "$work/new.jsonl")" 'goes on from its record [0-9]+, which is the one that it says'
matches "what came after the backup is said" "$(prove "$work/new.jsonl" "$work/old.jsonl")" 'came after the backup that it was restored from'
matches "one alone says what is not there" "$(prove "$work/new.jsonl")" 'goes on from record [0-9]+ of node .*, which is not in these files'
head -3 "$work/old.jsonl" >"$work/cut.jsonl"
if out=$(prove "$work/cut.jsonl" "$work/new.jsonl" --live 2>&1); then bad "the old log is cut" "$out"; else matches "the old log is cut" "$out" '^truncated: records 3 to '; fi
equal "status says where it comes from" "$(status_field .restored.version)" "$(coffer backup verify "$work/two.cfra" --offline --json | jq .version)"
equal "the archive is on record, opened" "$(coffer backup list --json | jq '[.backups[] | select(.opened == 1)] | length')" 1
refused "restored once" 1 'initialised already' coffer "${r[@]}" "${a[@]}" "${b[@]}"
check "stop" "$sandbox" stop --dir "$dir"
check "it opens by itself after a restart" "$sandbox" start --dir "$dir"
check "and decrypts" coffer decrypt -i "$work/m2" -o "$work/z"

# The same kind of token: the box that the spare part is of.
stop_one "$dir"
more box-same --token "$token" --no-init
uri=$(cat "$home/uri")
out=$(coffer restore "$work/two.cfra" --token "$uri" "${b[@]}" "${c[@]}" 2>&1) && ok "restored on a token of the same kind" || bad "restored on a token of the same kind" "$out"
matches "which cannot tell whether that is the newest, and is said to" "$out" 'Whether there was a newer store is not known'
equal "which is of that kind" "$(status_field .token.kind)" "$([ "$token" = swtpm ] && echo tpm2 || echo pkcs11)"
equal "the same domain" "$(status_field .domain.fingerprint)" "$fingerprint"
check "a message opens" coffer decrypt -i "$work/m" -o "$work/m.out"
same "as it was" "$work/p" "$work/m.out"
equal "destroyed keys are destroyed: dead" "$(key_state "${id[dead]}")" destroyed
equal "spoiled" "$(key_state "${id[spoiled]}")" destroyed-compromised
refused "and open nothing" 1 '.' coffer decrypt -i "$work/m-dead"
equal "its rollback protection is the kind's" "$(status_field .rollback.protection)" "$([ "$token" = swtpm ] && echo 'counter in the token' || echo 'none in the token')"
"$sandbox" stop --dir "$dir" >/dev/null
check "it opens by itself after a restart" "$sandbox" start --dir "$dir"
check "and decrypts" coffer decrypt -i "$work/m" -o "$work/z"
check "with a sound store" coffer store check
stop_one "$dir"
dir=$work/box-new home=$work/box-new/node-1
"$sandbox" start --dir "$dir" >/dev/null
use_sandbox

# A backup of the restored one, restored again: three audit logs in one store.
check "a backup of it" coffer backup create "$work/three.cfra"
stop_one "$dir"
box_new=$dir
more box-third --token "$token" --restore "$work/three.cfra" --shares "$shares"
check "which opens too" coffer decrypt -i "$work/m2" -o "$work/zz"
check "with a sound store" coffer store check
equal "and every audit record of each node" "$(coffer backup verify "$work/three.cfra" --offline --json | jq '.audit_records > 0')" true
stop_one "$dir"

# The same machine with its disk half lost: node.root is still there and knows better than the first archive.
more box-older --token "$token" --no-init
uri=$(cat "$home/uri")
stop_one "$dir"
cp "$box_new/node-1/state/node.root" "$home/state/node.root"
give_to daemon "$home/state"
start_sandbox --no-init
refused "a mark that the archive's keys do not open could know better" 1 'of another node: .*add --accept-older' coffer restore "$work/two.cfra" --token "$uri" "${a[@]}" "${b[@]}"
stop_one "$dir"
cp "$first/node-1/state/node.root" "$home/state/node.root"
start_sandbox --no-init
chmod 0640 "$home/state/node.root"
refused "a mark that is there and may not be read" 1 'mode 0600' coffer restore "$work/one.cfra" --token "$uri" "${a[@]}" "${b[@]}"
chmod 0600 "$home/state/node.root"
refused "an archive that is older than the node's mark" 1 'older than what this node knows' coffer restore "$work/one.cfra" --token "$uri" "${a[@]}" "${b[@]}"
equal "which changes nothing" "$(status_field .state)" uninitialised
check "unless the operator accepts it" coffer restore "$work/one.cfra" --token "$uri" "${a[@]}" "${b[@]}" --accept-older
matches "and the audit log says so" "$(coffer audit show --from 1 --limit 1)" 'OLDER'
stop_one "$dir"

# An archive of version 1 that was made without this program, from the description of the format alone (tests/vectors): every later version restores it.
/usr/bin/python3 - "$COFFER_SOURCE_DIR/tests/vectors/archive-v1.json" "$work" <<'PYTHON'
import json, sys
known = json.load(open(sys.argv[1]))
open(f"{sys.argv[2]}/frozen.cfra", "wb").write(bytes.fromhex(known["archive-shares"]))
for i in (2, 4, 5): open(f"{sys.argv[2]}/frozen-{i}.txt", "w").write(known["sheets"][i - 1])
PYTHON
more box-frozen --token "$token" --no-init
uri=$(cat "$home/uri")
check "the frozen archive is restored" coffer restore "$work/frozen.cfra" --token "$uri" --share-file "$work/frozen-2.txt" --share-file "$work/frozen-4.txt" --share-file "$work/frozen-5.txt"
equal "open" "$(status_field .state)" open
equal "its key is there" "$(key_state payroll-key)" active
check "and works" coffer encrypt -k payroll-key -i "$work/p" -o "$work/frozen.m"
equal "what was destroyed in it is" "$(key_state 50515253-5455-5657-5859-5a5b5c5d5e5f)" destroyed
check "its store is sound" coffer store check
stop_one "$dir"
[ -n "$records" ] || bad "the first node had audit records"
finish
