#!/bin/bash
# Three nodes of one domain on a real PostgreSQL: the master server is killed under load, frozen for longer than its lease holds, told to step down, and another one promoted. Opening goes
# on at the others without a gap, one of them takes over within lease_time, and who was master server before finds what only that one may do refused.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin takeover
keep_softhsm
lease_time=5000
set_all=(--set "lease_time=${lease_time}ms" --set refresh_interval=500ms --set store_connect_ms=1000 --set store_statement_ms=1000)
start_sandbox --token softhsm --store postgres --nodes 3 "${set_all[@]}"
at() { # at N COMMAND…: at node N
  local n=$1; shift
  witnessed "$bin/coffer" "$1" "${@:2}" --socket "$dir/node-$n/coffer.sock"
}
lead() { at "$1" status --json 2>/dev/null | jq -r ".lead.$2"; }
ready_at() { at "$1" status --quiet; }
is_master() { [ "$(lead "$1" role)" = master ]; }
now_ms() { date +%s%3N; }
master_among() { # master_among N…: prints the one that is, within 20 s
  local n end
  end=$(($(now_ms) + 20000))
  while [ "$(now_ms)" -lt "$end" ]; do
    for n in "$@"; do if is_master "$n"; then echo "$n"; return; fi; done
  done
}
master_beside() { master_among "$(($1 % 3 + 1))" "$((($1 + 1) % 3 + 1))"; }
head -c 2000 /dev/urandom >"$work/p"

# ---- three nodes, one master server ----
equal "the founder is master server" "$(lead 1 role)" master
for n in 2 3; do
  equal "node $n is a standby" "$(lead $n role)" standby
  equal "node $n knows who is master server" "$(lead $n master)" "$(at 1 status --json | jq -r .node)"
done
check "a key is made at node 1" at 1 key create disk
check "and sealed with" at 1 encrypt -k disk -i "$work/p" -o "$work/m"
opens_at() { at "$1" decrypt -i "$work/m" -o "$work/o-$1" && cmp -s "$work/p" "$work/o-$1"; }
for n in 2 3; do
  check "node $n opens it" opens_at $n
  check "node $n seals" at $n encrypt -k disk -i "$work/p" -o "$work/m-$n"
  check "node $n makes a key" at $n key create "made-at-$n"
  refused "node $n does not change the data key, and says who does" 1 "not master server: node $(lead 1 master) is" at $n rotate data-key
done

# ---- at a glance ----
glance() { at "$1" status --json | jq -r "[.nodes[] | select(.name == \"node-$2\")][0].$3"; } # glance N M FIELD: what node N says of node M
for n in 1 2 3; do
  for m in 1 2 3; do
    is_seen() { [ "$(glance $n $m silent)" = no ]; }
    within 5 "node $n sees node $m" is_seen
  done
done
equal "who leads" "$(for m in 1 2 3; do glance 2 $m role; done | xargs)" "master standby standby"
equal "which tokens are well, and which data key they have" "$(glance 3 2 token) $(glance 3 2 token_health) $(glance 3 2 generation)" "pkcs11 well 1"
matches "for people too" "$(at 3 status)" 'node-2: standby, pkcs11 well, generation 1, [0-9.]+, seen [0-9]+ s ago'
for n in 1 2 3; do
  for m in 1 2 3; do
    is_viewed() { at $n status --json | jq -e ".nodes[] | select(.name == \"node-$m\") | .lag_ms < 2000 and (.cache | .state == \"ready\" and .rows > 0 and .bytes > 0 and .limit > .bytes and .pinned == 0)"; }
    within 20 "node $n sees how far behind node $m is, and what its cache has" is_viewed
  done
done
matches "for people too" "$(at 3 status)" 'lag [0-9.]+ s, cache ready: [0-9]+ records, [0-9]+ of [0-9]+ KiB, 0 pinned'
numbers() { at "$1" metrics | /usr/bin/python3 "$top/tests/integration/check_metrics.py" "${@:2}" | sed 's/.* //' | xargs; }
equal "and for a monitoring system" "$(numbers 2 coffer_master coffer_epoch coffer_sealing_allowed coffer_nodes coffer_nodes_silent 'coffer_node_generation{node="node-3"}')" "0 1 1 3 0 1"
lags() { numbers 2 coffer_lag_milliseconds 'coffer_node_lag_milliseconds{node="node-1"}' | grep -qxE '[0-9]{1,4} [0-9]{1,4}'; }
within 10 "and for a monitoring system" lags

