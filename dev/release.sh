#!/bin/sh
# npm run release -- VERSION [--dry-run]
#
# Makes a release: runs the gate, sets the version, gives CHANGELOG.md's "Unreleased" section its
# name, packs the npm client, builds the image where Docker runs, commits and tags. Pushes nothing.
# --dry-run does all that in a temporary clone, without the gate and the image.
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

if [ "$mode" = --dry-run ]; then
  project=$PWD
  trial=$(mktemp -d)
  trap 'rm -rf "$trial"' EXIT
  git clone -q "$project" "$trial/digitmint"
  cd "$trial/digitmint"
  ln -s "$project/node_modules" node_modules
  git config user.name release && git config user.email release@localhost
else
  .ci/run
  # A step that fails leaves no half-made release: the tree was clean.
  trap 'git checkout -q -- .' EXIT
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
  echo "digitmint $version is tagged. To publish: git push --follow-tags;" \
    "npm publish dist/digitmint-$version.tgz"
fi
