/** Labelled images as bytes, and their batches, which a seed and a step determine. Pure. */
import { createHash } from 'node:crypto';
import { CLASS_LIMITS, isPrintable } from '../../shared/model/classes.ts';
import { drawWords, type RandomKey } from '../../shared/model/random.ts';
import { ExpectedError } from '../../shared/expected-error.ts';

export interface Dataset {
  /** Its source in words, for the manifest. */
  readonly name: string;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number;
  /** Row-major [count, height, width, channels]. 0 is paper in MNIST, black in pictures. */
  readonly images: Uint8Array;
  /** [count], each below the number of classes; all 0 without classes. */
  readonly labels: Uint8Array;
  /** A name for each label, in order; each has images. Empty without classes. */
  readonly classes: readonly string[];
}

/**
 * Trims class names and brings them into Unicode's form NFC (some file systems have another).
 * @throws ExpectedError  When there are too many, or one is too short, too long, not printable or
 *                        repeated. The message follows the name of their source.
 */
export function checkClassNames(names: readonly string[]): string[] {
  const { classes, nameLength } = CLASS_LIMITS;
  if (names.length > classes) {
    throw new ExpectedError(`has ${names.length} classes, at most ${classes} allowed: join some`);
  }
  const checked = names.map((name) => name.trim().normalize('NFC'));
  const twice = checked.find((name, i) => checked.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new ExpectedError(
      `names the class ${JSON.stringify(twice)} twice: give each a name of its own`,
    );
  }
  const bad = checked.find(
    (name) => name.length < 1 || name.length > nameLength || !isPrintable(name),
  );
  if (bad !== undefined) {
    throw new ExpectedError(
      `names a class ${JSON.stringify(bad)}: expected 1 to ${nameLength} printable characters`,
    );
  }
  return checked;
}

/** SHA-256 of images, then labels: the same for the same data of any source. */
export function hashDataset({ images, labels }: Dataset): string {
  return createHash('sha256').update(images).update(labels).digest('hex');
}

/**
 * Draws batches without replacement within an epoch. A batch depends on key and step alone.
 * @throws ExpectedError  When there are fewer images than a batch takes.
 */
export function createBatcher(count: number, batchSize: number, key: RandomKey, purpose: number) {
  const batchesPerEpoch = Math.floor(count / batchSize);
  if (batchesPerEpoch < 1) {
    throw new ExpectedError(`${count} images are fewer than one batch of ${batchSize}`);
  }
  let shuffledEpoch = -1;
  let order: Uint32Array = new Uint32Array(0);
  return {
    /** Whole batches in an epoch. The rest of each epoch's shuffle is left out. */
    batchesPerEpoch,
    /** Returns the places of a batch in the data set. @param step  >= 0 */
    drawIndices(step: number): Uint32Array {
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

/** Shuffles 0..count-1 (Fisher-Yates). @param words  A uniform 32-bit word a place. */
function shuffle(count: number, words: Uint32Array): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(((words[last] as number) * (last + 1)) / 2 ** 32);
    [order[last], order[other]] = [order[other] as number, order[last] as number];
  }
  return order;
}

/** The pixels of one image. They share the memory of the data set. */
export function viewImage({ images, height, width, channels }: Dataset, index: number): Uint8Array {
  const size = height * width * channels;
  return images.subarray(index * size, (index + 1) * size);
}

/** Copies the images at `indices`: row-major [indices.length, height, width, channels]. */
export function gatherImages({ images, height, width, channels }: Dataset, indices: Uint32Array) {
  const size = height * width * channels;
  const gathered = new Uint8Array(indices.length * size);
  indices.forEach((index, i) =>
    gathered.set(images.subarray(index * size, (index + 1) * size), i * size),
  );
  return gathered;
}

/**
 * Draws `size` of the places below `count` without replacement, by the first steps of a
 * Fisher-Yates shuffle: all different, in the order drawn.
 * @param index  The place in the key's stream `purpose`.
 */
export function drawSubset(
  key: RandomKey,
  purpose: number,
  index: number,
  count: number,
  size: number,
): Uint32Array {
  const words = drawWords(key, purpose, index, size);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  words.forEach((word, place) => {
    const other = place + Math.floor((word * (count - place)) / 2 ** 32);
    [order[place], order[other]] = [order[other] as number, order[place] as number];
  });
  return order.slice(0, size);
}
