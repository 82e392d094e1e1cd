/**
 * The protocol of an evaluation: every number that a figure depends on besides the samples and the
 * seed. Never compare figures of different protocols.
 */

/** The protocol of published figures. */
export const PROTOCOL = {
  /** Rises whenever a figure is added or its computation changes: kept floors have the hash. */
  version: 2,
  /** Subsets of the kernel distance. Real digits' features are scaled to a mean square of 1. */
  kernelSubsets: 100,
  kernelSubsetSize: 1000,
  /** k of precision and recall. */
  precisionNeighbours: 3,
  /** k of density and coverage. */
  densityNeighbours: 5,
  /** Samples, and as many unseen digits, whose nearest training digit is searched. */
  memorisationQueries: 2000,
  /** Networks whose classification accuracy scores are averaged; 0 omits the figure. */
  freshNetworks: 3,
  /** Networks that are trained for each two-sample test; 0 leaves the tests out. */
  twoSampleNetworks: 3,
};
export type Protocol = Readonly<typeof PROTOCOL>;

/** The protocol of `--quick`: seconds instead of minutes, for a look at a model in training. */
export const QUICK_PROTOCOL: Protocol = {
  ...PROTOCOL,
  kernelSubsets: 20,
  memorisationQueries: 500,
  freshNetworks: 0,
  twoSampleNetworks: 0,
};

export const DEFAULT_SAMPLES = 10_000;
export const QUICK_SAMPLES = 2000;
/** A covariance needs more samples than features; the floor has MNIST's training digits only. */
export const SAMPLES_LIMITS = { min: 200, max: 60_000 } as const;

/** The real digits that samples are compared with. */
export const SPLITS = ['test', 'validation'] as const;
export type Split = (typeof SPLITS)[number];

/** MNIST's number of test digits, so that the figures have the same bias. */
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
