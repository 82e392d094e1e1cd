#!/bin/sh
# Installs the packages of requirements.txt in .digitmint/python-clients. Needs Python 3.10 to
# 3.13 with venv. Does nothing when the pinned versions are there already.
set -eu

cd "$(dirname "$0")/../.."
folder=.digitmint/python-clients
pins=dev/python-clients/requirements.txt

if cmp -s "$pins" "$folder/installed.txt"; then
  exit 0
fi
if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
  echo "python-clients: expected Python 3 with venv; on Debian: apt-get install python3-venv" >&2
  exit 1
fi
# A virtual environment cannot be moved, so a stopped installation is known by its missing list.
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --require-hashes \
  --requirement "$pins"
cp "$pins" "$folder/installed.txt"
echo "python-clients: $(sed -n 's/^\([a-z]*==[0-9.]*\).*/\1/p' "$pins" | xargs) in $folder"
