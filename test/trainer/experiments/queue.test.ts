import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { planRuns, workOff, type PlannedRun } from '../../../trainer/experiments/queue.ts';
import { locateExperiment } from '../../../trainer/experiments/records.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'digitmint-queue-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const nameOf = ({ arm, seed }: PlannedRun): string => `${arm}-${seed}`;

/** A worker that records its calls. */
function createWorker() {
  const finished = new Set<string>();
  const worked: string[] = [];
  return {
    finished,
    worked,
    isFinished: async (run: PlannedRun) => finished.has(nameOf(run)),
    work: async (run: PlannedRun) => {
      worked.push(nameOf(run));
      await setImmediate();
      finished.add(nameOf(run));
      return true;
    },
  };
}

it('a worker runs all arms with one seed before the next seed', () => {
  expect(planRuns('runs', ['tutorial', 'r1'], 2).map(({ folder }) => folder)).toEqual(
    ['tutorial-1', 'r1-1', 'tutorial-2', 'r1-2'].map((name) => join('runs', name)),
  );
});

it('two workers on the same list do each run once, and each reports the other’s runs', async () => {
  const runs = planRuns(root, ['tutorial', 'r1', 'glorot'], 2);
  const worker = createWorker();
  const outcomes = await Promise.all([
    workOff(runs, worker.isFinished, worker.work),
    workOff([...runs].reverse(), worker.isFinished, worker.work),
  ]);
  expect([...worker.worked].sort()).toEqual(runs.map(nameOf).sort());
  expect(outcomes.flatMap(({ done }) => done.map(nameOf)).sort()).toEqual(runs.map(nameOf).sort());
});

it('a worker skips finished runs, and stops on request', async () => {
  const runs = planRuns(root, ['tutorial', 'r1', 'glorot'], 1);
  const worker = createWorker();
  worker.finished.add('tutorial-1');
  const { done } = await workOff(runs, worker.isFinished, async (run) => {
    await worker.work(run);
    return false;
  });
  expect(worker.worked).toEqual(['r1-1']);
  expect(done).toEqual([]);
  expect(await readdir(join(root, 'r1-1'))).toEqual([]); // The lock is released.
});

it('a worker takes over a dead process’s lock and respects a living one’s', async () => {
  const runs = planRuns(root, ['tutorial', 'r1'], 1);
  const { pid } = spawnSync(process.execPath, ['--eval', '']);
  const holders = [pid, process.ppid];
  for (const [i, { folder }] of runs.entries()) {
    await mkdir(folder, { recursive: true });
    const holder = { token: 'x', pid: holders[i], host: hostname() };
    await writeFile(locateExperiment(folder).lock, JSON.stringify(holder));
  }
  const worker = createWorker();
  const { done, elsewhere } = await workOff(runs, worker.isFinished, worker.work);
  expect(done.map(nameOf)).toEqual(['tutorial-1']);
  expect(elsewhere.map(nameOf)).toEqual(['r1-1']);
});
