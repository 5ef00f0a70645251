#!/bin/bash
# Time of Locate by an indexed value and through the whole table, in a small and in a larger store. It reports; it judges nothing (that indexed
# searches read the same rows is a unit test). usage: tests/bench/locate.sh [FIRST SECOND]   (keys; a release build in build/, or $COFFER_BUILD)
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
export COFFER_BUILD=${COFFER_BUILD:-$top/build}
work=$(mktemp -d /tmp/coffer-bench-XXXXXX)
chmod 755 "$work"
cleanup() { "$top/scripts/sandbox" stop --dir "$work/s" >/dev/null 2>&1 || true; rm -rf "$work"; }
trap cleanup EXIT
"$top/scripts/sandbox" start --dir "$work/s" --quiet
eval "$("$top/scripts/sandbox" env --dir "$work/s")"
python3 "$top/tests/bench/locate.py" "$COFFER_SOCKET" "${1:-1000}" "${2:-20000}"
