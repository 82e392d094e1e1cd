/**
 * The forward passes of generator and discriminator in TensorFlow.js, for training.
 *
 * The discriminator gives one logit an image; the loss holds the sigmoid, where it is stable. A
 * gradient penalty differentiates the discriminator twice. TensorFlow.js 4.22 does that right for
 * few operations: tanh, sigmoid, softmax and swish give wrong results silently; leakyRelu, pooling
 * and prelu throw. Do not use them in a discriminator.
 */
import * as tf from '@tensorflow/tfjs';
import {
  LEAKY_SLOPE,
  type Activation,
  type GeneratorPlan,
  type LayerConfig,
  type WeightSpec,
} from '../../shared/model/generator.ts';
import { joinInput } from '../../shared/model/random.ts';
import type { PixelRange } from '../../shared/picture/pixels.ts';
import { activate, computeLogits, convolve, KERNELS, type FusedActivation } from './fused.ts';

/** Whether the current backend has the kernels of `fused.ts`. */
export function hasFusedKernels(): boolean {
  return tf.getKernel(KERNELS.blend, tf.getBackend()) !== undefined;
}

/** Puts latents and labels on the backend as a generator's input, [count, inputSize]. */
export function buildInput(
  plan: GeneratorPlan,
  latents: Float32Array,
  labels: Uint8Array | null,
): tf.Tensor2D {
  const count = latents.length / plan.config.latentSize;
  return tf.tensor2d(joinInput(plan, latents, labels), [count, plan.inputSize]);
}

/** @returns  One-hot labels, [batch, classes]. The caller disposes them. */
export function encodeLabels(labels: Uint8Array, classes: number): tf.Tensor2D {
  const values = new Float32Array(labels.length * classes);
  labels.forEach((label, i) => (values[i * classes + label] = 1));
  return tf.tensor2d(values, [labels.length, classes]);
}

/**
 * @param weights  In the order and shapes of `plan.weights`. Not disposed.
 * @param input    From {@link buildInput}. Not disposed.
 * @returns        [batch, height, width, channels] in the training's pixel range.
 */
export function runGenerator(
  plan: GeneratorPlan,
  weights: readonly tf.Tensor[],
  input: tf.Tensor2D,
): tf.Tensor4D {
  return tf.tidy(() => {
    const rest = [...weights];
    const output = plan.config.layers.reduce<tf.Tensor>(
      (x, layer) => applyLayer(layer, x, rest),
      input,
    );
    return output as tf.Tensor4D;
  });
}

/** @param rest  The weights from this layer on. A layer takes its own off the front. */
function applyLayer(layer: LayerConfig, x: tf.Tensor, rest: tf.Tensor[]): tf.Tensor {
  switch (layer.type) {
    case 'dense': {
      const [b, bias] = rest.splice(0, 2) as [tf.Tensor2D, tf.Tensor1D];
      const a = x as tf.Tensor2D;
      const own = pickFused(layer.activation);
      if (own !== undefined) {
        return activate(tf.matMul(a, b), bias, own); // [batch, units]
      }
      const y = tf.fused.matMul({ a, b, bias, ...fuse(layer.activation) });
      return finish(layer.activation, y); // [batch, units]
    }
    case 'conv2d': {
      const [filter, bias] = rest.splice(0, 2) as [tf.Tensor4D, tf.Tensor1D];
      const geometry = { x: x as tf.Tensor4D, filter, strides: 1, pad: 'same' } as const;
      const own = pickFused(layer.activation);
      if (own !== undefined) {
        return own.type === 'leaky' // [batch, height, width, filters]
          ? convolve(geometry.x, filter, bias, 1, own)
          : activate(tf.conv2d(geometry.x, filter, 1, 'same'), bias, own);
      }
      const y = tf.fused.conv2d({ ...geometry, bias, ...fuse(layer.activation) });
      return finish(layer.activation, y); // [batch, height, width, filters]
    }
    case 'depthToSpace':
      // [batch, block * height, block * width, channels]
      return depthToSpace(x as tf.Tensor4D, layer.blockSize);
    case 'reshape':
      return tf.reshape(x, [-1, ...layer.shape]); // [batch, height, width, channels]
  }
}

