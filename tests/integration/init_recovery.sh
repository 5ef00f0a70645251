#!/bin/bash
# Recovery at birth: shares proven before anything is kept, a passphrase, none at all; and a crash in the middle of init.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin init
mkdir -p "$dir"
export SOFTHSM2_CONF=""

fresh() { # fresh NAME: an uninitialised daemon on a swtpm of its own
  home=$work/$1
  mkdir -p "$home/state" "$home/token"
  chmod 700 "$home/state" "$home/token"
  swtpm socket --tpm2 --tpmstate "dir=$home/token" --server "type=unixio,path=$home/token/s" --ctrl "type=unixio,path=$home/token/s.ctrl" \
    --flags not-need-init,startup-clear --pid "file=$home/token/pid" </dev/null >/dev/null 2>&1 &
  within 10 "a token" test -S "$home/token/s" -a -s "$home/token/pid"
  {
    echo "socket = $home/coffer.sock"
    echo "state_dir = $home/state"
    echo "pid_file = $home/cofferd.pid"
    echo "monitor_pid_file = $home/monitor.pid"
    echo "secret_memory = 8M"
    user_settings
  } >"$home/cofferd.conf"
  give_to daemon "$home"
  give_to tokend "$home/token"
  export COFFER_SOCKET=$home/coffer.sock
  uri=tpm2:swtpm:path=$home/token/s
  run_daemon
  within 10 "an uninitialised daemon" status_is .state uninitialised
}
run_daemon() { setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 & }
end() {
  kill -TERM "$(cat "$home/monitor.pid")" 2>/dev/null
  within 10 "stopped" test ! -S "$home/coffer.sock"
  kill "$(cat "$home/token/pid")" 2>/dev/null
}

fresh shares
refused "threshold without shares" 2 'together' coffer init --token "$uri" --recovery-threshold 2
refused "more to recover than there are" 2 'more than' coffer init --token "$uri" --recovery-shares 2 --recovery-threshold 3
refused "two ways at once" 2 'choose one' coffer init --token "$uri" --no-recovery --recovery-passphrase
refused "a folder that is not there" 1 'does not exist' coffer init --token "$uri" --recovery-shares 3 --recovery-threshold 2 --recovery-out "$work/none"
refused "shares without a terminal" 1 'terminal' coffer init --token "$uri" --recovery-shares 3 --recovery-threshold 2
equal "an init without its proof keeps nothing" "$(status_field .state)" uninitialised
absent "no identity file" "$home/state/node.id"
if [ "$(id -u)" = 0 ]; then
  refused "a stranger may not initialise" 4 'root' as_stranger init --token "$uri" --no-recovery
fi
mkdir -p "$work/out"
check "init with 2 of 3 shares" coffer init --token "$uri" --recovery-shares 3 --recovery-threshold 2 --recovery-out "$work/out"
equal "three files" "$(find "$work/out" -name 'share-*.txt' | wc -l)" 3
equal "five lines in each share" "$(grep -cE '^[1-5]  ([A-Z2-7]{4}-){6}[A-Z2-7]{4}$' "$work/out/share-1.txt")" 5
matches "each names the domain" "$(cat "$work/out/share-2.txt")" "$(status_field .domain.fingerprint)"
equal "for their keeper's eyes only" "$(stat -c %a "$work/out/share-3.txt")" 600
matches "status names the recovery" "$(status_field .recovery)" '2 of 3'
equal "it is open" "$(status_field .state)" open
leaked=$(sed -n 's/^4  //p' "$work/out/share-1.txt") # a line of secret bytes only
equal "the line that is looked for" "$(grep -cF "$leaked" "$work/out/share-1.txt")" 1
equal "no share in the state or the log" "$(grep -rlaF "$leaked" "$home/state" "$home/cofferd.log" | wc -l)" 0
end

fresh passphrase
printf 'short' >"$work/pass"
refused "a passphrase that is too short" 1 '8' coffer init --token "$uri" --recovery-passphrase --secret-file "$work/pass"
printf 'correct horse battery staple' >"$work/pass"
check "init with a passphrase" coffer init --token "$uri" --recovery-passphrase --secret-file "$work/pass"
matches "status names the recovery" "$(status_field .recovery)" 'passphrase'
end

fresh none
check "init without recovery" coffer init --token "$uri" --no-recovery
matches "stays visible in status" "$(status_field .recovery)" 'none'
end

# kill -9 of cofferd while init runs: afterwards the domain is there whole, or not at all.
fresh crash
mkdir -p "$work/crash-out"
for round in 1 2 3 4 5 6 7 8; do
  [ "$(status_field .state)" = uninitialised ] || break
  rm -f "$work"/crash-out/*
  coffer init --token "$uri" --recovery-shares 3 --recovery-threshold 2 --recovery-out "$work/crash-out" >/dev/null 2>&1 &
  init=$!
  # A little later in every round.
  perl -e "select(undef, undef, undef, 0.02 * $round)"
  kill -9 "$(cat "$home/cofferd.pid")" 2>/dev/null
  wait $init
  within 15 "round $round: it is open, or uninitialised" sh -c "case \"\$('$bin/coffer' status --json | jq -r .state)\" in open|uninitialised) ;; *) false ;; esac"
done
if [ "$(status_field .state)" = uninitialised ]; then
  rm -f "$work"/crash-out/*
  check "init after the crashes" coffer init --token "$uri" --recovery-shares 3 --recovery-threshold 2 --recovery-out "$work/crash-out"
fi
check "and it serves" coffer key create k
end
finish
