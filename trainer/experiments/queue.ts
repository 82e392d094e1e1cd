/**
 * The list of runs to do. Several processes may share a list: each run has a lock, and the lock of
 * a dead process is taken over.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { acquireFileLock, LockTimeoutError } from '../../storage/file-lock.ts';
import type { ArmName } from './arms.ts';
import { loadResult, locateExperiment } from './records.ts';

export interface PlannedRun {
  readonly arm: ArmName;
  readonly seed: string;
  readonly folder: string;
}

/**
 * All arms with the first seed, then with the second: so an early stop leaves about as many runs
 * for each arm.
 */
export function planRuns(root: string, arms: readonly ArmName[], seeds: number): PlannedRun[] {
  return Array.from({ length: seeds }, (_, i) => String(i + 1)).flatMap((seed) =>
    arms.map((arm) => ({ arm, seed, folder: join(root, `${arm}-${seed}`) })),
  );
}

/**
 * Tells whether a run needs no more work.
 *
 * @param sha256  Of its settings and data.
 * @throws ExperimentResultError  When its record cannot be read.
 */
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

/** Time to find out that a lock's holder is dead and to remove the lock. */
const LOCK_TIMEOUT_MS = 300;

/**
 * Does the runs of a list, except `elsewhere`: the runs that another process is doing.
 *
 * @param isFinished  Asked before a run is locked and again after, because another process may have
 *                    ended it.
 * @param work        Does a run. @returns  False to stop.
 */
export async function workOff(
  runs: readonly PlannedRun[],
  isFinished: (run: PlannedRun) => Promise<boolean>,
  work: (run: PlannedRun) => Promise<boolean>,
): Promise<{ done: PlannedRun[]; elsewhere: PlannedRun[] }> {
  const done: PlannedRun[] = [];
  const elsewhere: PlannedRun[] = [];
  for (const run of runs) {
    if (await isFinished(run)) {
      continue;
    }
    await mkdir(run.folder, { recursive: true });
    const { lock: path } = locateExperiment(run.folder);
    // A run takes any time, so only the lock of a dead process is stale.
    const options = { timeoutMs: LOCK_TIMEOUT_MS, staleMs: Infinity };
    const lock = await acquireFileLock(path, options).catch((error: unknown) => {
      if (error instanceof LockTimeoutError) {
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
        if (!(await work(run))) {
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
