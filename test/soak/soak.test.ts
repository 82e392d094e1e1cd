/**
 * A small soak in the real runtime, and the rule by which memory is judged.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { judgeMemory, type MemoryRow } from './memory.ts';
import { runSoak } from './run.ts';
import { startWorker, type TestWorker } from '../support/hosts/workerd.ts';

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker(
    undefined,
    {},
    new URL('../edge/model-counting-worker.ts', import.meta.url),
  );
});
afterAll(() => worker.close());

test('1,000 requests of every kind, while the model is switched and publications go wrong, are all answered right', async () => {
  const models: number[] = [];
  const report = await runSoak({
    worker,
    requests: 1000,
    concurrency: 8,
    switches: 7,
    versions: 3,
    variants: 2,
    sampleEvery: 250,
    sample: async () =>
      void models.push((await (await worker.fetch('/open-models')).json()) as number),
  });
  expect(report.wrong).toEqual([]);
  expect([report.switches, report.brokenPublications]).toEqual([7, 2]);
  expect(Object.values(report.counts).reduce((sum, count) => sum + count, 0)).toBe(1000);
  expect(Object.keys(report.counts).length).toBeGreaterThan(20);
  expect(models).toHaveLength(4);
  // Six that are kept, the one that serves, and one that is being loaded.
  expect(Math.max(...models)).toBeLessThanOrEqual(8);
});

test('memory that levels off is flat, and memory that goes on growing is not, whatever it breathes', () => {
  type Course = (i: number) => number;
  const run = (residentMiB: Course, models: Course = () => 3) =>
    Array.from({ length: 40 }, (_, i): MemoryRow => ({
      requests: i * 100,
      seconds: i,
      residentMiB: residentMiB(i),
      models: models(i),
    }));
  const grew = (rows: MemoryRow[]) => judgeMemory(rows, 32).grew;
  const flat: Course = () => 200;
  expect(grew(run((i) => 200 + 100 * (1 - Math.exp(-i / 3)) + 20 * (i % 2)))).toBe(false);
  expect(grew(run((i) => 200 + 2 * i + 20 * (i % 2)))).toBe(true);
  expect(grew(run(flat, (i) => 3 + (i % 3)))).toBe(false);
  expect(grew(run(flat, (i) => 3 + i))).toBe(true);
  const steep = run((i) => 200 + 4 * i);
  expect(judgeMemory(steep, 32).text).toContain('GREW, +80.0 MiB, 32 allowed');
});
