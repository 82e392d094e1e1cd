/**
 * The list of runs to do, which several processes may share: each run has a lock, and a dead
 * process's lock is taken over.
 */
import { join } from 'node:path';
import { LockTimeoutError } from '../../storage/file-lock.ts';
import { lockRun, type RunLock } from '../run/run-folder.ts';
import type { ArmName } from './arms.ts';
import { loadResult, locateExperiment } from './records.ts';

export type PlannedRun = { readonly arm: ArmName; readonly seed: string; readonly folder: string };

/** All arms with one seed, then with the next, so an early stop leaves as many runs an arm. */
export function planRuns(root: string, arms: readonly ArmName[], seeds: number): PlannedRun[] {
  return Array.from({ length: seeds }, (_, i) => String(i + 1)).flatMap((seed) =>
    arms.map((arm) => ({ arm, seed, folder: join(root, `${arm}-${seed}`) })),
  );
}

/** Tells whether a run needs no more work. @throws ExpectedError */
export async function isDone(
  { folder }: PlannedRun,
  sha256: string,
  steps: number,
): Promise<boolean> {
  const result = await loadResult(locateExperiment(folder).result);
  return (
    result !== null &&
    result.sha256 === sha256 &&
    (result.steps >= steps || result.failure !== null)
  );
}

/**
 * Does the runs of a list, except `elsewhere`: the runs that another process is doing. It asks
 * `isFinished` again after locking, because another process may have ended the run. The work of a
 * run returns false to stop.
 */
export async function workOff(
  runs: readonly PlannedRun[],
  isFinished: (run: PlannedRun) => Promise<boolean>,
  work: (run: PlannedRun, lock: RunLock) => Promise<boolean>,
): Promise<{ done: PlannedRun[]; elsewhere: PlannedRun[] }> {
  const done: PlannedRun[] = [];
  const elsewhere: PlannedRun[] = [];
  for (const run of runs) {
    if (await isFinished(run)) {
      continue;
    }
    const lock = await lockRun(run.folder, '--out').catch((error: unknown) => {
      if ((error as Error).cause instanceof LockTimeoutError) {
        return null;
      }
      throw error;
    });
    if (lock === null) {
      elsewhere.push(run);
      continue;
    }
    try {
      if (!(await isFinished(run))) {
        if (!(await work(run, lock))) {
          break;
        }
        done.push(run);
      }
    } finally {
      await lock.release();
    }
  }
  return { done, elsewhere };
}
