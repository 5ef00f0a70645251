#!/bin/bash
# Bad input: one sentence, the right exit status, nothing lost and nothing changed.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
begin bad
start_sandbox --token "${1:-softhsm}" --set request_timeout=1s
use_sandbox
coffer key create k >/dev/null
echo hello >"$work/p"
coffer encrypt -k k -c a=1 -i "$work/p" -o "$work/m"
head -c 3000000 /dev/urandom >"$work/big"
coffer encrypt -k k -c a=1 -i "$work/big" -o "$work/st"
before=$(coffer key list --json | md5sum)

equal "no command: usage" "$(coffer >/dev/null 2>&1; echo $?)" 2
refused "unknown command" 2 "did you mean 'status'" coffer statsu
refused "unknown option" 2 "did you mean '--key'" coffer encrypt --kye k
refused "missing value" 2 'wants a value' coffer encrypt --key
refused "too many words" 2 'unexpected argument' coffer status now
refused "missing --key" 2 'key NAME is needed' coffer encrypt -i "$work/p"
refused "a context without =" 2 'NAME=VALUE' coffer encrypt -k k -c oops -i "$work/p"
refused "a doubled context name" 2 'twice' coffer encrypt -k k -c a=1 -c a=2 -i "$work/p"
refused "missing file" 1 'No such file' coffer encrypt -k k -i "$work/none" -o "$work/out"
refused "a folder as input" 1 'folder' coffer encrypt -k k -i "$work" -o "$work/out"
refused "an output folder that is not there" 1 'cannot be written' coffer encrypt -k k -i "$work/p" -o "$work/none/out"
refused "no such key" 1 "no (such )?key|there is no" coffer encrypt -k nobody -i "$work/p" -o "$work/out"
refused "no such key to show" 1 'there is no key' coffer key show nobody
refused "the name is taken" 1 'taken' coffer key create k
refused "no such algorithm" 1 'not supported' coffer key create x --algorithm rot13
refused "no such role" 1 'no such role' coffer grant --to unix:1 --role king
refused "no such principal" 1 'principal' coffer grant --to nobody --role auditor
refused "the last administrator" 1 'last administrator' coffer revoke-grant --to "unix:$(id -u)" --role administrator
refused "an active key is not destroyed" 1 'active|revoke' coffer key destroy k
refused "no such reason" 1 'no reason' coffer key revoke k --reason boredom
refused "init twice" 1 'initialised already' coffer init --token tpm2:x --no-recovery
refused "no daemon" 3 'no daemon answers' coffer status --socket "$work/none.sock"

absent "no output was left behind" "$work/out"

refused "another context" 1 'context' coffer decrypt -c a=2 -i "$work/m" -o "$work/out"
refused "no context" 1 'context' coffer decrypt -i "$work/m" -o "$work/out"
refused "plain text" 1 'not a sealed|foreign|not Coffer' coffer decrypt -i "$work/p" -o "$work/out"
refused "an empty file" 1 'too early|not a sealed|not Coffer' coffer decrypt -i /dev/null -o "$work/out"
flipped() { cp "$1" "$work/flipped"; flip "$work/flipped" "$2"; } # flipped FILE OFFSET: a copy with one bit changed
for at in 0 4 5 7 9 27 30 55 60; do
  flipped "$work/m" $at
  refused "a message with byte $at changed" 1 . coffer decrypt -c a=1 -i "$work/flipped" -o "$work/out"
done
for at in 0 5 6 30 62 70 99 200000 1048700 2999999; do
  flipped "$work/st" $at
  refused "a stream with byte $at changed" 1 . coffer decrypt -c a=1 -i "$work/flipped" -o "$work/out"
done
for len in 3 51 67; do
  head -c $len "$work/m" >"$work/cut"
  refused "a message cut to $len bytes" 1 . coffer decrypt -c a=1 -i "$work/cut" -o "$work/out"
done
refused "a large file that is not sealed" 1 'not sealed by Coffer' coffer decrypt -i "$work/big" -o "$work/out"
for len in 50 99 110 1000 1048691 1048692 2097267 2097268 2999000; do
  head -c $len "$work/st" >"$work/cut"
  refused "a stream cut to $len bytes" 1 . coffer decrypt -c a=1 -i "$work/cut" -o "$work/out"
