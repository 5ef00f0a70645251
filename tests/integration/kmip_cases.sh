#!/bin/bash
# The OASIS test cases, replayed against a daemon: the failing ones must be those of kmip_known.txt, no more and no fewer. Each folder has a fresh
# domain; what stumbles there over the objects of another case, because that one failed and left them, is tried alone.
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
export LC_ALL=C # sort and comm agree
begin kmip
list=0
[ "${1:-}" = --list ] && list=1

# replay NAME WHAT [sandbox arguments]: on a fresh domain; its lines go to $work/NAME.txt.
replay() {
  local name=$1 what=$2; shift 2
  start_sandbox --token softhsm "${settings[@]}" "$@"
  use_sandbox
  timeout 200 python3 "$cases/kmip_replay.py" --unix "$COFFER_SOCKET" "$cases/$what" >"$work/$name.txt" 2>&1
  if ! grep -qE '^[0-9]+ passed, ' "$work/$name.txt"; then bad "$what: the replay ended" "$(tail -3 "$work/$name.txt")"; fi
  is_ready || bad "$what: the daemon still answers"
  "$sandbox" clean --dir "$dir" >/dev/null 2>&1
}
counted() { replay "$@"; [ $list = 1 ] || printf '%-14s %s\n' "$1" "$(tail -1 "$work/$1.txt")"; }
having() { local result=$1; shift; cat "$@" 2>/dev/null | awk -v r="$result" '$1 == r { print $2 }' | sort -u; }

settings=()
grep -q '^KEY(legacy_algorithms,' "$top/src/config/keys.def" && settings=(--set legacy_algorithms=yes)
counted first-cases first-cases.txt
for folder in v1.0 v1.4 use-cases; do counted "$folder" "oasis/$folder"; done
mkdir "$work/alone"
comm -23 <(having FAIL "$work"/*.txt) <(having PASS "$work"/*.txt) >"$work/failed"
grep -hE '^FAIL .*(is taken|unexpected UniqueIdentifier)' "$work"/*.txt | awk '{ print $2 }' | sort -u | comm -12 - "$work/failed" >"$work/again"
while read -r case; do
  what=$(cd "$cases" && find oasis/v1.0 oasis/v1.4 oasis/use-cases -name "$case")
  replay "alone/$case" "$what"
done <"$work/again"
comm -23 "$work/failed" <(having PASS "$work"/alone/*.txt) >"$work/failing"

if [ $list = 1 ]; then
  while read -r case; do grep -hE "^FAIL +$case " "$work"/alone/*.txt "$work"/*.txt 2>/dev/null | head -1 | sed 's/^FAIL *//'; done <"$work/failing"
  exit 0
fi
printf '%-14s %s\n' alone "$(wc -l <"$work/again") tried again; $(wc -l <"$work/failing") cases fail"

grep -v '^#' "$known" | awk 'NF { print $1 }' | sort >"$work/known"
equal "the list of known failures names no case twice" "$(uniq -d "$work/known")" ""
equal "every known failure has a class and a reason" "$(grep -vE '^#|^$' "$known" | grep -vE '^[^ ]+ (missing|choice|client|judge) [^ ]+ .*[^ ]$')" ""
equal "no case fails that is not on the list" "$(comm -23 "$work/failing" "$work/known")" ""
equal "no case passes that is on the list" "$(comm -13 "$work/failing" "$work/known")" ""

# What a server may do with a seed excludes itself: one case for each setting (KMIP 1.4 section 4.36).
counted seed-refused oasis/v1.4/optional/CS-RNG-O-4-14.xml --set rng_seed=refuse
equal "a server that refuses seeds passes CS-RNG-O-4" "$(having FAIL "$work/seed-refused.txt")" ""
finish
