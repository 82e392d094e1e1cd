/**
 * The tutorial's GAN, changes of it (arms), and the questions that they answer. To add an arm: an
 * entry of ARMS, and its name in a question's `arms`.
 */
import { UNIFORM_DEVIATION } from '../gan/noise.ts';
import { PRESETS, type TrainingConfig } from '../gan/preset.ts';
import type { VaeConfig } from './vae.ts';

/** A way to train. All other settings are those of preset `seed`. */
export interface Arm {
  /** For tables, curves and sentences. */
  readonly title: string;
  /** The exact difference from the tutorial. */
  readonly change: string;
  readonly config: Partial<TrainingConfig>;
  /** Trains the generator as a VAE's decoder first. Its steps count as steps of the run. */
  readonly vae?: VaeConfig;
}

const { generator, discriminatorAdam, generatorAdam } = PRESETS.seed;
const [, output, picture] = generator.layers;

/** The tutorial's generator with other hidden layers. */
function widen(...units: readonly number[]): Partial<TrainingConfig> {
  const hidden = units.map((count) => ({ ...generator.layers[0], units: count }));
  return { generator: { ...generator, layers: [...hidden, output, picture] } };
}

export const ARMS = {
  tutorial: { title: "the tutorial's", change: 'nothing: preset `seed`', config: {} },
  'deep-wide': {
    title: '3 layers, wider',
    change: 'generator 128-256-512-784: 566,800 weights instead of 234,512',
    config: widen(256, 512),
  },
  'deep-equal': {
    title: '3 layers, as many weights',
    change: 'generator 128-192-214-784: 234,630 weights instead of 234,512',
    config: widen(192, 214),
  },
  gaussian: {
    title: 'Gaussian',
    change: 'latents normal, as wide as the uniform ones (standard deviation 0.577)',
    config: { prior: { shape: 'gaussian', deviation: UNIFORM_DEVIATION } },
  },
  truncated: {
    title: 'truncated Gaussian',
    change: 'latents normal, cut at two standard deviations, as wide as the uniform ones',
    config: { prior: { shape: 'truncated-gaussian', deviation: UNIFORM_DEVIATION } },
  },
  sparse: {
    title: 'sparse',
    change:
      'nine in ten latent numbers 0, the others uniform, so large that their standard deviation is the same',
    config: { prior: { shape: 'sparse', deviation: UNIFORM_DEVIATION } },
  },
  'vae-init': {
    title: "starts as a VAE's decoder",
    change: 'the first 400 steps train the generator as the decoder of a VAE',
    config: {},
    vae: {
      steps: 400,
      encoderUnits: 256,
      latentDeviation: UNIFORM_DEVIATION,
      adam: { ...generatorAdam, learningRate: 1e-3 },
    },
  },
  'slow-d': {
    title: 'equal rates',
    change: "D's learning rate 1e-4, which is G's, instead of 5e-4",
    config: { discriminatorAdam: { ...discriminatorAdam, learningRate: 1e-4 } },
  },
  'beta1-half': {
    title: 'beta1 0.5',
    change: 'beta1 of both networks 0.5 instead of 0.9',
    config: {
      generatorAdam: { ...generatorAdam, beta1: 0.5 },
      discriminatorAdam: { ...discriminatorAdam, beta1: 0.5 },
    },
  },
  glorot: {
    title: 'Glorot uniform',
    change: 'both networks start with Glorot’s uniform weights',
    config: { initialisation: 'glorot-uniform' },
  },
  r1: {
    title: 'R1 penalty',
    change: 'D’s loss has exact R1, gamma 1',
    config: { objective: { type: 'non-saturating', r1Gamma: 1 } },
  },
  smoothing: {
    title: 'label smoothing',
    change: 'D’s target for real images 0.9 instead of 1',
    config: { objective: { type: 'non-saturating', realTarget: 0.9 } },
  },
} as const satisfies Readonly<Record<string, Arm>>;

export type ArmName = keyof typeof ARMS;

/** The arm that all others are compared with. */
export const BASELINE: ArmName = 'tutorial';

/** The questions, each with the arms that answer it besides the baseline. */
export const QUESTIONS = {
  depth: { title: 'Is a deeper generator better?', arms: ['deep-wide', 'deep-equal'] },
  prior: { title: 'Which prior learns faster?', arms: ['gaussian', 'truncated', 'sparse'] },
  'vae-init': {
    title: "Does a generator that starts as a VAE's decoder train faster?",
    arms: ['vae-init'],
  },
  collapse: {
    title: 'Why does it have favourites, and what is the smallest cure?',
    arms: ['slow-d', 'beta1-half', 'glorot', 'r1', 'smoothing'],
  },
} as const satisfies Readonly<Record<string, { title: string; arms: readonly ArmName[] }>>;

export type QuestionName = keyof typeof QUESTIONS;

/** The arms of some questions, each once, the baseline first. */
export function listArms(questions: readonly QuestionName[]): ArmName[] {
  return [...new Set<ArmName>([BASELINE, ...questions.flatMap((name) => QUESTIONS[name].arms)])];
}

/** Runs of one seed see the same words and batches. @param steps  Those of a VAE included. */
export function buildArmConfig(arm: Arm, seed: string, steps: number): TrainingConfig {
  return { ...PRESETS.seed, seed, steps, ...arm.config };
}
