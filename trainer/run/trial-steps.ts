/** Steps outside of a run, on the current backend: to time them, and to compare their figures. */
import * as tf from '@tensorflow/tfjs';
import { deriveKey } from '../../shared/model/random.ts';
import { createBatcher, type Dataset } from '../data/dataset.ts';
import { PURPOSES, type TrainingConfig } from '../gan/preset.ts';
import { createGan, disposeGan, type StepSource } from '../gan/step.ts';
import { findWebgpu, submitSteps } from '../tensorflow/webgpu/device.ts';
import { drawMatchingClassifier } from './matching-classifier.ts';
import { createStepper } from './stepper.ts';

/** Two steps prove and record a graph, one warms up. The last is timed. */
const STEPS = 4;
/** A step that takes longer is timed at once. */
const SLOW_MS = 3000;

/** Times a run's steps before it starts, on its first images. @returns  Seconds of a step. */
export async function timeSteps(config: TrainingConfig, dataset: Dataset): Promise<number> {
  const { batchSize: count } = config;
  const images = dataset.images.slice(0, (count * dataset.images.length) / dataset.count);
  const labels = dataset.labels.slice(0, count);
  const steps = startSteps(config, { ...dataset, count, images, labels });
  try {
    let tookMs = 0;
    for (let step = 0; step < STEPS && tookMs < SLOW_MS; step++) {
      const startedAt = performance.now();
      steps.step();
      await steps.drain();
      tookMs = performance.now() - startedAt;
    }
    return tookMs / 1000;
  } finally {
    steps.release();
  }
}

/** Makes networks with starting weights. The caller releases them. */
export function startSteps(config: TrainingConfig, dataset: Dataset) {
  const key = deriveKey('train', config.seed);
  const classifier = config.matching && drawMatchingClassifier(dataset, key);
  const source: StepSource = { config, dataset, key, classifier };
  const gan = createGan(source, null);
  const stepper = createStepper(gan, source);
  const batcher = createBatcher(dataset.count, config.batchSize, source.key, PURPOSES.shuffle);
  let next = 0;
  return {
    /** Does the next step. Its results stay on the backend. */
    step(): void {
      tf.dispose({ ...stepper.step(batcher.drawIndices(next), next++) });
    },
    /** Does the next step and reads its losses, norms and penalties. */
    async readFigures(): Promise<Record<string, number>> {
      const kept: Record<string, tf.Tensor> = {};
      const losses = stepper.step(batcher.drawIndices(next), next++, (figure, value) => {
        kept[figure] = tf.keep(tf.clone(value));
      });
      kept['discriminatorLoss'] = losses.discriminator;
      kept['generatorLoss'] = losses.generator;
      const figures: Record<string, number> = {};
      for (const [name, value] of Object.entries(kept)) {
        figures[name] = (await value.data())[0] ?? NaN;
      }
      tf.dispose(kept);
      return figures;
    },
    /** Waits while many steps wait for a GPU, as training does. */
    async settle(): Promise<void> {
      await stepper.settle?.();
    },
    /** Waits until the backend has done all steps. */
    async drain(): Promise<void> {
      if (findWebgpu() === undefined) {
        await gan.generator.weights.data();
      }
      await submitSteps();
    },
    release(): void {
      stepper.release();
      disposeGan(gan);
    },
  };
}
