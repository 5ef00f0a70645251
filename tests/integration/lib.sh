#!/bin/bash
# What every story shares: a private sandbox, checks that count, and an end that leaves nothing behind.
# A story is a bash file that sources this, calls `begin NAME [sandbox arguments]`, checks, and ends with `finish`.
set -uo pipefail

top=${COFFER_SOURCE_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
export COFFER_BUILD=${COFFER_BUILD_DIR:-$top/build}
bin=$COFFER_BUILD/bin
sandbox=$top/scripts/sandbox
passed=0
failed=0
work=""

begin() { # begin NAME: a folder that every user can reach, removed at the end
  work=$(mktemp -d "/tmp/coffer-$1-XXXXXX")
  chmod 755 "$work"
  dir=$work/s
  home=$dir/node-1
  trap cleanup EXIT
}

# For a story that kills what has SoftHSM open: what that loses is put back, until the story ends.
keep_softhsm() { python3 "$top/tests/integration/keep_softhsm.py" $$ "$work" </dev/null >/dev/null 2>&1 & disown; }

# Users of their own for the processes: as root, and where the build can be reached by them.
separate_users() {
  [ "$(id -u)" = 0 ] || return 1
  local p=$bin
  while [ "$p" != / ]; do
    [ $((0$(stat -c %a "$p") & 1)) = 1 ] || return 1
    p=$(dirname "$p")
  done
}
# Lines for a daemon's configuration.
user_settings() {
  if separate_users; then printf 'user_cofferd = 64201\nuser_tokend = 64202\nuser_notify = 64203\n'
  elif [ "$(id -u)" = 0 ]; then printf 'user_cofferd = 0\nuser_tokend = 0\nuser_notify = 0\n'; fi
}
give_to() { # give_to daemon|tokend PATH…
  local who=64201; [ "$1" = daemon ] || who=64202
  shift
  if separate_users; then chown -R "$who:$who" "$@"; fi
}
# A user with no rights at all; the command line is copied to where everybody can run it.
as_stranger() {
  [ -x "$work/coffer" ] || cp "$bin/coffer" "$work/coffer"
  setpriv --reuid 65533 --regid 65533 --clear-groups "$work/coffer" "$@"
}

start_sandbox() { "$sandbox" start --dir "$dir" "$@" >"$work/start.out" 2>&1 || { cat "$work/start.out"; tail -20 "$home/cofferd.log" 2>/dev/null; bad "the sandbox starts"; finish; }; }
use_sandbox() { export COFFER_SOCKET=$home/coffer.sock; }

# The monitor of the sandbox and with it everything that it started: ended, not only told to.
stop_daemon() {
  local monitor
  monitor=$(cat "$home/monitor.pid")
  kill -TERM "$monitor"
  within 30 "stopped" has_ended "$monitor"
}
has_ended() { ! readlink "/proc/$1/exe" >/dev/null; }

cleanup() {
  [ -n "$work" ] || return 0
  "$sandbox" stop --dir "$dir" >/dev/null 2>&1
  [ -n "${COFFER_KEEP:-}" ] || rm -rf "$work"
}

ok() { passed=$((passed + 1)); echo "ok   $1"; }
bad() { failed=$((failed + 1)); echo "BAD  $1"; [ $# -lt 2 ] || printf '     %s\n' "${@:2}"; }

coffer() { "$bin/coffer" "$@"; }

# check WHAT COMMAND…: it succeeds.
check() {
  local what=$1 out; shift
  if out=$("$@" 2>&1); then ok "$what"; else bad "$what" "exit $?: $out"; fi
}

# refused WHAT STATUS PATTERN COMMAND…: it exits with STATUS, says PATTERN (extended regexp) in exactly one line on stderr.
refused() {
  local what=$1 status=$2 pattern=$3 rc=0 err; shift 3
  err=$("$@" 2>&1 >/dev/null) || rc=$?
  if [ $rc != "$status" ]; then bad "$what" "exit $rc instead of $status: $err"
  elif ! grep -qE "$pattern" <<<"$err"; then bad "$what" "does not say /$pattern/: $err"
  elif [ "$(wc -l <<<"$err")" != 1 ]; then bad "$what" "says more than one sentence: $err"
  else ok "$what"; fi
}

# same WHAT A B: two files are equal.
same() { if cmp -s "$2" "$3"; then ok "$1"; else bad "$1" "$2 and $3 differ"; fi; }
equal() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "'$2' is not '$3'"; fi; }
absent() { if [ -e "$2" ]; then bad "$1" "$2 is there"; else ok "$1"; fi; }
matches() { if grep -qE "$3" <<<"$2"; then ok "$1"; else bad "$1" "/$3/ is not in: $2"; fi; }

# within SECONDS WHAT COMMAND…: it succeeds in that time (polled every 50 ms).
within() {
  local seconds=$1 what=$2 left; shift 2
  left=$((seconds * 20))
  until "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    if [ $left -le 0 ]; then bad "$what" "not within $seconds s"; return 1; fi
    sleep 0.05
  done
  ok "$what"
}

flip() { # flip FILE OFFSET: changes one bit of it, in place
  # shellcheck disable=SC2059  # the escape is made here
  printf "\\x$(printf %02x $(($(od -An -tu1 -j"$2" -N1 "$1") ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

status_field() { coffer status --json 2>/dev/null | jq -r "$1"; }
is_ready() { coffer status --quiet; }

# The ways in which a command takes a secret: a descriptor, a file, a systemd credential, a prompt.
# shellcheck disable=SC2034  # of the stories
secret_ways="fd file credential prompt"
with_secret() { # with_secret WAY SECRET COMMAND…
  local way=$1 secret=$2; shift 2
  case $way in
  fd) "$@" --secret-fd 7 7< <(printf '%s' "$secret") ;;
  file)
    (umask 077; printf '%s\n' "$secret" >"$work/secret")
    "$@" --secret-file "$work/secret" ;;
  credential)
    mkdir -p "$work/credentials"
    (umask 077; printf '%s' "$secret" >"$work/credentials/of-coffer")
    env CREDENTIALS_DIRECTORY="$work/credentials" "$@" --secret-credential of-coffer ;;
  prompt) python3 "$top/tests/integration/prompted.py" "$secret" "$@" ;;
  esac
}

