/**
 * Waiting between attempts: exponential with full jitter on the upper half, so that writers that collided once do not
 * collide again.
 */

/** What waiting needs from outside; given, so that tests need not wait. */
export interface Waiting {
  /** Resolves after `ms` milliseconds. */
  readonly sleep: (ms: number) => Promise<void>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** The process's own timer and randomness. */
export const realWaiting: Waiting = {
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  random: Math.random,
};

/**
 * Computes the wait after a failed attempt.
 *
 * @param attempt  0 for the first.
 * @param baseMs   Longest wait after the first attempt; doubles with each.
 * @param maxMs    Longest wait at all.
 */
export function computeBackoffMs(
  attempt: number,
  baseMs: number,
  maxMs: number,
  random: () => number,
): number {
  const longestMs = Math.min(maxMs, baseMs * 2 ** attempt);
  return longestMs * (0.5 + 0.5 * random());
}
