import * as tf from '@tensorflow/tfjs';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { planGenerator } from '../../shared/generator.ts';
import { planDiscriminator } from '../../trainer/discriminator.ts';
import { createState, readState, type NetworkArrays } from '../../trainer/network-state.ts';
import { stepDiscriminator, stepGenerator, type Gan } from '../../trainer/steps.ts';
import { countLeaks, differentiate, makeValues, TINY_CONFIG } from '../support/tensors.ts';

beforeAll(() => tf.setBackend('cpu'));

const plan = planGenerator(TINY_CONFIG.generator);
const judgeSpecs = planDiscriminator(16, TINY_CONFIG.discriminatorUnits);
const judgeSize = 16 * 6 + 6 + 6 + 1;
const real = makeValues(8 * 16, 1, 0.5).map((value) => value + 0.5);
const latents = makeValues(8 * 4, 2);

/** Weights far from relu's kinks at the given inputs would be luck: a small step of the differences makes up for them. */
function arrays(size: number, phase: number): NetworkArrays {
  return { weights: makeValues(size, phase, 0.5), firstMoment: new Float32Array(size), secondMoment: new Float32Array(size) };
}

let gan: Gan;
beforeEach(() => {
  gan = { plan, generator: createState(plan.weights, arrays(plan.parameters, 0)), discriminator: createState(judgeSpecs, arrays(judgeSize, 3)) };
});

/** Adam with beta1 = 0 and a huge epsilon is gradient descent with rate learningRate / epsilon: it shows the gradient. */
const DESCENT = { learningRate: 1e6, beta1: 0, beta2: 0.5, epsilon: 1e6 };

function descendDiscriminator(): tf.Scalar {
  return tf.tidy(() => stepDiscriminator(gan, tf.tensor2d(real, [8, 16]), tf.tensor2d(latents, [8, 4]), DESCENT, 1));
}

function descendGenerator(): tf.Scalar {
  return tf.tidy(() => stepGenerator(gan, tf.tensor2d(latents, [8, 4]), DESCENT, 1));
}

/** The networks and losses once more, by loops over plain numbers in double precision. */
function affine(x: number[], w: ArrayLike<number>, from: number, units: number): number[] {
  return Array.from({ length: units }, (_, u) => x.reduce((sum, value, i) => sum + value * (w[from + i * units + u] as number), w[from + x.length * units + u] as number));
}
const relu = (x: number): number => Math.max(0, x);
const softplus = (x: number): number => Math.log1p(Math.exp(x));
function generate(w: ArrayLike<number>, z: number[]): number[] {
  const hidden = affine(z, w, 0, 8).map(relu);
  return affine(hidden, w, 4 * 8 + 8, 16).map((x) => 1 / (1 + Math.exp(-x)));
}
function judge(w: ArrayLike<number>, x: number[]): number {
  return affine(affine(x, w, 0, 6).map(relu), w, 16 * 6 + 6, 1)[0] as number;
}
const rows = (values: Float32Array, size: number): number[][] => Array.from({ length: 8 }, (_, i) => [...values.subarray(i * size, (i + 1) * size)]);
function lossOfDiscriminator(w: ArrayLike<number>, g: ArrayLike<number>): number {
  const losses = rows(real, 16).map((x, i) => softplus(-judge(w, x)) + softplus(judge(w, generate(g, rows(latents, 4)[i] as number[]))));
  return losses.reduce((sum, loss) => sum + loss, 0) / 8;
}
function lossOfGenerator(w: ArrayLike<number>, g: ArrayLike<number>): number {
  return rows(latents, 4).reduce((sum, z) => sum + softplus(-judge(w, generate(g, z))), 0) / 8;
}

describe('the two steps', () => {
  it('move the discriminator along the gradient that finite differences give', async () => {
    const [before, generator] = [(await readState(gan.discriminator)).weights, (await readState(gan.generator)).weights];
    const loss = descendDiscriminator().dataSync()[0] as number;
    expect(loss).toBeCloseTo(lossOfDiscriminator(before, generator), 5);
    const expected = differentiate((w) => lossOfDiscriminator(w, generator), before, 1e-3);
    const after = (await readState(gan.discriminator)).weights;
    after.forEach((value, i) => expect((before[i] as number) - value).toBeCloseTo(expected[i] as number, 3));
  });

  it('move the generator along the gradient that finite differences give', async () => {
    const [before, judgeWeights] = [(await readState(gan.generator)).weights, (await readState(gan.discriminator)).weights];
    const loss = descendGenerator().dataSync()[0] as number;
    expect(loss).toBeCloseTo(lossOfGenerator(judgeWeights, before), 5);
    const expected = differentiate((g) => lossOfGenerator(judgeWeights, g), before, 1e-3);
    const after = (await readState(gan.generator)).weights;
    after.forEach((value, i) => expect((before[i] as number) - value).toBeCloseTo(expected[i] as number, 3));
  });

  it("leave the other network's weights and moments untouched", async () => {
    const generator = await readState(gan.generator);
    descendDiscriminator();
    expect(await readState(gan.generator)).toEqual(generator);
    const discriminator = await readState(gan.discriminator);
    descendGenerator();
    expect(await readState(gan.discriminator)).toEqual(discriminator);
  });

  it('leave no tensor behind but their loss', () => {
    expect(countLeaks(() => descendDiscriminator().dispose())).toBe(0);
    expect(countLeaks(() => descendGenerator().dispose())).toBe(0);
  });
});
