/**
 * The two updates that a GAN's training alternates. Each changes its own network only and leaves no tensor behind but
 * the loss that it returns. No I/O, no randomness: images and latents are given.
 */
import * as tf from '@tensorflow/tfjs';
import type { GeneratorPlan } from '../../shared/model/generator.ts';
import { runGenerator } from './generator-network.ts';
import { runDiscriminator, type DiscriminatorPlan } from './discriminator.ts';
import {
  computeDiscriminatorLoss,
  computeGeneratorLoss,
  computeLogitsAndPenalties,
  computeRelativisticLoss,
  computeSmoothing,
} from './losses.ts';
import {
  applyAdam,
  computeAdamAmounts,
  splitWeights,
  type AdamAmounts,
  type Amount,
  type NetworkState,
} from './network-state.ts';
import type { AdamConfig, ObjectiveConfig } from './preset.ts';

/** Both networks in training. */
export interface Gan {
  readonly plan: GeneratorPlan;
  readonly judge: DiscriminatorPlan;
  readonly objective: ObjectiveConfig;
  readonly generator: NetworkState;
  readonly discriminator: NetworkState;
  /** The generator's averaged weights, [parameters]; null when it is not averaged. */
  readonly average: tf.Variable<tf.Rank.R1> | null;
}

/** The weights that are drawn with and shipped: the average where there is one. */
export function pickShippedWeights({ average, generator }: Gan): tf.Variable<tf.Rank.R1> {
  return average ?? generator.weights;
}

/** What one update sees. The step owns none of it. */
export interface Batch {
  /** Real images, [batch, height, width, channels] in the range of training. */
  readonly real: tf.Tensor4D;
  /** The generator's input, [batch, inputSize], with the labels of `real`. */
  readonly input: tf.Tensor2D;
  /** Labels of both, one-hot, [batch, classes]; null without classes. */
  readonly labels: tf.Tensor2D | null;
  /** Moves images by whole pixels: the same way for real and generated ones, so that the generator does not learn it. */
  readonly augment: (images: tf.Tensor4D) => tf.Tensor4D;
}

/** What can be seen of an update from inside, a scalar each. */
export type StepFigure =
  /** L2 norm of a network's whole gradient, penalties included, before Adam scales it. */
  | 'discriminatorGradientNorm'
  | 'generatorGradientNorm'
  /** Mean squared norm of the logits' gradient by the images, real and generated ones, without gamma / 2; where it is penalised. */
  | 'r1'
  | 'r2';

/** Is shown figures while a step computes them. It owns none: it keeps clones of what should last. */
export type Probe = (figure: StepFigure, value: tf.Scalar) => void;

/** What differs from one update to the next. */
export interface UpdateAmounts<T extends Amount = Amount> extends AdamAmounts<T> {
  /** Of each gradient penalty: half its gamma. Without one it is not used. */
  readonly penaltyWeight: T;
}

/** Where a run stands. */
export interface Schedule {
  /** Number of this update, from 1. */
  readonly update: number;
  /** What the learning rate is multiplied with. */
  readonly factor: number;
  /** What gamma is multiplied with. */
  readonly gammaFactor: number;
}

/** @returns  The amounts of an update with `adam`. */
export function computeUpdateAmounts(
  objective: ObjectiveConfig,
  adam: AdamConfig,
  { update, factor, gammaFactor }: Schedule,
): UpdateAmounts<number> {
  const gamma = objective.type === 'relativistic' ? objective.gamma : (objective.r1Gamma ?? 0);
  const amounts = computeAdamAmounts({ ...adam, learningRate: adam.learningRate * factor }, update);
  return { ...amounts, penaltyWeight: (gamma * gammaFactor) / 2 };
}

/** How far one update goes. */
export interface UpdateSettings {
  readonly adam: AdamConfig;
  readonly amounts: UpdateAmounts;
  /** Absent: no figure is computed. The update is the same with and without, bit for bit. */
  readonly probe?: Probe | undefined;
}

/**
 * Updates the discriminator on one batch.
 *
 * @returns  The loss before the update, without penalties, a scalar. The caller disposes it.
 */
