#!/bin/bash
# One node of a domain that several could share, on a real PostgreSQL: it takes the lease, keeps it, gives it back and takes it again; killed, frozen, told to step down, and without its
# database. New data is sealed only while it is master server; what was sealed is opened all the time.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin lead
keep_softhsm
make_box
start_sandbox "${box_words[@]}" --token softhsm --store postgres --set store_shared=yes --set node_name=first --set lease_time=2s --set store_connect_ms=1000 --set store_statement_ms=1000
use_sandbox
coffer() { witnessed "$bin/coffer" "$@"; }
postgres_of_sandbox
sql() { pg_sql admin admin-password "$1"; }
role() { status_field .lead.role; }
epoch() { status_field .lead.epoch; }
is_master() { [ "$(role)" = master ]; }
seal() { coffer encrypt -k disk -i "$work/p" -o "$work/m"; }
events() { coffer audit show --limit 100000 --json | jq "[.[] | select(.details | test(\"$1\"))] | length"; }
head -c 1000 /dev/urandom >"$work/p"

# ---- founded ----
equal "the founder is master server as soon as it is open" "$(role)" master
equal "under the first epoch" "$(epoch)" 1
equal "its record is there, a member's" "$(sql "SELECT state FROM coffer.record WHERE tbl = 6")" 2
equal "and the card of the domain" "$(sql "SELECT length(body) FROM coffer.record WHERE tbl = 65 AND id = decode(repeat('00', 16), 'hex')")" 49
equal "its name is not in the database" "$(sql "SELECT count(*) FROM coffer.record WHERE position('first' in encode(body || header, 'escape')) > 0")" 0
has_transport() { [ "$(sql "SELECT count(*) FROM coffer.record WHERE tbl = 5 AND encode(id, 'escape') LIKE 'transport-%'")" = 1 ]; }
within 10 "it has a transport key, so that later data keys can be handed to it" has_transport
check "a key is made" coffer key create disk
check "encrypt" seal
check "the data key is changed" coffer rotate data-key --wait
equal "and the lease is under the new one" "$(sql "SELECT generation FROM coffer.record WHERE tbl = 64 AND id = 'lease'")" 2
check "the store is whole" coffer store check
equal "its backups are the database's" "$(status_field .backup.by)" database
refused "and none is made here" 1 'back up the database itself' coffer backup create "$work/archive"
matches "status says so" "$(coffer status)" 'backup +those of the database'
equal "and no metric says that one is missing" "$(coffer metrics | grep -c '^coffer_backup_verified')" 0
equal "still under the first epoch" "$(epoch)" 1
renewals() { [ "$(sql "SELECT version FROM coffer.record WHERE tbl = 64 AND id = 'lease'")" -gt $(($1 + 3)) ]; }
within 10 "the lease is renewed" renewals "$(sql "SELECT version FROM coffer.record WHERE tbl = 64 AND id = 'lease'")"

# ---- killed ----
pid=$(cat "$home/cofferd.pid")
kill -9 "$pid"
another() { [ "$(cat "$home/cofferd.pid" 2>/dev/null)" != "$pid" ] && is_ready; }
within 20 "killed: another one serves" another
check "killed: what it seals first is sealed: its own lease is taken at once" seal
equal "killed: it is master server" "$(role)" master
equal "killed: under a higher epoch" "$(epoch)" 2
recorded() { [ "$(events 'this node is master server .epoch 2')" = 1 ]; }
within 5 "killed: the audit log says so" recorded

# ---- frozen for longer than the lease holds ----
lost() { grep -c 'this node is not master server any more' "$home/cofferd.log"; }
before=$(lost)
kill -STOP "$(cat "$home/cofferd.pid")"
perl -e 'select(undef, undef, undef, 3)' # for longer than three fifths of lease_time: nothing tells but the clock
kill -CONT "$(cat "$home/cofferd.pid")"
knows() { [ "$(lost)" -gt "$before" ]; }
within 5 "frozen: it knows that it was not master server" knows
within 5 "frozen: and is again" is_master
equal "frozen: nobody took it, so under the same epoch" "$(epoch)" 2
check "frozen: what only the master server may do is done" coffer rotate data-key --wait

# ---- the lease is another one's write: refused, looked at, and written anew ----
sql "CREATE TABLE coffer.kept AS SELECT * FROM coffer.record WHERE tbl = 64 AND id = 'lease'" >/dev/null
within 10 "put back: the lease is renewed" renewals "$(sql "SELECT version FROM coffer.kept")"
before=$(sql "SELECT version FROM coffer.record WHERE tbl = 64 AND id = 'lease'")
sql "UPDATE coffer.record r SET version = k.version, body = k.body FROM coffer.kept k WHERE r.tbl = 64 AND r.id = 'lease'; DROP TABLE coffer.kept" >/dev/null
past() { [ "$(sql "SELECT version FROM coffer.record WHERE tbl = 64 AND id = 'lease'")" -gt "$before" ]; }
within 10 "put back: an older write of its own is no twin's, and is renewed" past
within 5 "put back: it is master server" is_master

