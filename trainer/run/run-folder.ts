/**
 * A run's folder: what it was told, what it ran on, its log, its pictures, its checkpoints and what came out of it.
 *
 *   options.json  sessions.jsonl  metrics.jsonl  events/  images/step-NNNNNNN.png  checkpoints/
 *   progress.gif  report.html  model/  snapshots/step-NNNNNNN/
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import canonicalize from 'canonicalize';
import {
  appendToLog,
  removeLeftovers,
  toWriteError,
  writeAtomically,
} from '../../storage/files.ts';
import { parseMetrics, type MetricsLine } from './log/metrics.ts';
import type { TrainingConfig } from '../gan/preset.ts';
import { encodeGif } from './sample-grid.ts';
import type { Session } from './session.ts';
import type { BackendName } from '../tensorflow/open-backend.ts';
import { ExpectedError } from '../../shared/expected-error.ts';

const GRID_NAME = /^step-(\d{7})\.png$/;

/** What a run was told, as options.json keeps it. */
export interface RunOptions {
  readonly config: TrainingConfig;
  readonly dataset: { readonly name: string; readonly images: number; readonly sha256: string };
  /** What it started on; `threads` is null where the arithmetic does not depend on it. */
  readonly backend: { readonly name: BackendName; readonly threads: number | null };
  /** Whether a model is kept beside every sample grid. */
  readonly snapshots?: true;
}

/** A folder that cannot be trained into. The message names it and says what to do. */
export class RunFolderError extends ExpectedError {
  override name = 'RunFolderError' as const;
}

/** Paths in a run's folder. */
export function locate(folder: string) {
  return {
    options: join(folder, 'options.json'),
    sessions: join(folder, 'sessions.jsonl'),
    metrics: join(folder, 'metrics.jsonl'),
    /** For TensorBoard. */
    events: join(folder, 'events'),
    report: join(folder, 'report.html'),
    gif: join(folder, 'progress.gif'),
    images: join(folder, 'images'),
    checkpoints: join(folder, 'checkpoints'),
    model: join(folder, 'model'),
    snapshots: join(folder, 'snapshots'),
  };
}

/** Where a run keeps the model that it has after some steps. */
export function locateSnapshot(folder: string, steps: number): string {
  return join(locate(folder).snapshots, `step-${String(steps).padStart(7, '0')}`);
}

/** The first free `runs/NNNNN-<preset>`. */
export async function chooseRunFolder(root: string, preset: string): Promise<string> {
  const names = existsSync(root) ? await readdir(root) : [];
  const numbers = names.map((name) => Number(/^(\d{5})-/.exec(name)?.[1] ?? -1));
  return join(root, `${String(Math.max(-1, ...numbers) + 1).padStart(5, '0')}-${preset}`);
}

/**
 * SHA-256 of all that decides a run's weights: a checkpoint of another run does not fit this one. How often it saves does
 * not count; how long it trains does only where a schedule hangs on it, so that other runs may be resumed with more steps.
 */
export function hashRun({ config, dataset }: Pick<RunOptions, 'config' | 'dataset'>): string {
  const { steps, imageEvery: _imageEvery, checkpointEvery: _checkpointEvery, ...rest } = config;
  const deciding = config.finalFactor === 1 ? rest : { ...rest, steps };
  return createHash('sha256')
    .update(canonicalize({ config: deciding, dataset: dataset.sha256 }) as string)
    .digest('hex');
}

/**
 * Makes a new run's folder.
 * @throws RunFolderError  When it holds a run already.
 * @throws WriteError      When it cannot be made.
 */
export async function createRunFolder(folder: string, options: RunOptions): Promise<void> {
  const paths = locate(folder);
  if (existsSync(paths.options)) {
    throw new RunFolderError(
      `--out ${folder}: holds a run already. Go on with it by --resume ${folder}, or name another folder.`,
    );
  }
  try {
    await mkdir(paths.images, { recursive: true });
    await mkdir(paths.checkpoints, { recursive: true });
  } catch (cause) {
    throw toWriteError(folder, cause);
  }
  await removeLeftovers(folder);
  await writeAtomically(paths.options, `${JSON.stringify(options, null, 2)}\n`);
}

