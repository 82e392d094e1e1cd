/**
 * Tensors in the real runtime: after requests of every kind, only the weights of the models that are kept are alive.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildFixture } from '../support/fixture-artifact.ts';
import bundled from '../../models/digits/manifest.json' with { type: 'json' };
import { generatorConfigSchema, planGenerator } from '../../shared/generator.ts';
import { putArtifact, startWorker, type TestWorker } from '../support/workerd.ts';

/** Of a fixture. */
const WEIGHTS_A_MODEL = 4;
/** Of the model in the bundle, which serves while the bucket is empty. */
const WEIGHTS_BUNDLED = planGenerator(generatorConfigSchema.parse(bundled.generator)).weights.length;

const fixtures = Array.from({ length: 12 }, (_, i) => buildFixture({ weightsSeed: `kept ${i}` }));

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker(
    async (bucket) => {
      for (const fixture of fixtures) {
        await putArtifact(bucket, fixture);
      }
    },
    {},
    new URL('../edge/tensor-counting-worker.ts', import.meta.url),
  );
});
afterAll(() => worker.close());

const version = (i: number) => `/digit.json?model=fixture@${fixtures[i]?.manifest.version}`;
const countTensors = async () => (await (await worker.fetch('/tensors')).json()) as number;

test('drawing leaves none behind', async () => {
  await worker.fetch('/digit.png');
  const before = await countTensors();
  expect(before).toBe(WEIGHTS_BUNDLED);
  for (const path of ['/digit.png?n=256', '/digit.json?n=70', '/digit.png?n=0', '/digit.png?label=3', '/', '/healthz']) {
    await (await worker.fetch(path)).arrayBuffer();
  }
  expect(await countTensors()).toBe(before);
});

test('models that are let go leave none behind', async () => {
  for (let round = 0; round < 2; round++) {
    await Promise.all(
      fixtures.map(async ({ manifest }) =>
        (await worker.fetch(`/digit.png?seed=a&model=fixture@${manifest.version}`)).arrayBuffer(),
      ),
    );
  }
  const count = await countTensors();
  expect(count).toBeGreaterThan(WEIGHTS_A_MODEL);
  expect(count).toBeLessThanOrEqual(WEIGHTS_BUNDLED + 5 * WEIGHTS_A_MODEL);
});

test('a model that is refused leaves none behind', async () => {
  const before = await countTensors();
  const bad = buildFixture({ weightsSeed: 'refused' });
  await putArtifact(worker.bucket, bad);
  await worker.bucket.put(`models/fixture/${bad.manifest.version}/weights.bin`, new Uint8Array(10));
  expect((await worker.fetch(`/digit.png?model=fixture@${bad.manifest.version}`)).status).toBe(503);
  expect(await countTensors()).toBe(before);
});

test('a request that its caller cancels in the middle of a load does not stop those that wait for the same load', async () => {
  for (const i of [0, 1, 2, 3]) {
    const cancelled = new AbortController();
    const first = worker.fetch(version(i), { signal: cancelled.signal }).catch((error: Error) => error.name);
    const second = worker.fetch(version(i));
    setTimeout(() => cancelled.abort(), i);
    await first;
    expect((await second).status).toBe(200);
  }
});

test('large requests that their callers cancel while they wait their turn leave no model held', async () => {
  for (let round = 0; round < 2; round++) {
    const cancelled = new AbortController();
    const all = fixtures.map(({ manifest }) =>
      worker
        .fetch(`/digit.png?n=256&model=fixture@${manifest.version}`, { signal: cancelled.signal })
        .catch((error: Error) => error.name),
    );
    await new Promise((resolve) => setTimeout(resolve, 30 + 60 * round));
    cancelled.abort();
    await Promise.all(all);
  }
  for (const { manifest } of fixtures) {
    expect((await worker.fetch(`/digit.txt?model=fixture@${manifest.version}`)).status).toBe(200);
  }
  expect(await countTensors()).toBeLessThanOrEqual(WEIGHTS_BUNDLED + 5 * WEIGHTS_A_MODEL);
});
