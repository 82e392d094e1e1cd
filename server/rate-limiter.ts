/** Counts requests by key in windows of a fixed length, as Cloudflare's binding does. */
import type { RateLimiter } from '../worker/http/admission.ts';

/** A window refuses further keys, because their counts would take memory without end. */
const MAX_KEYS = 100_000;

/** @param requests  Allowed for each key in a window. @param clock  Gives milliseconds. */
export function createRateLimiter(
  requests: number,
  windowMs: number,
  clock: () => number,
): RateLimiter {
  let counts = new Map<string, number>();
  let began = -Infinity;
  return {
    async limit({ key }) {
      const now = clock();
      if (now - began >= windowMs) {
        counts = new Map();
        began = now;
      }
      const count = (counts.get(key) ?? 0) + 1;
      if (count > requests || (count === 1 && counts.size >= MAX_KEYS)) {
        return { success: false };
      }
      counts.set(key, count);
      return { success: true };
    },
  };
}
