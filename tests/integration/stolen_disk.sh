#!/bin/bash
# A thief has the whole state directory and a token of the same kind: nothing opens, and nothing is made anew.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
token=$1
begin "stolen-$token"
start_sandbox --token "$token"
use_sandbox
coffer key create k >/dev/null
echo precious >"$work/p"
coffer encrypt -k k -i "$work/p" -o "$work/m"
"$sandbox" stop --dir "$dir" >/dev/null 2>&1

# The thief's own machine: another sandbox with its own token, whose state is then replaced by the stolen one.
mine=$dir
dir=$work/thief
home=$dir/node-1
start_sandbox --token "$token"
"$sandbox" stop --dir "$dir" >/dev/null 2>&1
rm -rf "$home/state"
cp -a "$mine/node-1/state" "$home/state"
before=$(cd "$home/state" && find . -type f ! -name lock ! -name '*-wal' ! -name '*-shm' -exec sha256sum {} + | sort)

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
  # Start the simulator as the sandbox does, but do not wait for a daemon that opens.
  timeout 60 "$sandbox" start --dir "$dir" >"$work/start.out" 2>&1
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
kill -TERM "$(cat "$home/monitor.pid")"
within 10 "stopped" test ! -S "$home/coffer.sock"
equal "nothing in the state was changed" "$before" \
  "$(cd "$home/state" && find . -type f ! -name lock ! -name '*-wal' ! -name '*-shm' -exec sha256sum {} + | sort)"
dir=$work/thief
"$sandbox" stop --dir "$dir" >/dev/null 2>&1
dir=$mine
finish
