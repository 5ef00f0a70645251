#!/bin/bash
# Attended start with the PIN of a PKCS#11 token: typed once, kept in memory alone, never tried twice.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
begin pin
module=$(ls /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so 2>/dev/null | head -1)
home=$work/node
mkdir -p "$dir" "$work/tokens" "$home/state" "$work/shares"
chmod 700 "$home/state" "$work/shares"
export SOFTHSM2_CONF=$work/softhsm2.conf
pin="8d1c5e77a2pin"
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$work/tokens" >"$SOFTHSM2_CONF"
(umask 077; printf '%s\n' "$pin" >"$work/pin"; printf 'not-%s' "$pin" >"$work/wrong")
softhsm2-util --init-token --free --label t --so-pin 12345678 --pin "$pin" >/dev/null
{
  echo "socket = $home/coffer.sock"
  echo "state_dir = $home/state"
  echo "pid_file = $home/cofferd.pid"
  echo "monitor_pid_file = $home/monitor.pid"
  echo "secret_memory = 8M"
  echo "start = attended"
  echo "tokend_environment = SOFTHSM2_CONF=$SOFTHSM2_CONF"
  user_settings
} >"$home/cofferd.conf"
give_to daemon "$home"
give_to tokend "$work/tokens" "$SOFTHSM2_CONF"
export COFFER_SOCKET=$home/coffer.sock
uri="pkcs11:token=t;object=master?module-path=$module"

run_daemon() {
  setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 &
  within 10 "it answers" answers
}
stop_daemon() {
  local monitor
  monitor=$(cat "$home/monitor.pid")
  kill -TERM "$monitor"
  within 15 "stopped" sh -c "! kill -0 $monitor"
}
end() { stop_daemon; finish; }
written() { grep -rlaF "$1" "$home/state" "$home/cofferd.log" "$home/cofferd.conf" | wc -l; }

run_daemon
refused "init without the PIN says how to give it" 1 'coffer unseal --pin|wants a PIN' coffer init --token "$uri" --recovery-shares 2 --recovery-threshold 2 --recovery-out "$work/shares"
refused "init with a wrong PIN" 1 'PIN' coffer init --token "$uri" --pin-file "$work/wrong" --recovery-shares 2 --recovery-threshold 2 --recovery-out "$work/shares"
refused "init with a wrong PIN that is typed" 1 'PIN' with_secret prompt "not-$pin" "$bin/coffer" init --token "$uri" --pin --recovery-shares 2 --recovery-threshold 2 --recovery-out "$work/shares"
check "init with the PIN that is typed" with_secret prompt "$pin" "$bin/coffer" init --token "$uri" --pin --recovery-shares 2 --recovery-threshold 2 --recovery-out "$work/shares"
check "a key" coffer key create k
printf hello >"$work/plain"
check "something sealed" coffer encrypt --key k -i "$work/plain" -o "$work/sealed"

stop_daemon
run_daemon
equal "sealed" "$(status_field .state)" sealed
equal "the token was not touched" "$(status_field .token.health)" waiting
refused "without the PIN" 1 'coffer unseal --pin' coffer unseal --token
refused "a wrong PIN" 1 'PIN' coffer unseal --pin --secret-file "$work/wrong"
equal "said in status" "$(status_field .token.health)" 'wrong PIN'
matches "with what to do" "$(status_field .token.sentence)" 'coffer unseal --pin'
kill -HUP "$(cat "$home/monitor.pid")"
within 5 "SIGHUP was taken" grep -q 'configuration was read again' "$home/cofferd.log"
equal "and spent no try" "$(status_field .token.health)" 'wrong PIN'
refused "a second wrong PIN" 1 'PIN' coffer unseal --pin --secret-file "$work/wrong"
refused "a third one is not sent to the token" 1 'was not sent' coffer unseal --pin --secret-file "$work/wrong"
refused "nor is the right one, until a restart" 1 'was not sent' coffer unseal --pin --secret-file "$work/pin"
check "shares open it all the same" coffer unseal --share-file "$work/shares/share-1.txt" --share-file "$work/shares/share-2.txt"
matches "what failed is in the audit log" "$(coffer audit show --limit 20)" 'while the node was sealed: [0-9]+ failed'