# ---- killed under load ----
touch "$work/go"
open_loop() { # every result, with its time
  while [ -e "$work/go" ]; do if opens_at "$1" >/dev/null 2>&1; then echo ok; else echo "BAD $(now_ms)"; fi; done >"$work/opened-$1"
}
seal_loop() {
  while [ -e "$work/go" ]; do if at "$1" encrypt -k disk -i "$work/p" -o "$work/s-$1" >/dev/null 2>&1; then echo "ok $(now_ms)"; else echo "no $(now_ms)"; fi; done >"$work/sealed-$1"
}
loops=()
for n in 2 3; do open_loop $n & loops[${#loops[@]}]=$!; done
seal_loop 2 & loops[${#loops[@]}]=$!
has_run() { [ "$(wc -l <"$work/opened-2")" -gt 20 ]; }
within 20 "under load" has_run
kill -9 "$(cat "$dir/node-1/monitor.pid")"
kill -9 "$(cat "$dir/node-1/cofferd.pid")"
begun=$(now_ms)
next=$(master_among 2 3)
took=$(($(now_ms) - begun))
if [ -n "$next" ] && [ $took -le $lease_time ]; then ok "killed: node $next took over after $took ms, within the lease time of $lease_time ms"
else bad "killed: a standby takes over within $lease_time ms" "it took $took ms"; fi
seals_again() { at 2 encrypt -k disk -i "$work/p" -o "$work/t2" && at 3 encrypt -k disk -i "$work/p" -o "$work/t3"; }
within 10 "killed: both of the others seal" seals_again
rm "$work/go"
wait "${loops[@]}"
for n in 2 3; do equal "killed: not one decryption failed at node $n of $(wc -l <"$work/opened-$n")" "$(grep -c BAD "$work/opened-$n")" 0; done
gap=$(awk '/^no/ { if (!first) first = $2; last = $2 } END { print first ? last - first : 0 }' "$work/sealed-2")
if [ "$gap" -le $lease_time ]; then ok "killed: sealing was refused for $gap ms"; else bad "killed: sealing was refused for longer than lease_time" "$gap ms"; fi
equal "killed: under the next epoch" "$(lead "$next" epoch)" 2
told() { at "$next" audit show --limit 1000 | grep -q "this node is master server (epoch 2)"; }
within 5 "killed: the audit log of the new one says so" told
is_silent() { [ "$(glance "$next" 1 silent)" = yes ] && [ "$(glance "$next" 1 role)" = standby ] && [ "$(numbers "$next" coffer_nodes_silent)" = 1 ]; }
within 10 "killed: the others say that it is silent" is_silent
check "killed: the old one is started again" "$sandbox" start --dir "$dir" "${set_all[@]}"
equal "killed: as a standby" "$(lead 1 role)" standby
within 10 "killed: it opens what was sealed" opens_at 1

# ---- frozen for longer than its lease holds ----
old=$next
pid=$(cat "$dir/node-$old/cofferd.pid")
kill -STOP "$pid"
begun=$(now_ms); next=$(master_beside "$old"); took=$(($(now_ms) - begun))
if [ -n "$next" ] && [ $took -le $lease_time ]; then ok "frozen: node $next took over after $took ms"; else bad "frozen: a standby takes over within $lease_time ms" "it took $took ms"; fi
(at "$old" rotate data-key >"$work/stale.out" 2>&1; echo "exit $?" >>"$work/stale.out") & asker=$!
waits() { ss -x 2>/dev/null | grep -q "node-$old/coffer.sock"; }
waits
kill -CONT "$pid"
wait $asker
matches "frozen: what it was asked meanwhile, and only the master server may do, it refuses" "$(cat "$work/stale.out")" 'master server'
matches "frozen: with exit 1" "$(cat "$work/stale.out")" 'exit 1'
knows() { [ "$(lead "$old" master)" = "$(lead "$next" master)" ] && ! is_master "$old"; }
within 10 "frozen: it knows the new one" knows
equal "frozen: one master server" "$(for n in 1 2 3; do lead $n role; done | grep -c master)" 1

# ---- promote and step-down ----
old=$next
next=$((old % 3 + 1))
before=$(lead "$old" epoch)
check "promote" at $next promote
equal "promote: under the next epoch" "$(lead $next epoch)" $((before + 1))
within 10 "promote: the one before knows" knows
refused "promote: and does not change the data key" 1 'not master server' at "$old" rotate data-key
check "step-down" at $next step-down
took=$(now_ms); other=$(master_beside $next); took=$(($(now_ms) - took))
if [ -n "$other" ]; then ok "step-down: node $other took over after $took ms"; else bad "step-down: another one takes over"; fi

# ---- a rehearsal ----
rehearse() { at "$1" node test-failover --json >"$work/rehearsal"; }
old=$(master_among 1 2 3)
before=$(lead "$old" epoch)
sees_standbys() { at "$old" status --json | jq -e '[.nodes[] | select(.role == "standby" and .silent == "no")] | length == 2'; }
within 20 "rehearsal: two standbys are seen" sees_standbys
refused "rehearsal: not at a standby" 1 'this node is not master server' at $((old % 3 + 1)) node test-failover
check "rehearsal" rehearse "$old"
matches "rehearsal: another one took it" "$(jq -r .taken_by "$work/rehearsal")" "^[0-9a-f-]{36}$"
took=$(jq .taken_after_ms "$work/rehearsal")
if [ "$took" -le $lease_time ]; then ok "rehearsal: after $took ms, given back after $(jq .given_back_after_ms "$work/rehearsal") ms"; else bad "rehearsal: within $lease_time ms" "$took ms"; fi
equal "rehearsal: this one is master server again" "$(lead "$old" role)" master
equal "rehearsal: two epochs later" "$(lead "$old" epoch)" $((before + 2))
rehearsed() { [ "$(at "$old" audit show --limit 1000 --json | jq '[.[] | select(.details | test("is not to be master server"))] | length')" -ge 1 ]; }
check "rehearsal: the audit log has it" rehearsed

# ---- all at once ----
for n in 1 2 3; do kill -9 "$(cat "$dir/node-$n/monitor.pid")" "$(cat "$dir/node-$n/cofferd.pid")"; done
check "all killed: and started" "$sandbox" start --dir "$dir" "${set_all[@]}"
equal "all killed: one master server" "$(master_among 1 2 3 | wc -w)" 1
for n in 1 2 3; do
  within 10 "all killed: node $n opens" opens_at $n
  within 20 "node $n: the store is whole" at $n store check
  check "node $n: the audit log verifies" at $n audit verify
done

# ---- the data key is changed, and its master server lost behind that ----
master=$(master_among 1 2 3)
check "the data key is changed" at "$master" rotate data-key
behind() { [ "$(glance 1 2 generation) $(glance 1 3 generation)" = "2 2" ]; }
within 10 "and each says that it has it" behind
for n in 1 2 3; do
  has_it() { [ "$(at $n status --json | jq .generation)" = 2 ]; }
  within 20 "node $n has the new one" has_it
  within 10 "node $n seals with it" at $n encrypt -k disk -i "$work/p" -o "$work/m-$n"
done
alone() { [ "$(at "$master" status --json | jq -r .rotation.phase)" = none ]; }
within 60 "the older one leaves when all have it" alone
kill -9 "$(cat "$dir/node-$master/monitor.pid")" "$(cat "$dir/node-$master/cofferd.pid")"
begun=$(now_ms); next=$(master_beside "$master"); took=$(($(now_ms) - begun))
if [ -n "$next" ] && [ $took -le $lease_time ]; then ok "under the new key node $next took over after $took ms"; else bad "under the new key a standby takes over within $lease_time ms" "it took $took ms"; fi
check "and changes it once more" at "$next" rotate data-key
check "the lost one is started" "$sandbox" start --dir "$dir" "${set_all[@]}"
within 20 "and opens what was sealed" opens_at "$master"

# ---- all three logs, together ----
judge_nodes
finish
