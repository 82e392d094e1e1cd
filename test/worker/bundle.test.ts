/** Tests the bundle, which a deployment uploads and every new isolate parses. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ALIAS } from '../../dev/build/bundle.ts';
import { measureBundle } from '../../dev/measure-bundle.ts';
import { readWorkerConfig } from '../support/hosts/worker-config.ts';

/** Bytes after gzip. Raise this limit only on purpose. */
const BUDGET = { code: 150 * 1024, kernels: 6.25 * 1024, model: 512 * 1024, documents: 110 * 1024 };

test('the worker’s bundle is small', async () => {
  const sizes = await measureBundle();
  for (const part of ['code', 'kernels', 'model', 'documents'] as const) {
    expect(sizes[part]).toBeGreaterThan(1024);
    expect([part, Math.max(sizes[part], BUDGET[part])]).toEqual([part, BUDGET[part]]);
  }
});

test('Node and browsers get the modules that wrangler.toml puts in place of others', async () => {
  const { alias, define } = await readWorkerConfig();
  expect({ alias, define }).toEqual({ alias: ALIAS, define: {} });
});

test('npm run deploy uploads no settings that the worker refuses', () => {
  const folder = mkdtempSync(join(tmpdir(), 'digitmint-deploy-'));
  const config = join(folder, 'wrangler.toml');
  const text = readFileSync('wrangler.toml', 'utf8');
  const deploy = (from: string, to: string, ...args: string[]) => {
    writeFileSync(config, text.replace(from, to));
    const words = ['dev/deploy.ts', '--dry-run', '--config', config, ...args];
    return spawnSync(process.execPath, words, { encoding: 'utf8' }).stderr;
  };
  expect(deploy('MAX_CPU_MS = ""', 'MAX_CPU_MS = "ten"')).toBe(
    `digitmint: ${config}: MAX_CPU_MS is "ten", expected milliseconds from 1 to 9999999, or nothing; nothing was uploaded\n`,
  );
  expect(deploy('', '', '--var', 'RATE_LIMIT:many')).toMatch(/: RATE_LIMIT is "many", expected/);
  rmSync(folder, { recursive: true });
});
