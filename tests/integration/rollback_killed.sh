#!/bin/bash
# What ends something is behind the token's counter when it is acknowledged: cofferd is killed right behind the answer, so nothing raises at its stop, and the state folder
# of just before is put back. Each time it is refused; the folder of just before without the act between is not, nor is the newest.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin rollback-killed
start_sandbox --token swtpm --set anchor_interval=1s --set anchor_period=0
use_sandbox
# shellcheck source=tests/integration/rollback_lib.sh
. "$(dirname "$0")/rollback_lib.sh"
daemon=""
started=0
export TPM2TOOLS_TCTI=swtpm:path=$home/token/swtpm.sock

start_daemon() {
  started=$(date +%s)
  setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 &
  daemon=$!
  within 20 "$1: it starts" answers
}
kill_daemon() { # the monitor stands still first, or what it starts would raise
  local monitor; monitor=$(cat "$home/monitor.pid")
  kill -STOP "$monitor"
  kill -9 "$(cat "$home/cofferd.pid")" "$monitor"
  wait "$daemon" 2>/dev/null
  rm -f "$home/coffer.sock"
  within 10 "$1: killed" has_ended "$monitor"
}
counter() { echo $((0x$(tpm2_nvread -C o -s 8 "$index" | xxd -p))); } # what the token says, not what the node thinks
now_at() { status_field .rollback.version; }
# The raise of the start is done, and longer ago than anchor_interval, so that the next one is not kept back.
interval_over() {
  local at; at=$(status_field '.rollback.raised_at // 0')
  [ "$at" -ge "$started" ] && [ $(($(date +%s) - at)) -ge 3 ]
}
saved_at_rest() { # nothing was written while it was copied
  local version; version=$(now_at)
  save before
  [ "$(now_at)" = "$version" ]
}
save_before() {
  within 20 "$1: the last raise is behind" interval_over
  within 20 "$1: a copy of one moment" saved_at_rest
}
newest_opens() {
  start_daemon "$1, the newest"
  within 20 "$1: the newest opens" is_ready
}
says() { grep -qE "$1" <<<"$(coffer status)"; }
is_refused() { # is_refused WHAT PATTERN
  within 20 "$1: the older folder is refused, and why" says "$2"
  matches "$1: it does not serve" "$(status_field .state)" '^(fault|sealed)$'
}

# killed_behind WHAT PATTERN COMMAND…: PATTERN is what the older folder is refused with.
killed_behind() {
  local what=$1 pattern=$2 raised; shift 2
  save_before "$what"
  raised=$(counter)
  check "$what" "$@"
  kill_daemon "$what"
  equal "$what: the counter was raised before the answer" "$(counter)" $((raised + 1))
  save after
  put_back before
  start_daemon "$what, the older folder"
  is_refused "$what" "$pattern"
  kill_daemon "$what, again"
  put_back after
  newest_opens "$what"
}

for k in k ended doomed; do coffer key create $k >/dev/null || bad "a key"; done
check "a grant" coffer grant --to unix:65533 --role key-user
check "one that may be destroyed" coffer key revoke doomed --reason key-compromise
index=$(status_field .rollback.place | grep -oE '0x[0-9A-F]+')
older='^ +rollback: the store is older than this node has been'

# The control: with nothing between, the folder of just before is the newest.
save_before "nothing"
kill_daemon "nothing"
put_back before
newest_opens "nothing"

killed_behind "revoke" "$older" coffer key revoke ended --reason key-compromise
killed_behind "destroy" "$older" coffer key destroy doomed
killed_behind "a grant's removal" "$older" coffer revoke-grant --to unix:65533 --role key-user
killed_behind "rotate data-key" "$older" coffer rotate data-key
# What the older folder is sealed under is not in the token any more: there is nothing to compare with.
killed_behind "rotate master" 'token +tpm2, key missing: ' coffer rotate master
refused "what was destroyed stays destroyed" 1 "there is no key .doomed." coffer key show doomed
check "the audit log verifies" coffer audit verify
finish
