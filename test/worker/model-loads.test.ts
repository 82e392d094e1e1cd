/**
 * Tests many models in one isolate of the real runtime: released models are freed, whatever happens
 * to the requests.
 */
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildFixture } from '../support/models/fixture-artifact.ts';
import { putArtifact, startWorker, type TestWorker } from '../support/hosts/workerd.ts';

/** The cache keeps the bundled model and five more. */
const MOST_OPEN = 6;

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
    new URL('../edge/model-counting-worker.ts', import.meta.url),
  );
});
afterAll(() => worker.close());

const version = (i: number) => `/digit.json?seed=a&model=fixture@${fixtures[i]?.manifest.version}`;
const countOpenModels = async () => (await (await worker.fetch('/open-models')).json()) as number;

test('drawing opens the model once', async () => {
  for (const path of [
    '/digit.png',
    '/digit.png?n=256',
    '/digit.json?n=70',
    '/digit.png?n=0',
    '/digit.png?label=3',
    '/',
    '/healthz',
  ]) {
    await (await worker.fetch(path)).arrayBuffer();
  }
  expect(await countOpenModels()).toBe(1);
});

test('more models than the cache keeps answer with their own digits, also after eviction', async () => {
  const draw = () =>
    Promise.all(fixtures.map(async (_, i) => (await worker.fetch(version(i))).text()));
  const answers = await draw();
  expect(new Set(answers).size).toBe(fixtures.length);
  expect(await draw()).toEqual(answers);
  const count = await countOpenModels();
  expect(count).toBeGreaterThan(1);
  expect(count).toBeLessThanOrEqual(MOST_OPEN);
});

test('a refused model is not kept', async () => {
  const before = await countOpenModels();
  const bad = buildFixture({ weightsSeed: 'refused' });
  await putArtifact(worker.bucket, bad);
  await worker.bucket.put(`models/fixture/${bad.manifest.version}/weights.bin`, new Uint8Array(10));
  expect((await worker.fetch(`/digit.png?model=fixture@${bad.manifest.version}`)).status).toBe(503);
  expect(await countOpenModels()).toBe(before);
});

test('a request that its client cancels during a load does not stop the others that wait for the load', async () => {
  for (const i of [0, 1, 2, 3]) {
    const cancelled = new AbortController();
    const first = worker
      .fetch(version(i), { signal: cancelled.signal })
      .catch((error: Error) => error.name);
    const second = worker.fetch(version(i));
    for (let turns = 0; turns < 50 * i; turns++) {
      await setImmediate();
    }
    cancelled.abort();
    await first;
    expect((await second).status).toBe(200);
  }
});

test.each([
  ['large requests', (model: string) => `/digit.png?n=256&${model}`],
  [
    'questions about links',
    (model: string) =>
      `/oembed?url=${encodeURIComponent(`${worker.url.origin}/number/7?${model}`)}`,
  ],
])('%s that their clients cancel leave no model acquired', async (_, write) => {
  for (let round = 0; round < 2; round++) {
    const cancelled = new AbortController();
    const all = fixtures.map(({ manifest }) =>
      worker
        .fetch(write(`model=fixture@${manifest.version}`), { signal: cancelled.signal })
        .catch((error: Error) => error.name),
    );
    await (round === 0 ? setImmediate() : Promise.race(all));
    cancelled.abort();
    await Promise.all(all);
  }
  for (const { manifest } of fixtures) {
    expect((await worker.fetch(`/digit.txt?model=fixture@${manifest.version}`)).status).toBe(200);
  }
  expect(await countOpenModels()).toBeLessThanOrEqual(MOST_OPEN);
});
