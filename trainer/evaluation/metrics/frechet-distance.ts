/**
 * The Fréchet distance between Gaussians fitted to two sets of features: Heusel et al. 2017 (arXiv 1706.08500), with a
 * classifier of digits in the place of Inception.
 */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { getPoint, type Points } from './points.ts';

/** A Gaussian fitted to points. */
interface Moments {
  readonly mean: Float64Array;
  /** Unbiased: over count - 1. */
  readonly covariance: Matrix;
}

/**
 * Computes |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)). Biased upwards for small sets (arXiv 1911.07023): compare equal
 * counts only.
 *
 * The trace of the root is the sum of the roots of the eigenvalues of C1^(1/2) C2 C1^(1/2), which is symmetric, so that
 * singular covariances, such as those of a collapsed generator, need no care.
 *
 * @param a  At least two points; more than their dimension for a covariance of full rank.
 * @returns  >= 0 up to rounding.
 * @throws RangeError  When a set has fewer than two points, or the dimensions differ.
 */
export function computeFrechetDistance(a: Points, b: Points): number {
  if (a.dimension !== b.dimension || a.count < 2 || b.count < 2) {
    throw new RangeError(
      `${a.count} points of ${a.dimension} and ${b.count} of ${b.dimension} numbers have no Fréchet distance`,
    );
  }
  const [first, second] = [fitMoments(a), fitMoments(b)];
  const shift = first.mean.reduce(
    (sum, value, i) => sum + (value - (second.mean[i] as number)) ** 2,
    0,
  );
  const root = computeRoot(first.covariance);
  const inner = root.mmul(second.covariance).mmul(root);
  const rootTrace = computeEigenvalues(inner).reduce(
    (sum, value) => sum + Math.sqrt(Math.max(0, value)),
    0,
  );
  return shift + first.covariance.trace() + second.covariance.trace() - 2 * rootTrace;
}

function fitMoments(points: Points): Moments {
  const { count, dimension } = points;
  const mean = new Float64Array(dimension);
  for (let i = 0; i < count; i++) {
    getPoint(points, i).forEach((value, k) => (mean[k] = (mean[k] as number) + value / count));
  }
  const sums = new Float64Array(dimension * dimension);
  const centred = new Float64Array(dimension);
  for (let i = 0; i < count; i++) {
    getPoint(points, i).forEach((value, k) => (centred[k] = value - (mean[k] as number)));
    for (let row = 0; row < dimension; row++) {
      for (let column = row; column < dimension; column++) {
        const place = row * dimension + column;
        sums[place] =
          (sums[place] as number) + (centred[row] as number) * (centred[column] as number);
      }
    }
  }
  const covariance = new Matrix(dimension, dimension);
  for (let row = 0; row < dimension; row++) {
    for (let column = row; column < dimension; column++) {
      const value = (sums[row * dimension + column] as number) / (count - 1);
      covariance.set(row, column, value).set(column, row, value);
    }
  }
  return { mean, covariance };
}

/** The symmetric root of a symmetric matrix; eigenvalues that rounding made negative count as 0. */
function computeRoot(matrix: Matrix): Matrix {
  const { eigenvectorMatrix: vectors, realEigenvalues } = new EigenvalueDecomposition(matrix, {
    assumeSymmetric: true,
  });
  const roots = Matrix.diag(realEigenvalues.map((value) => Math.sqrt(Math.max(0, value))));
  return vectors.mmul(roots).mmul(vectors.transpose());
}

function computeEigenvalues(matrix: Matrix): number[] {
  return new EigenvalueDecomposition(matrix, { assumeSymmetric: true }).realEigenvalues;
}
