/** Tests the size of the bundle, which a deployment uploads and every new isolate parses. */
import { expect, test } from 'vitest';
import { measureBundle } from '../../dev/measure-bundle.ts';

/** Bytes after gzip. Raise this limit only on purpose. */
const BUDGET = { code: 150 * 1024, kernels: 6.25 * 1024, model: 512 * 1024, documents: 98 * 1024 };

test('the worker’s bundle is small', async () => {
  const sizes = await measureBundle();
  for (const part of ['code', 'kernels', 'model', 'documents'] as const) {
    expect(sizes[part]).toBeGreaterThan(1024);
    expect([part, Math.max(sizes[part], BUDGET[part])]).toEqual([part, BUDGET[part]]);
  }
});
