#!/bin/bash
# The state of an earlier moment put back whole, store, mark and node.id: with a token that counts the node refuses it until root takes it as it is; with one that
# cannot, it is served, and status says that nothing protects (which is the control: without the counter nobody notices).
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
token=$1
begin "rollback-$token"
make_box
start_sandbox "${box_words[@]}" --token "$token" --set anchor_interval=2s --set token_deadline=4s --set token_probe_interval=1s
use_sandbox
# shellcheck source=tests/integration/rollback_lib.sh
. "$(dirname "$0")/rollback_lib.sh"
export TPM2TOOLS_TCTI=swtpm:path=$home/token/swtpm.sock

ended() { ! kill -0 "$1" 2>/dev/null; }
stop_daemon() { # the whole of it: it raises the counter last
  local pid
  pid=$(cat "$home/monitor.pid")
  kill -TERM "$pid"
  within 15 "stopped" ended "$pid"
}
counter() { status_field .rollback.counter; }
is_refused() { # is_refused WHAT PATTERN
  within 20 "$1: the node is at fault" status_is .state fault
  matches "$1: and says why" "$(status_field .note)" "^rollback: .*$2.*coffer store accept --rollback"
  matches "$1: status says it" "$(coffer status)" 'rollback +REFUSED'
  refused "$1: nothing is decrypted" 1 'stopped serving' coffer decrypt -i "$work/m" -o "$work/o"
}
now_at() { status_field .rollback.version; }
anchored() { [ "$(status_field .rollback.anchored_version)" -ge "$1" ]; } # anchored VERSION: others may have committed since

coffer key create k >/dev/null
coffer key create doomed >/dev/null
echo precious >"$work/p"
coffer encrypt -k k -i "$work/p" -o "$work/m"
coffer encrypt -k doomed -i "$work/p" -o "$work/d"
stop_daemon
save before
start_daemon "it starts again"
within 20 "and opens" is_ready
coffer key revoke doomed --reason key-compromise >/dev/null
coffer key destroy doomed >/dev/null
refused "what is destroyed does not decrypt" 1 'destroyed|no such key' coffer decrypt -i "$work/d"
stop_daemon
save after

if [ "$token" = softhsm ]; then
  put_back before
  start_daemon "with the old state it starts"
  within 20 "and opens: this token cannot count" is_ready
  check "what was destroyed is back, and nobody noticed" coffer decrypt -i "$work/d" -o "$work/o"
  matches "status says that nothing protects" "$(coffer status)" 'rollback +rollback protection: none in the token; .*an older copy of the whole state folder is not'
  equal "scripts too" "none in the token" "$(status_field .rollback.protection)"
  refused "there is nothing to take" 1 'does not stand against this store' coffer store accept --rollback --yes
  stop_daemon
  cp -a "$work/after/node.root" "$state/node.root"
  start_daemon "the mark was not put back with it: it starts"
  within 20 "the mark knows better" status_is .state fault
  matches "the mark knows better, and by how much" "$(coffer status)" 'the store is older than this node has seen: its last [0-9]+ changes are missing'
  refused "the mark knows better: nothing is decrypted" 1 'stopped serving' coffer decrypt -i "$work/d" -o "$work/o"
  finish
fi

# ---- an older state ----
put_back before
start_daemon "with the old state it starts"
is_refused "old state" 'older than this node has been: the token.s counter was raised to [0-9]+ and the store knows of [0-9]+'
tells "old state" 1 rollback raised 'older than this node has been'
refused "taking it wants to be meant" 2 'add --yes' coffer store accept --rollback
refused "not by accepting a damaged store, which names what does" 1 'because of a rollback.*store accept --rollback --yes' coffer store accept --yes
refused "nor by a stranger" 1 'may not|permission|stopped' as_stranger store accept --rollback --yes
stop_daemon
put_back after
start_daemon "with the newest state it starts"
within 20 "and opens" is_ready
refused "what was destroyed stays destroyed" 1 'destroyed|no such key' coffer decrypt -i "$work/d"
equal "nothing was taken" 0 "$(status_field .rollback.overridden)"
stop_daemon

