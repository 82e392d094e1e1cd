/**
 * `dpr`, device pixels for each CSS pixel, is another way to state `scale`, `gap` and `margin`. So
 * a picture for a dense screen and the equal one without `dpr` have the same canonical URL. Without
 * dependencies: the client writes URLs by it.
 */
import { PARAMETERS } from './parameters.ts';

/** Lengths in output pixels, and `dpr`, as numbers or as their texts; undefined where absent. */
type OutputPixels = {
  readonly [K in 'scale' | 'gap' | 'margin' | 'dpr']?: number | string | undefined;
};

/** The lengths that `dpr` changes. */
type Products = { readonly [K in 'scale' | 'gap' | 'margin']?: number };

/**
 * Multiplies lengths by `dpr`.
 * @returns  Those that change; or what was expected, where one would be too large.
 */
export function multiplyPixels({ dpr = 1, ...pixels }: OutputPixels): Products | string {
  const products: Record<string, number> = {};
  for (const name of ['scale', 'gap', 'margin'] as const) {
    const { max, default: without } = PARAMETERS[name];
    const value = Number(pixels[name] ?? without);
    const product = value * Number(dpr);
    if (product > max) {
      return `${name} times dpr to be at most ${max}, not ${value} x ${dpr} = ${product}`;
    }
    if (product !== value) {
      products[name] = product;
    }
  }
  return products;
}
