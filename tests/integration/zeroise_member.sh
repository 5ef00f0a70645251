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
domain=$(status_field .domain.fingerprint)
out=$(coffer zeroise --domain "$domain" 2>&1) && ok "it is zeroised" || bad "it is zeroised" "$out"
within 20 "the folder is wiped" grep -q 'zeroise: done' "$home/cofferd.log"
equal "the token has nothing of Coffer's" "$(objects_in_token softhsm)" ""
finish
