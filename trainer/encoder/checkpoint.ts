/** The checkpoint of an encoder's training: one file, replaced every few steps. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { recover, writeAtomically } from '../../storage/files.ts';
import { decodeSafetensors, encodeSafetensors } from '../run/checkpoint.ts';
import type { EncoderState } from './training.ts';

const CHECKPOINT_FILE = 'encoder.safetensors';
const ARRAYS = ['weights', 'firstMoment', 'secondMoment', 'average'] as const;

export async function saveCheckpoint(
  folder: string,
  settings: string,
  state: EncoderState,
): Promise<void> {
  const { step, ...tensors } = state;
  const metadata = { step: String(step), settings };
  await writeAtomically(
    join(folder, CHECKPOINT_FILE),
    encodeSafetensors({ tensors: { ...tensors }, metadata }),
  );
}

/** @returns  undefined without a whole checkpoint of exactly these settings. */
export async function loadCheckpoint(
  folder: string,
  settings: string,
  parameters: number,
): Promise<EncoderState | undefined> {
  const bytes = await recover(readFile(join(folder, CHECKPOINT_FILE)), ['ENOENT'], undefined);
  const { tensors, metadata } = (bytes && tryDecode(bytes)) ?? { tensors: {}, metadata: {} };
  const isWhole = ARRAYS.every((name) => tensors[name]?.length === parameters);
  return isWhole && metadata['settings'] === settings
    ? ({ step: Number(metadata['step']), ...tensors } as unknown as EncoderState)
    : undefined;
}

function tryDecode(bytes: Uint8Array) {
  try {
    return decodeSafetensors(bytes);
  } catch {
    return undefined;
  }
}
