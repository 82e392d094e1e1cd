/**
 * The worker as `wrangler deploy` uploads it, and its size.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

/**
 * Bundles the worker.
 *
 * @param use     Gets the folder with index.js, its .wasm and .bin modules and source maps. The
 *                folder is removed afterwards.
 * @throws Error  When wrangler cannot bundle it.
 */
export async function withBundle<T>(use: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'digitmint-bundle-'));
  try {
    const args = ['deploy', '--dry-run', '--outdir', folder];
    execFileSync('wrangler', args, { cwd: join(import.meta.dirname, '..'), stdio: 'pipe' });
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The files that the worker holds for readers; the other bytes are of models. */
const DOCUMENTS = /guides|openapi/;

/** @returns  Gzipped bytes of each part. @throws Error  When wrangler cannot bundle it. */
export function measureBundle() {
  return withBundle((folder) => {
    const files = readdirSync(folder);
    const measure = (extension: string, isDocument = false): number =>
      files
        .filter((file) => extname(file) === extension && DOCUMENTS.test(file) === isDocument)
        .reduce((sum, file) => sum + gzipSync(readFileSync(join(folder, file))).length, 0);
    return {
      code: measure('.js'),
      kernels: measure('.wasm'),
      model: measure('.bin'),
      documents: measure('.bin', true),
    };
  });
}
