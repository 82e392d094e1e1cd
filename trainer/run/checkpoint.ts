/**
 * Checkpoints: all that a run needs to go on as if it had never stopped. Each is one safetensors
 * file, written whole or not at all. The last two are kept. A truncated or altered file is skipped
 * for the one before.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../../shared/expected-error.ts';
import { sizeOf } from '../../shared/model/generator.ts';
import { writeAtomically } from '../../storage/files.ts';
import type { NetworkArrays } from '../gan/network-state.ts';
import type { GanArrays } from '../gan/step.ts';

const SCHEMA = '1';
const KEPT = 2;
const AVERAGE = 'average/weights';
const MATCHING = { classifier: 'matching/classifier', generated: 'matching/generated' } as const;
const ENDING = '.safetensors';
/** Names of a network's arrays in the file. */
const PARTS: readonly (readonly [keyof NetworkArrays, string])[] = [
  ['weights', 'weights'],
  ['firstMoment', 'adam/first_moment'],
  ['secondMoment', 'adam/second_moment'],
];

type Tensors = Readonly<Record<string, Float32Array>>;
type Metadata = Readonly<Record<string, string>>;

/** A run's state between two steps. */
export interface Checkpoint extends GanArrays {
  /** Steps done, which is the number of the next step. */
  readonly step: number;
  /** SHA-256 of the run's settings and data: see `hashRun`. */
  readonly runSha256: string;
}

/** Saves a checkpoint, then removes all but it and the one before. @throws ExpectedError */
export async function saveCheckpoint(folder: string, checkpoint: Checkpoint): Promise<void> {
  const { step, runSha256, average, matching } = checkpoint;
  const networks = (['generator', 'discriminator'] as const).flatMap((network) =>
    PARTS.map(([part, name]) => [`${network}/${name}`, checkpoint[network][part]] as const),
  );
  const tensors = {
    ...Object.fromEntries(networks),
    ...(average && { [AVERAGE]: average }),
    ...(matching && {
      [MATCHING.classifier]: matching.classifier,
      [MATCHING.generated]: matching.generated,
    }),
  };
  const facts = { schema: SCHEMA, step: String(step), runSha256, sha256: hashTensors(tensors) };
  const metadata = { ...facts, factsSha256: hashFacts(facts) };
  const path = join(folder, nameStep(step, ENDING));
  await writeAtomically(path, encodeSafetensors({ tensors, metadata }));
  // A newer file was skipped as damaged when the run went on, so it must not displace a good one.
  for (const other of await listCheckpoints(folder)) {
    if (other.step > step) {
      await rm(join(folder, other.name), { force: true });
    }
  }
  await removeOldCheckpoints(folder, step);
}

/** Removes what a stop left of older checkpoints: all but that of the step and one before. */
export async function removeOldCheckpoints(folder: string, step: number): Promise<void> {
  const all = await listCheckpoints(folder);
  for (const { name } of all.filter((other) => other.step <= step).slice(KEPT)) {
    await rm(join(folder, name), { force: true });
  }
}

/** A loaded checkpoint, and the name and the fault of each newer file that was skipped. */
export type LoadedCheckpoint = { checkpoint: Checkpoint; skipped: readonly string[] };

/** Loads the newest whole checkpoint, if any. @throws ExpectedError  When no file is whole. */
export async function loadNewestCheckpoint(folder: string): Promise<LoadedCheckpoint | null> {
  const skipped: string[] = [];
  for (const { name, step } of await listCheckpoints(folder)) {
    try {
      const checkpoint = parseCheckpoint(await readFile(join(folder, name)));
      if (checkpoint.step !== step) {
        throw new ExpectedError(`holds step ${checkpoint.step}`);
      }
      return { checkpoint, skipped };
    } catch (error) {
      skipped.push(`${name}: ${(error as Error).message}`);
    }
  }
  if (skipped.length === 0) {
    return null;
  }
  throw new ExpectedError(`no checkpoint in ${folder} is whole: ${skipped.join('; ')}`);
}

function parseCheckpoint(bytes: Uint8Array): Checkpoint {
  const { tensors, metadata } = decodeSafetensors(bytes);
  if (metadata['schema'] !== SCHEMA) {
    throw new ExpectedError(
      `has schema ${JSON.stringify(metadata['schema'])}, expected "${SCHEMA}": another version wrote it`,
    );
  }
  const actual = hashTensors(tensors);
  if (actual !== metadata['sha256']) {
    throw new ExpectedError(
      `its content has SHA-256 ${actual}, it says ${metadata['sha256']}: it was altered`,
    );
  }
  if (metadata['factsSha256'] !== hashFacts(metadata)) {
    throw new ExpectedError('its metadata does not fit its checksum: it was altered');
  }
  const { [MATCHING.classifier]: classifier, [MATCHING.generated]: generated } = tensors;
  return {
    step: Number(metadata['step']),
    runSha256: String(metadata['runSha256']),
    generator: pickNetwork('generator', tensors),
    discriminator: pickNetwork('discriminator', tensors),
    average: tensors[AVERAGE] ?? null,
    matching: classifier && generated ? { classifier, generated } : null,
  };
}

