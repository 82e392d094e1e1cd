/** Tests the plan and the files of encoders, and compares the engine with TensorFlow.js. */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { MANIFEST_FILE, parseManifest, splitWeights } from '../../../shared/model/artifact.ts';
import {
  decodeEncoderWeights,
  ENCODER_FILE,
  ENCODER_LIMITS,
  ENCODER_WEIGHTS_FILE,
  parseEncoder,
  planEncoder,
  type EncoderDescription,
} from '../../../shared/model/encoder.ts';
import { deriveKey } from '../../../shared/model/random.ts';
import { createHandReader } from '../../../shared/hand/reader.ts';
import { createEngine } from '../../../shared/model/engine/engine.ts';
import {
  planGenerator,
  type LayerConfig,
  type NetworkPlan,
} from '../../../shared/model/generator.ts';
import { configureEncoder, runEncoder, runNetwork } from '../../../trainer/encoder/network.ts';
import type { Dataset } from '../../../trainer/data/dataset.ts';
import { trainCertainties } from '../../../trainer/encoder/certainties.ts';
import { instantiateKernels } from '../../../trainer/node-kernels.ts';
import { buildEncoderFixture, buildFixture } from '../../support/models/fixture-artifact.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const fixture = buildFixture({ latentSize: 64, classes: 10 });
const model = parseManifest(fixture.files.get(MANIFEST_FILE) as Uint8Array);
const encoder = buildEncoderFixture(fixture);
const weightsBytes = encoder.get(ENCODER_WEIGHTS_FILE) as Uint8Array;

function parse(alter?: (description: EncoderDescription) => EncoderDescription) {
  return parseEncoder(buildEncoderFixture(fixture, alter).get(ENCODER_FILE) as Uint8Array, model);
}

describe('an encoder on the engine', () => {
  const parsed = parse();
  const weights = decodeEncoderWeights(parsed, weightsBytes);
  const tensors = () =>
    weights.map((values, i) => tf.tensor(values, [...(parsed.plan.weights[i]?.shape ?? [])]));
  const pictures = Float32Array.from({ length: 3 * 784 }, (_, i) => ((i * 37) % 101) / 101);

  it('computes what TensorFlow.js does, for one picture and for several', () => {
    const expected = tf.tidy(() => {
      const { latents, logits } = runEncoder(
        parsed.plan,
        tensors(),
        tf.tensor4d(pictures, [3, 28, 28, 1]),
      );
      return tf.concat([tf.reshape(latents, [3, 640]), logits], 1).dataSync();
    });
    const engine = createEngine(instantiateKernels(), parsed.plan, weights);
    const got = engine.run(pictures);
    expect(got.length).toBe(expected.length);
    const worst = got.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
    expect(worst).toBeLessThan(0.01);
    expect([...engine.run(pictures.subarray(784, 1568))]).toEqual([...got.subarray(650, 1300)]);
  });

  it('learns what is of no class, and keeps its latent vectors', async () => {
    const { layers } = configureEncoder(model.plan);
    const units = 651;
    const wide = planEncoder(
      { layers: [...layers.slice(0, -1), { type: 'dense', units, activation: 'tanh' }] },
      model.plan,
    );
    const set = (labels: number[], invert: number): Dataset => ({
      name: 'test',
      count: labels.length,
      height: 28,
      width: 28,
      channels: 1,
      images: Uint8Array.from(pictures, (value) => Math.round(255 * Math.abs(invert - value))),
      labels: Uint8Array.from(labels),
      classes: [],
    });
    const sets = [set([1, 2, 3], 0), set([10, 10, 10], 1)] as const;
    const flat = await trainCertainties(wide, weights, sets, deriveKey('encoder', 'test'));
    const before = createHandReader(parsed.plan, weights, instantiateKernels());
    const after = createHandReader(wide, splitWeights(wide, flat, 'wide'), instantiateKernels());
    for (const { images, labels } of sets) {
      const ink = Float32Array.from(images.subarray(0, 784), (value) => value / 255);
      const { latents } = before.guess(ink);
      const guess = after.guess(ink);
      expect([...guess.latents]).toEqual([...latents]);
      const sum = guess.certainties.reduce((total, each) => total + each);
      expect(sum > 0.8).toBe(labels[0] === 1);
      expect(sum < 0.2).toBe(labels[0] === 10);
    }
  });

  it('undoes depthToSpace by spaceToDepth', () => {
    const layers: NetworkPlan['config']['layers'] = [
      { type: 'reshape', shape: [2, 3, 8] },
      { type: 'depthToSpace', blockSize: 2 },
      { type: 'spaceToDepth', blockSize: 2 },
      { type: 'flatten' },
    ];
    const numbers = Float32Array.from({ length: 48 }, (_, i) => i);
    const back = tf.tidy(() =>
      runNetwork({ config: { layers } }, [], tf.tensor2d(numbers, [1, 48])).dataSync(),
    );
    expect([...back]).toEqual([...numbers]);
  });
});

describe('an encoder', () => {
  it('of the shipped size keeps to 2 million multiply-accumulates and 200,000 bytes', () => {
    const { plan } = parse();
    expect(plan.macs).toBeLessThanOrEqual(ENCODER_LIMITS.macs);
    expect(weightsBytes.length).toBeLessThanOrEqual(200_000);
  });

  it('is refused for another version, other layers, other bytes or numbers, by name', () => {
    const other = { name: 'fixture', version: '0123456789abcdef' };
    expect(() => parse((each) => ({ ...each, model: other }))).toThrow(
      `belongs to fixture@${other.version}`,
    );
    const encoderOf = (units: number) => ({
      layers: [{ type: 'flatten' } as const, { type: 'dense', units, activation: 'tanh' } as const],
    });
    expect(() => parse((each) => ({ ...each, encoder: encoderOf(3) }))).toThrow('expected [650]');
    expect(() => parse((each) => ({ ...each, encoder: encoderOf(650) }))).toThrow(
      'at most 200000 and 2000000 allowed',
    );
    expect(() => parse((each) => ({ ...each, file: { ...each.file, bytes: 9 } }))).toThrow(
      'listed with 9 bytes',
    );
    const changed = weightsBytes.slice();
    changed[5]! ^= 1;
    expect(() => decodeEncoderWeights(parse(), changed)).toThrow('SHA-256');
  });

  it('must fit its generator: a picture that blocks do not divide is refused', () => {
    const layers: LayerConfig[] = [
      { type: 'dense', units: 100, activation: 'tanh' },
      { type: 'reshape', shape: [10, 10, 1] },
    ];
    const generator = planGenerator({ latentSize: 4, classes: 2, layers });
    expect(() => planEncoder(configureEncoder(generator), generator)).toThrow(
      '10 x 10 is no whole number of blocks of 4',
    );
  });
});
