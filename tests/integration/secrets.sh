#!/bin/bash
# Where secrets may be: a managed key, its subkeys, the shares and a plaintext are looked for on the disk and in the readable memory of every
# process. What is looked for is known from a KMIP Get; what must be found (a path, the magic of sealed data) shows that the search works.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || { echo "only root reads other processes' memory: nothing to see"; exit 0; }
for token in swtpm softhsm; do
  begin "secrets-$token"
  start_sandbox --token "$token" --set log_level=debug
  use_sandbox
  if [ "$(status_field .memory.protection)" != full ]; then echo "no memfd_secret here: only the disk is searched"; fi
  monitor=$(cat "$home/monitor.pid")
  # shellcheck disable=SC2046  # numbers
  found=$(python3 "$(dirname "$0")/secrets.py" "$bin/coffer" "$dir" "$(status_field .memory.protection)" "$monitor" $(pgrep -P "$monitor") 2>&1)
  equal "$token: the search ran, and found nothing" "$?" 0
  echo "$found"
  cleanup
done
finish