# What stands in the sandbox's token, in one line, but for what others put there: a TPM's maker (endorsement key and certificates), the operator of SoftHSM (softhsm-config/provision.sh).
# Of a TPM only while no daemon has it open.
objects_in_token() { # objects_in_token swtpm|softhsm
  if [ "$1" = swtpm ]; then
    local tcti=swtpm:path=$home/token/swtpm.sock
    { tpm2_getcap -T "$tcti" handles-persistent && tpm2_getcap -T "$tcti" handles-nv-index; } 2>&1 | sed 's/^- //' | grep -viE '^0x(8101000|1C0)' | tr '\n' ' ' | sed 's/ $//'
  else
    SOFTHSM2_CONF=$home/token/softhsm2.conf pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --login --pin "$(cat "$home"/token/pin)" -O 2>/dev/null |
      sed -n 's/^ *label: *//p' | grep -vx transport | sort -u | tr '\n' ' ' | sed 's/ $//'
  fi
}
status_is() { [ "$(status_field "$1")" = "$2" ]; }

# A sanitizer that spoke in a process of the sandbox spoke into its log.
check_sanitizers() {
  local found
  found=$(find "$work" -name '*.log' -exec grep -lE 'Sanitizer|runtime error:' {} + 2>/dev/null)
  # shellcheck disable=SC2086  # file names of our own
  [ -z "$found" ] || bad "no sanitizer has anything to say" "$(grep -hE -A12 'Sanitizer|runtime error:' $found | head -30)"
}

finish() {
  check_sanitizers
  echo "$passed passed, $failed failed"
  [ $failed = 0 ]
  exit $?
}

# What speaks to a client, also when it is not open.
answers() { local rc=0; coffer status --quiet || rc=$?; [ $rc = 0 ] || [ $rc = 4 ]; }
start_daemon() { # start_daemon WHAT: after stop_daemon, with the configuration of the sandbox
  setsid "$bin/cofferd" --config "$home/cofferd.conf" </dev/null >>"$home/cofferd.log" 2>&1 &
  within 20 "$1" answers
}

