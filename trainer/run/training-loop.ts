/**
 * The training loop: draws batches, does steps, has them observed, saves checkpoints and goes on.
 * A step depends only on the seed, the data and its number. So a resumed run has the same weights
 * as one that never stopped, bit for bit, on backends whose arithmetic repeats.
 */
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { deriveKey } from '../../shared/model/random.ts';
import { createBatcher, gatherImages, type Dataset } from '../data/dataset.ts';
import { PURPOSES } from '../gan/preset.ts';
import { createGan, disposeGan, readGan, type StepLosses, type StepSource } from '../gan/step.ts';
import { pickShippedWeights, type Gan, type Probe } from '../gan/update.ts';
import { saveCheckpoint, type Checkpoint } from './checkpoint.ts';
import { learnMatchingClassifier, needsClassifier } from './matching-classifier.ts';
import {
  createObserver,
  DIVERGED_ADVICE,
  endTraining,
  type ObservedRun,
  type StepFigures,
} from './observer.ts';
import { locate } from './run-folder.ts';
import { computeDiversity, GRID } from './sample-grid.ts';
import { createStepper, type Stepper } from './stepper.ts';

interface TrainingRun extends ObservedRun {
  readonly dataset: Dataset;
  /** See `hashRun`. */
  readonly runSha256: string;
  /** The checkpoint to continue from; null for a new run. */
  readonly checkpoint: Checkpoint | null;
  /** When aborted, the run ends after its current step, with a checkpoint. */
  readonly signal: AbortSignal;
  /** Longest time between checkpoints; none when not given. */
  readonly checkpointMs?: number;
  /** An experiment's part in the run. */
  readonly hook?: RunHook;
}

/** Lets an experiment do the steps its own way and measure in between. */
export interface RunHook {
  /** Does the steps in place of `createStepper`. A step without adversarial losses returns null. */
  createStepper(
    gan: Gan,
    source: StepSource,
  ): Pick<Stepper, 'release' | 'settle'> & {
    step(...of: Parameters<Stepper['step']>): StepLosses | null;
  };
  /**
   * Called after each step, and before the first one of a run without checkpoint. `step` counts
   * finished steps; the losses of the last one are not disposed. 'save' writes a checkpoint, and
   * the run's own schedule is not used. 'stop' ends the run.
   */
  measure(gan: Gan, step: number, losses: StepLosses | null): Promise<'go on' | 'save' | 'stop'>;
}

export interface TrainingResult {
  readonly finished: boolean;
  /** Steps done. */
  readonly step: number;
  /** Trained weights, [parameters] in the plan's order. */
  readonly weights: Float32Array;
}

/**
 * Trains to the last step, or until the signal.
 * @throws ExpectedError  When weights are not finite, all samples have become one picture, or
 *                        something cannot be saved; the checkpoints so far stay.
 */
export async function runTraining(run: TrainingRun): Promise<TrainingResult> {
  const { config, dataset, signal, hook, clock = performance.now.bind(performance) } = run;
  const key = deriveKey('train', config.seed);
  const classifier = needsClassifier(config, run.checkpoint)
    ? await learnClassifier(run)
    : undefined;
  if (classifier === null) {
    return { finished: false, step: 0, weights: new Float32Array() };
  }
  const source = { config, dataset, key, classifier };
  const gan = createGan(source, run.checkpoint);
  const batcher = createBatcher(dataset.count, config.batchSize, source.key, PURPOSES.shuffle);
  const firstStep = run.checkpoint?.step ?? 0;
  const shown = Math.min(GRID.count, dataset.count);
  // The first images of the run's own shuffle, as many as a grid shows. A batch may have fewer.
  const first = createBatcher(dataset.count, shown, source.key, PURPOSES.shuffle).drawIndices(0);
  const real = gatherImages(dataset, first);
  const realDiversity = computeDiversity(real, shown);
  const observer = await createObserver(run, gan, firstStep, realDiversity);
  const { checkpoints } = locate(run.folder);
  const onFault = (fault: string): void =>
    run.reporter.say(`Steps are done operation by operation, which takes longer: ${fault}.`);
  const stepper = hook?.createStepper(gan, source) ?? createStepper(gan, source, { onFault });
  let step = firstStep;
  let savedAt = clock();
  const save = async (steps: number): Promise<void> => {
    await run.assureFolder?.();
    await checkpointGan(gan, checkpoints, run.runSha256, steps);
    savedAt = clock();
  };
  try {
    let next = run.checkpoint === null ? await hook?.measure(gan, 0, null) : 'go on';
    for (; step < config.steps && !signal.aborted && next !== 'stop'; step++) {
      const figures: StepFigures = {};
      const keep: Probe = (figure, value) => {
        figures[figure] = tf.keep(tf.clone(value));
      };
      const probe = observer.keeps(step) ? keep : undefined;
      const losses = stepper.step(batcher.drawIndices(step), step, probe);
      try {
        next = await (hook?.measure(gan, step + 1, losses) ??
          planNext(run, step + 1, clock() - savedAt));
        if (losses !== null) {
          await observer.observe(step, losses, figures);
        }
        if (next === 'save') {
          await save(step + 1);
        }
      } finally {
        tf.dispose([losses?.discriminator ?? [], losses?.generator ?? [], figures]);
      }
      await stepper.settle?.();
      // Signals arrive only between event loop turns.
      await setImmediate();
    }
    // An experiment goes on from its last measurement, which holds its clock.
    if (hook === undefined && signal.aborted && step < config.steps && step > firstStep) {
      await save(step);
    }
    const weights = await pickShippedWeights(gan).data<'float32'>();
    return { finished: step >= config.steps, step, weights };
  } finally {
    stepper.release();
    disposeGan(gan);
  }
}

/** Trains the classifier of a new run with matching; null when the signal came first. */
function learnClassifier(run: TrainingRun): Promise<Float32Array | null> {
  const { config, dataset, signal, reporter } = run;
  const key = deriveKey('matching', config.seed);
  const say = reporter.say.bind(reporter);
  return learnMatchingClassifier(dataset, key, { signal, say });
}

/**
 * @param step     Steps done.
 * @param sinceMs  Time since the last checkpoint.
 */
function planNext(
  { config, checkpointMs = Infinity }: TrainingRun,
  step: number,
  sinceMs: number,
): 'go on' | 'save' {
  const isDue = step % config.checkpointEvery === 0 || sinceMs >= checkpointMs;
  return isDue || step === config.steps ? 'save' : 'go on';
}

async function checkpointGan(
  gan: Gan,
  folder: string,
  runSha256: string,
  step: number,
): Promise<void> {
  const arrays = await readGan(gan);
  for (const network of ['generator', 'discriminator'] as const) {
    for (const [part, values] of Object.entries(arrays[network])) {
      if (!(values as Float32Array).every(Number.isFinite)) {
        throw endTraining({
          message: `the training diverged: after ${step} steps the ${network}'s ${part} hold NaN or infinite numbers.`,
          advice: DIVERGED_ADVICE,
        });
      }
    }
  }
  await saveCheckpoint(folder, { step, runSha256, ...arrays });
}