# ---- step-down and promote ----
check "step-down" coffer step-down
equal "step-down: it is a standby" "$(role)" standby
refused "step-down: nothing new is sealed" 1 'no master server is there' coffer encrypt -k disk -i "$work/p" -o "$work/no"
refused "step-down: no key is made" 1 'no master server is there' coffer key create other
check "step-down: what was sealed is opened" coffer decrypt -i "$work/m" -o "$work/o"
same "step-down: and is the same" "$work/p" "$work/o"
refused "step-down: the data key is not changed" 1 'nobody is master server' coffer rotate data-key
refused "step-down: once is enough" 1 'nobody is master server' coffer step-down
raised() { [ "$(status_field ".alerts.raised.$1.sentence")" != null ]; }
within 5 "step-down: operators are told" raised master_lost
check "promote" coffer promote
equal "promote: it is master server" "$(role)" master
equal "promote: under a higher epoch" "$(epoch)" 3
refused "promote: no rehearsal without a standby" 1 'no standby was seen' coffer node test-failover
equal "promote: and it is master server as before" "$(role) $(epoch)" "master 3"
check "promote: encrypt" seal
equal "promote: audit records are under it" "$(coffer audit export - | jq -s 'map(.epoch // 0) | max')" 3
equal "both are in the audit log" "$(events 'is to be master server|is not to be master server')" 2

# ---- a note that there are two of it stops it; an administrator takes it away ----
own=$(coffer node list --json | jq -r '.nodes[0].id')
epoch_before=$(epoch)
sql "INSERT INTO coffer.record VALUES (64, convert_to('twin', 'UTF8') || decode('${own//-/}', 'hex'), 1, 1, 0, '\\x01', '\\x0000', '\\x01')" >/dev/null
refused "cloned: nothing is changed" 1 'two machines run with the identity of this node' coffer key create while-cloned
check "cloned: what was sealed is opened" coffer decrypt -i "$work/m" -o "$work/o"
cloned() { [ "$(status_field .lead.cloned)" = yes ]; }
within 5 "cloned: status says it" cloned
within 10 "cloned: operators are told" raised node_cloned
tells "cloned" 1 node_cloned raised 'two machines run with the identity of this node'
refused "cloned: another name takes no note away" 1 'two machines run with the identity of this node' coffer node accept nobody
check "accepted by its name" coffer node accept first
within 5 "accepted: it is master server" is_master
equal "accepted: not under the epoch of before" "$(epoch)" $((epoch_before + 1))
check "accepted: a key is made" coffer key create after-cloned
equal "accepted: the note is gone" "$(sql "SELECT count(*) FROM coffer.record WHERE tbl = 64 AND substr(id, 1, 4) = 'twin'")" 0
tells "accepted" 1 node_cloned cleared .
equal "accepted: the audit log has it" "$(events 'goes on: the other machine with its identity is gone')" 1
check "accepted: once more changes nothing" coffer node accept "$own"
equal "accepted: not the epoch either" "$(epoch)" $((epoch_before + 1))
refused "accepted: there is no such node" 1 'no node of this domain has this name or id' coffer node accept nobody

# ---- the same note, found by a start: the node stays closed until an administrator has said it there ----
put_note() { sql "INSERT INTO coffer.record VALUES (64, convert_to('twin', 'UTF8') || decode('${own//-/}', 'hex'), 1, 1, 0, '\\x01', '\\x0000', '\\x01')" >/dev/null; }
kill -9 "$(cat "$home/cofferd.pid")"
put_note
in_fault() { [ "$(status_field .state)" = fault ]; }
within 20 "cloned, started anew: it does not open" in_fault
matches "cloned, started anew: and says why" "$(coffer status 2>&1)" 'two machines run with the identity of this node'
refused "cloned, started anew: nothing is served" 1 'after a fault' coffer decrypt -i "$work/m" -o "$work/o"
refused "cloned, started anew: who is no administrator accepts nothing" 1 'may not see, admit or remove nodes' as_stranger node accept first
refused "cloned, started anew: another name" 1 'accepts itself alone' coffer node accept nobody
within 10 "cloned, started anew: operators are told" raised node_cloned
tells "cloned, started anew" 2 node_cloned raised 'two machines run with the identity of this node'
check "cloned, started anew: accepted at the node itself" coffer node accept first
within 10 "cloned, started anew: it is open, and master server" is_master
check "cloned, started anew: a key is made" coffer key create after-start
equal "cloned, started anew: the audit log has it" "$(events 'goes on: the other machine with its identity is gone')" 3
check "cloned, started anew: what was sealed is opened" coffer decrypt -i "$work/m" -o "$work/o"
check "cloned, started anew: the audit log is whole" coffer audit verify

