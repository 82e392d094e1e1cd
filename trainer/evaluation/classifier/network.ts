/**
 * Small convolutional classifiers on any backend of TensorFlow.js: the evaluation's own, and the
 * fresh networks of the classification accuracy score.
 */
import * as tf from '@tensorflow/tfjs';
import { sizeOf, type WeightSpec } from '../../../shared/model/generator.ts';
import { decodePixels } from '../../../shared/picture/pixels.ts';
import type { Dataset } from '../../data/dataset.ts';
import { splitWeights } from '../../gan/network-state.ts';

/**
 * A classifier of square images: convolutions with relu, a dense layer with relu (the
 * features), and a dense layer (the logits).
 */
export interface ClassifierConfig {
  /** Side of the images in pixels. */
  readonly side: number;
  /** 1 (grey) or 3 (RGB); default 1. */
  readonly channels?: number;
  readonly convolutions: readonly {
    readonly filters: number;
    /** Side of the kernel in pixels. */
    readonly size: number;
    readonly stride: number;
    readonly padding: 'same' | 'valid';
  }[];
  readonly features: number;
  readonly classes: number;
}

/** The evaluation's: 3.1 million multiply-accumulates an image, below 1 MB of weights. */
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

/** A picture is halved until it is this small; then the evaluation's own layers follow. */
const LARGEST_SIDE = 28;
/** Smaller pictures need padding: the layers would have nothing left. */
const LEAST_SIDE = 13;

/**
 * Plans the classifier of pictures of any size: the layers of the evaluation's own, after as many
 * halvings as the size needs.
 */
export function fitClassifier(
  { convolutions, features }: ClassifierConfig,
  side: number,
  channels: number,
  classes: number,
): ClassifierConfig {
  const halvings: ClassifierConfig['convolutions'][number][] = [];
  let size = side;
  for (; size > LARGEST_SIDE; size = Math.ceil(size / 2)) {
    halvings.push({ filters: 32, size: 3, stride: 2, padding: 'same' });
  }
  const fitted = convolutions.map((layer) =>
    size < LEAST_SIDE ? { ...layer, padding: 'same' as const } : layer,
  );
  return { side, channels, convolutions: [...halvings, ...fitted], features, classes };
}

/**
 * Lists kernel and bias of each convolution, of the features and of the logits.
 * @throws RangeError  When a kernel is larger than its input.
 */
export function planClassifier(config: ClassifierConfig): WeightSpec[] {
  const { side, convolutions, features, classes } = config;
  const specs: WeightSpec[] = [];
  let [size, channels] = [side, config.channels ?? 1];
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

/**
 * @param weights  In the order and shapes of {@link planClassifier}. Not disposed.
 * @param images   [batch, side, side, channels], 0 to 1. Not disposed.
 * @returns        [batch, features], each >= 0, and [batch, classes]. The caller disposes both.
 */
export function runClassifier(
  config: ClassifierConfig,
  weights: readonly tf.Tensor[],
  images: tf.Tensor4D,
): { features: tf.Tensor2D; logits: tf.Tensor2D } {
  return tf.tidy(() => {
    let x = images; // [batch, height, width, filters]
    for (const [i, { stride, padding }] of config.convolutions.entries()) {
      const [kernel, bias] = weights.slice(2 * i, 2 * i + 2) as [tf.Tensor4D, tf.Tensor1D];
      x = tf.relu(tf.add(tf.conv2d(x, kernel, stride, padding), bias));
    }
    const [kernel, bias] = weights.slice(-4, -2) as [tf.Tensor2D, tf.Tensor1D];
    const [lastKernel, lastBias] = weights.slice(-2) as [tf.Tensor2D, tf.Tensor1D];
    const flat = tf.reshape(x, [x.shape[0], -1]) as tf.Tensor2D;
    const features = tf.relu(tf.add(tf.matMul(flat, kernel), bias)) as tf.Tensor2D;
    const logits = tf.add(tf.matMul(features, lastKernel), lastBias) as tf.Tensor2D;
    return { features, logits };
  });
}

/** Bounds the memory of {@link scoreImages}. */
const BATCH = 250;

/** `predictions` has the class with the largest logit for each image; the lowest of equals. */
export type Scores = ReturnType<typeof scoreImages>;

/** Scores images. @param images  Row-major [count, side, side, channels], 0..255. */
export function scoreImages(config: ClassifierConfig, weights: Float32Array, images: Uint8Array) {
  const { side, channels = 1 } = config;
  const size = side ** 2 * channels;
  const count = images.length / size;
  const features = new Float32Array(count * config.features);
  const predictions = new Uint8Array(count);
  const parts = tf.tidy(() => splitWeights(planClassifier(config), tf.tensor1d(weights)));
  for (let done = 0; done < count; done += BATCH) {
    const n = Math.min(BATCH, count - done);
    const pixels = decodePixels(images.subarray(done * size, (done + n) * size), [0, 1]);
    // Read outside of tidy, which searches what it returns for tensors, number by number.
    const output = tf.tidy(() =>
      runClassifier(config, parts, tf.tensor4d(pixels, [n, side, side, channels])),
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
  return { features, predictions };
}

export function countRight(config: ClassifierConfig, weights: Float32Array, test: Dataset) {
  const { predictions } = scoreImages(config, weights, test.images);
  return predictions.filter((prediction, i) => prediction === test.labels[i]).length;
}
