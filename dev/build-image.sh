#!/bin/sh
# Builds the Dockerfile for real and runs its image, without Docker or a daemon: buildah in a
# chroot. The base images are an extract of Debian with the Node that package-lock.json pins, under
# the names that the Dockerfile has, because no registry of images is needed then. Needs Debian or a
# derivative, root, buildah, mmdebstrap and node_modules. Leaves nothing behind.
set -eu
cd "$(dirname "$0")/.."

work=$(mktemp -d)
server=
stop() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  buildah_ rm --all >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap stop EXIT
trap 'exit 1' INT TERM HUP

buildah_() {
  buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"
}
fail() {
  echo "build-image: $1" >&2
  exit 1
}

# 1. The base.
root=$work/base
mmdebstrap --quiet --variant=extract --mode=root \
  --include=dash,coreutils,libc6,libstdc++6,ca-certificates bookworm "$root"
cp -L node_modules/.bin/node "$root/usr/bin/node"
mkdir -p "$root/usr/lib/node_modules"
cp -r "$(dirname "$(readlink -f "$(command -v npm)")")/.." "$root/usr/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/bin/npm"
# This machine's certificates and npm's cache, so that packages come as they do outside.
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
base=$(buildah_ from scratch)
buildah_ copy --quiet "$base" "$root" / >/dev/null
buildah_ config --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
  --env npm_config_prefer_offline=true --env npm_config_update_notifier=false "$base"
sed -n 's/^FROM \(node:[^ ]*\).*/\1/p' Dockerfile >"$work/names"
[ "$(wc -l <"$work/names")" -eq 2 ] || fail 'expected two base images in the Dockerfile'
first=docker.io/library/$(head -1 "$work/names")
buildah_ commit --quiet "$base" "$first" >/dev/null
buildah_ tag "$first" "docker.io/library/$(tail -1 "$work/names")"

# 2. The image, in Docker's format, because OCI's has no HEALTHCHECK.
cache=$(npm config get cache)
mkdir -p "$cache"
buildah_ build --quiet --format docker --isolation chroot --pull-never \
  --volume "$cache:/root/.npm" --tag digitmint .

# 3. A container: its user, its health, its answers, its stop.
container=$(buildah_ from --pull-never digitmint)
in_container() {
  buildah_ run --isolation chroot --env PORT="$port" "$container" -- "$@"
}
port=$(node -e "const s = require('net').createServer().listen(0, () => { console.log(s.address().port); s.close(); })")
[ "$(in_container id -u)" = 1000 ] || fail 'expected the user 1000'
# The container has no process numbers of its own, so that its first one can be ended from here.
in_container sh -c 'echo $$; exec node server.js' >"$work/log" 2>&1 &
running=$!
until grep -q '"event":"started"' "$work/log"; do
  kill -0 "$running" 2>/dev/null || fail "the server ended: $(cat "$work/log")"
  sleep 0.2
done
server=$(head -1 "$work/log")
node -e "
  const command = require('fs').readFileSync('Dockerfile', 'utf8').match(/HEALTHCHECK [^]*?CMD (\[.*\])/)[1];
  process.stdout.write(JSON.parse(command)[2]);
" >"$work/health.js"
in_container node -e "$(cat "$work/health.js")" || fail 'the HEALTHCHECK fails on a good server'
node -e "
  fetch('http://127.0.0.1:$port/digit.png?seed=Ada').then(async (answer) => {
    const bytes = new Uint8Array(await answer.arrayBuffer());
    if (answer.status !== 200 || bytes[1] !== 0x50) throw new Error('no PNG: ' + answer.status);
  });
" || fail 'expected a picture'
size=$(du -sm "$(buildah_ mount "$container")/app" | cut -f1)
kill "$server"
server=
wait "$running" || fail "expected status 0 after SIGTERM: $(tail -1 "$work/log")"
echo "build-image: $size MB in /app; it answers as user 1000, and stops"
