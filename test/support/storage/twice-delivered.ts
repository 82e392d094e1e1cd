/**
 * Which shards test/edge/twice-delivering-worker.ts delivers twice.
 */

/** To two consumers at the same time. */
export function isDeliveredAtOnce(shard: number): boolean {
  return shard % 10 === 1;
}

/** A second time, when the first is over. */
export function isDeliveredAgain(shard: number): boolean {
  return shard % 5 === 2;
}
