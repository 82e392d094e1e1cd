import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildInput, GeneratorConfigError, planGenerator, runGenerator, type GeneratorConfig } from '../../shared/generator.ts';

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

describe('planGenerator', () => {
  it('counts weights and multiply-accumulates', () => {
    const plan = planGenerator(TINY);
    expect(plan.inputSize).toBe(5);
    expect(plan.outputShape).toEqual([2, 3, 1]);
    expect(plan.parameters).toBe(5 * 4 + 4 + 4 * 6 + 6);
    expect(plan.macs).toBe(5 * 4 + 4 * 6);
    expect(plan.weights.map(({ name }) => name)).toEqual(['dense_0/kernel', 'dense_0/bias', 'dense_1/kernel', 'dense_1/bias']);
  });

  it.each([
    [
      'a reshape to another size',
      { layers: [{ type: 'reshape', shape: [2, 2, 2] }] },
      /layer 0: cannot reshape \[5\] to \[2, 2, 2\]/,
    ],
    ['an output that is no image', { layers: [{ type: 'dense', units: 4, activation: 'relu' }] }, /the last layer gives \[4\]/],
    [
      'two channels',
      {
        layers: [
          { type: 'dense', units: 8, activation: 'relu' },
          { type: 'reshape', shape: [2, 2, 2] },
        ],
      },
      /expected \[height, width, 1 or 3\]/,
    ],
    [
      'dense after reshape',
      {
        layers: [
          { type: 'reshape', shape: [5, 1, 1] },
          { type: 'dense', units: 4, activation: 'relu' },
        ],
      },
      /layer 1: dense takes a flat input/,
    ],
    [
      'more weights than allowed',
      {
        layers: [
          { type: 'dense', units: 60_000, activation: 'relu' },
          { type: 'dense', units: 60_000, activation: 'relu' },
          { type: 'reshape', shape: [200, 300, 1] },
        ],
      },
      /parameters.*at most/,
    ],
  ] as [string, Partial<GeneratorConfig>, RegExp][])('refuses %s', (_, change, message) => {
    const refused = () => planGenerator({ ...TINY, ...change });
    expect(refused).toThrow(GeneratorConfigError);
    expect(refused).toThrow(message);
  });
});

describe('runGenerator', () => {
  it('computes what the formulas say, row by row', () => {
    const plan = planGenerator(TINY);
    const arrays = plan.weights.map(({ shape }, k) =>
      Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i + k)),
    );
    const weights = plan.weights.map(({ shape }, k) => tf.tensor(arrays[k] as number[], [...shape]));
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

function dense(row: number[], kernel: number[] = [], bias: number[] = [], activation: (x: number) => number): number[] {
  return bias.map((b, unit) => activation(row.reduce((sum, x, i) => sum + x * (kernel[i * bias.length + unit] as number), b)));
}
