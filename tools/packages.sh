#!/bin/sh
# Installs the browser and the server that tests need, on Debian and Ubuntu.
set -eu
missing=
command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing=chromium
command -v redis-server >/dev/null || missing="$missing redis-server"
test -n "$missing" || exit 0

sudo=$(test "$(id -u)" = 0 || echo sudo)
$sudo apt-get update --quiet=2
# shellcheck disable=SC2086 # several words
$sudo apt-get install --quiet=2 --yes --no-install-recommends $missing
