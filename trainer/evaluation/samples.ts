/** The sources of an evaluation's samples: models, or a file of another program. */
import { existsSync } from 'node:fs';
import { resolve, sep } from 'node:path';
import { ExpectedError } from '../../shared/expected-error.ts';
import { hashBytes, type Manifest } from '../../shared/model/artifact.ts';
import { createSampler } from '../../shared/model/sampler.ts';
import type { PixelRange } from '../../shared/picture/pixels.ts';
import { instantiateKernels } from '../node-kernels.ts';
import { readArtifactFolder } from '../publish/artifact-folder.ts';
import { loadRunOptions, locate } from '../run/run-folder.ts';
import { CLASSES, SIDE } from './digits.ts';
import { DEFAULT_SAMPLES, QUICK_SAMPLES, SAMPLES_LIMITS } from './protocol.ts';
import { readSamples, type OpenedSamples } from './sample-file.ts';

export interface SamplesRequest {
  /** Folders of models, each once. Either these or `samples` are given. */
  readonly models?: readonly string[] | undefined;
  readonly samples?: string;
  /** Labels of `samples`. */
  readonly labels?: string;
  /** The meaning of the numbers in `samples`; by default it is found out from the numbers. */
  readonly range?: PixelRange;
  /** Draws each model's samples with each of these, above 0 and up to 1. Default: 1 alone. */
  readonly truncation?: readonly number[];
  /** Samples of each; by default as many as the protocol says, or as the file has if fewer. */
  readonly n?: number | undefined;
  readonly seed: string;
  readonly quick?: boolean;
}

export interface ColumnName {
  /** A line that no other column has. */
  readonly label: string;
  /** The same for a narrow column of a table, from top to bottom. */
  readonly heading: readonly string[];
}

/**
 * Reads and checks all models, or the samples themselves, before anything takes time. Then `open`
 * draws or returns the `count` samples of a column.
 * @param request  Passed {@link checkRequest}.
 * @param models   Those of the request.
 * @throws ExpectedError  When they are unreadable, no digits, given twice, or too few. Names them.
 */
export async function planSamples(
  request: SamplesRequest,
  models: readonly OpenedModel[] = [],
): Promise<{
  readonly count: number;
  readonly columns: readonly (ColumnName & { open(): OpenedSamples })[];
}> {
  const { samples, labels, range, truncation, n, quick, seed } = request;
  const usual = quick === true ? QUICK_SAMPLES : DEFAULT_SAMPLES;
  if (samples !== undefined) {
    const opened = await readSamples(samples, labels, range);
    const { count: held, images, labels: asked } = opened.set;
    const count = n ?? Math.min(usual, held);
    checkCount(count, n === undefined ? `--samples ${samples}: number of samples` : '--n');
    if (count > held) {
      throw new ExpectedError(`--n ${count}: there are ${held} samples only`);
    }
    const set = {
      count,
      images: images.subarray(0, count * SIDE * SIDE),
      labels: asked && asked.subarray(0, count),
    };
    const column = { label: 'samples', heading: ['samples'], open: () => ({ ...opened, set }) };
    return { count, columns: [column] };
  }
  const count = n ?? usual;
  checkCount(count, '--n');
  const names = nameColumns(models);
  const columns = models.flatMap((model, i) =>
    (truncation ?? [undefined]).map((value) => ({
      ...addTruncation(names[i] as ColumnName, value),
      open: () => drawSamples(model, seed, count, value),
    })),
  );
  return { count, columns };
}

/** Checks all that needs no file. @throws ExpectedError */
export function checkRequest(request: SamplesRequest): void {
  const { models: folders = [], samples, labels, range, truncation } = request;
  if (folders.length > 0 === (samples !== undefined)) {
    throw new ExpectedError('expected either --model <folder>, once or more, or --samples <file>');
  }
  if (samples !== undefined) {
    if (truncation !== undefined) {
      throw new ExpectedError('--truncation: only for --model; --samples are drawn already');
    }
    return;
  }
  const given = Object.entries({ '--labels': labels, '--range': range }).flatMap(([flag, value]) =>
    value === undefined ? [] : flag,
  );
  if (given.length > 0) {
    throw new ExpectedError(
      `${given.join(' and ')}: only for --samples; a model's labels come from its seed`,
    );
  }
  const paths = folders.map((folder) => resolve(folder));
  const repeated = folders.find((_, i) => paths.indexOf(paths[i] as string) !== i);
  if (repeated !== undefined) {
    throw new ExpectedError(`--model ${repeated}: is given twice`);
  }
}

