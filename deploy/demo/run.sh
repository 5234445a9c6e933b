#!/bin/sh
# The demo: a simulated Azure with a small fleet that somebody changed behind our back, the plan, the
# apply, and a second plan with nothing to do; then a CA that is replaced while devices of both the old
# and the new one can register. `make demo` builds the programs and runs this.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
bin=${BIN:-$top/build/bin}
work=$(mktemp -d)
simulator=
cleanup() {
  [ -z "$simulator" ] || kill "$simulator" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m')
else
  bold='' dim='' plain=''
fi
say() { printf '\n%s== %s%s\n' "$bold" "$1" "$plain"; }
show() { printf '%s$ %s%s\n' "$dim" "$1" "$plain"; }

say 'A simulated Azure Resource Manager, in a process of its own'
"$bin/arm-simulator" --seed "$here/seed.json" --operation-time 1s >"$work/greeting" 2>"$work/simulator.log" &
simulator=$!
tries=0
until [ -s "$work/greeting" ]; do
  tries=$((tries + 1))
  if [ "$tries" -gt 100 ] || ! kill -0 "$simulator" 2>/dev/null; then
    cat "$work/simulator.log" >&2
    exit 1
  fi
  sleep 0.1
done
from_greeting() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$work/greeting"; }
arm=$(from_greeting arm)
admin=$(from_greeting admin)
AZURE_TENANT_ID=$(from_greeting tenant)
AZURE_CLIENT_ID=$(from_greeting client_id)
AZURE_CLIENT_SECRET=$(from_greeting client_secret)
export AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_CLIENT_SECRET
export DPS_RECONCILER_ARM_ENDPOINT="$arm" DPS_RECONCILER_AUTHORITY="$arm" DPS_RECONCILER_LOG_LEVEL=warn
echo "ARM at $arm, admin at $admin"

reconciler() { "$bin/dps-reconciler" "$@"; }
subscription=11111111-1111-4111-8111-111111111111
services="/subscriptions/$subscription/resourceGroups"
kind=providers/Microsoft.Devices/provisioningServices
post() {
  curl -sS -f -X POST -H 'content-type: application/json' --data "$2" "$admin/$1" >/dev/null
}
edit() { post edit "$1"; }
# Its output is kept, and shown at once only when it fails.
apply() {
  reconciler apply "$@" >"$work/apply.out" || {
    cat "$work/apply.out" >&2
    exit 1
  }
}
# What was done, without the plan that is printed before it.
what_was_done() { sed -n '/^Plan:/,$p' "$work/apply.out" | sed 1,2d; }
nothing_left_of() {
  say 'And now?'
  show "dps-reconciler plan --manifests $1"
  reconciler plan --manifests "$1" >"$work/after.out"
  cat "$work/after.out"
  grep -q '^No changes' "$work/after.out" # else the demo has failed
}
cd "$here"

say 'Monday: three services are made from deploy/demo/monday'
show 'dps-reconciler apply --manifests monday'
apply --manifests monday
tail -n 1 "$work/apply.out"

say 'Overnight: somebody changes Azure by hand'
echo 'fleet-eu: a weight to 0, a tag, the allocation policy, an IP rule, the rights of a policy, a hub unlinked'
echo 'hub-eu-1: its key regenerated, so devices that are sent there would fail'
edit "{\"id\": \"$services/iot-eu/$kind/fleet-eu\", \"patch\": {
  \"tags\": {\"env\": \"test\"},
  \"properties\": {
    \"allocationPolicy\": \"Hashed\",
    \"ipFilterRules\": [{\"filterName\": \"everybody\", \"action\": \"Accept\", \"ipMask\": \"0.0.0.0/0\"}],
    \"iotHubs\": [{\"name\": \"hub-eu-1.azure-devices.net\", \"location\": \"westeurope\", \"allocationWeight\": 0,
      \"connectionString\": \"HostName=hub-eu-1.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=b2xkLWtleQ==\"}],
    \"authorizationPolicies\": [
      {\"keyName\": \"provisioningserviceowner\", \"rights\": \"ServiceConfig, EnrollmentWrite, DeviceConnect\"},
      {\"keyName\": \"enrollment-writer\", \"rights\": \"ServiceConfig, EnrollmentWrite\"},
      {\"keyName\": \"monitor\", \"rights\": \"RegistrationStatusRead\"}]}}}"
edit "{\"id\": \"$services/iot-eu/providers/Microsoft.Devices/IotHubs/hub-eu-1\", \"patch\": {\"properties\": {
  \"authorizationPolicies\": [{\"keyName\": \"iothubowner\", \"primaryKey\": \"bmV3LWtleQ==\",
    \"secondaryKey\": \"bmV3LWtleS0y\", \"rights\": \"RegistryWrite, ServiceConnect, DeviceConnect\"}]}}}"
DPS_VAR_RETIRED_SCOPE=$(reconciler show "$subscription/iot-us/fleet-retired" | sed -n 's/^id scope *//p')
export DPS_VAR_RETIRED_SCOPE

say 'Tuesday: git has changed too (deploy/demo/tuesday): what would be done?'
show 'dps-reconciler plan --manifests tuesday'
reconciler plan --manifests tuesday

say 'Do it (Azure asks for 15 s of patience with a deletion)'
show 'dps-reconciler apply --manifests tuesday --yes'
apply --manifests tuesday --yes
what_was_done

nothing_left_of tuesday

# The CAs are made here: those of a repository would end one day.

new_ca() {
  show "openssl req -x509 -newkey ec … -subj '/CN=$1' -days $2 -out fleet/factory-ca.pem"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -days "$2" \
    -keyout "$work/factory-ca.key" -out "$work/fleet/factory-ca.pem" 2>"$work/openssl.log" || {
    cat "$work/openssl.log" >&2
    exit 1
  }
  FACTORY_CA_KEY=$(cat "$work/factory-ca.key")
  export FACTORY_CA_KEY
}
certificates() {
  show 'dps-reconciler show SUBSCRIPTION/iot-eu/fleet-eu | grep ^certificate'
  reconciler show "$subscription/iot-eu/fleet-eu" | grep '^certificate'
}
cp -r tuesday "$work/fleet"
cp wednesday/factory-ca.yaml "$work/fleet"
cd "$work"

say "Wednesday: the factory's CA comes to fleet-eu (deploy/demo/wednesday), proven by its key"
new_ca 'Factory CA 1' 400
show 'dps-reconciler apply --manifests fleet'
apply --manifests fleet
what_was_done
certificates

say 'Thursday: it ends in a year, and git has its successor: what would be done?'
new_ca 'Factory CA 2' 3650
show 'dps-reconciler plan --manifests fleet'
reconciler plan --manifests fleet

say 'Do it: from here on devices of both register'
show 'dps-reconciler apply --manifests fleet'
apply --manifests fleet
what_was_done
certificates

say 'A month later (the simulated clock goes on by 31 days): the old CA has had its time'
post clock '{"advance": "31d"}'
show 'dps-reconciler plan --manifests fleet'
reconciler plan --manifests fleet
echo
show 'dps-reconciler apply --manifests fleet --yes'
apply --manifests fleet --yes
what_was_done
certificates

nothing_left_of fleet

cat <<END

${bold}== What to try next${plain}
  make test                                                   every test
  build/bin/dps-reconciler --help                             every flag
  build/bin/dps-reconciler validate --manifests manifests     the samples, checked without a network
  build/bin/dps-reconciler schema > schema.json               completion and checks in an editor
  build/bin/arm-simulator --help                              the simulated Azure, for tests of your own
  manifests/samples, docs/manifests.md                        how to say what you want
END
