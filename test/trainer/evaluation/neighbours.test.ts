import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '@tensorflow/tfjs';
import {
  compareNeighbourhoods,
  computeSquaredRadii,
  findNeighbourhoods,
} from '../../../trainer/evaluation/metrics/neighbours.ts';
import { visitProducts, type Points } from '../../../trainer/evaluation/metrics/points.ts';
import { selectBackend } from '../../../trainer/tensorflow/backend.ts';
import { distance, makeNormalPoints, toRows } from './oracle-points.ts';

beforeAll(async () => {
  await selectBackend('wasm');
});

const COUNTS = { precisionNeighbours: 3, densityNeighbours: 5 };

function compare(real: Points, samples: Points) {
  return compareNeighbourhoods(findNeighbourhoods(real, COUNTS), samples);
}

/** The k-th smallest distance to the others, by sorting. */
function radiusOf(rows: number[][], i: number, k: number): number {
  const others = rows.filter((_, j) => j !== i).map((row) => distance(row, rows[i] as number[]));
  return others.toSorted((a, b) => a - b)[k - 1] as number;
}

function share(rows: number[][], holds: (row: number[], i: number) => boolean): number {
  return rows.filter(holds).length / rows.length;
}

describe.each([
  { name: 'overlapping', samples: makeNormalPoints(2, 120, 5, 0.8, 0.3) },
  { name: 'narrow', samples: makeNormalPoints(3, 60, 5, 0.2) },
  { name: 'disjoint', samples: makeNormalPoints(4, 70, 5, 1, 100) },
])('for $name sets', ({ name, samples }) => {
  const real = makeNormalPoints(1, 90, 5);
  const [r, s] = [toRows(real), toRows(samples)];

  it('precision and recall match a full sort of all distances', () => {
    const k = COUNTS.precisionNeighbours;
    const radiiOfReal = r.map((_, i) => radiusOf(r, i, k));
    const radiiOfSamples = s.map((_, i) => radiusOf(s, i, k));
    const { precision, recall } = compare(real, samples);
    expect(precision).toBeCloseTo(
      share(s, (y) => r.some((x, i) => distance(x, y) <= (radiiOfReal[i] as number))),
      10,
    );
    expect(recall).toBeCloseTo(
      share(r, (x) => s.some((y, i) => distance(x, y) <= (radiiOfSamples[i] as number))),
      10,
    );
    expect(precision === 0 && recall === 0).toBe(name === 'disjoint');
  });

  it('density and coverage match a full sort of all distances', () => {
    const k = COUNTS.densityNeighbours;
    const radii = r.map((_, i) => radiusOf(r, i, k));
    const { density, coverage } = compare(real, samples);
    const inside = s.reduce(
      (sum, y) => sum + r.filter((x, i) => distance(x, y) < (radii[i] as number)).length,
      0,
    );
    expect(density).toBeCloseTo(inside / (k * s.length), 10);
    expect(coverage).toBeCloseTo(
      share(r, (x, i) => s.some((y) => distance(x, y) < (radii[i] as number))),
      10,
    );
    expect(density === 0 && coverage === 0).toBe(name === 'disjoint');
  });
});

describe('neighbourhoods', () => {
  it('are all covered by the set itself', () => {
    const points = makeNormalPoints(5, 100, 4);
    const { density, ...figures } = compare(points, points);
    expect(figures).toEqual({ precision: 1, recall: 1, coverage: 1 });
    // Each neighbourhood holds the point itself and four of its five neighbours. The fifth is on
    // the boundary, so rounding decides.
    expect(density).toBeGreaterThanOrEqual(1);
    expect(density).toBeLessThanOrEqual(1.2);
  });

  it('of one repeated picture hold that picture alone', () => {
    const real = makeNormalPoints(6, 50, 3);
    const collapsed = {
      ...real,
      values: Float32Array.from(real.values, (_, i) => real.values[i % 3] as number),
    };
    expect(compare(real, collapsed)).toMatchObject({ precision: 1, recall: 1 / 50 });
  });

  it('do not depend on the block size', () => {
    // Larger than a block of 5 million numbers.
    const [a, b] = [makeNormalPoints(7, 700, 2), makeNormalPoints(8, 9000, 2)];
    const rows: number[] = [];
    let largestError = 0;
    visitProducts(a, b, (row, products) => {
      rows.push(row);
      for (const i of [0, 4500, 8999]) {
        const [x, y] = [
          a.values.subarray(2 * row, 2 * row + 2),
          b.values.subarray(2 * i, 2 * i + 2),
        ] as [Float32Array, Float32Array];
        const exact = (x[0] as number) * (y[0] as number) + (x[1] as number) * (y[1] as number);
        largestError = Math.max(largestError, Math.abs(exact - (products[i] as number)));
      }
    });
    expect(rows).toEqual(Array.from({ length: 700 }, (_, i) => i));
    expect(largestError).toBeLessThan(1e-5);
  });

  it('leave no tensor behind', () => {
    const points = makeNormalPoints(9, 30, 4);
    const before = tf.memory().numTensors;
    compare(points, points);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('are refused with too few points', () => {
    const points = makeNormalPoints(1, 3, 2);
    expect(() => computeSquaredRadii(points, [3])).toThrow(RangeError);
    expect(() => findNeighbourhoods(points, COUNTS)).toThrow(RangeError);
    const enough = findNeighbourhoods(makeNormalPoints(1, 6, 2), COUNTS);
    expect(() => compareNeighbourhoods(enough, points)).toThrow(RangeError);
  });
});
