/**
 * Watches a run: writes figures as JSON lines and for TensorBoard, sample grids and warnings. It
 * ends a run that cannot recover.
 */
import * as tf from '@tensorflow/tfjs';
import { ExpectedError } from '../../shared/expected-error.ts';
import type { Samples } from '../../shared/model/sampler.ts';
import { buildSheet, encodePng } from '../../shared/picture/sheet.ts';
import { appendToLog } from '../../storage/files.ts';
import { pngEncoder } from '../node-kernels.ts';
import type { TrainingConfig } from '../gan/preset.ts';
import { computeFactor, type StepLosses } from '../gan/step.ts';
import { pickShippedWeights, type Gan, type StepFigure } from '../gan/update.ts';
import { openEventLog } from './log/event-log.ts';
import type { MetricsLine, Warning } from './log/metrics.ts';
import { describeWarning, type Progress, type Reporter } from './log/reporter.ts';
import { findWarnings, REMEMBERED_STEPS } from './log/warnings.ts';
import { loadMetrics, locate, saveGrid } from './run-folder.ts';
import { computeDiversity, drawSamples, GRID } from './sample-grid.ts';

/** A grid with less diversity than this share of real images' diversity shows one picture. */
const COLLAPSED_DIVERSITY = 0.02;
/** Consecutive collapsed grids that end a run. The first, from starting weights, often is one. */
const COLLAPSED_GRIDS = 2;
/**
 * Between logged steps, losses are read only this often, because reading waits for the device. On a
 * GPU it also ends the queue of steps, so there only steps that take so long are read.
 */
const SHOW_EVERY_MS = 250;
/** Longest time between printed lines. */
const PRINT_EVERY_MS = 60_000;

export const DIVERGED_ADVICE =
  'A learning rate that is too high does this: lower --generator-learning-rate and --discriminator-learning-rate.';

/** The error of a training that cannot go on. */
export function endTraining({ message, advice }: Pick<Warning, 'message' | 'advice'>) {
  return new ExpectedError(`${message} ${advice} The last good checkpoint is kept.`);
}

/** The parts of a run that its observer needs. */
export interface ObservedRun {
  readonly config: TrainingConfig;
  /** Made by `createRunFolder`. */
  readonly folder: string;
  readonly reporter: Reporter;
  /** Saves a model at each sample grid; `steps` are done, weights are [parameters]. */
  readonly saveSnapshot?: (steps: number, weights: Float32Array) => Promise<void>;
  /** False: a run that diverged or collapsed continues, and the log reports it. */
  readonly endsWhenBroken?: boolean;
  /** Called before writes. Throws when another process took over the folder, or the GPU failed. */
  readonly assureFolder?: () => Promise<void>;
  /** Milliseconds from any start; absent: this process's. */
  readonly clock?: () => number;
}

/** Figures of a step that are still on the backend. */
export type StepFigures = Partial<Record<StepFigure, tf.Scalar>>;

/**
 * Starts to watch a run and its clock. metrics.jsonl holds steps before `firstStep` only.
 * @param realDiversity  The diversity of as many real images as a grid has samples.
 */
