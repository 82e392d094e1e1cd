/**
 * Where the samples of an evaluation come from: models, or a file of another program.
 */
import { resolve, sep } from 'node:path';
import {
  hashBytes,
  WEIGHTS_FILE,
  type Manifest,
  type ParsedManifest,
} from '../../../shared/model/artifact.ts';
import { createSampler } from '../../../shared/model/sampler.ts';
import { readBoundedFile } from '../../data/bounded-file.ts';
import { readArtifactFolder } from '../../publish/artifact-folder.ts';
import { instantiateKernels } from '../../node-kernels.ts';
import { CLASSES, SIDE } from '../digits.ts';
import { DEFAULT_SAMPLES, QUICK_SAMPLES, SAMPLES_LIMITS } from '../protocol.ts';
import { decodeArrayFile, type ArrayFile } from './array-file.ts';
import {
  decodeImages,
  decodeLabels,
  SampleSetError,
  takeSamples,
  type PixelRangeName,
  type SampleSet,
} from './sample-set.ts';

/** What to evaluate: models, or the samples of another program. */
export interface SamplesRequest {
  /** Folders of models, each once. Either these or `samples` are given. */
  readonly models?: readonly string[];
  readonly samples?: string;
  /** Labels of `samples`. */
  readonly labels?: string;
  /** What the numbers in `samples` mean; by default the numbers tell. */
  readonly range?: PixelRangeName;
  /** Samples of each; by default as many as the protocol says, or as the file has if fewer. */
  readonly n?: number;
  readonly seed: string;
  readonly quick?: boolean;
}

/** Samples, and where they come from. */
export interface OpenedSamples {
  readonly set: SampleSet;
  /** In words. */
  readonly source: string;
  /** The same for programs. */
  readonly facts: Readonly<Record<string, string | number | null>>;
}

/** The name of a column of the report. */
export interface ColumnName {
  /** One line, unlike every other column's. */
  readonly label: string;
  /** The same for a narrow column of a table, from top to bottom. */
  readonly heading: readonly string[];
}

/** A set of samples that was checked. `open` draws or returns them. */
export interface PlannedColumn extends ColumnName {
  open(): OpenedSamples;
}

/** All sets of an evaluation: at least one column, `count` samples in each. */
export interface PlannedSamples {
  readonly count: number;
  readonly columns: readonly PlannedColumn[];
}

/** Larger files are refused. */
const MAX_FILE_BYTES = 1024 * 1024 * 1024;

/**
 * Reads and checks all models, or the samples themselves, before anything takes time.
 *
 * @throws ExpectedError  When they cannot be read, are not digits, are given twice, or are not as
 *                        many as requested. Names the folder or the file.
 */
export async function planSamples({
  models: folders = [],
  samples,
  labels,
  range,
  n,
  quick,
  seed,
}: SamplesRequest): Promise<PlannedSamples> {
  const usual = quick === true ? QUICK_SAMPLES : DEFAULT_SAMPLES;
  if (folders.length > 0 === (samples !== undefined)) {
    throw new SampleSetError('expected either --model <folder>, once or more, or --samples <file>');
  }
  if (samples === undefined) {
    const count = n ?? usual;
    checkCount(count, '--n');
    refuseRepeated(folders);
    const models: OpenedModel[] = [];
    for (const folder of folders) {
      models.push(await readModel(folder));
    }
    const names = nameColumns(models);
    const columns = models.map((model, i) => ({
      ...(names[i] as ColumnName),
      open: () => drawSamples(model, seed, count),
    }));
    return { count, columns };
  }
  const opened = await readSamples(samples, labels, range);
  const count = n ?? Math.min(usual, opened.set.count);
  checkCount(count, n === undefined ? `--samples ${samples}: number of samples` : '--n');
  const set = takeSamples(opened.set, count);
  const column = { label: 'samples', heading: ['samples'], open: () => ({ ...opened, set }) };
  return { count, columns: [column] };
}

function refuseRepeated(folders: readonly string[]): void {
  const paths = folders.map((folder) => resolve(folder));
  const repeated = folders.find((_, i) => paths.indexOf(paths[i] as string) !== i);
  if (repeated !== undefined) {
    throw new SampleSetError(`--model ${repeated}: is given twice`);
  }
}

