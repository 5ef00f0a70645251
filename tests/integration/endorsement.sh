#!/bin/bash
# Appliances join by the endorsement certificate of their TPM: an administrator lists it, the master server challenges the TPM, which shows that the node's transport key is in it. What is not listed, admitted its
# node, left the list meanwhile, or is no TPM with a certificate is refused in one sentence; whoever is killed goes on.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin endorsement
keep_softhsm
start_sandbox --token softhsm,swtpm,swtpm,softhsm --store postgres --nodes 4 --no-join --set lease_time=3s --set refresh_interval=500ms
on() { local n=$1; shift; COFFER_SOCKET=$dir/node-$n/coffer.sock timeout 60 "$bin/coffer" "$@"; }
domain=$(on 1 status --json | jq -r .domain.fingerprint)
join() { local n=$1; shift; on "$n" node join --token "$(cat "$dir/node-$n/uri")" --domain "$domain" "$@"; }
is() { [ "$(on "$1" status --json 2>/dev/null | jq -r .state)" = "$2" ]; }
pid() { cat "$dir/node-$1/cofferd.pid" 2>/dev/null; }
new() { [ -n "$(pid "$1")" ] && [ "$(pid "$1")" != "$2" ] && [ -n "$(on "$1" status --json 2>/dev/null | jq -r .state)" ]; }
kill_daemon() { local old; old=$(pid "$1"); kill -9 "$old"; within 20 "$2: a new daemon answers" new "$1" "$old"; }
master1() { [[ $(on 1 node remove nobody 2>&1) == *'no node of this domain'* ]]; }
challenged() { on 1 node list --json | jq -e '.waiting[] | select(.state == "challenged")'; }
listed() { on 1 node trusted-eks --json | jq -r ".certificates[] | select(.name == \"$1\") | \"\(.state) \(.digest)\""; }
nothing_left() { absent "$1: nothing is left of the join" "$dir/node-$2/state/pending"; }
refuse() { refused "$1" 1 "$2" join "$3" --endorsement; nothing_left "$1" "$3"; }
# The maker's part, while no daemon has the TPM open: certify NODE ecc|rsa INDEX
certify() {
  local at=$work/ek-$1
  mkdir "$at" && (cd "$at" && export TPM2TOOLS_TCTI=swtpm:path=$dir/node-$1/token/swtpm.sock && tpm2_createek -c ek.ctx -G "$2" -u ek.pem -f pem && tpm2_flushcontext -t &&
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=maker -days 9 &&
    openssl x509 -new -force_pubkey ek.pem -subj /CN=ek -CA ca.pem -CAkey ca.key -days 9 -out cert.pem && openssl x509 -in cert.pem -outform DER -out cert.der &&
    tpm2_nvdefine "$3" -C p -s $(($(stat -c %s cert.der) + 50)) -a 'ppwrite|ppread|ownerread|authread|no_da|platformcreate' && tpm2_nvwrite "$3" -C p -i cert.der) >/dev/null 2>&1
}

# ---- no certificate, no TPM ----
within 10 "node 1 is master server" master1
refused "a TPM without a certificate" 1 'holds no endorsement certificate' join 2 --endorsement
refused "what is no TPM" 1 'has no endorsement certificate' join 4 --endorsement
check "the request without one goes on" join 4 --no-wait --quiet
check "TPM 2 has a certificate" certify 2 ecc 0x01C0000A
check "TPM 3 has one, of an RSA key" certify 3 rsa 0x01C00002
two=$(sha256sum <"$work/ek-2/cert.der" | cut -d' ' -f1)
three=$(openssl x509 -in "$work/ek-3/cert.pem" -noout -fingerprint -sha256 | cut -d= -f2)

