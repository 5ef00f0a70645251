#!/bin/bash
# The main job, end to end, with the token given as $1: key, real files of every size class, pipes, contexts, versions, restart.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
token=$1
begin "main-$token"
keep_softhsm
start_sandbox --token "$token"
use_sandbox

check "status is open and well" is_ready
matches "the domain's fingerprint is shown" "$(coffer status)" 'domain +([A-Z2-7]{4}-){7}[A-Z2-7]{4}'
check "a key is made" coffer key create disk
equal "the key is active at once" "$(coffer key show disk --json | jq -r .state)" active
equal "its first version is 1" "$(coffer key show disk --json | jq -r .version)" 1

for size in 0 1 1000 1048575 1048576 1048577 2097152 5000000; do
  head -c $size /dev/urandom >"$work/plain"
  check "encrypt $size bytes" coffer encrypt -k disk -c unit=a -i "$work/plain" -o "$work/sealed"
  check "decrypt $size bytes" coffer decrypt -c unit=a -i "$work/sealed" -o "$work/opened"
  same "$size bytes come back" "$work/plain" "$work/opened"
done
equal "up to 1 MiB is a sealed message" "$(head -c 1048576 /dev/zero | coffer encrypt -k disk | head -c 4)" CFR1
equal "one byte more is a sealed stream" "$(head -c 1048577 /dev/zero | coffer encrypt -k disk | head -c 4)" CFRS
equal "pipes" "$(echo through | coffer encrypt -k disk | coffer decrypt)" through

echo text >"$work/t"
coffer encrypt -k disk -c a=1 -c b=2 -i "$work/t" -o "$work/t.sealed"
check "the order of the context does not matter" coffer decrypt -c b=2 -c a=1 -i "$work/t.sealed" -o "$work/t.opened"
same "and gives the text" "$work/t" "$work/t.opened"

check "a new version" coffer key rotate disk
equal "the name moved to version 2" "$(coffer key show disk --json | jq -r .version)" 2
check "the old message still opens" coffer decrypt -c a=1 -c b=2 -i "$work/t.sealed" -o "$work/t.opened"
check "rewrap" coffer rewrap -c a=1 -c b=2 -i "$work/t.sealed" -o "$work/t.new"
check "the rewrapped message opens" coffer decrypt -c a=1 -c b=2 -i "$work/t.new" -o "$work/t.opened"
same "to the same text" "$work/t" "$work/t.opened"
equal "rewrapped: the header names version 2" "$(od -An -tu1 -j24 -N4 "$work/t.new" | tr -d ' \n')" 0002
equal "the list has both versions" "$(coffer key list --json | jq length)" 2

old=$(coffer key show disk --json | jq -r .replaces)
check "the old version is revoked" coffer key revoke "$old" --reason superseded
check "and still decrypts" coffer decrypt -c a=1 -c b=2 -i "$work/t.sealed" -o "$work/t.opened"
check "and is destroyed by its number" coffer key destroy disk --version 1
refused "what it protected is gone" 1 destroyed coffer decrypt -c a=1 -c b=2 -i "$work/t.sealed" -o "$work/gone"
absent "and no output appears" "$work/gone"

matches "a progress bar on a terminal" "$(script -qec "$bin/coffer encrypt -k disk -i $work/plain -o $work/sealed" /dev/null | tr -d '\0')" 'encrypt \[#+\.*\] +[0-9]+ %'
equal "none elsewhere" "$(coffer encrypt -k disk -i "$work/plain" -o "$work/sealed" 2>&1)" ""

coffer key create again >/dev/null
first=$(coffer key show again --json | jq -r .uuid)
coffer key deactivate again >/dev/null
check "a deactivated key is destroyed" coffer key destroy again
equal "a destroyed key is still shown by its name" "$(coffer key show "$first" --json | jq -r .state)" destroyed
check "its name is free again" coffer key create again
if [ "$(coffer key show again --json | jq -r .uuid)" != "$first" ]; then ok "and names the new key"; else bad "and names the new key"; fi
check "which encrypts" coffer encrypt -k again -i "$work/t" -o "$work/t2"

equal "random bytes" "$(coffer random 16 | tr -d '\n' | wc -c)" 32
check "the audit log verifies" coffer audit verify
matches "it holds the destroy" "$(coffer audit show)" 'Destroy +ok'
check "the token passes its test" coffer token test

check "stop" "$sandbox" stop --dir "$dir"
refused "no daemon" 3 'no daemon answers' coffer status
check "start again" "$sandbox" start --dir "$dir"
check "what was sealed before opens" coffer decrypt -c a=1 -c b=2 -i "$work/t.new" -o "$work/t.opened"
same "to the same text" "$work/t" "$work/t.opened"
kill -9 "$(cat "$home/cofferd.pid")"
within 10 "after kill -9 the daemon comes back by itself" is_ready
check "and opens what was sealed" coffer decrypt -c a=1 -c b=2 -i "$work/t.new" -o "$work/t.opened"
check "the audit log verifies after that" coffer audit verify
finish
