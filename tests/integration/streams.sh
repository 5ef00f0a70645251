#!/bin/bash
# coffer encrypt and decrypt of sealed streams, through memory shared with the daemon and in messages: the same bytes, in little memory, and nothing written when
# the key or the daemon goes away meanwhile.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
begin streams
keep_softhsm
start_sandbox --token softhsm
use_sandbox
coffer key create bulk >/dev/null
mib=$((1024 * 1024))
seed=${SEED:-$RANDOM}
echo "seed $seed"

# bytes N: that many, from the seed.
bytes() { openssl enc -aes-128-ctr -pbkdf2 -iter 1 -pass "pass:$seed-$1" -nosalt -in /dev/zero 2>/dev/null | head -c "$1"; }

sizes=("$mib" $((mib + 1)) $((2 * mib)) $((3 * mib - 1)) $((9 * mib + 5)) $((24 * mib)) $((17 * mib + 65536)))
for size in "${sizes[@]}"; do
  bytes "$size" >"$work/plain"
  for sealing in "" --no-ring; do
    coffer encrypt -k bulk -c "size=$size" $sealing -i "$work/plain" -o "$work/sealed" || bad "$size bytes are sealed $sealing"
    segments=$(((size + mib - 1) / mib))
    wanted=$((size == mib ? size + 68 : 99 + size + 16 * segments))
    equal "$size bytes are sealed as long as they must be${sealing:+, $sealing}" "$(stat -c %s "$work/sealed")" $wanted
    for opening in "" --no-ring; do
      rm -f "$work/out"
      coffer decrypt -c "size=$size" $opening -i "$work/sealed" -o "$work/out"
      same "$size bytes, sealed ${sealing:-in the ring}, opened ${opening:-in the ring}" "$work/plain" "$work/out"
    done
    coffer decrypt -c "size=$size" <"$work/sealed" | cmp -s - "$work/plain" || bad "$size bytes through a pipe"
  done
done
bytes $((5 * mib + 3)) | coffer encrypt -k bulk >"$work/sealed"
bytes $((5 * mib + 3)) >"$work/plain"
check "from a pipe to a pipe" cmp <(coffer decrypt <"$work/sealed") "$work/plain"

# One bit of the last segment, a segment that is missing, two that changed places.
damaged() { # damaged WHAT COMMAND…: makes $work/bad
  local what=$1 opening; shift
  "$@" "$work/sealed" "$work/bad"
  for opening in "" --no-ring; do
    rm -f "$work/out"
    # shellcheck disable=SC2086  # no option, or one
    refused "$what is found${opening:+, $opening}" 1 'altered|does not open|too early' coffer decrypt $opening -i "$work/bad" -o "$work/out"
    absent "and nothing is written" "$work/out"
    equal "nor anything left" "$(find "$work" -name 'out.part*' | wc -l)" 0
  done
}
flip_last() { cp "$1" "$2"; flip "$2" $(($(stat -c %s "$1") - 17)); }
drop_last() { head -c $((99 + 5 * (mib + 16))) "$1" >"$2"; }
swap_two() { { head -c $((99 + mib + 16)) "$1"; tail -c +$((100 + 2 * (mib + 16))) "$1" | head -c $((mib + 16)); tail -c +$((100 + mib + 16)) "$1" | head -c $((mib + 16)); tail -c +$((100 + 3 * (mib + 16))) "$1"; } >"$2"; }
damaged "a changed byte at the end" flip_last
damaged "a stream without its end" drop_last
damaged "two segments in each other's place" swap_two

# A command in the middle of its stream: it has read what is written to descriptor 7, and waits for more.
hold() { # hold ARGUMENT…: of coffer
  rm -f "$work/fifo" "$work/held"
  mkfifo "$work/fifo"
  "$bin/coffer" "$@" <"$work/fifo" >"$work/held.out" 2>"$work/held.err" &
  held=$!
  exec 7>"$work/fifo"
}
let_go() { exec 7>&-; wait "$held"; held_status=$?; }
reaches() { [ "$(status_field .bulk_bytes)" -ge "$1" ]; }

