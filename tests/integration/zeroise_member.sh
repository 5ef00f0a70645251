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
domain=$(status_field .domain.fingerprint)
out=$(coffer zeroise --domain "$domain" 2>&1) && ok "it is zeroised" || bad "it is zeroised" "$out"
within 20 "the folder is wiped" grep -q 'zeroise: done' "$home/cofferd.log"
equal "the token has nothing of Coffer's" "$(objects_in_token softhsm)" ""
if holds; then bad "the cache was overwritten" "$(tr -d '\0' <"/proc/$$/fd/8" | wc -c) bytes are not zero"; else ok "the cache was overwritten"; fi
equal "and removed" "$(find "$home/state" -inum "$inode")" ""
exec 8<&-
equal "and nothing of the sealed key anywhere in the folder" "$(holding "$home/state")" 0
finish
