#!/bin/bash
# The PIN of a token: wanted, changed, wrong, and not tried again; on both kinds of token.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
token=$1
begin "pin-$token"
start_sandbox --token "$token"
use_sandbox
coffer key create k >/dev/null
echo precious >"$work/p"
coffer encrypt -k k -i "$work/p" -o "$work/m"
start_daemon() { setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 & }
restart() { stop_daemon; start_daemon; }
opens() { within 20 "$1" is_ready; check "$1, and decrypts" coffer decrypt -i "$work/m" -o "$work/back"; same "$1: what was encrypted" "$work/p" "$work/back"; }
put_pin() { printf '%s' "$1" >"$pin.new"; chmod 600 "$pin.new"; give_to tokend "$pin.new"; mv "$pin.new" "$pin"; }
tries() { TPM2TOOLS_TCTI=swtpm:path=$home/token/swtpm.sock tpm2_getcap properties-variable | awk '/LOCKOUT_COUNTER/ { print $2 }'; }

if [ "$token" = swtpm ]; then
  pin=$work/pin
  put_pin 123456
  printf 'x' >"$work/new-pin"
  refused "without a PIN there is none to change" 1 'wants no PIN' coffer token change-pin --secret-file "$work/new-pin"
  check "the node wants a PIN from now on" coffer token reseal --pin-source "file:$pin"
  matches "status names where it comes from" "$(coffer token status)" "PIN from file:$pin"
  restart
  opens "with the PIN it opens"
else
  pin=$home/token/pin
fi
printf '87654321' >"$work/new-pin"
check "the PIN is changed" coffer token change-pin --secret-file "$work/new-pin"
check "the running node goes on" coffer token test
restart
wrong_pin() { status_is .token.health "wrong PIN"; }
within 20 "with the old PIN in the file, the next start says that it is wrong" wrong_pin
matches "and that it is not tried again" "$(status_field .token.sentence)" 'not tried again|PIN'
if [ "$token" = swtpm ]; then
  before=$(tries)
  sleep 3
  equal "which is so: one try, and no more" "$before $((before == 1 || before == 0x1))" "$(tries) 1"
fi
put_pin 87654321
kill -HUP "$(cat "$home/monitor.pid")"
opens "put right and reloaded"
restart
opens "and after a restart"
for way in $secret_ways; do
  check "changed, the new one by $way" with_secret "$way" "8765-$way" "$bin/coffer" token change-pin
  check "the running node goes on" coffer token test
  put_pin "8765-$way"
  restart
  opens "with the PIN that came by $way"
done
refused "two ways at once" 2 'exclude each other' with_secret fd 1111 "$bin/coffer" token change-pin --secret-file "$work/new-pin"
refused "a descriptor that is not open" 1 'descriptor' coffer token change-pin --secret-fd 9
check "no PIN stands in a log" bash -c "! grep -rE '87654321|123456|8765-' '$home/cofferd.log'"
finish
