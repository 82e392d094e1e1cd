import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { planGenerator, type GeneratorConfig } from '../../../shared/model/generator.ts';
import { buildInput, clampImages, runGenerator } from '../../../trainer/gan/networks.ts';

const TINY: GeneratorConfig = {
  latentSize: 3,
  classes: 2,
  layers: [
    { type: 'dense', units: 4, activation: 'relu' },
    { type: 'dense', units: 6, activation: 'tanh' },
    { type: 'reshape', shape: [2, 3, 1] },
  ],
};

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('runGenerator', () => {
  it('computes the formulas, row by row', () => {
    const plan = planGenerator(TINY);
    const arrays = plan.weights.map(({ shape }, k) =>
      Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i + k)),
    );
    const weights = plan.weights.map(({ shape }, k) =>
      tf.tensor(arrays[k] as number[], [...shape]),
    );
    const latents = Float32Array.of(0.5, -0.25, 1, -1, 0.125, 0);
    const input = buildInput(plan, latents, Uint8Array.of(1, 0));
    const output = runGenerator(plan, weights, input);
    expect(output.shape).toEqual([2, 2, 3, 1]);
    const expected = [
      [0.5, -0.25, 1, 0, 1],
      [-1, 0.125, 0, 1, 0],
    ].flatMap((row) =>
      dense(
        dense(row, arrays[0], arrays[1], (x) => Math.max(0, x)),
        arrays[2],
        arrays[3],
        Math.tanh,
      ),
    );
    output.dataSync().forEach((value, i) => expect(value).toBeCloseTo(expected[i] as number, 5));
    tf.dispose([...weights, input, output]);
  });

  it('leaves no tensor behind but its output', () => {
    const plan = planGenerator(TINY);
    const weights = plan.weights.map(({ shape }) => tf.zeros([...shape]));
    const input = buildInput(plan, new Float32Array(3), Uint8Array.of(0));
    const before = tf.memory().numTensors;
    runGenerator(plan, weights, input).dispose();
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([...weights, input]);
  });
});

function dense(
  row: number[],
  kernel: number[] = [],
  bias: number[] = [],
  activation: (x: number) => number,
): number[] {
  return bias.map((b, unit) =>
    activation(row.reduce((sum, x, i) => sum + x * (kernel[i * bias.length + unit] as number), b)),
  );
}

describe('clampImages', () => {
  it('clamps, and lets the whole gradient through', () => {
    const images = tf.tensor4d([-2, -1, 0.5, 1, 3], [1, 1, 5, 1]);
    const incoming = tf.tensor4d([1, -1, 0.25, 1, -1], [1, 1, 5, 1]);
    const differentiate = tf.valueAndGrad((x) => clampImages(x as tf.Tensor4D, [-1, 1]));
    const { value, grad } = differentiate(images, incoming);
    expect([...value.dataSync()]).toEqual([-1, -1, 0.5, 1, 1]);
    expect([...grad.dataSync()]).toEqual([...incoming.dataSync()]);
    tf.dispose([images, incoming, value, grad]);
  });
});
