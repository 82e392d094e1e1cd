/**
 * The settings of a training run, and named sets of them. To add one: `PRESETS`, `PRESET_SIZES` and
 * `fitPreset`.
 */
import type { GeneratorConfig } from '../../shared/model/generator.ts';
import type { PixelRange } from '../../shared/picture/pixels.ts';
import type { Dataset } from '../data/dataset.ts';
import type { DiscriminatorConfig } from './networks.ts';
import type { PriorConfig } from './noise.ts';

type AdamSetting = 'learningRate' | 'beta1' | 'beta2' | 'epsilon';
export type AdamConfig = Readonly<Record<AdamSetting, number>>;

export type ObjectiveConfig =
  /** Goodfellow et al. 2014, with the generator's non-saturating loss. */
  | {
      readonly type: 'non-saturating';
      /** Weight of exact R1 (Mescheder et al. 2018), half the mean squared gradient. */
      readonly r1Gamma?: number;
      /** Target for real images, 0.5 to 1 (label smoothing, Salimans et al. 2016); absent: 1. */
      readonly realTarget?: number;
    }
  /**
   * Relativistic pairing with exact R1 and R2 (Huang et al. 2024, R3GAN). The penalties' weight
   * goes from `gamma` to `finalGamma` along half a cosine; without `finalGamma` it falls as the
   * learning rates do.
   */
  | { readonly type: 'relativistic'; readonly gamma: number; readonly finalGamma?: number };

/** How the generator matches the real images of each class: see `matching.ts`. */
export interface MatchingConfig {
  /** Weight of the distance's gradient. */
  readonly weight: number;
  /** Weight of the classifier's doubt about the class of generated images. */
  readonly labelWeight: number;
  /** Deviations of the Gaussian kernels, in median distances of an image to its nearest one. */
  readonly bandwidths: readonly number[];
  /** The number for each kernel. */
  readonly cosines: number;
}

/**
 * All settings that, with the data, decide a run's weights. A checkpoint carries their hash, so a
 * setting that is added later is optional, and absent where it is not used.
 */
export interface TrainingConfig {
  readonly preset: string;
  /** Updates of each network. */
  readonly steps: number;
  readonly batchSize: number;
  /** Any text: the source of all randomness of the run. */
  readonly seed: string;
  readonly generator: GeneratorConfig;
  readonly discriminator: DiscriminatorConfig;
  readonly objective: ObjectiveConfig;
  /** The latents' distribution; absent: uniform in [-1, 1), as the API draws them. */
  readonly prior?: PriorConfig;
  /** Glorot and Bengio 2010, equation 16; absent: see `drawInitialArrays`. */
  readonly initialisation?: 'glorot-uniform';
  readonly pixelRange: PixelRange;
  /** The discriminator sees generated pixels clamped to the range, as they are served. */
  readonly clampsPixels?: true;
  readonly generatorAdam: AdamConfig;
  readonly discriminatorAdam: AdamConfig;
  /** The learning rates' factor at the last step, and gamma's without `finalGamma`; 1: constant. */
  readonly finalFactor: number;
  /** Half-life of the generator's moving average, in images seen; 0: no average. */
  readonly emaHalfLifeImages: number;
  /** Pixels that batches were once moved by. Hashes of runs have it, so it stays. */
  readonly translatePixels: 0;
  /** The chance of each change of `augmentation.ts` for an image; absent: none. */
  readonly augment?: number;
  /** See `matching.ts`; absent: none. */
  readonly matching?: MatchingConfig;
  /** Steps between sample grids, and between checkpoints. */
  readonly imageEvery: number;
  readonly checkpointEvery: number;
}

/** Width of the `digits` generator. All sizes have the same layers. */
export type GeneratorSize = keyof typeof GENERATOR_SIZES;

/**
 * Channels of the starting grid, after the first convolution and after the second. Beside each: the
 * multiply-accumulates for 28 x 28 grey pixels in 10 classes. The edge's budget is 2 million, so
 * `huge` is for servers of your own.
 */
export const GENERATOR_SIZES = {
  micro: [6, 16, 4], // 0.12 M
  tiny: [12, 16, 8], // 0.24 M
  small: [20, 32, 8], // 0.52 M
  medium: [22, 48, 16], // 1.00 M
  large: [40, 64, 20], // 1.98 M
  huge: [48, 96, 32], // 3.79 M
} as const satisfies Record<string, readonly [grid: number, first: number, second: number]>;

export const DEFAULT_GENERATOR_SIZE: GeneratorSize = 'large';

/** A larger side takes a third doubling, so that its starting grid stays small. */
const LARGEST_OF_TWO_DOUBLINGS = 64;

