/**
 * The kernel distance, KID: Bińkowski et al. 2018 (arXiv 1801.01401), the unbiased squared MMD with the kernel
 * (x.y / d + 1)^3.
 */
import type { RandomKey } from '../../../shared/model/random.ts';
import { drawSubset } from '../subset.ts';
import { gatherPoints, visitProducts, type Points } from './points.ts';

/** An estimate over subsets. */
export interface KernelDistance {
  /** Unbiased: around 0 for one distribution, and so at times below it. */
  readonly mean: number;
  /** Of the mean: the subsets' standard deviation over the root of their number. Subsets overlap, so it is a little low. */
  readonly standardError: number;
}

/** How the subsets are drawn. */
export interface KernelDistanceOptions {
  /** At least 2. */
  readonly subsets: number;
  /** Points of either set in a subset, without replacement, at least 2; the whole set when it has fewer. */
  readonly subsetSize: number;
  readonly key: RandomKey;
  /** Streams of the key: one for each set. */
  readonly purposes: readonly [number, number];
}

/**
 * Computes the kernel distance as the mean over subsets.
 *
 * @throws RangeError  When the dimensions differ.
 */
export function computeKernelDistance(
  a: Points,
  b: Points,
  { subsets, subsetSize, key, purposes }: KernelDistanceOptions,
): KernelDistance {
  const values = Array.from({ length: subsets }, (_, i) => {
    const x = gatherPoints(
      a,
      drawSubset(key, purposes[0], i, a.count, Math.min(subsetSize, a.count)),
    );
    const y = gatherPoints(
      b,
      drawSubset(key, purposes[1], i, b.count, Math.min(subsetSize, b.count)),
    );
    return computeSquaredMmd(x, y);
  });
  const mean = values.reduce((sum, value) => sum + value, 0) / subsets;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (subsets - 1);
  return { mean, standardError: Math.sqrt(variance / subsets) };
}

/** The unbiased estimate of the squared maximum mean discrepancy: a point is not paired with itself. */
function computeSquaredMmd(x: Points, y: Points): number {
  const within = (points: Points): number =>
    sumKernel(points, points, true) / (points.count * (points.count - 1));
  return within(x) + within(y) - (2 * sumKernel(x, y, false)) / (x.count * y.count);
}

function sumKernel(a: Points, b: Points, skipSame: boolean): number {
  let sum = 0;
  visitProducts(a, b, (row, products) => {
    for (let i = 0; i < products.length; i++) {
      if (!skipSame || i !== row) {
        const base = (products[i] as number) / a.dimension + 1;
        sum += base * base * base;
      }
    }
  });
  return sum;
}
