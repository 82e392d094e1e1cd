#!/bin/sh
# Installs the npm clients of dev/npm-clients in .digitmint/npm-clients. Does nothing when the
# pinned versions are there already.
set -eu

cd "$(dirname "$0")/../.."
folder=.digitmint/npm-clients
lock=dev/npm-clients/package-lock.json

if cmp -s "$lock" "$folder/installed.json"; then
  exit 0
fi
rm -rf "$folder"
mkdir -p "$folder"
cp dev/npm-clients/package.json "$lock" "$folder"
(cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
cp "$lock" "$folder/installed.json"
echo "npm-clients: $(ls "$folder/node_modules" | wc -l) packages in $folder"
