/** Distances between the distributions that two sets of features are drawn from. */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { RandomKey } from '../../../shared/model/random.ts';
import { drawSubset } from '../../data/dataset.ts';
import { gatherPoints, getPoint, visitProducts, type Points } from './points.ts';

/**
 * Computes the Fréchet distance |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) between Gaussians
 * fitted to the sets (Heusel et al. 2017, arXiv 1706.08500; here a classifier of digits takes the
 * place of Inception). Small sets bias it upwards (arXiv 1911.07023): compare equal counts only.
 * @throws RangeError  When a set has fewer than two points, or the dimensions differ.
 */
export function computeFrechetDistance(a: Points, b: Points): number {
  if (a.dimension !== b.dimension || a.count < 2 || b.count < 2) {
    throw new RangeError(
      `${a.count} points of ${a.dimension} and ${b.count} of ${b.dimension} numbers have no Fréchet distance`,
    );
  }
  const [first, second] = [fitGaussian(a), fitGaussian(b)];
  const shift = first.mean.reduce((sum, m, k) => sum + (m - (second.mean[k] as number)) ** 2, 0);
  // The eigenvalues of C1^(1/2) C2 C1^(1/2) are those of C1 C2. This product is symmetric, so
  // covariances without full rank, such as those of a collapsed generator, need no special case.
  const root = computeRoot(first.covariance);
  const inner = root.mmul(second.covariance).mmul(root);
  const { realEigenvalues } = new EigenvalueDecomposition(inner, { assumeSymmetric: true });
  const rootTrace = realEigenvalues.reduce((sum, value) => sum + Math.sqrt(Math.max(0, value)), 0);
  return shift + first.covariance.trace() + second.covariance.trace() - 2 * rootTrace;
}

/** Computes a set's mean and its unbiased covariance. */
function fitGaussian(points: Points): { mean: Float64Array; covariance: Matrix } {
  const { count, dimension } = points;
  const mean = new Float64Array(dimension);
  for (let i = 0; i < count; i++) {
    getPoint(points, i).forEach((value, k) => (mean[k] = (mean[k] as number) + value / count));
  }
  const centred = new Matrix(count, dimension);
  for (let i = 0; i < count; i++) {
    getPoint(points, i).forEach((value, k) => centred.set(i, k, value - (mean[k] as number)));
  }
  const products = centred.transpose().mmul(centred);
  return { mean, covariance: products.div(count - 1) };
}

/** Computes a symmetric root. Eigenvalues that rounding made negative count as 0. */
function computeRoot(matrix: Matrix): Matrix {
  const { eigenvectorMatrix: vectors, realEigenvalues } = new EigenvalueDecomposition(matrix, {
    assumeSymmetric: true,
  });
  const roots = Matrix.diag(realEigenvalues.map((value) => Math.sqrt(Math.max(0, value))));
  return vectors.mmul(roots).mmul(vectors.transpose());
}

/**
 * Computes the kernel distance KID (Bińkowski et al. 2018, arXiv 1801.01401): the unbiased squared
 * maximum mean discrepancy (MMD) with the kernel (x.y / d + 1)^3, as the mean over subsets. For one
 * distribution it is about 0, and sometimes below. The standard error is that over subsets of these
 * points: their standard deviation over the root of their number. Subsets overlap, so the error
 * over other points is larger, up to sqrt(subsets * subsetSize / count) times.
 * @param subsets     At least 2.
 * @param subsetSize  Points of either set in a subset, drawn without replacement, at least 2. A
 *                    smaller set is taken whole.
 * @param purposes    Streams of the key: one for each set.
 * @throws RangeError  When the dimensions differ.
 */
export function computeKernelDistance(
  a: Points,
  b: Points,
  options: {
    readonly subsets: number;
    readonly subsetSize: number;
    readonly key: RandomKey;
    readonly purposes: readonly [number, number];
  },
) {
  const { subsets, subsetSize, key, purposes } = options;
  const draw = (points: Points, purpose: number, index: number): Points => {
    const size = Math.min(subsetSize, points.count);
    return gatherPoints(points, drawSubset(key, purpose, index, points.count, size));
  };
  const values = Array.from({ length: subsets }, (_, i) =>
    computeSquaredMmd(draw(a, purposes[0], i), draw(b, purposes[1], i)),
  );
  const mean = values.reduce((sum, value) => sum + value, 0) / subsets;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (subsets - 1);
  return { mean, standardError: Math.sqrt(variance / subsets) };
}

function computeSquaredMmd(x: Points, y: Points): number {
  const within = (points: Points): number =>
    sumKernel(points, points) / (points.count * (points.count - 1));
  return within(x) + within(y) - (2 * sumKernel(x, y)) / (x.count * y.count);
}

/** Sums over all pairs. A point is not paired with itself: that makes the estimate unbiased. */
function sumKernel(a: Points, b: Points): number {
  let sum = 0;
  visitProducts(a, b, (row, products) => {
    for (let i = 0; i < products.length; i++) {
      if (a !== b || i !== row) {
        const base = (products[i] as number) / a.dimension + 1;
        sum += base * base * base;
      }
    }
  });
  return sum;
}
