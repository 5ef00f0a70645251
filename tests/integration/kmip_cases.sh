#!/bin/bash
# The OASIS test cases, replayed against a daemon: the failing ones must be those of kmip_known.txt, no more and no fewer.
# The cases and their judge, kmip_replay.py, are no part of this tree: $COFFER_KMIP_CASES names their folder (default ../shared/kmip beside the tree).
# kmip_cases.sh --list prints the failing cases with the first fault of each, for that list.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
cases=${COFFER_KMIP_CASES:-$top/../shared/kmip}
known=$(cd "$(dirname "$0")" && pwd)/kmip_known.txt
if [ ! -f "$cases/kmip_replay.py" ]; then
  echo "SKIPPED: no OASIS case was replayed: $cases/kmip_replay.py is not there; COFFER_KMIP_CASES names the folder"
  exit 77
fi
begin kmip
list=0
[ "${1:-}" = --list ] && list=1

# replay NAME WHAT [sandbox arguments]: on a fresh domain; its lines go to $work/NAME.txt.
replay() {
  local name=$1 what=$2 settings=(); shift 2
  grep -q '^KEY(legacy_algorithms,' "$top/src/config/keys.def" && settings=(--set legacy_algorithms=yes)
  start_sandbox --token softhsm "${settings[@]}" "$@"
  use_sandbox
  timeout 200 python3 "$cases/kmip_replay.py" --unix "$COFFER_SOCKET" "$cases/$what" >"$work/$name.txt" 2>&1
  if ! grep -qE '^[0-9]+ passed, ' "$work/$name.txt"; then bad "$name: the replay ended" "$(tail -3 "$work/$name.txt")"; fi
  [ "$list" = 1 ] || check "$name: the daemon still answers" coffer status --quiet
  "$sandbox" clean --dir "$dir" >/dev/null 2>&1
  [ "$list" = 1 ] || printf '%-14s %s\n' "$name" "$(tail -1 "$work/$name.txt")"
}

failing() { awk '$1 == "FAIL" { print $2 }' "$@" | sort -u; }

replay first-cases first-cases.txt
for folder in v1.0 v1.4 use-cases; do replay "$folder" "oasis/$folder"; done

if [ $list = 1 ]; then
  awk '$1 == "FAIL" && !seen[$2]++ { sub(/^FAIL +/, ""); print }' "$work"/{first-cases,v1.0,v1.4,use-cases}.txt | sort
  exit 0
fi

failing "$work"/{first-cases,v1.0,v1.4,use-cases}.txt >"$work/failing"
grep -v '^#' "$known" | awk 'NF { print $1 }' | sort >"$work/known"
equal "the list of known failures names no case twice" "$(uniq -d "$work/known")" ""
equal "every known failure has a class and a reason" "$(grep -vE '^#|^$' "$known" | grep -vE '^[^ ]+ (missing|choice|client|judge) [^ ]+ .*[^ ]$')" ""
equal "no case fails that is not on the list" "$(comm -23 "$work/failing" "$work/known")" ""
equal "no case passes that is on the list" "$(comm -13 "$work/failing" "$work/known")" ""

# What a server may do with a seed excludes itself: one case for each setting (KMIP 1.4 section 4.36).
replay seed-refused oasis/v1.4/optional/CS-RNG-O-4-14.xml --set rng_seed=refuse
equal "a server that refuses seeds passes CS-RNG-O-4" "$(failing "$work/seed-refused.txt")" ""
finish