function addTruncation({ label, heading }: ColumnName, truncation: number | undefined): ColumnName {
  return truncation === undefined
    ? { label, heading }
    : {
        label: `${label}, truncation ${truncation}`,
        heading: [...heading, `trunc. ${truncation}`],
      };
}

function checkCount(count: number, what: string): void {
  const { min, max } = SAMPLES_LIMITS;
  if (count < min || count > max) {
    throw new ExpectedError(`${what} ${count}: expected ${min} to ${max}`);
  }
}

export type OpenedModel = Awaited<ReturnType<typeof openModel>>;

/**
 * Reads a model of anything. In the folder of its run also where its data is and how it was read.
 * @throws ExpectedError  When the folder is not one whole artifact.
 */
export async function openModel(folder: string) {
  const { manifest, plan, weightsFile: weights } = await readArtifactFolder(folder);
  const run = existsSync(locate(folder).options) ? await loadRunOptions(folder, '--model') : null;
  return { folder, manifest, plan, weights, data: run?.data ?? undefined, reading: run?.reading };
}

/** Reads a model. @throws ExpectedError  When the folder is not one whole artifact of digits. */
export async function readModel(folder: string): Promise<OpenedModel> {
  const model = await openModel(folder);
  const { image, generator, name } = model.manifest;
  if (image.height !== SIDE || image.width !== SIDE || image.channels !== 1) {
    throw new ExpectedError(
      `--model ${folder}: ${name} makes images of ${image.height} x ${image.width} x ${image.channels}, expected 28 x 28 x 1`,
    );
  }
  if (generator.classes !== 0 && generator.classes !== CLASSES) {
    throw new ExpectedError(
      `--model ${folder}: ${name} has ${generator.classes} classes, expected ${CLASSES}, or 0 for one without labels`,
    );
  }
  return model;
}

/** Draws samples 0 to count - 1 of a seed, with its labels: the bytes that the API serves. */
export function drawSamples(
  model: OpenedModel,
  seed: string,
  count: number,
  truncation = 1,
): OpenedSamples {
  const { folder, manifest, plan, weights } = model;
  const { name, version } = manifest;
  const sampler = createSampler(model, weights, instantiateKernels);
  const { pixels, labels } = sampler.draw({ seed, start: 0, count, truncation });
  sampler.dispose();
  return {
    set: { count, images: pixels, labels },
    source: `${name}@${version}, drawn as it is served, seed ${JSON.stringify(seed)}${truncation === 1 ? '' : `, truncation ${truncation}`}`,
    facts: {
      kind: 'model',
      folder,
      name,
      version,
      weightsType: manifest.weights.dtype,
      weightsBytes: weights.length,
      parameters: plan.parameters,
      multiplyAccumulates: plan.macs,
      ...(truncation !== 1 && { truncation }),
      weightsSha256: hashBytes(weights),
      samplesSha256: hashBytes(pixels),
    },
  };
}

/** `folder` as the caller wrote it. */
export type FoundModel = Readonly<{
  folder: string;
  manifest: Pick<Manifest, 'name' | 'version' | 'weights'>;
}>;

/**
 * Names models by name, version and form of the weights. Models of one name (other seeds, sizes or
 * forms of the weights) get their folders, which all differ, before that.
 */
export function nameColumns(models: readonly FoundModel[]): ColumnName[] {
  return models.map(({ folder, manifest: { name, version, weights } }) => {
    const namesakes = models.flatMap((one) => (one.manifest.name === name ? one.folder : []));
    const facts = `${name}@${version}, ${weights.dtype}`;
    const rest = [`@${version.slice(0, 8)}`, weights.dtype];
    if (namesakes.length === 1) {
      return { label: facts, heading: [name, ...rest] };
    }
    const place = shortenFolders(namesakes)[namesakes.indexOf(folder)] as string;
    return { label: `${place}: ${facts}`, heading: [place, ...rest] };
  });
}

/** Takes the last part of the paths that differs: of runs/1/model and runs/2/model, 1 and 2. */
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
