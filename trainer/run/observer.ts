/**
 * What watches a run while it trains: reads losses and figures at the steps that are logged, draws sample grids, raises
 * warnings, and ends a run that has gone wrong beyond repair.
 */
import * as tf from '@tensorflow/tfjs';
import { ExpectedError } from '../../shared/expected-error.ts';
import type { Warning } from './log/metrics.ts';
import {
  computeFactor,
  isImageStep,
  isLogStep,
  isMetricsStep,
  type TrainingConfig,
} from '../gan/preset.ts';
import { describeWarning, type Progress } from './log/reporter.ts';
import { openRunLog, type RunLog } from './log/run-log.ts';
import { computeDiversity, drawGrid, GRID } from './sample-grid.ts';
import type { StepLosses } from '../gan/seeded-step.ts';
import { pickShippedWeights, type Gan, type Probe, type StepFigure } from '../gan/steps.ts';
import type { TrainingRun } from './training-loop.ts';

/** Samples less different from each other than this, in parts of real images' difference, are one and the same picture. */
const COLLAPSED_DIVERSITY = 0.02;
/** Grids in a row that must be collapsed before a run is given up: the first, from starting weights, often is. */
const COLLAPSED_GRIDS = 2;
/** Reading the losses waits for the device, so between logged steps they are read for the display only this often. */
const SHOW_EVERY_MS = 250;

/** What to do when a training has diverged. */
export const DIVERGED_ADVICE =
  'A learning rate that is too high does this: lower --generator-learning-rate and --discriminator-learning-rate.';

/** Training that cannot go on. The last good checkpoint is kept. */
export class TrainingError extends ExpectedError {
  override name = 'TrainingError' as const;
  readonly reason: 'diverged' | 'collapsed';

  constructor(
    reason: 'diverged' | 'collapsed',
    { message, advice }: Pick<Warning, 'message' | 'advice'>,
  ) {
    super(`${message} ${advice} The last good checkpoint is kept.`);
    this.reason = reason;
  }
}

/** Figures of a step that are still on the backend. */
export type StepFigures = Partial<Record<StepFigure, tf.Scalar>>;

/** Watches the steps of a run. */
export interface Observer {
  /** Whether a step's figures will be read, so that it should keep them: see {@link keepIn}. */
  keeps(step: number): boolean;
  /**
   * Sees a step that was done. It disposes neither losses nor figures.
   *
   * @throws TrainingError  When the run cannot go on.
   */
  observe(step: number, losses: StepLosses, figures: StepFigures): Promise<void>;
}

/** What an observer is told. */
export interface ObserverSource {
  readonly run: TrainingRun;
  readonly gan: Gan;
  /** Where the run starts or goes on. */
  readonly firstStep: number;
  /** Of as many real images as a grid has samples: see `computeDiversity`. */
  readonly realDiversity: number;
}

/** Starts to watch a run; its clock starts now. */
export async function createObserver({
  run,
  gan,
  firstStep,
  realDiversity,
}: ObserverSource): Promise<Observer> {
  const { config, reporter, now } = run;
  const log: RunLog = await openRunLog(run.folder, { firstStep, batchSize: config.batchSize });
  const startedAt = now();
  let shownAt = startedAt;
  let collapsedGrids = 0;
  const keeps = (step: number): boolean =>
    isImageStep(step, config) || isMetricsStep(step, config.steps);

  return {
    keeps,
    async observe(step, losses, figures) {
      if (!keeps(step) && now() - shownAt < SHOW_EVERY_MS) {
        return;
      }
      const draws = isImageStep(step, config);
      const progress = await measureProgress(losses, {
        config,
        step,
        firstStep,
        elapsedMs: now() - startedAt,
      });
      shownAt = now();
      reporter.show(progress);
      const grid = keeps(step) && isFinite(progress) ? await drawGrid(gan, config) : null;
      const diversity =
        grid === null ? undefined : computeDiversity(grid.pixels, grid.count) / realDiversity;
      if (draws && diversity !== undefined) {
        collapsedGrids = diversity < COLLAPSED_DIVERSITY ? collapsedGrids + 1 : 0;
      }
      const failure = describeFailure(progress, collapsedGrids, diversity);
      if (isLogStep(step, config.steps) || draws) {
        reporter.log(progress);
      }
      if (!keeps(step) && failure === null) {
        return;
      }
      const raised = await log.record({
        figures: {
          step,
          imagesSeen: (step + 1) * config.batchSize,
          discriminatorLoss: progress.discriminatorLoss,
          generatorLoss: progress.generatorLoss,
          ...(await readFigures(figures)),
          learningRateFactor: computeFactor(step, config),
          ...(diversity === undefined ? {} : { diversity }),
          tensors: tf.memory().numTensors,
          residentBytes: process.memoryUsage.rss(),
        },
        elapsedMs: now() - startedAt,
        grid: draws ? grid : null,
        failure,
      });
      if (failure !== null) {
        throw new TrainingError(failure.code, failure);
      }
      raised.forEach((warning) => reporter.say(describeWarning(step, warning)));
      if (draws) {
        await run.saveSnapshot?.(step + 1, await pickShippedWeights(gan).data<'float32'>());
      }
    },
  };
}

async function measureProgress(
  losses: StepLosses,
  {
    config,
    step,
    firstStep,
    elapsedMs,
  }: { config: TrainingConfig; step: number; firstStep: number; elapsedMs: number },
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
export function keepIn(figures: StepFigures): Probe {
  return (figure, value) => {
    figures[figure] = tf.keep(tf.clone(value));
  };
}

async function readFigures(figures: StepFigures): Promise<Partial<Record<StepFigure, number>>> {
  const entries = await Promise.all(
    Object.entries(figures).map(
      async ([figure, value]) => [figure, (await value.data())[0] ?? NaN] as const,
    ),
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
      advice: DIVERGED_ADVICE,
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
