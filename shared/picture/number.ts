/** Joins digits to a number. Each digit is as wide as its ink. Pure. */
import { measurePen } from './pen.ts';
import type { Samples } from '../model/sampler.ts';
import type { Size } from './sheet-layout.ts';
import { drawChances, drawSign, isSign } from './signs.ts';

const SPACE = ' ';
/** Ink below this level of 255 does not count for a digit's width. */
const FAINT = 32;
/** The paper beside each digit is a tenth of a sample's width: 3 pixels of 28. */
const SPACES_A_WIDTH = 10;

/**
 * Writes a number. Its signs are drawn with the pen that is measured from its digits.
 * @param text     At least one digit, and any signs and spaces.
 * @param samples  One for each digit. They must have one channel if the text has signs.
 * @param hand     The request of the digits. It determines the signs.
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
      const chances = drawChances(hand.seed, hand.start, place);
      pixels.set(drawSign(character, pen, samples, chances), place * size);
    } else if (character !== SPACE) {
      pixels.set(samples.pixels.subarray(digit * size, (digit + 1) * size), place * size);
      digit++;
    }
  }
  return joinSamples({ ...samples, count: text.length, pixels }, text);
}

/**
 * Joins at least one sample to one wide sample without a label, with the same space before, between
 * and after them.
 * @param text  One character for each sample. A space is narrower than a sample without ink.
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

/** Measures `count` joined samples that are full of ink. */
export function measureWidestJoined({ height, width }: Size, count: number): Size {
  const space = measureSpace(width);
  return { height, width: count * (width + space) + space };
}

function measureSpace(width: number): number {
  return Math.max(1, Math.round(width / SPACES_A_WIDTH));
}

/** Finds the first and the last column with ink; all columns of a sample without ink. */
function findInk({ height, width, channels, pixels }: Samples, i: number) {
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
  const columns = Array.from({ length: width }, (_, x) => hasInk(x));
  const first = columns.indexOf(true);
  return first < 0 ? { first: 0, last: width - 1 } : { first, last: columns.lastIndexOf(true) };
}
