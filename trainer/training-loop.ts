/**
 * The run: draws batches and latents, alternates the two updates, logs, draws grids, saves checkpoints, stops and goes
 * on. What a step does depends on the seed, the data and the step's number alone, so a resumed run has the same weights
 * as one that never stopped, bit for bit, on backends whose arithmetic repeats.
 */
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { deriveKey } from '../shared/random.ts';
import { saveCheckpoint, type Checkpoint } from './checkpoint.ts';
import { createBatcher, gatherImages, type Dataset } from './dataset/dataset.ts';
import { ExpectedError } from './expected-error.ts';
import type { Warning } from './metrics.ts';
import { readState, type NetworkArrays } from './network-state.ts';
import { computeFactor, isImageStep, isLogStep, isMetricsStep, PURPOSES, type TrainingConfig } from './preset.ts';
import { describeWarning, type Progress, type Reporter } from './reporter.ts';
import { locate } from './run-folder.ts';
import { openRunLog } from './run-log.ts';
import { computeDiversity, drawGrid, GRID } from './sample-grid.ts';
import { createGan, disposeGan, trainStep, type StepLosses } from './seeded-step.ts';
import { pickShippedWeights, type Gan, type Probe, type StepFigure } from './steps.ts';

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

  constructor(reason: 'diverged' | 'collapsed', { message, advice }: Pick<Warning, 'message' | 'advice'>) {
    super(`${message} ${advice} The last good checkpoint is kept.`);
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
  const log = await openRunLog(folder, { firstStep, batchSize: config.batchSize });
  const startedAt = now();
  let shownAt = startedAt;
  let collapsedGrids = 0;
  let step = firstStep;
  try {
    for (; step < config.steps && !signal.aborted; step++) {
      const logs = isLogStep(step, config.steps);
      const draws = isImageStep(step, config);
      const keeps = draws || isMetricsStep(step, config.steps);
      const figures: Partial<Record<StepFigure, tf.Scalar>> = {};
      const losses = trainStep(gan, source, batcher.drawIndices(step), step, keeps ? keepIn(figures) : undefined);
      try {
        const last = step === config.steps - 1;
        if (keeps || now() - shownAt >= SHOW_EVERY_MS) {
          const progress = await measureProgress(losses, { config, step, firstStep, elapsedMs: now() - startedAt });
          shownAt = now();
          reporter.show(progress);
          const grid = keeps && isFinite(progress) ? await drawGrid(gan, config) : null;
          const diversity = grid === null ? undefined : computeDiversity(grid.pixels, grid.count) / realDiversity;
          if (draws && diversity !== undefined) {
            collapsedGrids = diversity < COLLAPSED_DIVERSITY ? collapsedGrids + 1 : 0;
          }
          const failure = describeFailure(progress, collapsedGrids, diversity);
          if (logs || draws) {
            reporter.log(progress);
          }
          if (keeps || failure !== null) {
            const raised = await log.record({
              figures: {
                step,
                imagesSeen: (step + 1) * config.batchSize,
                discriminatorLoss: progress.discriminatorLoss,
                generatorLoss: progress.generatorLoss,
                ...(await readFigures(figures)),
                learningRateFactor: computeFactor(step, config),
                ...(diversity === undefined ? {} : { diversity }),
              },
              elapsedMs: now() - startedAt,
              grid: draws ? grid : null,
              failure,
            });
            if (failure !== null) {
              throw new TrainingError(failure.code, failure);
            }
            raised.forEach((warning) => reporter.say(describeWarning(step, warning)));
          }
        }
        if ((step + 1) % config.checkpointEvery === 0 || last) {
          await checkpointGan(gan, run, step + 1);
        }
      } finally {
        tf.dispose([losses.discriminator, losses.generator, figures]);
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

/** Lets figures outlive their step. The caller disposes them. */
function keepIn(figures: Partial<Record<StepFigure, tf.Scalar>>): Probe {
  return (figure, value) => {
    figures[figure] = tf.keep(tf.clone(value));
  };
}

async function readFigures(figures: Partial<Record<StepFigure, tf.Scalar>>): Promise<Partial<Record<StepFigure, number>>> {
  const entries = await Promise.all(
    Object.entries(figures).map(async ([figure, value]) => [figure, (await value.data())[0] ?? NaN] as const),
  );
  return Object.fromEntries(entries);
}

function isFinite({ discriminatorLoss, generatorLoss }: Progress): boolean {
  return Number.isFinite(discriminatorLoss) && Number.isFinite(generatorLoss);
}

/** What ends a run. @returns  Null when it can go on. */
function describeFailure(
  progress: Progress,
  collapsedGrids: number,
  diversity = 0,
): (Warning & { readonly code: 'diverged' | 'collapsed' }) | null {
  const { step, discriminatorLoss, generatorLoss } = progress;
  if (!isFinite(progress)) {
    return {
      code: 'diverged',
      message: `the training diverged: at step ${step} the losses are D ${discriminatorLoss}, G ${generatorLoss}.`,
      advice: 'A learning rate that is too high does this.',
    };
  }
  if (collapsedGrids >= COLLAPSED_GRIDS) {
    return {
      code: 'collapsed',
      message:
        `the generator collapsed: at step ${step} its ${GRID.count} samples differ ${(diversity * 100).toFixed(2)}% as much as ` +
        'real images, so they are one picture.',
      advice: 'Lower the learning rates, or train with another --seed.',
    };
  }
  return null;
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
      throw new TrainingError('diverged', {
        message: `the training diverged: after ${step} steps the ${name}'s ${part} hold NaN or infinite numbers.`,
        advice: 'A learning rate that is too high does this.',
      });
    }
  }
}