/** Plans the generator of preset `digits`: its square image decides the starting grid. */
function planDigitsGenerator(
  side: number,
  channels: number,
  classes: number,
  size: GeneratorSize,
): GeneratorConfig {
  const block = 2; // each `depthToSpace` doubles the grid
  const isLarge = side > LARGEST_OF_TWO_DOUBLINGS;
  const grid = side / block ** (isLarge ? 3 : 2);
  const [gridChannels, first, widest] = GENERATOR_SIZES[size];
  // The engine takes 65,536 numbers a layer: 16 channels of 64 x 64.
  const second = isLarge ? Math.min(widest, 16) : widest;
  const third: GeneratorConfig['layers'] = [
    { type: 'conv2d', filters: first / 2, kernelSize: 3, activation: 'leakyRelu' },
    { type: 'depthToSpace', blockSize: block },
  ];
  return {
    latentSize: 64,
    classes,
    layers: [
      { type: 'dense', units: grid * grid * gridChannels, activation: 'leakyRelu' },
      { type: 'reshape', shape: [grid, grid, gridChannels] },
      { type: 'conv2d', filters: first, kernelSize: 3, activation: 'leakyRelu' },
      { type: 'depthToSpace', blockSize: block },
      ...(isLarge ? third : []),
      { type: 'conv2d', filters: second, kernelSize: 3, activation: 'leakyRelu' },
      { type: 'conv2d', filters: block * block * channels, kernelSize: 3, activation: 'tanh' },
      { type: 'depthToSpace', blockSize: block },
    ],
  };
}

export type PresetName = keyof typeof PRESETS;

/** The presets for MNIST's images, without the seed. */
export const PRESETS = {
  /** Conditional on the label, sharp, varied, and small enough for the edge. */
  digits: {
    preset: 'digits',
    steps: 16_000,
    batchSize: 128,
    generator: planDigitsGenerator(28, 1, 10, DEFAULT_GENERATOR_SIZE), // for MNIST: see `fitPreset`
    discriminator: {
      type: 'convolutional',
      filters: [32, 64, 128],
      kernelSizes: [4, 4, 3],
      units: 128,
    },
    objective: { type: 'relativistic', gamma: 0.5, finalGamma: 0.25 }, // a high end keeps variety
    // tanh ends beyond paper and full ink, so both are exact. Between -1 and 1 it never gets there.
    pixelRange: [-0.8, 0.8],
    clampsPixels: true,
    generatorAdam: { learningRate: 1.5e-3, beta1: 0, beta2: 0.99, epsilon: 1e-8 },
    discriminatorAdam: { learningRate: 1.5e-3, beta1: 0, beta2: 0.99, epsilon: 1e-8 },
    finalFactor: 0.1,
    emaHalfLifeImages: 50_000,
    translatePixels: 0,
    imageEvery: 1000,
    checkpointEvery: 500,
  },
  /** The tutorial's GAN, unchanged: MLPs, the non-saturating loss, 20,001 steps. */
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
    // The discriminator learns five times as fast. Betas and epsilon are TensorFlow.js's defaults.
    generatorAdam: { learningRate: 1e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
    discriminatorAdam: { learningRate: 5e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
    finalFactor: 1,
    emaHalfLifeImages: 0,
    translatePixels: 0,
    imageEvery: 2000,
    checkpointEvery: 1000,
  },
} as const satisfies Record<string, Omit<TrainingConfig, 'seed'>>;

/** The settings of a run with `--match`, without the weight. */
export const USUAL_MATCHING = {
  labelWeight: 0.015,
  bandwidths: [0.8, 1.25, 2],
  cosines: 1024,
} as const satisfies Omit<MatchingConfig, 'weight'>;

/** The usual `augment` of sets with few pictures: docs/own-data.md has its measurements. */
export const USUAL_AUGMENTATION = 0.5;

export const DEFAULT_PRESET: PresetName = 'digits';

/** Sides in pixels of the square images that each preset fits. */
export const PRESET_SIZES: Readonly<Record<PresetName, readonly number[]>> = {
  digits: [...listMultiples(4, 8, LARGEST_OF_TWO_DOUBLINGS), ...listMultiples(8, 72, 128)],
  seed: [28],
};

function listMultiples(factor: number, from: number, to: number): number[] {
  return Array.from({ length: (to - from) / factor + 1 }, (_, i) => from + i * factor);
}

/**
 * Fits a preset's networks to data. `digits` takes the size, channels and classes of the data; a
 * single class counts as none, because there is nothing to choose. `seed` never changes.
 */
export function fitPreset(
  name: PresetName,
  { width, channels, classes }: Pick<Dataset, 'width' | 'channels' | 'classes'>,
  size: GeneratorSize = DEFAULT_GENERATOR_SIZE,
): Omit<TrainingConfig, 'seed'> {
  if (name === 'seed') {
    return PRESETS.seed;
  }
  const count = classes.length > 1 ? classes.length : 0;
  const { discriminator, ...rest } = PRESETS.digits;
  return {
    ...rest,
    generator: planDigitsGenerator(width, channels, count, size),
    // A fourth convolution keeps the dense layer from growing with the picture.
    discriminator:
      width > LARGEST_OF_TWO_DOUBLINGS
        ? { ...discriminator, filters: [32, 64, 128, 128], kernelSizes: [4, 4, 3, 3] }
        : discriminator,
  };
}

/** Streams of the training seed's randomness: never reuse a number; 6 was one. */
export const PURPOSES = {
  shuffle: 1,
  discriminatorLatent: 2,
  generatorLatent: 3,
  generatorWeights: 4,
  discriminatorWeights: 5,
  encoderWeights: 7,
  encoderNoise: 8,
  augmentation: 9,
  matchingFrequencies: 10,
  matchingPhases: 11,
  matchingLatents: 12,
} as const;
