#!/bin/bash
# Appliances join by an enrolment token: nobody types anything at the master server, which looks for requests that show one and answers by itself. A token counts once, or as often as it was made for, and for its
# time; one that is wrong, over, used up, revoked or of another domain is refused in one sentence; whoever is killed goes on; a request that was copied in the database is nobody's.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin enrol
keep_softhsm
make_box
start_sandbox "${box_words[@]}" --token swtpm,softhsm,swtpm --store postgres --nodes 3 --no-join --set lease_time=3s --set refresh_interval=500ms
on() { local n=$1; shift; COFFER_SOCKET=$dir/node-$n/coffer.sock timeout 60 "$bin/coffer" "$@"; }
uri() { cat "$dir/node-$1/uri"; }
domain=$(on 1 status --json | jq -r .domain.fingerprint)
# A program, not a function: it is started by others, with a secret.
cat >"$work/join" <<TXT
#!/bin/bash
n=\$1; shift
COFFER_SOCKET=$dir/node-\$n/coffer.sock exec timeout --foreground 60 $bin/coffer node join --token "\$(cat "$dir/node-\$n/uri")" --domain $domain "\$@"
TXT
chmod 755 "$work/join"
join() { "$work/join" "$@"; }
list() { on 1 node list --json | jq -r "$1"; }
state() { on "$1" status --json 2>/dev/null | jq -r .state; }
is() { [ "$(state "$1")" = "$2" ]; }
pid() { cat "$dir/node-$1/cofferd.pid" 2>/dev/null; }
new() { [ -n "$(pid "$1")" ] && [ "$(pid "$1")" != "$2" ] && [ -n "$(state "$1")" ]; }
kill_daemon() { local old; old=$(pid "$1"); kill -9 "$old"; within 20 "$2: a new daemon answers" new "$1" "$old"; }
master1() { [[ $(on 1 node remove nobody 2>&1) == *'no node of this domain'* ]]; }
enrol() { # enrol NAME [options]: its token
  local name=$1; shift
  rm -f "$work/token-$name"
  on 1 node enrol --name "$name" --out "$work/token-$name" --quiet "$@" && cat "$work/token-$name"
}
row() { on 1 node enrolments --json | jq -r ".enrolments[] | select(.name == \"$1\") | \"\(.state) \(.used)/\(.uses)\""; }
fresh() { # fresh NODE WHAT: as on its first day, but for its token
  local monitor
  monitor=$(cat "$dir/node-$1/monitor.pid")
  kill -TERM "$monitor"
  within 30 "$2: node $1 is stopped" has_ended "$monitor"
  find "$dir/node-$1/state" -mindepth 1 -delete
  check "$2: and starts without a domain" "$sandbox" start --dir "$dir" --no-join --quiet
}
nothing_left() { absent "$1: nothing is left of the join" "$dir/node-$2/state/pending"; }

# ---- made, shown once, listed ----
within 10 "node 1 is master server" master1
refused "a token is shown on a terminal only" 1 'on a terminal only' on 1 node enrol
refused "for whom there are no nodes" 2 '^coffer: --uses' on 1 node enrol --uses 0 --out "$work/none"
refused "for longer than seven days" 1 'a minute to seven days' on 1 node enrol --lifetime 8d --out "$work/none"
refused "node 2 makes none" 4 'initialised' on 2 node enrol --out "$work/none"
absent "nothing was written" "$work/none"
token=$(enrol rack-1)
matches "its text" "$token" '^([A-Z2-7]{4}-){13}[A-Z2-7]{4}$'
equal "in a file for its owner" "$(stat -c %a "$work/token-rack-1")" 600
equal "listed" "$(row rack-1)" "open 0/1"
equal "and not shown again" "$(on 1 node enrolments --json | grep -c "${token%%-*}-")" 0
refused "one of each name" 1 "there is an enrolment token 'rack-1'" on 1 node enrol --name rack-1 --out "$work/none"
refused "a file that is there" 1 'exists already' on 1 node enrol --name rack-2 --out "$work/token-rack-1"
equal "nothing was made for it" "$(row rack-2)" ""

