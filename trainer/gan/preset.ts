/**
 * What a training run is told: every setting in one record, and the named sets of them. To add a preset: an entry of PRESETS.
 */
import type { GeneratorConfig } from '../../shared/model/generator.ts';
import type { PixelRange } from '../../shared/picture/pixels.ts';
import {
  DIGITS_SIZES,
  GENERATOR_SIZES,
  planDigitsGenerator,
  type GeneratorSize,
} from './digits-network.ts';
import type { DiscriminatorConfig } from './discriminator.ts';
import type { PriorConfig } from './prior.ts';

/** Settings of Adam (Kingma and Ba 2015, algorithm 1). */
export interface AdamConfig {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** What the two networks play for. */
export type ObjectiveConfig =
  /** Goodfellow et al. 2014, with the generator's non-saturating loss. */
  | {
      readonly type: 'non-saturating';
      /** Weighs exact R1, half of the mean squared gradient at real images (Mescheder et al. 2018); absent: none. */
      readonly r1Gamma?: number;
      /** What the discriminator shall say of real images, 0.5 to 1 (one-sided label smoothing, Salimans et al. 2016); absent: 1. */
      readonly realTarget?: number;
    }
  /**
   * Relativistic pairing with exact R1 and R2 (Huang et al. 2024, R3GAN). `gamma` weighs the penalties at the first step,
   * `finalGamma` at the last, along half a cosine; absent: it falls as the learning rates do.
   */
  | { readonly type: 'relativistic'; readonly gamma: number; readonly finalGamma?: number };

/**
 * All that decides a run's weights, together with the data and the seed. A checkpoint belongs to a hash of this record, so a
 * setting that is added later is optional, and absent where it is not used.
 */
export interface TrainingConfig {
  readonly preset: string;
  /** Updates of each network. */
  readonly steps: number;
  readonly batchSize: number;
  /** Any text; all of a run's randomness comes from it. */
  readonly seed: string;
  readonly generator: GeneratorConfig;
  readonly discriminator: DiscriminatorConfig;
  readonly objective: ObjectiveConfig;
  /** What latents are drawn from; absent: uniform in [-1, 1), as the API draws them. */
  readonly prior?: PriorConfig;
  /** How the weights start; absent: see `drawInitialArrays`. */
  readonly initialisation?: InitialisationName;
  readonly pixelRange: PixelRange;
  readonly generatorAdam: AdamConfig;
  readonly discriminatorAdam: AdamConfig;
  /** What learning rates (and gamma, unless it has its own end) have become at the last step, in parts of their start; 1: constant. */
  readonly finalFactor: number;
  /** Images seen in which the averaged generator forgets half of what it was; 0: no average, the generator itself ships. */
  readonly emaHalfLifeImages: number;
  /** Batches are moved by up to this many pixels each way, real and generated ones alike; 0: not at all. */
  readonly translatePixels: number;
  /** Steps between sample grids. */
  readonly imageEvery: number;
  /** Steps between checkpoints. */
  readonly checkpointEvery: number;
}

/** Starting weights other than the tutorial's: Glorot and Bengio 2010, equation 16. */
export type InitialisationName = 'glorot-uniform';

export type PresetName = keyof typeof PRESETS;

export const DEFAULT_GENERATOR_SIZE: GeneratorSize = 'large';

/** The presets, without the seed, for MNIST's images. */
export const PRESETS = {
  /** Conditional on the label, sharp, varied, and small enough for the edge. */
  digits: {
    preset: 'digits',
    steps: 16_000,
    batchSize: 128,
    generator: planDigitsGenerator(28, 1, 10, DEFAULT_GENERATOR_SIZE), // as for MNIST: see `fitPreset`
    discriminator: {
      type: 'convolutional',
      filters: [32, 64, 128],
      kernelSizes: [4, 4, 3],
      units: 128,
    },
    objective: { type: 'relativistic', gamma: 0.5, finalGamma: 0.25 }, // held up: it keeps samples varied
    pixelRange: [-1, 1],
    generatorAdam: { learningRate: 1.5e-3, beta1: 0, beta2: 0.99, epsilon: 1e-8 },
    discriminatorAdam: { learningRate: 1.5e-3, beta1: 0, beta2: 0.99, epsilon: 1e-8 },
    finalFactor: 0.1,
    emaHalfLifeImages: 50_000,
    translatePixels: 0, // it costs variety, and 60,000 images need no help: models/digits/README.md
    imageEvery: 1000,
    checkpointEvery: 500,
  },
  /** The tutorial's GAN, as it is: MLPs, the non-saturating loss, 20,001 steps. */
  seed: {
    preset: 'seed',
    steps: 20_001, // 0 to 20,000
    batchSize: 256,
    generator: {
      latentSize: 128,
      classes: 0,
      layers: [
        { type: 'dense', units: 256, activation: 'relu' },
        { type: 'dense', units: 784, activation: 'sigmoid' },
        { type: 'reshape', shape: [28, 28, 1] },
      ],
    },
    discriminator: { type: 'dense', units: [128] },
    objective: { type: 'non-saturating' },
    pixelRange: [0, 1],
    // Two rates: a discriminator that learns five times as fast. Betas and epsilon are TensorFlow.js's defaults.
    generatorAdam: { learningRate: 1e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
    discriminatorAdam: { learningRate: 5e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
    finalFactor: 1,
    emaHalfLifeImages: 0,
    translatePixels: 0,
    imageEvery: 2000,
    checkpointEvery: 1000,
  },
} as const satisfies Record<string, Omit<TrainingConfig, 'seed'>>;

export const DEFAULT_PRESET: PresetName = 'digits';

/** Sides in pixels of the square images that each preset can be fitted to. */
export const PRESET_SIZES: Readonly<Record<PresetName, readonly number[]>> = {
  digits: DIGITS_SIZES,
  seed: [28],
};

/** Sizes of the generator that each preset has; none to choose from: []. */
export const PRESET_GENERATOR_SIZES: Readonly<Record<PresetName, readonly GeneratorSize[]>> = {
  digits: Object.keys(GENERATOR_SIZES) as GeneratorSize[],
  seed: [],
};

/** What a preset's networks are fitted to. */
export interface ImageSet {
  /** Side of the square images, one of the preset's PRESET_SIZES. */
  readonly width: number;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number;
  readonly classes: readonly string[];
}

/**
 * Fits a preset's networks to data. `digits` takes the data's size, channels and classes (a single class counts as none:
 * there is nothing to tell apart); the tutorial's GAN stays as it is, whatever the data.
 *
 * @param size  How large the generator is; only where PRESET_GENERATOR_SIZES has sizes.
 */
export function fitPreset(
  name: PresetName,
  { width, channels, classes }: ImageSet,
  size: GeneratorSize = DEFAULT_GENERATOR_SIZE,
): Omit<TrainingConfig, 'seed'> {
  switch (name) {
    case 'digits': {
      const told = classes.length > 1 ? classes.length : 0;
      return { ...PRESETS.digits, generator: planDigitsGenerator(width, channels, told, size) };
    }
    case 'seed':
      return PRESETS.seed;
  }
}

/** Streams of the training seed's randomness: never reuse a number. */
export const PURPOSES = {
  shuffle: 1,
  discriminatorLatent: 2,
  generatorLatent: 3,
  generatorWeights: 4,
  discriminatorWeights: 5,
  translation: 6,
  encoderWeights: 7,
  encoderNoise: 8,
} as const;

/** True for the steps whose losses are logged: every 100 up to 1,000, then every 1,000; and the last. */
export function isLogStep(step: number, steps: number): boolean {
  return step % (step <= 1000 ? 100 : 1000) === 0 || step === steps - 1;
}

/**
 * True for the steps whose figures are kept for curves: every 10 up to 100, where most happens, then every 100; and all that
 * are logged.
 */
export function isMetricsStep(step: number, steps: number): boolean {
  return step % (step <= 100 ? 10 : 100) === 0 || isLogStep(step, steps);
}

/** True for the steps after which a sample grid is drawn, and the last. */
export function isImageStep(step: number, { imageEvery, steps }: TrainingConfig): boolean {
  return step % imageEvery === 0 || step === steps - 1;
}

/** What learning rates are multiplied with at a step: 1 at the first, `finalFactor` at the last, half a cosine between. */
export function computeFactor(
  step: number,
  { steps, finalFactor }: Pick<TrainingConfig, 'steps' | 'finalFactor'>,
): number {
  const done = steps > 1 ? step / (steps - 1) : 0;
  return finalFactor + ((1 - finalFactor) * (1 + Math.cos(Math.PI * done))) / 2;
}

/** The same for the weight of the gradient penalties. */
export function computeGammaFactor(
  step: number,
  config: Pick<TrainingConfig, 'steps' | 'finalFactor' | 'objective'>,
): number {
  const { steps, finalFactor, objective } = config;
  return objective.type === 'relativistic' && objective.finalGamma !== undefined
    ? computeFactor(step, { steps, finalFactor: objective.finalGamma / objective.gamma })
    : computeFactor(step, { steps, finalFactor });
}
