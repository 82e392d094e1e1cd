/**
 * Checkpoints: all that a run needs to go on exactly as if it had never stopped. Each is one safetensors file, written
 * whole or not at all; the last two are kept, and one that is truncated or altered is passed over for the one before.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../../storage/files.ts';
import type { NetworkArrays } from '../gan/network-state.ts';
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts';
import { ExpectedError } from '../../shared/expected-error.ts';

const SCHEMA = '1';
const KEPT = 2;
const AVERAGE = 'average/weights';
const NAME = /^step-(\d{7})\.safetensors$/;

/** A run's state between two steps. */
export interface Checkpoint {
  /** Steps done: the next one's number. */
  readonly step: number;
  /** SHA-256 of what the run was told and trained on: see `hashRun`. */
  readonly runSha256: string;
  readonly generator: NetworkArrays;
  readonly discriminator: NetworkArrays;
  /** The generator's averaged weights; null when it is not averaged. */
  readonly average: Float32Array | null;
}

/** A checkpoint that cannot be used, and why. */
export class CheckpointError extends ExpectedError {
  override name = 'CheckpointError' as const;
}

/**
 * Saves a checkpoint, then removes all but it and the one before.
 *
 * @param folder  Exists.
 * @throws WriteError  When it cannot be written; those before it are untouched.
 */
export async function saveCheckpoint(folder: string, checkpoint: Checkpoint): Promise<void> {
  const { step, runSha256, generator, discriminator, average } = checkpoint;
  const tensors = {
    ...prefix('generator', generator),
    ...prefix('discriminator', discriminator),
    ...(average === null ? {} : { [AVERAGE]: average }),
  };
  const facts = { schema: SCHEMA, step: String(step), runSha256, sha256: hashTensors(tensors) };
  const metadata = { ...facts, factsSha256: hashFacts(facts) };
  await writeAtomically(
    join(folder, `step-${String(step).padStart(7, '0')}.safetensors`),
    encodeSafetensors({ tensors, metadata }),
  );
  // Newer ones were passed over when the run went on from before them: they would take the place of good ones.
  const kept = (await listCheckpoints(folder)).filter((other) => other.step <= step).slice(0, KEPT);
  for (const { name } of await listCheckpoints(folder)) {
    if (!kept.some((other) => other.name === name)) {
      await rm(join(folder, name), { force: true });
    }
  }
}

/** A loaded checkpoint, and the newer ones that had to be passed over. */
export interface LoadedCheckpoint {
  readonly checkpoint: Checkpoint;
  /** What was wrong with each newer file, in words. */
  readonly skipped: readonly string[];
}

/**
 * Loads the newest checkpoint that is whole.
 *
 * @returns                 Null when none was saved yet.
 * @throws CheckpointError  When there are some, but none is whole; it names every file tried.
 */
export async function loadNewestCheckpoint(folder: string): Promise<LoadedCheckpoint | null> {
  const skipped: string[] = [];
  for (const { name, step } of await listCheckpoints(folder)) {
    try {
      const checkpoint = parseCheckpoint(await readFile(join(folder, name)));
      if (checkpoint.step !== step) {
        throw new CheckpointError(`holds step ${checkpoint.step}`);
      }
      return { checkpoint, skipped };
    } catch (error) {
      skipped.push(`${name}: ${(error as Error).message}`);
    }
  }
  if (skipped.length === 0) {
    return null;
  }
  throw new CheckpointError(`no checkpoint in ${folder} is whole: ${skipped.join('; ')}`);
}

function parseCheckpoint(bytes: Uint8Array): Checkpoint {
  const { tensors, metadata } = decodeSafetensors(bytes);
  if (metadata['schema'] !== SCHEMA) {
    throw new CheckpointError(
      `has schema ${JSON.stringify(metadata['schema'])}, expected "${SCHEMA}": it is another version's`,
    );
  }
  const actual = hashTensors(tensors);
  if (actual !== metadata['sha256']) {
    throw new CheckpointError(
      `its content has SHA-256 ${actual}, it says ${metadata['sha256']}: it was altered`,
    );
  }
  // Checkpoints of older versions have none.
  if (metadata['factsSha256'] !== undefined && metadata['factsSha256'] !== hashFacts(metadata)) {
    throw new CheckpointError('what it says of itself does not fit its checksum: it was altered');
  }
  return {
    step: Number(metadata['step']),
    runSha256: String(metadata['runSha256']),
    generator: pick('generator', tensors),
    discriminator: pick('discriminator', tensors),
    average: tensors[AVERAGE] ?? null,
  };
}

async function listCheckpoints(folder: string): Promise<{ name: string; step: number }[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .flatMap((name) => {
      const match = NAME.exec(name);
      return match === null ? [] : [{ name, step: Number(match[1]) }];
    })
    .sort((a, b) => b.step - a.step);
}

function prefix(name: string, arrays: NetworkArrays): Record<string, Float32Array> {
  return {
    [`${name}/weights`]: arrays.weights,
    [`${name}/adam/first_moment`]: arrays.firstMoment,
    [`${name}/adam/second_moment`]: arrays.secondMoment,
  };
}

function pick(name: string, tensors: Readonly<Record<string, Float32Array>>): NetworkArrays {
  const get = (part: string): Float32Array => {
    const values = tensors[`${name}/${part}`];
    if (values === undefined) {
      throw new CheckpointError(`lacks ${name}/${part}`);
    }
    return values;
  };
  return {
    weights: get('weights'),
    firstMoment: get('adam/first_moment'),
    secondMoment: get('adam/second_moment'),
  };
}

/** SHA-256 over names and bytes, in the order of the names. */
function hashTensors(tensors: Readonly<Record<string, Float32Array>>): string {
  const hash = createHash('sha256');
  for (const name of Object.keys(tensors).sort()) {
    const values = tensors[name] as Float32Array;
    hash
      .update(`${name}\0`)
      .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex');
}

/** SHA-256 over what a checkpoint says of itself. */
function hashFacts(facts: Readonly<Record<string, string>>): string {
  return createHash('sha256')
    .update(
      ['schema', 'step', 'runSha256', 'sha256'].map((name) => `${name}=${facts[name]}\n`).join(''),
    )
    .digest('hex');
}
