/**
 * Means, spreads, and tests for differences that exceed the spread of the seeds. Pure.
 */

export interface Summary {
  readonly count: number;
  readonly mean: number;
  /** Sample standard deviation, over count - 1; 0 for a single value. */
  readonly deviation: number;
}

/** Summarises one or more numbers. */
export function summarise(values: readonly number[]): Summary {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { count, mean, deviation: count > 1 ? Math.sqrt(squares / (count - 1)) : 0 };
}

/** The first of two sets compared with the second. */
export type Contrast = 'above' | 'below' | 'level' | 'unknown';

/**
 * Compares two sets of runs by Student's t-test for two samples: pooled variance, two-sided, 5%. So
 * one of twenty comparisons of equal sets shows a difference.
 *
 * @returns  `unknown` when a set has a single run, because one run has no variance.
 */
export function contrast(first: readonly number[], second: readonly number[]): Contrast {
  const [a, b] = [summarise(first), summarise(second)];
  if (a.count < 2 || b.count < 2) {
    return 'unknown';
  }
  const freedom = a.count + b.count - 2;
  const variance = ((a.count - 1) * a.deviation ** 2 + (b.count - 1) * b.deviation ** 2) / freedom;
  const error = Math.sqrt(variance * (1 / a.count + 1 / b.count));
  const difference = a.mean - b.mean;
  if (Math.abs(difference) <= computeStudentQuantile(freedom) * error) {
    return 'level';
  }
  return difference > 0 ? 'above' : 'below';
}

/** The 97.5% quantiles of Student's distribution with 1 to 10 degrees of freedom. */
const STUDENT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

/** Above 10 degrees of freedom: the expansion of Cornish and Fisher, exact to three digits. */
function computeStudentQuantile(freedom: number): number {
  const z = 1.959964;
  return (
    STUDENT[freedom - 1] ??
    z + (z ** 3 + z) / (4 * freedom) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2)
  );
}
