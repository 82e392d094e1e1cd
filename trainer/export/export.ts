/**
 * Writes a trained generator as an artifact folder: the tfjs LayersModel and its manifest. The folder is checked by
 * reading it back before it gets its name.
 */
import { createRequire } from 'node:module';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  encodeManifest,
  hashBytes,
  MANIFEST_FILE,
  MANIFEST_SCHEMA,
  parseManifest,
  sealManifest,
  TOPOLOGY_FILE,
  WEIGHTS_FILE,
  type Manifest,
} from '../../shared/model/artifact.ts';
import type { GeneratorPlan } from '../../shared/model/generator.ts';
import { SAMPLING_LAW } from '../../shared/model/latent.ts';
import { createSampler } from '../../shared/model/sampler.ts';
import type { WeightDtype } from '../../shared/model/weight-encoding.ts';
import { toWriteError } from '../../storage/files.ts';
import { instantiateKernels } from '../node-kernels.ts';
import { encodeTopology } from './layers-model.ts';
import { encodeWeights } from './weight-encoder.ts';

/** What a manifest tells beside the network. */
export interface ArtifactFacts {
  readonly name: string;
  readonly imageRange: readonly [number, number];
  /** A name for each label; empty without classes. */
  readonly classes: readonly string[];
  /** `libraries`: this process's when absent. */
  readonly training: Omit<Manifest['training'], 'libraries'> & {
    readonly libraries?: Readonly<Record<string, string>>;
  };
  readonly figures: Readonly<Record<string, number>>;
}

/**
 * Writes an artifact folder, replacing one that is there.
 *
 * @param folder   Where to; its parent exists.
 * @param weights  [parameters], in the plan's order.
 * @param dtype    What they are written in.
 * @returns        The manifest as written.
 * @throws WeightRangeError  When they do not fit into it.
 * @throws WriteError        When a file cannot be written; what was there before is still there.
 */
export async function exportArtifact(
  folder: string,
  plan: GeneratorPlan,
  weights: Float32Array,
  dtype: WeightDtype,
  facts: ArtifactFacts,
): Promise<Manifest> {
  const { encoding, bytes: weightsBytes } = encodeWeights(plan, weights, dtype);
  const topology = new TextEncoder().encode(await encodeTopology(plan, encoding));
  const contents = { [TOPOLOGY_FILE]: topology, [WEIGHTS_FILE]: weightsBytes };
  const [height, width, channels] = plan.outputShape;
  const manifest = sealManifest({
    schema: MANIFEST_SCHEMA,
    name: facts.name,
    law: SAMPLING_LAW,
    generator: plan.config,
    latent: { size: plan.config.latentSize, prior: 'uniform', range: [-1, 1] },
    image: { height, width, channels, range: [...facts.imageRange] },
    classes: [...facts.classes],
    weights: encoding,
    files: Object.entries(contents).map(([path, bytes]) => ({
      path,
      bytes: bytes.length,
      sha256: hashBytes(bytes),
    })),
    training: {
      ...facts.training,
      libraries: { ...(facts.training.libraries ?? readLibraryVersions()) },
    },
    figures: { ...facts.figures },
  });
  const temporary = `${folder}.tmp`;
  await rm(temporary, { recursive: true, force: true });
  try {
    await mkdir(temporary);
    for (const [path, bytes] of Object.entries({
      ...contents,
      [MANIFEST_FILE]: encodeManifest(manifest),
    })) {
      await writeFile(join(temporary, path), bytes, { flush: true });
    }
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true });
    throw toWriteError(folder, cause);
  }
  const parsed = parseManifest(await readFile(join(temporary, MANIFEST_FILE)), {
    version: manifest.version,
  });
  createSampler(
    parsed,
    await readFile(join(temporary, WEIGHTS_FILE)),
    instantiateKernels,
  ).dispose();
  await rm(folder, { recursive: true, force: true });
  await rename(temporary, folder);
  return manifest;
}

function readLibraryVersions(): Record<string, string> {
  const require = createRequire(import.meta.url);
  const { version } = require('@tensorflow/tfjs/package.json') as { version: string };
  return { '@tensorflow/tfjs': version, node: process.versions.node };
}
