/**
 * A run's folder: its settings, sessions, log, pictures, checkpoints and models.
 *
 *   options.json  sessions.jsonl  metrics.jsonl  events/  images/step-NNNNNNN.png  checkpoints/
 *   progress.gif  report.html  model/  snapshots/step-NNNNNNN/
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import canonicalize from 'canonicalize';
import { ExpectedError } from '../../shared/expected-error.ts';
import {
  appendToLog,
  removeLeftovers,
  toWriteError,
  writeAtomically,
} from '../../storage/files.ts';
import type { TrainingConfig } from '../gan/preset.ts';
import type { BackendName, SelectedBackend } from '../tensorflow/backend.ts';
import { metricsSchema, parseJsonLines, type MetricsLine } from './log/metrics.ts';
import { encodeGif } from './sample-grid.ts';

/** A run's settings: the content of options.json. */
export interface RunOptions {
  readonly config: TrainingConfig;
  readonly dataset: { readonly name: string; readonly images: number; readonly sha256: string };
  /** The first backend. `threads` is null if the arithmetic does not depend on them. */
  readonly backend: { readonly name: BackendName; readonly threads: number | null };
  /** Whether a model is saved at each sample grid. */
  readonly snapshots?: true;
}

/** Paths in a run's folder. */
export function locate(folder: string) {
  return {
    options: join(folder, 'options.json'),
    sessions: join(folder, 'sessions.jsonl'),
    metrics: join(folder, 'metrics.jsonl'),
    events: join(folder, 'events'),
    report: join(folder, 'report.html'),
    gif: join(folder, 'progress.gif'),
    images: join(folder, 'images'),
    checkpoints: join(folder, 'checkpoints'),
    model: join(folder, 'model'),
    snapshots: join(folder, 'snapshots'),
  };
}

/** Names what belongs to a step, so that names sort like steps. */
function nameStep(step: number): string {
  return `step-${String(step).padStart(7, '0')}`;
}

export function locateSnapshot(folder: string, steps: number): string {
  return join(locate(folder).snapshots, nameStep(steps));
}

/** The first free `runs/NNNNN-<preset>`. */
export async function chooseRunFolder(root: string, preset: string): Promise<string> {
  const names = existsSync(root) ? await readdir(root) : [];
  const numbers = names.map((name) => Number(/^(\d{5})-/.exec(name)?.[1] ?? -1));
  return join(root, `${String(Math.max(-1, ...numbers) + 1).padStart(5, '0')}-${preset}`);
}

/**
 * SHA-256 of all that decides a run's weights. The intervals of grids and checkpoints do not count.
 * Steps count only if a schedule depends on them, so other runs can be resumed with more steps.
 */
export function hashRun({ config, dataset }: Pick<RunOptions, 'config' | 'dataset'>): string {
  const { steps, imageEvery: _imageEvery, checkpointEvery: _checkpointEvery, ...rest } = config;
  const deciding = config.finalFactor === 1 ? rest : { ...rest, steps };
  return createHash('sha256')
    .update(canonicalize({ config: deciding, dataset: dataset.sha256 }) as string)
    .digest('hex');
}

/** Makes a new run's folder. @throws ExpectedError */
export async function createRunFolder(folder: string, options: RunOptions): Promise<void> {
  const paths = locate(folder);
  if (existsSync(paths.options)) {
    throw new ExpectedError(
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
    return JSON.parse(text) as RunOptions;
  } catch (cause) {
    throw new ExpectedError(`${flag} ${folder}: ${options} is not JSON`, { cause });
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
  const text = await readIfThere(sessions);
  // A killed process may have left half a line, which must not spoil this one.
  const start = text === '' || text.endsWith('\n') ? '' : '\n';
  await appendToLog(sessions, `${start}${JSON.stringify(session)}\n`);
}

/** Runs of older versions have none. */
export async function loadSessions(folder: string): Promise<Session[]> {
  return parseJsonLines(await readIfThere(locate(folder).sessions), (line) => line as Session);
}

/**
 * Prepares a folder to go on: removes half-written files, and the log from the checkpoint's step
 * on, so that no step is logged twice.
 */
export async function reopenRunFolder(folder: string, step: number): Promise<void> {
  await removeLeftovers(folder);
  const kept = (await loadMetrics(folder)).filter((line) => line.step < step);
  const lines = kept.map((line) => `${JSON.stringify(line)}\n`);
  await writeAtomically(locate(folder).metrics, lines.join(''));
}

export async function loadMetrics(folder: string): Promise<MetricsLine[]> {
  const text = await readIfThere(locate(folder).metrics);
  return parseJsonLines(text, (line) => metricsSchema.parse(line));
}

async function readIfThere(path: string): Promise<string> {
  return existsSync(path) ? await readFile(path, 'utf8') : '';
}

export function saveGrid(folder: string, step: number, png: Uint8Array): Promise<void> {
  return writeAtomically(join(locate(folder).images, `${nameStep(step)}.png`), png);
}

export async function saveProgressGif(folder: string): Promise<void> {
  const grids = await loadGrids(folder);
  if (grids.length > 0) {
    await writeAtomically(locate(folder).gif, encodeGif(grids.map(({ png }) => png)));
  }
}

export type SavedGrid = { readonly step: number; readonly png: Uint8Array };

/** Reads all sample grids, in the order of their steps. */
export async function loadGrids(folder: string): Promise<SavedGrid[]> {
  const { images } = locate(folder);
  const names = existsSync(images) ? (await readdir(images)).sort() : [];
  const grids = names.filter((name) => /^step-\d{7}\.png$/.test(name));
  return Promise.all(
    grids.map(async (name) => ({
      step: Number(name.slice('step-'.length, -'.png'.length)),
      png: await readFile(join(images, name)),
    })),
  );
}
