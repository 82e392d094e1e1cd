#!/bin/sh
# Installs the generators and linters of dev/openapi-clients, with which the tests try the OpenAPI
# document, in .digitmint/openapi-clients. Needs npm, and Python 3.11 or newer with venv. Does
# nothing when the pinned versions are there already.
set -eu

cd "$(dirname "$0")/../.."
pins=dev/openapi-clients
folder=.digitmint/openapi-clients

if cmp -s "$pins/python.txt" "$folder/installed.txt" &&
  cmp -s "$pins/package-lock.json" "$folder/package-lock.json"; then
  exit 0
fi
if ! python3 -c 'import sys, venv, ensurepip; assert sys.version_info >= (3, 11)' 2>/dev/null; then
  echo "openapi-clients: expected Python 3.11 or newer with venv as python3" >&2
  exit 1
fi
# A virtual environment cannot be moved, so a stopped installation is known by its missing list.
rm -rf "$folder"
mkdir -p "$folder"
cp "$pins/package.json" "$pins/package-lock.json" "$folder"
npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent
python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: \
  --require-hashes --requirement "$pins/python.txt"
cp "$pins/python.txt" "$folder/installed.txt"
echo "openapi-clients: generators and linters are in $folder"