put_back before
rm -f "$state/node.root"
start_daemon "old and without a mark it starts"
is_refused "old, no mark" 'older than this node has been'
knows=$(grep -oE 'the store knows of [0-9]+' <<<"$(status_field .note)" | grep -oE '[0-9]+')
says=$(grep -oE 'raised to [0-9]+' <<<"$(status_field .note)" | grep -oE '[0-9]+')
check "root takes it" coffer store accept --rollback --yes
within 20 "it opens" is_ready
check "what was destroyed is back: root was told" coffer decrypt -i "$work/d" -o "$work/o"
matches "the key is in the state of then" "$(coffer key show doomed)" 'active'
matches "status shows it" "$(coffer status)" "taken against the counter by an administrator at .*\($knows instead of $says, 1 times"
matches "the audit log shows it" "$(coffer audit show --limit 100)" "unix:0 +AnchorAccept +ok .*the store knows of $knows, the token says $says"
refused "once is enough" 1 'does not stand against this store' coffer store accept --rollback --yes
stop_daemon
start_daemon "and again"
within 20 "it opens" is_ready
equal "status shows it for ever" 1 "$(status_field .rollback.overridden)"
matches "SP 800-57: what comes back is revoked again" "$(coffer key revoke doomed --reason key-compromise)" 'revoked'
check "and destroyed again" coffer key destroy doomed
refused "for good" 1 'destroyed|no such key' coffer decrypt -i "$work/d"

# ---- a copy beside the original ----
stop_daemon
save original
start_daemon "a copy runs on the same token"
within 20 "it opens" is_ready
stop_daemon
put_back original
start_daemon "the original afterwards"
is_refused "a copy ran" 'another copy of this node ran'
check "root takes it" coffer store accept --rollback --yes
within 20 "it opens" is_ready

# ---- the counter ----
index=$(status_field .rollback.place | grep -oE '0x[0-9A-F]+')
stop_daemon
check "the owner removes the counter" tpm2_nvundefine -C o "$index"
start_daemon "without it the node starts"
is_refused "counter removed" 'counter is not there any more'
check "root takes it" coffer store accept --rollback --yes
within 20 "it opens" is_ready
stop_daemon
check "the owner puts another in its place" bash -c "tpm2_nvundefine -C o $index && tpm2_nvdefine -C o -s 8 -a 'nt=counter|ownerwrite|ownerread' $index && tpm2_nvincrement -C o $index"
start_daemon "beside another the node starts"
is_refused "counter replaced" 'another counter stands in the place'
check "root takes it" coffer store accept --rollback --yes
within 20 "it opens" is_ready
stop_daemon
kill -TERM "$(cat "$home/token/swtpm.pid")"
within 5 "the TPM is off" test ! -e "$home/token/swtpm.pid"
cp -a "$home/token/tpm2-00.permall" "$work/old-tpm"
"$sandbox" start --dir "$dir" >/dev/null 2>&1
for _ in 1 2; do stop_daemon; start_daemon "on with it"; within 20 "it opens" is_ready; done
stop_daemon
kill -TERM "$(cat "$home/token/swtpm.pid")"
within 5 "the TPM is off" test ! -e "$home/token/swtpm.pid"
cp -a "$work/old-tpm" "$home/token/tpm2-00.permall"
"$sandbox" start --dir "$dir" >/dev/null 2>&1 &
within 20 "with a TPM that was set back the node starts" answers
is_refused "TPM set back" 'the token is older than the store'
kill %1 2>/dev/null
check "root takes it" coffer store accept --rollback --yes
within 20 "it opens" is_ready

