/**
 * Adversarial losses, gradient penalties, and the two updates that GAN training alternates. Pure.
 * Softplus, log(1 + e^x), replaces log(sigmoid(x)): it neither overflows nor loses small numbers.
 * The caller disposes every result.
 */
import * as tf from '@tensorflow/tfjs';
import type { GeneratorPlan } from '../../shared/model/generator.ts';
import { computeContest, joinCopies, runFused, sumSquares } from './fused.ts';
import { applyAdam, takeParts, type Amount, type NetworkState } from './network-state.ts';
import {
  clampImages,
  hasFusedKernels,
  runDiscriminator,
  runGenerator,
  type DiscriminatorPlan,
} from './networks.ts';
import { computeMatchingLoss, type Matching } from './matching.ts';
import type { ObjectiveConfig, TrainingConfig } from './preset.ts';

/**
 * -mean(log D(x) + log(1 - D(G(z)))) with D = sigmoid(logit) (Goodfellow et al. 2014, equation 1).
 * @param real  Logits of real images, [batch, 1]; `fake` of generated ones.
 * @returns     Scalar, >= 0; 2 log 2 = 1.386 for a guessing discriminator.
 */
export function computeDiscriminatorLoss(real: tf.Tensor, fake: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.mean(tf.add(tf.softplus(tf.neg(real)), tf.softplus(fake))));
}

/** The non-saturating loss, section 3 of the same paper: -mean(log D(G(z))); log 2 for a guess. */
export function computeGeneratorLoss(fake: tf.Tensor): tf.Scalar {
  return hasFusedKernels()
    ? computeContest('fakes', fake)
    : tf.tidy(() => tf.mean(tf.softplus(tf.neg(fake))));
}

/**
 * The relativistic pairing loss (Jolicoeur-Martineau 2018; R3GAN, arXiv 2501.05441, equation 2):
 * mean softplus(loser - winner); log 2 for a guess. The winner is what the network wants to score
 * high: the discriminator real images, the generator generated ones. A pair shares row and label.
 */
function computeRelativisticLoss(winner: tf.Tensor, loser: tf.Tensor): tf.Scalar {
  return hasFusedKernels()
    ? computeContest('fakes', tf.sub(winner, loser))
    : tf.tidy(() => tf.mean(tf.softplus(tf.sub(loser, winner))));
}

/** Gives logits, [batch, 1], for images, [batch, height, width, channels], and one-hot labels. */
type Discriminate = (images: tf.Tensor4D, labels: tf.Tensor2D | null) => tf.Tensor2D;

/**
 * Computes what the discriminator minimises: the loss, and R1, then R2, as far as the objective has
 * them, without gamma / 2. Shapes are those of {@link Batch}.
 */
function computeDiscriminatorTerms(
  objective: ObjectiveConfig,
  discriminate: Discriminate,
  real: tf.Tensor4D,
  fake: tf.Tensor4D,
  labels: tf.Tensor2D | null,
): { loss: tf.Scalar; penalties: tf.Scalar[] } {
  switch (objective.type) {
    case 'non-saturating': {
      const { r1Gamma, realTarget = 1 } = objective;
      const { logits, penalties } =
        r1Gamma === undefined
          ? { logits: discriminate(real, labels), penalties: [] }
          : computeLogitsAndPenalties((images) => discriminate(images, labels), real, 1);
      const loss = computeDiscriminatorLoss(logits, discriminate(fake, labels));
      if (realTarget === 1) {
        return { loss, penalties };
      }
      // Smoothing: -t log D(x) - (1 - t) log(1 - D(x)) is -log D(x) plus (1 - t) times the logit.
      const smoothing = tf.mul(tf.mean(logits), 1 - realTarget);
      return { loss: tf.add(loss, smoothing), penalties };
    }
    case 'relativistic': {
      // One batch of real and generated images: half as many operations, each larger.
      const images = tf.concat([real, fake]); // [2 * batch, height, width, channels]
      const bothLabels = labels && tf.concat([labels, labels]); // [2 * batch, classes]
      const discriminateBoth = (x: tf.Tensor4D): tf.Tensor2D => discriminate(x, bothLabels);
      const { logits, penalties } = computeLogitsAndPenalties(discriminateBoth, images, 2);
      const [realLogits, fakeLogits] = tf.split(logits, 2) as [tf.Tensor, tf.Tensor]; // [batch, 1]
      return { loss: computeRelativisticLoss(realLogits, fakeLogits), penalties };
    }
  }
}

/**
 * Computes logits and exact penalties: R1 on real images, R2 on generated ones, the mean squared
 * norm of the logits' gradients by the images (Mescheder et al. 2018; R3GAN, equations 3 and 4).
 * The result can be differentiated once more by the weights that `discriminate` uses.
 * @param discriminate  Maps images to logits, each row on its own.
 * @param parts  The number of equal parts of the batch; each has its own mean.
 */