const FUSED_NAMES = {
  linear: 'linear',
  relu: 'relu',
  leakyRelu: 'leakyrelu',
  sigmoid: 'sigmoid',
  tanh: 'linear', // the wasm kernels cannot fuse it: see `finish`
} as const satisfies Record<Activation, string>;

function fuse(activation: Activation) {
  return { activation: FUSED_NAMES[activation], leakyreluAlpha: LEAKY_SLOPE };
}

/** In a gradient TensorFlow.js fuses no activation. Elsewhere it does. */
function pickFused(activation: Activation): FusedActivation | undefined {
  return tf.engine().isTapeOn() && hasFusedKernels() ? FUSED_ACTIVATIONS[activation] : undefined;
}

const RELU = { type: 'leaky', below: 0, atZero: 0 } as const;

const FUSED_ACTIVATIONS: Readonly<Record<Activation, FusedActivation | undefined>> = {
  linear: undefined,
  relu: RELU,
  leakyRelu: { type: 'leaky', below: LEAKY_SLOPE, atZero: LEAKY_SLOPE },
  sigmoid: { type: 'sigmoid' },
  tanh: { type: 'tanh' },
};

function finish(activation: Activation, y: tf.Tensor): tf.Tensor {
  return activation === 'tanh' ? tf.tanh(y) : y;
}

/** `tf.depthToSpace` with the gradient that TensorFlow.js lacks. */
export function depthToSpace(input: tf.Tensor4D, block: number): tf.Tensor4D {
  const operation = tf.customGrad((x) => ({
    value: tf.depthToSpace(x as tf.Tensor4D, block),
    gradFunc: (dy: tf.Tensor) => spaceToDepth(dy as tf.Tensor4D, block),
  }));
  return operation(input) as tf.Tensor4D;
}

/** Reverses {@link depthToSpace}: [batch, height / block, width / block, channels * block^2]. */
export function spaceToDepth(input: tf.Tensor4D, block: number): tf.Tensor4D {
  const [batch, height, width, channels] = input.shape;
  const [rows, columns] = [height / block, width / block];
  const blocks = tf.reshape(input, [batch, rows, block, columns, block, channels]);
  const pixels = tf.transpose(blocks, [0, 1, 3, 2, 4, 5]);
  return tf.reshape(pixels, [batch, rows, columns, channels * block * block]);
}

/**
 * Clamps images to the range of their pixels, as serving does: the discriminator sees exact paper
 * and ink. The whole gradient passes, and tanh bounds the values outside. If only the part passed
 * that leads back, its noise would become a drift, and pixels would gather at the range's edge.
 */
export function clampImages(images: tf.Tensor4D, [low, high]: PixelRange): tf.Tensor4D {
  const operation = tf.customGrad((x) => ({
    value: tf.clipByValue(x as tf.Tensor, low, high),
    gradFunc: (dy: tf.Tensor) => dy,
  }));
  return operation(images) as tf.Tensor4D;
}

/** A discriminator as data. To add one: a member here and a case in the two functions below. */
export type DiscriminatorConfig =
  /** Dense layers of these sizes with relu. It ignores labels. */
  | { readonly type: 'dense'; readonly units: readonly number[] }
  /**
   * Convolutions of stride 2, then a dense layer, all with leaky relu. Labels enter by projection
   * (Miyato and Koyama 2018): the logit gains the product of the features with the class's vector.
   */
  | {
      readonly type: 'convolutional';
      readonly filters: readonly number[];
      /** A number for each of `filters`. */
      readonly kernelSizes: readonly number[];
      readonly units: number;
    };

const STRIDE = 2;

/** A discriminator with the names and shapes of its weights. */
export interface DiscriminatorPlan {
  readonly config: DiscriminatorConfig;
  readonly weights: readonly WeightSpec[];
}

