import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TOPOLOGY_FILE, WEIGHTS_FILE } from '../../../shared/model/artifact.ts';
import { planGenerator, sizeOf, type GeneratorConfig } from '../../../shared/model/generator.ts';
import { buildInput, runGenerator } from '../../../trainer/gan/networks.ts';
import {
  decodeValues,
  WEIGHT_DTYPES,
  type WeightDtype,
} from '../../../shared/model/weight-encoding.ts';
import { encodeTopology } from '../../../trainer/export/layers-model.ts';
import { encodeWeights } from '../../../trainer/export/weight-encoder.ts';
import { makeValues } from '../../support/training/tensors.ts';

/** A plain web server with the tested model. */
let server: Server;
const served = new Map<string, Uint8Array | string>();
beforeAll(async () => {
  await tf.setBackend('cpu');
  server = createServer((request, response) =>
    response.end(served.get(request.url?.slice(1) ?? '')),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => server.close());

/** Loads a model as any user would. The caller disposes it. */
async function loadServed(topology: string, weights: Uint8Array): Promise<tf.LayersModel> {
  served.set(TOPOLOGY_FILE, topology);
  served.set(WEIGHTS_FILE, weights);
  return tf.loadLayersModel(
    `http://127.0.0.1:${(server.address() as AddressInfo).port}/${TOPOLOGY_FILE}`,
  );
}

const readBits = (values: Float32Array) => [...new Uint32Array(values.slice().buffer)];

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
  it.each(Object.entries(CONFIGS))(
    '%s is loaded by tf.loadLayersModel and computes the same',
    async (_, config) => {
      const plan = planGenerator(config);
      const flat = makeValues(plan.parameters, 1, 0.5);
      const model = await loadServed(
        await encodeTopology(plan, { dtype: 'float32' }),
        encodeWeights(plan, flat, 'float32').bytes,
      );
      let next = 0;
      const tensors = plan.weights.map(({ shape }) =>
        tf.tensor(flat.subarray(next, (next += sizeOf(shape))), [...shape]),
      );
      const input = buildInput(plan, makeValues(2 * config.latentSize), Uint8Array.of(1, 0));
      const expected = runGenerator(plan, tensors, input);
      const actual = model.predict(input) as tf.Tensor;
      expect(actual.shape).toEqual(expected.shape);
      const values = expected.dataSync();
      actual.dataSync().forEach((value, i) => expect(value).toBeCloseTo(values[i] as number, 5));
    },
  );

  describe.each(WEIGHT_DTYPES)('with weights of %s', (dtype: WeightDtype) => {
    const plan = planGenerator(CONFIGS['of convolutions, conditional'] as GeneratorConfig);
    const flat = makeValues(plan.parameters, 1, 0.5);
    // The first weight holds every kind of float16 number; for uint8 a wide range.
    flat.set([
      0,
      -0,
      2 ** -24,
      -(2 ** -25),
      1.5 * 2 ** -24,
      2 ** -14,
      -65_504,
      65_519,
      1 / 3,
      1e-40,
    ]);

    it('gives tf.loadLayersModel the same bits as the worker', async () => {
      const { encoding, bytes } = encodeWeights(plan, flat, dtype);
      const model = await loadServed(await encodeTopology(plan, encoding), bytes);
      const loaded = model.getWeights();
      expect(loaded.map(({ shape }) => shape)).toEqual(plan.weights.map(({ shape }) => shape));
      const expected = decodeValues(plan.weights, encoding, bytes);
      expect(loaded.flatMap((tensor) => readBits(tensor.dataSync() as Float32Array))).toEqual(
        readBits(expected),
      );
      model.dispose();
    });
  });

  it('leaves no tensor behind', async () => {
    const plan = planGenerator(CONFIGS['of dense layers'] as GeneratorConfig);
    const before = tf.memory().numTensors;
    await encodeTopology(plan, { dtype: 'float16' });
    expect(tf.memory().numTensors).toBe(before);
  });
});
