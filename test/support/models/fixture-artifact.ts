/**
 * Small artifacts for tests, complete except that their weights are random. The caller chooses the
 * layers, so a test can make an artifact with every layer that the worker serves.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  buildKey,
  encodeManifest,
  encodePointer,
  hashBytes,
  MANIFEST_FILE,
  MANIFEST_SCHEMA,
  sealManifest,
  TOPOLOGY_FILE,
  WEIGHTS_FILE,
  type Manifest,
  type ManifestContent,
  type Pointer,
} from '../../../shared/model/artifact.ts';
import {
  encodeEncoder,
  ENCODER_FILE,
  ENCODER_SCHEMA,
  ENCODER_WEIGHTS_FILE,
  planEncoder,
  type EncoderDescription,
} from '../../../shared/model/encoder.ts';
import { planGenerator, sizeOf, type LayerConfig } from '../../../shared/model/generator.ts';
import { deriveKey, drawWords, fillUniform, SAMPLING_LAW } from '../../../shared/model/random.ts';
import type { WeightDtype } from '../../../shared/model/weight-encoding.ts';
import { configureEncoder } from '../../../trainer/encoder/network.ts';
import { encodeWeights } from '../../../trainer/export/weight-encoder.ts';

/** The options of a fixture; each has a default. */
export interface FixtureOptions {
  readonly name?: string;
  readonly latentSize?: number;
  readonly classes?: number;
  readonly layers?: readonly LayerConfig[];
  /** Determines the weights, and so the version. */
  readonly weightsSeed?: string;
  /** The encoding of the weights. */
  readonly dtype?: WeightDtype;
  /**
   * Changes the manifest's content before it is sealed, to make artifacts that are wrong yet
   * consistent.
   */
  readonly alter?: (content: ManifestContent) => ManifestContent;
}

/** An artifact in memory. */
export interface Fixture {
  readonly manifest: Manifest;
  /** Content by path: manifest, topology and weights. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

const DEFAULT_LAYERS: readonly LayerConfig[] = [
  { type: 'dense', units: 32, activation: 'relu' },
  { type: 'dense', units: 784, activation: 'sigmoid' },
  { type: 'reshape', shape: [28, 28, 1] },
];

/** The layers of a generator that draws 16 x 16 pixels in colour. */
export const COLOUR_LAYERS: readonly LayerConfig[] = [
  { type: 'dense', units: 16 * 16 * 3, activation: 'sigmoid' },
  { type: 'reshape', shape: [16, 16, 3] },
];

/** Builds an artifact. */
export function buildFixture({
  name = 'fixture',
  latentSize = 16,
  classes = 10,
  layers = DEFAULT_LAYERS,
  weightsSeed = 'fixture',
  dtype = 'float32',
  alter = (content) => content,
}: FixtureOptions = {}): Fixture {
  const generator = { latentSize, classes, layers: [...layers] };
  const plan = planGenerator(generator);
  const [height, width, channels] = plan.outputShape;
  const shapes = plan.weights.map((weight) => weight.shape);
  const { encoding, bytes: weights } = encodeWeights(plan, drawWeights(shapes, weightsSeed), dtype);
  const topology = new TextEncoder().encode('{"note":"a fixture has no topology"}\n');
  const manifest = sealManifest(
    alter({
      schema: MANIFEST_SCHEMA,
      name,
      law: SAMPLING_LAW,
      generator,
      latent: { size: latentSize, prior: 'uniform', range: [-1, 1] },
      image: { height, width, channels, range: [0, 1] },
      classes: Array.from({ length: classes }, (_, label) => String(label)),
      weights: encoding,
      files: [
        { path: TOPOLOGY_FILE, bytes: topology.length, sha256: hashBytes(topology) },
        { path: WEIGHTS_FILE, bytes: weights.length, sha256: hashBytes(weights) },
      ],
      training: {
        preset: 'fixture',
        steps: 0,
        batchSize: 1,
        imagesSeen: 0,
        seed: weightsSeed,
        dataset: { name: 'none', images: 1, sha256: hashBytes(new Uint8Array()) },
        backend: 'none',
        libraries: {},
      },
      figures: {},
    }),
  );
  return {
    manifest,
    files: new Map([
      [MANIFEST_FILE, encodeManifest(manifest)],
      [TOPOLOGY_FILE, topology],
      [WEIGHTS_FILE, weights],
    ]),
  };
}

/**
 * Uniform in ±sqrt(6 / inputs), so that activations stay in a range where neighbouring seeds look
 * different.
 */
function drawWeights(shapes: readonly (readonly number[])[], seed: string): Float32Array {
  const key = deriveKey('fixture', seed);
  const all = new Float32Array(shapes.reduce((sum, shape) => sum + sizeOf(shape), 0));
  let next = 0;
  shapes.forEach((shape, i) => {
    const values = all.subarray(next, (next += sizeOf(shape)));
    fillUniform(drawWords(key, 0, i, values.length), values);
    const inputs = shape.length === 1 ? 600 : sizeOf(shape.slice(0, -1));
    for (let k = 0; k < values.length; k++) {
      values[k] = (values[k] as number) * Math.sqrt(6 / inputs);
    }
  });
  return all;
}

/** Writes a model's files into a folder, which is made. */
export async function writeModel(folder: string, { files }: Fixture): Promise<void> {
  await mkdir(folder, { recursive: true });
  await Promise.all([...files].map(([path, bytes]) => writeFile(join(folder, path), bytes)));
}

/** The objects of an artifact by their keys in the bucket, without the pointer. */
export function listObjects(fixture: Fixture): [key: string, bytes: Uint8Array][] {
  const { name, version } = fixture.manifest;
  return [...fixture.files].map(([path, bytes]) => [buildKey(name, version, path), bytes]);
}

/** Makes a pointer to the given artifacts; the first is the default. */
export function buildPointer(...fixtures: readonly [Fixture, ...Fixture[]]): Uint8Array {
  const models: Pointer['models'] = {};
  for (const { manifest, files } of fixtures) {
    models[manifest.name] = {
      version: manifest.version,
      manifestSha256: hashBytes(files.get(MANIFEST_FILE) as Uint8Array),
      publishedAt: '2026-01-01T00:00:00Z',
    };
  }
  return encodePointer({ schema: 1, default: fixtures[0].manifest.name, models });
}

/** Builds the encoder of a fixture's model: two files, with random weights. */
export function buildEncoderFixture(
  { manifest }: Fixture,
  alter: (description: EncoderDescription) => EncoderDescription = (each) => each,
): ReadonlyMap<string, Uint8Array> {
  const generator = planGenerator(manifest.generator);
  const plan = planEncoder(configureEncoder(generator), generator);
  const values = drawWeights(
    plan.weights.map((weight) => weight.shape),
    'encoder',
  );
  const { encoding, bytes } = encodeWeights(plan, values, 'uint8');
  const description: EncoderDescription = {
    schema: ENCODER_SCHEMA,
    model: { name: manifest.name, version: manifest.version },
    encoder: plan.config,
    weights: encoding,
    file: { path: ENCODER_WEIGHTS_FILE, bytes: bytes.length, sha256: hashBytes(bytes) },
    training: {
      steps: 0,
      batchSize: 1,
      seed: 'encoder',
      dataset: manifest.training.dataset,
      backend: 'none',
      libraries: {},
    },
    figures: {},
  };
  return new Map([
    [ENCODER_FILE, encodeEncoder(alter(description))],
    [ENCODER_WEIGHTS_FILE, bytes],
  ]);
}
