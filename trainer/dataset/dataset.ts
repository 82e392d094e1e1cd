/**
 * Labelled images as bytes, and the shuffled batches that a seed and a step stand for. Pure.
 */
import { createHash } from 'node:crypto';
import { drawWords, type RandomKey } from '../../shared/random.ts';
import { ExpectedError } from '../expected-error.ts';

/** Images of one size with one label each. */
export interface Dataset {
  /** Where it came from, in words, for the manifest. */
  readonly name: string;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  /** Row-major [count, height, width], 0 is paper, 255 full ink. */
  readonly images: Uint8Array;
  /** [count] */
  readonly labels: Uint8Array;
}

/** A data set that cannot be trained on. The message names the file, what came and what was expected. */
export class DatasetError extends ExpectedError {
  override name = 'DatasetError' as const;
}

/** SHA-256 over the images' bytes, then the labels', as 64 hex digits: equal data has an equal hash, whatever its source. */
export function hashDataset({ images, labels }: Dataset): string {
  return createHash('sha256').update(images).update(labels).digest('hex');
}

/** Draws batches without replacement within an epoch; what a step gets depends on key and step alone. */
export interface Batcher {
  /** Whole batches in an epoch; the rest of each epoch's shuffle is left out. */
  readonly batchesPerEpoch: number;
  /** Places in the data set of the images of a step's batch. @param step  >= 0 */
  drawIndices(step: number): Uint32Array;
}

/**
 * Makes a batcher.
 *
 * @param count      Images in the data set.
 * @param batchSize  Images a batch, 1..count.
 * @param key        Of the training seed.
 * @param purpose    The stream that shuffles are drawn from.
 * @throws DatasetError  When there are fewer images than a batch takes.
 */
export function createBatcher(count: number, batchSize: number, key: RandomKey, purpose: number): Batcher {
  const batchesPerEpoch = Math.floor(count / batchSize);
  if (batchesPerEpoch < 1) {
    throw new DatasetError(`${count} images are fewer than one batch of ${batchSize}`);
  }
  let shuffledEpoch = -1;
  let order: Uint32Array = new Uint32Array(0);
  return {
    batchesPerEpoch,
    drawIndices(step) {
      const epoch = Math.floor(step / batchesPerEpoch);
      if (epoch !== shuffledEpoch) {
        order = shuffle(count, drawWords(key, purpose, epoch, count));
        shuffledEpoch = epoch;
      }
      const first = (step % batchesPerEpoch) * batchSize;
      return order.subarray(first, first + batchSize);
    },
  };
}

/** Fisher and Yates's shuffle of 0..count-1. @param words  One uniform 32-bit word a place. */
function shuffle(count: number, words: Uint32Array): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(((words[last] as number) * (last + 1)) / 2 ** 32);
    const kept = order[last] as number;
    order[last] = order[other] as number;
    order[other] = kept;
  }
  return order;
}

/** Copies the images at `indices` into one array: row-major [indices.length, height, width]. */
export function gatherImages({ images, height, width }: Dataset, indices: Uint32Array): Uint8Array {
  const size = height * width;
  const gathered = new Uint8Array(indices.length * size);
  indices.forEach((index, i) => gathered.set(images.subarray(index * size, (index + 1) * size), i * size));
  return gathered;
}
