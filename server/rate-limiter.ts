/** Counts requests by key in windows of a fixed length, as Cloudflare's binding does. */
import { keepNewest } from '../shared/newest.ts';
import { RATE_WINDOW_SECONDS, type RateLimiter } from '../worker/http/admission.ts';

/** Counts that are kept. The oldest is forgotten, so that a flood refuses no newcomer. */
const MAX_KEYS = 100_000;

/** @param clock  Milliseconds. */
export function createRateLimiter(
  requests: number,
  clock = () => performance.now(),
  maxKeys = MAX_KEYS,
): RateLimiter {
  let counts = new Map<string, number>();
  let beganMs = -Infinity;
  return {
    async limit({ key }) {
      const nowMs = clock();
      if (nowMs - beganMs >= RATE_WINDOW_SECONDS * 1000) {
        counts = new Map();
        beganMs = nowMs;
      }
      const count = (counts.get(key) ?? 0) + 1;
      // A caller who keeps asking is not forgotten.
      keepNewest(counts, key, Math.min(count, requests), maxKeys);
      return { success: count <= requests };
    },
  };
}
