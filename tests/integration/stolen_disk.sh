#!/bin/bash
# A thief has the whole state directory, a backup archive, one share of the two that it takes, and a token of the same kind: nothing opens, and nothing is made anew. With the
# second share, which is the control, the archive opens.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
token=$1
begin "stolen-$token"
start_sandbox --token "$token"
use_sandbox
name=payroll-of-a-name-that-is-nowhere-else
coffer key create $name >/dev/null
echo precious >"$work/p"
coffer encrypt -k $name -i "$work/p" -o "$work/m"
coffer backup create "$work/a.cfra" >/dev/null
cp -r "$dir/recovery" "$work/shares"
one=(--share-file "$work/shares/share-1.txt") second=(--share-file "$work/shares/share-2.txt")
"$sandbox" stop --dir "$dir" >/dev/null 2>&1

# The thief's own machine: another sandbox with its own token, whose state is then replaced by the stolen one.
mine=$dir
dir=$work/thief
home=$dir/node-1
start_sandbox --token "$token"
"$sandbox" stop --dir "$dir" >/dev/null 2>&1
rm -rf "$home/state"
cp -a "$mine/node-1/state" "$home/state"
# node.alerts is what was told to people about the node; nothing opens by it.
before=$(cd "$home/state" && find . -type f ! -name lock ! -name node.alerts ! -name '*-wal' ! -name '*-shm' -exec sha256sum {} + | sort)

# The identity file names where the token was; a thief puts the own token there.
if [ "$token" = swtpm ]; then
  rm -rf "$mine/node-1/token"
  cp -a "$home/token" "$mine/node-1/token"
else
  rm -rf "$mine/node-1/token/tokens"
  cp -a "$home/token/tokens" "$mine/node-1/token/tokens"
  cp -a "$home/token/pin" "$mine/node-1/token/pin"
fi
dir=$mine
home=$mine/node-1
rm -rf "$home/state"
cp -a "$work/thief/node-1/state" "$home/state"
if [ "$token" = swtpm ]; then
  # Start the simulator as the sandbox does, which then waits for a daemon that opens: in vain, and beside the story.
  timeout 60 "$sandbox" start --dir "$dir" >"$work/start.out" 2>&1 &
  starting=$!
else
  setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 &
fi
export COFFER_SOCKET=$home/coffer.sock
answers() { local rc=0; coffer status --quiet || rc=$?; [ $rc = 4 ]; }
within 20 "beside another token the daemon answers, and is not open" answers
within 10 "it is sealed" status_is .state sealed
matches "and says that this is another token" "$(coffer status)" 'another|other|not the token|does not show|no token matches'
refused "nothing is decrypted" 4 'sealed' coffer decrypt -i "$work/m"
refused "nothing is shown" 4 'sealed' coffer key list
refused "the domain is not made anew" 1 'initialised already|sealed' coffer init --token tpm2:swtpm:path=/nowhere --no-recovery
# With the archive and one share beside it.
refused "the archive does not open with one share" 1 '1 more of the shares' coffer backup verify "$work/a.cfra" "${one[@]}"
refused "nor with the same one twice" 1 'share 1 was given twice' coffer backup verify "$work/a.cfra" "${one[@]}" "${one[@]}"
refused "it is not restored over the stolen state" 1 'initialised already|sealed' coffer restore "$work/a.cfra" --token "$(cat "$home/uri")" "${one[@]}"
refused "the thief's token does not unseal the node" 1 '.' coffer unseal --token
coffer unseal "${one[@]}" >/dev/null 2>&1
equal "one share does not" "$?" 4
equal "it is sealed as before" "$(status_field .state)" sealed
refused "nothing is decrypted still" 4 'sealed' coffer decrypt -i "$work/m"
check "the control: with a second share the archive opens" coffer backup verify "$work/a.cfra" "${one[@]}" "${second[@]}" --offline
equal "no name stands in archive or state" "$(cat "$work/a.cfra" "$home"/state/* 2>/dev/null | grep -acF $name)" 0
equal "nor a line of a share" "$(cat "$work/a.cfra" "$home"/state/* 2>/dev/null | grep -acF -f <(sed -n 's/^[1-5]  *//p' "$work"/shares/share-*.txt))" 0
[ "$token" != swtpm ] || kill "$starting" 2>/dev/null
stop_daemon
equal "nothing in the state was changed" "$before" \
  "$(cd "$home/state" && find . -type f ! -name lock ! -name node.alerts ! -name '*-wal' ! -name '*-shm' -exec sha256sum {} + | sort)"
dir=$work/thief
"$sandbox" stop --dir "$dir" >/dev/null 2>&1
dir=$mine
finish
