/**
 * The trainer as a program that tests start, and the programs of test/support that use its code.
 * vitest.config.ts names this file as their set-up: it bundles them once, since a bundle starts in
 * half the time.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The bundle, or the source in a hunt. */
export const TRAINER = process.env['DIGITMINT_TRAINER'] ?? join(ROOT, 'trainer', 'main.ts');

const OTHERS = {
  'models-child': 'test/support/models/models-child.ts',
  'publish-child': 'test/support/models/publish-child.ts',
};

/** The path of another program: of its bundle, or of its source in a hunt. */
export function findProgram(name: keyof typeof OTHERS): string {
  const isBundled = process.env['DIGITMINT_TRAINER'] !== undefined;
  return isBundled ? join(dirname(TRAINER), `${name}.js`) : join(ROOT, OTHERS[name]);
}

export default async function setUp(): Promise<() => void> {
  const { packCode } = await import('../../dev/pack/code.ts');
  // In the repository, where Node finds the packages that are not bundled.
  const parent = join(ROOT, '.digitmint');
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'trainer-'));
  await packCode(folder, false, OTHERS);
  process.env['DIGITMINT_TRAINER'] = join(folder, 'main.js');
  return () => rmSync(folder, { recursive: true, force: true });
}
