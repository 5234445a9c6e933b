#!/bin/sh
# The page in a real browser: run.sh PAGE_SERVER PICTURES_FOLDER. Fails when there is no Chromium.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
  echo 'chromium is missing: .ci/install-packages checks' >&2
  exit 1
}
mkdir -p "$2"
exec timeout 300 node "$here/page.mjs" "$browser" "$1" "$2"