stop_daemon
run_daemon
zeroise() { coffer zeroise --domain "$(status_field .domain.fingerprint)"; }
refused "without its PIN this token destroys nothing, and that is what zeroise says" 1 \
  'not asked to destroy the master secret: .*neither destroys it nor shows whether it is there: .*--without-token.*pkcs11-tool --login --delete-object' zeroise
refused "a wrong PIN" 1 'PIN' coffer unseal --pin --secret-file "$work/wrong"
refused "nor with a wrong one, which it does not try again" 1 'not asked to destroy the master secret: .*PIN.*neither destroys it nor shows whether it is there' zeroise
stop_daemon
run_daemon
if separate_users; then refused "a stranger's PIN does not reach the token" 1 'may not unseal' as_stranger unseal --token; fi
equal "it waits still" "$(status_field .token.health)" waiting
check "the PIN opens it" coffer unseal --pin --secret-file "$work/pin"
equal "open" "$(status_field .state)" open
equal "by its token" "$(status_field .opened_by)" token
check "what was sealed opens" coffer decrypt -i "$work/sealed" -o "$work/back"
same "as it was" "$work/plain" "$work/back"

for way in $secret_ways; do
  stop_daemon
  run_daemon
  refused "a wrong PIN by $way" 1 'PIN' with_secret "$way" "not-$pin" "$bin/coffer" unseal --pin
  equal "said in status" "$(status_field .token.health)" 'wrong PIN'
  check "the right PIN by $way" with_secret "$way" "$pin" "$bin/coffer" unseal --pin
  equal "opens the node" "$(status_field .state) $(status_field .opened_by)" 'open token'
done

helper=$(pgrep -P "$(cat "$home/monitor.pid")" coffer-tokend)
kill -9 "$helper"
within 20 "a helper that dies is started again with the PIN in memory" sh -c "[ \"\$('$bin/coffer' status --json | jq -r .token.restarts)\" -ge 1 ] && '$bin/coffer' status --quiet"