for way in "" --no-ring; do
  before=$(status_field .bulk_bytes)
  # shellcheck disable=SC2086
  hold encrypt -k bulk $way -o "$work/held"
  bytes $((8 * mib)) >&7
  within 20 "a stream is under way${way:+, $way}" reaches $((before + 4 * mib))
  equal "its segments pass ${way:+not }through the ring" "$(status_field .rings.count)" "$([ "$way" ] && echo 0 || echo 1)"
  let_go
  equal "and it ends well" $held_status 0
  bytes $((8 * mib)) >"$work/plain"
  check "with the right bytes" cmp <(coffer decrypt -i "$work/held") "$work/plain"
done
within 5 "a ring goes with its connection" status_is .rings.count 0

# The key is taken away while a stream is under way.
for way in "" --no-ring; do
  name=key${way:+-m}
  coffer key create "$name" >/dev/null
  # shellcheck disable=SC2086
  hold encrypt -k "$name" $way -o "$work/held"
  before=$(status_field .bulk_bytes)
  bytes $((8 * mib)) >&7
  within 20 "a stream is under way${way:+, $way}" reaches $((before + 4 * mib))
  coffer key revoke "$name" -r superseded >/dev/null
  bytes $((8 * mib)) >&7 2>/dev/null
  let_go
  equal "a key that ends meanwhile ends the stream${way:+, $way}" $held_status 1
  equal "with one sentence" "$(wc -l <"$work/held.err")" 1
  absent "and no file" "$work/held"
done

# A signal while a stream is under way: nothing half is left, the old file is what it was, and what is ignored (nohup) does not end it.
for signal in INT TERM HUP QUIT XCPU; do
  echo old >"$work/held"
  before=$(status_field .bulk_bytes)
  rm -f "$work/fifo"
  mkfifo "$work/fifo"
  # A shell ignores some signals for what it puts into the background.
  env --default-signal="$signal" "$bin/coffer" encrypt -k bulk -o "$work/held" <"$work/fifo" 2>"$work/held.err" &
  held=$!
  exec 7>"$work/fifo"
  bytes $((4 * mib)) >&7
  within 20 "a stream is under way, SIG$signal" reaches $((before + 2 * mib))
  kill -"$signal" $held
  let_go
  equal "it ends with the signal" $held_status $((128 + $(kill -l "$signal")))
  equal "the old file is still there" "$(cat "$work/held")" old
  equal "and nothing else" "$(find "$work" -name 'held.part*' | wc -l)" 0
done
rm -f "$work/held" "$work/fifo"
mkfifo "$work/fifo"
(trap '' HUP; exec "$bin/coffer" encrypt -k bulk -o "$work/held" <"$work/fifo" 2>"$work/held.err") &
held=$!
exec 7>"$work/fifo"
before=$(status_field .bulk_bytes)
bytes $((8 * mib)) >&7
within 20 "a stream is under way, SIGHUP ignored" reaches $((before + 4 * mib))
kill -HUP $held
let_go
equal "it goes on after a signal that is ignored" $held_status 0
bytes $((8 * mib)) >"$work/plain"
check "to its end" cmp <(coffer decrypt -i "$work/held") "$work/plain"
rm -f "$work/held"
refused "a full device is a failure" 1 '/dev/full cannot be written: No space left on device$' coffer encrypt -k bulk -i "$work/plain" -o /dev/full
limited() { (ulimit -f 2048; exec "$bin/coffer" encrypt -k bulk -i "$work/plain" -o "$work/held"); }
refused "a file that may not grow is a failure" 1 'File too large; nothing was changed' limited
equal "with nothing left" "$(find "$work" -name 'held*' ! -name '*.err' ! -name '*.out' | wc -l)" 0

