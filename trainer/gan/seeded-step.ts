/**
 * One training step as a function of seed, data and the step's number: what is drawn, and in which order the networks are
 * updated. No I/O.
 */
import * as tf from '@tensorflow/tfjs';
import { planGenerator } from '../../shared/model/generator.ts';
import { decodePixels } from '../../shared/picture/pixels.ts';
import { fillUniform, type RandomKey } from '../../shared/model/random.ts';
import type { Checkpoint } from '../run/checkpoint.ts';
import { gatherImages, type Dataset } from '../data/dataset.ts';
import { planDiscriminator } from './discriminator.ts';
import { buildInput } from './generator-network.ts';
import {
  createState,
  disposeState,
  drawInitialArrays,
  updateAverage,
  type Amount,
  type AverageAmounts,
} from './network-state.ts';
import { computeFactor, computeGammaFactor, PURPOSES, type TrainingConfig } from './preset.ts';
import { applyPrior } from './prior.ts';
import { drawWords } from './random-words.ts';
import {
  computeUpdateAmounts,
  stepDiscriminator,
  stepGenerator,
  type Batch,
  type Gan,
  type Probe,
  type UpdateAmounts,
} from './steps.ts';

/** The average's half-life at most, in parts of the images seen so far. */
const EMA_RAMP = 0.1;

/** What all steps of a run share. */
export interface StepSource {
  readonly config: TrainingConfig;
  readonly dataset: Dataset;
  /** Of the run's seed, in the domain "train". */
  readonly key: RandomKey;
}

/**
 * Puts both networks on the backend, with starting weights or a checkpoint's. The caller disposes it: see {@link disposeGan}.
 */
export function createGan(
  { config, dataset, key }: StepSource,
  checkpoint: Checkpoint | null,
): Gan {
  const plan = planGenerator(config.generator);
  const judge = planDiscriminator(
    config.discriminator,
    [dataset.height, dataset.width, dataset.channels],
    config.generator.classes,
  );
  const { initialisation } = config;
  const generator =
    checkpoint?.generator ??
    drawInitialArrays(plan.weights, key, PURPOSES.generatorWeights, initialisation);
  const discriminator =
    checkpoint?.discriminator ??
    drawInitialArrays(judge.weights, key, PURPOSES.discriminatorWeights, initialisation);
  const average =
    config.emaHalfLifeImages === 0 ? null : (checkpoint?.average ?? generator.weights);
  return {
    plan,
    judge,
    objective: config.objective,
    generator: createState(plan.weights, generator),
    discriminator: createState(judge.weights, discriminator),
    average: average && tf.tidy(() => tf.variable(tf.tensor1d(average), false)),
  };
}

export function disposeGan({ generator, discriminator, average }: Gan): void {
  disposeState(generator);
  disposeState(discriminator);
  average?.dispose();
}

/** The losses of one step, before its updates. Owned by the caller. */
export interface StepLosses {
  readonly discriminator: tf.Scalar;
  readonly generator: tf.Scalar;
}

/** All that differs from one step to the next but the real images. */
export interface StepDraws<T extends Amount = number> {
  /** The real images' labels, one-hot, [batch, classes]; null without classes. */
  readonly labels: tf.Tensor2D | null;
  /** What the generator draws from for either update, [batch, inputSize]. */
  readonly discriminatorInput: tf.Tensor2D;
  readonly generatorInput: tf.Tensor2D;
  readonly amounts: StepAmounts<T>;
}

/** How far a step goes, by the network that moves. */
export interface StepAmounts<T extends Amount = number> {
  readonly discriminator: UpdateAmounts<T>;
  readonly generator: UpdateAmounts<T>;
  readonly average: AverageAmounts<T>;
}

/**
 * Updates the discriminator, then the generator, then the average.
 *
 * @param indices  Places in the data set of the step's real images: the batch.
 * @param step     From 0.
 * @param probe    Sees the step's figures; without it none is computed.
 */
export function trainStep(
  gan: Gan,
  source: StepSource,
  indices: Uint32Array,
  step: number,
  probe?: Probe,
): StepLosses {
  const real = decodeImages(source, indices);
  const draws = drawStep(gan, source, indices, step);
  try {
    return applyStep(gan, source.config, real, draws, {
      augment: createTranslation(source.config, drawShift(source, step)),
      probe,
    });
  } finally {
    real.dispose();
    disposeDraws(draws);
  }
}

/** The real images of a batch, [batch, height, width, channels]. The caller disposes them. */
export function decodeImages({ config, dataset }: StepSource, indices: Uint32Array): tf.Tensor4D {
  const { height, width, channels } = dataset;
  return tf.tensor4d(decodePixels(gatherImages(dataset, indices), config.pixelRange), [
    indices.length,
    height,
    width,
    channels,
  ]);
}

