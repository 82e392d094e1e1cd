/**
 * The discriminators: one raw logit an image (a sigmoid's place is in the loss, where it is stable). Pure but for the
 * tensors it makes.
 *
 * A gradient penalty differentiates these networks twice, and TensorFlow.js 4.22 gets that right for few operations: no
 * tanh, sigmoid, softmax or swish (wrong in silence), no leakyRelu, pooling or prelu (they throw) may be used here.
 */
import * as tf from '@tensorflow/tfjs';
import { LEAKY_SLOPE, type WeightSpec } from '../../shared/model/generator.ts';

/** A discriminator as data. To add one: a member here and a case in the two functions below. */
export type DiscriminatorConfig =
  /** Dense layers of these sizes, relu after each. Does not look at labels. */
  | { readonly type: 'dense'; readonly units: readonly number[] }
  /**
   * Convolutions that halve the image each, then a dense layer, leaky relu after each. Labels enter by projection
   * (Miyato and Koyama 2018): the logit gains the features' product with the class's own vector.
   */
  | {
      readonly type: 'convolutional';
      readonly filters: readonly number[];
      /** One for each of `filters`. */
      readonly kernelSizes: readonly number[];
      readonly units: number;
    };

/** Stride of every convolution. */
const STRIDE = 2;

/** A discriminator with its weights' names and shapes. */
export interface DiscriminatorPlan {
  readonly config: DiscriminatorConfig;
  readonly image: readonly [height: number, width: number, channels: number];
  readonly classes: number;
  readonly weights: readonly WeightSpec[];
}

/**
 * Lists a discriminator's weights.
 *
 * @param image    Shape of an image.
 * @param classes  How many labels there are; 0 for none.
 */
export function planDiscriminator(
  config: DiscriminatorConfig,
  image: readonly [height: number, width: number, channels: number],
  classes: number,
): DiscriminatorPlan {
  const [height, width, channels] = image;
  switch (config.type) {
    case 'dense': {
      const weights = planDense([height * width * channels, ...config.units, 1]);
      return { config, image, classes, weights };
    }
    case 'convolutional': {
      const weights: WeightSpec[] = [];
      let [h, w, inputs] = [height, width, channels];
      config.filters.forEach((filters, i) => {
        const size = config.kernelSizes[i] ?? 3;
        weights.push(
          { name: `conv2d_${i}/kernel`, shape: [size, size, inputs, filters] },
          { name: `conv2d_${i}/bias`, shape: [filters] },
        );
        [h, w, inputs] = [Math.ceil(h / STRIDE), Math.ceil(w / STRIDE), filters];
      });
      weights.push(...planDense([h * w * inputs, config.units, 1]));
      if (classes > 0) {
        weights.push({ name: 'projection/kernel', shape: [config.units, classes] });
      }
      return { config, image, classes, weights };
    }
  }
}

function planDense(sizes: readonly number[]): WeightSpec[] {
  return sizes.slice(1).flatMap((size, i) => [
    { name: `dense_${i}/kernel`, shape: [sizes[i] as number, size] },
    { name: `dense_${i}/bias`, shape: [size] },
  ]);
}

/**
 * Runs a discriminator.
 *
 * @param weights  In the order of the plan. Not disposed.
 * @param images   [batch, height, width, channels], in the range of training. Not disposed.
 * @param labels   One-hot, [batch, classes]; null without classes. Not disposed.
 * @returns        Logits, [batch, 1]: above 0 for real. The caller disposes it.
 */
export function runDiscriminator(
  plan: DiscriminatorPlan,
  weights: readonly tf.Tensor[],
  images: tf.Tensor4D,
  labels: tf.Tensor2D | null,
): tf.Tensor2D {
  return tf.tidy(() => {
    const { config } = plan;
    const batch = images.shape[0];
    switch (config.type) {
      case 'dense': {
        let x = tf.reshape(images, [batch, -1]) as tf.Tensor2D; // [batch, pixels]
        for (let i = 0; i < weights.length; i += 2) {
          const y = affine(x, weights, i);
          x = i + 2 < weights.length ? tf.relu(y) : y; // [batch, units]
        }
        return x; // [batch, 1]
      }
      case 'convolutional': {
        let x = images;
        config.filters.forEach((_, i) => {
          const [kernel, bias] = weights.slice(2 * i, 2 * i + 2) as [tf.Tensor4D, tf.Tensor1D];
          x = leakyRelu(tf.add(tf.conv2d(x, kernel, STRIDE, 'same'), bias)); // [batch, height / 2, width / 2, filters]
        });
        const next = 2 * config.filters.length;
        const features = leakyRelu(affine(tf.reshape(x, [batch, -1]), weights, next)); // [batch, units]
        const logits = affine(features, weights, next + 2); // [batch, 1]
        if (labels === null) {
          return logits;
        }
        const projected = tf.matMul(features, weights[next + 4] as tf.Tensor2D); // [batch, classes]
        return tf.add(logits, tf.sum(tf.mul(projected, labels), 1, true)); // [batch, 1]
      }
    }
  });
}

function affine(x: tf.Tensor2D, weights: readonly tf.Tensor[], at: number): tf.Tensor2D {
  const [kernel, bias] = weights.slice(at, at + 2) as [tf.Tensor2D, tf.Tensor1D];
  return tf.add(tf.matMul(x, kernel), bias);
}

/**
 * Leaky relu that can be differentiated twice: the product of x and its slopes, which are constants to every gradient.
 * Made of relu and neg, as TensorFlow.js can differentiate by itself, a training step took 1.6 times as long.
 */
const leakyRelu = tf.customGrad((x, save) => {
  const middle = (1 + LEAKY_SLOPE) / 2;
  const slopes = tf.add(tf.mul(tf.sign(x as tf.Tensor), 1 - middle), middle); // 1 above 0, LEAKY_SLOPE below
  (save as (kept: tf.Tensor[]) => void)([slopes]);
  return {
    value: tf.mul(x as tf.Tensor, slopes),
    gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(dy, saved[0] as tf.Tensor),
  };
}) as <T extends tf.Tensor>(x: T) => T;
