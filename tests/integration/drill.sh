#!/bin/bash
# A drill with recovery shares changes nothing but the audit log and the date of the last one: drill.sh swtpm|softhsm
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin "drill-$1"
keep_softhsm
kind=$1
shares=$dir/recovery

# Every row of the store but the audit log's, each of which is there for ever; every other file of the state folder but the mark of the store's newest version; and of a SoftHSM its files.
imprint() { imprint_lines | LC_ALL=C sort; }
imprint_lines() {
  rm -rf "$work/copy" && mkdir "$work/copy" && cp "$home"/state/store.db* "$work/copy"
  python3 -c 'import hashlib, sqlite3, sys
for table in ("record", "search"):
    for row in sqlite3.connect(sys.argv[1]).execute(f"SELECT * FROM {table}"):
        name = row[1].decode() if row[0] == 5 and table == "record" else bytes(row[1]).hex() if table == "record" else row[1]
        if table == "search" or row[0] != 3:
            print(table, row[0], name, hashlib.sha256(repr(row).encode()).hexdigest())' "$work/copy/store.db"
  (cd "$home" && find state token/tokens -type f ! -name 'store.db*' ! -name node.root -exec sha256sum {} + 2>/dev/null)
}
audit_length() { coffer audit verify | sed -n 's/^\([0-9]*\) audit records, every link verified/\1/p'; }
counter() { status_field '.rollback | [.counter, .raises, .raised_at] | @json'; }
token_now() { # between two lives of the daemon
  stop_daemon
  objects_in_token "$kind" >"$1"
  start_daemon "it starts again"
  within 20 "it is open" status_is .state open
  within 20 "the token has signed the audit log" status_is .audit_token.state signed
}
drill() { coffer recovery test --share-file "$shares/share-1.txt" --share-file "$shares/share-2.txt"; }
what_changed() { LC_ALL=C comm -3 "$work/before" "$work/after" | awk '{ print $1, $2, $3 }' | sort -u; }

start_sandbox --token "$kind" --set anchor_interval=1h --set audit_token_interval=1h
use_sandbox
check "a key" coffer key create k
check "something sealed" sh -c "echo before | '$bin/coffer' encrypt --key k >'$work/sealed'"
token_now "$work/token-before"
imprint >"$work/before"
equal "the imprint has every table" "$(awk '/^record/ { print $2 }' "$work/before" | sort -u | tr '\n' ' ')" "1 2 4 5 7 8 "
records=$(audit_length) count=$(counter)
refused "too few shares" 1 '1 more of the shares are needed' coffer recovery test --share-file "$shares/share-1.txt"
imprint >"$work/after"
equal "a drill that is refused changes no row and no file but the log and its root" "$(what_changed)" "record 5 root"
check "the drill" drill
imprint >"$work/after"
equal "a drill changes nothing but its date" "$(what_changed | tr '\n' ',')" "record 5 recovery-drill,record 5 root,"
check "and is in the audit log" test "$(audit_length)" -gt "$records"
equal "the counter in the token is as it was" "$(counter)" "$count"
check "what was sealed opens" coffer decrypt -i "$work/sealed" -o "$work/back"
cp "$work/after" "$work/before"
check "the control: another key" coffer key create k2
imprint >"$work/after"
matches "shows" "$(what_changed | tr '\n' ',')" '^record 1 .*,record 5 root,search 1 1,'
token_now "$work/token-after"
same "the token has the same objects" "$work/token-before" "$work/token-after"
check "and some" test -s "$work/token-after"
check "what was sealed opens again" coffer decrypt -i "$work/sealed" -o "$work/back"
finish