# After a change of the PIN a helper is started with the new one; and one that the token refuses is given again to a node that is open.
helper_again() { [ "$(status_field .token.restarts)" -gt "$restarts" ] && status_is .token.health "$1"; }
kill_helper() {
  restarts=$(status_field .token.restarts)
  kill -9 "$(pgrep -P "$(cat "$home/monitor.pid")" coffer-tokend)"
}
printf 'another-%s' "$pin" >"$work/another"
check "the PIN is changed" coffer token change-pin --secret-file "$work/another"
kill_helper
within 20 "a helper that dies then is started with the new one" helper_again well
refused "an open node with a token that is well wants no PIN" 1 'open already' coffer unseal --pin --secret-file "$work/another"
set_pin() { pkcs11-tool --module "$module" --token-label t --login --login-type so --so-pin 12345678 --init-pin --new-pin "$1" >/dev/null 2>&1; }
check "somebody else changes it" set_pin "third-$pin"
kill_helper
within 20 "the PIN in memory is wrong" helper_again 'wrong PIN'
matches "status says what to do" "$(status_field .token.sentence)" 'coffer unseal --pin'
equal "the node serves" "$(status_field .state)" open
printf 'third-%s' "$pin" >"$work/third"
if separate_users; then refused "a stranger may not" 1 'may not unseal' as_stranger unseal --pin --secret-file "$work/third"; fi
check "the node that is open is given the PIN" coffer unseal --pin --secret-file "$work/third"
equal "and its token is well" "$(status_field .token.health)" well
# Another token, each with a PIN of its own: neither is sent the other's, and what the one that was left says is asked for once, and not at every start.
shim=$COFFER_BUILD/tests/hsm_shim.so
log=$work/left.log
: >"$log"
logins() { grep -c ' C_Login$' "$log"; }
(umask 077; printf 'theirs-%s' "$pin" >"$work/theirs"; printf 'next-%s' "$pin" >"$work/next")
make_token() { # make_token LABEL PIN-FILE: its folder is in $made
  ls "$work/tokens" >"$work/before"
  softhsm2-util --init-token --free --label "$1" --so-pin 12345678 --pin "$(cat "$work/$2")" >/dev/null
  made=$(comm -13 "$work/before" <(ls "$work/tokens"))
  give_to tokend -R "$work/tokens"
}
start_again() { # start_again PIN-FILE
  stop_daemon
  run_daemon
  check "a start: the PIN of the token in force opens it" coffer unseal --pin --secret-file "$1"
  within 10 "a start: the token that was left is not destroyed" status_is '.rotation.old_master // "" | test("PIN")' true
  within 10 "a start: the token in force is well" status_is .token.health well
}
make_token left theirs
folder=$made
make_token next next
give_to tokend "$log"
left="pkcs11:token=left;object=master?module-path=$shim"
next="pkcs11:token=next;object=master?module-path=$module"
stop_daemon
sed -i "s|^tokend_environment = .*|& HSM_SHIM_MODULE=$module HSM_SHIM_LOG=$log|" "$home/cofferd.conf"
run_daemon
check "open by the first token" coffer unseal --pin --secret-file "$work/third"
refused "another token wants a PIN of its own" 1 'wants a PIN' coffer rotate master --token "$left"
equal "and is not sent that of the first" "$(logins)" 0
refused "a TPM without a PIN does not take the place of a token with one unasked" 1 'would want none: .*--pin.*pin-source=' coffer rotate master --token tpm2:device:/dev/none
refused "a wrong one" 1 'PIN' coffer rotate master --token "$left" --pin-file "$work/wrong"
equal "is one try" "$(logins)" 1
equal "and the first token is well" "$(status_field .token.health)" well
check "with its PIN it takes over" coffer rotate master --token "$left" --pin-file "$work/theirs"
mv "$work/tokens/$folder" "$work/away"
check "it is away when the next one takes over" coffer rotate master --token "$next" --pin-file "$work/next"
mv "$work/away" "$work/tokens/$folder"
: >"$log"
for _ in 1 2 3; do start_again "$work/next"; done
equal "the token that was left was sent nothing by three starts" "$(logins)" 0
refused "its PIN is given wrong" 1 'coffer rotate master --pin' coffer rotate master --pin-file "$work/wrong"
equal "which is one try" "$(logins)" 1
equal "and the token in force is well" "$(status_field .token.health)" well
start_again "$work/next"
equal "and no start makes another" "$(logins)" 1
matches "status says what to do" "$(status_field .rotation.old_master)" 'not asked again by itself.*coffer rotate master --pin'
equal "no PIN in state, configuration or log" "$(written "$pin")" 0
equal "the control is found" "$(written unattended)$(grep -c "$pin" "$work/pin")" 01
check "zeroise goes through" coffer zeroise --domain "$(status_field .domain.fingerprint)"
equal "and asks the token that was left nothing" "$(logins)" 1

# A token that was left and whose pin-source is wrong meanwhile: one start spends one try, and nobody spends another, a zeroise neither.
within 20 "the node belongs to no domain any more" status_is .state uninitialised
left="pkcs11:token=left;object=second?module-path=$shim&pin-source=file:$work/left-pin"
put_left_pin() { install -m 600 "$1" "$work/left-pin.new"; give_to tokend "$work/left-pin.new"; mv "$work/left-pin.new" "$work/left-pin"; }
put_left_pin "$work/theirs"
check "a domain on a token with a pin-source" coffer init --token "$left" --no-recovery
put_left_pin "$work/wrong"
: >"$log"
refused "a change in this token, whose pin-source is wrong" 1 PIN coffer rotate master
equal "is one try, on the way back too" "$(logins)" 1
equal "and said" "$(status_field .token.health)" 'wrong PIN'
put_left_pin "$work/theirs"
check "put right, an operator has it tried" coffer unseal --token
mv "$work/tokens/$folder" "$work/away"
check "it is away when another one takes over" coffer rotate master --token "$next" --pin-file "$work/next"
mv "$work/away" "$work/tokens/$folder"
put_left_pin "$work/wrong"
: >"$log"
for _ in 1 2 3; do start_again "$work/next"; done
equal "three starts spent one try of a wrong pin-source" "$(logins)" 1
said=$(coffer zeroise --domain "$(status_field .domain.fingerprint)" 2>&1) && ok "zeroise goes through" || bad "zeroise goes through" "$said"
matches "and names the token that may hold the earlier one" "$said" 'an earlier master secret stays in pkcs11:token=left;object=second'
equal "which it asked nothing" "$(logins)" 1
end
