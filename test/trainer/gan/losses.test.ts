import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { computeDiscriminatorLoss, computeGeneratorLoss } from '../../../trainer/gan/update.ts';

beforeAll(() => tf.setBackend('cpu'));

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

describe('adversarial losses', () => {
  it('match the paper’s formula where it can be computed', () => {
    const [real, fake] = [
      [0.5, -2, 3],
      [1, -1.5, 0],
    ];
    const mean = (values: number[]): number =>
      values.reduce((sum, value) => sum + value, 0) / values.length;
    const d = computeDiscriminatorLoss(
      tf.tensor2d(real, [3, 1]),
      tf.tensor2d(fake, [3, 1]),
    ).dataSync()[0];
    expect(d).toBeCloseTo(
      -mean(real.map((x, i) => Math.log(sigmoid(x)) + Math.log(1 - sigmoid(fake[i] as number)))),
      5,
    );
    const g = computeGeneratorLoss(tf.tensor2d(fake, [3, 1])).dataSync()[0];
    expect(g).toBeCloseTo(-mean(fake.map((x) => Math.log(sigmoid(x)))), 5);
  });

  it('stay finite where log(sigmoid(x)) does not', () => {
    const far = tf.tensor2d([[-500]]);
    expect(computeGeneratorLoss(far).dataSync()[0]).toBeCloseTo(500, 3);
    expect(computeDiscriminatorLoss(far, tf.tensor2d([[500]])).dataSync()[0]).toBeCloseTo(1000, 3);
    expect(computeDiscriminatorLoss(tf.tensor2d([[500]]), far).dataSync()[0]).toBe(0);
  });
});
