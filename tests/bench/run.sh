#!/bin/sh
# The budgets, measured beside a floor in one run. Prints a table; see docs/performance.md.
#   run.sh [SUBSCRIPTIONS SERVICES_OF_EACH]     5 and 40 if not said
# BIN=dir       where the programs are (build/bin)
# REPEATS=n     how often each thing is measured; the least of all counts (5)
# LARGE=no      leaves out the fleet of 10,000 services, which takes a minute or two
# Exits with 0 however much is over its budget, with 1 when something could not be measured.
set -eu

subs=${1:-5}
services=${2:-40}
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../../build/bin}
repeats=${REPEATS:-5}
latency=50
concurrency=64
work=$(mktemp -d)
simulator=
cleanup() {
  stop_simulator
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

die() {
  echo "bench: $*" >&2
  exit 1
}
progress() { echo "bench: $*" >&2; }

for program in dps-reconciler arm-simulator simulator-bench bench-measure bench-curl-floor \
  bench-load-floor bench-pass; do
  [ -x "$bin/$program" ] || die "$bin/$program is not there; build first, or say BIN=dir"
done

stop_simulator() {
  [ -n "$simulator" ] || return 0
  kill "$simulator" 2>/dev/null || true
  wait "$simulator" 2>/dev/null || true
  simulator=
}

# start_simulator NAME FLAG...: its manifests stand in $work/manifests/NAME, $greeting is its first line.
# $before_simulator may name a program that starts it.
start_simulator() {
  name=$1
  shift
  manifests=$work/manifests/$name
  mkdir -p "$manifests"
  rm -f "$work/greeting"
  ${before_simulator:-} "$bin/arm-simulator" --manifests-out "$manifests" "$@" \
    >"$work/greeting" 2>"$work/simulator.log" &
  simulator=$!
  tries=0
  until [ -s "$work/greeting" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 1800 ] || ! kill -0 "$simulator" 2>/dev/null; then
      cat "$work/simulator.log" >&2
      die "the simulator did not start"
    fi
    sleep 0.1
  done
  greeting=$(head -n 1 "$work/greeting")
  admin=$(from_greeting admin)
  AZURE_TENANT_ID=$(from_greeting tenant)
  AZURE_CLIENT_ID=$(from_greeting client_id)
  AZURE_CLIENT_SECRET=$(from_greeting client_secret)
  DPS_RECONCILER_ARM_ENDPOINT=$(from_greeting arm)
  DPS_RECONCILER_AUTHORITY=$DPS_RECONCILER_ARM_ENDPOINT
  export AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_CLIENT_SECRET
  export DPS_RECONCILER_ARM_ENDPOINT DPS_RECONCILER_AUTHORITY
}
from_greeting() { printf '%s\n' "$greeting" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
switch() { curl -sS -f -X PATCH -d "{\"$1\": \"$2\"}" "$admin/switches" >/dev/null; }
# Afterwards the fleet is owned by us and equal to its manifests.
own_fleet() {
  "$bin/dps-reconciler" apply --manifests "$manifests" --yes --log-level error \
    >"$work/apply.out" 2>"$work/apply.err" || {
    tail -n 20 "$work/apply.out" "$work/apply.err" >&2
    die "the first apply failed"
  }
}

plan="$bin/dps-reconciler plan --key-check never --concurrency $concurrency --detailed-exitcode"

# measure FILE COMMAND...: appends "wall cpu peak exit" to FILE; the exit code must be 0.
measure() {
  into=$1
  shift
  line=$("$bin/bench-measure" "$@") || die "could not run $1"
  [ "${line##* }" = 0 ] || die "$* ended with ${line##* }"
  printf '%s\n' "$line" >>"$work/$into"
}
least() { awk -v c="$2" 'NR == 1 || $c < m { m = $c } END { print m }' "$work/$1"; }
most() { awk -v c="$2" 'NR == 1 || $c > m { m = $c } END { print m }' "$work/$1"; }
calc() { awk "BEGIN { printf \"%.${2:-2}f\", $1 }"; }

# row WHAT MEASURED BUDGET UNIT [at-least]
: >"$work/table"
row() {
  awk -v what="$1" -v got="$2" -v budget="$3" -v unit="$4" -v sense="${5:-at-most}" 'BEGIN {
    bad = sense == "at-most" ? got > budget : got < budget
    ratio = budget == 0 ? "-" : sprintf("%.2f", got / budget)
    printf "%-58s %10s %10s %-10s %6s%s\n", what, got, budget, unit, ratio, bad ? "  OVER" : ""
  }' >>"$work/table"
}
note() { printf '    %s\n' "$*" >>"$work/table"; }

# ---- a fleet like a real one: requests, wall time, CPU ----
total=$((subs * services))
progress "$subs subscriptions with $services services each: start, first apply"
start_simulator fleet --fleet "subs=$subs,services=$services,hubs=2,policies=3,certificates=3,seed=1"
own_fleet
switch latency "${latency}ms"
progress "wall time, beside the floor"
curl -sS -f -X DELETE "$admin/requests" >/dev/null
measure warm $plan --manifests "$manifests"
log=$work/requests.json
curl -sS -f "$admin/requests" >"$log"
set -- $("$bin/bench-curl-floor" "$greeting" "$log" count)
tokens=$1 pages=$2 certificates=$3 others=$4 writes=$5 chain=$6
requests=$((tokens + pages + certificates + others + writes))
row "requests of a no-change plan ($subs lists, $total services)" \
  "$requests" $((pages + total + 1)) requests
note "$tokens token, $pages pages of lists, $certificates lists of certificates, $others others"
row "writes of it" "$writes" 0 writes

i=0
while [ "$i" -lt "$repeats" ]; do
  measure plan $plan --manifests "$manifests"
  measure floor "$bin/bench-curl-floor" "$greeting" "$log" "$concurrency"
  i=$((i + 1))
done
floor_cpu=$(least floor 2)
waves=$(((pages + total + concurrency - 1) / concurrency))
row "wall time of it, $latency ms latency, $concurrency at once" "$(least plan 1)" \
  "$(calc "1.3 * (1 + $chain + $waves) * $latency + 50 + $floor_cpu" 0)" ms
note "bare curl, same requests: $(least floor 1) ms wall, $floor_cpu ms CPU; 1 token + $chain page + $waves waves"

progress "CPU of a pass, beside the floor"
switch latency 0s
i=0
while [ "$i" -lt "$repeats" ]; do
  "$bin/bench-pass" 5 plan --key-check never --concurrency $concurrency \
    --manifests "$manifests" >>"$work/pass" || die "bench-pass failed"
  measure cold $plan --manifests "$manifests"
  measure load_floor "$bin/bench-load-floor" "$manifests"
  measure quick_floor "$bin/bench-curl-floor" "$greeting" "$log" "$concurrency"
  i=$((i + 1))
done
[ "$(most pass 5)" = 0 ] || die "the fleet was not equal to its manifests"
row "CPU of a no-change pass, manifests loaded" \
  "$(calc "$(least pass 3) / $total" 3)" 0.2 ms/service
note "of it plan::make: $(calc "$(least pass 4) / $total" 4); bare curl for the same requests, its start and token too: $(calc "$(least quick_floor 2) / $total" 3)"
row "CPU of a plan from cold" "$(least cold 2)" \
  "$(calc "2 * $(least load_floor 2) + 0.2 * $total" 1)" ms
note "of it loading: $(least pass 2); floor (YAML events, X.509 parse): $(least load_floor 2)"
stop_simulator

# ---- start ----
progress "start to first request"
start_simulator one --fleet "subs=1,services=1,hubs=2,policies=3,certificates=3,seed=1"
i=0
while [ "$i" -lt $((repeats * 2)) ]; do
  for which in one fleet; do
    "$bin/bench-measure" --first-byte "$bin/dps-reconciler" plan --manifests "$work/manifests/$which" \
      --arm-endpoint @URL@ --authority @URL@ >>"$work/start_$which"
  done
  i=$((i + 1))
done
stop_simulator
row "start to first request, 1 service" "$(least start_one 1)" 30 ms
row "start to first request, $total services to load first" "$(least start_fleet 1)" 30 ms

# ---- memory ----
progress "memory at 100 services"
start_simulator hundred --fleet "subs=5,services=20,hubs=2,policies=3,certificates=3,seed=1"
own_fleet
i=0
while [ "$i" -lt "$repeats" ]; do
  measure hundred $plan --manifests "$manifests"
  i=$((i + 1))
done
row "peak memory of a plan, 100 services" "$(calc "$(most hundred 3) / 1024" 1)" 30 MB
stop_simulator
if [ "${LARGE:-yes}" != no ]; then
  progress "memory at 10,000 services: start and first apply take a while"
  start_simulator large --fleet "subs=10,services=1000,hubs=2,policies=3,certificates=3,seed=1"
  own_fleet
  measure large $plan --manifests "$manifests"
  row "peak memory of a plan, 10,000 services" "$(calc "$(most large 3) / 1024" 1)" 150 MB
  note "wall $(calc "$(least large 1) / 1000" 2) s, CPU $(calc "$(least large 2) / 1000" 2) s"
  stop_simulator
fi

# ---- the programs ----
strip -o "$work/stripped" "$bin/dps-reconciler"
row "size of the stripped program" \
  "$(calc "$(wc -c <"$work/stripped") / 1048576" 2)" 15 MB

progress "throughput of the simulator on one core"
cores='all cores'
if command -v taskset >/dev/null; then before_simulator='taskset -c 0' cores='one core'; fi
start_simulator throughput --fleet "subs=1,services=100,hubs=2,policies=3,certificates=3,seed=1"
best=0
i=0
while [ "$i" -lt 3 ]; do
  rate=$("$bin/simulator-bench" "$greeting" 16 2 | sed 's/ .*//') || die "simulator-bench failed"
  [ "$rate" -le "$best" ] || best=$rate
  i=$((i + 1))
done
row "simulator on $cores, GETs of services" "$best" 3000 requests/s at-least
stop_simulator

model=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
build=$(sed -n 's/^CMAKE_BUILD_TYPE:[A-Z]*=//p' "$bin/../CMakeCache.txt" 2>/dev/null || true)
echo "Machine: $(nproc) cores, ${model:-unknown processor}, load $(cut -d' ' -f1 /proc/loadavg) at the end. Build: ${build:-unknown}."
echo "The least of $repeats runs each; sizes and memory in MiB; a ratio above 1 is over budget (for requests/s: below 1)."
echo
printf '%-58s %10s %10s %-10s %6s\n' what measured budget unit ratio
cat "$work/table"
