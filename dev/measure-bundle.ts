/**
 * How large the worker is that `wrangler deploy` would upload.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** Bytes, each part gzipped by itself. */
export interface BundleSize {
  readonly code: number;
  readonly kernels: number;
  /** The bundled model's weights. */
  readonly model: number;
}

const PARTS: Readonly<Record<string, keyof BundleSize>> = { '.js': 'code', '.wasm': 'kernels', '.bin': 'model' };

/** @throws Error  When wrangler cannot bundle it. */
export function measureBundle(): BundleSize {
  const folder = mkdtempSync(join(tmpdir(), 'digitmint-bundle-'));
  try {
    const args = ['deploy', '--dry-run', '--outdir', folder];
    const { status, stderr } = spawnSync('wrangler', args, { cwd: join(import.meta.dirname, '..'), encoding: 'utf8' });
    if (status !== 0) {
      throw new Error(`wrangler ${args.join(' ')} failed: ${stderr}`);
    }
    const sizes = { code: 0, kernels: 0, model: 0 };
    for (const file of readdirSync(folder)) {
      const part = PARTS[extname(file)];
      if (part !== undefined) {
        sizes[part] += gzipSync(readFileSync(join(folder, file))).length;
      }
    }
    return sizes;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
