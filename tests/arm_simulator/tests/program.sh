#!/bin/sh
# The program from outside: its first line, its exit codes, its files.
# Usage: program.sh ARM_SIMULATOR WORK_DIRECTORY
set -eu
simulator=$1
work=$2
rm -rf "$work"
mkdir -p "$work"
cd "$work"

fail() {
  echo "FAILED: $1" >&2
  exit 1
}

wrong() {
  status=0
  "$simulator" "$@" > out 2> err < /dev/null || status=$?
  [ "$status" -eq 64 ] || fail "'$*' ended with $status"
  [ -s err ] || fail "'$*' said nothing on stderr"
  [ ! -s out ] || fail "'$*' printed a first line"
}
echo '{"iot_hubs": [{}]}' > bad-seed.json
echo 'no json' > text
echo '[{"do": {"kind": "explode"}}]' > bad-faults.json
wrong --nonsense
wrong --set nonsense=1
wrong --set if-match
wrong --set if-match=maybe
wrong --operation-time 2
wrong --fleet clouds=3
wrong --seed missing.json
wrong --seed text
wrong --seed bad-seed.json
wrong --faults bad-faults.json
wrong --listen nowhere
wrong --tls-cert text
wrong --tls-ca-out ca.pem
wrong --tls-listen 127.0.0.1:0 --tls-cert text --tls-key text

"$simulator" --fleet subs=2,services=3 --manifests-out manifests --tls-listen 127.0.0.1:0 \
  --tls-ca-out ca.pem --page-size 2 --latency 1ms --operation-time 1s --set deny=skus > greeting &
pid=$!
trap 'kill -9 "$pid" 2>/dev/null || true' EXIT
tries=0
until [ -s greeting ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || fail 'there was no first line'
  sleep 0.1
done
for member in '"arm":"http://127.0.0.1:' '"arm_tls":"https://127.0.0.1:' '"admin":"http://127.0.0.1:' \
              '"tenant":"' '"client_id":"' '"client_secret":"' '"subscriptions":["'; do
  grep -qF "$member" greeting || fail "the first line lacks $member"
done
[ "$(wc -l < greeting)" -eq 1 ] || fail 'there is more than one line'
grep -q 'BEGIN CERTIFICATE' ca.pem || fail 'there is no CA'
[ "$(find manifests -name '*.yaml' | wc -l)" -eq 6 ] || fail 'there are not six manifests'
kill -TERM "$pid"
wait "$pid" || fail 'SIGTERM did not end it with 0'

rm greeting
"$simulator" > greeting &
pid=$!
until [ -s greeting ]; do sleep 0.1; done
grep -qF '"arm_tls":null' greeting || fail 'arm_tls is not null without a listener'
kill -INT "$pid"
wait "$pid" || fail 'SIGINT did not end it with 0'
echo passed