# ---- a copy of the machine ran while this one stood still, and never took the lease: this node's own part of the store tells, and both are stopped ----
copy=$work/copy
at_copy() { "$bin/coffer" "$@" --socket "$copy/coffer.sock"; }
start_copy() {
  setsid "$bin/cofferd" --config "$copy/cofferd.conf" </dev/null >>"$copy/cofferd.log" 2>&1 &
  disown
}
copy_is() { [ "$(at_copy status --json | jq -r .state)" = "$1" ]; }
kill_copy() { kill -9 "$(cat "$copy/monitor.pid")" "$(cat "$copy/cofferd.pid")"; }
mkdir "$copy"
chmod 755 "$copy"
give_to daemon "$copy"
frozen=("$(cat "$home/cofferd.pid")" "$(pgrep -P "$(cat "$home/monitor.pid")" -f coffer-stored)")
roots() { sql "SELECT md5(string_agg(body, ''::bytea ORDER BY id)) FROM coffer.record WHERE tbl = 5 AND position('root-'::bytea IN id) = 1"; }
kill -STOP "${frozen[@]}"
cp -a "$home/state" "$copy/state"
{ sed "s|$home/state|$copy/state|; s|$home/coffer.sock|$copy/coffer.sock|; s|$home/cofferd.pid|$copy/cofferd.pid|; s|$home/monitor.pid|$copy/monitor.pid|" "$home/cofferd.conf"; echo "node_role = member"; } >"$copy/cofferd.conf"
sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'coffer'" >/dev/null
before=$(roots)
start_copy
within 20 "copied: the copy opens" copy_is open
copy_wrote() { [ "$(roots)" != "$before" ]; } # killed before, it was never there
within 20 "copied: and wrote that it did" copy_wrote
kill_copy
kill -CONT "${frozen[@]}"
within 10 "copied: this one finds that there was another" cloned
refused "copied: it changes nothing" 1 'two machines run with the identity of this node' coffer key create while-copied
check "copied: what was sealed is opened" coffer decrypt -i "$work/m" -o "$work/o"
within 10 "copied: operators are told" raised node_cloned
stop_daemon
start_copy
within 20 "copied: the copy does not open again" copy_is fault
matches "copied: and says why" "$(at_copy status 2>&1)" 'two machines run with the identity of this node'
kill_copy
start_daemon "copied: this one is started anew"
within 20 "copied: it stays closed too" in_fault
check "copied: accepted" coffer node accept first
within 10 "copied: it is open, and master server" is_master
check "copied: a key is made" coffer key create after-copied
check "copied: the audit log is whole" coffer audit verify
check "copied: what was sealed is opened, and so in memory" coffer decrypt -i "$work/m" -o "$work/o"
epoch_now=$(epoch)

# ---- without the database ----
check "away: the server is stopped" pg -m fast stop
silent() { ! coffer encrypt -k disk -i "$work/p" -o "$work/no"; }
within 10 "away: nothing new is sealed when the lease has run out" silent
refused "away: with a sentence" 1 'no master server|database' coffer encrypt -k disk -i "$work/p" -o "$work/no"
check "away: what was sealed is opened" coffer decrypt -i "$work/m" -o "$work/o"
check "away: the server is started" pg_start
within 10 "away: master server again" is_master
within 5 "away: encrypt" seal
equal "away: under the same epoch" "$(epoch)" "$epoch_now"

# ---- stopped in order ----
stop_daemon
equal "stopped: the lease is given back" "$(sql "SELECT state FROM coffer.record WHERE tbl = 64 AND id = 'lease'")" 2
"$sandbox" start --dir "$dir" --quiet --set store_shared=yes --set node_name=first --set lease_time=2s >/dev/null 2>&1
check "started: encrypt" seal
equal "started: under a higher epoch" "$(epoch)" $((epoch_now + 1))

judge_nodes

# ---- alone, on a store that several may write ----
stop_daemon
sed -i '/^store_shared\|^node_name\|^lease_time/d' "$home/cofferd.conf"
setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 &
disown
within 10 "not said to be shared: refused" status_is .state fault
matches "not said to be shared: and it says what to do" "$(coffer status)" 'set store_shared = yes'
refused "not said to be shared: and cannot be taken as it is" 1 'fault' coffer store accept --yes
finish
