/**
 * Digits joined to a number, as they are written: each as wide as its ink. Pure.
 */
import type { Samples } from './sampler.ts';

/** What is fainter than this, of 255, does not count for a digit's width. */
const FAINT = 32;

/** Paper beside each digit, in parts of a sample's width: 3 pixels of 28. */
const SPACES_A_WIDTH = 10;

/**
 * Joins samples to one.
 *
 * @param samples  At least one.
 * @returns        One sample of their height, with the same paper before, between and after them. It has no label.
 */
export function joinSamples(samples: Samples): Samples {
  const { count, height, width, channels } = samples;
  const space = measureSpace(width);
  const spans = Array.from({ length: count }, (_, i) => findInk(samples, i));
  const total = spans.reduce((sum, { first, last }) => sum + last - first + 1 + space, space);
  const pixels = new Uint8Array(height * total * channels);
  let left = space;
  for (const [i, { first, last }] of spans.entries()) {
    for (let y = 0; y < height; y++) {
      const from = ((i * height + y) * width + first) * channels;
      const part = samples.pixels.subarray(from, from + (last - first + 1) * channels);
      pixels.set(part, (y * total + left) * channels);
    }
    left += last - first + 1 + space;
  }
  return { count: 1, height, width: total, channels, pixels, labels: null };
}

/** Size in pixels of what `count` samples are joined to where each of them is full of ink. */
export function measureWidestJoined(sample: { height: number; width: number }, count: number): { height: number; width: number } {
  const space = measureSpace(sample.width);
  return { height: sample.height, width: count * (sample.width + space) + space };
}

function measureSpace(width: number): number {
  return Math.max(1, Math.round(width / SPACES_A_WIDTH));
}

/** The first and the last column with ink; all of an empty sample. */
function findInk({ height, width, channels, pixels }: Samples, i: number): { first: number; last: number } {
  const hasInk = (x: number): boolean => {
    for (let y = 0; y < height; y++) {
      for (let c = 0; c < channels; c++) {
        if ((pixels[((i * height + y) * width + x) * channels + c] as number) >= FAINT) {
          return true;
        }
      }
    }
    return false;
  };
  let first = 0;
  while (first < width && !hasInk(first)) {
    first++;
  }
  if (first === width) {
    return { first: 0, last: width - 1 };
  }
  let last = width - 1;
  while (!hasInk(last)) {
    last--;
  }
  return { first, last };
}
