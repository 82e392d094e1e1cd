/** The checkpoint of an encoder's training: one file, replaced every few steps. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../../shared/expected-error.ts';
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

/**
 * @returns  undefined without a checkpoint.
 * @throws ExpectedError for a checkpoint of other settings or a damaged one, which training would
 *         write over
 */
export async function loadCheckpoint(
  folder: string,
  settings: string,
  parameters: number,
): Promise<EncoderState | undefined> {
  const file = join(folder, CHECKPOINT_FILE);
  const bytes = await recover(readFile(file), ['ENOENT'], undefined);
  if (bytes === undefined) {
    return undefined;
  }
  const { tensors, metadata } = tryDecode(bytes);
  const kept = metadata['settings'];
  if (kept !== undefined && kept !== settings) {
    throw new ExpectedError(
      `--run ${folder}: its checkpoint has other settings (${listDifferences(kept, settings)}). Give those to go on, or name another folder by --run`,
    );
  }
  if (kept === undefined || !ARRAYS.every((name) => tensors[name]?.length === parameters)) {
    throw new ExpectedError(
      `--run ${folder}: ${file} is damaged. Remove it to begin anew, or name another folder by --run`,
    );
  }
  return { step: Number(metadata['step']), ...tensors } as unknown as EncoderState;
}

/** Lists the settings that differ, with the checkpoint's value and this command's. */
function listDifferences(kept: string, now: string): string {
  const [before, after] = [kept, now].map((text) => JSON.parse(text) as Record<string, unknown>);
  return Object.keys({ ...before, ...after })
    .map((name) => [name, ...[before, after].map((each) => JSON.stringify(each?.[name]))])
    .filter(([, old, wanted]) => old !== wanted)
    .map(([name, old = 'none', wanted = 'none']) => `${name}: ${old}, not ${wanted}`)
    .join('; ');
}

function tryDecode(bytes: Uint8Array): ReturnType<typeof decodeSafetensors> {
  try {
    return decodeSafetensors(bytes);
  } catch {
    return { tensors: {}, metadata: {} };
  }
}
