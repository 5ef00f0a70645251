#!/bin/bash
# Requests that arrive together are read with one call and answered with one; who pipelines without end does not starve the others; and a daemon that is
# asked nothing uses no processor time, also after it polled for requests (busy_poll).
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
begin pipelined
start_sandbox --token softhsm --set workers=1 --set busy_poll=1000
use_sandbox
here=$(dirname "$0")
pid=$(cat "$home/cofferd.pid")
python=/usr/bin/python3
[ -x "$python" ] || python=python3
batches=40

# ---- one read, one write ----
calls() { grep -cE "$1" "$work/calls"; }
if [ "$(id -u)" = 0 ]; then
  timeout 60 strace -f -q -p "$pid" -e trace=recvfrom,sendto -o "$work/calls" 2>/dev/null &
  tracer=$!
  traced() { grep -qE '^TracerPid:[[:space:]]*[1-9]' "/proc/$pid/status"; }
  within 10 "the daemon is watched" traced
  out=$("$python" "$here/pipelined.py" "$COFFER_SOCKET" batches $batches)
  kill -INT $tracer; wait $tracer 2>/dev/null
  equal "64 requests at a time are answered" "$out" "answered $((batches * 64))"
  reads=$(calls 'recvfrom\(.*= [1-9]')
  writes=$(calls 'sendto\(.*= [1-9]')
  if [ "$writes" -ge $batches ] && [ "$writes" -le $((batches + batches / 4)) ]; then ok "$batches batches, $writes writes"
  else bad "one write for each batch" "$writes for $batches"; fi
  if [ "$reads" -ge $batches ] && [ "$reads" -le $((batches + batches / 4)) ]; then ok "and $reads reads"
  else bad "one read for each batch" "$reads for $batches"; fi
fi

# ---- answers that are larger than what asks for them ----
equal "400 answers of 64 KiB to requests that came together" "$("$python" "$here/pipelined.py" "$COFFER_SOCKET" larger 400)" $((400 * 65536))

# ---- others have their turn ----
read -r answers longest_ms < <("$python" "$here/pipelined.py" "$COFFER_SOCKET" hostile 4)
if [ "${answers:-0}" -ge 20 ] && [ "$longest_ms" -le 2000 ]; then ok "beside eight that push, another one had $answers answers, none later than $longest_ms ms"
else bad "another one is answered beside eight that push" "${answers:-0} answers, the longest after ${longest_ms:-?} ms"; fi
gone_again() { status_is .connections 1; }
within 15 "they leave nothing behind" gone_again

# ---- nobody asks ----
cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }
quiet() { # a second in which at most one tick was used: timers and the scrub are allowed that
  local before
  before=$(cpu_ticks)
  sleep 1
  [ $(($(cpu_ticks) - before)) -le 1 ]
}
within 30 "a daemon that is asked nothing uses no processor time" quiet
equal "the daemon is the same process" "$(cat "$home/cofferd.pid")" "$pid"
finish
