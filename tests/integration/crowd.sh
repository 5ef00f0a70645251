#!/bin/bash
# Many connections and many objects: what they take is bounded, shown in the status, and given back.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin crowd
idle=300
active=30
start_sandbox --token softhsm --set workers=2 --set max_connections=1000 --set max_connections_per_principal=1000 --set object_cache=256 --set store_cache=1M
use_sandbox
crowd=$COFFER_BUILD/tests/bench_crowd
scale=$COFFER_BUILD/tests/bench_scale
daemon=$(cat "$home/cofferd.pid")
coffer key create crowd >/dev/null
key=$(coffer key show crowd --json | jq -r .uuid)

descriptors() { # when the connections that ended are closed
  local before after
  after=$(find "/proc/$daemon/fd" -mindepth 1 | wc -l)
  for _ in $(seq 50); do
    before=$after
    sleep 0.1
    after=$(find "/proc/$daemon/fd" -mindepth 1 | wc -l)
    [ "$before" = "$after" ] && break
  done
  echo "$after"
}
busy() { "$crowd" "$COFFER_SOCKET" "$key" active "$active" 0.3 >"$work/active"; }
quiet() { status_is .connections 1; }
# secret_used: bytes, when nothing is under way.
secret_used() { status_field .memory.used; }

# ---- connections ----
busy # every worker has the key by now
within 10 "the active ones have left" quiet
fds=$(descriptors)
secret=$(secret_used)
mkfifo "$work/hold"
"$crowd" "$COFFER_SOCKET" "$key" idle "$idle" <"$work/hold" >"$work/idle" &
holder=$!
exec 9>"$work/hold"
within 20 "$idle idle connections, each answered once" grep -q ready "$work/idle"
equal "each has a descriptor" $((fds + idle)) "$(descriptors)"
equal "the status counts them, and who asks" $((idle + 1)) "$(status_field .connections)"
equal "and says how many there may be" 1000 "$(status_field .connections_limit)"
equal "none has secret memory" "$secret" "$(secret_used)"
each=$(($(status_field .connections_idle_bytes) / (idle + 1)))
if [ "$each" -gt 64 ] && [ "$each" -le 1024 ]; then ok "an idle connection takes $each bytes"; else bad "an idle connection takes little" "$each bytes"; fi
heap=$(status_field .heap.used)
check "$active active ones beside them are served" busy
exec 9>&-
wait "$holder"
within 10 "the crowd has left" quiet
equal "descriptors are as before" "$fds" "$(descriptors)"
# But for what two workers remember of four messages each (src/daemon/worker.h); 128 bytes for each connection would be more.
more=$(($(secret_used) - secret))
if [ "$more" -le 32768 ] && [ "$more" -ge -32768 ]; then ok "secret memory is as before: $more bytes more"; else bad "secret memory is as before" "$more bytes more"; fi
given=$((heap - $(status_field .heap.used)))
if [ "$heap" = 0 ]; then ok "a sanitizer's allocator says nothing of ordinary memory"
elif [ "$given" -ge $((idle * 256)) ]; then ok "ordinary memory is given back: $given bytes"; else bad "ordinary memory is given back" "$given bytes"; fi

# ---- objects ----
fill() { "$scale" "$COFFER_SOCKET" fill "$work/ids" "$1" "$2" 2 >/dev/null; }
# On several connections: every worker fills its cache of warm keys.
use_all() { local n; for n in 1 2 3 4 5 6; do "$scale" "$COFFER_SOCKET" time "$work/ids" seal 1000 "$n" >/dev/null || return 1; done; }
within_limit() { [ "$(status_field ".objects.$1")" -le "$(status_field ".objects.$2")" ]; }
check "1,500 objects, six times what may be kept open" fill 0 1500
check "are used at random" use_all
first=$(status_field .heap.used)
secret=$(secret_used)
check "no more are open than may be" within_limit open open_limit
check "their secret memory is within its limit" within_limit secret secret_limit
check "their ordinary memory, too" within_limit heap heap_limit
if [ "$(status_field .objects.open)" -ge 128 ]; then ok "memory is used: $(status_field .objects.open) open"; else bad "memory is used"; fi
check "four times as many" fill 1500 6000
check "are used at random, too" use_all
check "no more are open than may be then" within_limit open open_limit
more=$(($(status_field .heap.used) - first))
# But for what the store keeps of its transactions to undo a part of them, 512 KiB at most; 4,500 objects would be megabytes.
if [ "$more" -lt 1048576 ]; then ok "ordinary memory has not grown with them: $more bytes"; else bad "ordinary memory has not grown with them" "$more bytes"; fi
more=$(($(secret_used) - secret))
# The workers' caches of warm keys fill and are swept in turn; 4,500 keys kept would be 864,000 bytes.
if [ "$more" -lt 600000 ]; then ok "nor has secret memory: $more bytes"; else bad "nor has secret memory" "$more bytes"; fi
equal "secret memory was never refused" 0 "$(status_field .memory.refused)"
finish
