/**
 * How far the k-th nearest neighbour of each point of a set is: the set's estimate of its own manifold.
 */
import { visitSquaredDistances, type Points } from './points.ts';

/**
 * Computes the squared distance of each point to its k-th nearest other point of the same set.
 *
 * @param k  1..points.count - 1.
 * @returns  [count]
 * @throws RangeError  When there are too few points.
 */
export function computeSquaredRadii(points: Points, k: number): Float64Array {
  if (k < 1 || k >= points.count) {
    throw new RangeError(`${points.count} points have no ${k}-th nearest neighbours`);
  }
  const radii = new Float64Array(points.count);
  const nearest = new Float64Array(k);
  visitSquaredDistances(points, points, (row, squaredDistances) => {
    nearest.fill(Infinity);
    for (let i = 0; i < squaredDistances.length; i++) {
      const distance = squaredDistances[i] as number;
      if (distance < (nearest[k - 1] as number) && i !== row) {
        insertSorted(nearest, distance);
      }
    }
    radii[row] = nearest[k - 1] as number;
  });
  return radii;
}

/** Puts a value into its place of an ascending list, whose last falls out. */
function insertSorted(ascending: Float64Array, value: number): void {
  let place = ascending.length - 1;
  while (place > 0 && (ascending[place - 1] as number) > value) {
    ascending[place] = ascending[place - 1] as number;
    place--;
  }
  ascending[place] = value;
}
