/** Times some steps of a run before it starts, on networks and a batch that are then dropped. */
import * as tf from '@tensorflow/tfjs';
import { deriveKey } from '../../shared/model/random.ts';
import type { Dataset } from '../data/dataset.ts';
import type { TrainingConfig } from '../gan/preset.ts';
import { createGan, disposeGan } from '../gan/step.ts';
import { createStepper } from './stepper.ts';

/** Two steps prove and record a graph, one warms up. The last is timed. */
const STEPS = 4;
/** A step that takes longer is timed at once. */
const SLOW_MS = 3000;

/** @returns  Seconds that a step takes. */
export async function timeSteps(config: TrainingConfig, dataset: Dataset): Promise<number> {
  const { batchSize } = config;
  const size = dataset.images.length / dataset.count;
  const few: Dataset = {
    ...dataset,
    count: batchSize,
    images: dataset.images.slice(0, batchSize * size),
    labels: dataset.labels.slice(0, batchSize),
  };
  const source = { config, dataset: few, key: deriveKey('train', config.seed) };
  const gan = createGan(source, null);
  const stepper = createStepper(gan, source);
  const indices = Uint32Array.from({ length: batchSize }, (_, i) => i);
  try {
    let tookMs = 0;
    for (let step = 0; step < STEPS && tookMs < SLOW_MS; step++) {
      const startedAt = performance.now();
      const losses = stepper.step(indices, step);
      await losses.generator.data();
      tf.dispose([losses.discriminator, losses.generator]);
      tookMs = performance.now() - startedAt;
    }
    return tookMs / 1000;
  } finally {
    stepper.release();
    disposeGan(gan);
  }
}