done
seg=1048592
{ head -c 99 "$work/st"; tail -c +$((100 + seg)) "$work/st" | head -c $seg; head -c $((99 + seg)) "$work/st" | tail -c $seg; tail -c +$((100 + 2 * seg)) "$work/st"; } >"$work/swapped"
refused "two segments swapped" 1 . coffer decrypt -c a=1 -i "$work/swapped" -o "$work/out"
{ head -c $((99 + seg)) "$work/st"; tail -c +100 "$work/st"; } >"$work/doubled"
refused "a segment doubled" 1 . coffer decrypt -c a=1 -i "$work/doubled" -o "$work/out"
{ cat "$work/st"; echo more; } >"$work/longer"
refused "bytes behind the end" 1 . coffer decrypt -c a=1 -i "$work/longer" -o "$work/out"
absent "no output was left behind" "$work/out"
equal "no temporary file was left behind" "$(find "$work" -maxdepth 1 -name '*.part-*' | wc -l)" 0
equal "a pipe tells by its exit status" "$(coffer decrypt -c a=1 -i "$work/cut" >/dev/null 2>&1; echo $?)" 1

echo precious >"$work/keep"
coffer decrypt -c a=2 -i "$work/m" -o "$work/keep" 2>/dev/null
equal "a failed decrypt leaves the old file" "$(cat "$work/keep")" precious

mkdir -p "$work/full"
if mount -t tmpfs -o size=1M tmpfs "$work/full" 2>/dev/null; then
  refused "a full disk" 1 'No space' coffer encrypt -k k -i "$work/big" -o "$work/full/out"
  equal "and nothing stays on it" "$(find "$work/full" -type f | wc -l)" 0
  umount "$work/full"
else
  echo "note: no rights to mount a small disk here; the full-disk case of the output was left out"
fi

if [ "$(id -u)" = 0 ]; then
  refused "a stranger may not create keys" 1 'may not create keys' as_stranger key create s
  refused "nor see this one" 1 'no (such )?key|there is no' as_stranger key show k
  refused "nor use it" 1 . as_stranger encrypt -k k -i "$work/p"
  refused "nor read the audit log" 1 'may not' as_stranger audit show
  refused "nor give roles" 1 'may not' as_stranger grant --to unix:65533 --role administrator
  check "a role lets the stranger in" coffer grant --to unix:65533 --role key-user
  check "to use the key" as_stranger encrypt -k k -i "$work/p" -o /dev/null
  refused "but not to destroy it" 1 'may not' as_stranger key destroy k
  check "the role is taken away" coffer revoke-grant --to unix:65533 --role key-user
  refused "and the stranger is out" 1 . as_stranger encrypt -k k -i "$work/p"
  matches "refusals stand in the audit log" "$(coffer audit show)" 'unix:65533 +(Create|CofferSeal|Seal) +[A-Z]'
fi

# Ended while it asks for a secret: the terminal shows again what is typed.
cat >"$work/ended.py" <<'TXT'
import fcntl, os, signal, sys, termios, time
master, slave = os.openpty()
echo = lambda: bool(termios.tcgetattr(slave)[3] & termios.ECHO)
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    os.execv(sys.argv[1], sys.argv[1:])
end = time.monotonic() + 10
while echo() and time.monotonic() < end:
    time.sleep(0.01)
hidden = not echo()
os.kill(pid, signal.SIGINT)
_, status = os.waitpid(pid, 0)
sys.exit(0 if hidden and os.WIFSIGNALED(status) and echo() else 1)
TXT
check "ended while it asks, it leaves a terminal with echo" python3 "$work/ended.py" "$bin/coffer" recovery test

refused "a file for a secret that is empty is named" 1 '/dev/null is empty' coffer recovery test --share-file /dev/null
matches "a word that several commands begin with lists them" "$(coffer backup --help)" 'backup verify'
refused "without --help too, but it is no command" 2 '' coffer backup

check "raw frames" python3 -B "$top/tests/integration/raw_frames.py" "$COFFER_SOCKET"
equal "nothing was changed" "$(coffer key list --json | md5sum)" "$before"
check "the daemon serves as before" is_ready
finish
