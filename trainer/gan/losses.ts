/**
 * Adversarial losses and gradient penalties. Pure.
 *
 * All losses use softplus, log(1 + e^x): unlike log(sigmoid(x)), it neither overflows nor loses
 * small numbers.
 */
import * as tf from '@tensorflow/tfjs';
import type { ObjectiveConfig } from './preset.ts';

/**
 * The discriminator's loss of Goodfellow et al. 2014, equation 1, with D = sigmoid(logit):
 * -mean(log D(x) + log(1 - D(G(z)))).
 *
 * @param real  Logits of real images, [batch, 1].
 * @param fake  Logits of generated images, [batch, 1].
 * @returns     Scalar, >= 0; 2 log 2 = 1.386 for a guessing discriminator. The caller disposes it.
 */
export function computeDiscriminatorLoss(real: tf.Tensor, fake: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.mean(tf.add(tf.softplus(tf.neg(real)), tf.softplus(fake))));
}

/**
 * The generator's non-saturating loss, section 3 of the same paper: -mean(log D(G(z))).
 *
 * @param fake  Logits of generated images, [batch, 1].
 * @returns     Scalar, >= 0; log 2 = 0.693 for a guessing discriminator. The caller disposes it.
 */
export function computeGeneratorLoss(fake: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.mean(tf.softplus(tf.neg(fake))));
}

/**
 * The relativistic pairing loss (Jolicoeur-Martineau 2018; R3GAN, arXiv 2501.05441, equation 2):
 * mean softplus(loser - winner). Each network calls its own goal the winner: the discriminator the
 * real images, the generator the generated ones. The images of a pair share a row and a label.
 *
 * @param winner  Logits, [batch, 1].
 * @param loser   Logits, [batch, 1].
 * @returns       Scalar, >= 0; log 2 = 0.693 for a guessing discriminator. The caller disposes it.
 */
export function computeRelativisticLoss(winner: tf.Tensor, loser: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.mean(tf.softplus(tf.sub(loser, winner))));
}

/** Gives logits, [batch, 1], for images, [batch, height, width, channels], and one-hot labels. */
export type Judge = (images: tf.Tensor4D, labels: tf.Tensor2D | null) => tf.Tensor2D;

/** The discriminator's loss and its gradient penalties. */
export interface DiscriminatorTerms {
  readonly loss: tf.Scalar;
  /** R1, then R2, as far as the objective has them, without gamma / 2. */
  readonly penalties: readonly tf.Scalar[];
}

/**
 * Computes what the discriminator minimises.
 *
 * @param real    [batch, height, width, channels]; `fake` likewise. Not disposed.
 * @param labels  The labels of both, one-hot [batch, classes]; null without classes.
 */
export function computeDiscriminatorTerms(
  objective: ObjectiveConfig,
  judge: Judge,
  real: tf.Tensor4D,
  fake: tf.Tensor4D,
  labels: tf.Tensor2D | null,
): DiscriminatorTerms {
  switch (objective.type) {
    case 'non-saturating': {
      const { r1Gamma, realTarget = 1 } = objective;
      const { logits, penalties } =
        r1Gamma === undefined
          ? { logits: judge(real, labels), penalties: [] }
          : computeLogitsAndPenalties((images) => judge(images, labels), real, 1);
      const loss = computeDiscriminatorLoss(logits, judge(fake, labels));
      if (realTarget === 1) {
        return { loss, penalties };
      }
      // Label smoothing: -t log D(x) - (1 - t) log(1 - D(x)) is -log D(x) plus (1 - t) times the logit.
      const smoothing = tf.mul(tf.mean(logits), 1 - realTarget);
      return { loss: tf.add(loss, smoothing), penalties };
    }
    case 'relativistic': {
      // One batch of real and generated images: half as many operations, each larger.
      const images = tf.concat([real, fake]); // [2 * batch, height, width, channels]
      const bothLabels = labels && tf.concat([labels, labels]); // [2 * batch, classes]
      const { logits, penalties } = computeLogitsAndPenalties(
        (x) => judge(x, bothLabels),
        images,
        2,
      );
      const [realLogits, fakeLogits] = tf.split(logits, 2) as [tf.Tensor, tf.Tensor]; // [batch, 1]
      return { loss: computeRelativisticLoss(realLogits, fakeLogits), penalties };
    }
  }
}

/**
 * Computes logits, and the mean squared norm of their gradients by the images: exact R1 on real
 * images, exact R2 on generated ones (Mescheder et al. 2018; R3GAN, equations 3 and 4, without
 * gamma / 2). The result can be differentiated once more by the weights that `judge` uses.
 *
 * @param judge   Maps images to logits, each row on its own.
 * @param parts   The number of equal parts of the batch; each has its own mean.
 * @returns       Logits [batch, 1] and one penalty for each part, all owned by the caller.
 */
function computeLogitsAndPenalties(
  judge: (images: tf.Tensor4D) => tf.Tensor2D,
  images: tf.Tensor4D,
  parts: number,
): { logits: tf.Tensor2D; penalties: tf.Scalar[] } {
  const batch = images.shape[0];
  // Rows do not mix, so ones as the incoming gradient give each row its own gradient.
  const { value, grad } = tf.valueAndGrad((x) => judge(x as tf.Tensor4D))(
    images,
    tf.ones([batch, 1]),
  );
  const norms = tf.sum(tf.square(tf.reshape(grad, [batch, -1])), 1); // [batch]
  // TensorFlow.js throws in the gradient of a split into one part.
  const penalties = (parts === 1 ? [norms] : tf.split(norms, parts)).map(
    (part) => tf.mean(part) as tf.Scalar,
  );
  return { logits: value as tf.Tensor2D, penalties };
}
