/**
 * Teaches a trained encoder which pictures are of no class. Only the weights of the logits change,
 * and one logit is added, so all latent vectors stay as they are.
 */
import * as tf from '@tensorflow/tfjs';
import { LOGIT_RANGE, type EncoderPlan } from '../../shared/model/encoder.ts';
import type { RandomKey } from '../../shared/model/random.ts';
import { decodePixels } from '../../shared/picture/pixels.ts';
import type { Dataset } from '../data/dataset.ts';
import { augmentImages } from '../evaluation/classifier/training.ts';
import { joinArrays } from '../gan/network-state.ts';
import { createWeights, runNetwork } from './network.ts';
import { AUGMENTATION, PURPOSES } from './training.ts';

/** Steps of Adam over all pictures at once, and the learning rate of each part of them. */
const SCHEDULE = [
  { steps: 250, learningRate: 0.01 },
  { steps: 150, learningRate: 0.003 },
] as const;
/** Weight of the sum of the squared weights: it keeps them within the others' range. */
const DECAY = 1e-4;
/** Pictures that run through the network at once. */
const BATCH = 500;

/**
 * @param plan      The plan of the encoder with a logit for pictures of no class.
 * @param weights   The weights of an encoder with the same layers, with or without that logit.
 * @param pictures  Their labels are classes, or the number of the classes for none.
 * @returns         The weights of the plan, flat.
 */
export async function trainCertainties(
  plan: EncoderPlan,
  weights: readonly Float32Array[],
  pictures: readonly Dataset[],
  key: RandomKey,
): Promise<Float32Array> {
  const layers = plan.config.layers.slice(0, -1);
  const hidden = weights.slice(0, -2);
  const [kernel, bias] = weights.slice(-2) as [Float32Array, Float32Array];
  const { logits } = plan;
  const first = plan.classes * plan.latentSize;
  const rows = (plan.weights.at(-2)?.shape[0] ?? 0) as number;
  const known = kernel.length / rows;
  const { features, labels } = tf.tidy(() => {
    const tensors = createWeights(plan, hidden);
    const all: tf.Tensor2D[] = [];
    const wanted: number[] = [];
    for (const { images, labels: own, count, height } of pictures) {
      const size = height * height;
      // Each picture as it is, and distorted.
      for (const isDistorted of [false, true]) {
        for (let from = 0; from < count; from += BATCH) {
          const part = images.subarray(from * size, (from + BATCH) * size);
          const { augmentation } = PURPOSES;
          const ink = isDistorted
            ? augmentImages(part, height, key, augmentation, all.length, AUGMENTATION)
            : decodePixels(part, [0, 1]);
          const run = () => {
            const batch = tf.tensor4d(ink, [ink.length / size, height, height, 1]);
            return runNetwork({ config: { layers } }, tensors, batch);
          };
          all.push(tf.tidy(run) as tf.Tensor2D);
        }
        wanted.push(...own);
      }
    }
    const oneHot = tf.oneHot(tf.tensor1d(wanted, 'int32'), logits);
    return { features: tf.concat(all), labels: tf.cast(oneHot, 'float32') };
  });
  /** Takes the logits' columns of a row of the last layer; a new one is 0. */
  const take = (values: Float32Array, row: number): number[] =>
    Array.from({ length: logits }, (_, i) =>
      first + i < known ? (values[row * known + first + i] as number) : 0,
    );
  const head = {
    kernel: tf.variable(tf.tensor2d(Array.from({ length: rows }, (_, row) => take(kernel, row)))),
    bias: tf.variable(tf.tensor1d(take(bias, 0))),
  };
  const measureLoss = (): tf.Scalar =>
    tf.tidy(() => {
      const sums = tf.add(tf.matMul(features as tf.Tensor2D, head.kernel), head.bias);
      const loss = tf.losses.softmaxCrossEntropy(labels, tf.mul(LOGIT_RANGE, tf.tanh(sums)));
      return tf.add(loss, tf.mul(DECAY, tf.sum(tf.square(head.kernel))));
    });
  for (const { steps, learningRate } of SCHEDULE) {
    const adam = tf.train.adam(learningRate);
    for (let step = 0; step < steps; step++) {
      adam.minimize(measureLoss, false, [head.kernel, head.bias]);
    }
    adam.dispose();
  }
  const learned = await Promise.all([head.kernel, head.bias].map((each) => each.data()));
  tf.dispose([features, labels, head.kernel, head.bias]);
  const [wideKernel, wideBias] = ([kernel, bias] as const).map((values, i) => {
    const count = values.length / known;
    const wide = new Float32Array(count * (first + logits));
    for (let row = 0; row < count; row++) {
      const at = row * (first + logits);
      wide.set(values.subarray(row * known, row * known + first), at);
      wide.set((learned[i] as Float32Array).subarray(row * logits, (row + 1) * logits), at + first);
    }
    return wide;
  }) as [Float32Array, Float32Array];
  return joinArrays([...hidden, wideKernel, wideBias]);
}
