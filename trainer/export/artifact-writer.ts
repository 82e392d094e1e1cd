/**
 * Writes a trained generator as an artifact folder: a tfjs LayersModel and its manifest. The folder
 * gets its name only after it was read back.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { version } from '@tensorflow/tfjs';
import { ExpectedError } from '../../shared/expected-error.ts';
import {
  ArtifactError,
  encodeManifest,
  hashBytes,
  hashValue,
  MANIFEST_FILE,
  MANIFEST_SCHEMA,
  parseManifest,
  sealManifest,
  TOPOLOGY_FILE,
  WEIGHTS_FILE,
  type Manifest,
} from '../../shared/model/artifact.ts';
import type { ByteLayer } from '../../shared/model/engine/stages.ts';
import type { Subject } from '../../shared/model/subject.ts';
import type { GeneratorPlan } from '../../shared/model/generator.ts';
import { SAMPLING_LAW } from '../../shared/model/random.ts';
import { createSampler } from '../../shared/model/sampler.ts';
import type { WeightDtype } from '../../shared/model/weight-encoding.ts';
import {
  nameTemporary,
  readIfThere,
  replaceFolder,
  syncFolder,
  toWriteError,
} from '../../storage/files.ts';
import { instantiateKernels } from '../node-kernels.ts';
import { CARD_FILE, CARD_MARK, readArtifactFolder } from '../publish/artifact-folder.ts';
import { encodeTopology } from './layers-model.ts';
import { encodeWeights } from './weight-encoder.ts';

const LIBRARIES = { '@tensorflow/tfjs': version.tfjs, node: process.versions.node };

/**
 * Writes an artifact folder, or replaces it: the old one goes when the new one is in its place. A
 * folder that holds this artifact stays as it is, with the figures and the encoder that were added
 * to it. A model card written by hand stays in any case.
 * Returns the manifest in the folder.
 * @param folder   Its parent exists.
 * @param weights  [parameters], in the plan's order.
 * @param facts    By default `libraries` are those of this process.
 * @throws ExpectedError  When the weights do not fit into `dtype`, or a file cannot be written. The
 *                        old folder is kept.
 */
export async function exportArtifact(
  folder: string,
  plan: GeneratorPlan,
  weights: Float32Array,
  dtype: WeightDtype,
  facts: {
    readonly name: string;
    readonly imageRange: readonly [number, number];
    readonly classes: readonly string[];
    /** A byte for each channel; absent for black. */
    readonly paper?: readonly number[] | undefined;
    /** Absent for handwritten digits. */
    readonly subject?: Subject | undefined;
    readonly training: Omit<Manifest['training'], 'libraries'> & {
      readonly libraries?: Readonly<Record<string, string>>;
    };
    readonly figures: Readonly<Record<string, number>>;
    /** Absent for 16-bit products in all layers. */
    readonly bytes?: readonly ByteLayer[] | undefined;
  },
): Promise<Manifest> {
  const { name, imageRange, classes, paper, subject, training, figures, bytes } = facts;
  const { encoding, bytes: weightsBytes } = encodeWeights(plan, weights, dtype);
  const topology = new TextEncoder().encode(await encodeTopology(plan, encoding));
  const contents = { [TOPOLOGY_FILE]: topology, [WEIGHTS_FILE]: weightsBytes };
  const [height, width, channels] = plan.outputShape;
  const manifest = sealManifest({
    schema: MANIFEST_SCHEMA,
    name,
    law: SAMPLING_LAW,
    generator: plan.config,
    latent: { size: plan.config.latentSize, prior: 'uniform', range: [-1, 1] },
    image: {
      height,
      width,
      channels,
      range: [...imageRange],
      ...(paper !== undefined && { paper: [...paper] }),
    },
    ...(subject !== undefined && { subject }),
    classes: [...classes],
    weights: encoding,
    ...(bytes !== undefined && { bytes: structuredClone(bytes) as Manifest['bytes'] }),
    files: Object.entries(contents).map(([path, content]) => ({
      path,
      bytes: content.length,
      sha256: hashBytes(content),
    })),
    training: { ...training, libraries: { ...(training.libraries ?? LIBRARIES) } },
    figures: { ...figures },
  });
  const before = await readBefore(folder);
  if (before !== undefined && isSameArtifact(before, manifest)) {
    return before;
  }
  const card = (await readIfThere(join(folder, CARD_FILE))) ?? CARD_MARK;
  const temporary = nameTemporary(folder);
  await rm(temporary, { recursive: true, force: true });
  try {
    await mkdir(temporary);
    const files = {
      ...contents,
      [MANIFEST_FILE]: encodeManifest(manifest),
      ...(!card.startsWith(CARD_MARK) && { [CARD_FILE]: card }),
    };
    for (const [path, content] of Object.entries(files)) {
      await writeFile(join(temporary, path), content, { flush: true });
    }
    await syncFolder(temporary);
    const parsed = parseManifest(await readFile(join(temporary, MANIFEST_FILE)), {
      version: manifest.version,
    });
    const written = await readFile(join(temporary, WEIGHTS_FILE));
    createSampler(parsed, written, instantiateKernels).dispose();
    await replaceFolder(temporary, folder);
    return manifest;
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true });
    throw cause instanceof ArtifactError ? cause : toWriteError(folder, cause);
  }
}

/** Reads the artifact that a folder holds; undefined without a whole one. */
async function readBefore(folder: string): Promise<Manifest | undefined> {
  try {
    return (await readArtifactFolder(folder)).manifest;
  } catch (cause) {
    if (cause instanceof ExpectedError) {
      return undefined;
    }
    throw cause;
  }
}

/** Whether two differ at most in their figures, and in the machine that wrote them. */
function isSameArtifact(a: Manifest, b: Manifest): boolean {
  const [first, second] = [a, b].map(({ version: _version, figures: _figures, ...content }) =>
    hashValue({ ...content, training: { ...content.training, backend: '', libraries: {} } }),
  );
  return first === second;
}