/**
 * Reads what a run was told.
 *
 * @param flag             What named the folder, for the error's text.
 * @throws RunFolderError  When the folder holds no run.
 */
export async function loadRunOptions(folder: string, flag = '--resume'): Promise<RunOptions> {
  const { options } = locate(folder);
  let text: string;
  try {
    text = await readFile(options, 'utf8');
  } catch (cause) {
    throw new RunFolderError(
      `${flag} ${folder}: expected the folder of a run, but ${options} cannot be read`,
      { cause },
    );
  }
  try {
    return JSON.parse(text) as RunOptions;
  } catch (cause) {
    throw new RunFolderError(`${flag} ${folder}: ${options} is not JSON`, { cause });
  }
}

/** Keeps what a start or resumption is computed on. */
export async function appendSession(folder: string, session: Session): Promise<void> {
  const { sessions } = locate(folder);
  const text = existsSync(sessions) ? await readFile(sessions, 'utf8') : '';
  // Half a line of a process that was killed must not take this one with it.
  const start = text === '' || text.endsWith('\n') ? '' : '\n';
  await appendToLog(sessions, `${start}${JSON.stringify(session)}\n`);
}

/** Reads all starts and resumptions; none of runs from before they were kept. */
export async function loadSessions(folder: string): Promise<Session[]> {
  const { sessions } = locate(folder);
  const text = existsSync(sessions) ? await readFile(sessions, 'utf8') : '';
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as Session];
    } catch {
      return []; // half a line, or the end of the file
    }
  });
}

/**
 * Makes a run's folder ready to go on: drops what was logged after the checkpoint that it goes on from, so that no step is
 * logged twice, and what a process that was killed left half-written.
 */
export async function reopenRunFolder(folder: string, step: number): Promise<void> {
  await removeLeftovers(folder);
  const kept = (await loadMetrics(folder)).filter((line) => line.step < step);
  await writeAtomically(
    locate(folder).metrics,
    kept.map((line) => `${JSON.stringify(line)}\n`).join(''),
  );
}

/** Appends a line to the log. */
export async function appendMetrics(folder: string, line: MetricsLine): Promise<void> {
  await appendToLog(locate(folder).metrics, `${JSON.stringify(line)}\n`);
}

/** Reads the log; empty when nothing was logged. */
export async function loadMetrics(folder: string): Promise<MetricsLine[]> {
  const { metrics } = locate(folder);
  return existsSync(metrics) ? parseMetrics(await readFile(metrics, 'utf8')) : [];
}

/** Reads the last logged step; null when nothing was logged. */
export async function loadLastMetrics(folder: string): Promise<MetricsLine | null> {
  return (await loadMetrics(folder)).at(-1) ?? null;
}

/** Saves a grid, as PNG. */
export async function saveGrid(folder: string, step: number, png: Uint8Array): Promise<void> {
  await writeAtomically(
    join(locate(folder).images, `step-${String(step).padStart(7, '0')}.png`),
    png,
  );
}

/** Makes the animation of all grids so far. */
export async function saveProgressGif(folder: string): Promise<void> {
  const grids = await loadGrids(folder);
  if (grids.length > 0) {
    await writeAtomically(locate(folder).gif, encodeGif(grids.map(({ png }) => png)));
  }
}

/** A grid that was saved. */
export interface SavedGrid {
  readonly step: number;
  readonly png: Uint8Array;
}

/** Reads all grids, in the order of their steps. */
export async function loadGrids(folder: string): Promise<SavedGrid[]> {
  const { images } = locate(folder);
  const names = existsSync(images)
    ? (await readdir(images)).filter((name) => GRID_NAME.test(name)).sort()
    : [];
  return Promise.all(
    names.map(async (name) => ({
      step: Number(GRID_NAME.exec(name)?.[1]),
      png: await readFile(join(images, name)),
    })),
  );
}
