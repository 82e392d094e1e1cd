/**
 * Runs a classifier over many images, batch by batch, so that memory stays bounded.
 */
import * as tf from '@tensorflow/tfjs';
import { decodePixels } from '../../../shared/picture/pixels.ts';
import { splitWeights } from '../../gan/network-state.ts';
import { planClassifier, runClassifier, type ClassifierConfig } from './network.ts';

const BATCH = 250;

/** What a classifier says about images. */
export interface Scores {
  readonly count: number;
  /** Row-major [count, config.features]. */
  readonly features: Float32Array;
  /** [count]: the class with the largest logit, the lower one of equals. */
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
    // The numbers are read outside of tidy: what tidy returns is searched for tensors, number by number.
    const output = tf.tidy(() =>
      runClassifier(config, parts, tf.tensor4d(pixels, [n, config.side, config.side, 1])),
    );
    features.set(output.features.dataSync<'float32'>(), done * config.features);
    const logits = output.logits.dataSync<'float32'>();
    for (let i = 0; i < n; i++) {
      predictions[done + i] = findLargest(
        logits.subarray(i * config.classes, (i + 1) * config.classes),
      );
    }
    tf.dispose([output.features, output.logits]);
  }
  tf.dispose(parts);
  return { count, features, predictions };
}

function findLargest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    if ((values[i] as number) > (values[best] as number)) {
      best = i;
    }
  }
  return best;
}
