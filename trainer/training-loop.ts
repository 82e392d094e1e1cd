/**
 * The run: draws batches and latents, alternates the two updates, logs, draws grids, saves checkpoints, stops and goes
 * on. What a step does depends on the seed, the data and the step's number alone, so a resumed run has the same weights
 * as one that never stopped, bit for bit, on backends whose arithmetic repeats.
 */
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { buildInput, planGenerator } from '../shared/generator.ts';
import { decodePixels } from '../shared/pixels.ts';
import { deriveKey, drawWords, fillUniform, type RandomKey } from '../shared/random.ts';
import { buildSheet, encodePng } from '../shared/sheet.ts';
import { saveCheckpoint, type Checkpoint } from './checkpoint.ts';
import { createBatcher, gatherImages, type Dataset } from './dataset/dataset.ts';
import { planDiscriminator } from './discriminator.ts';
import { createState, disposeState, drawInitialArrays, readState, updateAverage, type NetworkArrays } from './network-state.ts';
import { computeFactor, isImageStep, isLogStep, PURPOSES, type TrainingConfig } from './preset.ts';
import type { Progress, Reporter } from './reporter.ts';
import { appendMetrics, locate, saveGrid } from './run-folder.ts';
import { computeDiversity, drawGrid, GRID } from './sample-grid.ts';
import { pickShippedWeights, stepDiscriminator, stepGenerator, type Gan } from './steps.ts';
import { ExpectedError } from './expected-error.ts';

/** Samples less different from each other than this, in parts of real images' difference, are one and the same picture. */
const COLLAPSED_DIVERSITY = 0.02;
/** Grids in a row that must be collapsed before a run is given up: the first, from starting weights, often is. */
const COLLAPSED_GRIDS = 2;
/** The average's half-life at most, in parts of the images seen so far. */
const EMA_RAMP = 0.1;
/** Reading the losses waits for the device, so between logged steps they are read for the display only this often. */
const SHOW_EVERY_MS = 250;

/** Training that cannot go on. The last good checkpoint is kept. */
export class TrainingError extends ExpectedError {
  override name = 'TrainingError' as const;
  readonly reason: 'diverged' | 'collapsed';