# ---- the list ----
refuse "not listed" 'the endorsement certificate of its TPM is not listed' 2
refused "no certificate" 1 'holds no certificate' on 1 node trust-ek "$work/ek-2/ek.pem"
refused "no digest" 2 '64 hex digits' on 1 node trust-ek --digest 00
check "listed, from PEM" on 1 node trust-ek "$work/ek-2/cert.pem" --name rack-2
equal "it is" "$(listed rack-2)" "open $two"
refused "once only" 1 "is listed as 'rack-2'" on 1 node trust-ek --digest "$two"
refused "node 2 lists none" 4 'initialised' on 2 node trust-ek --digest "$two"

# ---- a node joins by it: each side is killed in between ----
asked=$(join 2 --endorsement --no-wait --json | jq -r '"\(.by) \(.certificate) \(.node)"')
matches "asked" "$asked" "^endorsement certificate $two "
within 10 "challenged" challenged
kill_daemon 2 "challenged"
kill_daemon 1 "challenged"
within 20 "challenged: node 1 is master server again" master1
check "the data key is changed meanwhile" on 1 rotate data-key --quiet
check "the same command: node 2 joins" join 2
within 10 "node 2 is open" is 2 open
id=${asked##* }
equal "a member, by who listed it" "$(on 1 node list --json | jq -r ".nodes[] | select(.id == \"$id\") | \"\(.state) \(.by) \(.approved_by)\"")" "member endorsement certificate unix:$(id -u)"
equal "the certificate is used" "$(listed rack-2)" "used $two"
nothing_left "joined" 2
matches "node 1's log says so" "$(on 1 audit show --limit 1000)" "node +NodeApprove +ok +node $id '.*' may join by endorsement certificate 'rack-2': fingerprint"
matches "node 1's log says who listed it" "$(on 1 audit show --limit 1000)" "NodeTrust +ok +.*endorsement certificate 'rack-2' listed: SHA-256 $two"
head -c 100000 /dev/urandom >"$work/p"
check "a key is made on node 1" on 1 key create disk
check "encrypted on node 1" on 1 encrypt -k disk -i "$work/p" -o "$work/m"
check "decrypted on node 2" on 2 decrypt -i "$work/m" -o "$work/o"
same "the same" "$work/p" "$work/o"

# ---- taken off the list between challenge and proof ----
check "listed, by the fingerprint that openssl shows" on 1 node trust-ek --digest "$three" --name rack-3
check "node 3 asks" join 3 --endorsement --no-wait --quiet
within 10 "node 3 is challenged" challenged
check "not listed any more" on 1 node untrust-ek rack-3
refuse "left the list" 'is not listed' 3
matches "node 1's log has the refusal" "$(on 1 audit show --limit 1000 --failed)" 'NodeApprove +.*may not join: the endorsement certificate of its TPM is not listed'

# ---- once for each entry; a removal ends those that nobody used ----
check "listed again" on 1 node trust-ek "$work/ek-3/cert.der" --name rack-3
check "and one more" on 1 node trust-ek --digest "${two:2}00" --name spare
check "node 3 joins" join 3 --endorsement
within 10 "node 3 is open" is 3 open
check "node 3 decrypts" on 3 decrypt -i "$work/m" -o "$work/o"
judge_logs 1,2,3
gone=$(on 3 status --json | jq -r .node)
removed=$(on 1 node remove "$gone" --json | jq -r '"\(.node) \(.certificates_unlisted)"')
equal "node 3 is removed, and the other entry with it" "$removed" "$gone 1"
equal "the spare one is gone" "$(listed spare)" ""
matches "its own stays, used" "$(listed rack-3)" '^used '
monitor=$(cat "$dir/node-3/monitor.pid")
kill -TERM "$monitor"
within 30 "node 3 is stopped" has_ended "$monitor"
find "$dir/node-3/state" -mindepth 1 -delete
check "node 3 starts as on its first day" "$sandbox" start --dir "$dir" --no-join --quiet
refuse "not a second time" "the endorsement certificate 'rack-3' admitted node $gone" 3
check "the store is whole" on 1 store check
finish
