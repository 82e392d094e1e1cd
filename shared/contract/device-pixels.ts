/**
 * `dpr`, device pixels for each CSS pixel: another way to say `scale`, `gap` and `margin`, so that a picture for a dense screen
 * and the equal one without it are one picture, with one permanent URL. Pure, and without dependencies: the client writes
 * URLs by it.
 */
import { LIMITS } from './limits.ts';

/** What it multiplies, with what holds without it and the most that the product may be. */
const MULTIPLIED = [
  { name: 'scale', without: 1, max: LIMITS.maxScale },
  { name: 'gap', without: 0, max: LIMITS.maxGap },
  { name: 'margin', without: 0, max: LIMITS.maxGap },
] as const;

/** What is told in output pixels; undefined is what was not asked for. */
export type OutputPixels = {
  readonly [K in (typeof MULTIPLIED)[number]['name']]?: number | undefined;
};

/** Products by the names of their factors. */
type Products = { -readonly [K in keyof OutputPixels]: number };

/** A product beyond its limit, as `invalid_parameter` has it. */
export interface RefusedProduct {
  readonly code: 'invalid_parameter';
  readonly parameter: 'dpr';
  readonly received: string;
  readonly expected: string;
}

/**
 * Multiplies what is told in output pixels.
 *
 * @param pixels  `gap` may be missing, as it is for loops and numbers.
 * @param dpr     Whole, >= 1; undefined is 1.
 * @returns       The products of what would change by it, to be laid over what was asked for; or the first that is too large.
 */
export function multiplyPixels(pixels: OutputPixels, dpr = 1): Products | RefusedProduct {
  const products: Products = {};
  for (const { name, without, max } of MULTIPLIED) {
    const value = pixels[name] ?? without;
    const product = value * dpr;
    if (product > max) {
      const expected = `${name} times dpr to be at most ${max}, not ${value} x ${dpr} = ${product}`;
      return { code: 'invalid_parameter', parameter: 'dpr', received: String(dpr), expected };
    }
    if (product !== value) {
      products[name] = product;
    }
  }
  return products;
}
