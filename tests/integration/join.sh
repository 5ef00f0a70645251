#!/bin/bash
# A second appliance joins a domain whose store is in PostgreSQL: the first one's token is a TPM, the second one's SoftHSM. What is typed is compared, what is killed goes on, both serve the same
# keys, each starts from its own token, and a node that is removed opens nothing newer.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin join
keep_softhsm
make_box
settings=("${box_words[@]}" --set lease_time=3s --set refresh_interval=500ms)
start_sandbox --token swtpm,softhsm --store postgres --nodes 2 --no-join "${settings[@]}"
one=$dir/node-1 two=$dir/node-2
on1() { COFFER_SOCKET=$one/coffer.sock witnessed "$bin/coffer" "$@"; }
on2() { COFFER_SOCKET=$two/coffer.sock witnessed timeout 60 "$bin/coffer" "$@"; }
uri=$(cat "$two/uri")
domain=$(on1 status --json | jq -r .domain.fingerprint)
join() { on2 node join --token "$uri" --domain "$domain" "$@"; }
asked() { join --no-wait --json | jq -r .fingerprint; }
field1() { on1 node list --json | jq -r "$1"; }
state2() { on2 status --json 2>/dev/null | jq -r .state; }
is2() { [ "$(state2)" = "$1" ]; }
is1() { [ "$(field1 "$1")" = "$2" ]; }
master1() { [[ $(on1 node remove nobody 2>&1) == *'no node of this domain'* ]]; }
pid2() { cat "$two/cofferd.pid" 2>/dev/null; }
new2() { [ -n "$(pid2)" ] && [ "$(pid2)" != "$1" ] && [ -n "$(state2)" ]; }
kill2() { local pid; pid=$(pid2); kill -9 "$pid"; within 20 "$1: a new daemon answers" new2 "$pid"; }

# ---- what is refused before anything is made ----
within 10 "node 1 is master server" master1
matches "node 2 says what it may do" "$(on2 status 2>&1)" "coffer node join"
refused "node 2 makes no second domain" 1 'holds a domain already' on2 init --token "$uri" --no-recovery
refused "another domain's fingerprint" 1 'another domain than the one' on2 node join --token "$uri" --domain AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHHH --no-wait
refused "no fingerprint at all" 1 'no fingerprint' on2 node join --token "$uri" --domain AAAA --no-wait
absent "nothing was begun" "$two/state/pending/join"
refused "a member does not join" 1 'initialised already' on1 node join --token "$uri" --domain "$domain" --no-wait

# ---- asked, and killed meanwhile ----
first=$(asked)
matches "a fingerprint is shown" "$first" '^([A-Z2-7]{4}-){7}[A-Z2-7]{4}$'
id=$(join --no-wait --json | jq -r .node)
equal "node 1 sees who waits" "$(field1 '.waiting[0] | "\(.name) \(.state) \(.token) \(.id)"')" "node-2 waiting pkcs11 $id"
equal "and no fingerprint" "$(field1 tostring | grep -c "$first")" 0
kill2 "asked"
matches "asked: status says how it goes on" "$(on2 status 2>&1)" "run 'coffer node join' again"
equal "asked: the same request again" "$(asked)" "$first"
refused "a wrong fingerprint" 1 'no request has this fingerprint' on1 node approve --fingerprint "${first%?}$([ "${first: -1}" = A ] && echo B || echo A)"
refused "node 2 approves nothing" 4 'initialised' on2 node approve --fingerprint "$first"
refused "another name's request" 1 'another node has the name' sh -c "COFFER_SOCKET='$one/coffer.sock' '$bin/coffer' node approve --fingerprint $(on2 node join --token "$uri" --domain "$domain" --name node-1 --no-wait --json | jq -r .fingerprint)"
second=$(join --name node-2 --no-wait --json | jq -r .fingerprint)
refused "what was asked before is no more" 1 'no request has this fingerprint' on1 node approve --fingerprint "$first"

# ---- answered, and killed meanwhile ----
check "approved" on1 node approve --fingerprint "$second"
print=$(on1 node approve --fingerprint "$second" --json | jq -r .answer)
equal "approved twice: one record" "$(field1 '[.nodes[] | select(.name == "node-2")] | length')" 1
kill2 "answered"
refused "another answer than the one that was shown" 1 'not the one whose fingerprint' join --no-wait --answer "$domain"
check "the answer that was shown: node 2 joins" join --answer "$print"
within 10 "node 2 is open" is2 open
equal "node 1 has it as a member" "$(field1 ".nodes[] | select(.id == \"$id\") | .state")" member
equal "nobody waits any more" "$(field1 '.waiting | length')" 0
absent "nothing is left of the join" "$two/state/pending"
check "the same command again" join
refused "its request is gone" 1 'no request has this fingerprint' on1 node approve --fingerprint "$second"
matches "node 1's log names fingerprint and answer" "$(on1 audit show --limit 1000)" "NodeApprove +ok +node $id 'node-2' may join.*fingerprint $second, answer $print"
tells "joined" 1 node_joined once "this node joined the domain as 'node-2'" "$id"
matches "node 2's log names the answer" "$(on2 audit show)" "joined as node 'node-2', by answer $print"

