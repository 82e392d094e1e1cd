import { describe, expect, it } from 'vitest';
import {
  GeneratorConfigError,
  planGenerator,
  type GeneratorConfig,
} from '../../../shared/model/generator.ts';

const TINY: GeneratorConfig = {
  latentSize: 3,
  classes: 2,
  layers: [
    { type: 'dense', units: 4, activation: 'relu' },
    { type: 'dense', units: 6, activation: 'tanh' },
    { type: 'reshape', shape: [2, 3, 1] },
  ],
};

describe('planGenerator', () => {
  it('counts weights and multiply-accumulates', () => {
    const plan = planGenerator(TINY);
    expect(plan.inputSize).toBe(5);
    expect(plan.outputShape).toEqual([2, 3, 1]);
    expect(plan.parameters).toBe(5 * 4 + 4 + 4 * 6 + 6);
    expect(plan.macs).toBe(5 * 4 + 4 * 6);
    expect(plan.weights.map(({ name }) => name)).toEqual([
      'dense_0/kernel',
      'dense_0/bias',
      'dense_1/kernel',
      'dense_1/bias',
    ]);
  });

  it.each([
    [
      'a reshape to another size',
      { layers: [{ type: 'reshape', shape: [2, 2, 2] }] },
      /layer 0: cannot reshape \[5\] to \[2, 2, 2\]/,
    ],
    [
      'an output that is no image',
      { layers: [{ type: 'dense', units: 4, activation: 'relu' }] },
      /the last layer gives \[4\]/,
    ],
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
      'more products of a number than the engine sums up exactly enough',
      {
        layers: [
          { type: 'dense', units: 1821, activation: 'relu' },
          { type: 'reshape', shape: [1, 1, 1821] },
          { type: 'conv2d', filters: 1, kernelSize: 3, activation: 'tanh' },
        ],
      },
      /layer 2: 16389 products for each number, at most 16384 allowed/,
    ],
    [
      'more weights than allowed',
      {
        layers: [
          { type: 'dense', units: 10_000, activation: 'relu' },
          { type: 'dense', units: 10_000, activation: 'relu' },
          { type: 'reshape', shape: [100, 100, 1] },
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
