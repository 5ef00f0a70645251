#!/bin/bash
# Alerts: what is the matter is told to notify_command once, and its end once; whatever the command does, whatever ends the daemon.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin alert
keep_softhsm
away=$home/token/away
sink=
end() {
  [ -z "$sink" ] || kill "$sink" 2>/dev/null
  cleanup
}
trap end EXIT
# The command: does what the file `mode` says; what it took is in `told`, whole lines, because one runs at a time.
box=$work/box
mkdir "$box"
cat >"$box/command" <<'SH'
#!/bin/bash
cd "$(dirname "$0")" || exit 1
line=$(cat)
echo $$ >>runs
case $(cat mode) in
  fail) echo "the mail server is away"; exit 7 ;;
  hang) trap '' TERM; echo $$ >hanging; sleep 1000 & wait; sleep 1000 ;;
  flood) head -c 30000000 /dev/zero | tr '\0' x ;;
esac
[ "$1 $2" = "--to operator" ] && [ -z "${COFFER_SOCKET:-}" ] && printf '%s\n' "$line" >>told
SH
chmod 755 "$box/command"
echo ok >"$box/mode"
: >"$box/told"
: >"$box/runs"
chmod 666 "$box/mode" "$box/told" "$box/runs"
chmod 777 "$box"
python3 "$top/tests/integration/audit_sink.py" "$work/journal" "$work/journal.txt" &
sink=$!
within 5 "something listens for the journal" test -S "$work/journal"
settings=(--set "notify_command=$box/command --to operator" --set notify_retry=200ms --set notify_timeout=1s --set "alert_journal=$work/journal"
  --set token_deadline=2s --set token_probe_interval=1s --set backup_max_age=2s)
start_sandbox --token softhsm "${settings[@]}"
use_sandbox

told() { jq -r "select(.event == \"$1\" and .state == \"$2\") | .number" "$box/told" | wc -l; } # told EVENT STATE: how often
is_told() { [ "$(told "$1" "$2")" -ge 1 ]; }
tests_told() { [ "$(told test once)" = "$1" ]; }
gone() { ! kill -0 "$1" 2>/dev/null; }
metric() { coffer metrics | grep -qx "$1"; }

check "a test goes the whole way" coffer alert test
equal "it is told" "$(told test once)" 1
within 10 "no backup is verified: told" is_told backup raised
matches "status lists it" "$(coffer status)" '^ALERT +backup since .*no backup of this node was ever verified'
check "and so do the metrics" metric 'coffer_alert{event="backup"} 1'
check "beside what is well" metric 'coffer_alert{event="token"} 0'

echo fail >"$box/mode"
refused "a command that fails" 1 'was not told to notify_command: it ended with exit status 7: the mail server is away' coffer alert test
matches "status says so" "$(coffer status)" 'NOT TOLD, 1 events wait: it ended with exit status 7: the mail server is away'
check "and so do the metrics" metric 'coffer_alert_command_ok 0'
runs_again() { [ "$(wc -l <"$box/runs")" -ge $((runs + 2)) ]; }
runs=$(wc -l <"$box/runs")
within 10 "it is tried again and again" runs_again
refused "a second test does not push out what waits" 1 'a test is under way already' coffer alert test
echo ok >"$box/mode"
within 10 "it works: the event is told" tests_told 2
check "and the command is well" metric 'coffer_alert_command_ok 1'

echo hang >"$box/mode"
refused "a command that hangs is killed" 1 'did not end within notify_timeout and was killed' coffer alert test
echo flood >"$box/mode"
within 15 "one that says 30 MB is told, once" tests_told 3

if [ "$(id -u)" = 0 ] && separate_users; then
  equal "it runs as a user of its own" "$(stat -c %u "$box/hanging")" 64203
fi
echo ok >"$box/mode"
mv "$home/token/tokens" "$away"
within 15 "the token is away: told" is_told token raised
matches "status lists it" "$(coffer status)" '^ALERT +token since .*the token is '
rm "$box/hanging"
echo hang >"$box/mode"
coffer alert test --wait 0 >/dev/null 2>&1
within 10 "the command hangs again" test -s "$box/hanging"
hanging=$(cat "$box/hanging")
cofferd=$(cat "$home/cofferd.pid")
kill -9 "$(cat "$home/monitor.pid")"
within 10 "the monitor is killed: cofferd ends" gone "$cofferd"
within 10 "and so does the command" gone "$hanging"
echo ok >"$box/mode"
mv "$away" "$home/token/tokens"
check "it starts again" "$sandbox" start --dir "$dir" --token softhsm "${settings[@]}"
within 10 "what was under way is told" tests_told 4
within 15 "and that the token is back" is_told token cleared
equal "that it was away is not told again" "$(told token raised)" 1
equal "nor that there is no backup" "$(told backup raised)" 1

# ---- what it got, altogether ----
check "each line is JSON with what was promised" jq -es 'all(.[]; .format == 1 and .id == "\(.node)-\(.number)" and (.time | fromdateiso8601 > 0) and .sentence != "" and .dropped == 0)' "$box/told"
check "in order, each once" jq -es 'map(.number) | . == unique' "$box/told"
journal_has_each() { [ "$(grep -c '^MESSAGE_ID=[0-9a-f]\{32\}$' "$work/journal.txt")" -ge "$(wc -l <"$box/told")" ]; }
within 5 "the journal has each, with fields" journal_has_each
matches "and tells them apart" "$(cat "$work/journal.txt")" '^COFFER_EVENT=token$'
equal "the log too, once each" "$(grep -c 'alert [0-9]*: token raised' "$home/cofferd.log")" 1
pin=$(cat "$home/token/pin" "$home/token/"*pin* 2>/dev/null | head -1)
if [ -n "$pin" ]; then
  if grep -qF -- "$pin" "$box/told" "$work/journal.txt"; then bad "no PIN is told"; else ok "no PIN is told"; fi
else
  bad "the PIN to look for" "not found"
fi
finish
