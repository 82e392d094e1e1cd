#!/bin/sh
# npm run renew [-- PACKAGE...]
#
# Renews pinned dependencies: installs the newest versions of the packages named, or of all that are
# outdated, then runs the gate. Look through package.json's changes and commit them.
set -eu
cd "$(dirname "$0")/.."

[ -z "$(git status --porcelain)" ] || {
  echo 'digitmint: the working tree has changes; commit them first' >&2
  exit 1
}
if [ $# -eq 0 ]; then
  # npm's status is 1 when something is outdated. When the registry fails, it prints an error.
  # Node and its types keep their major version (see launch.mjs), previews their line.
  names=$(npm outdated --json | node -e "
    const outdated = JSON.parse(require('node:fs').readFileSync(0, 'utf8') || '{}');
    const isKept = /^(@types\/node|node-(bin-)?(darwin|linux|win)-.*)$/;
    if (outdated.error !== undefined && outdated.error.latest === undefined) {
      console.error('digitmint: npm outdated failed: ' + JSON.stringify(outdated.error));
      process.exit(1);
    }
    for (const [name, entry] of Object.entries(outdated)) {
      const [{ current = '' }] = [entry].flat();
      if (!isKept.test(name) && !current.includes('-')) {
        console.log(name);
      }
    }
  ")
  set -- $names
fi
[ $# -gt 0 ] || {
  echo 'Nothing is outdated.'
  exit 0
}
echo "Renewing $*"
for name; do
  npm install --save-exact --ignore-scripts --no-audit --no-fund "$name@latest"
done
git --no-pager diff --stat
.ci/run
