/** Tests that the linter refuses regular expressions of more than linear time. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'digitmint-lint-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Lints a module with the project's rules. @returns  The rules that it breaks. */
function lint(code: string): string[] {
  const file = join(folder, 'module.ts');
  writeFileSync(file, code);
  const oxlint = join(ROOT, 'node_modules/oxlint/bin/oxlint');
  const args = [oxlint, '-c', join(ROOT, '.oxlintrc.json'), '-f', 'unix', file];
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return [...stdout.matchAll(/\[Error\/regexp\((?<rule>[a-z-]+)\)\]/g)].map(
    ({ groups }) => groups?.['rule'] ?? '',
  );
}

test.each([
  ['two quantifiers take the same text', String.raw`/^\s*q\s*=\s*(.*?)\s*$/`, 'backtracking'],
  ['a quantifier of a quantifier', String.raw`/^(?:a+)+$/`, 'backtracking'],
  ['a match may begin anywhere', String.raw`/ +$/`, 'move'],
])('a regular expression of more than linear time is refused: %s', (_, expression, rule) => {
  expect(lint(`export const found = ${expression};\n`)).toContain(`no-super-linear-${rule}`);
});

test('a linear one is allowed', () => {
  expect(lint('export const found = /^[a-z]+(?:-[a-z]+)*$/;\n')).toEqual([]);
});
