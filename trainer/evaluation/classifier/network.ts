/**
 * Small convolutional classifiers: their weights and the forward pass, on any backend of
 * TensorFlow.js. The evaluation's classifier is one, the fresh networks of the classification
 * accuracy score are others.
 */
import * as tf from '@tensorflow/tfjs';
import { sizeOf, type WeightSpec } from '../../../shared/model/generator.ts';

/** A convolution with relu. */
export interface ConvolutionConfig {
  readonly filters: number;
  /** Side of the kernel in pixels. */
  readonly size: number;
  readonly stride: number;
  readonly padding: 'same' | 'valid';
}

/**
 * A classifier of grey images: convolutions, a dense layer with relu (the features), and a dense
 * layer (the logits).
 */
export interface ClassifierConfig {
  /** Side of the square images in pixels. */
  readonly side: number;
  readonly convolutions: readonly ConvolutionConfig[];
  readonly features: number;
  readonly classes: number;
}

/**
 * The evaluation's classifier: 3.1 million multiply-accumulates an image, below 1 MB of weights.
 */
export const CLASSIFIER_CONFIG: ClassifierConfig = {
  side: 28,
  convolutions: [
    { filters: 32, size: 5, stride: 2, padding: 'same' }, // 14 x 14
    { filters: 32, size: 3, stride: 1, padding: 'valid' }, // 12 x 12
    { filters: 64, size: 3, stride: 2, padding: 'same' }, // 6 x 6
    { filters: 96, size: 3, stride: 1, padding: 'valid' }, // 4 x 4
  ],
  features: 72, // Relu keeps some at 0 for every digit: 8 in the shipped classifier.
  classes: 10,
};

/**
 * Lists a classifier's weights: kernel and bias of each convolution, of the features and of the
 * logits.
 *
 * @throws RangeError  When a kernel is larger than its input.
 */
export function planClassifier({
  side,
  convolutions,
  features,
  classes,
}: ClassifierConfig): WeightSpec[] {
  const specs: WeightSpec[] = [];
  let [size, channels] = [side, 1];
  for (const [i, layer] of convolutions.entries()) {
    specs.push(
      { name: `conv_${i}/kernel`, shape: [layer.size, layer.size, channels, layer.filters] },
      { name: `conv_${i}/bias`, shape: [layer.filters] },
    );
    size = Math.ceil((layer.padding === 'same' ? size : size - layer.size + 1) / layer.stride);
    channels = layer.filters;
    if (size < 1) {
      throw new RangeError(`convolution ${i}: its kernel of ${layer.size} does not fit`);
    }
  }
  specs.push(
    { name: 'features/kernel', shape: [size * size * channels, features] },
    { name: 'features/bias', shape: [features] },
    { name: 'logits/kernel', shape: [features, classes] },
    { name: 'logits/bias', shape: [classes] },
  );
  return specs;
}

export function countParameters(specs: readonly WeightSpec[]): number {
  return specs.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

/** A classifier's output. A type, since tf.tidy does not accept interfaces. */
export type ClassifierOutput = {
  /** [batch, features], each >= 0: the last hidden layer, after relu. */
  readonly features: tf.Tensor2D;
  /** [batch, classes] */
  readonly logits: tf.Tensor2D;
};

/**
 * Runs a classifier.
 *
 * @param weights  In the order and shapes of {@link planClassifier}. Not disposed.
 * @param images   [batch, side, side, 1], 0 for paper to 1 for full ink. Not disposed.
 * @returns        The caller disposes both tensors.
 */
export function runClassifier(
  config: ClassifierConfig,
  weights: readonly tf.Tensor[],
  images: tf.Tensor4D,
): ClassifierOutput {
  return tf.tidy(() => {
    let x = images;
    for (const [i, { stride, padding }] of config.convolutions.entries()) {
      const [kernel, bias] = weights.slice(2 * i, 2 * i + 2) as [tf.Tensor4D, tf.Tensor1D];
      x = tf.relu(tf.add(tf.conv2d(x, kernel, stride, padding), bias)); // [batch, height, width, filters]
    }
    const [kernel, bias, lastKernel, lastBias] = weights.slice(-4) as [
      tf.Tensor2D,
      tf.Tensor1D,
      tf.Tensor2D,
      tf.Tensor1D,
    ];
    const flat = tf.reshape(x, [x.shape[0], -1]) as tf.Tensor2D; // [batch, height * width * filters]
    const features = tf.relu(tf.add(tf.matMul(flat, kernel), bias)) as tf.Tensor2D; // [batch, features]
    const logits = tf.add(tf.matMul(features, lastKernel), lastBias) as tf.Tensor2D; // [batch, classes]
    return { features, logits };
  });
}