/** Draws what a step works on. The caller disposes it: see {@link disposeDraws}. */
export function drawStep(
  gan: Gan,
  { config, dataset, key }: StepSource,
  indices: Uint32Array,
  step: number,
): StepDraws {
  const { objective, generatorAdam, discriminatorAdam } = config;
  const labels =
    config.generator.classes === 0
      ? null
      : Uint8Array.from(indices, (index) => dataset.labels[index] as number);
  const schedule = {
    update: step + 1,
    factor: computeFactor(step, config),
    gammaFactor: computeGammaFactor(step, config),
  };
  const kept = computeDecay(config, step);
  return {
    labels:
      labels &&
      tf.tidy(
        () =>
          tf
            .oneHot(tf.tensor1d(labels, 'int32'), config.generator.classes)
            .toFloat() as tf.Tensor2D,
      ),
    discriminatorInput: drawInput(gan, labels, config, {
      key,
      purpose: PURPOSES.discriminatorLatent,
      step,
    }),
    generatorInput: drawInput(gan, labels, config, {
      key,
      purpose: PURPOSES.generatorLatent,
      step,
    }),
    amounts: {
      discriminator: computeUpdateAmounts(objective, discriminatorAdam, schedule),
      generator: computeUpdateAmounts(objective, generatorAdam, schedule),
      average: { kept, taken: 1 - kept },
    },
  };
}

export function disposeDraws({
  labels,
  discriminatorInput,
  generatorInput,
}: StepDraws<Amount>): void {
  tf.dispose([discriminatorInput, generatorInput, ...(labels === null ? [] : [labels])]);
}

/** What a step is not told by its draws. */
interface StepManner {
  readonly augment: Batch['augment'];
  readonly probe?: Probe | undefined;
}

/**
 * Does a step with what was drawn for it.
 *
 * @param real  Real images, [batch, height, width, channels].
 */
export function applyStep(
  gan: Gan,
  { generatorAdam, discriminatorAdam }: TrainingConfig,
  real: tf.Tensor4D,
  { labels, discriminatorInput, generatorInput, amounts }: StepDraws<Amount>,
  { augment, probe }: StepManner,
): StepLosses {
  const batch = { real, labels, augment };
  const losses = {
    discriminator: stepDiscriminator(
      gan,
      { ...batch, input: discriminatorInput },
      { adam: discriminatorAdam, amounts: amounts.discriminator, probe },
    ),
    generator: stepGenerator(
      gan,
      { ...batch, input: generatorInput },
      { adam: generatorAdam, amounts: amounts.generator, probe },
    ),
  };
  if (gan.average !== null) {
    updateAverage(gan.average, gan.generator.weights, amounts.average);
  }
  return losses;
}

/**
 * How much of the average a step keeps. Its half-life grows with the run, to `EMA_RAMP` of the images seen at most, so
 * that the first grids do not show the starting weights.
 */
function computeDecay({ batchSize, emaHalfLifeImages }: TrainingConfig, step: number): number {
  return 0.5 ** (batchSize / Math.min(emaHalfLifeImages, EMA_RAMP * (step + 1) * batchSize));
}

/** Where in a batch with an edge of `translatePixels` around it the moved one begins, 0 to twice as many. */
export interface Shift {
  readonly down: number;
  readonly right: number;
}

/** Draws one shift for the whole batch. @returns  Null where batches are not moved. */
export function drawShift({ config, key }: StepSource, step: number): Shift | null {
  const reach = config.translatePixels;
  if (reach === 0) {
    return null;
  }
  const words = drawWords(key, PURPOSES.translation, step, 2);
  const [down, right] = [...words].map((word) =>
    Math.floor((word * (2 * reach + 1)) / 2 ** 32),
  ) as [number, number]; // 0..2 * reach
  return { down, right };
}

/** What moves out is lost, what comes in is paper or black: the range's lower end. */
export function createTranslation(
  { translatePixels: reach, pixelRange }: TrainingConfig,
  shift: Shift | null,
): Batch['augment'] {
  if (shift === null) {
    return (images) => images;
  }
  return (images) => {
    const [batch, height, width, channels] = images.shape;
    const around: [number, number] = [reach, reach];
    const padded = tf.pad4d(images, [[0, 0], around, around, [0, 0]], pixelRange[0]);
    return tf.slice4d(padded, [0, shift.down, shift.right, 0], [batch, height, width, channels]);
  };
}

function drawInput(
  { plan }: Gan,
  labels: Uint8Array | null,
  { batchSize, prior }: TrainingConfig,
  { key, purpose, step }: { key: RandomKey; purpose: number; step: number },
): tf.Tensor2D {
  const latents = new Float32Array(batchSize * plan.config.latentSize);
  fillUniform(drawWords(key, purpose, step, latents.length), latents);
  return buildInput(plan, applyPrior(prior, latents), labels);
}
