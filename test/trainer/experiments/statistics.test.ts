import { describe, expect, it } from 'vitest';
import { contrast, summarise } from '../../../trainer/experiments/analysis.ts';

it('a summary has the sample’s standard deviation', () => {
  expect(summarise([1, 2, 6])).toEqual({ count: 3, mean: 3, deviation: Math.sqrt(7) });
  expect(summarise([5])).toEqual({ count: 1, mean: 5, deviation: 0 });
});

describe('a difference', () => {
  // Three against three, each of deviation 1: the error of the difference is sqrt(2/3), the
  // quantile with 4 degrees 2.776.
  const edge = 2.776 * Math.sqrt(2 / 3);
  const around = (mean: number): number[] => [mean - 1, mean, mean + 1];

  it('is significant from Student’s quantile on', () => {
    expect(contrast(around(edge + 0.001), around(0))).toBe('above');
    expect(contrast(around(-edge - 0.001), around(0))).toBe('below');
    expect(contrast(around(edge - 0.001), around(0))).toBe('level');
    expect(contrast(around(5), around(5))).toBe('level');
  });

  it('is significant when the runs have no spread', () => {
    expect(contrast([2, 2], [1, 1])).toBe('above');
    expect(contrast([1, 1], [1, 1])).toBe('level');
  });

  it('is unknown for one run', () => {
    expect(contrast([9], [1, 1.1])).toBe('unknown');
  });

  it('is unknown for a figure that is not there', () => {
    expect(contrast([NaN, NaN], [1, 2])).toBe('unknown');
  });

  it('is computed for many runs too', () => {
    // 30 against 30 of deviation about 1: the quantile with 58 degrees is 2.0017.
    const many = (mean: number): number[] =>
      Array.from({ length: 30 }, (_, i) => mean + (i % 2 === 0 ? 1 : -1));
    const error = Math.sqrt((30 / 29) * (2 / 30));
    expect(contrast(many(2.0027 * error), many(0))).toBe('above');
    expect(contrast(many(2.0007 * error), many(0))).toBe('level');
  });
});
