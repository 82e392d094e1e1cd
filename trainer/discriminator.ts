/**
 * The discriminator: dense layers with relu, and one raw logit (a sigmoid's place is in the loss, where it is stable).
 * Pure but for the tensors it makes.
 */
import * as tf from '@tensorflow/tfjs';
import type { WeightSpec } from '../shared/generator.ts';

/**
 * Lists a discriminator's weights.
 *
 * @param inputs  Numbers an image.
 * @param units   Of the hidden layers.
 */
export function planDiscriminator(inputs: number, units: readonly number[]): WeightSpec[] {
  const sizes = [inputs, ...units, 1];
  return sizes.slice(1).flatMap((size, i) => [
    { name: `dense_${i}/kernel`, shape: [sizes[i] as number, size] },
    { name: `dense_${i}/bias`, shape: [size] },
  ]);
}

/**
 * Runs a discriminator.
 *
 * @param weights  In the order of {@link planDiscriminator}. Not disposed.
 * @param images   [batch, ...], in the range of training. Not disposed.
 * @returns        Logits, [batch, 1]: above 0 for real. The caller disposes it.
 */
export function runDiscriminator(weights: readonly tf.Tensor[], images: tf.Tensor): tf.Tensor2D {
  return tf.tidy(() => {
    let x = tf.reshape(images, [images.shape[0] as number, -1]) as tf.Tensor2D; // [batch, pixels]
    for (let i = 0; i < weights.length; i += 2) {
      const [kernel, bias] = weights.slice(i, i + 2) as [tf.Tensor2D, tf.Tensor1D];
      const y = tf.add(tf.matMul(x, kernel), bias) as tf.Tensor2D;
      x = i + 2 < weights.length ? tf.relu(y) : y; // [batch, units]
    }
    return x; // [batch, 1]
  });
}
