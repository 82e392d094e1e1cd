/**
 * The two updates that GAN training alternates. Each changes its own network and leaves only its
 * loss behind. Images, latents and amounts are given: no I/O, no randomness.
 */
import * as tf from '@tensorflow/tfjs';
import type { GeneratorPlan } from '../../shared/model/generator.ts';
import {
  computeDiscriminatorTerms,
  computeGeneratorLoss,
  computeRelativisticLoss,
  type Judge,
} from './losses.ts';
import { applyAdam, splitWeights, type Amount, type NetworkState } from './network-state.ts';
import { runDiscriminator, runGenerator, type DiscriminatorPlan } from './networks.ts';
import type { TrainingConfig } from './preset.ts';

/** Both networks in training. */
export interface Gan {
  readonly config: Pick<TrainingConfig, 'objective' | 'generatorAdam' | 'discriminatorAdam'>;
  readonly plan: GeneratorPlan;
  readonly judge: DiscriminatorPlan;
  readonly generator: NetworkState;
  readonly discriminator: NetworkState;
  /** The moving average of the generator's weights, [parameters]; null without one. */
  readonly average: tf.Variable<tf.Rank.R1> | null;
}

/** The weights to sample with and to export: the moving average if there is one. */
export function pickShippedWeights({ average, generator }: Gan): tf.Variable<tf.Rank.R1> {
  return average ?? generator.weights;
}

/** The tensors of one update. The caller owns them. */
export interface Batch {
  /** Real images, [batch, height, width, channels] in the training's pixel range. */
  readonly real: tf.Tensor4D;
  /** The generator's input, [batch, inputSize], with the labels of `real`. */
  readonly input: tf.Tensor2D;
  /** Labels of both, one-hot [batch, classes]; null without classes. */
  readonly labels: tf.Tensor2D | null;
  /**
   * Moves real and generated images alike by whole pixels, so the generator does not learn the
   * move.
   */
  readonly augment: (images: tf.Tensor4D) => tf.Tensor4D;
}

/**
 * The numbers of a step that change from step to step. A graph takes them as scalars, see {@link
 * Amount}.
 */
export interface StepAmounts<T extends Amount = Amount> {
  /** For Adam: see `AdamAmounts`. */
  readonly discriminatorRate: T;
  readonly discriminatorRoot: T;
  readonly generatorRate: T;
  readonly generatorRoot: T;
  /** Half of gamma: the weight of each gradient penalty. Unused without penalties. */
  readonly penaltyWeight: T;
  /** How far the average moves: average = kept * average + taken * weights. They add up to 1. */
  readonly averageKept: T;
  readonly averageTaken: T;
}

/** A scalar inside an update that a probe can read. */
export type StepFigure =
  /** L2 norm of a network's whole gradient, penalties included, before Adam scales it. */
  | 'discriminatorGradientNorm'
  | 'generatorGradientNorm'
  /**
   * The gradient penalties on real and on generated images, without gamma / 2, if there are any.
   */
  | 'r1'
  | 'r2';

/** Receives figures while a step computes them. It clones those that must outlive the call. */
export type Probe = (figure: StepFigure, value: tf.Scalar) => void;

/**
 * Updates the discriminator on one batch.
 *
 * @param probe  Without a probe, no figure is computed. The update has the same bits either way.
 * @returns      The loss before the update, without penalties, a scalar. The caller disposes it.
 */
export function updateDiscriminator(
  gan: Gan,
  batch: Batch,
  amounts: StepAmounts,
  probe?: Probe,
): tf.Scalar {
  return tf.tidy(() => {
    const { discriminator, config } = gan;
    const fake = batch.augment(generateImages(gan, batch.input));
    const real = batch.augment(batch.real);
    const losses: tf.Scalar[] = [];
    const { grads } = tf.variableGrads(() => {
      const judge = createJudge(gan);
      const { objective } = config;
      const terms = computeDiscriminatorTerms(objective, judge, real, fake, batch.labels);
      const { loss, penalties } = terms;
      losses.push(tf.keep(tf.clone(loss)));
      penalties.forEach((penalty, i) => probe?.(i === 0 ? 'r1' : 'r2', penalty));
      if (penalties.length === 0) {
        return loss;
      }
      const penalty = penalties.reduce((sum, other) => tf.add(sum, other));
      return tf.add(loss, tf.mul(penalty, amounts.penaltyWeight));
    }, [discriminator.weights]);
    const gradient = grads[discriminator.weights.name] as tf.Tensor1D; // [parameters]
    probe?.('discriminatorGradientNorm', computeNorm(gradient));
    applyAdam(discriminator, gradient, config.discriminatorAdam, {
      rate: amounts.discriminatorRate,
      root: amounts.discriminatorRoot,
    });
    return releaseToTidy(losses[0] as tf.Scalar);
  });
}

/**
 * Updates the generator on one batch.
 *
 * @returns  The loss before the update, a scalar. The caller disposes it.
 */
export function updateGenerator(
  gan: Gan,
  batch: Batch,
  amounts: StepAmounts,
  probe?: Probe,
): tf.Scalar {
  return tf.tidy(() => {
    const { generator, config } = gan;
    const judge = createJudge(gan);
    const realLogits =
      config.objective.type === 'relativistic'
        ? judge(batch.augment(batch.real), batch.labels)
        : null;
    const { value, grads } = tf.variableGrads(() => {
      const fake = batch.augment(generateImages(gan, batch.input));
      const fakeLogits = judge(fake, batch.labels);
      return realLogits === null
        ? computeGeneratorLoss(fakeLogits)
        : computeRelativisticLoss(fakeLogits, realLogits);
    }, [generator.weights]);
    const gradient = grads[generator.weights.name] as tf.Tensor1D; // [parameters]
    probe?.('generatorGradientNorm', computeNorm(gradient));
    applyAdam(generator, gradient, config.generatorAdam, {
      rate: amounts.generatorRate,
      root: amounts.generatorRoot,
    });
    return value;
  });
}

/** Moves the average towards the generator's weights, in place. */
export function updateAverage(
  { average, generator }: Gan,
  { averageKept, averageTaken }: StepAmounts,
): void {
  tf.tidy(() =>
    average?.assign(tf.add(tf.mul(average, averageKept), tf.mul(generator.weights, averageTaken))),
  );
}

function generateImages({ plan, generator }: Gan, input: tf.Tensor2D): tf.Tensor4D {
  return runGenerator(plan, splitWeights(generator.specs, generator.weights), input);
}

function createJudge({ judge, discriminator }: Gan): Judge {
  const weights = splitWeights(discriminator.specs, discriminator.weights);
  return (images, labels) => runDiscriminator(judge, weights, images, labels);
}

function computeNorm(gradient: tf.Tensor1D): tf.Scalar {
  return tf.sqrt(tf.sum(tf.square(gradient)));
}

/** Hands a kept tensor over to the current tidy. */
function releaseToTidy(tensor: tf.Scalar): tf.Scalar {
  const copy = tf.clone(tensor);
  tensor.dispose();
  return copy;
}