# ---- both serve the same keys ----
head -c 200000 /dev/urandom >"$work/p"
check "a key is made on node 1" on1 key create disk
check "encrypted on node 1" on1 encrypt -k disk -i "$work/p" -o "$work/m1"
check "decrypted on node 2" on2 decrypt -i "$work/m1" -o "$work/o1"
same "the same" "$work/p" "$work/o1"
check "encrypted on node 2" on2 encrypt -k disk -i "$work/p" -o "$work/m2"
check "decrypted on node 1" on1 decrypt -i "$work/m2" -o "$work/o2"
same "the same again" "$work/p" "$work/o2"
check "a key is made on node 2" on2 key create other
equal "both see the same keys" "$(on1 key list --json | jq -S .)" "$(on2 key list --json | jq -S .)"
check "a role is given on node 1" on1 grant --to unix:12345 --role auditor
grants2() { [ "$(on2 grants --json | jq '[.[] | select(.principal == "unix:12345")] | length')" = 1 ]; }
within 10 "node 2 hears of it" grants2

# ---- each starts from its own token ----
kill2 "restart"
within 20 "restart: node 2 opens by its own token" is2 open
check "restart: and decrypts" on2 decrypt -i "$work/m1" -o "$work/o1"
monitor=$(cat "$two/monitor.pid")
kill -TERM "$monitor"
within 30 "unpublished: node 2 is stopped" has_ended "$monitor"
mkdir -m 700 "$two/state/pending"
chown --reference="$two/state" "$two/state/pending"
mv "$two/state/node.id" "$two/state/pending/" # as a crash leaves it between the rows and the file
check "unpublished: it starts" "$sandbox" start --dir "$dir" --no-join --quiet "${settings[@]}"
within 20 "unpublished: it is open" is2 open
check "unpublished: and node.id is in its place" test -s "$two/state/node.id"
kill -9 "$(cat "$one/cofferd.pid")"
check "node 2 decrypts while node 1 is gone" on2 decrypt -i "$work/m1" -o "$work/o1"
open1() { [ "$(on1 status --json 2>/dev/null | jq -r .state)" = open ]; }
within 20 "node 1 opens again" open1
equal "store check on both" "$(on1 store check >/dev/null && on2 store check >/dev/null; echo $?)" 0
check "audit log of node 1" on1 audit verify
check "audit log of node 2" on2 audit verify
judge_nodes