export async function createObserver(
  run: ObservedRun,
  gan: Gan,
  firstStep: number,
  realDiversity: number,
) {
  const { config, folder, reporter, clock = performance.now.bind(performance) } = run;
  const { batchSize, steps } = config;
  const before = await loadMetrics(folder);
  /** The lines that rules look back on, and the codes of all warnings so far. */
  let recent: readonly MetricsLine[] = before;
  const raised = new Set(before.flatMap(({ warnings = [] }) => warnings.map(({ code }) => code)));
  const paths = locate(folder);
  const events = await openEventLog(paths.events, firstStep);
  const secondsBefore = before.at(-1)?.seconds ?? 0;
  let last = { seconds: secondsBefore, imagesSeen: firstStep * batchSize };
  const startedAt = clock();
  let shownAt = startedAt;
  let seenAt = startedAt;
  let printedAt = startedAt;
  let collapsedGrids = 0;
  const keeps = (step: number): boolean => isImageStep(step, config) || isMetricsStep(step, steps);

  const measureProgress = async (step: number, losses: StepLosses): Promise<Progress> => {
    const discriminatorLoss = await readScalar(losses.discriminator);
    const generatorLoss = await readScalar(losses.generator);
    const stepsPerSecond = ((step - firstStep + 1) / Math.max(1, clock() - startedAt)) * 1000;
    return {
      step,
      steps,
      discriminatorLoss,
      generatorLoss,
      imagesPerSecond: stepsPerSecond * batchSize,
      secondsLeft: (steps - step - 1) / stepsPerSecond,
    };
  };

  const record = async (
    figures: Omit<MetricsLine, 'imagesPerSecond' | 'seconds' | 'warnings'>,
    grid: Samples | null,
    failure: Warning | null,
  ): Promise<readonly Warning[]> => {
    await run.assureFolder?.();
    const { imagesSeen } = figures;
    const seconds = secondsBefore + (clock() - startedAt) / 1000;
    const imagesPerSecond = (imagesSeen - last.imagesSeen) / Math.max(1e-3, seconds - last.seconds);
    last = { seconds, imagesSeen };
    const line: MetricsLine = { ...figures, imagesPerSecond, seconds };
    recent = [...recent, line].filter(({ step }) => line.step - step < REMEMBERED_STEPS);
    const found = failure === null ? findWarnings(recent) : [failure];
    const warnings = found.filter(({ code }) => !raised.has(code));
    warnings.forEach(({ code }) => raised.add(code));
    const whole: MetricsLine = warnings.length === 0 ? line : { ...line, warnings };
    const sheet = grid && buildSheet(grid, GRID.layout);
    const png = sheet && encodePng(pngEncoder, sheet);
    if (png !== null) {
      await saveGrid(folder, figures.step, png);
    }
    await appendToLog(paths.metrics, `${JSON.stringify(whole)}\n`);
    await events.append(whole, sheet && png && { ...sheet, png });
    return warnings;
  };

  return {
    /** True for steps whose figures `observe` will read, so the step must keep them. */
    keeps,
    /** Looks at a finished step and disposes nothing. @throws ExpectedError */
    async observe(step: number, losses: StepLosses, figures: StepFigures): Promise<void> {
      const since = tf.getBackend() === 'webgpu' ? seenAt : shownAt;
      seenAt = clock();
      if (!keeps(step) && seenAt - since < SHOW_EVERY_MS) {
        return;
      }
      const draws = isImageStep(step, config);
      const progress = await measureProgress(step, losses);
      const { discriminatorLoss, generatorLoss } = progress;
      shownAt = clock();
      reporter.show(progress);
      const isDrawn = keeps(step) && areFinite(progress);
      const weights = pickShippedWeights(gan);
      const grid = isDrawn ? await drawSamples(gan.plan, weights, config, GRID.count) : null;
      const diversity = grid && computeDiversity(grid.pixels, grid.count) / realDiversity;
      if (draws && diversity !== null) {
        collapsedGrids = diversity < COLLAPSED_DIVERSITY ? collapsedGrids + 1 : 0;
      }
      const failure = findFailure(progress, collapsedGrids, diversity ?? 0);
      if (isLogStep(step, steps) || draws || shownAt - printedAt >= PRINT_EVERY_MS) {
        printedAt = shownAt;
        reporter.log(progress);
      }
      if (!keeps(step) && failure === null) {
        return;
      }
      const values = Object.entries(figures).map(
        async ([name, value]) => [name, await readScalar(value)] as const,
      );
      const line = {
        step,
        imagesSeen: (step + 1) * batchSize,
        discriminatorLoss,
        generatorLoss,
        ...(Object.fromEntries(await Promise.all(values)) as Partial<Record<StepFigure, number>>),
        learningRateFactor: computeFactor(step, config),
        ...(diversity === null ? {} : { diversity }),
        tensors: tf.memory().numTensors,
        residentBytes: measureResidentBytes(),
      };
      const warnings = await record(line, draws ? grid : null, failure);
      if (failure !== null && run.endsWhenBroken !== false) {
        throw endTraining(failure);
      }
      warnings.forEach((warning) => reporter.say(describeWarning(step, warning)));
      if (draws) {
        await run.saveSnapshot?.(step + 1, await weights.data<'float32'>());
      }
    },
  };
}

/** True for steps whose losses are printed: every 100 up to 1,000, every 1,000; and the last. */
function isLogStep(step: number, steps: number): boolean {
  return step % (step <= 1000 ? 100 : 1000) === 0 || step === steps - 1;
}

/** True for steps whose figures are kept: every 10 up to 100, every 100; and all printed ones. */
function isMetricsStep(step: number, steps: number): boolean {
  return step % (step <= 100 ? 10 : 100) === 0 || isLogStep(step, steps);
}

/** True for steps after which a sample grid is drawn; and the last. */
function isImageStep(step: number, { imageEvery, steps }: TrainingConfig): boolean {
  return step % imageEvery === 0 || step === steps - 1;
}

async function readScalar(scalar: tf.Scalar): Promise<number> {
  return (await scalar.data())[0] ?? NaN;
}

/** This process's memory in bytes. */
export function measureResidentBytes(): number {
  try {
    return process.memoryUsage.rss();
  } catch {
    // Without /proc, as in some containers, only the largest size so far is known.
    return process.resourceUsage().maxRSS * 1024;
  }
}

function areFinite({ discriminatorLoss, generatorLoss }: Progress): boolean {
  return Number.isFinite(discriminatorLoss) && Number.isFinite(generatorLoss);
}

function findFailure(
  progress: Progress,
  collapsedGrids: number,
  diversity: number,
): Warning | null {
  const { step, discriminatorLoss, generatorLoss } = progress;
  if (!areFinite(progress)) {
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
