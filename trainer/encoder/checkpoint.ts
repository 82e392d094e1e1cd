/** The checkpoint of an encoder's training: one file, replaced every few steps. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { recover, writeAtomically } from '../../storage/files.ts';
import { joinArrays } from '../gan/network-state.ts';
import type { EncoderState } from './training.ts';

const CHECKPOINT_FILE = 'encoder.checkpoint';
const ARRAYS = ['weights', 'firstMoment', 'secondMoment', 'average'] as const;

/** Writes a line of JSON, then the arrays as little-endian float32. */
export async function saveCheckpoint(
  folder: string,
  settings: string,
  state: EncoderState,
): Promise<void> {
  const head = Buffer.from(`${JSON.stringify({ step: state.step, settings })}\n`);
  const numbers = joinArrays(ARRAYS.map((name) => state[name]));
  const bytes = Buffer.concat([head, new Uint8Array(numbers.buffer)]);
  await writeAtomically(join(folder, CHECKPOINT_FILE), bytes);
}

/** @returns  undefined without a checkpoint of exactly these settings. */
export async function loadCheckpoint(
  folder: string,
  settings: string,
  parameters: number,
): Promise<EncoderState | undefined> {
  const bytes = await recover(readFile(join(folder, CHECKPOINT_FILE)), ['ENOENT'], undefined);
  const end = bytes?.indexOf('\n') ?? -1;
  if (bytes === undefined || end === -1) {
    return undefined;
  }
  const head = JSON.parse(bytes.toString('utf8', 0, end)) as { step: number; settings: string };
  const rest = new Uint8Array(bytes.subarray(end + 1));
  if (head.settings !== settings || rest.length !== ARRAYS.length * 4 * parameters) {
    return undefined;
  }
  const numbers = new Float32Array(rest.buffer);
  const arrays = ARRAYS.map((name, i) => [
    name,
    numbers.slice(i * parameters, (i + 1) * parameters),
  ]);
  return { step: head.step, ...Object.fromEntries(arrays) } as EncoderState;
}