/** Lists a discriminator's weights. @param classes  The number of labels; 0 for none. */
export function planDiscriminator(
  config: DiscriminatorConfig,
  [height, width, channels]: readonly [number, number, number],
  classes: number,
): DiscriminatorPlan {
  switch (config.type) {
    case 'dense':
      return { config, weights: planDense([height * width * channels, ...config.units, 1]) };
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
      return { config, weights };
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
 * Inputs are not disposed.
 * @param weights  In the order of the plan.
 * @param images   [batch, height, width, channels] in the training's pixel range.
 * @param labels   One-hot [batch, classes]; null without classes.
 * @returns        Logits [batch, 1], above 0 for real.
 */
export function runDiscriminator(
  { config }: DiscriminatorPlan,
  weights: readonly tf.Tensor[],
  images: tf.Tensor4D,
  labels: tf.Tensor2D | null,
): tf.Tensor2D {
  return tf.tidy(() => {
    const rest = [...weights];
    const batch = images.shape[0];
    switch (config.type) {
      case 'dense': {
        let x = tf.reshape(images, [batch, -1]) as tf.Tensor2D; // [batch, pixels]
        while (rest.length > 2) {
          const [kernel, bias] = rest.splice(0, 2) as [tf.Tensor2D, tf.Tensor1D];
          const y: tf.Tensor2D = tf.matMul(x, kernel);
          // [batch, units]
          x = hasFusedKernels() ? activate(y, bias, RELU) : tf.relu(tf.add(y, bias));
        }
        return projectLogits(x, rest, null); // [batch, 1]
      }
      case 'convolutional': {
        let x = images;
        for (let i = 0; i < config.filters.length; i++) {
          const [kernel, bias] = rest.splice(0, 2) as [tf.Tensor4D, tf.Tensor1D];
          // [batch, height / 2, width / 2, filters]
          x = hasFusedKernels()
            ? convolve(x, kernel, bias, STRIDE, LEAKY_RELU)
            : leakyRelu(tf.add(tf.conv2d(x, kernel, STRIDE, 'same'), bias));
        }
        const flat = tf.reshape(x, [batch, -1]) as tf.Tensor2D;
        const [kernel, bias] = rest.splice(0, 2) as [tf.Tensor2D, tf.Tensor1D];
        const y: tf.Tensor2D = tf.matMul(flat, kernel);
        // [batch, units]
        const features: tf.Tensor2D = hasFusedKernels()
          ? activate(y, bias, LEAKY_RELU)
          : leakyRelu(tf.add(y, bias));
        return projectLogits(features, rest, labels); // [batch, 1]
      }
    }
  });
}

/**
 * Computes logits, [batch, 1], from features, [batch, units].
 * @param rest  The last dense layer's weights and, with labels, their projection.
 */
function projectLogits(
  features: tf.Tensor2D,
  rest: readonly tf.Tensor[],
  labels: tf.Tensor2D | null,
): tf.Tensor2D {
  const [kernel, bias, projection] = rest as [tf.Tensor2D, tf.Tensor1D, tf.Tensor2D];
  if (hasFusedKernels()) {
    return computeLogits(features, { kernel, bias, ...(labels && { projection, labels }) });
  }
  const logits: tf.Tensor2D = tf.add(tf.matMul(features, kernel), bias);
  if (labels === null) {
    return logits;
  }
  const projected = tf.matMul(features, projection); // [batch, classes]
  return tf.add(logits, tf.sum(tf.mul(projected, labels), 1, true));
}

const LEAKY_RELU = { type: 'leaky', below: LEAKY_SLOPE, atZero: (1 + LEAKY_SLOPE) / 2 } as const;

/**
 * Leaky relu that can be differentiated twice: x times its slope, which is a constant to every
 * gradient. Built from relu and neg instead, a training step took 1.6 times as long.
 */
const leakyRelu = tf.customGrad((x, save) => {
  const middle = (1 + LEAKY_SLOPE) / 2;
  // 1 above 0, LEAKY_SLOPE below
  const slopes = tf.add(tf.mul(tf.sign(x as tf.Tensor), 1 - middle), middle);
  (save as (kept: tf.Tensor[]) => void)([slopes]);
  return {
    value: tf.mul(x as tf.Tensor, slopes),
    gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(dy, saved[0] as tf.Tensor),
  };
}) as <T extends tf.Tensor>(x: T) => T;
