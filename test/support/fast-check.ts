/**
 * How often fast-check tries each property: the same few cases every time in the gate, others and
 * more of them in
 * `npm run hunt`, which sets these variables.
 */
import fc from 'fast-check';

const { DIGITMINT_HUNT_SEED: seed = '1', DIGITMINT_HUNT_FACTOR: factor = '1' } = process.env;

/** Cases of a property, in place of `count`. */
export function timesAsMany(count: number): number {
  return count * Number(factor);
}

fc.configureGlobal({ seed: Number(seed), numRuns: timesAsMany(100) });
