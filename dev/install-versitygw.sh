#!/bin/sh
# Installs versitygw, an independent S3 server for the storage tests, as .digitmint/bin/versitygw.
# Needs Go 1.21 or later, which fetches the newer Go that it needs. Compiles for 1 to 3 minutes, and
# does nothing when the pinned version is there already.
set -eu

VERSION=v1.8.0
MODULE=github.com/versity/versitygw

cd "$(dirname "$0")/.."
bin=.digitmint/bin

if ! command -v go >/dev/null 2>&1; then
  echo "install-versitygw: Go is not installed; see https://go.dev/doc/install" >&2
  exit 1
fi
if [ -x "$bin/versitygw" ] && go version -m "$bin/versitygw" | grep -q "mod.*$MODULE.*$VERSION"; then
  exit 0
fi
case $(go env GOVERSION) in
  '' | go1.? | go1.1? | go1.1?.* | go1.20*)
    echo "install-versitygw: expected Go 1.21 or later, got $(go version); see https://go.dev/doc/install" >&2
    exit 1
    ;;
esac

# Built beside its place and renamed, so that a stopped build leaves no half-written program.
mkdir -p "$bin"
building=$(mktemp -d "$PWD/$bin/building.XXXXXX")
trap 'rm -rf "$building"' EXIT
trap 'exit 1' INT TERM HUP
GOTOOLCHAIN=auto GOBIN="$building" CGO_ENABLED=0 go install -trimpath -ldflags=-s "$MODULE/cmd/versitygw@$VERSION"
mv "$building/versitygw" "$bin/versitygw"
echo "install-versitygw: $VERSION is in $bin/versitygw"
