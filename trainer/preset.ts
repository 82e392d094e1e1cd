/**
 * What a training run is told: every setting in one record, and the named sets of them. To add a preset: an entry of PRESETS.
 */
import type { GeneratorConfig } from '../shared/generator.ts';
import type { PixelRange } from '../shared/pixels.ts';

/** Settings of Adam (Kingma and Ba 2015, algorithm 1). */
export interface AdamConfig {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** All that decides a run's weights, together with the data and the seed. */
export interface TrainingConfig {
  readonly preset: string;
  /** Updates of each network. */
  readonly steps: number;
  readonly batchSize: number;
  /** Any text; all of a run's randomness comes from it. */
  readonly seed: string;
  readonly generator: GeneratorConfig;
  /** Units of the discriminator's hidden dense layers, relu after each; one logit follows. */
  readonly discriminatorUnits: readonly number[];
  readonly pixelRange: PixelRange;
  readonly generatorAdam: AdamConfig;
  readonly discriminatorAdam: AdamConfig;
  /** Steps between sample grids. */
  readonly imageEvery: number;
  /** Steps between checkpoints. */
  readonly checkpointEvery: number;
}

export type PresetName = keyof typeof PRESETS;

/** The presets, without the seed. */
export const PRESETS = {
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
    discriminatorUnits: [128],
    pixelRange: [0, 1],
    // Two rates: a discriminator that learns five times as fast. Betas and epsilon are TensorFlow.js's defaults.
    generatorAdam: { learningRate: 1e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
    discriminatorAdam: { learningRate: 5e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
    imageEvery: 2000,
    checkpointEvery: 1000,
  },
} as const satisfies Record<string, Omit<TrainingConfig, 'seed'>>;

export const DEFAULT_PRESET: PresetName = 'seed';

/** Streams of the training seed's randomness: never reuse a number. */
export const PURPOSES = { shuffle: 1, discriminatorLatent: 2, generatorLatent: 3, generatorWeights: 4, discriminatorWeights: 5 } as const;

/** True for the steps whose losses are logged: every 100 up to 1,000, then every 1,000; and the last. */
export function isLogStep(step: number, steps: number): boolean {
  return step % (step <= 1000 ? 100 : 1000) === 0 || step === steps - 1;
}

/** True for the steps after which a sample grid is drawn, and the last. */
export function isImageStep(step: number, { imageEvery, steps }: TrainingConfig): boolean {
  return step % imageEvery === 0 || step === steps - 1;
}
