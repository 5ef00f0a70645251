#!/bin/bash
# Two nodes on one PostgreSQL: the wall clock of one jumps by an hour and by ten years, forth and back, while it is master server and while it is not. The lease does not notice, keys are made, and both nodes say whose
# clock differs. The program is a cofferd whose wall clock is what a file says (tests/fault/bad_clock.c).
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin clock
keep_softhsm
mkdir -p "$work/bad/bin"
chmod 755 "$work/bad" "$work/bad/bin"
cp "$bin"/* "$work/bad/bin/"
cp "$COFFER_BUILD/tests/cofferd_bad_clock" "$work/bad/bin/cofferd"
jump() { python3 -c 'import struct, sys; f = open(sys.argv[1], "r+b"); f.write(struct.pack("=q", int(sys.argv[2])))' "$work/bad/bin/cofferd.clock" "$1"; }
head -c 4096 /dev/zero >"$work/bad/bin/cofferd.clock"
at() { # at N COMMAND…: at node N
  local n=$1; shift
  witnessed timeout 30 "$bin/coffer" "$1" "${@:2}" --socket "$dir/node-$n/coffer.sock"
}
stat_of() { at "$1" status --json 2>/dev/null | jq -r "$2"; }
make_box
start_sandbox "${box_words[@]}" --token softhsm --store postgres --nodes 2 --set lease_time=6s --set refresh_interval=500ms --set store_connect_ms=1000 --set store_statement_ms=1000
home=$dir/node-1
export COFFER_SOCKET=$home/coffer.sock
stop_daemon
bin=$work/bad/bin start_daemon "node 1 is started with a clock of its own"
is_master() { [ "$(stat_of "$1" .lead.role)" = master ]; }
opens() { at "$1" status --quiet; }
within 20 "node 1 is open" opens 1
check "node 1 is promoted" at 1 promote
within 20 "node 1 is master server" is_master 1
head -c 100 /dev/urandom >"$work/p"
check "a key" at 1 key create disk
says() { stat_of "$1" '.alerts.raised.clock.sentence // ""'; }
told() { [[ $(says "$1") =~ $2 ]]; }
calm() { [ "$(says 1)$(says 2)" = "" ]; }
round() { # round WHAT SECONDS AHEAD-OR-BEHIND
  local epoch
  agree() { [ "$(stat_of 1 .lead.epoch)" = "$(stat_of 2 .lead.epoch)" ]; }
  within 10 "$1, $2 s: both know who leads" agree
  epoch=$(stat_of 2 .lead.epoch)
  jump "$2"
  within 30 "$1, $2 s: node 2 says whose clock is off, and how" told 2 "node 'node-1' is some [0-9]{4,} s $3"
  within 30 "$1, $2 s: node 1 says so as well" told 1 "node 'node-2' is some [0-9]{4,} s|behind the audit log"
  check "$1, $2 s: node 1 makes a key" at 1 key create "$1-$2-one"
  check "$1, $2 s: node 2 makes a key" at 2 key create "$1-$2-two"
  check "$1, $2 s: node 1 seals" at 1 encrypt -k disk -i "$work/p" -o "$work/m"
  check "$1, $2 s: node 2 opens" at 2 decrypt -i "$work/m" -o "$work/o"
  equal "$1, $2 s: nobody took the lease" "$(stat_of 2 .lead.epoch)" "$epoch"
  jump 0
}
round master 3600 'ahead of'
tells "an hour ahead" 1 clock raised "node 'node-1' is some [0-9]+ s ahead of" "$(stat_of 2 .node)"
round master -3600 'behind'
check "node 2 is promoted" at 2 promote
within 20 "node 2 is master server" is_master 2
round standby 315360000 'ahead of'
within 30 "set again: nobody says anything of clocks" calm
raised=$(box_count clock raised .)
tells "set again" "$raised" clock cleared .
for n in 1 2; do check "node $n: the audit log verifies" at $n audit verify; done
judge_nodes
finish
