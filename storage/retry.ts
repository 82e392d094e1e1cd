/**
 * Repeats attempts with exponential backoff and jitter, so that writers that collided once do not
 * collide again. `p-retry` is not used: it takes no clock, and the tests of races need their own.
 */

/** A clock and randomness; tests inject their own. */
export interface Waiting {
  readonly sleep: (ms: number) => Promise<void>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export const realWaiting: Waiting = {
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  random: Math.random,
};

/** Longest waits: after the first attempt, doubled with each attempt, and after any. */
interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Waits after a failed attempt, before the next. @param attempt  0 for the first. */
export function waitAfter(attempt: number, { baseMs, maxMs }: Backoff, { sleep, random }: Waiting) {
  const longestMs = Math.min(maxMs, baseMs * 2 ** attempt);
  return sleep(longestMs * (0.5 + 0.5 * random()));
}

/**
 * Repeats `attempt` until it resolves to a value.
 * @returns  undefined when each of `attempts` resolved to undefined.
 */
export async function repeat<T>(
  attempt: () => Promise<T | undefined>,
  backoff: Backoff,
  {
    attempts = Number.POSITIVE_INFINITY,
    waiting = realWaiting,
  }: { readonly attempts?: number; readonly waiting?: Waiting | undefined } = {},
): Promise<T | undefined> {
  for (let index = 0; index < attempts; index += 1) {
    await (index === 0 ? undefined : waitAfter(index - 1, backoff, waiting));
    const value = await attempt();
    if (value !== undefined) {
      return value;
    }
  }
  return undefined;
}
