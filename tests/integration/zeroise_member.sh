#!/bin/bash
# A member of a domain of several nodes is zeroised: its transport key, by which later data keys were handed to it, is not in the token any more either.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin zeroise-member
start_sandbox --token softhsm --store postgres --set store_shared=yes --set node_name=first
use_sandbox
made() { coffer audit show --limit 100 | grep -q "a transport key was made"; }
within 20 "it has a transport key" made
within 20 "the token signs the audit log" status_is .audit_token.state signed
equal "the token has these" "$(objects_in_token softhsm)" "coffer-audit coffer-transport master"
# Its cache of the shared store: read through descriptors that were open before, it is overwritten and not only removed.
coffer key create used >/dev/null && echo plain | coffer encrypt -k used -o "$work/m" || bad "a key"
cached() { status_is .cache.state ready && [ "$(status_field .cache.rows)" -ge 4 ]; }
within 20 "it has a cache" cached
check "the key is used" coffer decrypt -i "$work/m" -o "$work/p"
exec 8<"$home/state/cache.db"
inode=$(stat -c %i "$home/state/cache.db")
holds() { [ -n "$(tr -d '\0' <"/proc/$$/fd/8" | head -c 1)" ]; }
check "there is something in its file" holds
mkdir "$work/cache" && cp "$home/state"/cache.db* "$work/cache"
python3 - "$work/cache/cache.db" >"$work/body" <<'END'
import sqlite3, sys
body, = sqlite3.connect(sys.argv[1]).execute("SELECT body FROM record WHERE tbl = 1").fetchone()
sys.stdout.buffer.write(body[-48:])
END
holding() { # holding FOLDER: files that have the end of the key's sealed record
  python3 - "$work/body" "$1" <<'END'
import os, sys
body = open(sys.argv[1], "rb").read()
assert len(body) == 48
print(sum(body in open(os.path.join(at, name), "rb").read() for at, _, names in os.walk(sys.argv[2]) for name in names))
END
}
matches "the sealed key is in it" "$(holding "$home/state")" '^[1-9]'
# What the owner of the token opens of its cache: the data key of its ring. The search finds it in a process and a file that have it.
ring_is_searched() { separate_users && ! nm "$bin/cofferd" 2>/dev/null | grep __asan_init >/dev/null; } # a sanitizer's shadow memory holds what the program held
scanned() { "$COFFER_BUILD/tests/leakscan" --markers "$work/markers" "$@" >"$work/scan"; local rc=$?; grep '^C' "$work/scan"; return $rc; }
if ring_is_searched; then
  mkdir "$work/learn" && cp "$work/cache/cache.db" "$work/learn/store.db" && cp "$home/state/node.id" "$work/learn"
  for more in wal shm; do [ ! -e "$work/cache/cache.db-$more" ] || cp "$work/cache/cache.db-$more" "$work/learn/store.db-$more"; done
  give_to tokend -R "$work/learn"
  env "SOFTHSM2_CONF=$home/token/softhsm2.conf" setpriv --reuid 64202 --regid 64202 --clear-groups "$COFFER_BUILD/tests/leak_learn_hsm" "$work/learn" >"$work/learned" 2>"$work/learning"
  grep '^data-key ' "$work/learned" >"$work/markers" # the domain's key is not cached
  equal "the token opens the data key of its cache" "$(grep -c . "$work/markers")" 1
  mkfifo "$work/hold"
  "$COFFER_BUILD/tests/leak_control" "$work/markers" "$work" data-key <"$work/hold" >"$work/control.log" &
  control=$!
  exec 7>"$work/hold"
  within 10 "a process that has it" grep -q ready "$work/control.log"
  for place in "--pid $control" "--file /proc/$control/environ"; do # shellcheck disable=SC2086
    matches "is found by ${place%% *}" "$(scanned $place)" 'data-key'
  done
  exec 7>&-
  wait "$control"
fi
domain=$(status_field .domain.fingerprint)
out=$(coffer zeroise --domain "$domain" 2>&1) && ok "it is zeroised" || bad "it is zeroised" "$out"
within 20 "the folder is wiped" grep -q 'zeroise: done' "$home/cofferd.log"
equal "the token has nothing of Coffer's" "$(objects_in_token softhsm)" ""
if holds; then bad "the cache was overwritten" "$(tr -d '\0' <"/proc/$$/fd/8" | wc -c) bytes are not zero"; else ok "the cache was overwritten"; fi
equal "and removed" "$(find "$home/state" -inum "$inode")" ""
exec 8<&-
if ring_is_searched; then
  places=(--pid-private "$(cat "$home/monitor.pid")" --pid-private "$(cat "$home/cofferd.pid")")
  while read -r path; do places+=(--file "$path"); done < <(find "$home" -type f ! -name '*.pid')
  check "the data key is in no process of its, no file and no log" scanned "${places[@]}"
  for pid in $(pgrep -P "$(cat "$home/monitor.pid")"); do
    scanned --pid-private "$pid" || [ ! -e "/proc/$pid" ] || bad "nor in a helper" "$(cat "$work/scan")"
  done
fi
equal "and nothing of the sealed key anywhere in the folder" "$(holding "$home/state")" 0
finish
