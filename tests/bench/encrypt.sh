#!/bin/bash
# Throughput of `coffer encrypt` and `decrypt` on one file beside the raw cipher (openssl speed) and a plain copy of the file, in one run.
# It reports; it judges nothing. usage: tests/bench/encrypt.sh [MEGABYTES]   (a release build in build/, or $COFFER_BUILD)
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
megabytes=${1:-256}
runs=${RUNS:-5}
export COFFER_BUILD=${COFFER_BUILD:-$top/build}
work=$(mktemp -d /tmp/coffer-bench-XXXXXX)
chmod 755 "$work"
cleanup() { "$top/scripts/sandbox" stop --dir "$work/s" >/dev/null 2>&1 || true; rm -rf "$work"; }
trap cleanup EXIT
"$top/scripts/sandbox" start --dir "$work/s" --quiet
eval "$("$top/scripts/sandbox" env --dir "$work/s")"
coffer key create bench --quiet >/dev/null
head -c "${megabytes}M" /dev/urandom >"$work/plain"
coffer encrypt --quiet -k bench -i "$work/plain" -o "$work/sealed"

median() { sort -n | awk '{v[NR]=$1} END {print v[int((NR + 1) / 2)]}'; }
rate() { # rate COMMAND…: MiB/s, one run
  local begin end
  begin=$(date +%s%N); "$@" >/dev/null; end=$(date +%s%N)
  awk -v mb="$megabytes" -v ns=$((end - begin)) 'BEGIN { printf "%.0f\n", mb * 1e9 / ns }'
}
measure() { # measure NAME COMMAND…
  local name=$1 i; shift
  for ((i = 0; i < runs; i++)); do rate "$@"; done >"$work/rates"
  printf '%-34s %7.0f MiB/s   (%s to %s)\n' "$name" "$(median <"$work/rates")" "$(sort -n "$work/rates" | head -1)" "$(sort -n "$work/rates" | tail -1)"
  median <"$work/rates" >"$work/$name"
}
cipher=$(openssl speed -evp aes-256-gcm -bytes 1048576 -seconds 2 2>/dev/null | awk '/^AES-256-GCM|^aes-256-gcm/ {gsub("k", "", $NF); printf "%.0f", $NF / 1024 * 1000 / 1024}')
echo "$megabytes MiB, $runs runs each, median (least to most); $(nproc) cores"
printf '%-34s %7.0f MiB/s\n' "openssl speed, AES-256-GCM, 1 MiB" "$cipher"
measure copy cp "$work/plain" "$work/copy"
measure encrypt coffer encrypt --quiet -k bench -i "$work/plain" -o "$work/out"
measure decrypt coffer decrypt --quiet -i "$work/sealed" -o "$work/out"
measure encrypt-to-null coffer encrypt --quiet -k bench -i "$work/plain" -o /dev/null
measure decrypt-to-null coffer decrypt --quiet -i "$work/sealed" -o /dev/null
for name in encrypt decrypt encrypt-to-null decrypt-to-null; do
  awk -v a="$(cat "$work/$name")" -v b="$cipher" -v n="$name" 'BEGIN { printf "%-18s / raw cipher = %.2f\n", n, a / b }'
done
