/**
 * The server on Node as a folder that needs nothing but Node: the script, its wasm, the bundled
 * model's weights and the pages' files.
 */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { ASSET_PATH } from '../../worker/http/asset-headers.ts';
import { ASSET_FOLDER, buildPage } from './page.ts';
import { bundle, ROOT } from './bundle.ts';
import { replaceBuild } from './output-folder.ts';

/** The script's name in the folder. */
export const SERVER_FILE = 'server.js';

/** Pictures do not become smaller. */
const COMPRESSIBLE = new Set(['.js', '.css', '.wasm', '.svg']);

/** @param folder  Absolute path; see `replaceBuild`. */
export function buildServer(folder: string): Promise<void> {
  return replaceBuild(folder, writeServer);
}

async function writeServer(folder: string): Promise<void> {
  await buildPage(); // Before the bundle, which holds the names of the pages' files.
  // Split, so that only a server with a bucket loads the AWS SDK.
  const entries = { server: join(ROOT, 'server', 'main.ts') };
  await bundle(entries, folder, 'node', { splitting: true });
  // Marks the script as a module, whatever folder it lies in.
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
  // Compressed copies: for the worker, Cloudflare compresses.
  const assets = join(folder, ASSET_PATH);
  cpSync(ASSET_FOLDER, assets, { recursive: true });
  for (const file of readdirSync(assets).filter((name) => COMPRESSIBLE.has(extname(name)))) {
    const content = readFileSync(join(assets, file));
    writeFileSync(join(assets, `${file}.br`), brotliCompressSync(content));
    writeFileSync(join(assets, `${file}.gz`), gzipSync(content));
  }
}
