#!/bin/bash
# Two nodes of one domain on PostgreSQL as Patroni runs it (docs/domain.md, "Two appliances"): two members with a synchronous standby, etcd beside them, TLS with verify-full between
# coffer-stored and the servers. A switchover, and the primary server with its Patroni killed under load: what was acknowledged is there, and both nodes are well by themselves.
# Skips where Patroni or etcd are not installed, or without root (Patroni runs as postgres).
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
for program in patroni patronictl etcd; do
  command -v $program >/dev/null || { echo "SKIPPED: $program is not installed (apt-get install patroni etcd-server python3-etcd)"; exit 77; }
done
[ "$(id -u)" = 0 ] || { echo "SKIPPED: not root"; exit 77; }
begin patroni
pgbin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
net=127.$((RANDOM % 200 + 20)).$((RANDOM % 200 + 20)) # loopback of this run alone
ha=$work/ha
mkdir -p "$ha"
chown postgres: "$ha"
as_postgres() { (cd / && HOME=$ha exec setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"); }
started=()
declare -A pid_of
begin_process() { # begin_process NAME COMMAND…
  local name=$1; shift
  (cd / && HOME=$ha exec setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@") </dev/null >>"$ha/$name.log" 2>&1 &
  started+=($!)
  pid_of[$name]=$!
}
cleanup_ha() {
  cleanup_nodes
  kill -TERM "${started[@]}" 2>/dev/null
  wait "${started[@]}" 2>/dev/null
  for n in 1 2; do [ ! -f "$ha/db$n/postmaster.pid" ] || as_postgres "$pgbin/pg_ctl" -D "$ha/db$n" -m immediate -w -t 20 stop >/dev/null 2>&1; done
  [ -n "${COFFER_KEEP:-}" ] || rm -rf "$work"
}
cleanup_nodes() { "$sandbox" stop --dir "$dir" >/dev/null 2>&1; }
trap cleanup_ha EXIT

# ---- certificates, etcd, two members ----
secret() { head -c 18 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
admin=$(secret); replica=$(secret); own=$(secret)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$ha/ca.key" -out "$work/ca.pem" -subj "/CN=databases" -days 2 2>/dev/null
for n in 1 2; do
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$ha/db$n.key" -out "$ha/db$n.csr" -subj "/CN=db$n" 2>/dev/null
  openssl x509 -req -in "$ha/db$n.csr" -CA "$work/ca.pem" -CAkey "$ha/ca.key" -CAcreateserial -out "$ha/db$n.pem" -days 2 \
    -extfile <(echo "subjectAltName=IP:$net.$n") 2>/dev/null
done
chown postgres: "$ha"/db?.key "$ha"/db?.pem
chmod 600 "$ha"/*.key
sed -e "s|@ROLES@|$top/packaging/postgres/roles.sql|" >"$ha/made.sh" <<'SH'
#!/bin/sh
# Patroni runs this once, on the first primary server, with its connection string.
set -e
psql -X -q -d "$1" -c 'CREATE DATABASE coffer'
psql -X -q -v ON_ERROR_STOP=1 -v role=coffer -v schema=coffer -d "$1 dbname=coffer" -f "$(dirname "$0")/roles.sql"
psql -X -q -d "$1" -c "ALTER ROLE coffer PASSWORD '$(cat "$(dirname "$0")/own")'"
SH
cp "$top/packaging/postgres/roles.sql" "$ha/roles.sql"
printf %s "$own" >"$ha/own"
chmod 755 "$ha/made.sh"
chown postgres: "$ha/made.sh" "$ha/own" "$ha/roles.sql"
member() { # member N: its configuration
  sed -e "s|@HA@|$ha|g; s|@NET@|$net|g; s|@N@|$1|g; s|@BIN@|$pgbin|; s|@ADMIN@|$admin|; s|@REPLICA@|$replica|" "$top/docs/examples/patroni.yml" >"$ha/db$1.yml"
  chown postgres: "$ha/db$1.yml"
}
member 1; member 2
begin_process etcd etcd --name e1 --data-dir "$ha/etcd" --listen-client-urls "http://$net.9:2379" --advertise-client-urls "http://$net.9:2379" \
  --listen-peer-urls "http://$net.9:2380" --initial-advertise-peer-urls "http://$net.9:2380" --initial-cluster "e1=http://$net.9:2380"
begin_process db1 patroni "$ha/db1.yml"
says_yes() { # says_yes N PATH: Patroni's own health check of member N
  local line=""
  {
    printf 'GET /%s HTTP/1.0\r\n\r\n' "$2" >&9
    read -r -t 5 line <&9
    timeout 5 cat <&9 >/dev/null
  } 9<>"/dev/tcp/$net.$1/8008"
  [[ $line == *" 200 "* ]]
}
is_leader() { says_yes "$1" leader; }
synchronous() { says_yes "$1" synchronous; }
within 60 "Patroni makes the first server" is_leader 1
begin_process db2 patroni "$ha/db2.yml"
within 60 "and a synchronous standby" synchronous 2

# ---- two nodes on them ----
printf '*:*:coffer:coffer:%s\n' "$own" >"$work/passfile"
chown 64204 "$work/passfile"
chmod 600 "$work/passfile"
start_sandbox --token swtpm,softhsm --nodes 2 --store postgres --passfile "$work/passfile" --set lease_time=5s \
  --database "host=$net.1,$net.2 user=coffer dbname=coffer sslmode=verify-full sslrootcert=$work/ca.pem channel_binding=require tcp_user_timeout=3000" \
  --set store_connect_ms=2000 --set store_statement_ms=2000
at() { witnessed "$bin/coffer" "${@:2}" --socket "$dir/node-$1/coffer.sock"; }
seals() { at "$1" encrypt -k disk -i "$work/p" -o "$work/m-$1"; }
opens() { at "$1" decrypt -i "$work/m" -o "$work/o-$1" && cmp -s "$work/p" "$work/o-$1"; }
head -c 5000 /dev/urandom >"$work/p"
check "a key at node 1" at 1 key create disk
check "seals" at 1 encrypt -k disk -i "$work/p" -o "$work/m"
check "node 2 opens it" opens 2
encrypted() { as_postgres env PGPASSWORD="$admin" psql -X -q -A -t -h "$net.1" -U admin -d coffer -c "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'coffer'"; }
equal "every connection of coffer-stored is by TLS" "$(encrypted)" t

# ---- clients make keys meanwhile, ten a second, and note what was acknowledged ----
touch "$work/go"
load() {
  local i=0
  while [ -e "$work/go" ]; do
    i=$((i + 1))
    if at "$1" key create "made-$1-$i" >/dev/null 2>&1; then echo "made-$1-$i"; fi
    sleep 0.1
  done >"$work/acknowledged-$1"
}
loops=()
for n in 1 2; do load $n & loops[${#loops[@]}]=$!; done
more_than() { [ "$(wc -l <"$work/acknowledged-1")" -gt $(($1 + 10)) ] && [ "$(wc -l <"$work/acknowledged-2")" -gt $(($2 + 10)) ]; }
within 30 "under load" more_than 0 0

# ---- a switchover ----
check "a switchover" as_postgres patronictl -c "$ha/db1.yml" switchover --master db1 --candidate db2 --force
within 40 "the other server leads" is_leader 2
made_1=$(wc -l <"$work/acknowledged-1"); made_2=$(wc -l <"$work/acknowledged-2")
within 40 "both nodes make keys again" more_than "$made_1" "$made_2"
within 60 "the former one follows" synchronous 1

# ---- the primary server and its Patroni killed ----
opens 1 && opens 2 && ok "both nodes open" || bad "both nodes open"
begun=$(date +%s%3N)
{ kill -9 "${pid_of[db2]}"; wait "${pid_of[db2]}"; } 2>/dev/null
kill -9 "$(head -1 "$ha/db2/postmaster.pid")"
opens 1 && opens 2 && ok "with no server both nodes open" || bad "with no server both nodes open"
within 90 "Patroni promotes the standby" is_leader 1
made_1=$(wc -l <"$work/acknowledged-1"); made_2=$(wc -l <"$work/acknowledged-2")
within 60 "both nodes make keys again" more_than "$made_1" "$made_2"
echo "     $(($(date +%s%3N) - begun)) ms from the kill (Patroni's ttl is 20 s)"
begin_process db2 patroni "$ha/db2.yml"
within 90 "the killed one comes back as the standby" synchronous 2

# ---- nothing is lost ----
rm "$work/go"
wait "${loops[@]}"
for n in 1 2; do within 30 "node $n is well" at $n status --quiet; done
for n in 1 2; do at $n key list --json | jq -r '.[].name' | sort >"$work/there-$n"; done
sort "$work"/acknowledged-* >"$work/acknowledged"
equal "of $(wc -l <"$work/acknowledged") keys that were acknowledged none is missing at node 1" "$(comm -23 "$work/acknowledged" "$work/there-1" | wc -l)" 0
equal "nor at node 2" "$(comm -23 "$work/acknowledged" "$work/there-2" | wc -l)" 0
equal "none is there twice" "$(uniq -d "$work/there-1" | wc -l)" 0
for n in 1 2; do
  within 30 "node $n: the store is whole" at $n store check
  check "node $n: every link of its audit log verifies" at $n audit verify
  within 10 "node $n seals" seals $n
done
equal "one master server" "$(for n in 1 2; do at $n status --json | jq -r .lead.role; done | grep -c master)" 1
judge_nodes
finish