  constructor(reason: 'diverged' | 'collapsed', message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What a run works on. */
export interface TrainingRun {
  readonly config: TrainingConfig;
  readonly dataset: Dataset;
  /** See `hashRun`. */
  readonly runSha256: string;
  /** Made by `createRunFolder`. */
  readonly folder: string;
  /** Where to go on from; null to start. */
  readonly checkpoint: Checkpoint | null;
  readonly reporter: Reporter;
  /** When aborted, the run ends after the step that it is in, with a checkpoint. */
  readonly signal: AbortSignal;
  /** A clock in milliseconds. */
  readonly now: () => number;
}

/** How a run ended. */
export interface TrainingResult {
  readonly finished: boolean;
  /** Steps done. */
  readonly step: number;
  /** Trained weights, [parameters] in the plan's order. */
  readonly weights: Float32Array;
}

/**
 * Trains to the last step, or until the signal.
 *
 * @throws TrainingError  When the weights stop being finite, or all samples have become one picture.
 * @throws WriteError     When something cannot be saved; the checkpoints so far stay.
 */
export async function runTraining(run: TrainingRun): Promise<TrainingResult> {
  const { config, dataset, folder, reporter, signal, now } = run;
  const key = deriveKey('train', config.seed);
  const gan = createGan(run, key);
  const batcher = createBatcher(dataset.count, config.batchSize, key, PURPOSES.shuffle);
  const realDiversity = computeDiversity(gatherImages(dataset, batcher.drawIndices(0).slice(0, GRID.count)), GRID.count);
  const firstStep = run.checkpoint?.step ?? 0;
  const startedAt = now();
  let shownAt = startedAt;
  let collapsedGrids = 0;
  let step = firstStep;
  try {
    for (; step < config.steps && !signal.aborted; step++) {
      const losses = trainStep(gan, run, batcher.drawIndices(step), key, step);
      try {
        const logs = isLogStep(step, config.steps);
        const draws = isImageStep(step, config);
        const last = step === config.steps - 1;
        if (logs || draws || now() - shownAt >= SHOW_EVERY_MS) {
          const progress = await measureProgress(losses, { config, step, firstStep, elapsedMs: now() - startedAt });
          shownAt = now();
          reporter.show(progress);
          checkFinite(progress);
          const diversity = draws ? await saveGridOf(gan, run, step, realDiversity) : undefined;
          if (diversity !== undefined) {
            collapsedGrids = diversity < COLLAPSED_DIVERSITY ? collapsedGrids + 1 : 0;
          }
          if (logs || draws) {
            reporter.log(progress);
            await appendMetrics(folder, describeMetrics(progress, config, diversity));
          }
          if (collapsedGrids >= COLLAPSED_GRIDS) {
            throw new TrainingError('collapsed', describeCollapse(step, diversity ?? 0));
          }
        }
        if ((step + 1) % config.checkpointEvery === 0 || last) {
          await checkpointGan(gan, run, step + 1);
        }
      } finally {
        tf.dispose([losses.discriminator, losses.generator]);
      }
      // Lets signals in: without it nothing but training would run until the end.
      await setImmediate();
    }
    if (signal.aborted && step < config.steps && step > firstStep) {
      await checkpointGan(gan, run, step);
    }
    const weights = await pickShippedWeights(gan).data<'float32'>();
    return { finished: step >= config.steps, step, weights };
  } finally {
    disposeGan(gan);
  }
}

function createGan({ config, dataset, checkpoint }: TrainingRun, key: RandomKey): Gan {
  const plan = planGenerator(config.generator);
  const judge = planDiscriminator(config.discriminator, [dataset.height, dataset.width, 1], config.generator.classes);
  const generator = checkpoint?.generator ?? drawInitialArrays(plan.weights, key, PURPOSES.generatorWeights);
  const discriminator = checkpoint?.discriminator ?? drawInitialArrays(judge.weights, key, PURPOSES.discriminatorWeights);
  const average = config.emaHalfLifeImages === 0 ? null : (checkpoint?.average ?? generator.weights);
  return {
    plan,
    judge,
    objective: config.objective,
    generator: createState(plan.weights, generator),
    discriminator: createState(judge.weights, discriminator),
    average: average && tf.tidy(() => tf.variable(tf.tensor1d(average), false)),
  };
}

function disposeGan({ generator, discriminator, average }: Gan): void {
  disposeState(generator);
  disposeState(discriminator);
  average?.dispose();
}

/** The losses of one step, before its updates. Owned by the caller. */
interface StepLosses {
  readonly discriminator: tf.Scalar;
  readonly generator: tf.Scalar;
}

function trainStep(gan: Gan, { config, dataset }: TrainingRun, indices: Uint32Array, key: RandomKey, step: number): StepLosses {
  const { batchSize, generatorAdam, discriminatorAdam } = config;
  const labels = config.generator.classes === 0 ? null : Uint8Array.from(indices, (index) => dataset.labels[index] as number);
  const shape: [number, number, number, number] = [batchSize, dataset.height, dataset.width, 1];
  const real = tf.tensor4d(decodePixels(gatherImages(dataset, indices), config.pixelRange), shape);
  const oneHot =
    labels && tf.tidy(() => tf.oneHot(tf.tensor1d(labels, 'int32'), config.generator.classes).toFloat() as tf.Tensor2D);
  const inputs = [PURPOSES.discriminatorLatent, PURPOSES.generatorLatent].map((purpose) =>
    drawInput(gan, labels, batchSize, key, purpose, step),
  );
  const [discriminatorInput, generatorInput] = inputs as [tf.Tensor2D, tf.Tensor2D];
  const augment = createTranslation(config, key, step);
  const settings = { update: step + 1, factor: computeFactor(step, config) };
  try {
    const losses = {
      discriminator: stepDiscriminator(
        gan,
        { real, input: discriminatorInput, labels: oneHot, augment },
        { ...settings, adam: discriminatorAdam },
      ),
      generator: stepGenerator(
        gan,
        { real, input: generatorInput, labels: oneHot, augment },
        { ...settings, adam: generatorAdam },
      ),
    };
    if (gan.average !== null) {
      updateAverage(gan.average, gan.generator.weights, computeDecay(config, step));
    }
    return losses;
  } finally {
    tf.dispose([real, ...inputs, ...(oneHot === null ? [] : [oneHot])]);
  }
}

/**
 * How much of the average a step keeps. Its half-life grows with the run, to `EMA_RAMP` of the images seen at most, so
 * that the first grids do not show the starting weights.
 */
function computeDecay({ batchSize, emaHalfLifeImages }: TrainingConfig, step: number): number {
  return 0.5 ** (batchSize / Math.min(emaHalfLifeImages, EMA_RAMP * (step + 1) * batchSize));
}

/** One shift for the whole batch, drawn for the step; what moves out is lost, what comes in is paper. */
function createTranslation({ translatePixels: reach, pixelRange }: TrainingConfig, key: RandomKey, step: number) {
  if (reach === 0) {
    return (images: tf.Tensor4D): tf.Tensor4D => images;
  }
  const words = drawWords(key, PURPOSES.translation, step, 2);
  const [down, right] = [...words].map((word) => Math.floor((word * (2 * reach + 1)) / 2 ** 32)) as [number, number]; // 0..2 * reach
  return (images: tf.Tensor4D): tf.Tensor4D => {
    const [batch, height, width, channels] = images.shape;
    const around: [number, number] = [reach, reach];
    const padded = tf.pad4d(images, [[0, 0], around, around, [0, 0]], pixelRange[0]);
    return tf.slice4d(padded, [0, down, right, 0], [batch, height, width, channels]);
  };
}

function drawInput(
  { plan }: Gan,
  labels: Uint8Array | null,
  batchSize: number,
  key: RandomKey,
  purpose: number,
  step: number,
): tf.Tensor2D {
  const latents = new Float32Array(batchSize * plan.config.latentSize);
  fillUniform(drawWords(key, purpose, step, latents.length), latents);
  return buildInput(plan, latents, labels);
}

async function measureProgress(
  losses: StepLosses,
  { config, step, firstStep, elapsedMs }: { config: TrainingConfig; step: number; firstStep: number; elapsedMs: number },
): Promise<Progress> {
  const [[discriminatorLoss = NaN], [generatorLoss = NaN]] = await Promise.all([
    losses.discriminator.data(),
    losses.generator.data(),
  ]);
  const stepsPerSecond = ((step - firstStep + 1) / Math.max(1, elapsedMs)) * 1000;
  return {
    step,
    steps: config.steps,
    discriminatorLoss,
    generatorLoss,
    imagesPerSecond: stepsPerSecond * config.batchSize,
    secondsLeft: (config.steps - step - 1) / stepsPerSecond,
  };
}

function checkFinite({ step, discriminatorLoss, generatorLoss }: Progress): void {
  if (!Number.isFinite(discriminatorLoss) || !Number.isFinite(generatorLoss)) {
    throw new TrainingError(
      'diverged',
      `the training diverged: at step ${step} the losses are D ${discriminatorLoss}, G ${generatorLoss}. ` +
        'A learning rate that is too high does this. The last good checkpoint is kept.',
    );
  }
}

async function saveGridOf(gan: Gan, { config, folder }: TrainingRun, step: number, realDiversity: number): Promise<number> {
  const grid = await drawGrid(gan, config.seed, config.pixelRange);
  await saveGrid(folder, step, encodePng(buildSheet(grid, GRID.layout)));
  return computeDiversity(grid.pixels, grid.count) / realDiversity;
}

function describeMetrics(
  { step, discriminatorLoss, generatorLoss }: Progress,
  config: TrainingConfig,
  diversity: number | undefined,
) {
  const line = { step, imagesSeen: (step + 1) * config.batchSize, discriminatorLoss, generatorLoss };
  return diversity === undefined ? line : { ...line, diversity };
}

function describeCollapse(step: number, diversity: number): string {
  return (
    `the generator collapsed: at step ${step} its ${GRID.count} samples differ ${(diversity * 100).toFixed(2)}% as much as real images, ` +
    'so they are one picture. Lower the learning rates, or train with another --seed. The last good checkpoint is kept.'
  );
}

async function checkpointGan(gan: Gan, { folder, runSha256 }: TrainingRun, step: number): Promise<void> {
  const [generator, discriminator] = await Promise.all([readState(gan.generator), readState(gan.discriminator)]);
  const average = gan.average === null ? null : await gan.average.data<'float32'>();
  for (const [name, arrays] of Object.entries({ generator, discriminator })) {
    checkArraysFinite(name, arrays, step);
  }
  await saveCheckpoint(locate(folder).checkpoints, { step, runSha256, generator, discriminator, average });
}

function checkArraysFinite(name: string, arrays: NetworkArrays, step: number): void {
  for (const [part, values] of Object.entries(arrays) as [string, Float32Array][]) {
    if (!values.every(Number.isFinite)) {
      throw new TrainingError(
        'diverged',
        `the training diverged: after ${step} steps the ${name}'s ${part} hold NaN or infinite numbers. The last good checkpoint is kept.`,
      );
    }
  }
}
