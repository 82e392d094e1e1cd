/**
 * Makes drafts: good artifacts that a mutation damages. A draft is then sealed as a hostile
 * publisher would, with matching hashes, so that the checks behind the hashes are reached too.
 */
import * as v from 'valibot';
import {
  computeVersion,
  encodePointer,
  hashBytes,
  MANIFEST_FILE,
  WEIGHTS_FILE,
  type ManifestContent,
} from '../../../shared/model/artifact.ts';
import {
  generatorConfigSchema,
  planGenerator,
  type GeneratorPlan,
  type LayerConfig,
} from '../../../shared/model/generator.ts';
import {
  WEIGHT_BYTES,
  WEIGHT_DTYPES,
  type WeightDtype,
} from '../../../shared/model/weight-encoding.ts';
import { buildFixture, type Fixture } from '../models/fixture-artifact.ts';
import type { Dice } from '../dice.ts';
import { setOwn, stringify, type Json, type JsonObject } from './hostile-json.ts';

export interface Draft {
  /** The manifest without its version. */
  content: JsonObject;
  weights: Uint8Array;
  /** Unsigned fields of the pointer; absent entries are filled in. */
  pointer: JsonObject;
  /** Damages the manifest's bytes after its version is set, before the pointer hashes the bytes. */
  spoilManifest: (bytes: Uint8Array) => Uint8Array;
  spoilPointer: (bytes: Uint8Array) => Uint8Array;
  /** Damages the weights after they are signed. */
  spoilWeights: (bytes: Uint8Array) => Uint8Array;
  /** Whether size and hash of the weights are recomputed from the stored weights. */
  signsFiles: boolean;
  /** Whether the version is recomputed from the content. */
  signsVersion: boolean;
  /** Whether the pointer's hash is recomputed from the stored manifest. */
  signsPointer: boolean;
  missing: 'manifest' | 'weights' | 'pointer' | undefined;
}

/** The objects that a worker finds in the bucket. */
export interface Stored {
  readonly pointer: Uint8Array | undefined;
  readonly manifest: Uint8Array | undefined;
  readonly weights: Uint8Array | undefined;
}

const DENSE: LayerConfig[] = [
  { type: 'dense', units: 9, activation: 'leakyRelu' },
  { type: 'dense', units: 16, activation: 'sigmoid' },
  { type: 'reshape', shape: [4, 4, 1] },
];
const CONVOLUTIONAL: LayerConfig[] = [
  { type: 'dense', units: 3 * 3 * 8, activation: 'relu' },
  { type: 'reshape', shape: [3, 3, 8] },
  { type: 'conv2d', filters: 8, kernelSize: 3, activation: 'tanh' },
  { type: 'depthToSpace', blockSize: 2 },
  { type: 'conv2d', filters: 3, kernelSize: 5, activation: 'linear' },
];

const BASES: readonly Fixture[] = WEIGHT_DTYPES.flatMap((dtype) => [
  buildFixture({ dtype, latentSize: 5, classes: 0, layers: DENSE }),
  buildFixture({ dtype, latentSize: 6, classes: 3, layers: CONVOLUTIONAL }),
]);

/** Makes a good artifact that will be sealed completely. */
export function draw(dice: Dice): Draft {
  const { manifest, files } = dice.pick(BASES);
  const { version: _version, ...content } = structuredClone(manifest);
  const depth = dice.below(10);
  return {
    content: content as unknown as JsonObject,
    weights: (files.get(WEIGHTS_FILE) as Uint8Array).slice(),
    pointer: {},
    spoilManifest: (bytes) => bytes,
    spoilPointer: (bytes) => bytes,
    spoilWeights: (bytes) => bytes,
    signsPointer: depth > 0,
    signsVersion: depth > 1,
    signsFiles: depth > 2,
    missing: undefined,
  };
}

