/**
 * Metrics of the manifold that a set of points stands for: the union of balls around its points,
 * each as wide as the distance to the point's k-th nearest neighbour.
 */
import { visitSquaredDistances, type Points } from './points.ts';

/**
 * Computes precision and recall, 0..1: Kynkäänniemi et al. 2019 (arXiv 1904.06991). Precision is
 * the part of the samples within reach of a real point's k-th neighbour, recall the part of the
 * real points within reach of a sample's. Two sets of one distribution stay below 1: judge beside
 * the floor. A point at exactly the radius is inside, as in the paper's formula 1.
 * @param k  Which neighbour; the paper's choice is 3.
 * @throws RangeError  When a set has no more than k points.
 */
export function computePrecisionRecall(real: Points, samples: Points, k: number) {
  const radiiOfReal = computeSquaredRadii(real, k);
  const radiiOfSamples = computeSquaredRadii(samples, k);
  const sampleIsReal = new Uint8Array(samples.count);
  let covered = 0;
  visitSquaredDistances(real, samples, (row, squaredDistances) => {
    const radius = radiiOfReal[row] as number;
    let isCovered = 0;
    for (let i = 0; i < squaredDistances.length; i++) {
      const distance = squaredDistances[i] as number;
      if (distance <= radius) {
        sampleIsReal[i] = 1;
      }
      if (distance <= (radiiOfSamples[i] as number)) {
        isCovered = 1;
      }
    }
    covered += isCovered;
  });
  return {
    precision: sampleIsReal.reduce((sum, is) => sum + is, 0) / samples.count,
    recall: covered / real.count,
  };
}

/**
 * Computes density and coverage: Naeem et al. 2020 (arXiv 2002.09797). Density counts the real
 * neighbourhoods that a sample lies in, over k: about 1 for one distribution, without an upper
 * bound. Coverage is the part of the real points with a sample in their neighbourhood: about
 * 1 - 2^-k for one distribution. A sample at exactly the radius is outside, as in the authors'
 * program.
 * @param k  Which neighbour of a real point bounds its neighbourhood; the paper's choice is 5.
 * @throws RangeError  When there are no more than k real points.
 */
export function computeDensityCoverage(real: Points, samples: Points, k: number) {
  const radii = computeSquaredRadii(real, k);
  let inside = 0;
  let covered = 0;
  visitSquaredDistances(real, samples, (row, squaredDistances) => {
    const radius = radii[row] as number;
    const before = inside;
    for (let i = 0; i < squaredDistances.length; i++) {
      if ((squaredDistances[i] as number) < radius) {
        inside++;
      }
    }
    covered += inside > before ? 1 : 0;
  });
  return { density: inside / (k * samples.count), coverage: covered / real.count };
}

/** Computes the squared distance of each point to its k-th nearest other point of the set. */
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

/** Inserts a value into an ascending list, whose last value drops out. */
function insertSorted(ascending: Float64Array, value: number): void {
  let place = ascending.length - 1;
  while (place > 0 && (ascending[place - 1] as number) > value) {
    ascending[place] = ascending[place - 1] as number;
    place--;
  }
  ascending[place] = value;
}
