#!/bin/bash
# The operator's story: a token provisioned by hand with pkcs11-tool is adopted; the daemon restarts and data opens. Keys that break the rules are
# refused with the sentence that mends it.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
begin operator
module=$(ls /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so 2>/dev/null | head -1)
mkdir -p "$dir" "$work/tokens"
export SOFTHSM2_CONF=$work/softhsm2.conf
cat >"$SOFTHSM2_CONF" <<TXT
directories.tokendir = $work/tokens
objectstore.backend = file
log.level = ERROR
TXT
printf 1234 >"$work/pin"
chmod 600 "$work/pin"

make_token() { # make_token LABEL
  pkcs11-tool --module "$module" --init-token --slot-index "$(pkcs11-tool --module "$module" --list-slots 2>/dev/null | grep -c '^Slot')" \
    --label "$1" --so-pin 12345678 >/dev/null 2>&1 ||
  softhsm2-util --init-token --free --label "$1" --so-pin 12345678 --pin 1234 >/dev/null
  pkcs11-tool --module "$module" --token-label "$1" --login --login-type so --so-pin 12345678 --init-pin --new-pin 1234 >/dev/null 2>&1
}
keygen() { # keygen LABEL ARGUMENTS…
  local label=$1; shift
  pkcs11-tool --module "$module" --token-label "$label" --login --pin 1234 --keygen --key-type AES:32 --label master --id 11 "$@" >/dev/null 2>&1
}
uri() { echo "pkcs11:token=$1;object=master?module-path=$module&pin-source=file:$work/pin"; }

daemon_for() { # daemon_for NAME: an uninitialised daemon below the work folder
  home=$work/$1
  mkdir -p "$home/state"
  chmod 700 "$home/state"
  {
    echo "socket = $home/coffer.sock"
    echo "state_dir = $home/state"
    echo "pid_file = $home/cofferd.pid"
    echo "monitor_pid_file = $home/monitor.pid"
    echo "secret_memory = 8M"
    echo "tokend_environment = SOFTHSM2_CONF=$SOFTHSM2_CONF"
    user_settings
  } >"$home/cofferd.conf"
  give_to daemon "$home"
  give_to tokend "$work/tokens" "$work/pin" "$SOFTHSM2_CONF"
  export COFFER_SOCKET=$home/coffer.sock
  run_daemon
}
run_daemon() { setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 & }

make_token good
check "the operator makes a wrap-only key" keygen good --sensitive --private --usage-wrap --allowed-mechanisms AES-KEY-WRAP
daemon_for good
within 10 "the daemon waits for init" status_is .state uninitialised
refused "before init nothing is served" 4 "init" coffer key create early
check "provision looks at the operator's key" coffer token provision "$(uri good)"
matches "and adopts it" "$(coffer token provision "$(uri good)")" 'adopted'
refused "init without a token" 1 'no token is named' coffer init --no-recovery
mkdir -p "$work/shares"
check "init adopts the operator's key" coffer init --token "$(uri good)" --recovery-shares 3 --recovery-threshold 2 --recovery-out "$work/shares"
matches "status shows whose key it is" "$(coffer status)" 'master'
equal "the token still has one secret key" "$(pkcs11-tool --module "$module" --token-label good --login --pin 1234 --list-objects --type secrkey 2>/dev/null | grep -c 'Secret Key Object')" 1
refused "no provisioning after init" 1 'initialised already' coffer token provision "$(uri good)"
coffer key create k >/dev/null
echo hello >"$work/p"
check "data is sealed" coffer encrypt -k k -i "$work/p" -o "$work/m"
stop_daemon
run_daemon
within 10 "restarted: open again" is_ready
check "and the data opens" coffer decrypt -i "$work/m" -o "$work/o"
same "unchanged" "$work/p" "$work/o"

# Another HSM takes its place while clients work; the old one is carried away.
make_token next
check "the operator makes a key in the new token" keygen next --sensitive --private --usage-wrap --allowed-mechanisms AES-KEY-WRAP
give_to tokend "$work/tokens"
work_on() { # until it is told to end: what was sealed opens, and new things are sealed and opened
  local n=0
  while [ ! -e "$work/enough" ] && [ $n -lt 5000 ]; do
    coffer decrypt -i "$work/m" 2>&1 | cmp -s - "$work/p" || echo "decrypt $n" >>"$work/wrong"
    coffer encrypt -k k -i "$work/p" 2>>"$work/wrong" | coffer decrypt 2>>"$work/wrong" | cmp -s - "$work/p" || echo "round trip $n" >>"$work/wrong"
    n=$((n + 1))
    echo $n >"$work/count"
  done
}
counted() { [ "$(cat "$work/count" 2>/dev/null || echo 0)" -gt "$1" ]; }
work_on &
load=$!
within 20 "clients work" counted 3
out=$(coffer rotate master --token "$(uri next)" 2>&1) && ok "the new HSM is in force" || bad "the new HSM is in force" "$out"
matches "the operator's old key is the operator's to destroy" "$out" 'the earlier one: left to its owner'
within 20 "clients go on" counted $(($(cat "$work/count") + 3))
check "the old token is taken away" softhsm2-util --delete-token --token good
coffer key create after >/dev/null || bad "a key without the old token"
touch "$work/enough"
wait $load
equal "no client was refused or read something else" "$(cat "$work/wrong" 2>/dev/null)" ""
stop_daemon
run_daemon
within 10 "it opens with the new HSM alone" is_ready
check "what was sealed before opens" coffer decrypt -i "$work/m" -o "$work/o2"
same "unchanged" "$work/p" "$work/o2"
matches "and the new keys are there" "$(coffer key list)" 'after'
equal "the old key is gone" "$(pkcs11-tool --module "$module" --token-label good --list-objects 2>&1 | grep -c 'Secret Key Object')" 0
refused "there is nothing to go back to" 1 'token' coffer rotate master --token "$(uri good)"
within 20 "the new one is in force" is_ready
check "the data opens after that" coffer decrypt -i "$work/m" -o "$work/o3"
stop_daemon

make_token loose
keygen loose --extractable --private --usage-wrap
daemon_for loose
within 10 "another daemon" status_is .state uninitialised
refused "an extractable key is refused" 1 'extractable' coffer init --token "$(uri loose)" --no-recovery
equal "and nothing was made" "$(status_field .state)" uninitialised
stop_daemon

make_token wide
keygen wide --sensitive --private --usage-wrap --usage-decrypt
daemon_for wide
within 10 "another daemon" status_is .state uninitialised
refused "a key that may decrypt outside key wrap is refused" 1 'allowed-mechanisms|decrypt' coffer init --token "$(uri wide)" --no-recovery
refused "no such token" 1 'token' coffer init --token "$(uri nowhere)" --no-recovery
refused "a PIN in the URI" 1 'pin-value|pin-source' coffer init --token "pkcs11:token=wide?module-path=$module&pin-value=1234" --no-recovery
refused "a URI of no kind" 1 'tpm2:|pkcs11:' coffer init --token "usb:stick" --no-recovery
printf 9999 >"$work/pin"
refused "a wrong PIN" 1 'PIN' coffer init --token "$(uri wide)" --no-recovery
equal "still nothing was made" "$(status_field .state)" uninitialised
absent "no identity file" "$home/state/node.id"
stop_daemon
finish
