#!/bin/sh
# Installs data tools that open sets, or moto: `install.sh tables` installs tables.txt in
# .digitmint/data-tools/tables. Needs Python 3.11 or later with venv. Does nothing when the pinned
# versions are there already.
set -eu

cd "$(dirname "$0")"
list=${1:?expected a list: $(echo *.txt)}
folder=../../.digitmint/data-tools/$list

if cmp -s "$list.txt" "$folder/installed.txt"; then
  exit 0
fi
if ! python3 -c 'import venv, ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "data-tools: expected Python 3.11 or later with venv; on Debian: apt-get install python3-venv" >&2
  exit 1
fi
# A virtual environment cannot be moved, so a stopped installation is known by its missing list.
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
  --only-binary :all: -r "$list.txt"
cp "$list.txt" "$folder/installed.txt"
echo "data-tools: $list is in .digitmint/data-tools/$list"
