/**
 * The two updates that a GAN's training alternates. Each changes its own network only and leaves no tensor behind but
 * the loss that it returns. No I/O, no randomness: images and latents are given.
 */
import * as tf from '@tensorflow/tfjs';
import { runGenerator, type GeneratorPlan } from '../shared/generator.ts';
import { runDiscriminator } from './discriminator.ts';
import { computeDiscriminatorLoss, computeGeneratorLoss } from './losses.ts';
import { applyAdam, splitWeights, type NetworkState } from './network-state.ts';
import type { AdamConfig } from './preset.ts';

/** Both networks in training. */
export interface Gan {
  readonly plan: GeneratorPlan;
  readonly generator: NetworkState;
  readonly discriminator: NetworkState;
}

/**
 * Updates the discriminator on one batch.
 *
 * @param real    Real images, [batch, ...] in the range of training. Not disposed.
 * @param input   The generator's input, [batch, inputSize]. Not disposed.
 * @param update  Number of this update, from 1.
 * @returns       The loss before the update, a scalar. The caller disposes it.
 */
export function stepDiscriminator(gan: Gan, real: tf.Tensor, input: tf.Tensor2D, adam: AdamConfig, update: number): tf.Scalar {
  return tf.tidy(() => {
    const { plan, generator, discriminator } = gan;
    const fake = runGenerator(plan, splitWeights(generator.specs, generator.weights), input); // [batch, height, width, channels]
    const { value, grads } = tf.variableGrads(() => {
      const weights = splitWeights(discriminator.specs, discriminator.weights);
      return computeDiscriminatorLoss(runDiscriminator(weights, real), runDiscriminator(weights, fake));
    }, [discriminator.weights]);
    applyAdam(discriminator, grads[discriminator.weights.name] as tf.Tensor1D, adam, update);
    return value;
  });
}

/**
 * Updates the generator on one batch.
 *
 * @param input   The generator's input, [batch, inputSize]. Not disposed.
 * @param update  Number of this update, from 1.
 * @returns       The loss before the update, a scalar. The caller disposes it.
 */
export function stepGenerator(gan: Gan, input: tf.Tensor2D, adam: AdamConfig, update: number): tf.Scalar {
  return tf.tidy(() => {
    const { plan, generator, discriminator } = gan;
    const judge = splitWeights(discriminator.specs, discriminator.weights);
    const { value, grads } = tf.variableGrads(() => {
      const fake = runGenerator(plan, splitWeights(generator.specs, generator.weights), input);
      return computeGeneratorLoss(runDiscriminator(judge, fake));
    }, [generator.weights]);
    applyAdam(generator, grads[generator.weights.name] as tf.Tensor1D, adam, update);
    return value;
  });
}
