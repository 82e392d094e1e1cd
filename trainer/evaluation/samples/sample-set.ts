/**
 * The samples that an evaluation judges: 28 x 28 bytes each, with or without requested labels.
 */
import { ExpectedError } from '../../../shared/expected-error.ts';
import { CLASSES, SIDE } from '../digits.ts';
import type { ArrayFile } from './array-file.ts';

export interface SampleSet {
  readonly count: number;
  /** Row-major [count, 28, 28], from 0 (paper) to 255 (full ink). */
  readonly images: Uint8Array;
  /** [count]: the digit that was requested; null for samples without labels. */
  readonly labels: Uint8Array | null;
}

/** What a file's numbers mean: paper and full ink. Detection tries them in this order. */
export const PIXEL_RANGES = {
  '0..1': [0, 1],
  '-1..1': [-1, 1],
  '0..255': [0, 255],
} as const satisfies Record<string, readonly [number, number]>;
export type PixelRangeName = keyof typeof PIXEL_RANGES;

/** Samples that cannot be judged. The message says what was wrong and what is allowed. */
export class SampleSetError extends ExpectedError {
  override name = 'SampleSetError' as const;
}

/** Rounding may exceed a range by this part of it. */
const TOLERANCE = 1e-3;

/**
 * Turns an array into pictures.
 *
 * @param what   Names the file in errors.
 * @param range  What the numbers mean; by default detected from the least and the largest. Bytes
 *               are always 0..255.
 * @throws SampleSetError  When shape, type or numbers are not those of digits.
 */
export function decodeImages(
  { shape, values, format }: ArrayFile,
  what: string,
  range?: PixelRangeName,
): { readonly count: number; readonly images: Uint8Array; readonly range: PixelRangeName } {
  const [count = 0, ...picture] = shape;
  if (!['28 x 28', '784', '28 x 28 x 1'].includes(picture.join(' x '))) {
    throw new SampleSetError(
      `${what} has the shape [${shape.join(', ')}], expected [n, 28, 28], [n, 784] or [n, 28, 28, 1]`,
    );
  }
  if (count === 0) {
    throw new SampleSetError(`${what} holds no pictures`);
  }
  if (values instanceof Int32Array) {
    throw new SampleSetError(`${what} is ${format}: expected pictures as uint8 or float32`);
  }
  const extremes = findExtremes(values, what);
  const [least, largest] = extremes;
  if (values instanceof Uint8Array) {
    if (range !== undefined && range !== '0..255') {
      throw new SampleSetError(`--range ${range}: ${what} is ${format}, whose pixels are 0..255`);
    }
    if (largest === 1) {
      throw new SampleSetError(
        `${what} is ${format} and its largest number is 1: expected 0..255, so multiply by 255`,
      );
    }
    return { count, images: values, range: '0..255' };
  }
  const names = Object.keys(PIXEL_RANGES) as PixelRangeName[];
  const chosen = range ?? names.find((name) => fitsRange(extremes, name));
  if (chosen === undefined) {
    throw new SampleSetError(
      `${what} has numbers from ${least} to ${largest}, expected 0..1, -1..1 or 0..255`,
    );
  }
  if (!fitsRange(extremes, chosen)) {
    throw new SampleSetError(`--range ${chosen}: ${what} has numbers from ${least} to ${largest}`);
  }
  const [low, high] = PIXEL_RANGES[chosen];
  const scale = 255 / (high - low);
  // Halves are rounded up, as the worker does; a Uint8ClampedArray would round them to even.
  const images = Uint8Array.from(values, (value) =>
    Math.min(255, Math.max(0, Math.floor((value - low) * scale + 0.5))),
  );
  return { count, images, range: chosen };
}

function findExtremes(
  values: Uint8Array | Float32Array,
  what: string,
): readonly [least: number, largest: number] {
  let [least, largest] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) {
      throw new SampleSetError(`${what} holds ${value}: expected finite numbers`);
    }
    least = Math.min(least, value);
    largest = Math.max(largest, value);
  }
  return [least, largest];
}

function fitsRange([least, largest]: readonly [number, number], name: PixelRangeName): boolean {
  const [low, high] = PIXEL_RANGES[name];
  const slack = TOLERANCE * (high - low);
  return least >= low - slack && largest <= high + slack;
}

/**
 * Turns an array into labels.
 *
 * @param count  How many there must be.
 * @throws SampleSetError  When there are not as many, or one is no whole number from 0 to 9.
 */
export function decodeLabels(
  { shape, values }: ArrayFile,
  what: string,
  count: number,
): Uint8Array {
  if (shape.length !== 1 && !(shape.length === 2 && shape[1] === 1)) {
    throw new SampleSetError(`${what} has the shape [${shape.join(', ')}], expected [n]`);
  }
  if (values.length !== count) {
    throw new SampleSetError(
      `${what} holds ${values.length} labels for ${count} samples: expected as many`,
    );
  }
  const place = values.findIndex(
    (value) => !Number.isInteger(value) || value < 0 || value >= CLASSES,
  );
  if (place !== -1) {
    throw new SampleSetError(
      `${what} holds the label ${values[place]} at place ${place}, expected 0 to ${CLASSES - 1}`,
    );
  }
  return Uint8Array.from(values);
}

/** Takes the first `count` samples. @throws SampleSetError  When there are fewer. */
export function takeSamples({ count: held, images, labels }: SampleSet, count: number): SampleSet {
  if (count > held) {
    throw new SampleSetError(`--n ${count}: there are ${held} samples only`);
  }
  return {
    count,
    images: images.subarray(0, count * SIDE * SIDE),
    labels: labels && labels.subarray(0, count),
  };
}
