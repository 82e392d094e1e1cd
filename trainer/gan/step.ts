/**
 * One training step as a function of the seed, the data and the step's number: the random numbers
 * it draws, the schedules, and the order of the updates. No I/O.
 */
import * as tf from '@tensorflow/tfjs';
import { planGenerator } from '../../shared/model/generator.ts';
import type { RandomKey } from '../../shared/model/random.ts';
import { decodePixels } from '../../shared/picture/pixels.ts';
import { gatherImages, type Dataset } from '../data/dataset.ts';
import { augmentImages, drawAugmentation, type Augmentation } from './augmentation.ts';
import {
  computeAdamAmounts,
  createState,
  createVariable,
  disposeState,
  drawInitialArrays,
  readState,
  type Amount,
  type NetworkArrays,
} from './network-state.ts';
import {
  createMatching,
  disposeMatching,
  readMatching,
  refreshMatching,
  type MatchingArrays,
} from './matching.ts';
import { buildInput, encodeLabels, planDiscriminator } from './networks.ts';
import { applyPrior, drawUniform } from './noise.ts';
import { PURPOSES, type MatchingConfig, type TrainingConfig } from './preset.ts';
import type { Batch, Gan, Probe, StepAmounts } from './update.ts';
import { generateImages, updateAverage, updateDiscriminator, updateGenerator } from './update.ts';

/** The average's half-life is at most this share of the images seen so far. */
const EMA_RAMP = 0.1;

/** The settings, data and randomness that all steps of a run share. */
export interface StepSource {
  readonly config: TrainingConfig;
  readonly dataset: Dataset;
  /** The key of the run's seed in the domain "train". */
  readonly key: RandomKey;
  /** The weights of the classifier for matching, flat; only a checkpoint has others. */
  readonly classifier?: Float32Array | undefined;
}

/** The content of both networks, for checkpoints. */
export interface GanArrays {
  readonly generator: NetworkArrays;
  readonly discriminator: NetworkArrays;
  /** The averaged generator's weights, [parameters]; null without an average. */
  readonly average: Float32Array | null;
  /** Null without matching. */
  readonly matching: MatchingArrays | null;
}

/** Puts a checkpoint's networks, or starting weights, on the backend: see {@link disposeGan}. */
export function createGan(source: StepSource, arrays: GanArrays | null): Gan {
  const { config, dataset, key } = source;
  const { initialisation, generator: generatorConfig } = config;
  const plan = planGenerator(generatorConfig);
  const image = [dataset.height, dataset.width, dataset.channels] as const;
  const discriminatorPlan = planDiscriminator(config.discriminator, image, generatorConfig.classes);
  const { generatorWeights, discriminatorWeights } = PURPOSES;
  const {
    generator = drawInitialArrays(plan.weights, key, generatorWeights, initialisation),
    discriminator = drawInitialArrays(
      discriminatorPlan.weights,
      key,
      discriminatorWeights,
      initialisation,
    ),
  } = arrays ?? {};
  const average = config.emaHalfLifeImages === 0 ? null : (arrays?.average ?? generator.weights);
  return {
    config,
    plan,
    discriminatorPlan,
    generator: createState(plan.weights, generator),
    discriminator: createState(discriminatorPlan.weights, discriminator),
    average: average && createVariable(average),
    matching: config.matching ? openMatching(source, config.matching, arrays) : null,
  };
}

function openMatching(
  { config: { pixelRange }, dataset, key, classifier }: StepSource,
  config: MatchingConfig,
  arrays: GanArrays | null,
) {
  const { matching = null } = arrays ?? {};
  const weights = matching?.classifier ?? classifier;
  if (weights === undefined) {
    throw new Error('matching needs a classifier');
  }
  const generated = matching?.generated ?? null;
  return createMatching({
    config,
    dataset,
    range: pixelRange,
    key,
    classifier: weights,
    generated,
  });
}

export async function readGan(gan: Gan): Promise<GanArrays> {
  const { generator, discriminator, average, matching } = gan;
  return {
    generator: await readState(generator),
    discriminator: await readState(discriminator),
    average: average && (await average.data<'float32'>()),
    matching: matching && (await readMatching(matching)),
  };
}

export function disposeGan({ generator, discriminator, average, matching }: Gan): void {
  disposeState(generator);
  disposeState(discriminator);
  average?.dispose();
  if (matching !== null) {
    disposeMatching(matching);
  }
}

/** The losses of one step, before its updates. The caller disposes them. */
export type StepLosses = { readonly discriminator: tf.Scalar; readonly generator: tf.Scalar };

/** The random numbers, labels and amounts of one step. */
export interface StepDraws<T extends Amount = Amount> {
  /** The real images' labels, one-hot [batch, classes]; null without classes. */
  readonly labels: tf.Tensor2D | null;
  /** The generator's input for each of the two updates, [batch, inputSize]. */
  readonly discriminatorInput: tf.Tensor2D;
  readonly generatorInput: tf.Tensor2D;
  /** Changes of both networks' images; null without. */
  readonly augmentation: Augmentation | null;
  readonly amounts: StepAmounts<T>;
}

/** Does what comes before a step, once for each and in order. */
export function prepareStep(gan: Gan, { config, key }: StepSource, step: number): void {
  const { matching, plan } = gan;
  if (matching !== null) {
    refreshMatching(matching, step, (classes, call) => {
      const count = classes.length * plan.config.latentSize;
      const latents = drawUniform(key, PURPOSES.matchingLatents, call, count);
      return generateImages(gan, buildInput(plan, applyPrior(config.prior, latents), classes));
    });
  }
}

