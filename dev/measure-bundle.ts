/**
 * The worker as `wrangler deploy` uploads it, and its size.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** Gzipped bytes of each part. */
export interface BundleSize {
  readonly code: number;
  readonly kernels: number;
  /** The bundled model's weights. */
  readonly model: number;
}

const PARTS: Readonly<Record<string, keyof BundleSize>> = {
  '.js': 'code',
  '.wasm': 'kernels',
  '.bin': 'model',
};

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
    const { status, stderr } = spawnSync('wrangler', args, {
      cwd: join(import.meta.dirname, '..'),
      encoding: 'utf8',
    });
    if (status !== 0) {
      throw new Error(`wrangler ${args.join(' ')} failed: ${stderr}`);
    }
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @throws Error  When wrangler cannot bundle it. */
export function measureBundle(): Promise<BundleSize> {
  return withBundle((folder) => {
    const sizes = { code: 0, kernels: 0, model: 0 };
    for (const file of readdirSync(folder)) {
      const part = PARTS[extname(file)];
      if (part !== undefined) {
        sizes[part] += gzipSync(readFileSync(join(folder, file))).length;
      }
    }
    return sizes;
  });
}
