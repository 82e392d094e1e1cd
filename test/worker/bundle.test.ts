/** Tests the bundle, which a deployment uploads and every new isolate parses. */
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
