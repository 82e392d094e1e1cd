#!/bin/sh
# Installs moto, an S3 emulator in Python that the storage tests run against, in .digitmint/moto.
# Needs Python 3.10 or later with venv. Does nothing when the pinned version is there already.
set -eu

VERSION=5.2.1
FLASK=3.1.2
FLASK_CORS=6.0.1

cd "$(dirname "$0")/.."
folder=.digitmint/moto

if [ "$(cat "$folder/version" 2>/dev/null)" = "$VERSION" ]; then
  exit 0
fi
if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
  echo "install-moto: expected Python 3 with venv; on Debian: apt-get install python3-venv" >&2
  exit 1
fi
# A virtual environment cannot be moved, so a stopped installation is known by its missing version.
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
  "moto[s3]==$VERSION" "flask==$FLASK" "flask-cors==$FLASK_CORS"
echo "$VERSION" >"$folder/version"
echo "install-moto: $VERSION is in $folder"
