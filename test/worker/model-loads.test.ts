/**
 * Many models in one isolate of the real runtime.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildFixture } from '../support/fixture-artifact.ts';
import { putArtifact, startWorker, type TestWorker } from '../support/workerd.ts';

const fixtures = Array.from({ length: 12 }, (_, i) => buildFixture({ weightsSeed: `kept ${i}` }));

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker(async (bucket) => {
    for (const fixture of fixtures) {
      await putArtifact(bucket, fixture);
    }
  });
});
afterAll(() => worker.close());

const version = (i: number) => `/digit.json?seed=a&model=fixture@${fixtures[i]?.manifest.version}`;

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

test('more of them than are kept answer, each with its own digits, and again after they were let go', async () => {
  const draw = () => Promise.all(fixtures.map(async (_, i) => (await worker.fetch(version(i))).text()));
  const answers = await draw();
  expect(new Set(answers).size).toBe(fixtures.length);
  expect(await draw()).toEqual(answers);
});
