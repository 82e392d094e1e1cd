/**
 * The runs that are to be done, one after the other. Several processes may work on the same list: each run has a lock, and
 * that of a process that died is taken over.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { acquireFileLock, LockTimeoutError, type FileLock } from '../../storage/file-lock.ts';
import type { ArmName } from './arms.ts';
import { loadResult, locateExperiment } from './result.ts';

/** A run of the list. */
export interface PlannedRun {
  readonly arm: ArmName;
  readonly seed: string;
  /** Where it is kept. */
  readonly folder: string;
}

/** How a list was worked off. */
export interface QueueOutcome {
  /** Done in this process. */
  readonly done: readonly PlannedRun[];
  /** Another process works on these. */
  readonly elsewhere: readonly PlannedRun[];
}

/** All arms with the first seed, then with the second: when it is stopped early, every arm has as many runs, but for one. */
export function planRuns(root: string, arms: readonly ArmName[], seeds: number): PlannedRun[] {
  return Array.from({ length: seeds }, (_, i) => String(i + 1)).flatMap((seed) =>
    arms.map((arm) => ({ arm, seed, folder: join(root, `${arm}-${seed}`) })),
  );
}

/**
 * Whether a run needs no more work.
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

/**
 * Works off a list.
 *
 * @param isFinished  Asked before a run is locked and once more after: another process may have ended it meanwhile.
 * @param work        Does a run. @returns  False to stop.
 */
export async function workOff(
  runs: readonly PlannedRun[],
  isFinished: (run: PlannedRun) => Promise<boolean>,
  work: (run: PlannedRun) => Promise<boolean>,
): Promise<QueueOutcome> {
  const done: PlannedRun[] = [];
  const elsewhere: PlannedRun[] = [];
  for (const run of runs) {
    if (await isFinished(run)) {
      continue;
    }
    await mkdir(run.folder, { recursive: true });
    const lock = await tryLock(locateExperiment(run.folder).lock);
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

/** Long enough to find out that a lock's holder is dead and to take it away. */
const LOCK_TIMEOUT_MS = 300;

async function tryLock(path: string): Promise<FileLock | null> {
  try {
    // A run takes as long as it likes: only a dead process's lock is taken over.
    return await acquireFileLock(path, { timeoutMs: LOCK_TIMEOUT_MS, staleMs: Infinity });
  } catch (error) {
    if (error instanceof LockTimeoutError) {
      return null;
    }
    throw error;
  }
}
