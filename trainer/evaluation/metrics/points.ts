/**
 * Sets of points, and the products and distances between two sets. A matrix of 10,000 x 10,000
 * products is never held whole: callers visit its rows.
 */
import * as tf from '@tensorflow/tfjs';

/** Numbers of the matrix that are held at once: 20 MB. */
const BLOCK_NUMBERS = 5_000_000;

export interface Points {
  readonly count: number;
  /** Numbers a point. */
  readonly dimension: number;
  /** Row-major [count, dimension]. */
  readonly values: Float32Array;
}

/** Gets a number for each point of the second set, valid until it returns. */
type RowVisitor = (row: number, values: Float32Array) => void;

/** @throws RangeError  When they are no whole number of points. */
export function createPoints(values: Float32Array, dimension: number): Points {
  if (values.length % dimension !== 0) {
    throw new RangeError(`${values.length} numbers are no whole number of points of ${dimension}`);
  }
  return { count: values.length / dimension, dimension, values };
}

/** Returns a view. */
export function getPoint({ dimension, values }: Points, index: number): Float32Array {
  return values.subarray(index * dimension, (index + 1) * dimension);
}

export function gatherPoints(points: Points, indices: Uint32Array): Points {
  const values = new Float32Array(indices.length * points.dimension);
  indices.forEach((index, i) => values.set(getPoint(points, index), i * points.dimension));
  return createPoints(values, points.dimension);
}

export function computeMeanSquare({ values }: Points): number {
  return values.reduce((sum, value) => sum + value * value, 0) / values.length;
}

/** Copies points, each number multiplied by `factor`. */
export function scalePoints({ values, dimension }: Points, factor: number): Points {
  const scaled = values.map((value) => value * factor);
  return createPoints(scaled, dimension);
}

/** Visits the matrix of dot products by rows. @throws RangeError  When the dimensions differ. */
export function visitProducts(a: Points, b: Points, visit: RowVisitor): void {
  if (a.dimension !== b.dimension) {
    throw new RangeError(`points of ${a.dimension} and of ${b.dimension} numbers have no products`);
  }
  const rows = Math.max(1, Math.floor(BLOCK_NUMBERS / b.count));
  // Transposed once: when matMul transposes, WebAssembly takes up to ten times as long.
  const right = tf.tidy(() => tf.transpose(tf.tensor2d(b.values, [b.count, b.dimension])));
  try {
    for (let first = 0; first < a.count; first += rows) {
      const n = Math.min(rows, a.count - first);
      const block = a.values.subarray(first * a.dimension, (first + n) * a.dimension);
      // Read outside of tidy, which searches what it returns for tensors, number by number.
      // [n, b.count]
      const product = tf.tidy(() => tf.matMul(tf.tensor2d(block, [n, a.dimension]), right));
      const values = product.dataSync<'float32'>();
      product.dispose();
      for (let i = 0; i < n; i++) {
        visit(first + i, values.subarray(i * b.count, (i + 1) * b.count));
      }
    }
  } finally {
    right.dispose();
  }
}

/**
 * Visits the matrix of squared Euclidean distances row by row, as |x|^2 + |y|^2 - 2 x.y, at least
 * 0. Float32 makes an error of about 1e-6 |x|^2, so equal points may lie apart. {@link
 * computeSquaredDistance} is exact.
 */
export function visitSquaredDistances(a: Points, b: Points, visit: RowVisitor): void {
  const [normsOfA, normsOfB] = [computeSquaredNorms(a), computeSquaredNorms(b)];
  visitProducts(a, b, (row, products) => {
    const norm = normsOfA[row] as number;
    for (let i = 0; i < products.length; i++) {
      const squared = norm + (normsOfB[i] as number) - 2 * (products[i] as number);
      products[i] = squared < 0 ? 0 : squared;
    }
    visit(row, products);
  });
}

function computeSquaredNorms(points: Points): Float64Array {
  return Float64Array.from({ length: points.count }, (_, i) =>
    getPoint(points, i).reduce((sum, value) => sum + value * value, 0),
  );
}

export function computeSquaredDistance(x: Float32Array, y: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) {
    const difference = (x[i] as number) - (y[i] as number);
    sum += difference * difference;
  }
  return sum;
}
