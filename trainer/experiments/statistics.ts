/**
 * Means, spreads, and whether two sets of runs differ by more than their seeds do. Pure.
 */

/** Mean and spread of some runs. */
export interface Summary {
  readonly count: number;
  readonly mean: number;
  /** Sample standard deviation, over count - 1; 0 for a single run. */
  readonly deviation: number;
}

/** Summarises numbers, at least one. */
export function summarise(values: readonly number[]): Summary {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { count, mean, deviation: count > 1 ? Math.sqrt(squares / (count - 1)) : 0 };
}

/** Whether the first of two sets is above the second, below it, or not to be told from it. */
export type Contrast = 'above' | 'below' | 'level' | 'unknown';

/**
 * Compares two sets of runs by Student's t-test for two samples (pooled variance, two-sided, 5%): of twenty comparisons of the
 * same with the same, one shows a difference.
 *
 * @returns  `unknown` when either set has a single run: there is no spread to hold against.
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

/** From tables; beyond them by Cornish and Fisher's expansion, right to three digits. @param freedom  1 or more. */
function computeStudentQuantile(freedom: number): number {
  const z = 1.959964;
  return (
    STUDENT[freedom - 1] ??
    z + (z ** 3 + z) / (4 * freedom) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2)
  );
}
