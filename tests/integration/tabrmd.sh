#!/bin/bash
# A TPM behind the resource manager tpm2-abrmd: the helper reaches it over D-Bus, inside its filter. Exits 77 where the programs are missing.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
for program in tpm2-abrmd dbus-daemon swtpm setpriv; do
  command -v "$program" >/dev/null || { echo "SKIPPED: there is no $program"; exit 77; }
done
separate_users || { echo "SKIPPED: needs root and a build that others can reach"; exit 77; }
begin tabrmd
home=$work/node
mkdir -p "$home/state" "$work/tpm"
chmod 700 "$home/state"
give_to daemon "$home"
chown nobody:nogroup "$work/tpm"
# The bus looks its users up: the helper's is one that every machine has.
as=(setpriv --reuid nobody --regid nogroup --clear-groups)
as_tokend() { setsid "${as[@]}" "$@" </dev/null >>"$work/services.log" 2>&1 & pids+=($!); }
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; kill $(cat "$home/monitor.pid" 2>/dev/null) 2>/dev/null; cleanup' EXIT
touch "$work/services.log"

cat >"$work/bus.conf" <<TXT
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=$work/tpm/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/><allow user="*"/></policy></busconfig>
TXT
as_tokend swtpm socket --tpm2 --tpmstate "dir=$work/tpm" --server "type=unixio,path=$work/tpm/s" --ctrl "type=unixio,path=$work/tpm/s.ctrl" \
  --flags not-need-init,startup-clear
as_tokend dbus-daemon --config-file="$work/bus.conf" --nofork
within 10 "a bus and a TPM" test -S "$work/tpm/bus" -a -S "$work/tpm/s"
export DBUS_SESSION_BUS_ADDRESS=unix:path=$work/tpm/bus
as_tokend tpm2-abrmd --session --tcti="swtpm:path=$work/tpm/s"
uri=tabrmd:bus_type=session
within 20 "the resource manager answers" timeout 3 "${as[@]}" tpm2_getrandom --tcti="$uri" 4

{
  echo "socket = $home/coffer.sock"
  echo "state_dir = $home/state"
  echo "monitor_pid_file = $home/monitor.pid"
  echo "secret_memory = 8M"
  echo "tokend_environment = DBUS_SESSION_BUS_ADDRESS=$DBUS_SESSION_BUS_ADDRESS"
  echo "user_cofferd = 64201"
  echo "user_tokend = nobody"
} >"$home/cofferd.conf"
export COFFER_SOCKET=$home/coffer.sock
run_daemon() { setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 & pids+=($!); }
run_daemon
within 10 "the daemon waits for init" status_is .state uninitialised
check "init through the resource manager" coffer init --token "tpm2:$uri" --no-recovery
check "a key" coffer key create k
echo text >"$work/plain"
check "encrypts" coffer encrypt --key k -i "$work/plain" -o "$work/sealed"
kill -TERM "$(cat "$home/monitor.pid")"
within 10 "stopped" test ! -S "$home/coffer.sock"
run_daemon
within 20 "opens again by itself" is_ready
check "decrypts" coffer decrypt -i "$work/sealed" -o "$work/again"
same "the same text" "$work/plain" "$work/again"
if grep -q 'Bad system call' "$home/cofferd.log"; then bad "the helper's filter fits" "$(grep 'Bad system call' "$home/cofferd.log")"; else ok "the helper's filter fits"; fi
finish
