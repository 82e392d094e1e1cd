/**
 * Runs a classifier over many images in batches, which bounds memory.
 */
import * as tf from '@tensorflow/tfjs';
import { decodePixels } from '../../../shared/picture/pixels.ts';
import type { Dataset } from '../../data/dataset.ts';
import { splitWeights } from '../../gan/network-state.ts';
import { planClassifier, runClassifier, type ClassifierConfig } from './network.ts';

const BATCH = 250;

export interface Scores {
  readonly count: number;
  /** Row-major [count, config.features]. */
  readonly features: Float32Array;
  /** [count]: the class with the largest logit; the lowest of equals. */
  readonly predictions: Uint8Array;
}

/**
 * Scores images.
 *
 * @param weights  Flat, as `planClassifier` lists them.
 * @param images   Row-major [count, side, side], 0..255.
 */
export function scoreImages(
  config: ClassifierConfig,
  weights: Float32Array,
  images: Uint8Array,
): Scores {
  const size = config.side ** 2;
  const count = images.length / size;
  const features = new Float32Array(count * config.features);
  const predictions = new Uint8Array(count);
  const parts = tf.tidy(() => splitWeights(planClassifier(config), tf.tensor1d(weights)));
  for (let done = 0; done < count; done += BATCH) {
    const n = Math.min(BATCH, count - done);
    const pixels = decodePixels(images.subarray(done * size, (done + n) * size), [0, 1]);
    // Read outside of tidy, which searches what it returns for tensors, number by number.
    const output = tf.tidy(() =>
      runClassifier(config, parts, tf.tensor4d(pixels, [n, config.side, config.side, 1])),
    );
    features.set(output.features.dataSync<'float32'>(), done * config.features);
    const logits = output.logits.dataSync<'float32'>();
    for (let i = 0; i < n; i++) {
      const own = logits.subarray(i * config.classes, (i + 1) * config.classes);
      predictions[done + i] = own.reduce(
        (best, logit, label) => (logit > (own[best] as number) ? label : best),
        0,
      );
    }
    tf.dispose([output.features, output.logits]);
  }
  tf.dispose(parts);
  return { count, features, predictions };
}

/** Counts the images whose predicted class is their label. */
export function countRight(
  config: ClassifierConfig,
  weights: Float32Array,
  { images, labels }: Dataset,
): number {
  const { predictions } = scoreImages(config, weights, images);
  return predictions.filter((prediction, i) => prediction === labels[i]).length;
}
