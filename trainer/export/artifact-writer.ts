/**
 * Writes a trained generator as an artifact folder: a tfjs LayersModel and its manifest. The folder
 * gets its name only after it was read back.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { version } from '@tensorflow/tfjs';
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
  verifyFile,
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
  recover,
  replaceFolder,
  syncFolder,
  toWriteError,
} from '../../storage/files.ts';
import { instantiateKernels } from '../node-kernels.ts';
import { CARD_FILE, isHandmadeCard, refuseForeign } from '../publish/artifact-folder.ts';
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
 * @throws ExpectedError  When the weights do not fit into `dtype`, a file cannot be written, or the
 *                        old folder holds files of no model. The old folder is kept.
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
  const encoded = encodeManifest(manifest);
  const parsed = parseManifest(encoded, { version: manifest.version });
  createSampler(parsed, weightsBytes, instantiateKernels).dispose();
  const before = await readBefore(folder);
  if (before !== undefined && isSameArtifact(before, manifest)) {
    return before;
  }
  await refuseForeign(folder);
  const card = await recover(readFile(join(folder, CARD_FILE)), ['ENOENT'], undefined);
  await writeModelFolder(folder, {
    ...contents,
    [MANIFEST_FILE]: encoded,
    ...(card !== undefined && isHandmadeCard(card) && { [CARD_FILE]: card }),
  });
  return manifest;
}

/**
 * Makes a model's folder of these files, or replaces it whole: after a kill, or on a full disk, the
 * old folder is there, or the new one. A link to a folder stays.
 * @param files  By name. All other files of the old folder are deleted.
 * @throws ExpectedError  The old folder is still there.
 */
export async function writeModelFolder(
  folder: string,
  files: Readonly<Record<string, Uint8Array | string>>,
): Promise<void> {
  try {
    const place = existsSync(folder) ? await realpath(folder) : resolve(folder);
    const temporary = nameTemporary(place);
    await rm(temporary, { recursive: true, force: true });
    try {
      await mkdir(temporary);
      for (const [name, content] of Object.entries(files)) {
        const path = join(temporary, name);
        await writeFile(path, content, { flush: true });
        if (!(await readFile(path)).equals(Buffer.from(content))) {
          throw new Error(`${name} has other bytes when it is read back`);
        }
      }
      await syncFolder(temporary);
      await replaceFolder(temporary, place);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  } catch (cause) {
    throw toWriteError(folder, cause);
  }
}

/** Reads all files of a folder, by name. */
export async function readFiles(folder: string): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (const name of await readdir(folder)) {
    files[name] = await readFile(join(folder, name));
  }
  return files;
}

/** Reads the manifest of a folder with all files that it lists; undefined without them. */
async function readBefore(folder: string): Promise<Manifest | undefined> {
  try {
    const bytes = await readFile(join(folder, MANIFEST_FILE));
    const { manifest } = parseManifest(bytes, { inAnyForm: true });
    for (const file of manifest.files) {
      verifyFile(file, await readFile(join(folder, file.path)));
    }
    return manifest;
  } catch (cause) {
    const isMissing = ['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '');
    if (isMissing || cause instanceof ArtifactError) {
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
