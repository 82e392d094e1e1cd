/**
 * Adversarial losses as pure functions of logits. All are written with softplus, log(1 + e^x), which neither overflows
 * nor loses the small numbers that log(sigmoid(x)) does.
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
 * The generator's non-saturating loss, section 3 of the same paper: -mean(log D(G(z))).
 *
 * @param fake  Logits of generated images, [batch, 1].
 * @returns     Scalar, >= 0; log 2 = 0.693 when D cannot tell them apart. The caller disposes it.
 */
export function computeGeneratorLoss(fake: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.mean(tf.softplus(tf.neg(fake))));
}