function computeLogitsAndPenalties(
  discriminate: (images: tf.Tensor4D) => tf.Tensor2D,
  images: tf.Tensor4D,
  parts: number,
): { logits: tf.Tensor2D; penalties: tf.Scalar[] } {
  const batch = images.shape[0];
  // Rows do not mix, so ones as the incoming gradient give each row its own gradient.
  const differentiate = tf.valueAndGrad((x) => discriminate(x as tf.Tensor4D));
  const { value, grad } = differentiate(images, tf.ones([batch, 1]));
  const norms = tf.sum(tf.square(tf.reshape(grad, [batch, -1])), 1); // [batch]
  // TensorFlow.js throws in the gradient of a split into one part.
  const groups = parts === 1 ? [norms] : tf.split(norms, parts);
  return { logits: value as tf.Tensor2D, penalties: groups.map((part) => tf.mean(part)) };
}

/**
 * Computes the same as {@link computeDiscriminatorTerms} and the penalties' weight do, by the
 * kernels of `fused.ts` and in one pass over real and generated images.
 * @returns  The loss, and the minimised sum. Null for objectives that need several passes.
 */
function computeFusedTerms(
  objective: ObjectiveConfig,
  discriminate: Discriminate,
  real: tf.Tensor4D,
  fake: tf.Tensor4D,
  labels: tf.Tensor2D | null,
  { penaltyWeight }: StepAmounts,
  probe?: Probe,
): { loss: tf.Scalar; total: tf.Scalar } | null {
  const isSimple =
    objective.type !== 'non-saturating' ||
    (objective.r1Gamma === undefined && objective.realTarget === undefined);
  if (!hasFusedKernels() || !isSimple || typeof penaltyWeight !== 'number') {
    return null;
  }
  const [batch, ...image] = real.shape;
  const images = joinCopies<tf.Tensor4D>([real, fake], [2 * batch, ...image]);
  const bothLabels =
    labels && joinCopies<tf.Tensor2D>([labels, labels], [2 * batch, labels.shape[1]]);
  switch (objective.type) {
    case 'non-saturating': {
      const loss = computeContest('apart', discriminate(images, bothLabels));
      return { loss, total: loss };
    }
    case 'relativistic': {
      const differentiate = tf.valueAndGrad((x) => discriminate(x as tf.Tensor4D, bothLabels));
      const { value, grad } = differentiate(images, tf.ones([2 * batch, 1]));
      if (probe !== undefined) {
        const norms = tf.mean(tf.reshape(runFused('squareRows', { x: grad }), [2, batch]), 1);
        const [r1, r2] = tf.unstack(norms) as [tf.Scalar, tf.Scalar];
        probe('r1', r1);
        probe('r2', r2);
      }
      const loss = computeContest('pairs', value);
      return { loss, total: tf.add(loss, sumSquares(grad, penaltyWeight / batch)) };
    }
  }
}

/** Both networks in training. */
export interface Gan {
  readonly config: Pick<
    TrainingConfig,
    'objective' | 'generatorAdam' | 'discriminatorAdam' | 'pixelRange' | 'clampsPixels'
  >;
  readonly plan: GeneratorPlan;
  readonly discriminatorPlan: DiscriminatorPlan;
  readonly generator: NetworkState;
  readonly discriminator: NetworkState;
  /** The moving average of the generator's weights, [parameters]; null without one. */
  readonly average: tf.Variable<tf.Rank.R1> | null;
  /** Null without. */
  readonly matching: Matching | null;
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
  /** Moves real and generated images alike, so the generator does not learn the move. */
  readonly augment: (images: tf.Tensor4D) => tf.Tensor4D;
}

/** The numbers of a step that change from step to step: see {@link Amount}. */
export interface StepAmounts<T extends Amount = Amount> {
  /** For Adam: see `computeAdamAmounts`. */
  readonly discriminatorRate: T;
  readonly discriminatorRoot: T;
  readonly generatorRate: T;
  readonly generatorRoot: T;
  /** Half of gamma: the weight of each gradient penalty. Unused without penalties. */
  readonly penaltyWeight: T;
  /** The part of the matching loss that counts. Unused without matching. */
  readonly matchingShare: T;
  /** How far the average moves: average = kept * average + taken * weights. They add up to 1. */
  readonly averageKept: T;
  readonly averageTaken: T;
}

/** A scalar inside an update that a probe can read. */
export type StepFigure =
  /** L2 norm of a network's whole gradient, penalties included, before Adam scales it. */
  | 'discriminatorGradientNorm'
  | 'generatorGradientNorm'
  /** The penalties on real and on generated images, without gamma / 2, if there are any. */
  | 'r1'
  | 'r2';

/** Receives a step's figures, without effect on its bits. It clones those that it keeps. */
export type Probe = (figure: StepFigure, value: tf.Scalar) => void;

