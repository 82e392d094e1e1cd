/** Chooses the shards that test/edge/twice-delivering-worker.ts delivers twice. */

/** Delivered to two consumers at the same time. */
export function isDeliveredAtOnce(shard: number): boolean {
  return shard % 10 === 1;
}

/** Delivered again after the first delivery has ended. */
export function isDeliveredAgain(shard: number): boolean {
  return shard % 5 === 2;
}
