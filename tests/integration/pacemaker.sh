#!/bin/bash
# The resource agent for Pacemaker (packaging/pacemaker/cofferd), called as the cluster calls it: two nodes of one domain, each started, watched, promoted, demoted and stopped by it; a node that is
# killed is told from one that is stopped.
# shellcheck source=tests/integration/lib.sh
# shellcheck disable=SC2317  # functions are called by name
. "$(dirname "$0")/lib.sh"
functions=${OCF_ROOT:-/usr/lib/ocf}/lib/heartbeat/ocf-shellfuncs
[ -r "$functions" ] || { echo "SKIPPED: $functions is not there (apt-get install resource-agents)"; exit 77; }
begin pacemaker
keep_softhsm
start_sandbox --token softhsm --store postgres --nodes 2 --set lease_time=2s --set refresh_interval=500ms
agent=$top/packaging/pacemaker/cofferd
at() { "$bin/coffer" "${@:2}" --socket "$dir/node-$1/coffer.sock"; }
role() { at "$1" status --json | jq -r .lead.role; }
parameters() { # parameters N: of the resource on node N
  printf '%s\n' "cofferd=$bin/cofferd" "coffer=$bin/coffer" "config=$dir/node-$1/cofferd.conf" "socket=$dir/node-$1/coffer.sock" "pid_file=$dir/node-$1/monitor.pid" "log_file=$dir/node-$1/cofferd.log"
}
cluster() { # cluster N ACTION
  local given=(OCF_ROOT="${OCF_ROOT:-/usr/lib/ocf}" OCF_RESOURCE_INSTANCE=coffer HA_LOGFACILITY=none HA_LOGFILE="$work/ha.log" HA_RSCTMP="$work") line
  while read -r line; do given+=("OCF_RESKEY_$line"); done < <(parameters "$1")
  env "${given[@]}" timeout 60 "$agent" "$2" >>"$work/agent.log" 2>&1
}
says() { # says WHAT N ACTION CODE
  local rc=0
  cluster "$2" "$3" || rc=$?
  equal "$1" $rc "$4"
}
NOT_RUNNING=7 PROMOTED=8

check "the meta-data are XML" python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.stdin)' < <(OCF_ROOT=${OCF_ROOT:-/usr/lib/ocf} "$agent" meta-data)
says "node 1 runs, as master server" 1 monitor $PROMOTED
says "node 2 runs" 2 monitor 0
says "started again it stays as it is" 2 start 0
says "the configuration is good" 2 validate-all 0
says "node 2 is promoted" 2 promote 0
says "and is it" 2 monitor $PROMOTED
is_standby() { [ "$(role 1)" = standby ]; }
within 10 "node 1 is not any more" is_standby
says "which the agent says too" 1 monitor 0
says "node 2 is demoted" 2 demote 0
is_back() { [ "$(role 1)" = master ]; }
within 10 "node 1 takes over" is_back
says "demoted again is no mistake" 2 demote 0
says "node 2 is stopped" 2 stop 0
says "and stays so" 2 monitor $NOT_RUNNING
says "stopped again is no mistake" 2 stop 0
refused "nobody answers there" 3 'no daemon' at 2 status
says "and started" 2 start 0
says "it runs" 2 monitor 0
kill -9 "$(cat "$dir/node-1/monitor.pid")" "$(cat "$dir/node-1/cofferd.pid")"
is_gone() { cluster 1 monitor; [ $? = $NOT_RUNNING ]; }
within 10 "a node that was killed is told as not running" is_gone
takes_over() { cluster 2 monitor; [ $? = $PROMOTED ]; }
within 10 "the other one is master server by its lease" takes_over
says "the cluster starts the killed one" 1 start 0
both_open() { at 1 status --quiet && at 2 status --quiet; }
within 20 "both are open" both_open
judge_logs 1,2
echo "nonsense = 1" >>"$dir/node-1/cofferd.conf"
says "a configuration that is wrong is told" 1 validate-all 6
sed -i '$d' "$dir/node-1/cofferd.conf"
says "one that is not there too" 1 validate-all 0
finish