/** Updates the discriminator on one batch. @returns  The loss before it, without penalties. */
export function updateDiscriminator(
  gan: Gan,
  batch: Batch,
  amounts: StepAmounts,
  probe?: Probe,
): tf.Scalar {
  return tf.tidy(() => {
    const fake = batch.augment(generateImages(gan, batch.input));
    const real = batch.augment(batch.real);
    let kept: tf.Scalar | undefined;
    minimise('discriminator', gan, amounts, probe, () => {
      const { objective } = gan.config;
      const discriminate = createDiscriminate(gan);
      const { labels } = batch;
      const fused = computeFusedTerms(objective, discriminate, real, fake, labels, amounts, probe);
      if (fused !== null) {
        kept = tf.keep(tf.clone(fused.loss));
        return fused.total;
      }
      const terms = computeDiscriminatorTerms(objective, discriminate, real, fake, labels);
      const { loss, penalties } = terms;
      kept = tf.keep(tf.clone(loss));
      penalties.forEach((penalty, i) => probe?.(i === 0 ? 'r1' : 'r2', penalty));
      if (penalties.length === 0) {
        return loss;
      }
      const penalty = penalties.reduce((sum, other) => tf.add(sum, other));
      return tf.add(loss, tf.mul(penalty, amounts.penaltyWeight));
    });
    const loss = tf.clone(kept as tf.Scalar);
    kept?.dispose();
    return loss;
  });
}

/** Updates the generator on one batch. @returns  The loss before the update. */
export function updateGenerator(
  gan: Gan,
  batch: Batch,
  amounts: StepAmounts,
  probe?: Probe,
): tf.Scalar {
  return tf.tidy(() => {
    const discriminate = createDiscriminate(gan);
    const { augment, labels } = batch;
    const { matching } = gan;
    const { type } = gan.config.objective;
    // Outside of the gradient, which is by the generator's weights alone.
    const realLogits = type === 'relativistic' ? discriminate(augment(batch.real), labels) : null;
    return minimise('generator', gan, amounts, probe, () => {
      const images = generateImages(gan, batch.input);
      const fakeLogits = discriminate(augment(images), labels); // [batch, 1]
      const loss =
        type === 'non-saturating'
          ? computeGeneratorLoss(fakeLogits)
          : computeRelativisticLoss(fakeLogits, realLogits as tf.Tensor2D);
      return matching === null || labels === null
        ? loss
        : tf.add(
            loss,
            tf.mul(computeMatchingLoss(matching, images, labels), amounts.matchingShare),
          );
    });
  });
}

/** Changes a network's weights by one step of Adam down a loss. @returns  The loss before it. */
function minimise(
  network: 'discriminator' | 'generator',
  gan: Gan,
  amounts: StepAmounts,
  probe: Probe | undefined,
  computeLoss: () => tf.Scalar,
): tf.Scalar {
  const { [network]: state, config } = gan;
  const { value, gradient } = differentiateLoss(state, computeLoss);
  probe?.(`${network}GradientNorm`, tf.sqrt(tf.sum(tf.square(gradient))));
  applyAdam(state, gradient, config[`${network}Adam`], {
    rate: amounts[`${network}Rate`],
    root: amounts[`${network}Root`],
  });
  return value;
}

/** @returns  A loss, and its gradient by a network's weights, [parameters]. */
function differentiateLoss(
  state: NetworkState,
  computeLoss: () => tf.Scalar,
): { value: tf.Scalar; gradient: tf.Tensor1D } {
  if (hasFusedKernels()) {
    const { value, grads } = tf.valueAndGrads(computeLoss)(takeParts(state));
    const gradient = joinCopies<tf.Tensor1D>(grads, [state.weights.size]);
    return { value: value as tf.Scalar, gradient };
  }
  const { value, grads } = tf.variableGrads(computeLoss, [state.weights]);
  return { value, gradient: grads[state.weights.name] as tf.Tensor1D };
}

/** Moves the average towards the generator's weights, in place. */
export function updateAverage(
  { average, generator }: Gan,
  { averageKept, averageTaken }: StepAmounts,
): void {
  if (average === null) {
    return;
  }
  const { weights } = generator;
  tf.tidy(() => {
    if (hasFusedKernels() && typeof averageKept === 'number' && typeof averageTaken === 'number') {
      const amounts = { a: averageKept, b: averageTaken };
      average.assign(runFused('blend', { x: average, y: weights }, amounts));
      return;
    }
    average.assign(tf.add(tf.mul(average, averageKept), tf.mul(weights, averageTaken)));
  });
}

/** @returns  [batch, height, width, channels], clamped as the discriminator sees them. */
export function generateImages({ plan, generator, config }: Gan, input: tf.Tensor2D): tf.Tensor4D {
  const images = runGenerator(plan, takeParts(generator), input);
  return config.clampsPixels === true ? clampImages(images, config.pixelRange) : images;
}

function createDiscriminate({ discriminatorPlan, discriminator }: Gan): Discriminate {
  const weights = takeParts(discriminator);
  return (images, labels) => runDiscriminator(discriminatorPlan, weights, images, labels);
}
