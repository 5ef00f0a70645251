#!/bin/bash
# Two nodes on one PostgreSQL: what one revokes the other refuses at once, and at the latest after refresh_interval; a change of the data key reaches the other one by its own token, also one that was
# away meanwhile, and the old key leaves only then.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin nodes_rotate
keep_softhsm
start_sandbox --token softhsm --store postgres --nodes 2 --set lease_time=3s --set refresh_interval=10m
one=$dir/node-1 two=$dir/node-2 database=$dir/postgres
on1() { COFFER_SOCKET=$one/coffer.sock witnessed "$bin/coffer" "$@"; }
on2() { COFFER_SOCKET=$two/coffer.sock witnessed timeout 60 "$bin/coffer" "$@"; }
psql=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)/psql
sql() { PGPASSWORD=$(cat "$database/admin-password") "$psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$database" -U admin -d coffer -c "$1" 2>&1; }
master1() { [[ $(on1 node remove nobody 2>&1) == *'no node of this domain'* ]]; }
generation() { "$1" status --json | jq -r .generation; }
is_at() { [ "$(generation "$1")" = "$2" ]; }
generations() { "$1" status --json | jq -r .rotation.generations; }
alone() { [ "$(generations "$1")" = 1 ]; }
head -c 1000 /dev/urandom >"$work/p"
within 20 "node 1 is master server" master1

# ---- heard at once: nobody waits for refresh_interval ----
check "a key is made on node 1" on1 key create disk
check "node 2 encrypts, and has it in memory" on2 encrypt -k disk -i "$work/p" -o "$work/m"
check "node 1 revokes it" on1 key revoke disk --reason superseded
cannot() { ! on2 encrypt -k disk -i "$work/p" -o "$work/x" 2>/dev/null; }
within 3 "node 2 encrypts no more" cannot
check "and decrypts" on2 decrypt -i "$work/m" -o "$work/o"
same "the same" "$work/p" "$work/o"

# ---- the data key ----
check "another key" on1 key create second
check "the data key is changed on node 1" on1 rotate data-key --wait
equal "node 1 has the new one" "$(generation on1)" 2
within 10 "node 2 took it over" is_at on2 2
within 20 "and forgot the old one" alone on2
equal "one slot each" "$(sql "SELECT count(*) FROM coffer.record WHERE tbl = 7")" 2
equal "nothing waits any more" "$(sql "SELECT count(*) FROM coffer.record WHERE tbl = 67")" 0
equal "no record is under the old one" "$(sql "SELECT count(*) FROM coffer.record WHERE tbl IN (1, 2, 3, 4, 5, 6) AND generation = 1")" 0
matches "node 1's log names whom it was wrapped for" "$(on1 audit show --limit 1000)" "generation 2 was wrapped for node 'node-2'"
matches "node 2's log says that it took it" "$(on2 audit show --limit 1000)" 'generation 2 was taken over'
check "node 2 decrypts what was sealed before" on2 decrypt -i "$work/m" -o "$work/o"
check "node 2 makes a key" on2 key create third
check "which node 1 uses" on1 encrypt -k third -i "$work/p" -o "$work/m3"

# ---- nobody is refused meanwhile ----
touch "$work/churn"
churn() { # keys at a node, as fast as it makes them
  local i=0
  while [ -e "$work/churn" ]; do
    if ! { "$1" key create "$1-churn-$i" && "$1" encrypt -k "$1-churn-$i" -i "$work/p" -o "$work/churn.$1"; } >"$work/churn.out.$1" 2>&1; then echo "$1: $(cat "$work/churn.out.$1")" >>"$work/churn.bad"; fi
    i=$((i + 1))
    echo >>"$work/churned.$1"
  done
}
churn on1 & loops=($!)
churn on2 & loops+=($!)
churned() { [ "$(cat "$work/churned.on2" 2>/dev/null | wc -l)" -ge "$1" ]; }
within 20 "both make keys and seal" churned 5
for g in 3 4 5; do
  check "the data key is changed meanwhile" on1 rotate data-key --wait
  within 10 "node 2 has generation $g" is_at on2 $g
