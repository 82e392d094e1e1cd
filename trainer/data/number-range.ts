/** The numbers that stand for paper and full ink in arrays of pictures. Pure. */
import { ExpectedError } from '../../shared/expected-error.ts';
import type { PixelRange } from '../../shared/picture/pixels.ts';

/** Resizing and rounding may exceed a range by this part of its larger end. */
const OVERSHOOT = 0.1;
/** Numbers of bits that cameras write into words of 16. */
const DEPTHS = [8, 10, 12, 14, 16];
/** Pictures whose whitest number is below this one, of 255, have another range. */
const LEAST_WHITE = 64;

interface Extremes {
  readonly least: number;
  readonly largest: number;
}

/** The least and the largest number; for a number that is not finite, the place of the first. */
export function findExtremes(
  values: Uint8Array | Float32Array | Int32Array,
): Extremes | { readonly notFinite: number } {
  let [least, largest] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!Number.isFinite(value)) {
      return { notFinite: i };
    }
    least = Math.min(least, value);
    largest = Math.max(largest, value);
  }
  return { least, largest };
}

/**
 * Finds what black and white are: 0 to 1, -0.5 to 0.5, -1 to 1, or 0 to the largest number of 8 to
 * 16 bits.
 * @returns  Undefined when it is not clear: 0 to 16 may be a scale of its own, or very dark.
 */
function guessRange(extremes: Extremes): PixelRange | undefined {
  const { least, largest } = extremes;
  const holds = (range: PixelRange): boolean => fits(extremes, range);
  // Numbers around 0 are standardised, and have no black.
  const isDeep = least >= -OVERSHOOT * largest;
  const white = DEPTHS.map((bits) => 2 ** bits - 1).find((one) => isDeep && holds([0, one]));
  // A part of -1 to 1 may be grey. Numbers that almost end at -0.5 and 0.5 have black and white.
  const isHalf = least <= -0.4 && largest >= 0.4;
  const ranges: PixelRange[] = [[0, 1], ...(isHalf ? [[-0.5, 0.5] as const] : []), [-1, 1]];
  return (
    ranges.find(holds) ?? (white !== undefined && largest >= LEAST_WHITE ? [0, white] : undefined)
  );
}

/** Whether numbers lie within a range, with some overshoot. */
function fits({ least, largest }: Extremes, [low, high]: PixelRange): boolean {
  const slack = OVERSHOOT * Math.max(Math.abs(low), Math.abs(high));
  return least >= low - slack && largest <= high + slack;
}

/**
 * Decides what black and white are in a set of pictures.
 * @param given  By the user.
 * @param place  Stands before a refusal: "--samples a.npy: ".
 * @returns  A note unless they are given, or 0 and 255.
 * @throws ExpectedError  When numbers lie beyond the given ones, or may mean several things.
 */
export function decideRange(
  extremes: Extremes,
  given?: PixelRange,
  place = '',
): { range: PixelRange; note: string[] } {
  const { least, largest } = extremes;
  const range = given ?? guessRange(extremes);
  const found = `numbers from ${least} to ${largest}`;
  if (range === undefined || !fits(extremes, range)) {
    throw new ExpectedError(
      given === undefined
        ? `${place}the pictures have ${found}, expected 0 to 255, 0 to 1, -0.5 to 0.5, -1 to 1, or 0 to 1023, 4095, 16383 or 65535. Say which are black and white: --range=${Math.min(0, least)}..${largest}`
        : `${place}--range ${given.join('..')}: the pictures have ${found}`,
    );
  }
  const [black, white] = range;
  const isUsual = given !== undefined || (black === 0 && white === 255);
  const note = `The pictures have ${found}: ${black} is taken for black, ${white} for white (else: --range).`;
  return { range, note: isUsual ? [] : [note] };
}
