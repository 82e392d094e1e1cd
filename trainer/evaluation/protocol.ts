/**
 * How quality is measured: every number that a figure depends on besides the samples and the seed. Figures of different
 * protocols must not be compared.
 */

/** The settings of an evaluation. */
export interface Protocol {
  /** Rises whenever a figure comes to be computed in another way. */
  readonly version: number;
  /** Subsets of the kernel distance, and points in each; features are scaled to a mean square of 1 over the test digits. */
  readonly kernelSubsets: number;
  readonly kernelSubsetSize: number;
  /** k of precision and recall. */
  readonly precisionNeighbours: number;
  /** k of density and coverage. */
  readonly densityNeighbours: number;
  /** Samples, and as many unseen digits, whose nearest training digit is looked for. */
  readonly memorisationQueries: number;
  /** Fresh networks whose classification accuracy score is averaged; 0 leaves the figure out. */
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

/** Of `--quick`: some seconds instead of minutes, for a look at a model that is still being made. */
export const QUICK_PROTOCOL: Protocol = {
  ...PROTOCOL,
  kernelSubsets: 20,
  memorisationQueries: 500,
  freshNetworks: 0,
};

export const DEFAULT_SAMPLES = 10_000;
export const QUICK_SAMPLES = 2000;
/** Fewer leave little over the number of features for a covariance; more than MNIST's training digits would have no floor. */
export const SAMPLES_LIMITS = { min: 200, max: 60_000 } as const;

/** What samples are held against. */
export const SPLITS = ['test', 'validation'] as const;
export type Split = (typeof SPLITS)[number];

/** Validation digits: as many as MNIST has test digits, so that figures have the same bias. */
export const VALIDATION_DIGITS = 10_000;

/** Streams of the evaluation seed's randomness: never reuse a number. */
export const PURPOSES = {
  floor: 1,
  kernelSamples: 2,
  kernelReal: 3,
  memorisationSamples: 4,
  memorisationUnseen: 5,
  validation: 6,
} as const;
