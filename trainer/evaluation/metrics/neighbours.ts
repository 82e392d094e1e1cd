/**
 * Metrics of the manifold that a set of points stands for: the union of balls around its points,
 * each as wide as the distance to the point's k-th nearest neighbour.
 */
import { visitSquaredDistances, type Points } from './points.ts';

/** Which neighbour bounds a neighbourhood. The papers' choices are 3 and 5. */
interface NeighbourCounts {
  readonly precisionNeighbours: number;
  readonly densityNeighbours: number;
}

/** Real points with their neighbourhoods, which are computed once for all sets of samples. */
interface RealNeighbourhoods {
  readonly points: Points;
  readonly counts: NeighbourCounts;
  /** Squared, as {@link computeSquaredRadii} returns them, for precision and for density. */
  readonly precisionRadii: Float64Array;
  readonly densityRadii: Float64Array;
}

/** @throws RangeError  When there are no more points than neighbours. */
export function findNeighbourhoods(points: Points, counts: NeighbourCounts): RealNeighbourhoods {
  const [precisionRadii, densityRadii] = computeSquaredRadii(points, [
    counts.precisionNeighbours,
    counts.densityNeighbours,
  ]) as [Float64Array, Float64Array];
  return { points, counts, precisionRadii, densityRadii };
}

/**
 * Compares samples with real points.
 *
 * Precision and recall, 0..1: Kynkäänniemi et al. 2019 (arXiv 1904.06991). Precision is the part
 * of the samples within reach of a real point's k-th neighbour, recall the part of the real points
 * within reach of a sample's. Two sets of one distribution stay below 1: judge beside the floor. A
 * point at exactly the radius is inside, as in the paper's formula 1.
 *
 * Density and coverage: Naeem et al. 2020 (arXiv 2002.09797). Density counts the real
 * neighbourhoods that a sample lies in, over k: about 1 for one distribution, without an upper
 * bound. Coverage is the part of the real points with a sample in their neighbourhood: about
 * 1 - 2^-k for one distribution. A sample at exactly the radius is outside, as in the authors'
 * program.
 * @throws RangeError  When there are no more samples than neighbours.
 */
export function compareNeighbourhoods(real: RealNeighbourhoods, samples: Points) {
  const { points, counts, precisionRadii, densityRadii } = real;
  const [sampleRadii] = computeSquaredRadii(samples, [counts.precisionNeighbours]) as [
    Float64Array,
  ];
  const sampleIsReal = new Uint8Array(samples.count);
  let [recalled, inside, covered] = [0, 0, 0];
  visitSquaredDistances(points, samples, (row, squaredDistances) => {
    const [precisionRadius, densityRadius] = [precisionRadii[row], densityRadii[row]] as [
      number,
      number,
    ];
    const before = inside;
    let isRecalled = 0;
    for (let i = 0; i < squaredDistances.length; i++) {
      const distance = squaredDistances[i] as number;
      if (distance <= precisionRadius) {
        sampleIsReal[i] = 1;
      }
      if (distance <= (sampleRadii[i] as number)) {
        isRecalled = 1;
      }
      if (distance < densityRadius) {
        inside++;
      }
    }
    recalled += isRecalled;
    covered += inside > before ? 1 : 0;
  });
  return {
    precision: sampleIsReal.reduce((sum, is) => sum + is, 0) / samples.count,
    recall: recalled / points.count,
    density: inside / (counts.densityNeighbours * samples.count),
    coverage: covered / points.count,
  };
}

/**
 * Computes the squared distance of each point to its k-th nearest other point of the set.
 * @param neighbours  One k or more.
 * @returns The distances for each k.
 * @throws RangeError  When there are no more than k points.
 */
export function computeSquaredRadii(points: Points, neighbours: readonly number[]): Float64Array[] {
  for (const k of neighbours) {
    if (k < 1 || k >= points.count) {
      throw new RangeError(`${points.count} points have no ${k}-th nearest neighbours`);
    }
  }
  const most = Math.max(...neighbours);
  const radii = neighbours.map(() => new Float64Array(points.count));
  const nearest = new Float64Array(most);
  visitSquaredDistances(points, points, (row, squaredDistances) => {
    nearest.fill(Infinity);
    for (let i = 0; i < squaredDistances.length; i++) {
      const distance = squaredDistances[i] as number;
      if (distance < (nearest[most - 1] as number) && i !== row) {
        insertSorted(nearest, distance);
      }
    }
    for (const [i, k] of neighbours.entries()) {
      (radii[i] as Float64Array)[row] = nearest[k - 1] as number;
    }
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
