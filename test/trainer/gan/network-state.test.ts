import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { deriveKey } from '../../../shared/model/random.ts';
import {
  applyAdam,
  computeAdamAmounts,
  createState,
  disposeState,
  drawInitialArrays,
  readState,
  splitWeights,
} from '../../../trainer/gan/network-state.ts';
import { countLeaks, makeValues } from '../../support/training/tensors.ts';

beforeAll(() => tf.setBackend('cpu'));

const SPECS = [
  { name: 'kernel', shape: [200, 300] },
  { name: 'bias', shape: [300] },
];

describe('a network in training', () => {
  it("starts with the tutorial's Xavier weights and biases of 0", () => {
    const { weights, firstMoment } = drawInitialArrays(SPECS, deriveKey('train', 'x'), 4);
    const kernel = weights.subarray(0, 60_000);
    const mean = kernel.reduce((sum, value) => sum + value, 0) / kernel.length;
    const deviation = Math.sqrt(
      kernel.reduce((sum, value) => sum + (value - mean) ** 2, 0) / kernel.length,
    );
    expect(Math.abs(mean)).toBeLessThan(0.002);
    expect(deviation).toBeCloseTo(1 / Math.sqrt(200 / 2), 2);
    expect(
      kernel.filter((value) => Math.abs(value) > 2 * deviation).length / kernel.length,
    ).toBeCloseTo(0.0455, 2);
    expect(weights.subarray(60_000).every((value) => value === 0)).toBe(true);
    expect(firstMoment.every((value) => value === 0)).toBe(true);
  });

  it("starts with Glorot's uniform weights on request", () => {
    const { weights } = drawInitialArrays(SPECS, deriveKey('train', 'x'), 4, 'glorot-uniform');
    const kernel = weights.subarray(0, 60_000);
    const limit = Math.sqrt(6 / 500);
    expect(Math.max(...kernel.subarray(0, 30_000))).toBeCloseTo(limit, 3);
    expect(kernel.every((value) => Math.abs(value) <= limit)).toBe(true);
    expect(kernel.reduce((sum, value) => sum + value * value, 0) / kernel.length).toBeCloseTo(
      limit ** 2 / 3,
      4,
    );
    expect(weights.subarray(60_000).every((value) => value === 0)).toBe(true);
  });

  it("is updated as by TensorFlow.js's own Adam", async () => {
    const config = { learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };
    const specs = [{ name: 'w', shape: [5] }];
    const weights = makeValues(5);
    const state = createState(specs, {
      weights,
      firstMoment: new Float32Array(5),
      secondMoment: new Float32Array(5),
    });
    const oracle = tf.train.adam(config.learningRate, config.beta1, config.beta2, config.epsilon);
    const variable = tf.variable(tf.tensor1d(weights));
    for (let update = 1; update <= 20; update++) {
      const gradient = tf.tensor1d(makeValues(5, update));
      applyAdam(state, gradient, config, computeAdamAmounts(config, update));
      oracle.applyGradients([{ name: variable.name, tensor: gradient }]);
      gradient.dispose();
    }
    const expected = variable.dataSync();
    (await readState(state)).weights.forEach((value, i) =>
      expect(value).toBeCloseTo(expected[i] as number, 5),
    );
    disposeState(state);
  });

  it('is split into its arrays in order, with gradients', () => {
    const specs = [
      { name: 'a', shape: [2, 3] },
      { name: 'b', shape: [3] },
    ];
    const flat = tf.tensor1d(makeValues(9));
    const [a, b] = splitWeights(specs, flat) as [tf.Tensor, tf.Tensor];
    expect(a.shape).toEqual([2, 3]);
    expect([...a.dataSync(), ...b.dataSync()]).toEqual([...flat.dataSync()]);
    const gradient = tf.grad((x) => {
      const [p, q] = splitWeights(specs, x as tf.Tensor1D) as [tf.Tensor, tf.Tensor];
      return tf.add(tf.sum(tf.mul(p, 2)), tf.sum(tf.mul(q, 3)));
    })(flat);
    expect([...gradient.dataSync()]).toEqual([2, 2, 2, 2, 2, 2, 3, 3, 3]);
  });

  it('leaves no tensor behind when it is updated or disposed', () => {
    const before = tf.memory().numTensors;
    const state = createState(SPECS, drawInitialArrays(SPECS, deriveKey('train', 'x'), 4));
    const gradient = tf.ones([60_300]) as tf.Tensor1D;
    const config = { learningRate: 0.1, beta1: 0.9, beta2: 0.9, epsilon: 1e-7 };
    expect(
      countLeaks(() => applyAdam(state, gradient, config, computeAdamAmounts(config, 1))),
    ).toBe(0);
    gradient.dispose();
    disposeState(state);
    expect(tf.memory().numTensors).toBe(before);
  });
});
