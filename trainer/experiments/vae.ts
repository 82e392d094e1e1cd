/**
 * A variational autoencoder (Kingma and Welling 2014, arXiv 1312.6114) whose decoder is a generator: the start that the
 * tutorial asks about. No I/O.
 */
import * as tf from '@tensorflow/tfjs';
import { sizeOf, type GeneratorPlan, type WeightSpec } from '../../shared/model/generator.ts';
import { runGenerator } from '../gan/networks.ts';
import { drawWords, fillUniform, type RandomKey } from '../../shared/model/random.ts';
import {
  applyAdam,
  computeAdamAmounts,
  createState,
  disposeState,
  drawInitialArrays,
  splitWeights,
  type NetworkState,
} from '../gan/network-state.ts';
import { PURPOSES, type AdamConfig } from '../gan/preset.ts';
import { applyPrior } from '../gan/noise.ts';

/** How the decoder is trained. */
export interface VaeConfig {
  /** Updates, of as many images each as the GAN's. */
  readonly steps: number;
  /** Of the encoder's only hidden layer, relu. */
  readonly encoderUnits: number;
  /** The VAE's standard normal latents reach the decoder times this: as wide as those that the GAN will draw. */
  readonly latentDeviation: number;
  /** Of both halves. */
  readonly adam: AdamConfig;
}

/** Both halves in training. The decoder is somebody else's. */
export interface Vae {
  readonly config: VaeConfig;
  /** The generator without its last activation: it gives logits. */
  readonly plan: GeneratorPlan;
  readonly encoder: NetworkState;
  readonly decoder: NetworkState;
}

/**
 * Adds an encoder to a generator whose last dense layer has a sigmoid. The caller disposes it: see {@link disposeVae}.
 *
 * @param decoder  The generator's weights, which training changes.
 * @param key      The run's: the encoder's starting weights come from a stream of their own.
 */
export function createVae(
  config: VaeConfig,
  plan: GeneratorPlan,
  decoder: NetworkState,
  key: RandomKey,
): Vae {
  const { latentSize } = plan.config;
  const specs: WeightSpec[] = [
    { name: 'hidden/kernel', shape: [sizeOf(plan.outputShape), config.encoderUnits] },
    { name: 'hidden/bias', shape: [config.encoderUnits] },
    { name: 'moments/kernel', shape: [config.encoderUnits, 2 * latentSize] },
    { name: 'moments/bias', shape: [2 * latentSize] },
  ];
  const encoder = createState(specs, drawInitialArrays(specs, key, PURPOSES.encoderWeights));
  const layers = plan.config.layers.map((layer) =>
    layer.type === 'dense' && layer.activation === 'sigmoid'
      ? { ...layer, activation: 'linear' as const }
      : layer,
  );
  return { config, plan: { ...plan, config: { ...plan.config, layers } }, encoder, decoder };
}

/** Frees the encoder; the decoder stays. */
export function disposeVae({ encoder }: Vae): void {
  disposeState(encoder);
}

/**
 * Draws what the latents of a step are moved by: standard normal.
 *
 * @returns  [batch, latentSize]. The caller disposes it.
 */
export function drawNoise(
  { plan }: Vae,
  batchSize: number,
  key: RandomKey,
  step: number,
): tf.Tensor2D {
  const { latentSize } = plan.config;
  const values = new Float32Array(batchSize * latentSize);
  fillUniform(drawWords(key, PURPOSES.encoderNoise, step, values.length), values);
  return tf.tensor2d(applyPrior({ shape: 'gaussian', deviation: 1 }, values), [
    batchSize,
    latentSize,
  ]);
}

/**
 * Updates both halves on one batch, by the evidence lower bound with one draw an image.
 *
 * @param images  [batch, height, width, 1], from 0 to 1. Not disposed.
 * @param noise   From {@link drawNoise}. Not disposed.
 * @param update  Number of this update, from 1.
 * @returns       The loss before the update in nats an image, a scalar. The caller disposes it.
 */
export function stepVae(
  vae: Vae,
  images: tf.Tensor4D,
  noise: tf.Tensor2D,
  update: number,
): tf.Scalar {
  const { encoder, decoder, config } = vae;
  return tf.tidy(() => {
    const { value, grads } = tf.variableGrads(
      () => computeVaeLoss(vae, images, noise),
      [encoder.weights, decoder.weights],
    );
    for (const state of [encoder, decoder]) {
      applyAdam(
        state,
        grads[state.weights.name] as tf.Tensor1D,
        config.adam,
        computeAdamAmounts(config.adam, update),
      );
    }
    return value;
  });
}

function computeVaeLoss(
  { config, plan, encoder, decoder }: Vae,
  images: tf.Tensor4D,
  noise: tf.Tensor2D,
): tf.Scalar {
  const [hiddenKernel, hiddenBias, kernel, bias] = splitWeights(encoder.specs, encoder.weights) as [
    tf.Tensor2D,
    tf.Tensor1D,
    tf.Tensor2D,
    tf.Tensor1D,
  ];
  const batch = images.shape[0];
  const pixels = tf.reshape(images, [batch, -1]) as tf.Tensor2D; // [batch, pixels]
  const hidden = tf.relu(tf.add(tf.matMul(pixels, hiddenKernel), hiddenBias)) as tf.Tensor2D; // [batch, encoderUnits]
  const moments = tf.add(tf.matMul(hidden, kernel), bias); // [batch, 2 * latentSize]
  const [mean, logVariance] = tf.split(moments, 2, 1) as [tf.Tensor2D, tf.Tensor2D]; // [batch, latentSize] each
  const latents = tf.add(mean, tf.mul(tf.exp(tf.div(logVariance, 2)), noise)); // [batch, latentSize]
  const input = tf.mul(latents, config.latentDeviation) as tf.Tensor2D;
  const output = runGenerator(plan, splitWeights(decoder.specs, decoder.weights), input); // [batch, height, width, 1]
  const logits = tf.reshape(output, [batch, -1]); // [batch, pixels]
  // Pixels as probabilities: cross entropy from logits, softplus(x) - x t.
  const reconstruction = tf.sum(tf.sub(tf.softplus(logits), tf.mul(logits, pixels)), 1); // [batch]
  const squares = tf.sub(tf.add(tf.exp(logVariance), tf.square(mean)), tf.add(logVariance, 1)); // [batch, latentSize]
  const divergence = tf.mul(tf.sum(squares, 1), 0.5); // [batch]
  return tf.mean(tf.add(reconstruction, divergence));
}