/** Seals a draft and writes its objects. */
export function store(draft: Draft): Stored {
  if (draft.signsFiles) {
    signFiles(draft);
  }
  const version = draft.signsVersion ? trySign(draft.content) : '0123456789abcdef';
  const text = stringify({ ...draft.content, version });
  const signed = new TextEncoder().encode(text);
  const manifest = draft.spoilManifest(signed);
  const name = typeof draft.content['name'] === 'string' ? draft.content['name'] : 'fixture';
  const models = setOwn({}, name, {
    version,
    manifestSha256: hashBytes(draft.signsPointer ? manifest : signed),
    publishedAt: '2026-01-01T00:00:00Z',
  });
  const pointer = draft.spoilPointer(
    encodePointer({ schema: 1, default: name, models, ...draft.pointer } as never),
  );
  return {
    pointer: draft.missing === 'pointer' ? undefined : pointer,
    manifest: draft.missing === 'manifest' ? undefined : manifest,
    weights: draft.missing === 'weights' ? undefined : draft.spoilWeights(draft.weights),
  };
}

/** The last part of a key; the worker asks for files by this name. */
export function pick({ pointer, manifest, weights }: Stored, key: string): Uint8Array | undefined {
  const file = key.slice(key.lastIndexOf('/') + 1);
  return file === MANIFEST_FILE ? manifest : file === WEIGHTS_FILE ? weights : pointer;
}

function signFiles({ content, weights }: Draft): void {
  const files = content['files'];
  const entry = Array.isArray(files)
    ? files.find((file) => (file as JsonObject | null)?.['path'] === WEIGHTS_FILE)
    : undefined;
  if (entry !== undefined) {
    Object.assign(entry as JsonObject, { bytes: weights.length, sha256: hashBytes(weights) });
  }
}

/** Content without a canonical form, such as a lone surrogate, has no version. */
function trySign(content: JsonObject): string {
  try {
    return computeVersion(content as unknown as ManifestContent);
  } catch {
    return '0123456789abcdef';
  }
}

/**
 * Gives a draft weights that fit its generator, and adapts the other fields that depend on it, so
 * that a changed network is consistent.
 * @returns  False when the network is invalid; the draft is then unchanged.
 */
export function fitToGenerator(draft: Draft, dice: Dice): boolean {
  const plan = tryPlan(draft.content['generator']);
  if (plan === undefined) {
    return false;
  }
  const generator = plan.config;
  const dtype = dice.pick(WEIGHT_DTYPES);
  draft.weights = fillNumbers(plan.parameters, dtype, dice);
  const [height, width, channels] = plan.outputShape;
  Object.assign(draft.content, {
    image: { height, width, channels, range: [0, 1] },
    latent: { size: generator.latentSize, prior: 'uniform', range: [-1, 1] },
    classes: Array.from({ length: generator.classes }, (_, label) => String(label)),
    weights: {
      dtype,
      ...(dtype === 'uint8' && {
        quantization: plan.weights.map((): Json => ({ scale: 0.01, min: -1 })),
      }),
    },
  });
  return true;
}

function tryPlan(generator: unknown): GeneratorPlan | undefined {
  try {
    return planGenerator(v.parse(generatorConfigSchema, generator));
  } catch {
    return undefined;
  }
}

/**
 * Makes small numbers of either sign by copying a byte pattern, which is quick even for millions.
 */
function fillNumbers(count: number, dtype: WeightDtype, dice: Dice): Uint8Array {
  const patterns = {
    float32: () => Float32Array.from({ length: 61 }, () => (dice.below(2001) - 1000) / 5000),
    // Exponents around 2^-3, either sign.
    float16: () =>
      Uint16Array.from({ length: 61 }, () => 0x2800 + dice.below(0x800) + dice.below(2) * 0x8000),
    uint8: () => Uint8Array.from({ length: 61 }, () => dice.below(256)),
  };
  const pattern = new Uint8Array(patterns[dtype]().buffer);
  const bytes = new Uint8Array(count * WEIGHT_BYTES[dtype]);
  for (let at = 0; at < bytes.length; at += pattern.length) {
    bytes.set(pattern.subarray(0, bytes.length - at), at);
  }
  return bytes;
}
