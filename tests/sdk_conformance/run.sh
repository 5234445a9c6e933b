#!/bin/sh
# Runs life.mjs for the oldest and the newest api-version against a simulator with TLS.
# Usage: run.sh ARM_SIMULATOR BUILD_DIRECTORY. Fails when the SDK cannot be had; never skips.
set -eu
simulator=$1
build=$2
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$build"
cp "$here/package.json" "$here/package-lock.json" "$here/life.mjs" "$build/"
cd "$build"
if ! cmp -s package-lock.json node_modules/.installed-lock; then
  timeout 180 npm ci --no-audit --no-fund --ignore-scripts
  cp package-lock.json node_modules/.installed-lock
fi

rm -f greeting
"$simulator" --fleet subs=1,services=7,certificates=0,seed=11 --page-size 3 --operation-time 100ms \
  --tls-listen 127.0.0.1:0 --tls-ca-out ca.pem > greeting &
pid=$!
trap 'kill "$pid" 2>/dev/null || true' EXIT
tries=0
until [ -s greeting ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || { echo 'the simulator did not start' >&2; exit 1; }
  sleep 0.1
done
greeting=$(head -n 1 greeting)
for version in 2017-11-15 2022-12-12; do
  NODE_EXTRA_CA_CERTS=ca.pem timeout 120 node life.mjs "$greeting" "$version"
done
kill "$pid"
wait "$pid"
