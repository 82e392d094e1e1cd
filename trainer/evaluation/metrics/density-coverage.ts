/**
 * Density and coverage: Naeem et al. 2020 (arXiv 2002.09797), "Reliable fidelity and diversity metrics for generative
 * models".
 */
import { computeSquaredRadii } from './neighbour-radii.ts';
import { visitSquaredDistances, type Points } from './points.ts';

/** What the two figures are. */
export interface DensityCoverage {
  /** How many real neighbourhoods a sample lies in, over k: about 1 for one distribution, and not bounded by it. */
  readonly density: number;
  /** Part of the real points with a sample in their neighbourhood, 0..1; about 1 - 2^-k for one distribution. */
  readonly coverage: number;
}

/**
 * Computes density and coverage. A sample at exactly the radius is outside, as in the authors' program.
 *
 * @param k  Which neighbour of a real point bounds its neighbourhood; the paper's choice is 5.
 * @throws RangeError  When there are no more than k real points.
 */
export function computeDensityCoverage(real: Points, samples: Points, k: number): DensityCoverage {
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
