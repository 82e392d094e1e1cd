/**
 * Digits joined to a number, as they are written: each as wide as its ink. Pure.
 */
import { measurePen } from './pen.ts';
import type { Samples } from '../model/sampler.ts';
import { drawChances, drawSign, isSign } from './signs.ts';

const SPACE = ' ';

/** What is fainter than this, of 255, does not count for a digit's width. */
const FAINT = 32;

/** Paper beside each digit, in parts of a sample's width: 3 pixels of 28. */
const SPACES_A_WIDTH = 10;

/**
 * Writes a number: its digits as they were drawn, its signs by the pen that they show.
 *
 * @param text     At least one digit among signs and spaces.
 * @param samples  One for each digit, of one channel where there are signs.
 * @param hand     What its digits were drawn for.
 * @returns        As {@link joinSamples} does.
 */
export function writeNumber(
  text: string,
  samples: Samples,
  hand: { readonly seed: string; readonly start: number },
): Samples {
  if (samples.count === text.length) {
    return joinSamples(samples);
  }
  const { height, width } = samples;
  const size = height * width;
  const pen = measurePen(samples);
  const pixels = new Uint8Array(text.length * size);
  let digit = 0;
  for (const [place, character] of [...text].entries()) {
    if (isSign(character)) {
      pixels.set(
        drawSign(character, pen, samples, drawChances(hand.seed, hand.start, place)),
        place * size,
      );
    } else if (character !== SPACE) {
      pixels.set(samples.pixels.subarray(digit * size, (digit + 1) * size), place * size);
      digit++;
    }
  }
  return joinSamples({ ...samples, count: text.length, pixels }, text);
}

/**
 * Joins samples to one.
 *
 * @param samples  At least one.
 * @param text     What they are, a character each: a space is narrower than paper without ink.
 * @returns        One sample of their height, with the same paper before, between and after them. It has no label.
 */
export function joinSamples(samples: Samples, text = ''): Samples {
  const { count, height, width, channels } = samples;
  const space = measureSpace(width);
  const spans = Array.from({ length: count }, (_, i) =>
    text[i] === SPACE ? { first: 0, last: space } : findInk(samples, i),
  );
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
export function measureWidestJoined(
  sample: { height: number; width: number },
  count: number,
): { height: number; width: number } {
  const space = measureSpace(sample.width);
  return { height: sample.height, width: count * (sample.width + space) + space };
}

function measureSpace(width: number): number {
  return Math.max(1, Math.round(width / SPACES_A_WIDTH));
}

/** The first and the last column with ink; all of an empty sample. */
function findInk(
  { height, width, channels, pixels }: Samples,
  i: number,
): { first: number; last: number } {
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