# ---- pace ----
pace=${COFFER_DESTROYS:-60} # 1000 in the campaign: docs/reliability.md
for i in $(seq "$pace"); do coffer key create "b$i" >/dev/null; done
from=$(counter)
began=$(date +%s%N)
for i in $(seq "$pace"); do coffer key revoke "b$i" --reason key-compromise >/dev/null && coffer key destroy "b$i" >/dev/null; done
took=$((($(date +%s%N) - began) / 1000000))
within 10 "and anchored" anchored "$(now_at)"
raises=$(($(counter) - from))
echo "     $((2 * pace)) ends in $took ms: $raises raises"
check "a burst of $((2 * pace)) raises once every 2 s at most, and at least once" test $raises -ge 1 -a $raises -le $((took / 2000 + 3))

wear_is_shown() { local r; r=$(status_field .rollback.raises) && [ "$r" -ge "$raises" ] && coffer status | grep -q "raised $r times, good for $((500000 - r)) more"; }
within 10 "status shows how often it was raised, and how often it can be" wear_is_shown

# ---- the master secret changes while a raise is due ----
for i in 1 2 3; do
  coffer key create "m$i" >/dev/null && coffer key revoke "m$i" --reason key-compromise >/dev/null && coffer key destroy "m$i" >/dev/null
  check "another master secret meanwhile" coffer rotate master
done
within 15 "what was destroyed before is anchored" anchored "$(now_at)"

# ---- a token that is gone ----
coffer key create last >/dev/null
coffer key revoke last --reason key-compromise >/dev/null
kill -9 "$(cat "$home/token/swtpm.pid")"
rm -f "$home/token/swtpm.sock"
began=$(date +%s%N)
check "with the token gone a use can be ended" coffer key destroy last
took=$((($(date +%s%N) - began) / 1000000))
check "within 4 s ($took ms)" test $took -lt 4000
destroyed=$(now_at)
within 15 "status says that it is not anchored" status_is .rollback.health late
matches "for people too" "$(coffer status)" 'NOT ANCHORED: '
"$sandbox" start --dir "$dir" >/dev/null 2>&1
within 20 "well again when it is back" status_is .rollback.health well
within 10 "and anchored" anchored "$destroyed"
matches "the audit log has both" "$(coffer audit show --limit 500 | grep -c 'rollback: .*anchored')" '^[2-9]'

# ---- a token that hangs while the node stops, and a start right behind ----
coffer key create hangs >/dev/null
hung=$(cat "$home/token/swtpm.pid")
kill -STOP "$hung"
first=$(cat "$home/monitor.pid")
began=$(date +%s%N)
kill -TERM "$first"
sleep 0.2 # it says that it is stopping
setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 &
second=$!
within 10 "it stops" ended "$first"
took=$((($(date +%s%N) - began) / 1000000))
check "within half a token_deadline and 2.5 s ($took ms)" test $took -lt 4500
check "who started meanwhile waits for it" kill -0 $second
kill -CONT "$hung"
within 20 "and serves, without a rollback" is_ready

# ---- kill -9 at any moment, of the daemon or of the TPM ----
for i in $(seq 12); do
  (for j in 1 2 3; do coffer key create "c$i-$j" && coffer key revoke "c$i-$j" --reason key-compromise && coffer key destroy "c$i-$j"; done) >/dev/null 2>&1 &
  busy=$!
  sleep "0.$((RANDOM % 40 + 10))" # the moment is the test's chance
  if [ $((i % 3)) = 0 ]; then
    kill -9 "$(cat "$home/token/swtpm.pid")"
    rm -f "$home/token/swtpm.sock"
    "$sandbox" start --dir "$dir" >/dev/null 2>&1
  else
    kill -9 "$(cat "$home/cofferd.pid")"
  fi
  wait $busy
  within 30 "cut $i: it serves again by itself" is_ready
done
refusal='\(the domain does not open\|the node stops serving\): rollback: ' # an alert that clears says the last sentence again
equal "none of it looked like a rollback" 0 "$(grep -c "${refusal}the store is older" <(tail -n +"$(grep -n 'does not open: rollback: the token is older' "$home/cofferd.log" | tail -1 | cut -d: -f1)" "$home/cofferd.log"))"
check "the audit log verifies" coffer audit verify
finish
