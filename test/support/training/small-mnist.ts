/** A small training set for tests that start trainers. It loads quickly, unlike the npm package. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const MNIST = new URL('../../../data/mnist/', import.meta.url);

/**
 * Writes the first `count` of MNIST's test digits as IDX files for training.
 * @param folder  Is created.
 */
export async function writeSmallMnist(folder: string, count: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [kind, headBytes, itemBytes] of [
    ['images-idx3', 16, 784],
    ['labels-idx1', 8, 1],
  ] as const) {
    const whole = gunzipSync(await readFile(new URL(`t10k-${kind}-ubyte.gz`, MNIST)));
    const part = whole.subarray(0, headBytes + count * itemBytes);
    part.writeUInt32BE(count, 4);
    await writeFile(join(folder, `train-${kind}-ubyte`), part);
  }
}
