/**
 * `npm run build:server [-- FOLDER]`: the server on Node as a folder that needs nothing beside it but Node: the script, its
 * wasm, the bundled model's weights and the pages' files.
 */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { extname, join, resolve } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { ASSET_PATH } from '../worker/http/asset-headers.ts';
import { ASSET_FOLDER, buildPage } from './build-page.ts';
import { bundle } from './bundle.ts';

const ROOT = join(import.meta.dirname, '..');

/** The script's name in that folder. */
export const SERVER_FILE = 'server.js';

/**
 * Builds it, in the place of what is there.
 * @param folder  Absolute path; whatever it holds is deleted.
 * @param entry   Absolute path of another entry than the server's own.
 */
export async function buildServer(
  folder: string,
  entry = join(ROOT, 'server', 'main.ts'),
): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  await buildPage(); // Before the bundle: it holds their names.
  // Split, so that only a server with a bucket loads the AWS SDK.
  const entries = { server: entry };
  await bundle({ entries, outFolder: folder, platform: 'node', splitting: true });
  addAssets(join(folder, ASSET_PATH));
  // Whatever folder it lies in: the script is a module.
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
}

/** What becomes smaller by it; pictures do not. */
const COMPRESSIBLE = new Set(['.js', '.css', '.wasm']);

/** Copies the pages' files, compressed as well: an edge does that for the worker. */
function addAssets(folder: string): void {
  cpSync(ASSET_FOLDER, folder, { recursive: true });
  for (const file of readdirSync(folder).filter((name) => COMPRESSIBLE.has(extname(name)))) {
    const content = readFileSync(join(folder, file));
    writeFileSync(join(folder, `${file}.br`), brotliCompressSync(content));
    writeFileSync(join(folder, `${file}.gz`), gzipSync(content));
  }
}

if (import.meta.main) {
  const folder = resolve(process.argv[2] ?? join(ROOT, 'dist', 'server'));
  await buildServer(folder);
  process.stdout.write(`${join(folder, SERVER_FILE)}\n`);
}
