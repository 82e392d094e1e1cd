/** Tests the VAE's step against a plain loss in double precision and its finite differences. */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { planGenerator } from '../../../shared/model/generator.ts';
import { deriveKey } from '../../../shared/model/random.ts';
import { createVae, drawNoise, stepVae, type Vae } from '../../../trainer/experiments/vae.ts';
import { createState, disposeState } from '../../../trainer/gan/network-state.ts';
import { differentiate } from '../../support/training/plain-gan.ts';
import { countLeaks, makeValues, TINY_CONFIG } from '../../support/training/tensors.ts';

beforeAll(() => tf.setBackend('cpu'));

const BATCH = 3;
const [PIXELS, LATENT, UNITS, HIDDEN] = [16, 4, 5, 8];
const WIDTH = 0.6;
/** Adam as gradient descent at rate 1: see test/support/training/step-gradients.ts. */
const DESCENT = { learningRate: 1e6, beta1: 0, beta2: 0.5, epsilon: 1e6 };

const IMAGES = makeValues(BATCH * PIXELS, 1).map((value) => (value + 1) / 2);
const NOISE = makeValues(BATCH * LATENT, 2);

interface Opened {
  readonly vae: Vae;
  readonly images: tf.Tensor4D;
  readonly noise: tf.Tensor2D;
  readonly weights: readonly [encoder: Float32Array, decoder: Float32Array];
  close(): void;
}

function open(adam = DESCENT): Opened {
  const plan = planGenerator(TINY_CONFIG.generator);
  const zeros = new Float32Array(plan.parameters);
  const decoderWeights = makeValues(plan.parameters, 0.4, 0.5);
  const decoder = createState(plan.weights, {
    weights: decoderWeights,
    firstMoment: zeros,
    secondMoment: zeros,
  });
  const config = { steps: 1, encoderUnits: UNITS, latentDeviation: WIDTH, adam };
  const vae = createVae(config, plan, decoder, deriveKey('train', 'vae'));
  const encoderWeights = makeValues(vae.encoder.weights.size, 2.1, 0.5);
  tf.tidy(() => vae.encoder.weights.assign(tf.tensor1d(encoderWeights)));
  const images = tf.tensor4d(IMAGES, [BATCH, 4, 4, 1]);
  const noise = tf.tensor2d(NOISE, [BATCH, LATENT]);
  return {
    vae,
    images,
    noise,
    weights: [encoderWeights, decoderWeights],
    close() {
      vae.dispose();
      disposeState(decoder);
      tf.dispose([images, noise]);
    },
  };
}

/**
 * Minus the evidence lower bound, by loops: Kingma and Welling 2014, equation 10, with Bernoulli
 * pixels.
 */
function computeLoss(encoder: ArrayLike<number>, decoder: ArrayLike<number>): number {
  const dense = (x: number[], weights: ArrayLike<number>, from: number, units: number): number[] =>
    Array.from({ length: units }, (_, unit) =>
      x.reduce(
        (sum, value, i) => sum + value * weights[from + i * units + unit]!,
        weights[from + x.length * units + unit]!,
      ),
    );
  let total = 0;
  for (let row = 0; row < BATCH; row++) {
    const pixels = Array.from(IMAGES.subarray(row * PIXELS, (row + 1) * PIXELS));
    const code = dense(pixels, encoder, 0, UNITS).map((x) => Math.max(0, x));
    const moments = dense(code, encoder, (PIXELS + 1) * UNITS, 2 * LATENT);
    const latents = Array.from({ length: LATENT }, (_, i) => {
      const [mean, logVariance] = [moments[i]!, moments[LATENT + i]!];
      total += (Math.exp(logVariance) + mean ** 2 - 1 - logVariance) / 2;
      return WIDTH * (mean + Math.exp(logVariance / 2) * NOISE[row * LATENT + i]!);
    });
    const hidden = dense(latents, decoder, 0, HIDDEN).map((x) => Math.max(0, x));
    dense(hidden, decoder, (LATENT + 1) * HIDDEN, PIXELS).forEach((logit, i) => {
      const probability = 1 / (1 + Math.exp(-logit));
      total -= pixels[i]! * Math.log(probability) + (1 - pixels[i]!) * Math.log(1 - probability);
    });
  }
  return total / BATCH;
}

describe('a step of the VAE', () => {
  it('has the paper’s loss and follows its gradient in both halves', () => {
    const { vae, images, noise, weights, close } = open();
    const [encoder, decoder] = weights;
    const loss = stepVae(vae, images, noise, 1);
    expect(loss.dataSync()[0]).toBeCloseTo(computeLoss(encoder, decoder), 4);
    const gradients = [
      [encoder, vae.encoder, differentiate((w) => computeLoss(w, decoder), encoder)],
      [decoder, vae.decoder, differentiate((w) => computeLoss(encoder, w), decoder)],
    ] as const;
    for (const [before, state, expected] of gradients) {
      const after = state.weights.dataSync();
      const scale = Math.max(...expected.map(Math.abs));
      expect(scale).toBeGreaterThan(0.01);
      expected.forEach((value, i) =>
        expect(Math.abs(before[i]! - after[i]! - value) / scale, `component ${i}`).toBeLessThan(
          2e-3,
        ),
      );
    }
    loss.dispose();
    close();
  });

  it('lowers the loss when it is repeated, and leaves no tensor behind', () => {
    const { vae, images, noise, close } = open({
      learningRate: 0.01,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-7,
    });
    const learn = (update: number): number =>
      tf.tidy(() => stepVae(vae, images, noise, update).dataSync()[0]!);
    const losses = Array.from({ length: 60 }, (_, i) => learn(i + 1));
    expect(losses.at(-1)).toBeLessThan(losses[0]! * 0.9);
    expect(countLeaks(() => stepVae(vae, images, noise, 61).dispose())).toBe(0);
    close();
  });

  it('draws noise that the step determines', () => {
    const { vae, close } = open();
    const key = deriveKey('train', 'vae');
    const [first, again, other] = [0, 0, 1].map((step) =>
      tf.tidy(() => drawNoise(vae, 100, key, step).dataSync<'float32'>()),
    );
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
    expect(
      Array.from(first!).reduce((sum, value) => sum + value ** 2, 0) / first!.length,
    ).toBeCloseTo(1, 0);
    close();
  });
});