# ---- a node joins by it: each side is killed in between ----
other=A
[ "${token:0:1}" != A ] || other=B
refused "mistyped: nothing is begun" 1 'mistyped' with_secret fd "$other${token#?}" "$work/join" 2 --no-wait
absent "mistyped: no file" "$dir/node-2/state/pending/join"
asked=$(kill -STOP "$(pid 1)"; with_secret prompt "$token" "$work/join" 2 --no-wait --json --enrolment | jq -r '"\(.state) \(.by) \(.node)"'; kill -CONT "$(pid 1)")
matches "asked, by prompt" "$asked" '^(waiting|member) enrolment token '
id=${asked##* }
kill_daemon 2 "asked"
kill_daemon 1 "asked"
within 20 "asked: node 1 is master server again" master1
check "the same command without the token: node 2 joins" join 2
within 10 "node 2 is open" is 2 open
equal "it is the node that asked" "$(on 2 status --json | jq -r .node)" "$id"
equal "a member, by the token of who made it" "$(list ".nodes[] | select(.id == \"$id\") | \"\(.state) \(.by) \(.approved_by)\"")" "member enrolment token unix:$(id -u)"
equal "the token is used up" "$(row rack-1)" "used up 1/1"
tells "joined" 1 node_joined once "by enrolment token 'rack-1'" "$(on 1 status --json | jq -r .node)"
nothing_left "joined" 2
matches "node 1's log says so" "$(on 1 audit show --limit 1000)" "node +NodeApprove +ok +node $id '.*' may join by enrolment token 'rack-1': fingerprint"
matches "node 1's log says who made it" "$(on 1 audit show --limit 1000)" "NodeEnrol +ok +.*enrolment token 'rack-1' made"
head -c 100000 /dev/urandom >"$work/p"
check "a key is made on node 1" on 1 key create disk
check "encrypted on node 1" on 1 encrypt -k disk -i "$work/p" -o "$work/m"
check "decrypted on node 2" on 2 decrypt -i "$work/m" -o "$work/o"
same "the same" "$work/p" "$work/o"

# ---- what is refused, in one sentence, and leaves nothing ----
refuse() { # refuse WHAT PATTERN TOKEN
  refused "$1" 1 "$2" with_secret file "$3" "$work/join" 3
  nothing_left "$1" 3
}
refuse "used up" "the enrolment token was used by node $id" "$token"
token=$(enrol revoked)
check "revoked" on 1 node enrol-revoke revoked
refuse "revoked" 'was revoked' "$token"
refused "nothing else to revoke" 1 'no enrolment token has this name' on 1 node enrol-revoke nobody
short=$(enrol short --lifetime 1m)
refused "a lifetime of seconds" 1 'a minute to seven days' on 1 node enrol --lifetime 5s --out "$work/none"
matches "node 1's log has the refusals" "$(on 1 audit show --limit 1000 --failed)" 'NodeApprove +.*may not join: the enrolment token was revoked'

# ---- of another domain ----
other=$work/other
check "another domain" "$sandbox" start --dir "$other" --token softhsm --store postgres --set store_shared=yes --quiet
elsewhere() { COFFER_SOCKET=$other/node-1/coffer.sock timeout 60 "$bin/coffer" "$@"; }
enrols_elsewhere() { elsewhere node enrol --name guest --out "$work/guest" --quiet; }
within 20 "it makes a token" enrols_elsewhere
refuse "another domain's token" 'knows no such enrolment token' "$(cat "$work/guest")"
check "the other domain ends" "$sandbox" stop --dir "$other"

# ---- a token for two nodes; killed at any moment of the last steps ----
token=$(enrol many --uses 8 --lifetime 2h)
round() { # round MILLISECONDS: both daemons are killed so long after the command began
  local what="killed after $1 ms" two one
  fresh 2 "$what"
  one=$(pid 1) two=$(pid 2)
  with_secret credential "$token" "$work/join" 2 --name "late-$1" >/dev/null 2>&1 &
  perl -e "select(undef, undef, undef, $1 / 1000)"
  kill -9 "$two"
  [ $(($1 % 200)) != 0 ] || kill -9 "$one"
  wait $!
  within 20 "$what: node 2 answers" new 2 "$two"
  [ $(($1 % 200)) != 0 ] || within 20 "$what: node 1 answers" new 1 "$one"
  if ! is 2 open && [ ! -e "$dir/node-2/state/node.id" ]; then check "$what: the same command goes on" with_secret credential "$token" "$work/join" 2 --name "late-$1"; fi
  within 20 "$what: node 2 is open" is 2 open
  nothing_left "$what" 2
  check "$what: it decrypts" on 2 decrypt -i "$work/m" -o "$work/o"
  equal "$what: a member" "$(list ".nodes[] | select(.id == \"$(on 2 status --json | jq -r .node)\") | .state")" member
}
for ms in 0 100 200 350 500 700; do round $ms; done
matches "each used it once" "$(row many)" '^open [67]/8'

# ---- what who writes the database can do with a request: nothing ----
before=$(list '.nodes | length')
check "node 3 asks while nobody looks" sh -c "kill -STOP $(pid 1); COFFER_SOCKET='$dir/node-3/coffer.sock' '$bin/coffer' node join --token '$(uri 3)' --domain $domain --secret-file '$work/token-many' --no-wait --quiet; kill -CONT $(pid 1)"
check "node 3 joins" join 3
within 10 "node 3 is open" is 3 open
equal "one node more" "$(list '.nodes | length')" $((before + 1))
check "node 3 decrypts" on 3 decrypt -i "$work/m" -o "$work/o"

# ---- over ----
fresh 2 "over"
ended() { [[ $(row short) == over* ]]; }
within 75 "the short one is over" ended
refused "over" 1 'is over' with_secret file "$short" "$work/join" 2
nothing_left "over" 2

# ---- a node that is removed takes every open token with it: it could read the record of each ----
gone=$(on 3 status --json | jq -r .node)
removed=$(on 1 node remove "$gone" --json | jq -r '"\(.node) \(.enrolments_revoked)"')
matches "node 3 is removed, and how many tokens with it is said" "$removed" "^$gone [12]\$"
equal "removed: none is open" "$(on 1 node enrolments --json | jq '[.enrolments[] | select(.state == "open")] | length')" 0
matches "removed: node 1's log says so" "$(on 1 audit show --limit 1000)" "NodeRemove +ok +.*removed; [12] enrolment token\(s\) revoked"
fresh 3 "removed"
refuse "removed: it does not come back by a token of before" 'was revoked' "$(cat "$work/token-many")"
again=$(enrol again)
check "removed: a new one admits a new node" with_secret file "$again" "$work/join" 3 --name again
within 10 "removed: it is open" is 3 open

# ---- a node with a database role of its own is shut out of the database (operations.md section 17) ----
postgres_of_sandbox
sql() { pg_sql admin admin-password "$1"; }
check "own role: made" sql "CREATE ROLE coffer_3 LOGIN NOINHERIT CONNECTION LIMIT 64 PASSWORD 'third'; GRANT coffer TO coffer_3; GRANT CONNECT ON DATABASE coffer TO coffer_3; ALTER ROLE coffer_3 SET role = 'coffer'"
cp -p "$database/passfile" "$database/passfile-3"
echo '*:*:*:coffer_3:third' >"$database/passfile-3"
home=$dir/node-3
sed -i "s|user=coffer |user=coffer_3 |; s|^store_passfile = .*|store_passfile = $database/passfile-3|" "$home/cofferd.conf"
stop_daemon
use_sandbox
start_daemon "own role: node 3 starts"
within 20 "own role: and is open" is 3 open
equal "own role: it is its own" "$(sql "SELECT count(*) > 0 FROM pg_stat_activity WHERE usename = 'coffer_3'")" t
check "own role: it writes" on 3 key create of-3
judge_logs 1,3
check "own role: it is removed" on 1 node remove again
within 10 "own role: it closes" is 3 fault
check "own role: dropped" sql "ALTER ROLE coffer_3 NOLOGIN; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'coffer_3'; DROP OWNED BY coffer_3; DROP ROLE coffer_3"
matches "own role: nobody comes in by it" "$(PGPASSWORD=third "$pgbin/psql" -X -h "$database" -U coffer_3 -d coffer -c 'SELECT 1' 2>&1)" 'authentication failed|does not exist'

check "the store is whole" on 1 store check
check "audit log of node 1" on 1 audit verify
finish