# The sandbox's PostgreSQL: pg and pg_start drive the server, pg_sql USER PASSWORD-FILE STATEMENT asks it.
postgres_of_sandbox() {
  database=$dir/postgres
  pgbin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
  as=()
  [ "$(id -u)" != 0 ] || as=(setpriv --reuid=postgres --regid=postgres --clear-groups --)
}
pg() { (cd / && "${as[@]}" "$pgbin/pg_ctl" -D "$database/data" -w -t 30 -l "$database/data/log" "$@") >/dev/null 2>&1; }
pg_start() { pg -o "-c listen_addresses= -c unix_socket_directories=$database -c fsync=off -c max_connections=40" start; }
pg_sql() { PGPASSWORD=$(cat "$database/$2") "$pgbin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$database" -U "$1" -d coffer -c "$3" 2>&1; }

# asks WHAT COMMAND…: it is refused until a second administrator approves; leaves the id in $asked
asked=""
asks() {
  local what=$1 err; shift
  if err=$("$@" 2>&1 >/dev/null); then bad "$what" "it was done"; return; fi
  asked=$(grep -oE "coffer approve [A-Z2-7]{4}-[A-Z2-7]{4}" <<<"$err" | cut -d' ' -f3)
  if [ -n "$asked" ]; then ok "$what"; else bad "$what" "$err"; fi
}

# witnessed COMMAND…: runs it; where it is `coffer key create|rotate|revoke|destroy NAME`, what was asked and what was acknowledged is kept for judge_nodes.
witnessed() {
  local words=" $* " verb name state=- out rc=0
  if [[ ! $words =~ \ key\ (create|rotate|revoke|destroy)\ ([^ ]+)\  ]]; then "$@"; return; fi
  verb=${BASH_REMATCH[1]} name=${BASH_REMATCH[2]}
  [[ $words != *" key-compromise "* ]] || state=compromised
  echo "asked $verb $name $state" >>"$work/witnessed"
  out=$("$@") || rc=$?
  [ -z "$out" ] || printf '%s\n' "$out"
  [ $rc != 0 ] || echo "yes $verb $name $(grep -oE '[0-9a-f]{8}-[0-9a-f-]{27}' <<<"$out" || echo -)" >>"$work/witnessed"
  return $rc
}
# All nodes of the sandbox, which are open: what must hold of their logs whatever was asked, and that what was acknowledged to `witnessed` is in them once and on every node (tests/failover/oracle.py).
judge_nodes() { # judge_nodes [WHAT]
  judged "${1:+$1: }" "$work/witnessed"
}
# Of some nodes, after others were removed, whose logs nobody can export any more: what must hold of the logs alone.
judge_logs() { # judge_logs N,N…
  judged "nodes $1: " - "$1"
}
judged() { # judged TEXT FOR-judge.py…
  if COFFER_BUILD_DIR=$COFFER_BUILD /usr/bin/python3 -B "$top/tests/failover/judge.py" "$dir" "${@:2}" >"$work/judged" 2>&1; then ok "$1nothing is wrong with the logs: $(tail -1 "$work/judged")"
  else bad "$1something is wrong with the logs" "$(cat "$work/judged")"; fi
}

# What notify_command is told, of every node of the sandbox: make_box before start_sandbox "${box_words[@]}", then tells.
make_box() {
  box=$work/box
  mkdir "$box"
  printf '#!/bin/sh\nline=$(cat)\nprintf "%%s\\n" "$line" >>%s/told\n' "$box" >"$box/command"
  : >"$box/told"
  chmod 777 "$box" "$box/command"
  chmod 666 "$box/told"
  # shellcheck disable=SC2034  # of the stories
  box_words=(--set "notify_command=$box/command" --set notify_retry=200ms)
}
box_count() { # box_count EVENT STATE PATTERN [NODE-ID]
  jq -r --arg event "$1" --arg state "$2" --arg pattern "$3" --arg node "${4:-}" \
    'select(.event == $event and .state == $state and (.sentence | test($pattern)) and ($node == "" or .node == $node)) | .id' "$box/told" | wc -l
}
box_has() { [ "$(box_count "${@:2}")" -ge "$1" ]; }
tells() { # tells WHAT TIMES EVENT STATE PATTERN [NODE-ID]: so often, and no more
  within 20 "$1: notify_command is told $3 $4" box_has "${@:2}"
  equal "$1: that many times" "$(box_count "${@:3}")" "$2"
}