done
rm "$work/churn"
wait "${loops[@]}"
equal "nothing was refused, of $(cat "$work"/churned.* | wc -l) keys" "$(cat "$work/churn.bad" 2>/dev/null)" ""

# ---- node 2 loses its connection, and the new key waits for it when it comes back ----
id2=$(cat "$two/state/store.writer")
stop2() { kill -STOP "$(cat "$two/cofferd.pid")"; }
cut2() { [ "$(sql "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND classid = x'${id2:0:8}'::bigint::oid")" = 1 ]; }
stop2
check "its session is ended while it stands still" cut2
check "and the data key is changed" on1 rotate data-key
kill -CONT "$(cat "$two/cofferd.pid")"
within 20 "node 2 connects again and takes it over" is_at on2 6
within 20 "then the old one leaves" alone on1
well2() { [ "$(on2 status --json | jq -r .store_health)" = well ]; }
within 10 "its store is well" well2
check "node 2 makes a key" on2 key create fourth

# ---- who cannot hear what was revoked seals nothing: a root that does not open, put there by who has the database alone ----
seals2() { on2 encrypt -k "$1" -i "$work/p" -o "$work/x" 2>/dev/null; }
seals_nothing() { ! seals2 fourth && ! seals2 doomed; }
check "a key is made on node 1" on1 key create doomed
within 10 "node 2 encrypts, and has it in memory" seals2 doomed
stop2
check "node 1 revokes it" on1 key revoke doomed --reason superseded
check "the junk is put there" sql "INSERT INTO coffer.record (tbl, id, version, state, generation, header, idx, body)
  SELECT 5, convert_to('root-' || repeat('0', 32), 'UTF8'), 1, 0, max(generation), '\\x03', '\\x0000', '\\x00' FROM coffer.record WHERE tbl = 5"
kill -CONT "$(cat "$two/cofferd.pid")"
within 10 "node 2 seals nothing" seals_nothing
matches "and says why" "$(on2 status)" 'does not open'
check "it decrypts" on2 decrypt -i "$work/m3" -o "$work/o"
check "the junk is taken away" sql "DELETE FROM coffer.record WHERE tbl = 5 AND id = convert_to('root-' || repeat('0', 32), 'UTF8')"
within 20 "node 2 seals again by itself" seals2 fourth
within 10 "its store is well" well2
refuses2() { ! seals2 "$1"; }
check "but not with what was revoked" refuses2 doomed

# ---- node 2 is away meanwhile ----
stop2
check "the data key is changed while node 2 stands still" on1 rotate data-key
waits() { [[ $(on1 status --json | jq -r .rotation.sentence) == *"node 'node-2' has not fetched generation 7"* ]]; }
within 10 "status says who is waited for" waits
equal "the old one stays" "$(generations on1)" 2
kill -9 "$(cat "$two/cofferd.pid")"
within 30 "node 2 opens again, with the new one" is_at on2 7
within 30 "then the old one leaves" alone on1
within 20 "on both" alone on2
check "node 2 decrypts" on2 decrypt -i "$work/m3" -o "$work/o"
check "store check on node 1" on1 store check
check "store check on node 2" on2 store check
check "audit log of node 1" on1 audit verify
check "audit log of node 2" on2 audit verify
judge_nodes

# ---- node 2 is removed while node 1's token does not answer: the change of the data key is owed, and comes by itself ----
kill -STOP "$(pgrep -P "$(cat "$one/monitor.pid")" coffer-tokend)"
refused "node 2 is removed, and the data key cannot be changed yet" 1 'could not be changed yet' on1 node remove node-2
within 40 "node 1 changes it when its token answers again" is_at on1 8
matches "as node 1's log says" "$(on1 audit show --limit 1000 | grep 'generation 8 is in force')" ' node '
owes_nothing() { [ -z "$(on1 status --json | jq -r .rotation.owed)" ]; }
within 5 "nothing is owed any more" owes_nothing
within 20 "and the old one leaves" alone on1
finish
