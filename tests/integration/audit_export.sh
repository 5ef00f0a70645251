#!/bin/bash
# Copies of the audit log: a file with archives, syslog, the journal. Whatever is done to them is found and named without the daemon; whatever ends the daemon, no record is
# missing in the file and none is there twice; and whatever becomes of the receivers, requests do not wait for it.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin audit-export
keep_softhsm
exports=$work/exports
mkdir -p "$exports"
small=yes
mount -t tmpfs -o size=4M,mode=755 tmpfs "$exports" 2>/dev/null || small=
sinks=()
end() {
  [ ${#sinks[@]} = 0 ] || kill -CONT "${sinks[@]}" 2>/dev/null
  [ ${#sinks[@]} = 0 ] || kill "${sinks[@]}" 2>/dev/null
  COFFER_KEEP=1 cleanup
  [ -z "$small" ] || umount -l "$exports" 2>/dev/null
  rm -rf "$work"
}
trap end EXIT
give_to daemon "$exports"
file=$exports/audit.jsonl
for name in syslog journal; do
  python3 "$top/tests/integration/audit_sink.py" "$work/$name" "$work/$name.txt" &
  sinks+=($!)
done
within 5 "something listens" test -S "$work/journal"
settings=(--set "audit_export_file=$file" --set "audit_export_syslog=$work/syslog" --set "audit_export_journal=$work/journal"
  --set audit_checkpoint_interval=1s --set audit_archive_size=64K --set audit_queue=40 --set audit_interval=1h)
start_sandbox --token softhsm "${settings[@]}"
use_sandbox
fingerprint=$(status_field .domain.fingerprint)
verify() { coffer audit verify "$@" --fingerprint "$fingerprint"; }
exported() { [ "$(status_field ".audit_exports.$1.records")" -ge "$2" ]; }
everything_is_exported() { local n; n=$(status_field .audit_records) && exported file "$n" && exported syslog "$n" && exported journal "$n"; }
journal_lacks_some() { [ "$(status_field .audit_exports.journal.records)" -lt "$(status_field .audit_records)" ]; }
made=0
make_keys() { # make_keys N
  local n
  for ((n = 0; n < $1; n++)); do
    coffer key create "key-$made" >/dev/null 2>&1 || { bad "a key is made"; return; }
    made=$((made + 1))
  done
}
test_taken_out() { [ "$(status_field .audit_taken_out)" -ge 256 ]; }
file_is_whole() { verify "$file"* --quiet >/dev/null; }

within 5 "the exports have begun" exported file 1
make_keys 200
within 5 "every record is in every copy" everything_is_exported
within 5 "a checkpoint stands behind the last one" file_is_whole
check "there are archives" test -n "$(find "$exports" -name 'audit.jsonl.0*-0*')"
equal "each copy is the daemon's alone to write" "$(stat -c %a "$file")" 640
coffer audit export "$work/all" >/dev/null
coffer audit verify --fingerprint "$fingerprint" --json "$file"* >"$work/verdict"
equal "the file begins at the beginning" "$(jq -r .first "$work/verdict")" 1
check "an export by the daemon says the same" verify "$work/all" --checkpoint "$file"
check "and so do the checkpoints that syslog has" verify "$work/all" --checkpoint "$work/syslog.txt"
check "and the journal's" verify "$work/all" --checkpoint "$work/journal.txt"
matches "syslog gets the severity of security messages" "$(head -1 "$work/syslog.txt")" '^<8[0-9]>[A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} coffer-audit: \{'
matches "the journal gets fields" "$(cat "$work/journal.txt")" '^COFFER_AUDIT_SEQ=[0-9]+$'
check "without a daemon too" env COFFER_SOCKET=/nonexistent "$bin/coffer" audit verify "$work/all" --fingerprint "$fingerprint"
key=$(head -1 "$work/all" | jq -r .key)
check "with the public key" coffer audit verify "$work/all" --public-key "$key"
refused "a file does not vouch for itself" 2 'a file cannot vouch for itself' coffer audit verify "$work/all"
refused "another domain's fingerprint" 4 'no audit export of this domain' coffer audit verify "$work/all" --fingerprint "RQDP-QN4Y-ZLAN-CAJY-XEBQ-FLHG-PWU6-KOVQ"

# ---- what somebody does to it (F99) ----
found() { # found WHAT PATTERN [option…]: of $work/bad
  local what=$1 pattern=$2 out rc=0; shift 2
  out=$(verify "$work/bad" "$@" 2>&1) || rc=$?
  if [ $rc = 4 ] && grep -qE "^$pattern" <<<"$out"; then ok "$what"; else bad "$what" "exit $rc: $out"; fi
}
sed '41s/unix:0/unix:1/;41s/unix:\([0-9]*[0-9]\)"/unix:\19"/' "$work/all" >"$work/bad"
found "an edited record" 'edited: record 40 '
sed '31,33d' "$work/all" >"$work/bad"
found "records that were cut out" 'missing: records 30 to 32$'
sed '21{h;d};22{G}' "$work/all" >"$work/bad"
found "records in another order" 'out of order: record 20 '
sed '21p' "$work/all" >"$work/bad"
found "a doubled record" 'doubled: record 20 '
sed '$d' "$work/all" >"$work/bad"
found "a tail without a signature" 'unsigned: records 1 to '
sed '31s/.*/{"seq":30}/' "$work/all" >"$work/bad"
found "a line that is none" 'unreadable .*line 31'
{ sed '$d' "$work/all"; grep '"checkpoint"' "$file".0* | head -1 | sed 's/^[^{]*//'; } >"$work/bad"
found "an old checkpoint at the end" 'stale: record '
sed '$s/"signature":"./"signature":"x/' "$work/all" >"$work/bad"
found "a signature that is none" 'unreadable '
sed '$s/"signature":"0/"signature":"1/;t;$s/"signature":"./"signature":"0/' "$work/all" >"$work/bad"
found "a forged signature" 'forged: record '
first=$(find "$exports" -name 'audit.jsonl.0*' | sort | head -1)
cp "$first" "$work/bad"
found "all behind an archive gone, with syslog as the witness" 'truncated: records ' --checkpoint "$work/syslog.txt"
if out=$(find "$exports" -name 'audit.jsonl*' | sort | sed 1d | xargs "$bin/coffer" audit verify "$work/all" --fingerprint "$fingerprint" 2>&1); then
  bad "files that tell the same twice" "$out"; else matches "files that tell the same twice" "$out" '^doubled: records '; fi
make_keys 170
within 5 "a second archive" everything_is_exported
mapfile -t archives < <(find "$exports" -name 'audit.jsonl.0*' | sort)
check "there are two" [ "${#archives[@]}" -ge 2 ]
out=$(verify "${archives[0]}" "$file")
matches "a file that is gone from the middle" "$out" '^missing: records [0-9]+ to [0-9]+$'

# ---- what ends the daemon ----
"$sandbox" stop --dir "$dir" >/dev/null
check "after an orderly stop everything is signed" file_is_whole
matches "the stop is its last word" "$(grep '"seq"' "$file" | tail -1)" 'stopped; what was counted'
check "it starts again" "$sandbox" start --dir "$dir" "${settings[@]}" --set audit_token_interval=1s --set audit_keep=1000
for ((i = 0; i < 8; i++)); do
  for ((n = 0; n < 40; n++)); do coffer key create "k-$i-$n" >/dev/null 2>&1; done &
  load=$!
  usleep_ms=$((i * 37 % 150 + 20))
  sleep "0.$(printf %03d $usleep_ms)"
  kill -9 "$(cat "$home/cofferd.pid")"
  wait $load
  within 10 "killed at moment $i: it is back" is_ready
done
make_keys 3
within 10 "everything is exported" everything_is_exported
within 5 "no record is missing, and none is there twice" file_is_whole
# The daemon stands still, and its file is not just becoming an archive: what is written there now is written into the daemon's.
stop_at_file() {
  local daemon n
  daemon=$(cat "$home/cofferd.pid")
  for ((n = 0; n < 100; n++)); do
    kill -STOP "$daemon"
    [ ! -s "$file" ] || return 0
    kill -CONT "$daemon"
    make_keys 1
  done
  bad "there is a file"
}
stop_at_file
printf '{"seq":99999,"time":"2026' >>"$file"
kill -9 "$(cat "$home/cofferd.pid")"
within 10 "half a line at the end: it is back" is_ready
make_keys 1
within 10 "it goes on" everything_is_exported
within 5 "and the half line is gone" file_is_whole
stop_at_file
cp "$file" "$work/edited"
sed -i '2s/"ok"/"failed"/' "$work/edited"
cat "$work/edited" >"$file"
kill -9 "$(cat "$home/cofferd.pid")"
within 10 "somebody edited the file meanwhile: it is back" is_ready
make_keys 1
within 10 "it goes on" everything_is_exported
check "the edited file is kept" test -s "$file.aside-1"
own_files_are_whole() { find "$exports" -name 'audit.jsonl*' ! -name '*aside*' -print0 | xargs -0 "$bin/coffer" audit verify --fingerprint "$fingerprint" --quiet >/dev/null; }
within 5 "beside a new one that is whole" own_files_are_whole
rm "$file.aside-1"

# ---- what becomes of the receivers ----
kill -STOP "${sinks[0]}"
before=$(date +%s%N)
make_keys 600
took=$((($(date +%s%N) - before) / 1000000))
within 5 "syslog stands still, and the file goes on" exported file "$(status_field .audit_records)"
matches "status says so" "$(status_field .audit_exports.syslog.state)" 'busy'
kill -CONT "${sinks[0]}"
before=$(date +%s%N)
make_keys 600
free=$((($(date +%s%N) - before) / 1000000))
check "600 keys in $took ms with a receiver that stands still, $free ms without" [ "$took" -lt $((free + 8000)) ] # a request that waits for the receiver takes 10 s
within 10 "syslog goes on" everything_is_exported
lacks() { [ "$(status_field .audit_exports.syslog.lost)" -gt 0 ]; }
within 5 "status counts what it lacks" lacks
equal "and so do the metrics" "$(coffer metrics | /usr/bin/python3 "$top/tests/integration/check_metrics.py" 'coffer_audit_export_lost_total{export="syslog"}' 'coffer_audit_export_lost_total{export="file"}')" \
  "coffer_audit_export_lost_total{export=\"syslog\"} $(status_field .audit_exports.syslog.lost)
coffer_audit_export_lost_total{export=\"file\"} 0"
matches "and is told which records it lacks" "$(cat "$work/syslog.txt")" 'coffer-audit: \{"gap":[0-9]+,"to":[0-9]+,.*"why":"the receiver was away for too long"'
kill "${sinks[1]}"
make_keys 3
within 5 "nobody listens for the journal, and status says so" status_is .audit_exports.journal.state 'the other side closed the connection'
check "it lacks records meanwhile" journal_lacks_some
python3 "$top/tests/integration/audit_sink.py" "$work/journal" "$work/journal.txt" &
sinks[1]=$!
within 10 "it is back, and gets what it lacked" everything_is_exported
within 5 "and is well" status_is .audit_exports.journal.state well

if [ -n "$small" ]; then
  head -c 8M /dev/zero >"$exports/fill" 2>/dev/null
  make_keys 60
  within 5 "the disk of the file is full, and status says so" status_is .audit_exports.file.state "the disk is full"
  equal "the store is well" "$(status_field .store_health)" well
  rm "$exports/fill"
  within 10 "there is room again: everything is exported" everything_is_exported
  within 5 "and the file is whole" own_files_are_whole
else
  echo "note: no rights to mount a small disk here"
fi
mv "$file" "$file.moved-away"
make_keys 2
within 10 "somebody moved the file away: it goes on in a new one" everything_is_exported
check "that is where it should be" test -s "$file"

# ---- the token signs, too; and what is exported leaves the store ----
within 15 "old records leave the store" test_taken_out
first=$(($(status_field .audit_taken_out) + 1))
matches "the log verifies from there on" "$(coffer audit verify)" 'from record [0-9]+ on: those before it were taken out'
refused "what is gone is not exported" 1 'were taken out of the store' coffer audit export --from 1 "$work/gone"
# More may be taken out between two looks: what is shown first is none that was gone before, and none behind the first that is there afterwards.
shown=$(coffer audit show --from 1 --limit 1 --json | jq -r '.[0].seq')
check "nor shown: the first one is $shown" test "$shown" -ge "$first" -a "$shown" -le "$(($(status_field .audit_taken_out) + 1))"
check "the store is whole" coffer store check
check "an export of the rest" coffer audit export "$work/rest"
key=$(status_field .audit_token.key)
matches "which the token signed" "$(verify "$work/rest" --token-key "$key")" 'signed by the token up to record'
if out=$(verify "$work/rest" --token-key "$fingerprint" 2>&1); then bad "another token's key" "$out"; else matches "another token's key" "$out" '^token key: record'; fi
cp "$work/rest" "$work/bad"
sed -i 's/\(signed by the token up to record [0-9]*, key ecdsa-p256 ....\)0/\11/;t;s/\(signed by the token up to record [0-9]*, key ecdsa-p256 ....\)./\10/' "$work/bad"
found "a signature that is not the token's" 'forged by no token: record '
grep -v 'signed by the token' "$work/rest" >"$work/bad"
found "the token's word cut out" 'missing: record'
equal "a few archives by now" "$([ "$(find "$exports" -name 'audit.jsonl.0*-0*' | wc -l)" -gt 2 ] && echo yes)" yes
newest=$(find "$exports" -name 'audit.jsonl.0*-0*' | sort | tail -1)
cp "$newest" "$exports/audit.jsonl.000000000001-000000000001"
echo 'audit_archives_keep = 1' >>"$home/cofferd.conf"
kill -HUP "$(cat "$home/monitor.pid")"
one_archive_is_left() {
  [ "$(find "$exports" -name 'audit.jsonl.0*-0*' ! -name '*000001-000000000001' | wc -l)" = 1 ] || { coffer key create "more-$((made++))" >/dev/null 2>&1; return 1; }
}
within 30 "with audit_archives_keep = 1 one archive stays when the next is closed" one_archive_is_left
check "it is not the one of before" test ! -e "$newest"
check "what is only called like an archive stays" test -s "$exports/audit.jsonl.000000000001-000000000001"
helper=$(pgrep -P "$(cat "$home/monitor.pid")" -f tokend | head -1)
if [ -n "$helper" ]; then
  before=$(date +%s%N)
  make_keys 100
  usual=$((($(date +%s%N) - before) / 1000000))
  kill -STOP "$helper"
  before=$(date +%s%N)
  make_keys 100
  took=$((($(date +%s%N) - before) / 1000000))
  kill -CONT "$helper"
  check "100 keys in $took ms while the token hangs, in $usual before" [ "$took" -lt $((usual + 8000)) ] # one that waits for the token takes 10 s
else
  bad "the token's helper" "not found"
fi
finish
