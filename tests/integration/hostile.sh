#!/bin/bash
# Hostile clients beside a good one: everything is refused early and with bounded memory, nothing leaks, and the good one gets its work done.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || { echo "only root can be two users at once: nothing to see"; exit 0; }
begin hostile
start_sandbox --token softhsm --set request_timeout=1s
use_sandbox
memory=$(sed -n "s,^secret_memory = \([0-9]*\)M,\1,p" "$home/cofferd.conf") # MiB
coffer key create good >/dev/null
pid=$(cat "$home/cofferd.pid")
python3 -B "$top/tests/integration/hostile.py" "$COFFER_SOCKET" "$pid" good "$memory" >"$work/hostile.out" 2>&1
equal "hostile clients get nothing, and the good one all of it" "$?" 0
sed 's/^/     /' "$work/hostile.out"
equal "the daemon is the same process" "$(cat "$home/cofferd.pid")" "$pid"
check "it serves as before" is_ready
check "the audit log is whole" coffer audit verify
within 10 "no answer was lost on its way: no connection is left but the asker's" status_is .connections 1
finish
