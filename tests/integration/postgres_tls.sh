#!/bin/bash
# coffer-stored reaches its server over the network with TLS and verify-full, under its filter and Landlock rules: a domain made before on a Unix socket goes on; a certificate of another authority, one
# for another host, and a server without TLS are refused with the reason, and sealed data stays readable in memory meanwhile.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin postgres-tls
keep_softhsm
start_sandbox --token softhsm --store postgres --set store_connect_ms=2000 --set store_statement_ms=2000
use_sandbox
postgres_of_sandbox
host=127.$((RANDOM % 200 + 20)).$((RANDOM % 200 + 20)).1 # loopback of this run alone
other=${host%.1}.2

# ---- two authorities, a certificate for each host ----
authority() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$work/$1.key" -out "$work/$1.pem" -subj "/CN=$1" -days 2 2>/dev/null; }
certificate() { # certificate NAME AUTHORITY HOST
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$database/$1.key" -out "$work/$1.csr" -subj "/CN=$1" 2>/dev/null
  openssl x509 -req -in "$work/$1.csr" -CA "$work/$2.pem" -CAkey "$work/$2.key" -CAcreateserial -out "$database/$1.pem" -days 2 -extfile <(echo "subjectAltName=IP:$3") 2>/dev/null
  chmod 600 "$database/$1.key"
  [ "$(id -u)" != 0 ] || chown postgres: "$database/$1.key" "$database/$1.pem"
}
authority good; authority wrong
certificate right good "$host"; certificate elsewhere good "$other"; certificate forged wrong "$host"
serve() { # serve CERTIFICATE|off: on the Unix socket and the network
  pg -m immediate stop
  local tls="-c ssl=off"
  [ "$1" = off ] || tls="-c ssl=on -c ssl_cert_file=$database/$1.pem -c ssl_key_file=$database/$1.key"
  pg -o "-c listen_addresses=$host -c unix_socket_directories=$database -c fsync=off -c max_connections=40 $tls" start
}
echo "host all all 127.0.0.0/8 scram-sha-256" >>"$database/data/pg_hba.conf"

# ---- the main job ----
check "a key is made on the Unix socket" coffer key create disk
head -c 5000 /dev/urandom >"$work/p"
check "and sealed with" coffer encrypt -k disk -i "$work/p" -o "$work/m"
stop_daemon
check "the server listens on the network, with TLS" serve right
sed -i "s|^store_conninfo = .*|store_conninfo = host=$host user=coffer dbname=coffer sslmode=verify-full sslrootcert=$work/good.pem channel_binding=require tcp_user_timeout=4000|" "$home/cofferd.conf"
sed 's|^localhost:|*:|; s|^[^:]*:[^:]*:|*:*:|' -i "$database/passfile"
start_daemon "cofferd starts with the server there"
within 20 "and is well" is_ready
check "opens what was sealed" coffer decrypt -i "$work/m" -o "$work/o"
same "which is the same" "$work/p" "$work/o"
check "makes keys" coffer key create tls
equal "over TLS alone" "$(pg_sql admin admin-password "SELECT bool_and(ssl) AND count(*) > 0 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'coffer'")" t

# A node that lost its power says no goodbye: the server's side of its session, which holds the node's lock, asks after seconds whether it is there, and not after the system's two hours.
asked_soon() { ss -Htno state established src "$host" | grep -Eq 'timer:\(keepalive,[0-9.]+(sec|ms)'; }
within 20 "the server asks soon whether the node is there" asked_soon

# ---- what is not the server ----
is_away() { status_is .store_health failed; }
for wrong in "forged:certificate verify failed" "elsewhere:does not match host name" "off:does not support SSL"; do
  check "the server comes back as '${wrong%%:*}'" serve "${wrong%%:*}"
  within 20 "which is not used" is_away
  says() { coffer status | grep -qi "${wrong#*:}" || grep -qi "${wrong#*:}" "$home/cofferd.log"; }
  within 20 "with the reason" says
  check "memory is served" coffer decrypt -i "$work/m" -o "$work/o"
  refused "and nothing is changed" 1 'database' coffer key create never
done
check "the right one is back" serve right
within 20 "the node is well by itself" is_ready
check "and makes keys" coffer key create back
refused "what was refused is not there" 1 'never' coffer key show never
finish
