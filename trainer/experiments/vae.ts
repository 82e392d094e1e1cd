/**
 * A variational autoencoder (Kingma and Welling 2014, arXiv 1312.6114) with a generator as its
 * decoder: the start that the tutorial asks about.
 */
import * as tf from '@tensorflow/tfjs';
import { sizeOf, type GeneratorPlan, type WeightSpec } from '../../shared/model/generator.ts';
import type { RandomKey } from '../../shared/model/random.ts';
import {
  applyAdam,
  computeAdamAmounts,
  createState,
  disposeState,
  drawInitialArrays,
  splitWeights,
  type NetworkState,
} from '../gan/network-state.ts';
import { runGenerator } from '../gan/networks.ts';
import { applyPrior, drawUniform } from '../gan/noise.ts';
import { PURPOSES, type AdamConfig } from '../gan/preset.ts';

export interface VaeConfig {
  /** Updates, with as many images each as the GAN's. */
  readonly steps: number;
  /** Units of the encoder's only hidden layer, relu. */
  readonly encoderUnits: number;
  /** Factor of the standard normal latents, which makes them as wide as the GAN's. */
  readonly latentDeviation: number;
  /** For both halves. */
  readonly adam: AdamConfig;
}

/** Both halves in training. The caller owns the decoder. */
export interface Vae {
  readonly config: VaeConfig;
  /** The generator without its last activation: it gives logits. */
  readonly plan: GeneratorPlan;
  readonly encoder: NetworkState;
  readonly decoder: NetworkState;
  /** Does a step on images, [batch, height, width, 1] from 0 to 1. Not disposed. */
  train(images: tf.Tensor4D, step: number): void;
  /** Frees the encoder; the decoder stays. */
  dispose(): void;
}

/** Adds an encoder to a generator that ends in a sigmoid. Training changes its weights. */
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
  const vae: Vae = {
    config,
    plan: { ...plan, config: { ...plan.config, layers } },
    encoder,
    decoder,
    train(images, step) {
      const noise = drawNoise(vae, images.shape[0], key, step);
      tf.dispose([noise, stepVae(vae, images, noise, step + 1)]);
      if (step + 1 === config.steps) {
        // Adam remembers another loss. The GAN's training starts, as always, from moments of 0.
        const { firstMoment, secondMoment } = decoder;
        tf.tidy(() => {
          firstMoment.assign(tf.zerosLike(firstMoment));
          secondMoment.assign(tf.zerosLike(secondMoment));
        });
      }
    },
    dispose: () => disposeState(encoder),
  };
  return vae;
}

/** Draws a step's standard normal noise, [batch, latentSize]. The caller disposes it. */
export function drawNoise(
  { plan }: Vae,
  batchSize: number,
  key: RandomKey,
  step: number,
): tf.Tensor2D {
  const { latentSize } = plan.config;
  const values = drawUniform(key, PURPOSES.encoderNoise, step, batchSize * latentSize);
  applyPrior({ shape: 'gaussian', deviation: 1 }, values);
  return tf.tensor2d(values, [batchSize, latentSize]);
}

/**
 * Updates both halves on one batch, by the evidence lower bound with one draw an image. Images and
 * noise are not disposed.
 * @param update  The number of this update, from 1.
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
    const amounts = computeAdamAmounts(config.adam, update);
    for (const state of [encoder, decoder]) {
      applyAdam(state, grads[state.weights.name] as tf.Tensor1D, config.adam, amounts);
    }
    return value;
  });
}

function computeVaeLoss(
  { config, plan, encoder, decoder }: Vae,
  images: tf.Tensor4D,
  noise: tf.Tensor2D,
): tf.Scalar {
  type Layer = [kernel: tf.Tensor2D, bias: tf.Tensor1D];
  const weights = splitWeights(encoder.specs, encoder.weights);
  const [hiddenKernel, hiddenBias, kernel, bias] = weights as [...Layer, ...Layer];
  const batch = images.shape[0];
  const pixels = tf.reshape(images, [batch, -1]) as tf.Tensor2D; // [batch, pixels]
  const sums: tf.Tensor2D = tf.add(tf.matMul(pixels, hiddenKernel), hiddenBias);
  const hidden = tf.relu(sums); // [batch, encoderUnits]
  const moments = tf.add(tf.matMul(hidden, kernel), bias); // [batch, 2 * latentSize]
  const [mean, logVariance] = tf.split(moments, 2, 1) as [tf.Tensor2D, tf.Tensor2D];
  const latents = tf.add(mean, tf.mul(tf.exp(tf.div(logVariance, 2)), noise));
  const input: tf.Tensor2D = tf.mul(latents, config.latentDeviation); // [batch, latentSize]
  const output = runGenerator(plan, splitWeights(decoder.specs, decoder.weights), input);
  const logits = tf.reshape(output, [batch, -1]); // [batch, pixels]
  // Cross entropy of pixels as probabilities, from logits: softplus(x) - x t.
  const reconstruction = tf.sum(tf.sub(tf.softplus(logits), tf.mul(logits, pixels)), 1); // [batch]
  const squares = tf.sub(tf.add(tf.exp(logVariance), tf.square(mean)), tf.add(logVariance, 1));
  const divergence = tf.mul(tf.sum(squares, 1), 0.5); // [batch]
  return tf.mean(tf.add(reconstruction, divergence));
}
