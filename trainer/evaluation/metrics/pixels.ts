/** Metrics of pixels: copies of training digits, and blur. */
import { computeSquaredDistance, getPoint, visitSquaredDistances, type Points } from './points.ts';

/**
 * Computes the Euclidean distance of each query to its nearest training point; 0 for a copy.
 * @param training  All training points in parts, of which one at a time is held.
 * @param own       For queries that are training points: their places, which are passed over.
 */
export function computeNearestDistances(
  queries: Points,
  training: Iterable<Points>,
  own?: Uint32Array,
) {
  const distances = new Float64Array(queries.count).fill(Infinity);
  let first = 0;
  for (const part of training) {
    visitSquaredDistances(queries, part, (row, squaredDistances) => {
      const passedOver = (own?.[row] ?? -1) - first;
      let nearest = -1;
      let least = Infinity;
      for (let i = 0; i < squaredDistances.length; i++) {
        const distance = squaredDistances[i] as number;
        if (distance < least && i !== passedOver) {
          least = distance;
          nearest = i;
        }
      }
      if (nearest >= 0) {
        // Computed again in float64: the visited distance of a copy is not exactly 0.
        const exact = computeSquaredDistance(getPoint(queries, row), getPoint(part, nearest));
        distances[row] = Math.min(distances[row] as number, Math.sqrt(exact));
      }
    });
    first += part.count;
  }
  return distances;
}

/**
 * Computes memorisation: the samples' mean distance to the nearest training digit over that of
 * unseen digits. 1 is ideal, 0 means copies.
 *
 * Measure it with pixels. The classifier learned the training digits, so its features tell them
 * from unseen ones. Pixels favour neither, but a blurred picture is nearer to everything: well
 * below 1 means copies or blur, and sharpness tells which.
 */
export function computeMemorisation(samples: Float64Array, unseen: Float64Array): number {
  const computeMean = (values: Float64Array): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  return computeMean(samples) / computeMean(unseen);
}

/**
 * Computes the mean of the squared differences between pixels next to each other, right and down,
 * with pixels from 0 to 1.
 * @param images  Row-major [count, side, side, channels], 0..255; at least one, side at least 2.
 */
export function computeGradientEnergy(images: Uint8Array, side: number, channels = 1): number {
  const count = images.length / (side ** 2 * channels);
  let sum = 0;
  for (let i = 0; i < images.length; i++) {
    const place = Math.floor(i / channels);
    const column = place % side;
    const row = Math.floor(place / side) % side;
    const pixel = images[i] as number;
    if (column + 1 < side) {
      sum += ((images[i + channels] as number) - pixel) ** 2;
    }
    if (row + 1 < side) {
      sum += ((images[i + side * channels] as number) - pixel) ** 2;
    }
  }
  return sum / (255 ** 2 * count * 2 * side * (side - 1) * channels);
}

/** Computes gradient energy over that of real digits: 1 is ideal, less is blur, more is noise. */
export function computeSharpness(
  samples: Uint8Array,
  real: Uint8Array,
  side: number,
  channels = 1,
): number {
  return (
    computeGradientEnergy(samples, side, channels) / computeGradientEnergy(real, side, channels)
  );
}
