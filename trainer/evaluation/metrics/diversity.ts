/**
 * How different the digits of a class are from each other.
 */
import { computeSquaredDistance, getPoint, type Points } from './points.ts';

/** Points of a class that are paired with each other: half a million pairs. */
const MAX_PER_CLASS = 1000;

/**
 * Computes each class's mean Euclidean distance over all pairs of its first 1,000 points.
 *
 * @param labels  One a point, each below `classes`.
 * @returns       [classes]; NaN for a class of fewer than two points.
 */
export function computeClassSpreads(
  points: Points,
  labels: Uint8Array,
  classes: number,
): Float64Array {
  return Float64Array.from({ length: classes }, (_, label) => {
    const members: Float32Array[] = [];
    for (let i = 0; i < points.count && members.length < MAX_PER_CLASS; i++) {
      if (labels[i] === label) {
        members.push(getPoint(points, i));
      }
    }
    let sum = 0;
    for (const [i, x] of members.entries()) {
      for (let j = 0; j < i; j++) {
        sum += Math.sqrt(computeSquaredDistance(x, members[j] as Float32Array));
      }
    }
    return sum / ((members.length * (members.length - 1)) / 2);
  });
}

/**
 * Computes diversity within classes: the mean over classes of the samples' spread over the real ones'.
 *
 * @param samples  From {@link computeClassSpreads}.
 * @param real     From the same, every class with at least two different points.
 * @returns        1 when as diverse as real digits, 0 when each class is one picture; a class of fewer than two samples is
 *                 left out: the class balance tells of it. NaN when all are.
 */
export function computeDiversity(samples: Float64Array, real: Float64Array): number {
  const ratios = Array.from(samples, (spread, label) => spread / (real[label] as number)).filter(
    (ratio) => !Number.isNaN(ratio),
  );
  return ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
}
