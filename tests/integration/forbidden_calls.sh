#!/bin/bash
# Running processes that are made to do what they never do: each call ends the process by SIGSYS and the monitor brings another one. The control is
# the same calls in a process without a filter, which lives on.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
inject=$COFFER_BUILD/tests/inject_call
[ "$(id -u)" = 0 ] || { echo "calls can be put into other processes by root alone: not tested"; exit 77; }
if nm "$bin/cofferd" 2>/dev/null | grep -E '__asan_init|__tsan_init' >/dev/null; then echo "a sanitizer build has no filter of system calls: not tested"; exit 77; fi
begin forbidden
sleep 300 &
idle=$!
trap 'kill "$idle" 2>/dev/null; cleanup' EXIT
within 5 "the control is asleep" sh -c "grep -qx sleep /proc/$idle/comm && grep -q '^State:.S' /proc/$idle/status"
"$inject" $idle getpid >"$work/out" 2>&1
[ $? = 77 ] && { echo "another processor: not tested"; exit 77; }

calls="execve ptrace inet process_vm_readv bpf"
survives() { # survives WHAT TID CALL…
  local what=$1 tid=$2 call; shift 2
  for call in "$@"; do matches "$what survives $call" "$("$inject" "$tid" "$call" 2>&1)" '^returned -?[0-9]+$'; done
}
# shellcheck disable=SC2086  # words
survives "control: a process without a filter" $idle getpid $calls
check "and is still there" kill -0 $idle

tokend() { pgrep -P "$(cat "$home/monitor.pid")" coffer-tokend; }
daemon() { cat "$home/cofferd.pid"; }
another() { local now; now=$("$1"); [ -n "$now" ] && [ "$now" != "$2" ]; }
# ends_at WHAT FUNCTION CALL…: in the process that FUNCTION names; the last thread of it, which is not the main one where there are several.
ends_at() {
  local what=$1 who=$2 call pid tid; shift 2
  for call in "$@"; do
    pid=$($who)
    tid=$pid
    [ "$call" = execve ] || tid=$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n | tail -1)
    equal "$what, thread $(cat "/proc/$pid/task/$tid/comm"): $call ends it" "$("$inject" "$tid" "$call" 2>&1)" 'killed by 31'
    within 10 "$what: another one is there" another "$who" "$pid"
    within 10 "and all is well" is_ready
  done
}

for token in swtpm softhsm; do
  dir=$work/$token
  home=$dir/node-1
  start_sandbox --token "$token"
  use_sandbox
  within 10 "ready" is_ready
  equal "coffer-tokend with $token: what it does anyway is let through" "$("$inject" "$(tokend)" getpid 2>&1)" "returned $(tokend)"
  if [ "$token" = swtpm ]; then
    survives "the monitor, which starts programs," "$(cat "$home/monitor.pid")" execve inet
    for call in ptrace process_vm_readv bpf; do
      equal "the monitor: $call ends it" "$("$inject" "$(cat "$home/monitor.pid")" "$call" 2>&1)" 'killed by 31'
      start_sandbox
      within 10 "started again: ready" is_ready
    done
    # shellcheck disable=SC2086
    ends_at coffer-tokend-tpm2 tokend $calls
    equal "cofferd: what it does anyway is let through" "$("$inject" "$(daemon)" getpid 2>&1)" "returned $(daemon)"
    # shellcheck disable=SC2086
    ends_at cofferd daemon $calls
    check "the log says by which signal" grep -q 'cofferd ended unexpectedly: signal 31' "$home/cofferd.log"
  else
    # A network HSM's library needs the network; the unit takes it away where there is none.
    survives coffer-tokend-pkcs11 "$(tokend)" inet
    ends_at coffer-tokend-pkcs11 tokend execve ptrace process_vm_readv bpf
  fi
  "$sandbox" stop --dir "$dir" >/dev/null 2>&1
done
finish
