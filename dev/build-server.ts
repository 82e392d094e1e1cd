/**
 * `npm run build:server [-- FOLDER]`: the server on Node as a folder that needs nothing beside it but Node: the script, its
 * wasm and the bundled model's weights.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bundle } from './bundle.ts';

const ROOT = join(import.meta.dirname, '..');

/** The script's name in that folder. */
export const SERVER_FILE = 'server.js';

/**
 * Builds it, in the place of what is there.
 * @param folder  Absolute path; whatever it holds is deleted.
 * @param entry   Absolute path of another entry than the server's own.
 */
export async function buildServer(folder: string, entry = join(ROOT, 'server', 'main.ts')): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  await bundle({ entries: { server: entry }, outFolder: folder, platform: 'node' });
  // Whatever folder it lies in: the script is a module.
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
}

if (import.meta.main) {
  const folder = resolve(process.argv[2] ?? join(ROOT, 'dist', 'server'));
  await buildServer(folder);
  process.stdout.write(`${join(folder, SERVER_FILE)}\n`);
}
