/**
 * Latent numbers of another distribution than the uniform one: each is a function of one uniform number, so that runs
 * with different priors see the same random words. Pure.
 *
 * The API's sampling law is uniform: a generator that was trained with one of these is for experiments and is not published.
 */

/** A prior other than the uniform one. All have mean 0. */
export interface PriorConfig {
  /**
   * `truncated-gaussian` is cut at two standard deviations of the uncut one, as TensorFlow's own; of `sparse`, a number in
   * `SPARSE_DENSITY` is not 0, and that one is uniform.
   */
  readonly shape: 'gaussian' | 'truncated-gaussian' | 'sparse';
  /** Standard deviation of a number. */
  readonly deviation: number;
}

/** Standard deviation of a number that is uniform in [-1, 1]: the prior without a `PriorConfig`. */
export const UNIFORM_DEVIATION = 1 / Math.sqrt(3);

/** Part of a sparse latent's numbers that are not 0. */
export const SPARSE_DENSITY = 0.1;

/** The normal distribution's function at -2, and the standard deviation of what lies between -2 and 2. */
const BELOW_CUT = 0.022750131948179195;
const CUT_DEVIATION = 0.8796256610342398;

/**
 * Brings uniform numbers to a prior, in place.
 *
 * @param prior   Undefined leaves them as they are.
 * @param values  Uniform in [-1, 1), multiples of 2^-23: see `fillUniform`.
 * @returns       `values`.
 */
export function applyPrior(prior: PriorConfig | undefined, values: Float32Array): Float32Array {
  if (prior !== undefined) {
    const map = createMap(prior);
    for (let i = 0; i < values.length; i++) {
      values[i] = map(values[i] as number);
    }
  }
  return values;
}

function createMap({ shape, deviation }: PriorConfig): (uniform: number) => number {
  // Half a step above, so that 0 and 1, where the quantile is infinite, are never met.
  const toProbability = (uniform: number): number => (uniform + 1) / 2 + 2 ** -25;
  switch (shape) {
    case 'gaussian':
      return (uniform) => deviation * computeNormalQuantile(toProbability(uniform));
    case 'truncated-gaussian': {
      const scale = deviation / CUT_DEVIATION;
      return (uniform) =>
        scale * computeNormalQuantile(BELOW_CUT + toProbability(uniform) * (1 - 2 * BELOW_CUT));
    }
    case 'sparse': {
      const scale = (deviation / UNIFORM_DEVIATION) * SPARSE_DENSITY ** -1.5;
      return (uniform) => (Math.abs(uniform) < SPARSE_DENSITY ? uniform * scale : 0);
    }
  }
}

/**
 * The normal distribution's quantile, right to about 7 digits: Wichura 1988, "The percentage points of the normal
 * distribution", algorithm AS 241, PPND7.
 *
 * @param probability  Above 0, below 1.
 */
export function computeNormalQuantile(probability: number): number {
  const q = probability - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return (
      (q * (((59.10937472 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179)) /
      (((67.1875636 * r + 78.757757664) * r + 17.895169469) * r + 1)
    );
  }
  const r = Math.sqrt(-Math.log(q < 0 ? probability : 1 - probability));
  const size = r <= 5 ? computeTail(r - 1.6) : computeFarTail(r - 5);
  return q < 0 ? -size : size;
}

function computeTail(r: number): number {
  return (
    (((0.17023821103 * r + 1.3067284816) * r + 2.75681539) * r + 1.4234372777) /
    ((0.12021132975 * r + 0.7370016425) * r + 1)
  );
}

function computeFarTail(r: number): number {
  return (
    (((0.017337203997 * r + 0.42868294337) * r + 3.081226386) * r + 6.657905115) /
    ((0.012258202635 * r + 0.24197894225) * r + 1)
  );
}
