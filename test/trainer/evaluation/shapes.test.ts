import { describe, expect, it } from 'vitest';
import { loadTestDigits } from '../../../trainer/evaluation/digits.ts';
import {
  computeMiddle,
  computeStray,
  computeValueShares,
  measureBoxes,
  measureCentres,
  measureStrokeWidth,
} from '../../../trainer/evaluation/metrics/shapes.ts';

/** Pictures of 6 x 6 with the given values, by column and row. */
function draw(...pictures: readonly (readonly [x: number, y: number, value: number])[][]) {
  const images = new Uint8Array(pictures.length * 36);
  pictures.forEach((points, i) =>
    points.forEach(([x, y, value]) => (images[i * 36 + y * 6 + x] = value)),
  );
  return { count: pictures.length, side: 6, images };
}

describe('value shares', () => {
  it('count exact values and their neighbours', () => {
    expect(computeValueShares(Uint8Array.of(0, 0, 1, 4, 5, 249, 250, 255))).toEqual({
      valuesOf0: 0.25,
      values1To4: 0.25,
      values250To255: 0.25,
      valuesOf255: 0.125,
    });
  });
});

describe('boxes and centres', () => {
  it('see the faintest value, and leave out pictures without ink', () => {
    const pictures = draw(
      [
        [1, 2, 1],
        [4, 3, 255],
      ],
      [[5, 0, 9]],
      [],
    );
    expect([...measureBoxes(pictures)]).toEqual([4, 1, 0]);
    const [first, second, ...others] = measureCentres(pictures);
    expect(first?.[0]).toBeCloseTo((1 + 4 * 255) / 256, 12);
    expect(second).toEqual([5, 0]);
    expect(others).toEqual([]);
  });

  it('stray by the root mean square along an axis', () => {
    const places = [
      [3, 4],
      [5, 4],
    ] as const;
    expect(computeMiddle(places)).toEqual([4, 4]);
    expect(computeStray(places, [4, 4])).toBeCloseTo(Math.sqrt(0.5), 12);
    expect(computeStray([], [4, 4])).toBeNull();
    expect(computeStray(places, computeMiddle([]))).toBeNull();
  });
});

describe('the stroke width', () => {
  it('is that of a drawn line, and there is none without ink', () => {
    const line = Array.from({ length: 6 }, (_, x) => [2, 3].map((y) => [x, y, 255] as const));
    expect(measureStrokeWidth(draw(line.flat().map(([x, y, v]) => [x, y, v])))).toBeCloseTo(2, 0);
    expect(measureStrokeWidth(draw([], [[1, 1, 100]]))).toBeNull();
  });
});

describe('MNIST', () => {
  it('fits boxes of 20 pixels and is centred, as its makers say', async () => {
    const { dataset } = await loadTestDigits();
    const pictures = { count: 1000, side: 28, images: dataset.images.subarray(0, 784_000) };
    expect(measureBoxes(pictures).reduce((a, b) => Math.max(a, b))).toBe(20);
    const centres = measureCentres(pictures);
    // Centred to whole pixels: the rest is uniform.
    expect(computeStray(centres, computeMiddle(centres))).toBeCloseTo(Math.sqrt(1 / 12), 1);
  });
});