/**
 * Updates the discriminator, then the generator, then the average.
 * @param indices  The batch: places of real images in the data set.
 * @param step     From 0.
 * @param probe    Receives the step's figures; without it none is computed.
 * @param pickImages  As {@link decodeImages}, which it replaces.
 */
export function trainStep(
  gan: Gan,
  source: StepSource,
  indices: Uint32Array,
  step: number,
  probe?: Probe,
  pickImages: (indices: Uint32Array) => tf.Tensor4D = (places) => decodeImages(source, places),
): StepLosses {
  return tf.tidy(() => {
    const real = pickImages(indices);
    return applyStep(gan, real, drawStep(gan, source, indices, step), probe);
  });
}

/** The real images of a batch, [batch, height, width, channels]. The caller disposes them. */
export function decodeImages({ config, dataset }: StepSource, indices: Uint32Array): tf.Tensor4D {
  const { height, width, channels } = dataset;
  const pixels = decodePixels(gatherImages(dataset, indices), config.pixelRange);
  return tf.tensor4d(pixels, [indices.length, height, width, channels]);
}

/** Draws a step's random numbers and amounts. The caller disposes them. */
export function drawStep(
  { plan }: Gan,
  source: StepSource,
  indices: Uint32Array,
  step: number,
): StepDraws<number> {
  const { config, dataset, key } = source;
  const { latentSize, classes } = plan.config;
  const labels =
    classes === 0 ? null : Uint8Array.from(indices, (index) => dataset.labels[index] as number);
  const drawInput = (purpose: number): tf.Tensor2D => {
    const latents = drawUniform(key, purpose, step, config.batchSize * latentSize);
    return buildInput(plan, applyPrior(config.prior, latents), labels);
  };
  return {
    labels: labels && encodeLabels(labels, classes),
    discriminatorInput: drawInput(PURPOSES.discriminatorLatent),
    generatorInput: drawInput(PURPOSES.generatorLatent),
    augmentation:
      config.augment === undefined ? null : drawAugmentation(source, config.augment, step),
    amounts: computeAmounts(config, step),
  };
}

/** Does a step with given draws. @param real  Real images, [batch, height, width, channels]. */
export function applyStep(
  gan: Gan,
  real: tf.Tensor4D,
  { labels, discriminatorInput, generatorInput, augmentation, amounts }: StepDraws,
  probe?: Probe,
): StepLosses {
  const augment: Batch['augment'] =
    augmentation === null ? (images) => images : (images) => augmentImages(images, augmentation);
  const batch = { real, labels, augment, input: discriminatorInput };
  const discriminator = updateDiscriminator(gan, batch, amounts, probe);
  const generator = updateGenerator(gan, { ...batch, input: generatorInput }, amounts, probe);
  updateAverage(gan, amounts);
  return { discriminator, generator };
}

/** Computes a step's learning rates, penalty weight and averaging from the schedules. */
export function computeAmounts(config: TrainingConfig, step: number): StepAmounts<number> {
  const { objective, batchSize, emaHalfLifeImages } = config;
  const factor = computeFactor(step, config);
  const scale = ({ learningRate, ...betas }: TrainingConfig['generatorAdam']) =>
    computeAdamAmounts({ ...betas, learningRate: learningRate * factor }, step + 1);
  const discriminator = scale(config.discriminatorAdam);
  const generator = scale(config.generatorAdam);
  const gamma = objective.type === 'relativistic' ? objective.gamma : (objective.r1Gamma ?? 0);
  // The half-life grows with the run, so that the first grids do not show the starting weights.
  const halfLife = Math.min(emaHalfLifeImages, EMA_RAMP * (step + 1) * batchSize);
  const averageKept = 0.5 ** (batchSize / halfLife);
  return {
    discriminatorRate: discriminator.rate,
    discriminatorRoot: discriminator.root,
    generatorRate: generator.rate,
    generatorRoot: generator.root,
    penaltyWeight: (gamma * computeGammaFactor(step, config)) / 2,
    matchingShare: computeMatchingShare(step, config),
    averageKept,
    averageTaken: 1 - averageKept,
  };
}

/** The learning rates' factor: 1 at first, `finalFactor` at last, half a cosine between. */
export function computeFactor(
  step: number,
  { steps, finalFactor }: Pick<TrainingConfig, 'steps' | 'finalFactor'>,
): number {
  const done = steps > 1 ? step / (steps - 1) : 0;
  return finalFactor + ((1 - finalFactor) * (1 + Math.cos(Math.PI * done))) / 2;
}

/**
 * The share of matching grows from 0 to 1 as the learning rates fall. While they are high, images
 * change faster than their means are known.
 */
function computeMatchingShare(step: number, config: TrainingConfig): number {
  const { finalFactor } = config;
  return finalFactor === 1 ? 1 : (1 - computeFactor(step, config)) / (1 - finalFactor);
}

/** The factor of the gradient penalties' weight. */
export function computeGammaFactor(
  step: number,
  { steps, finalFactor, objective }: Pick<TrainingConfig, 'steps' | 'finalFactor' | 'objective'>,
): number {
  const hasOwnEnd = objective.type === 'relativistic' && objective.finalGamma !== undefined;
  const end = hasOwnEnd ? objective.finalGamma / objective.gamma : finalFactor;
  return computeFactor(step, { steps, finalFactor: end });
}
