import { beforeAll, describe, expect, it } from 'vitest';
import { deriveKey } from '../../../shared/model/random.ts';
import { computeFrechetDistance } from '../../../trainer/evaluation/metrics/distances.ts';
import { computeKernelDistance } from '../../../trainer/evaluation/metrics/distances.ts';
import { selectBackend } from '../../../trainer/tensorflow/backend.ts';
import { makeNormalPoints, toPoints, toRows } from './oracle-points.ts';

beforeAll(async () => {
  await selectBackend('wasm');
});

/** Points with exactly the mean `mean` and the unbiased covariance sum of v v^T over `axes`. */
function makeExactPoints(
  mean: readonly number[],
  axes: readonly (readonly number[])[],
): number[][] {
  const scale = Math.sqrt((2 * axes.length - 1) / 2);
  return axes.flatMap((axis) =>
    [1, -1].map((sign) => mean.map((value, k) => value + sign * scale * (axis[k] as number))),
  );
}

describe('the Fréchet distance', () => {
  it('equals the closed form for Gaussians along the axes', () => {
    const a = makeExactPoints(
      [1, -2, 3],
      [
        [2, 0, 0],
        [0, 1, 0],
        [0, 0, 0.5],
      ],
    );
    const b = makeExactPoints(
      [0, 0, 3.5],
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 2],
      ],
    );
    // |m1 - m2|^2 plus the squared differences of the standard deviations.
    expect(computeFrechetDistance(toPoints(a), toPoints(b))).toBeCloseTo(
      1 + 4 + 0.25 + (2 - 1) ** 2 + 0 + (0.5 - 2) ** 2,
      4,
    );
  });

  it('equals the closed form for Gaussians that are rotated against each other', () => {
    const axesOfA = [
      [2, 1],
      [0.3, -1],
    ];
    const axesOfB = [
      [0.5, 1.5],
      [1, 1],
    ];
    const covariance = (axes: number[][]): [number, number, number] => [
      axes.reduce((sum, [x = 0]) => sum + x * x, 0),
      axes.reduce((sum, [x = 0, y = 0]) => sum + x * y, 0),
      axes.reduce((sum, [, y = 0]) => sum + y * y, 0),
    ];
    const [a, b, c] = covariance(axesOfA);
    const [d, e, f] = covariance(axesOfB);
    // In two dimensions tr(M^(1/2)) = sqrt(tr M + 2 sqrt(det M)); here M is the product of the
    // covariances.
    const trace = a * d + 2 * b * e + c * f;
    const determinant = (a * c - b * b) * (d * f - e * e);
    const expected = a + c + d + f - 2 * Math.sqrt(trace + 2 * Math.sqrt(determinant));
    const points = [axesOfA, axesOfB].map((axes) => toPoints(makeExactPoints([0, 0], axes))) as [
      ReturnType<typeof toPoints>,
      ReturnType<typeof toPoints>,
    ];
    expect(computeFrechetDistance(...points)).toBeCloseTo(expected, 5);
  });

  it('is 0 for a set and itself, also with a constant dimension', () => {
    const points = toPoints(toRows(makeNormalPoints(1, 300, 6)).map((row) => [...row, 0]));
    expect(Math.abs(computeFrechetDistance(points, points))).toBeLessThan(1e-9);
  });

  it('is the sum of variances and squared shift when one set is a single point', () => {
    const real = makeExactPoints(
      [0, 0],
      [
        [3, 0],
        [0, 1],
      ],
    );
    expect(
      computeFrechetDistance(
        toPoints([
          [1, 0],
          [1, 0],
          [1, 0],
        ]),
        toPoints(real),
      ),
    ).toBeCloseTo(1 + 9 + 1, 4);
  });

  it('approaches the true distance of the distributions for large sets', () => {
    const [a, b] = [makeNormalPoints(1, 20_000, 5), makeNormalPoints(2, 20_000, 5, 2, 1)];
    expect(computeFrechetDistance(a, b)).toBeGreaterThan(10 - 0.3);
    expect(computeFrechetDistance(a, b)).toBeLessThan(10 + 0.3);
  });

  it('refuses sets for which it is undefined', () => {
    expect(() => computeFrechetDistance(toPoints([[1]]), toPoints([[1], [2]]))).toThrow(RangeError);
    expect(() =>
      computeFrechetDistance(
        toPoints([
          [1, 2],
          [2, 3],
        ]),
        toPoints([[1], [2]]),
      ),
    ).toThrow(RangeError);
  });
});

describe('the kernel distance', () => {
  const options = {
    subsets: 3,
    subsetSize: 1000,
    key: deriveKey('evaluation', 'test'),
    purposes: [1, 2],
  } as const;

  function computeByLoops(x: number[][], y: number[][]): number {
    const kernel = (p: number[], q: number[]): number =>
      (p.reduce((sum, value, i) => sum + value * (q[i] as number), 0) / p.length + 1) ** 3;
    const mean = (a: number[][], b: number[][]): number => {
      const values = a.flatMap((p) => b.filter((q) => p !== q).map((q) => kernel(p, q)));
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    };
    return mean(x, x) + mean(y, y) - 2 * mean(x, y);
  }

  it('equals a plain double loop, when the subsets are the sets', () => {
    const [a, b] = [makeNormalPoints(3, 40, 7), makeNormalPoints(4, 55, 7, 1.3, 0.2)];
    const { mean, standardError } = computeKernelDistance(a, b, options);
    expect(mean).toBeCloseTo(computeByLoops(toRows(a), toRows(b)), 4);
    expect(standardError).toBeLessThan(1e-6);
  });

  it('is about 0 for two sets of one distribution, and large for two distributions', () => {
    const many = { ...options, subsets: 50, subsetSize: 200 };
    const same = computeKernelDistance(
      makeNormalPoints(5, 2000, 8),
      makeNormalPoints(6, 2000, 8),
      many,
    );
    const other = computeKernelDistance(
      makeNormalPoints(5, 2000, 8),
      makeNormalPoints(6, 2000, 8, 1, 0.5),
      many,
    );
    // Subsets overlap, so the mean deviates as much as the sets do, more than its standard error
    // says.
    expect(Math.abs(same.mean)).toBeLessThan(0.01);
    expect(other.mean).toBeGreaterThan(20 * Math.abs(same.mean));
  });

  it('is the same for the same key, and differs for another', () => {
    const [a, b] = [makeNormalPoints(7, 100, 4), makeNormalPoints(8, 100, 4)];
    const few = { ...options, subsetSize: 20 };
    expect(computeKernelDistance(a, b, few)).toEqual(computeKernelDistance(a, b, few));
    expect(computeKernelDistance(a, b, few)).not.toEqual(
      computeKernelDistance(a, b, { ...few, key: deriveKey('evaluation', 'other') }),
    );
  });
});