/** Names what belongs to a step: `step-NNNNNNN`, with more digits beyond 9,999,999. */
export function nameStep(step: number, ending = ''): string {
  return `step-${String(step).padStart(7, '0')}${ending}`;
}

/** Lists the steps' files in a folder that may be missing, in the order of the steps. */
export async function listSteps(folder: string, ending: string) {
  const names = existsSync(folder) ? await readdir(folder) : [];
  return names
    .map((name) => ({ name, step: Number(/^step-(\d+)/.exec(name)?.[1]) }))
    .filter(({ name, step }) => name === nameStep(step, ending))
    .sort((a, b) => a.step - b.step);
}

/** Lists the checkpoint files, newest first. */
async function listCheckpoints(folder: string): Promise<{ name: string; step: number }[]> {
  return (await listSteps(folder, ENDING)).toReversed();
}

function pickNetwork(network: string, tensors: Tensors): NetworkArrays {
  const arrays = PARTS.map(([part, name]) => {
    const values = tensors[`${network}/${name}`];
    if (values === undefined) {
      throw new ExpectedError(`lacks ${network}/${name}`);
    }
    return [part, values];
  });
  return Object.fromEntries(arrays) as NetworkArrays;
}

/** SHA-256 over names and bytes, in the order of the names. */
function hashTensors(tensors: Tensors): string {
  const hash = createHash('sha256');
  for (const name of Object.keys(tensors).sort()) {
    hash.update(`${name}\0`).update(tensors[name] as Float32Array);
  }
  return hash.digest('hex');
}

function hashFacts(facts: Metadata): string {
  const names = ['schema', 'step', 'runSha256', 'sha256'];
  const text = names.map((name) => `${name}=${facts[name]}\n`).join('');
  return createHash('sha256').update(text).digest('hex');
}

type TensorFile = { readonly tensors: Tensors; readonly metadata: Metadata };

const LENGTH_BYTES = 8;

/**
 * Encodes flat float32 arrays, in the order of their keys, and text about them in the safetensors
 * format (huggingface/safetensors), which other tools read: the header's length in 8 little-endian
 * bytes, a JSON header, the arrays' bytes. Own code, because no kept npm package writes the format.
 */
export function encodeSafetensors({ tensors, metadata }: TensorFile): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let end = 0;
  for (const [name, values] of Object.entries(tensors)) {
    header[name] = {
      dtype: 'F32',
      shape: [values.length],
      data_offsets: [end, (end += values.byteLength)],
    };
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  // The format allows spaces as padding; so the arrays lie on 8-byte boundaries.
  const headerBytes = Math.ceil(text.length / 8) * 8;
  let next = LENGTH_BYTES + headerBytes;
  const bytes = new Uint8Array(next + end).fill(0x20, LENGTH_BYTES, next);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(text, LENGTH_BYTES);
  for (const values of Object.values(tensors)) {
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), next);
    next += values.byteLength;
  }
  return bytes;
}

/** @throws Error  When the bytes are truncated, not safetensors, or hold other than float32. */
export function decodeSafetensors(bytes: Uint8Array): TensorFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = bytes.length >= LENGTH_BYTES ? Number(view.getBigUint64(0, true)) : Infinity;
  const start = LENGTH_BYTES + headerBytes;
  if (start > bytes.length) {
    throw new Error(`truncated: ${bytes.length} bytes, its header alone would end at ${start}`);
  }
  const head = bytes.subarray(LENGTH_BYTES, start);
  const text = new TextDecoder('utf-8', { fatal: true }).decode(head);
  const { __metadata__: metadata = {}, ...entries } = JSON.parse(text) as Record<string, unknown>;
  const tensors: Record<string, Float32Array> = {};
  type Entry = { dtype: string; shape: number[]; data_offsets: [number, number] };
  for (const [name, entry] of Object.entries(entries) as [string, Entry][]) {
    const [from, to] = entry.data_offsets;
    const count = sizeOf(entry.shape);
    if (entry.dtype !== 'F32' || to - from !== 4 * count) {
      throw new Error(
        `${name} is ${entry.dtype} of shape [${entry.shape.join(', ')}] in ${to - from} bytes, expected float32 numbers`,
      );
    }
    if (start + to > bytes.length) {
      throw new Error(`truncated: ${name} ends at byte ${start + to} of ${bytes.length}`);
    }
    // Not slice(): on a Node Buffer it shares memory.
    const copy = new Uint8Array(bytes.subarray(start + from, start + to));
    tensors[name] = new Float32Array(copy.buffer);
  }
  return { tensors, metadata: metadata as Metadata };
}
