/**
 * Whether samples are copies of training digits: how near the nearest one is, beside how near it is to unseen digits.
 *
 * Meant for pixels rather than features: the classifier was trained on the training digits, so its features set them
 * apart from unseen ones, while pixels favour neither. Pixels have a bias of their own: a blurred picture is nearer to
 * everything. So a figure well below 1 says "copies, or blur"; sharpness tells which.
 */
import { computeSquaredDistance, getPoint, visitSquaredDistances, type Points } from './points.ts';

/**
 * Computes the Euclidean distance of each query to its nearest training point.
 *
 * @param own  For queries that are training points themselves: their places, which are passed over.
 * @returns    [queries.count]; 0 for an exact copy.
 */
export function computeNearestDistances(
  queries: Points,
  training: Points,
  own?: Uint32Array,
): Float64Array {
  const distances = new Float64Array(queries.count);
  visitSquaredDistances(queries, training, (row, squaredDistances) => {
    const passedOver = own?.[row];
    let nearest = -1;
    let least = Infinity;
    for (let i = 0; i < squaredDistances.length; i++) {
      const distance = squaredDistances[i] as number;
      if (distance < least && i !== passedOver) {
        least = distance;
        nearest = i;
      }
    }
    // Taken anew in float64: what was visited is too rough for a copy's 0.
    distances[row] = Math.sqrt(
      computeSquaredDistance(getPoint(queries, row), getPoint(training, nearest)),
    );
  });
  return distances;
}

/**
 * Computes memorisation: the samples' mean distance to the nearest training digit over that of unseen digits.
 *
 * @returns  1 is ideal, 0 means copies.
 */
export function computeMemorisation(samples: Float64Array, unseen: Float64Array): number {
  return computeMean(samples) / computeMean(unseen);
}

function computeMean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
