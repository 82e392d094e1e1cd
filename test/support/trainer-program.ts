/**
 * The trainer as a program that tests start. vitest.config.ts names this file as their set-up: it
 * bundles the trainer once, since a bundle starts in half the time.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The bundle, or the source in a hunt. */
export const TRAINER = process.env['DIGITMINT_TRAINER'] ?? join(ROOT, 'trainer', 'main.ts');

export default async function setUp(): Promise<() => void> {
  const { packCode } = await import('../../dev/pack/code.ts');
  // In the repository, where Node finds the packages that are not bundled.
  const parent = join(ROOT, '.digitmint');
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'trainer-'));
  await packCode(folder, false);
  process.env['DIGITMINT_TRAINER'] = join(folder, 'main.js');
  return () => rmSync(folder, { recursive: true, force: true });
}
