/**
 * What a job costs at Cloudflare, by its list prices: read in November 2026 at developers.cloudflare.com/workers/platform/pricing and
 * /queues/platform/pricing.
 */

/** US dollars a million. */
const PER_MILLION = {
  invocation: 0.3,
  processorMs: 0.02,
  queueOperation: 0.4,
  write: 4.5,
  read: 0.36,
} as const;

/** Of R2, US dollars a gigabyte and month. */
const STORAGE = 0.015;

/** A shard that nothing goes wrong with: sent, received and deleted; job and stop looked at; listed, and two files written. */
const SHARD =
  (PER_MILLION.invocation +
    3 * PER_MILLION.queueOperation +
    3 * PER_MILLION.write +
    2 * PER_MILLION.read) /
  1e6;

export interface JobCost {
  readonly soFar: number;
  /** null before the first shard. */
  readonly expected: number | null;
  readonly storageMonth: number;
}

/** Estimates it, in US dollars. */
export function estimateCost(
  done: { shards: number; digits: number; drawMs: number; bytes: number },
  digits: number,
): JobCost {
  const soFar = done.shards * SHARD + (done.drawMs * PER_MILLION.processorMs) / 1e6;
  return {
    soFar: round(soFar),
    expected: done.digits === 0 ? null : round((soFar * digits) / done.digits),
    storageMonth: round((done.bytes / 1e9) * STORAGE),
  };
}

/** To a millionth of a dollar. */
function round(dollars: number): number {
  return Math.round(dollars * 1e6) / 1e6;
}
