/**
 * Sets how many cases fast-check tries for each property. The gate always tries the same few cases.
 * `npm run hunt -- properties` sets these variables and tries other cases, and more of them.
 */
import fc from 'fast-check';

const { DIGITMINT_HUNT_SEED: seed = '1', DIGITMINT_HUNT_FACTOR: factor = '1' } = process.env;

/** Number of cases for a property; replaces `count`. */
export function timesAsMany(count: number): number {
  return count * Number(factor);
}

fc.configureGlobal({ seed: Number(seed), numRuns: timesAsMany(100) });
