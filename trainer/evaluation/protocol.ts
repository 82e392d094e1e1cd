/**
 * The protocol of an evaluation: every number that a figure depends on besides the samples and the
 * seed. Never compare figures of different protocols.
 */

/** The settings of an evaluation. */
export interface Protocol {
  /** Rises whenever the computation of a figure changes. */
  readonly version: number;
  /**
   * Subsets of the kernel distance. Features are scaled to a mean square of 1 over the real digits.
   */
  readonly kernelSubsets: number;
  readonly kernelSubsetSize: number;
  /** k of precision and recall. */
  readonly precisionNeighbours: number;
  /** k of density and coverage. */
  readonly densityNeighbours: number;
  /** Samples, and as many unseen digits, whose nearest training digit is searched. */
  readonly memorisationQueries: number;
  /** Fresh networks whose classification accuracy scores are averaged; 0 leaves the figure out. */
  readonly freshNetworks: number;
}

/** The protocol of published figures. */
export const PROTOCOL: Protocol = {
  version: 1,
  kernelSubsets: 100,
  kernelSubsetSize: 1000,
  precisionNeighbours: 3,
  densityNeighbours: 5,
  memorisationQueries: 2000,
  freshNetworks: 3,
};

/** The protocol of `--quick`: seconds instead of minutes, for a look at a model in training. */
export const QUICK_PROTOCOL: Protocol = {
  ...PROTOCOL,
  kernelSubsets: 20,
  memorisationQueries: 500,
  freshNetworks: 0,
};

export const DEFAULT_SAMPLES = 10_000;
export const QUICK_SAMPLES = 2000;
/**
 * A covariance needs more samples than features; the floor has no more than MNIST's training
 * digits.
 */
export const SAMPLES_LIMITS = { min: 200, max: 60_000 } as const;

/** The real digits that samples are compared with. */
export const SPLITS = ['test', 'validation'] as const;
export type Split = (typeof SPLITS)[number];

/** As many as MNIST has test digits, so that figures have the same bias. */
export const VALIDATION_DIGITS = 10_000;

/** Streams of the evaluation's seed. Never reuse a number. */
export const PURPOSES = {
  floor: 1,
  kernelSamples: 2,
  kernelReal: 3,
  memorisationSamples: 4,
  memorisationUnseen: 5,
  validation: 6,
} as const;
