import { beforeAll, describe, expect, it } from 'vitest';
import { computeClassAccuracy } from '../../../trainer/evaluation/metrics/classes.ts';
import { computeClassBalance } from '../../../trainer/evaluation/metrics/classes.ts';
import {
  computeClassSpreads,
  computeClassDiversity,
} from '../../../trainer/evaluation/metrics/classes.ts';
import {
  computeMemorisation,
  computeNearestDistances,
} from '../../../trainer/evaluation/metrics/pixels.ts';
import { createPoints } from '../../../trainer/evaluation/metrics/points.ts';
import {
  computeGradientEnergy,
  computeSharpness,
} from '../../../trainer/evaluation/metrics/pixels.ts';
import { drawSubset } from '../../../trainer/data/dataset.ts';
import { deriveKey } from '../../../shared/model/random.ts';
import { selectBackend } from '../../../trainer/tensorflow/backend.ts';
import { createUniform, distance, makeNormalPoints, toPoints, toRows } from './oracle-points.ts';

beforeAll(async () => {
  await selectBackend('wasm');
});

describe('class balance', () => {
  it('is 0 for equal classes and log(10) for one class', () => {
    expect(
      computeClassBalance(
        Uint8Array.from({ length: 50 }, (_, i) => i % 10),
        10,
      ),
    ).toBeCloseTo(0, 12);
    expect(computeClassBalance(new Uint8Array(50).fill(7), 10)).toBeCloseTo(Math.log(10), 12);
  });

  it('is the sum of p log(p / q)', () => {
    // Three of four in class 0, one in class 1, of two classes.
    expect(computeClassBalance(Uint8Array.of(0, 0, 1, 0), 2)).toBeCloseTo(
      0.75 * Math.log(1.5) + 0.25 * Math.log(0.5),
      12,
    );
  });
});

describe('class accuracy', () => {
  it('counts samples that show the requested class, and names the worst class', () => {
    const labels = Uint8Array.of(0, 0, 1, 1, 1, 1, 3, 3);
    const predictions = Uint8Array.of(0, 0, 1, 1, 1, 2, 3, 0);
    expect(computeClassAccuracy(labels, predictions, 10)).toEqual({
      accuracy: 6 / 8,
      worst: { label: 3, accuracy: 0.5 },
    });
  });
});

describe('diversity', () => {
  it('is the mean distance of pairs in a class, divided by the other set’s', () => {
    const points = makeNormalPoints(1, 30, 4);
    const labels = Uint8Array.from({ length: 30 }, (_, i) => i % 3);
    const rows = toRows(points);
    const pairs = rows.flatMap((x, i) =>
      rows.slice(0, i).flatMap((y, j) => (i % 3 === 1 && j % 3 === 1 ? [distance(x, y)] : [])),
    );
    const spreads = computeClassSpreads(points, labels, 4);
    expect(spreads[1]).toBeCloseTo(pairs.reduce((sum, d) => sum + d, 0) / pairs.length, 6);
    expect(spreads[3]).toBeNaN();
    const half = createPoints(
      points.values.map((value) => value / 2),
      4,
    );
    expect(computeClassDiversity(computeClassSpreads(half, labels, 4), spreads)).toBeCloseTo(
      0.5,
      6,
    );
  });

  it('is 0 for a class of one repeated picture', () => {
    const labels = new Uint8Array(10);
    const real = computeClassSpreads(makeNormalPoints(1, 10, 4), labels, 1);
    expect(
      computeClassDiversity(
        computeClassSpreads(toPoints(Array.from({ length: 10 }, () => [1, 2, 3, 4])), labels, 1),
        real,
      ),
    ).toBe(0);
  });
});

describe('memorisation', () => {
  const training = makeNormalPoints(1, 200, 20);
  const unseen = makeNormalPoints(2, 50, 20);
  const parts = [0, 5, 60].map((from, i, all) =>
    createPoints(training.values.slice(from * 20, (all[i + 1] ?? 200) * 20), 20),
  );

  it('is 0 for copies of training digits, and 1 for unseen ones', () => {
    const copies = createPoints(training.values.slice(0, 50 * 20), 20);
    const ofUnseen = computeNearestDistances(unseen, parts);
    expect(computeMemorisation(computeNearestDistances(copies, parts), ofUnseen)).toBe(0);
    expect(computeMemorisation(ofUnseen, ofUnseen)).toBe(1);
  });

  it('ignores the training digit itself when it stands in for a sample', () => {
    const own = Uint32Array.of(3, 5, 8);
    const rows = toRows(training);
    const queries = toPoints([...own].map((i) => rows[i] as number[]));
    const expected = [...own].map((i) =>
      Math.min(...rows.filter((_, j) => j !== i).map((row) => distance(row, rows[i] as number[]))),
    );
    const distances = computeNearestDistances(queries, parts, own);
    expected.forEach((value, i) => expect(distances[i]).toBeCloseTo(value, 6));
  });

  it('finds in parts the same nearest digit as a plain loop', () => {
    const expected = toRows(unseen).map((x) =>
      Math.min(...toRows(training).map((y) => distance(x, y))),
    );
    computeNearestDistances(unseen, parts).forEach((value, i) =>
      expect(value).toBeCloseTo(expected[i] as number, 6),
    );
  });
});

describe('sharpness', () => {
  const uniform = createUniform(3);
  const noise = Uint8Array.from({ length: 5 * 28 * 28 }, () => Math.floor(256 * uniform()));

  it('is 1 for a set and itself, and below 1 for a blurred one', () => {
    const blurred = noise.map((_, i) => {
      const near = [0, 1, -1, 28, -28].map((step) => noise[i + step] ?? 0);
      return near.reduce((sum, pixel) => sum + pixel, 0) / near.length;
    });
    expect(computeSharpness(noise, noise, 28)).toBe(1);
    expect(computeSharpness(blurred, noise, 28)).toBeLessThan(0.5);
  });

  it('is the mean square of the differences between neighbouring pixels of the same picture', () => {
    // 2 x 2, twice. The first picture's differences are 255 right, 255 right, 0 down, 0 down. The
    // second has none, and the jump between the pictures does not count.
    const images = Uint8Array.of(0, 255, 0, 255, 100, 100, 100, 100);
    expect(computeGradientEnergy(images, 2)).toBeCloseTo(2 / 8, 12);
  });
});

describe('a subset', () => {
  const key = deriveKey('evaluation', 'test');

  it('has distinct indices, all of them when it is the whole set', () => {
    expect(new Set(drawSubset(key, 1, 0, 1000, 500)).size).toBe(500);
    expect([...drawSubset(key, 1, 0, 1000, 1000)].toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 1000 }, (_, i) => i),
    );
  });

  it('takes every index about equally often', () => {
    const counts = new Float64Array(10);
    for (let i = 0; i < 2000; i++) {
      drawSubset(key, 1, i, 10, 3).forEach(
        (place) => (counts[place] = (counts[place] as number) + 1),
      );
    }
    // 600 are expected, with a standard deviation of 20.5.
    counts.forEach((count) => expect(Math.abs(count - 600)).toBeLessThan(100));
  });
});
