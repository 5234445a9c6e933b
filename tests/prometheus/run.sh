#!/bin/bash
# A real Prometheus scrapes a real daemon that keeps a simulator's fleet: every family of
# docs/metrics.md arrives with help and type, promtool has nothing to say, drift is counted, and
# no rate is negative over a restart.
# Usage: run.sh DPS_RECONCILER ARM_SIMULATOR. Fails when Prometheus cannot be had; never skips.
set -euo pipefail
reconciler=$1
simulator=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
pids=()
daemon=
finish() {
  local status=$?
  for pid in $daemon "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  if [ "$status" != 0 ]; then
    echo '---- the last of the logs'
    tail -n 15 "$work"/*.log
  fi
  rm -rf "$work"
}
trap finish EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}
good() { echo "good: $*"; }

# within SECONDS WHAT COMMAND…: polls until the command says yes.
within() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || fail "$what did not come"
    sleep 0.1
  done
}

for tool in prometheus promtool curl jq; do
  command -v $tool >/dev/null || fail "$tool is not installed"
done

# ---- a fleet, and manifests of it

"$simulator" --fleet subs=2,services=3,hubs=1,policies=1,certificates=1,seed=21 \
  --operation-time 200ms --manifests-out "$work/manifests" >"$work/greeting" 2>"$work/simulator.log" &
pids+=($!)
within 20 'the simulator' test -s "$work/greeting"
greeting() { jq -r ".$1" "$work/greeting"; }
arm=$(greeting arm)
admin=$(greeting admin)
export AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_CLIENT_SECRET
AZURE_TENANT_ID=$(greeting tenant)
AZURE_CLIENT_ID=$(greeting client_id)
AZURE_CLIENT_SECRET=$(greeting client_secret)

# ---- the daemon: begin_daemon ADDRESS

begin_daemon() {
  "$reconciler" run --manifests "$work/manifests" --arm-endpoint "$arm" --authority "$arm" \
    --auth client-secret --secrets-dir "$work" --interval 2s --listen "$1" --state-dir "$work/state" \
    >"$work/daemon.log" 2>&1 &
  daemon=$!
}
end_daemon() {
  kill -TERM "$daemon"
  local status=0 ended=$daemon
  daemon=
  wait "$ended" || status=$?
  [ "$status" = 0 ] || fail "the daemon ended with $status"
}
mkdir "$work/state"
begin_daemon 127.0.0.1:0
serving() { grep -oE ' listen=127\.0\.0\.1:[0-9]+' "$work/daemon.log" | grep -oE '127.*'; }
within 20 'the line that names the port' serving
target=$(serving)
within 30 'readiness' curl -fsS "http://$target/readyz"
good 'the daemon is ready'

# ---- what linters say

curl -fsS "http://$target/metrics" >"$work/page"
said=$(promtool check metrics <"$work/page" 2>&1) || fail "promtool refuses the page: $said"
[ -z "$said" ] || fail "promtool says: $said"
curl -fsS -D "$work/head" -o /dev/null "http://$target/metrics"
grep -qi '^content-type: text/plain; version=0.0.4' "$work/head" ||
  fail 'the type of the page is not that of the exposition format'
good "promtool has nothing to say about $(grep -c '^dps_reconciler' "$work/page") series"

# ---- Prometheus

cat >"$work/prometheus.yml" <<EOF
global: {scrape_interval: 500ms, scrape_timeout: 500ms}
scrape_configs:
  - job_name: dps-reconciler
    static_configs: [{targets: ["$target"]}]
EOF
promtool check config --lint-fatal "$work/prometheus.yml" >/dev/null
prometheus --config.file "$work/prometheus.yml" --storage.tsdb.path "$work/tsdb" \
  --web.listen-address 127.0.0.1:0 >"$work/prometheus.log" 2>&1 &
pids+=($!)
listening() {
  grep -oE 'msg="Listening on" address=127\.0\.0\.1:[0-9]+' "$work/prometheus.log" | grep -oE '127.*'
}
within 30 "Prometheus's port" listening
api="http://$(listening)/api/v1"
# value QUERY: of the only series; nothing when there is none.
value() {
  curl -fsS --get "$api/query" --data-urlencode "query=$1" | jq -er '.data.result[0].value[1]'
}
# is QUERY: is there a series that the query leaves?
is() { curl -fsS --get "$api/query" --data-urlencode "query=$1" | jq -e '.data.result | length > 0'; }
within 20 'the first scrape' is 'up == 1'
within 20 'the second' is 'scrape_samples_scraped > 100'
within 30 'success' is 'dps_reconciler_last_success_timestamp_seconds > 0'
good 'a scrape arrives'

# ---- every family, with help and type

metadata() { curl -fsS "$api/targets/metadata?limit=10000"; }
within 10 'metadata' sh -c "curl -fsS '$api/targets/metadata' | jq -e '.data | length > 30'"
metadata | jq -r '.data[] | select(.help != "") | "\(.metric) \(.type)"' | sort -u >"$work/there"
sed -nE '/metrics: begin/,/metrics: end/ s/^\| `([a-z_]+)` \| ([a-z]+) \|.*/\1 \2/p' \
  "$here/../../docs/metrics.md" | sort >"$work/promised"
[ "$(wc -l <"$work/promised")" -gt 30 ] || fail 'the table of docs/metrics.md was not found'
missing=$(comm -23 "$work/promised" "$work/there")
[ -z "$missing" ] || fail "Prometheus does not know: $missing"
more=$(comm -13 "$work/promised" "$work/there")
[ -z "$more" ] || fail "not in docs/metrics.md: $more"
good "all $(wc -l <"$work/promised") families of the documentation are there with help and type"
is 'count(dps_reconciler_service_info) == 6' >/dev/null || fail 'six services were promised'
is 'sum(dps_reconciler_resources{kind="ProvisioningService"}) == 6' >/dev/null || fail 'six are not counted'
is 'count(dps_reconciler_certificate_expiry_timestamp_seconds > time()) == 6' >/dev/null ||
  fail 'a certificate of each has no date'

# ---- drift is seen and healed, and nothing is counted twice

id=$(curl -fsS "$admin/state" | jq -r '[.. | .id? // empty | select(test("provisioningServices/[^/]+$"; "i"))][0]')
edit() {
  curl -fsS -X POST "$admin/edit" -d "{\"id\": \"$id\", \"patch\": {\"properties\": {\"allocationPolicy\": \"$1\"}}}"
}
was=$(curl -fsS "$admin/state" | jq -r --arg id "$id" \
  '[.. | select(.id? == $id) | .properties.allocationPolicy][0]')
other=Static
[ "$was" != Static ] || other=Hashed
edit "$other" >/dev/null
within 30 'the drift' is 'sum(dps_reconciler_drift_detected_total) >= 1'
within 30 'its repair' is \
  'sum(dps_reconciler_changes_total{action="update",result="success"}) >= 1'
within 30 'rest' is 'sum(dps_reconciler_resources{kind="ProvisioningService",state="in_sync"}) == 6'
is 'sum(dps_reconciler_drift_detected_total) == 1' >/dev/null || fail 'one drift was counted more than once'
is 'dps_reconciler_long_operation_duration_seconds_count >= 1' >/dev/null ||
  fail 'the long operation was not counted'
is 'dps_reconciler_long_operations_in_flight == 0' >/dev/null || fail 'it is still in flight'
is 'sum(dps_reconciler_arm_requests_total{operation="put_service"}) >= 1' >/dev/null ||
  is 'sum(dps_reconciler_arm_requests_total{operation="patch_service"}) >= 1' >/dev/null ||
  fail 'the write was not counted'
good 'a drift is counted once, and so is its repair'

# ---- a restart: counters begin anew, and no rate is negative

runs=$(value 'sum(dps_reconciler_reconcile_total)')
end_daemon
within 10 'a scrape that fails' is 'up == 0'
begin_daemon "$target"
within 20 'the scrape after it' is 'up == 1'
within 20 'a reset' is 'resets(dps_reconciler_arm_requests_total{operation="list_services",code="200"}[2m]) >= 1'
within 40 'as many runs as before' is 'increase(process_cpu_seconds_total[2m]) > 0'
within 40 'success' is 'dps_reconciler_last_success_timestamp_seconds > process_start_time_seconds'
while read -r name; do
  ! is "rate(${name}[1m]) < 0" >/dev/null || fail "the rate of $name is negative"
  is "count(rate(${name}[2m])) > 0" >/dev/null || fail "$name has no rate"
done < <(awk '$2 == "counter" {print $1}' "$work/promised")
is "sum(increase(dps_reconciler_reconcile_total[5m])) >= 1" >/dev/null || fail 'runs are not counted over the restart'
good "no rate is negative over a restart (runs before it: $runs)"

! is 'scrape_samples_scraped != scrape_samples_post_metric_relabeling' >/dev/null || fail 'samples were dropped'
! grep -iE 'duplicate|out of order|append failed' "$work/prometheus.log" || fail 'Prometheus refused samples'
good 'Prometheus took every sample'
end_daemon
