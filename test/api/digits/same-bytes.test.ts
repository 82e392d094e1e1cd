/**
 * Tests that the worker draws the same bytes as the trainer's code on Node, for every layer,
 * activation and weight encoding.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  MANIFEST_FILE,
  parseManifest,
  POINTER_KEY,
  WEIGHTS_FILE,
} from '../../../shared/model/artifact.ts';
import type { Activation, LayerConfig } from '../../../shared/model/generator.ts';
import { createSampler } from '../../../shared/model/sampler.ts';
import { WEIGHT_DTYPES } from '../../../shared/model/weight-encoding.ts';
import { instantiateKernels } from '../../../trainer/node-kernels.ts';
import { buildFixture, buildPointer, type Fixture } from '../../support/models/fixture-artifact.ts';
import { putArtifact, startWorker, type TestWorker } from '../../support/hosts/runtime.ts';

const ACTIVATIONS: readonly Activation[] = ['linear', 'relu', 'leakyRelu', 'sigmoid', 'tanh'];

/** A convolutional generator with one activation in all layers. */
function buildLayers(activation: Activation): LayerConfig[] {
  return [
    { type: 'dense', units: 7 * 7 * 16, activation },
    { type: 'reshape', shape: [7, 7, 16] },
    { type: 'conv2d', filters: 16, kernelSize: 3, activation },
    { type: 'depthToSpace', blockSize: 2 },
    { type: 'conv2d', filters: 8, kernelSize: 5, activation },
    { type: 'conv2d', filters: 4, kernelSize: 1, activation: 'sigmoid' },
    { type: 'depthToSpace', blockSize: 2 },
  ];
}

const repeat = (count: number, value: number) => Array.from({ length: count }, () => value);

const fixtures = [
  ...ACTIVATIONS.map((activation) =>
    buildFixture({
      name: activation.toLowerCase(),
      layers: buildLayers(activation),
      weightsSeed: activation,
    }),
  ),
  ...WEIGHT_DTYPES.map((dtype) =>
    buildFixture({ name: dtype, layers: buildLayers('leakyRelu'), dtype }),
  ),
  buildFixture({
    name: 'bytes',
    layers: buildLayers('leakyRelu'),
    alter: (content) => ({
      ...content,
      bytes: [
        {
          layer: 2,
          zero: 20,
          steps: repeat(16, 0.02),
          scales: repeat(16, 1e-4),
          offsets: repeat(16, 0.01),
        },
        {
          layer: 4,
          zero: 20,
          steps: repeat(4, 0.02),
          scales: repeat(8, 1e-4),
          offsets: repeat(8, 0.01),
        },
      ],
    }),
  }),
];

let worker: TestWorker;
beforeAll(async () => {
  worker = await startWorker(async (bucket) => {
    for (const fixture of fixtures) {
      await putArtifact(bucket, fixture);
    }
    await bucket.put(POINTER_KEY, buildPointer(...(fixtures as [Fixture, ...Fixture[]])));
  });
});
afterAll(() => worker.close());

test.each(fixtures.map((fixture) => [fixture.manifest.name, fixture] as const))(
  '%s',
  async (name, { files }) => {
    const sampler = createSampler(
      parseManifest(files.get(MANIFEST_FILE) as Uint8Array),
      files.get(WEIGHTS_FILE) as Uint8Array,
      instantiateKernels,
    );
    const expected = sampler.draw({ seed: 'same', start: 3, count: 70 });
    sampler.dispose();
    const answer = await worker.fetch(`/digit.json?model=${name}&seed=same&start=3&n=70`);
    expect(answer.status).toBe(200);
    const { digits } = (await answer.json()) as { digits: { label: number; pixels: number[] }[] };
    expect(digits.map(({ label }) => label)).toEqual([...(expected.labels as Uint8Array)]);
    expect(digits.flatMap(({ pixels }) => pixels)).toEqual([...expected.pixels]);
    expect(new Set(expected.pixels).size).toBeGreaterThan(50);
  },
);

/**
 * The start of each answer's SHA-256 by a fixture's weights, equal in every runtime. A change
 * breaks pinned URLs, which promise the same bytes for ever.
 */
test.each([
  ['/digit.png?n=7&scale=2&gap=1', '750566d59ceb574b8eb2ea9ce088ac98'],
  ['/digit.png?n=3&smooth=1&scale=4&fg=234&bg=fff8', '404f384661efe2e6ec4ce9c16a9fe101'],
  ['/digit.png?n=1', 'b0c6bdcbf68826887c79d65f379a1163'],
  ['/digit.png?n=3&truncation=0.7', '03e73ee42646932220d2612b49d64e44'],
  ['/dataset.npy?n=70&truncation=0.35', '487b25bc6aeb7c82e5e640a4ff750d00'],
  ['/digit.svg?n=4', 'f9360a0d9931e3f74c75bca2b5a5cf23'],
  ['/digit.txt?n=2', '4f9a688498909098103fbfe5913220cb'],
  ['/digit.npy?n=5', '0731b8104283826f273cdbee1f1c386c'],
  ['/number/2026.png?scale=3', '6c9010f5bdfd3d248a5cfbc48789c78f'],
  ['/number/-3.14.png?scale=3', '383a7656400f72dff64af581fd0f7511'],
  ['/number/+1,000%202.svg?smooth=1', '6c264f846db7ee1dfbc57aeeccd89225'],
  ['/dataset.idx?n=130&start=9', 'ecbd26c7afffdbc9d61f4d708ab7a4a9'],
  ['/dataset.csv?n=70&label=3', 'd9dd31e598d7ace4a15566cfd988200a'],
])('%s has the same bytes as ever', async (path, sha256) => {
  const answer = await worker.fetch(`${path}&seed=golden&model=leakyrelu`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  expect([answer.status, createHash('sha256').update(bytes).digest('hex').slice(0, 32)]).toEqual([
    200,
    sha256,
  ]);
});
