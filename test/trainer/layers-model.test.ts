import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildInput, planGenerator, runGenerator, sizeOf, type GeneratorConfig } from '../../shared/generator.ts';
import { encodeLayersModel } from '../../trainer/layers-model.ts';
import { makeValues } from '../support/tensors.ts';

beforeAll(() => tf.setBackend('cpu'));

const CONFIGS: Record<string, GeneratorConfig> = {
  'of dense layers': {
    latentSize: 5,
    classes: 0,
    layers: [
      { type: 'dense', units: 7, activation: 'relu' },
      { type: 'dense', units: 16, activation: 'sigmoid' },
      { type: 'reshape', shape: [4, 4, 1] },
    ],
  },
  'of convolutions, conditional': {
    latentSize: 3,
    classes: 2,
    layers: [
      { type: 'dense', units: 3 * 2 * 8, activation: 'leakyRelu' },
      { type: 'reshape', shape: [3, 2, 8] },
      { type: 'conv2d', filters: 8, kernelSize: 3, activation: 'leakyRelu' },
      { type: 'depthToSpace', blockSize: 2 },
      { type: 'conv2d', filters: 4, kernelSize: 5, activation: 'tanh' },
      { type: 'conv2d', filters: 9, kernelSize: 1, activation: 'linear' },
      { type: 'depthToSpace', blockSize: 3 },
    ],
  },
};

describe('the LayersModel of a generator', () => {
  it.each(Object.entries(CONFIGS))('%s is loaded by tf.loadLayersModel and computes the same', async (_, config) => {
    const plan = planGenerator(config);
    const flat = makeValues(plan.parameters, 1, 0.5);
    const { topology, weights } = await encodeLayersModel(plan, flat);
    const json = JSON.parse(topology) as { modelTopology: object; weightsManifest: tf.io.WeightsManifestConfig };
    const model = await tf.loadLayersModel(
      tf.io.fromMemory({
        modelTopology: json.modelTopology,
        weightSpecs: json.weightsManifest[0]?.weights ?? [],
        weightData: weights.slice().buffer,
      }),
    );
    let next = 0;
    const tensors = plan.weights.map(({ shape }) => tf.tensor(flat.subarray(next, (next += sizeOf(shape))), [...shape]));
    const input = buildInput(plan, makeValues(2 * config.latentSize), Uint8Array.of(1, 0));
    const expected = runGenerator(plan, tensors, input);
    const actual = model.predict(input) as tf.Tensor;
    expect(actual.shape).toEqual(expected.shape);
    const values = expected.dataSync();
    actual.dataSync().forEach((value, i) => expect(value).toBeCloseTo(values[i] as number, 5));
  });

  it('leaves no tensor behind', async () => {
    const plan = planGenerator(CONFIGS['of dense layers'] as GeneratorConfig);
    const before = tf.memory().numTensors;
    await encodeLayersModel(plan, makeValues(plan.parameters));
    expect(tf.memory().numTensors).toBe(before);
  });
});
