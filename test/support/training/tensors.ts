/** Tiny networks, data and numbers for tests of training. */
import * as tf from '@tensorflow/tfjs';
import type { Dataset } from '../../../trainer/data/dataset.ts';
import { PRESETS, type TrainingConfig } from '../../../trainer/gan/preset.ts';

/**
 * A small version of the tutorial's GAN: 4 x 4 images and a few units. Some steps take milliseconds
 * in plain JavaScript.
 */
export const TINY_CONFIG: TrainingConfig = {
  ...PRESETS.seed,
  seed: 'tiny',
  steps: 10,
  batchSize: 8,
  generator: {
    latentSize: 4,
    classes: 0,
    layers: [
      { type: 'dense', units: 8, activation: 'relu' },
      { type: 'dense', units: 16, activation: 'sigmoid' },
      { type: 'reshape', shape: [4, 4, 1] },
    ],
  },
  discriminator: { type: 'dense', units: [6] },
  imageEvery: 5,
  checkpointEvery: 3,
};

/** Images of 4 x 4, each with a bright diagonal of its own brightness. */
export function makeTinyDataset(count = 70): Dataset {
  const images = new Uint8Array(count * 16);
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 2);
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < 4; k++) {
      images[i * 16 + k * 4 + (labels[i] === 0 ? k : 3 - k)] = 100 + ((i * 37) % 156);
    }
  }
  return {
    name: 'tiny',
    count,
    height: 4,
    width: 4,
    channels: 1,
    images,
    labels,
    classes: ['0', '1'],
  };
}

/** Pseudorandom numbers that are the same everywhere: sin(i + phase), scaled. */
export function makeValues(count: number, phase = 0, scale = 1): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => scale * Math.sin(1.7 * i + phase));
}

/** Runs `action` and returns by how many tensors memory grew. */
export function countLeaks(action: () => void): number {
  action(); // The first run may fill caches.
  const before = tf.memory().numTensors;
  action();
  return tf.memory().numTensors - before;
}
