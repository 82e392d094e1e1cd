/** The encoder's layers, and its forward pass in TensorFlow.js for training. */
import * as tf from '@tensorflow/tfjs';
import {
  ENCODER_LIMITS,
  type EncoderConfig,
  type EncoderPlan,
} from '../../shared/model/encoder.ts';
import {
  LEAKY_SLOPE,
  type Activation,
  type EncoderLayer,
  type GeneratorPlan,
  type LayerConfig,
  type NetworkPlan,
} from '../../shared/model/generator.ts';
import type { PixelRange } from '../../shared/picture/pixels.ts';
import { clampImages, depthToSpace, spaceToDepth } from '../gan/networks.ts';

/** Weights of the convolutions below, and numbers that the last one gives for 28 x 28 pixels. */
const CONVOLUTIONS = { parameters: 32_368, outputs: 784 } as const;

/**
 * Configures the encoder of a generator of 28 x 28 pixels: 1.7 million multiply-accumulates for ten
 * classes. More classes leave fewer hidden units, because the number of weights is limited.
 */
export function configureEncoder({ config }: GeneratorPlan): EncoderConfig {
  const convolve = (filters: number) =>
    ({ type: 'conv2d', filters, kernelSize: 3, activation: 'leakyRelu' }) as const;
  const outputs = config.classes * (config.latentSize + 1);
  // `--others` adds an output.
  const room = ENCODER_LIMITS.parameters - CONVOLUTIONS.parameters - (outputs + 1);
  const units = Math.min(112, Math.floor(room / (CONVOLUTIONS.outputs + 1 + outputs + 1)));
  return {
    layers: [
      { type: 'spaceToDepth', blockSize: 4 },
      convolve(64),
      convolve(32),
      convolve(16),
      { type: 'flatten' },
      { type: 'dense', units, activation: 'leakyRelu' },
      { type: 'dense', units: outputs, activation: 'tanh' },
    ],
  };
}

/**
 * Runs any network without fused operations, whose gradients would compute those of the weights
 * too. A generator does not need them here.
 * @param weights  In the order and shapes of the plan. Not disposed.
 */
export function runNetwork(
  plan: Pick<NetworkPlan, 'config'>,
  weights: readonly tf.Tensor[],
  input: tf.Tensor,
): tf.Tensor {
  const rest = [...weights];
  return plan.config.layers.reduce((x, layer) => applyLayer(layer, x, rest), input);
}

/** Weights of a plan as tensors, which the caller disposes. */
export function createWeights(
  { weights: plan }: Pick<NetworkPlan, 'weights'>,
  weights: readonly Float32Array[],
): tf.Tensor[] {
  return weights.map((values, i) => tf.tensor(values, [...(plan[i]?.shape ?? [])]));
}

/**
 * Draws with a generator as it is served, clamped to the range of its pixels.
 * @param input    [batch, inputSize]
 * @returns        Ink from 0 for paper to 1, [batch, height, width, channels].
 */
export function drawInk(
  plan: GeneratorPlan,
  weights: readonly tf.Tensor[],
  input: tf.Tensor,
  range: PixelRange,
): tf.Tensor4D {
  const [low, high] = range;
  const images = clampImages(runNetwork(plan, weights, input) as tf.Tensor4D, range);
  return tf.div(tf.sub(images, low), high - low);
}

/** Runs an encoder. @returns  [batch, classes, latentSize] and [batch, logits], both by tanh. */
export function runEncoder(
  plan: EncoderPlan,
  weights: readonly tf.Tensor[],
  images: tf.Tensor4D,
): { latents: tf.Tensor3D; logits: tf.Tensor2D } {
  const { classes, latentSize, logits: count } = plan;
  const output = runNetwork(plan, weights, images) as tf.Tensor2D;
  const [latents, logits] = tf.split(output, [classes * latentSize, count], 1) as [
    tf.Tensor2D,
    tf.Tensor2D,
  ];
  return { latents: tf.reshape(latents, [-1, classes, latentSize]), logits };
}

/** @param rest  The weights from this layer on. A layer takes its own off the front. */
function applyLayer(layer: LayerConfig | EncoderLayer, x: tf.Tensor, rest: tf.Tensor[]): tf.Tensor {
  switch (layer.type) {
    case 'dense': {
      const [kernel, bias] = rest.splice(0, 2) as [tf.Tensor2D, tf.Tensor1D];
      return activate(layer.activation, tf.add(tf.matMul(x as tf.Tensor2D, kernel), bias));
    }
    case 'conv2d': {
      const [kernel, bias] = rest.splice(0, 2) as [tf.Tensor4D, tf.Tensor1D];
      return activate(
        layer.activation,
        tf.add(tf.conv2d(x as tf.Tensor4D, kernel, 1, 'same'), bias),
      );
    }
    case 'depthToSpace':
      return depthToSpace(x as tf.Tensor4D, layer.blockSize);
    case 'spaceToDepth':
      return spaceToDepth(x as tf.Tensor4D, layer.blockSize);
    case 'flatten':
      return tf.reshape(x, [x.shape[0] as number, -1]);
    case 'reshape':
      return tf.reshape(x, [-1, ...layer.shape]);
  }
}

function activate(activation: Activation, x: tf.Tensor): tf.Tensor {
  switch (activation) {
    case 'linear':
      return x;
    case 'leakyRelu':
      return tf.leakyRelu(x, LEAKY_SLOPE);
    case 'relu':
      return tf.relu(x);
    case 'sigmoid':
      return tf.sigmoid(x);
    case 'tanh':
      return tf.tanh(x);
  }
}
