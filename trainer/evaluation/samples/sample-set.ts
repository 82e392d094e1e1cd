/**
 * The samples that are judged, whoever made them: 28 x 28 bytes each, with or without the labels that were asked for.
 */
import { ExpectedError } from '../../../shared/expected-error.ts';
import { CLASSES, SIDE } from '../digits.ts';
import type { ArrayFile } from './array-file.ts';

/** Samples to judge. */
export interface SampleSet {
  readonly count: number;
  /** Row-major [count, 28, 28], 0 is paper, 255 full ink. */
  readonly images: Uint8Array;
  /** [count]: which digit was asked for; null for samples without labels. */
  readonly labels: Uint8Array | null;
}

/** What a file's numbers mean: paper and full ink. */
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

/** Pictures, and how their numbers were understood. */
export interface DecodedImages {
  readonly count: number;
  readonly images: Uint8Array;
  readonly range: PixelRangeName;
}

/** Numbers may step this far, in parts of the range, over its ends: rounding. */
const TOLERANCE = 1e-3;

/**
 * Turns an array into pictures.
 *
 * @param what   Names the file in errors.
 * @param range  What the numbers mean; found out from the least and the largest when undefined. Bytes are 0..255 always.
 * @throws SampleSetError  When shape, type or numbers are not those of digits.
 */
export function decodeImages(
  { shape, values, format }: ArrayFile,
  what: string,
  range?: PixelRangeName,
): DecodedImages {
  const [count = 0, ...rest] = shape;
  const picture = rest.join(' x ');
  if (!['28 x 28', '784', '28 x 28 x 1'].includes(picture)) {
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
  const [least, largest] = findExtremes(values, what);
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
  const chosen = range ?? detectRange(least, largest, what);
  const [low, high] = PIXEL_RANGES[chosen];
  const slack = TOLERANCE * (high - low);
  if (least < low - slack || largest > high + slack) {
    throw new SampleSetError(`--range ${chosen}: ${what} has numbers from ${least} to ${largest}`);
  }
  const scale = 255 / (high - low);
  // Bytes of a Uint8ClampedArray round halves to even; the worker rounds them up.
  const images = Uint8Array.from(values, (value) =>
    Math.min(255, Math.max(0, Math.floor((value - low) * scale + 0.5))),
  );
  return { count, images, range: chosen };
}

function findExtremes(
  values: Uint8Array | Float32Array,
  what: string,
): [least: number, largest: number] {
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

function detectRange(least: number, largest: number, what: string): PixelRangeName {
  const fits = (name: PixelRangeName): boolean => {
    const [low, high] = PIXEL_RANGES[name];
    const slack = TOLERANCE * (high - low);
    return least >= low - slack && largest <= high + slack;
  };
  const found = (['0..1', '-1..1', '0..255'] as const).find(fits);
  if (found === undefined) {
    throw new SampleSetError(
      `${what} has numbers from ${least} to ${largest}, expected 0..1, -1..1 or 0..255`,
    );
  }
  return found;
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

/** The first `count` samples of a set. @throws SampleSetError  When it has fewer. */
export function takeSamples({ count: held, images, labels }: SampleSet, count: number): SampleSet {
  if (count > held) {
    throw new SampleSetError(`--n ${count}: there are ${held} samples only`);
  }
  return {
    count,
    images: images.subarray(0, count * SIDE * SIDE),
    labels: labels === null ? null : labels.subarray(0, count),
  };
}
