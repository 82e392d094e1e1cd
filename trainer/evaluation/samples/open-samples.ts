/**
 * Where the samples come from: drawn from a model as it is served, or read from files.
 */
import { createReadStream } from 'node:fs';
import { hashBytes, WEIGHTS_FILE, type ParsedManifest } from '../../../shared/model/artifact.ts';
import { createSampler } from '../../../shared/model/sampler.ts';
import { instantiateKernels } from '../../export/kernels.ts';
import { readArtifactFolder } from '../../publish/artifact-folder.ts';
import { CLASSES, SIDE } from '../digits.ts';
import { decodeArrayFile } from './array-file.ts';
import {
  decodeImages,
  decodeLabels,
  SampleSetError,
  type PixelRangeName,
  type SampleSet,
} from './sample-set.ts';

/** A model that was read and verified. */
export interface OpenedModel extends ParsedManifest {
  /** As the caller wrote it. */
  readonly folder: string;
  /** The content of its WEIGHTS_FILE. */
  readonly weights: Uint8Array;
}

/** Samples, and how they came to be. */
export interface OpenedSamples {
  readonly set: SampleSet;
  /** In words, for the table's head. */
  readonly source: string;
  /** The same for programs. */
  readonly facts: Readonly<Record<string, string | number | null>>;
}

/** Files larger than this are refused unread. */
const MAX_FILE_BYTES = 1024 * 1024 * 1024;

/**
 * Reads and verifies a model, and refuses one that does not make digits. Cheap, so that mistakes show before any work.
 *
 * @throws ArtifactFolderError  When the folder is not one whole artifact.
 * @throws SampleSetError       When its images are not 28 x 28 in grey, or it has classes other than ten.
 */
export async function readModel(folder: string): Promise<OpenedModel> {
  const { manifest, plan, files } = await readArtifactFolder(folder);
  const { image, generator, name } = manifest;
  if (image.height !== SIDE || image.width !== SIDE || image.channels !== 1) {
    throw new SampleSetError(
      `--model ${folder}: ${name} makes images of ${image.height} x ${image.width} x ${image.channels}, expected 28 x 28 x 1`,
    );
  }
  if (generator.classes !== 0 && generator.classes !== CLASSES) {
    throw new SampleSetError(
      `--model ${folder}: ${name} has ${generator.classes} classes, expected ${CLASSES}, or 0 for one without labels`,
    );
  }
  return { folder, manifest, plan, weights: files.get(WEIGHTS_FILE) as Uint8Array };
}

/**
 * Draws samples 0 to count - 1 of a seed, with labels drawn from the seed: the bytes that the API gives.
 */
export function drawSamples(model: OpenedModel, seed: string, count: number): OpenedSamples {
  const { folder, manifest, plan, weights } = model;
  const sampler = createSampler(model, weights, instantiateKernels);
  const { pixels, labels } = sampler.draw({ seed, start: 0, count });
  sampler.dispose();
  return {
    set: { count, images: pixels, labels },
    source: `${manifest.name}@${manifest.version}, drawn as it is served, seed ${JSON.stringify(seed)}`,
    facts: {
      kind: 'model',
      folder,
      name: manifest.name,
      version: manifest.version,
      weightsType: manifest.weights.dtype,
      weightsBytes: weights.length,
      parameters: plan.parameters,
      multiplyAccumulates: plan.macs,
      weightsSha256: hashBytes(weights),
      samplesSha256: hashBytes(pixels),
    },
  };
}

/**
 * Reads samples that another program made.
 *
 * @param labelsFile  Undefined for samples without labels.
 * @param range       See `decodeImages`.
 * @throws ArrayFileError  When a file is not understood.
 * @throws SampleSetError  When what it holds is not digits, or the counts differ.
 */
export async function readSamples(
  file: string,
  labelsFile: string | undefined,
  range: PixelRangeName | undefined,
): Promise<OpenedSamples> {
  const array = decodeArrayFile(await readBounded('--samples', file), `--samples ${file}`);
  const { count, images, range: understood } = decodeImages(array, `--samples ${file}`, range);
  const labels =
    labelsFile === undefined
      ? null
      : decodeLabels(
          decodeArrayFile(await readBounded('--labels', labelsFile), `--labels ${labelsFile}`),
          `--labels ${labelsFile}`,
          count,
        );
  return {
    set: { count, images, labels },
    source: `${file} (${array.format}, pixels ${understood}${range === undefined ? ', found out' : ''})${labels === null ? ', without labels' : ''}`,
    facts: {
      kind: 'file',
      file,
      format: array.format,
      range: understood,
      samplesSha256: hashBytes(images),
      labels: labelsFile ?? null,
    },
  };
}

async function readBounded(flag: string, path: string): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_FILE_BYTES) {
        throw new SampleSetError(
          `${flag} ${path}: more than ${MAX_FILE_BYTES} bytes are too many to judge`,
        );
      }
    }
  } catch (cause) {
    if (cause instanceof SampleSetError) {
      throw cause;
    }
    throw new SampleSetError(`${flag} ${path} cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  }
  return Buffer.concat(chunks);
}