export function stepDiscriminator(gan: Gan, batch: Batch, settings: UpdateSettings): tf.Scalar {
  return tf.tidy(() => {
    const { plan, generator, discriminator } = gan;
    const fake = batch.augment(
      runGenerator(plan, splitWeights(generator.specs, generator.weights), batch.input),
    );
    const real = batch.augment(batch.real);
    let loss: tf.Scalar | undefined;
    const { grads } = tf.variableGrads(() => {
      const weights = splitWeights(discriminator.specs, discriminator.weights);
      const terms = computeDiscriminatorTerms(
        gan,
        weights,
        { real, fake, labels: batch.labels },
        settings,
      );
      loss = tf.keep(tf.clone(terms.loss));
      return terms.total;
    }, [discriminator.weights]);
    updateNetwork(discriminator, grads, settings, 'discriminatorGradientNorm');
    return unkeep(loss);
  });
}

function computeDiscriminatorTerms(
  { judge, objective }: Gan,
  weights: readonly tf.Tensor[],
  { real, fake, labels }: { real: tf.Tensor4D; fake: tf.Tensor4D; labels: tf.Tensor2D | null },
  { amounts: { penaltyWeight }, probe }: UpdateSettings,
): { loss: tf.Scalar; total: tf.Scalar } {
  switch (objective.type) {
    case 'non-saturating': {
      const { r1Gamma, realTarget = 1 } = objective;
      const judgeReal = (images: tf.Tensor4D): tf.Tensor2D =>
        runDiscriminator(judge, weights, images, labels);
      const { logits, penalties } =
        r1Gamma === undefined
          ? { logits: judgeReal(real), penalties: [] }
          : computeLogitsAndPenalties(judgeReal, real, 1);
      let loss = computeDiscriminatorLoss(logits, runDiscriminator(judge, weights, fake, labels));
      if (realTarget !== 1) {
        loss = tf.add(loss, computeSmoothing(logits, realTarget));
      }
      const [r1] = penalties;
      if (r1 === undefined) {
        return { loss, total: loss };
      }
      probe?.('r1', r1);
      return { loss, total: tf.add(loss, tf.mul(r1, penaltyWeight)) };
    }
    case 'relativistic': {
      // Real and generated images in one batch: half as many, larger operations.
      const images = tf.concat([real, fake]); // [2 * batch, height, width, channels]
      const bothLabels = labels && tf.concat([labels, labels]); // [2 * batch, classes]
      const { logits, penalties } = computeLogitsAndPenalties(
        (x) => runDiscriminator(judge, weights, x, bothLabels),
        images,
        2,
      );
      const [realLogits, fakeLogits] = tf.split(logits, 2) as [tf.Tensor2D, tf.Tensor2D]; // [batch, 1] each
      const loss = computeRelativisticLoss(realLogits, fakeLogits);
      const [r1, r2] = penalties as [tf.Scalar, tf.Scalar];
      probe?.('r1', r1);
      probe?.('r2', r2);
      return { loss, total: tf.add(loss, tf.mul(tf.add(r1, r2), penaltyWeight)) };
    }
  }
}

/**
 * Updates the generator on one batch.
 *
 * @returns  The loss before the update, a scalar. The caller disposes it.
 */
export function stepGenerator(gan: Gan, batch: Batch, settings: UpdateSettings): tf.Scalar {
  return tf.tidy(() => {
    const { plan, judge, objective, generator, discriminator } = gan;
    const judgeWeights = splitWeights(discriminator.specs, discriminator.weights);
    const realLogits =
      objective.type === 'relativistic'
        ? runDiscriminator(judge, judgeWeights, batch.augment(batch.real), batch.labels)
        : null;
    const { value, grads } = tf.variableGrads(() => {
      const fake = batch.augment(
        runGenerator(plan, splitWeights(generator.specs, generator.weights), batch.input),
      );
      const fakeLogits = runDiscriminator(judge, judgeWeights, fake, batch.labels);
      return realLogits === null
        ? computeGeneratorLoss(fakeLogits)
        : computeRelativisticLoss(fakeLogits, realLogits);
    }, [generator.weights]);
    updateNetwork(generator, grads, settings, 'generatorGradientNorm');
    return value;
  });
}

function updateNetwork(
  state: NetworkState,
  grads: tf.NamedTensorMap,
  settings: UpdateSettings,
  figure: StepFigure,
): void {
  const gradient = grads[state.weights.name] as tf.Tensor1D; // [parameters]
  settings.probe?.(figure, tf.sqrt(tf.sum(tf.square(gradient))));
  applyAdam(state, gradient, settings.adam, settings.amounts);
}

/** Gives a kept tensor back to the tidy that is under way. */
function unkeep(tensor: tf.Scalar | undefined): tf.Scalar {
  if (tensor === undefined) {
    throw new Error('the loss was not computed');
  }
  const copy = tf.clone(tensor);
  tensor.dispose();
  return copy;
}
