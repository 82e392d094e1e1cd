#!/bin/sh
# npm run release -- VERSION [--dry-run]
#
# Makes a release: runs the gate, sets the version, gives CHANGELOG.md's "Unreleased" section its
# name, packs the npm client, builds the image where Docker runs, commits and tags. Pushes nothing.
# All but the gate works in a temporary clone. --dry-run keeps nothing, without gate and image.
set -eu
cd "$(dirname "$0")/.."
version=${1:-} mode=${2:-}

fail() {
  echo "digitmint: $*" >&2
  exit 1
}
[ -z "${npm_config_dry_run:-}" ] || [ "$mode" = --dry-run ] ||
  fail "npm kept --dry-run for itself, because no \`--\` stands before it, so nothing was done." \
    "Type: npm run release -- $version --dry-run"
echo "$version" | grep -Eq '^[0-9]+\.[0-9]+\.[0-9]+(-[0-9a-z.]+)?$' ||
  fail "expected a version like 0.2.0: npm run release -- VERSION [--dry-run]"
[ -z "$mode" ] || [ "$mode" = --dry-run ] || fail "unknown flag $mode; there is --dry-run only"
[ -z "$(git status --porcelain)" ] || fail 'the working tree has changes; commit them first'
! git rev-parse -q --verify "refs/tags/v$version" >/dev/null || fail "v$version exists already"
awk '/^## /{on = /^## Unreleased/} on && /^- /{found = 1} END{exit !found}' CHANGELOG.md ||
  fail 'CHANGELOG.md has nothing under "## Unreleased"'

project=$PWD
head=$(git rev-parse HEAD)
if [ "$mode" != --dry-run ]; then
  .ci/run
  [ "$(git rev-parse HEAD)$(git status --porcelain)" = "$head" ] ||
    fail 'something changed while the gate ran; commit it and start again'
fi
# The release is made in a clone. A step that fails, or a signal, leaves nothing here.
trial=$(mktemp -d)
trap 'rm -rf "$trial"' EXIT
trap 'exit 1' INT TERM HUP
git clone -q "$project" "$trial/digitmint"
cd "$trial/digitmint"
ln -s "$project/node_modules" node_modules
if [ "$mode" = --dry-run ]; then
  git config user.name release && git config user.email release@localhost
else
  # A clone does not have the settings of this repository.
  git config user.name "$(git -C "$project" config user.name)"
  git config user.email "$(git -C "$project" config user.email)"
fi

npm version --no-git-tag-version --allow-same-version "$version" >/dev/null
awk -v title="## $version ($(date -u +%F))" \
  '/^## Unreleased$/ && !done {print; print ""; print title; done = 1; next} {print}' \
  CHANGELOG.md >CHANGELOG.new
mv CHANGELOG.new CHANGELOG.md
npm run -s build -- client
mkdir -p dist
npm pack --silent ./client/dist --pack-destination dist
if [ "$mode" != --dry-run ] && docker info >/dev/null 2>&1; then
  docker build -t "digitmint:$version" .
else
  echo "no image was built: docker build -t digitmint:$version ."
fi
git commit -qam "chore: release $version"
git tag -a "v$version" -m "digitmint $version"
git show --stat --oneline HEAD
if [ "$mode" = --dry-run ]; then
  echo "digitmint $version would be tagged; nothing was kept: --dry-run"
else
  # The branch first: git refuses that when it has moved on meanwhile.
  release=$(git rev-parse HEAD)
  git -C "$project" fetch -q "$trial/digitmint" HEAD
  git -C "$project" merge -q --ff-only "$release"
  git -C "$project" fetch -q "$trial/digitmint" tag "v$version"
  mkdir -p "$project/dist"
  cp "dist/digitmint-$version.tgz" "$project/dist/"
  echo "digitmint $version is tagged. To publish: git push --follow-tags;" \
    "npm publish dist/digitmint-$version.tgz"
fi
