/**
 * Checkpoints: all that a run needs to go on as if it had never stopped.
 *
 * Each is one safetensors file, written whole or not at all. The last two are kept. A truncated or
 * altered file is skipped for the one before.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../../shared/expected-error.ts';
import { writeAtomically } from '../../storage/files.ts';
import type { NetworkArrays } from '../gan/network-state.ts';
import type { GanArrays } from '../gan/step.ts';
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts';

const SCHEMA = '1';
const KEPT = 2;
const AVERAGE = 'average/weights';
const NAME = /^step-(\d{7})\.safetensors$/;
/** Names of a network's arrays in the file. */
const PARTS = {
  weights: 'weights',
  firstMoment: 'adam/first_moment',
  secondMoment: 'adam/second_moment',
} as const satisfies Record<keyof NetworkArrays, string>;

/** A run's state between two steps. */
export interface Checkpoint extends GanArrays {
  /** Steps done, which is the number of the next step. */
  readonly step: number;
  /** SHA-256 of the run's settings and data: see `hashRun`. */
  readonly runSha256: string;
}

/** A checkpoint that cannot be used. The message says why. */
export class CheckpointError extends ExpectedError {
  override name = 'CheckpointError' as const;
}

/**
 * Saves a checkpoint, then removes all but it and the one before.
 *
 * @param folder  Exists.
 * @throws WriteError  When it cannot be written; the earlier ones are untouched.
 */
export async function saveCheckpoint(folder: string, checkpoint: Checkpoint): Promise<void> {
  const { step, runSha256, average } = checkpoint;
  const networks = (['generator', 'discriminator'] as const).flatMap((network) =>
    listParts().map(([part, name]) => [`${network}/${name}`, checkpoint[network][part]] as const),
  );
  const tensors = {
    ...Object.fromEntries(networks),
    ...(average === null ? {} : { [AVERAGE]: average }),
  };
  const facts = { schema: SCHEMA, step: String(step), runSha256, sha256: hashTensors(tensors) };
  const metadata = { ...facts, factsSha256: hashFacts(facts) };
  const path = join(folder, `step-${String(step).padStart(7, '0')}.safetensors`);
  await writeAtomically(path, encodeSafetensors({ tensors, metadata }));
  // A newer file was skipped as damaged when the run went on from here. It must not displace a good
  // one.
  const all = await listCheckpoints(folder);
  const kept = all.filter((other) => other.step <= step).slice(0, KEPT);
  for (const other of all.filter((candidate) => !kept.includes(candidate))) {
    await rm(join(folder, other.name), { force: true });
  }
}

/** A loaded checkpoint, and the newer ones that were skipped. */
export interface LoadedCheckpoint {
  readonly checkpoint: Checkpoint;
  /** The name and the fault of each newer file. */
  readonly skipped: readonly string[];
}

/**
 * Loads the newest whole checkpoint.
 *
 * @returns                 Null when there is none.
 * @throws CheckpointError  When there are some, but none is whole. The message names each.
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
      `has schema ${JSON.stringify(metadata['schema'])}, expected "${SCHEMA}": another version wrote it`,
    );
  }
  const actual = hashTensors(tensors);
  if (actual !== metadata['sha256']) {
    throw new CheckpointError(
      `its content has SHA-256 ${actual}, it says ${metadata['sha256']}: it was altered`,
    );
  }
  // Checkpoints of older versions lack this hash.
  if (metadata['factsSha256'] !== undefined && metadata['factsSha256'] !== hashFacts(metadata)) {
    throw new CheckpointError('its metadata does not fit its checksum: it was altered');
  }
  return {
    step: Number(metadata['step']),
    runSha256: String(metadata['runSha256']),
    generator: pickNetwork('generator', tensors),
    discriminator: pickNetwork('discriminator', tensors),
    average: tensors[AVERAGE] ?? null,
  };
}

/** Lists the checkpoint files, newest first. */
async function listCheckpoints(folder: string): Promise<{ name: string; step: number }[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .flatMap((name) => {
      const match = NAME.exec(name);
      return match === null ? [] : [{ name, step: Number(match[1]) }];
    })
    .sort((a, b) => b.step - a.step);
}

function listParts(): [keyof NetworkArrays, string][] {
  return Object.entries(PARTS) as [keyof NetworkArrays, string][];
}

function pickNetwork(
  network: string,
  tensors: Readonly<Record<string, Float32Array>>,
): NetworkArrays {
  const arrays = listParts().map(([part, name]) => {
    const values = tensors[`${network}/${name}`];
    if (values === undefined) {
      throw new CheckpointError(`lacks ${network}/${name}`);
    }
    return [part, values];
  });
  return Object.fromEntries(arrays) as NetworkArrays;
}

/** SHA-256 over names and bytes, in the order of the names. */
function hashTensors(tensors: Readonly<Record<string, Float32Array>>): string {
  const hash = createHash('sha256');
  for (const name of Object.keys(tensors).sort()) {
    hash.update(`${name}\0`).update(tensors[name] as Float32Array);
  }
  return hash.digest('hex');
}

/** SHA-256 over a checkpoint's metadata. */
function hashFacts(facts: Readonly<Record<string, string>>): string {
  const names = ['schema', 'step', 'runSha256', 'sha256'];
  return createHash('sha256')
    .update(names.map((name) => `${name}=${facts[name]}\n`).join(''))
    .digest('hex');
}
