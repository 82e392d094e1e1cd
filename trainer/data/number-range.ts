/** The numbers that stand for paper and full ink in arrays of pictures. Pure. */
import type { PixelRange } from '../../shared/picture/pixels.ts';

/** In the order in which they are tried. */
export const NUMBER_RANGES = {
  '0..1': [0, 1],
  '-1..1': [-1, 1],
  '0..255': [0, 255],
} as const satisfies Record<string, PixelRange>;
export type RangeName = keyof typeof NUMBER_RANGES;

/** Rounding may exceed a range by this part of it. */
const TOLERANCE = 1e-3;

/** The least and the largest number; for a number that is not finite, the place of the first. */
export function findExtremes(
  values: Uint8Array | Float32Array | Int32Array,
): { readonly least: number; readonly largest: number } | { readonly notFinite: number } {
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

/** The first of the ranges that holds all numbers; undefined when none does. */
export function findRange(
  { least, largest }: { readonly least: number; readonly largest: number },
  names = Object.keys(NUMBER_RANGES) as RangeName[],
): RangeName | undefined {
  return names.find((name) => {
    const [low, high] = NUMBER_RANGES[name];
    const slack = TOLERANCE * (high - low);
    return least >= low - slack && largest <= high + slack;
  });
}
