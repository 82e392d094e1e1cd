/**
 * Precision and recall: Kynkäänniemi et al. 2019 (arXiv 1904.06991), "Improved precision and recall metric for assessing
 * generative models".
 */
import { computeSquaredRadii } from './neighbour-radii.ts';
import { visitSquaredDistances, type Points } from './points.ts';

/** Both in 0..1. Sets of one distribution do not reach 1: only a floor tells what is good. */
export interface PrecisionRecall {
  /** Part of the samples that lie within reach of a real point's k-th neighbour: are samples real? */
  readonly precision: number;
  /** Part of the real points that lie within reach of a sample's k-th neighbour: is everything real covered? */
  readonly recall: number;
}

/**
 * Computes precision and recall. A point at exactly the radius counts as within, as in the paper's formula 1.
 *
 * @param k  Which neighbour; the paper's choice is 3.
 * @throws RangeError  When a set has no more than k points.
 */
export function computePrecisionRecall(real: Points, samples: Points, k: number): PrecisionRecall {
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
