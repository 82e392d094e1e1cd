import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deriveKey, drawWords as drawPortably } from '../../../shared/model/random.ts';
import {
  applyPrior,
  computeNormalQuantile,
  drawUniform,
  drawWords,
  SPARSE_DENSITY,
  type PriorConfig,
} from '../../../trainer/gan/noise.ts';
import '../../support/fast-check.ts';

it('a noise stream has the words of the portable keystream', () => {
  const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  fc.assert(
    fc.property(fc.string(), word, fc.maxSafeNat(), fc.nat(500), (seed, purpose, index, count) => {
      const key = deriveKey('train', seed);
      expect(drawWords(key, purpose, index, count)).toEqual(
        drawPortably(key, purpose, index, count),
      );
    }),
  );
});

it('a noise stream may be longer than a training step needs', () => {
  const key = deriveKey('train', 'long');
  expect(drawWords(key, 2, 7, 200_000)).toEqual(drawPortably(key, 2, 7, 200_000));
});

function draw(prior?: PriorConfig): Float32Array {
  return applyPrior(prior, drawUniform(deriveKey('train', 'prior'), 0, 0, 200_000));
}

function measure(values: Float32Array): { mean: number; deviation: number; largest: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length,
  );
  return {
    mean,
    deviation,
    largest: values.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
  };
}

describe('a prior', () => {
  it('leaves uniform numbers unchanged when it is absent', () => {
    expect(draw()).toEqual(applyPrior(undefined, draw()));
    expect(measure(draw()).deviation).toBeCloseTo(1 / Math.sqrt(3), 2);
  });

  it.each(['gaussian', 'truncated-gaussian', 'sparse'] as const)(
    '%s has mean 0 and the requested deviation',
    (shape) => {
      for (const deviation of [0.577, 1]) {
        const { mean, deviation: actual } = measure(draw({ shape, deviation }));
        expect(Math.abs(mean)).toBeLessThan(0.01);
        expect(Math.abs(actual / deviation - 1)).toBeLessThan(0.01);
      }
    },
  );

  it('has the tails of its shape', () => {
    const within = (values: Float32Array, bound: number): number =>
      values.reduce((sum, value) => sum + (Math.abs(value) < bound ? 1 : 0), 0) / values.length;
    const gaussian = draw({ shape: 'gaussian', deviation: 1 });
    expect(within(gaussian, 1)).toBeCloseTo(0.6827, 2);
    expect(within(gaussian, 2)).toBeCloseTo(0.9545, 2);
    expect(measure(gaussian).largest).toBeGreaterThan(4);
    const { largest } = measure(draw({ shape: 'truncated-gaussian', deviation: 1 }));
    expect(largest).toBeCloseTo(2 / 0.87962566, 3);
    const sparse = draw({ shape: 'sparse', deviation: 1 });
    expect(within(sparse, 1e-9)).toBeCloseTo(1 - SPARSE_DENSITY, 2);
  });

  it('is finite and odd at the ends', () => {
    const ends = Float32Array.of(-1, 1 - 2 ** -23, 0);
    for (const shape of ['gaussian', 'truncated-gaussian', 'sparse'] as const) {
      const [low, high, middle] = applyPrior({ shape, deviation: 1 }, ends.slice()) as unknown as [
        number,
        number,
        number,
      ];
      expect(low).toBeCloseTo(-high, 4);
      expect(Math.abs(middle)).toBeLessThan(1e-5);
    }
  });
});

it.each([
  [0.5, 0],
  [0.975, 1.959963985],
  [0.025, -1.959963985],
  [0.999, 3.090232306],
  [1e-7, -5.199337582],
  [1e-13, -7.348796103],
])('the quantile of %d is %d', (probability, expected) => {
  expect(computeNormalQuantile(probability)).toBeCloseTo(expected, 5);
});
