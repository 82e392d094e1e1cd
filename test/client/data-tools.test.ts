/**
 * Tests that data tools open sets by their URLs: dev/data-tools/tables.txt pins them. Their
 * findings are compared with `/digit.json`. `npm run hunt -- tools` does the same with the large
 * ones.
 */
import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { POINTER_KEY } from '../../shared/model/artifact.ts';
import { hasCommands } from '../support/clients/installed.ts';
import { CASES, hasTools, openSets, type Found } from '../support/data-tools/data-tools.ts';
import { putArtifact, startWorker, type TestWorker } from '../support/hosts/workerd.ts';
import { buildFixture, buildPointer } from '../support/models/fixture-artifact.ts';

const run = promisify(execFile);
const model = buildFixture({ name: 'digits' });
const QUERY = 'seed=Ada&n=150';

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker(async (bucket) => {
    await putArtifact(bucket, model);
    await bucket.put(POINTER_KEY, buildPointer(model));
  });
});
afterAll(() => worker.close());

describe.skipIf(!hasTools('tables'))('a set', () => {
  let expected: Found;
  let found: Readonly<Record<string, Found>>;
  beforeAll(async () => {
    const { digits } = await worker.getDigits(`/digit.json?${QUERY}`);
    const pixels = createHash('sha256');
    digits.forEach((digit) => pixels.update(Uint8Array.from(digit.pixels)));
    expected = { pixels: pixels.digest('hex'), labels: digits.map(({ label }) => label ?? -1) };
    found = await openSets('tables', worker.url, QUERY);
  });

  test.each(CASES.tables)('is opened by %s', (name) => {
    expect(found[name]).toEqual(expected);
  });
});

describe.each([
  ['curl', ['-sS', '-C', '-', '-o']],
  ['wget', ['-q', '-c', '-O']],
] as const)('%s', (program, flags) => {
  test.skipIf(!hasCommands(program))('goes on with a download that was cut off', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'digitmint-download-'));
    try {
      for (const extension of ['npy', 'npz', 'parquet', 'csv']) {
        const path = `/dataset.${extension}?${QUERY}`;
        const whole = await worker.getBytes(path);
        const file = join(folder, extension);
        await writeFile(file, whole.subarray(0, whole.length / 2));
        await run(program, [...flags, file, new URL(path, worker.url).href]);
        expect((await readFile(file)).equals(whole)).toBe(true);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