function checkCount(count: number, what: string): void {
  const { min, max } = SAMPLES_LIMITS;
  if (count < min || count > max) {
    throw new SampleSetError(`${what} ${count}: expected ${min} to ${max}`);
  }
}

/** A verified model. */
export interface OpenedModel extends ParsedManifest {
  /** As the caller wrote it. */
  readonly folder: string;
  /** The content of WEIGHTS_FILE. */
  readonly weights: Uint8Array;
}

/**
 * Reads and verifies a model of digits.
 *
 * @throws ArtifactFolderError  When the folder is not one whole artifact.
 * @throws SampleSetError       When the images are not 28 x 28 in grey, or the classes are not ten.
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
 * Draws samples 0 to count - 1 of a seed, with labels from the seed: the bytes that the API serves.
 */
export function drawSamples(model: OpenedModel, seed: string, count: number): OpenedSamples {
  const { folder, manifest, plan, weights } = model;
  const { name, version } = manifest;
  const sampler = createSampler(model, weights, instantiateKernels);
  const { pixels, labels } = sampler.draw({ seed, start: 0, count });
  sampler.dispose();
  return {
    set: { count, images: pixels, labels },
    source: `${name}@${version}, drawn as it is served, seed ${JSON.stringify(seed)}`,
    facts: {
      kind: 'model',
      folder,
      name,
      version,
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
 * @throws SampleSetError  When it holds no digits, or the counts differ.
 */
export async function readSamples(
  file: string,
  labelsFile: string | undefined,
  range: PixelRangeName | undefined,
): Promise<OpenedSamples> {
  const array = await readArrayFile('--samples', file);
  const { count, images, range: understood } = decodeImages(array, `--samples ${file}`, range);
  let labels: Uint8Array | null = null;
  if (labelsFile !== undefined) {
    const labelsArray = await readArrayFile('--labels', labelsFile);
    labels = decodeLabels(labelsArray, `--labels ${labelsFile}`, count);
  }
  const notes = [
    range === undefined ? ', found out' : '',
    labels === null ? ', without labels' : '',
  ];
  return {
    set: { count, images, labels },
    source: `${file} (${array.format}, pixels ${understood}${notes[0]})${notes[1]}`,
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

async function readArrayFile(flag: string, path: string): Promise<ArrayFile> {
  const what = `${flag} ${path}`;
  const bytes = await readBoundedFile(path, {
    what,
    maxBytes: MAX_FILE_BYTES,
    fail: (message, options) => new SampleSetError(message, options),
  });
  return decodeArrayFile(bytes, what);
}

/** A model, and the folder it was read from. */
export interface FoundModel {
  /** As the caller wrote it. */
  readonly folder: string;
  readonly manifest: Pick<Manifest, 'name' | 'version' | 'weights'>;
}

/** Hex digits of a version in headings, of 16: enough to tell versions apart by eye. */
const SHOWN_VERSION = 8;

/**
 * Names models by name, version and form of the weights. Models of one name (other seeds, sizes or
 * forms of the weights) get their folders before that.
 *
 * @param models  In folders that all differ.
 * @returns       As many, in their order.
 */
export function nameColumns(models: readonly FoundModel[]): ColumnName[] {
  return models.map(({ folder, manifest: { name, version, weights } }) => {
    const namesakes = models
      .filter((other) => other.manifest.name === name)
      .map((other) => other.folder);
    const facts = `${name}@${version}, ${weights.dtype}`;
    const rest = [`@${version.slice(0, SHOWN_VERSION)}`, weights.dtype];
    if (namesakes.length === 1) {
      return { label: facts, heading: [name, ...rest] };
    }
    const place = shortenFolders(namesakes)[namesakes.indexOf(folder)] as string;
    return { label: `${place}: ${facts}`, heading: [place, ...rest] };
  });
}

/**
 * Takes the last part of the paths that differs for all: of runs/1/model and runs/2/model, 1 and 2.
 */
function shortenFolders(folders: readonly string[]): readonly string[] {
  const paths = folders.map((folder) => resolve(folder).split(sep));
  for (let place = 1; place <= Math.min(...paths.map(({ length }) => length)); place++) {
    const parts = paths.map((path) => path.at(-place) as string);
    if (new Set(parts).size === parts.length) {
      return parts;
    }
  }
  return folders;
}
