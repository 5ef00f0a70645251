#!/bin/bash
# What the stories of the rollback anchor share: state folders that are kept and put back, TPMs that come and go, and how a node that is behind its counter answers. Sourced behind lib.sh.
# shellcheck disable=SC2154  # from lib.sh

state=$home/state
save() { rm -rf "${work:?}/$1"; cp -a "$state" "$work/$1"; }
put_back() { rm -rf "${state:?}"; cp -a "$work/$1" "$state"; }

tpm_start() { # tpm_start FOLDER SOCKET PIDFILE: the TPM whose state is in FOLDER, as the user of the token helper
  local as=()
  [ "$(id -u)" != 0 ] || as=(setpriv --reuid 64202 --regid 64202 --clear-groups)
  (cd / && umask 077 && exec setsid "${as[@]}" swtpm socket --tpm2 --tpmstate "dir=$1" --server "type=unixio,path=$2" --ctrl "type=unixio,path=$2.ctrl" \
    --flags not-need-init,startup-clear --pid "file=$3" </dev/null >>"$work/swtpm.log" 2>&1) &
  within 10 "the TPM is there" test -S "$2"
}
tpm_stop() { # tpm_stop SIGNAL PIDFILE: and its sockets, which lie beside its pid file, are gone
  local pid; pid=$(cat "$2")
  kill "-$1" "$pid"
  within 10 "the TPM is off" has_ended "$pid"
  rm -f "$(dirname "$2")"/*.sock*
}

opens_again() { # opens_again WHAT
  start_daemon "$1: it starts"
  within 20 "$1: it opens by itself" is_ready
}
sealed_key() { # a key, and a message sealed with it: what still opens
  coffer key create k >/dev/null || bad "a key"
  printf before | coffer encrypt -k k -o "$work/m"
  within 20 "there is a counter" status_is .rollback.protection 'counter in the token'
}
doomed_key() { coffer key create doomed >/dev/null && printf gone | coffer encrypt -k doomed -o "$work/d" || bad "the doomed key"; } # what must not come back: destroyed later on
destroy_doomed() { coffer key revoke doomed --reason key-compromise >/dev/null && check "$1: a key is destroyed" coffer key destroy doomed; }
is_behind() { # is_behind WHAT: the node found that its store is the older one
  within 20 "$1: the node is at fault" status_is .state fault
  matches "$1: and says why" "$(status_field .note)" '^rollback: the store is older than this node has been.*coffer store accept --rollback'
  refused "$1: what was destroyed does not decrypt" 1 'stopped serving' coffer decrypt -i "$work/d" -o "$work/o"
}
