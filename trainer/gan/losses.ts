/**
 * Adversarial losses and the gradient penalty, as pure functions. All losses are written with softplus, log(1 + e^x),
 * which neither overflows nor loses the small numbers that log(sigmoid(x)) does.
 */
import * as tf from '@tensorflow/tfjs';

/**
 * The discriminator's loss of Goodfellow et al. 2014, equation 1: -mean(log D(x) + log(1 - D(G(z)))), D = sigmoid(logit).
 *
 * @param real  Logits of real images, [batch, 1].
 * @param fake  Logits of generated images, [batch, 1].
 * @returns     Scalar, >= 0; 2 log 2 = 1.386 when D cannot tell them apart. The caller disposes it.
 */
export function computeDiscriminatorLoss(real: tf.Tensor, fake: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.mean(tf.add(tf.softplus(tf.neg(real)), tf.softplus(fake))));
}

/**
 * What one-sided label smoothing (Salimans et al. 2016, section 3.4) adds to the discriminator's loss: with a target t for
 * real images, -t log D(x) - (1 - t) log(1 - D(x)) is -log D(x) and (1 - t) times the logit.
 *
 * @param real    Logits of real images, [batch, 1].
 * @param target  0.5 to 1.
 * @returns       Scalar; 0 for a target of 1. The caller disposes it.
 */
export function computeSmoothing(real: tf.Tensor, target: number): tf.Scalar {
  return tf.tidy(() => tf.mul(tf.mean(real), 1 - target));
}

/**
 * The generator's non-saturating loss, section 3 of the same paper: -mean(log D(G(z))).
 *
 * @param fake  Logits of generated images, [batch, 1].
 * @returns     Scalar, >= 0; log 2 = 0.693 when D cannot tell them apart. The caller disposes it.
 */
export function computeGeneratorLoss(fake: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.mean(tf.softplus(tf.neg(fake))));
}

/**
 * The relativistic pairing loss (Jolicoeur-Martineau 2018; R3GAN, arXiv 2501.05441, equation 2), for whichever network
 * wants `winner` above `loser`: mean softplus(loser - winner). The discriminator gives real and fake, the generator the
 * reverse. Pairs are those of one row, which share their label.
 *
 * @param winner  Logits, [batch, 1].
 * @param loser   Logits, [batch, 1].
 * @returns       Scalar, >= 0; log 2 = 0.693 when they cannot be told apart. The caller disposes it.
 */
export function computeRelativisticLoss(winner: tf.Tensor, loser: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.mean(tf.softplus(tf.sub(loser, winner))));
}

/**
 * Logits together with the mean squared norm of their gradients by the images: exact R1 on real images, exact R2 on
 * generated ones (Mescheder et al. 2018; R3GAN, equations 3 and 4, without gamma / 2). It can be differentiated once
 * more, by what `judge` depends on.
 *
 * @param judge   Of images to logits, [batch, ...] to [batch, 1], each row by itself.
 * @param images  [batch, ...]. Not disposed.
 * @returns       Logits [batch, 1], and for each of the `parts` equal parts that the batch consists of its own mean, all
 *                owned by the caller.
 */
export function computeLogitsAndPenalties<T extends tf.Tensor>(
  judge: (images: T) => tf.Tensor2D,
  images: T,
  parts: number,
): { logits: tf.Tensor2D; penalties: tf.Scalar[] } {
  const batch = images.shape[0] as number;
  // With ones as the incoming gradient, the sum over rows of each row's own gradient: rows do not mix.
  const { value, grad } = tf.valueAndGrad((x) => judge(x as T))(images, tf.ones([batch, 1]));
  const norms = tf.sum(tf.square(tf.reshape(grad, [batch, -1])), 1); // [batch]
  // tfjs's gradient of a split into one part throws.
  const penalties = (parts === 1 ? [norms] : tf.split(norms, parts)).map(
    (part) => tf.mean(part) as tf.Scalar,
  );
  return { logits: value as tf.Tensor2D, penalties };
}
