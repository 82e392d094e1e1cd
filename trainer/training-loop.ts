/**
 * The run: draws batches and latents, alternates the two updates, logs, draws grids, saves checkpoints, stops and goes
 * on. What a step does depends on the seed, the data and the step's number alone, so a resumed run has the same weights
 * as one that never stopped, bit for bit, on backends whose arithmetic repeats.
 */
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { deriveKey } from '../shared/random.ts';
import { buildSheet, encodePng } from '../shared/sheet.ts';
import { saveCheckpoint, type Checkpoint } from './checkpoint.ts';
import { createBatcher, gatherImages, type Dataset } from './dataset/dataset.ts';
import { ExpectedError } from './expected-error.ts';
import { readState, type NetworkArrays } from './network-state.ts';
import { isImageStep, isLogStep, PURPOSES, type TrainingConfig } from './preset.ts';
import type { Progress, Reporter } from './reporter.ts';
import { appendMetrics, locate, saveGrid } from './run-folder.ts';
import { computeDiversity, drawGrid, GRID } from './sample-grid.ts';
import { createGan, disposeGan, trainStep, type StepLosses } from './seeded-step.ts';
import { pickShippedWeights, type Gan } from './steps.ts';

/** Samples less different from each other than this, in parts of real images' difference, are one and the same picture. */
const COLLAPSED_DIVERSITY = 0.02;
/** Grids in a row that must be collapsed before a run is given up: the first, from starting weights, often is. */
const COLLAPSED_GRIDS = 2;
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
  const source = { config, dataset, key: deriveKey('train', config.seed) };
  const gan = createGan(source, run.checkpoint);
  const batcher = createBatcher(dataset.count, config.batchSize, source.key, PURPOSES.shuffle);
  const realDiversity = computeDiversity(gatherImages(dataset, batcher.drawIndices(0).slice(0, GRID.count)), GRID.count);
  const firstStep = run.checkpoint?.step ?? 0;
  const startedAt = now();
  let shownAt = startedAt;
  let collapsedGrids = 0;
  let step = firstStep;
  try {
    for (; step < config.steps && !signal.aborted; step++) {
      const losses = trainStep(gan, source, batcher.drawIndices(step), step);
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