# A file that is cut while it is read: what was read is sealed, and said. The pipe holds the command up long before the place of the cut.
truncate -s 64M "$work/plain"
mkfifo "$work/slow"
coffer encrypt -k bulk -i "$work/plain" -o "$work/slow" 2>"$work/cut.err" &
cut=$!
{ head -c 99; truncate -s 32M "$work/plain"; cat; } <"$work/slow" >"$work/held"
cut_status=0
wait "$cut" || cut_status=$?
equal "a file that shrinks is no failure" $cut_status 0
matches "but said" "$(cat "$work/cut.err")" 'plain shrank while it was read: 33554432 bytes are sealed, it had 67108864$'
check "what is left of it is whole" cmp <(coffer decrypt -i "$work/held") "$work/plain"
equal "nothing is said of one that stays" "$(coffer encrypt -k bulk -i "$work/plain" 2>&1 >/dev/null)" ""
equal "nor of the rest of one" "$({ head -c 1000 >/dev/null; coffer encrypt -k bulk -o /dev/null; } <"$work/plain" 2>&1)" ""
rm -f "$work/held" "$work/slow"

# The daemon is killed while a stream is under way.
for way in "" --no-ring; do
  pid=$(cat "$home/cofferd.pid")
  before=$(status_field .bulk_bytes)
  # shellcheck disable=SC2086
  hold encrypt -k bulk $way -o "$work/held"
  bytes $((8 * mib)) >&7
  within 20 "a stream is under way${way:+, $way}" reaches $((before + 4 * mib))
  kill -9 "$pid"
  bytes $((8 * mib)) >&7 2>/dev/null
  let_go
  equal "a daemon that is killed ends the stream${way:+, $way}" $held_status 1
  equal "with one sentence" "$(wc -l <"$work/held.err")" 1
  matches "that says so" "$(cat "$work/held.err")" 'the daemon (closed the connection|hung up)'
  absent "and no file" "$work/held"
  equal "nor anything left" "$(find "$work" -name 'held.part*' | wc -l)" 0
  within 30 "the daemon is back" is_ready
done

# In little memory, whatever the size. A sanitizer's own memory is not measured.
peak() { python3 -c 'import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss if status == 0 else 1 << 30)' "$@"; }
truncate -s 1G "$work/plain"
for way in "" --no-ring; do
  sealed=$work/sealed; [ -z "$way" ] || sealed=/dev/null
  # shellcheck disable=SC2086
  kib=$(peak "$bin/coffer" encrypt -k bulk $way -i "$work/plain" -o "$sealed")
  [ -n "${COFFER_SANITIZED:-}" ] || check "1 GiB is sealed in less than 32 MiB ($kib KiB${way:+, $way})" test "$kib" -lt 32768
  # shellcheck disable=SC2086
  kib=$(peak "$bin/coffer" decrypt $way -i "$work/sealed" -o /dev/null)
  [ -n "${COFFER_SANITIZED:-}" ] || check "and opened ($kib KiB${way:+, $way})" test "$kib" -lt 32768
done
check "and is what it was" cmp <(coffer decrypt -i "$work/sealed") "$work/plain"
rm -f "$work/sealed" "$work/plain"

# A daemon that gives no rings.
pid=$(cat "$home/cofferd.pid")
if grep -q '^ring_memory' "$home/cofferd.conf"; then sed -i 's/^ring_memory = .*/ring_memory = 0/' "$home/cofferd.conf"; else echo 'ring_memory = 0' >>"$home/cofferd.conf"; fi
kill -HUP "$pid"
within 5 "the daemon gives no rings any more" status_is .rings.limit 0
bytes $((6 * mib + 1)) >"$work/plain"
check "then streams are sealed" coffer encrypt -k bulk -i "$work/plain" -o "$work/sealed"
check "and opened" coffer decrypt -i "$work/sealed" -o "$work/out"
same "all the same" "$work/plain" "$work/out"
check "the audit log is whole" coffer audit verify
finish
