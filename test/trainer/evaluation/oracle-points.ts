/**
 * Random points for tests, from Park and Miller's generator, which shares no code with the
 * project's.
 */
import { createPoints, type Points } from '../../../trainer/evaluation/metrics/points.ts';

/** Numbers in (0, 1), the same for the same seed. */
export function createUniform(seed: number): () => number {
  let state = seed * 7919 + 1;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

/** Standard normal numbers. */
export function createNormal(seed: number): () => number {
  const uniform = createUniform(seed);
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** Normal points: `scale` times standard normal plus `shift` in each dimension. */
export function makeNormalPoints(
  seed: number,
  count: number,
  dimension: number,
  scale = 1,
  shift = 0,
): Points {
  const normal = createNormal(seed);
  return createPoints(
    Float32Array.from({ length: count * dimension }, () => scale * normal() + shift),
    dimension,
  );
}

/** Points from rows. */
export function toPoints(rows: readonly (readonly number[])[]): Points {
  return createPoints(Float32Array.from(rows.flat()), rows[0]?.length ?? 1);
}

/** Rows from points. */
export function toRows({ count, dimension, values }: Points): number[][] {
  return Array.from({ length: count }, (_, i) => [
    ...values.subarray(i * dimension, (i + 1) * dimension),
  ]);
}

export function distance(x: readonly number[], y: readonly number[]): number {
  return Math.hypot(...x.map((value, i) => value - (y[i] as number)));
}
