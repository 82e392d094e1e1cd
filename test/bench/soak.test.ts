/**
 * A small soak in the real runtime, and the rule by which memory is judged.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { judgeMemory, type MemoryRow } from '../../bench/soak/memory.ts';
import { runSoak } from '../../bench/soak/run.ts';
import { startWorker, type TestWorker } from '../support/workerd.ts';

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker(undefined, {}, new URL('../edge/tensor-counting-worker.ts', import.meta.url));
});
afterAll(() => worker.close());

const ask = async (path: string) => (await (await worker.fetch(path)).json()) as number;

test('2,000 requests of every kind, while the model is switched and publications go wrong, are all answered right', async () => {
  const inside: { wasm: number; tensors: number }[] = [];
  const report = await runSoak({
    worker,
    requests: 2000,
    concurrency: 8,
    switches: 7,
    versions: 3,
    variants: 2,
    sampleEvery: 500,
    sample: async () => void inside.push({ wasm: await ask('/wasm'), tensors: await ask('/tensors') }),
  });
  expect(report.wrong).toEqual([]);
  expect([report.switches, report.brokenPublications]).toEqual([7, 2]);
  expect(Object.values(report.counts).reduce((sum, count) => sum + count, 0)).toBe(2000);
  expect(Object.keys(report.counts).length).toBeGreaterThan(20);
  expect(inside).toHaveLength(4);
  expect(new Set(inside.slice(1).map(({ wasm }) => wasm)).size).toBe(1);
  // Three versions of a fixture, the one that is being loaded, and the bundled model.
  expect(Math.max(...inside.map(({ tensors }) => tensors))).toBeLessThanOrEqual(6 * 8);
}, 300_000);

test('memory that levels off is flat, and memory that goes on growing is not, whatever it breathes', () => {
  type Course = (i: number) => number;
  const run = (residentMiB: Course, wasmMiB: Course = () => 16, tensors: Course = () => 20) =>
    Array.from({ length: 40 }, (_, i): MemoryRow => ({
      requests: i * 100,
      seconds: i,
      residentMiB: residentMiB(i),
      wasmMiB: wasmMiB(i),
      tensors: tensors(i),
    }));
  const grew = (rows: MemoryRow[]) => judgeMemory(rows, 32).grew;
  expect(grew(run((i) => 200 + 100 * (1 - Math.exp(-i / 3)) + 20 * (i % 2)))).toBe(false);
  expect(grew(run((i) => 200 + 2 * i + 20 * (i % 2)))).toBe(true);
  expect(
    grew(
      run(
        () => 200,
        (i) => (i < 15 ? 16 : 32),
      ),
    ),
  ).toBe(false);
  expect(
    grew(
      run(
        () => 200,
        (i) => (i < 35 ? 16 : 32),
      ),
    ),
  ).toBe(true);
  expect(
    grew(
      run(
        () => 200,
        undefined,
        (i) => 16 + 4 * (i % 3),
      ),
    ),
  ).toBe(false);
  expect(
    grew(
      run(
        () => 200,
        undefined,
        (i) => 16 + i,
      ),
    ),
  ).toBe(true);
  expect(
    judgeMemory(
      run((i) => 200 + 4 * i),
      32,
    ).text,
  ).toContain('GREW, +80.0 MiB, 32 allowed');
});
