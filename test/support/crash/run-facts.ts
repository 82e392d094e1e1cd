/**
 * Reads a run's folder without the trainer's own readers. For a killed run it checks that every
 * file is whole. For a finished run it collects the facts that must not depend on kills.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { readAllEvents } from '../event-files.ts';

/** The facts of a finished run. */
export interface RunFacts {
  /** SHA-256 of each deterministic file, by its path. */
  readonly hashes: Readonly<Record<string, string>>;
  /** Lines of metrics.jsonl without the fields that depend on the clock or the machine. */
  readonly metrics: readonly unknown[];
  /** Steps with figures in TensorBoard's files. */
  readonly eventSteps: readonly number[];
}

/** Clock, speed and memory differ from run to run. */
const UNDECIDED = ['seconds', 'imagesPerSecond', 'residentBytes', 'tensors'];

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * Reads a finished run.
 * @throws Error  When a file is missing or incomplete.
 */
export async function readRunFacts(run: string): Promise<RunFacts> {
  const images = (await readdir(join(run, 'images'))).map((name) => `images/${name}`);
  const checkpoints = (await readdir(join(run, 'checkpoints'))).map(
    (name) => `checkpoints/${name}`,
  );
  const paths = [
    ...images,
    ...checkpoints,
    'progress.gif',
    'model/manifest.json',
    'model/model.json',
    'model/weights.bin',
  ];
  const hashes = await Promise.all(
    paths.toSorted().map(async (path) => [path, hash(await readFile(join(run, path)))] as const),
  );
  const lines = (await readFile(join(run, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
  const events = await readAllEvents(join(run, 'events'));
  return {
    hashes: Object.fromEntries(hashes),
    metrics: lines.map((line) => {
      const entries = Object.entries(JSON.parse(line) as Record<string, unknown>);
      return Object.fromEntries(entries.filter(([name]) => !UNDECIDED.includes(name)));
    }),
    eventSteps: events.flatMap(({ step, values }) => (values.length > 0 ? [step] : [])),
  };
}

/**
 * Lists the incomplete files in the folder of a killed run. Only the last line of a log may be
 * incomplete.
 */
export async function findBroken(run: string): Promise<string[]> {
  const broken: string[] = [];
  const check = async (path: string, read: (bytes: Buffer) => void): Promise<void> => {
    try {
      read(await readFile(join(run, path)));
    } catch (error) {
      broken.push(`${path}: ${(error as Error).message}`);
    }
  };
  for (const name of await list(run, 'checkpoints', '.safetensors')) {
    await check(`checkpoints/${name}`, checkSafetensors);
  }
  for (const name of await list(run, 'images', '.png')) {
    await check(`images/${name}`, (bytes) => PNG.sync.read(bytes));
  }
  for (const name of ['options.json'].filter((each) => existsSync(join(run, each)))) {
    await check(name, (bytes) => JSON.parse(bytes.toString()));
  }
  if (existsSync(join(run, 'metrics.jsonl'))) {
    await check('metrics.jsonl', checkLines);
  }
  if (existsSync(join(run, 'model'))) {
    const manifest = JSON.parse(await readFile(join(run, 'model/manifest.json'), 'utf8')) as {
      files: { path: string; sha256: string }[];
    };
    for (const { path, sha256 } of manifest.files) {
      await check(`model/${path}`, (bytes) => expectSame(hash(bytes), sha256));
    }
  }
  return broken;
}

/** Lists the leftovers of a killed process that no later process removed. */
export async function findLeftovers(run: string): Promise<string[]> {
  const names = await readdir(run, { recursive: true });
  return names.filter((name) => name.endsWith('.tmp'));
}

async function list(run: string, folder: string, ending: string): Promise<string[]> {
  const path = join(run, folder);
  return existsSync(path)
    ? (await readdir(path)).filter((name) => name.endsWith(ending) && !name.startsWith('.'))
    : [];
}

/**
 * Checks a safetensors file: every tensor lies within the file, nothing follows the last, and the
 * checksum in the header is right.
 */
function checkSafetensors(bytes: Buffer): void {
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__: metadata, ...tensors } = JSON.parse(
    bytes.subarray(8, start).toString(),
  ) as Record<string, any>;
  const total = createHash('sha256');
  let end = 0;
  for (const name of Object.keys(tensors).toSorted()) {
    const [from, to] = tensors[name].data_offsets as [number, number];
    end = Math.max(end, to);
    total.update(`${name}\0`).update(bytes.subarray(start + from, start + to));
  }
  expectSame(String(bytes.length), String(start + end));
  expectSame(total.digest('hex'), metadata.sha256 as string);
}

/** Reads the steps, which must be in order and occur once. Only the last line may be cut. */
function checkLines(bytes: Buffer): void {
  const whole = bytes.toString().split('\n').slice(0, -1);
  const steps = whole.map((line) => (JSON.parse(line) as { step: number }).step);
  expectSame(steps.join(), [...new Set(steps)].toSorted((a, b) => a - b).join());
}

function expectSame(got: string, expected: string): void {
  if (got !== expected) {
    throw new Error(`expected ${expected}, got ${got}`);
  }
}
