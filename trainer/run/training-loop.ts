/**
 * The run: draws batches and latents, alternates the two updates, is watched, saves checkpoints, stops and goes on. What a step does depends on the seed, the data and the step's number alone, so a resumed run has the same weights
 * as one that never stopped, bit for bit, on backends whose arithmetic repeats.
 */
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { deriveKey } from '../../shared/model/random.ts';
import { saveCheckpoint, type Checkpoint } from './checkpoint.ts';
import { createBatcher, gatherImages, type Dataset } from '../data/dataset.ts';
import { readState, type NetworkArrays } from '../gan/network-state.ts';
import {
  createObserver,
  DIVERGED_ADVICE,
  keepIn,
  TrainingError,
  type StepFigures,
} from './observer.ts';
import { PURPOSES, type TrainingConfig } from '../gan/preset.ts';
import type { Reporter } from './log/reporter.ts';
import { locate } from './run-folder.ts';
import { computeDiversity, GRID } from './sample-grid.ts';
import { createGan, disposeGan } from '../gan/seeded-step.ts';
import { createStepper } from './stepper.ts';
import { pickShippedWeights, type Gan } from '../gan/steps.ts';

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
  /** Keeps a model as it is at a sample grid; absent: none is kept. `steps` are those done, weights are [parameters]. */
  readonly saveSnapshot?: (steps: number, weights: Float32Array) => Promise<void>;
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
  const { config, dataset, signal } = run;
  const source = { config, dataset, key: deriveKey('train', config.seed) };
  const gan = createGan(source, run.checkpoint);
  const batcher = createBatcher(dataset.count, config.batchSize, source.key, PURPOSES.shuffle);
  const firstStep = run.checkpoint?.step ?? 0;
  const real = gatherImages(dataset, batcher.drawIndices(0).slice(0, GRID.count));
  const observer = await createObserver({
    run,
    gan,
    firstStep,
    realDiversity: computeDiversity(real, GRID.count),
  });
  const stepper = createStepper(gan, source, {
    onFault: (fault) =>
      run.reporter.say(`Steps are done operation by operation, which takes longer: ${fault}.`),
  });
  let step = firstStep;
  try {
    for (; step < config.steps && !signal.aborted; step++) {
      const figures: StepFigures = {};
      const probe = observer.keeps(step) ? keepIn(figures) : undefined;
      const losses = stepper.step(batcher.drawIndices(step), step, probe);
      try {
        await observer.observe(step, losses, figures);
        if ((step + 1) % config.checkpointEvery === 0 || step === config.steps - 1) {
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
    stepper.release();
    disposeGan(gan);
  }
}

async function checkpointGan(
  gan: Gan,
  { folder, runSha256 }: TrainingRun,
  step: number,
): Promise<void> {
  const [generator, discriminator] = await Promise.all([
    readState(gan.generator),
    readState(gan.discriminator),
  ]);
  const average = gan.average === null ? null : await gan.average.data<'float32'>();
  for (const [name, arrays] of Object.entries({ generator, discriminator })) {
    checkArraysFinite(name, arrays, step);
  }
  await saveCheckpoint(locate(folder).checkpoints, {
    step,
    runSha256,
    generator,
    discriminator,
    average,
  });
}

function checkArraysFinite(name: string, arrays: NetworkArrays, step: number): void {
  for (const [part, values] of Object.entries(arrays) as [string, Float32Array][]) {
    if (!values.every(Number.isFinite)) {
      throw new TrainingError('diverged', {
        message: `the training diverged: after ${step} steps the ${name}'s ${part} hold NaN or infinite numbers.`,
        advice: DIVERGED_ADVICE,
      });
    }
  }
}