# ---- killed at any moment of its last steps ----
fresh2() { # node 2 as it was on its first day, but for its token
  local monitor
  monitor=$(cat "$two/monitor.pid")
  kill -TERM "$monitor"
  within 30 "$1: node 2 is stopped" has_ended "$monitor"
  find "$two/state" -mindepth 1 -delete
  check "$1: and starts without a domain" "$sandbox" start --dir "$dir" --no-join --quiet "${settings[@]}"
}
within 20 "node 1 is master server again" master1
round() { # round MILLISECONDS: killed so long after the last step began
  local what="killed after $1 ms" print id pid
  fresh2 "$what"
  print=$(join --name "late-$1" --no-wait --json | jq -r '"\(.fingerprint) \(.node)"')
  id=${print#* } print=${print% *}
  check "$what: approved" on1 node approve --fingerprint "$print"
  pid=$(pid2)
  join >/dev/null 2>&1 &
  perl -e "select(undef, undef, undef, $1 / 1000)"
  kill -9 "$pid"
  wait $!
  within 20 "$what: a new daemon answers" new2 "$pid"
  if ! is2 open && [ ! -e "$two/state/node.id" ]; then check "$what: the same command goes on" join; fi
  within 20 "$what: node 2 is open" is2 open
  equal "$what: it is the node that was approved" "$(on2 status --json | jq -r .node)" "$id"
  equal "$what: a member" "$(field1 ".nodes[] | select(.id == \"$id\") | .state")" member
  absent "$what: nothing is left of the join" "$two/state/pending"
  check "$what: it decrypts" on2 decrypt -i "$work/m1" -o "$work/o1"
}
for ms in 0 8 14 20 40; do round $ms; done

# ---- removed ----
id=$(on2 status --json | jq -r .node)
refused "a node does not remove itself" 1 'does not remove itself' on1 node remove node-1
check "node 2 is removed" on1 node remove "$id"
equal "its record says so" "$(field1 ".nodes[] | select(.id == \"$id\") | .state")" removed
equal "the data key is another one" "$(on1 status --json | jq -r .generation)" 2
within 10 "removed: it hears of it and closes" is2 fault
refused "removed: what it had in memory is gone" 1 'this node was removed from the domain' on2 decrypt -i "$work/m1" -o "$work/o1"
refused "removed: it writes nothing" 1 'this node was removed from the domain' on2 key create later
refused "removed: nor opens" 1 'this node was removed from the domain' on2 unseal --token
matches "removed: status says so" "$(on2 status 2>&1)" 'this node was removed from the domain'
tells "removed" 1 node_removed once 'this node was removed from the domain' "$id"
tells "removed, by node 1" 1 node_removed once "node 'late-40' was removed from the domain" "$(on1 status --json | jq -r .node)"
refused "removed twice" 1 'removed already' on1 node remove "$id"
newest=2
for name in $(field1 '.nodes[] | select(.state != "removed" and .this == "no") | .id'); do # those that were killed: no re-seal under way keeps one of them in
  if [[ $(on1 node remove "$name" 2>/dev/null) == *'is removed'* ]]; then newest=$((newest + 1)); fi
done
equal "each of them had a data key of its own made" "$(on1 status --json | jq -r .generation)" "$newest"
equal "nobody else is left" "$(field1 '[.nodes[] | select(.state != "removed")] | length')" 1
check "node 1 encrypts under the new one" on1 encrypt -k disk -i "$work/p" -o "$work/m3"
check "node 1 opens what is older" on1 decrypt -i "$work/m1" -o "$work/o1"
kill2 "removed"
within 20 "removed: it does not open again" is2 fault
matches "removed: and says why" "$(on2 status 2>&1)" 'was removed from the domain'
refused "removed: it decrypts nothing" 1 'was removed' on2 decrypt -i "$work/m3" -o "$work/o3"
fresh2 "removed"
print=$(join --name again --no-wait --json | jq -r .fingerprint)
check "removed: it asks as a new one" on1 node approve --fingerprint "$print"
alone1() { [ "$(on1 status --json | jq -r .rotation.generations)" = 1 ]; }
within 20 "removed: the older data keys, which the answer has, leave" alone1
check "removed: and it joins" join
within 10 "removed: it is open" is2 open
check "removed: it opens what is newer" on2 decrypt -i "$work/m3" -o "$work/o3"
same "removed: and it is the same" "$work/p" "$work/o3"
# ---- its token is dead, and its disk is not: shares open it as it stands, and it takes another token ----
id=$(on2 status --json | jq -r .node)
die2() { # die2 WHAT: the token of node 2 is gone for good, and the node is stopped
  local monitor
  monitor=$(cat "$two/monitor.pid")
  kill -TERM "$monitor"
  within 30 "$1: node 2 is stopped" has_ended "$monitor"
  rm -rf "$two/token"
}
other_token() { check "$1: another token" "$sandbox" start --dir "$dir" --no-join --quiet "${settings[@]}"; uri=$(cat "$two/uri"); }
die2 "dead token"
setsid "$bin/cofferd" --config "$two/cofferd.conf" </dev/null >>"$two/cofferd.log" 2>&1 & disown
within 20 "dead token: node 2 stays sealed" is2 sealed
matches "dead token: and says why" "$(on2 status 2>&1)" 'token'
check "dead token: node 1 goes on" on1 key create while-dead
refused "dead token: node 2 opens nothing" 4 sealed on2 decrypt -i "$work/m3" -o "$work/o3"
check "dead token: shares open it" on2 unseal --share-file "$dir/recovery/share-1.txt" --share-file "$dir/recovery/share-2.txt"
within 10 "dead token: it is open" is2 open
check "dead token: it decrypts" on2 decrypt -i "$work/m3" -o "$work/o3"
check "dead token: and makes a key" on2 key create by-shares
other_token "dead token"
check "dead token: which takes the master secret over" on2 rotate master --token "$uri"
kill2 "dead token"
within 20 "dead token: node 2 opens by the other one" is2 open
equal "dead token: it is the node that it was" "$(on2 status --json | jq -r .node)" "$id"
check "dead token: it decrypts by it" on2 decrypt -i "$work/m3" -o "$work/o3"
seen_well() { [ "$(on1 status --json | jq -r ".nodes.\"$id\".token_health")" = well ]; }
within 20 "dead token: node 1 sees that its token is well" seen_well
check "dead token: the data key is changed" on1 rotate data-key
has_new() { [ "$(on2 status --json | jq -r .generation)" = "$(on1 status --json | jq -r .generation)" ]; }
within 20 "dead token: and reaches it through the other one" has_new

# ---- dead again, and no shares are brought: it is removed and joins anew ----
die2 "no shares"
check "no shares: it is removed while it is down" on1 node remove again
find "$two/state" -mindepth 1 -delete
other_token "no shares"
print=$(join --name anew --no-wait --json | jq -r .fingerprint)
check "no shares: the new node is approved" on1 node approve --fingerprint "$print"
check "no shares: it joins" join
within 10 "no shares: it is open" is2 open
check "no shares: it decrypts" on2 decrypt -i "$work/m3" -o "$work/o3"
check "no shares: and makes a key" on2 key create anew
check "the store is whole on both" sh -c "COFFER_SOCKET='$one/coffer.sock' '$bin/coffer' store check && COFFER_SOCKET='$two/coffer.sock' '$bin/coffer' store check"
judge_logs 1,2
finish
