/**
 * Which samples an evaluation is about, and how many.
 */
import { resolve } from 'node:path';
import { nameColumns, type ColumnName } from '../columns.ts';
import { DEFAULT_SAMPLES, QUICK_SAMPLES, SAMPLES_LIMITS } from '../protocol.ts';
import {
  drawSamples,
  readModel,
  readSamples,
  type OpenedModel,
  type OpenedSamples,
} from './open-samples.ts';
import { SampleSetError, takeSamples, type PixelRangeName } from './sample-set.ts';

/** What to evaluate: models, or samples of another program. */
export interface SamplesRequest {
  /** Folders of models, each once. Either these or `samples` are given. */
  readonly models?: readonly string[];
  readonly samples?: string;
  /** Of `samples`. */
  readonly labels?: string;
  /** What the numbers in `samples` mean; found out when undefined. */
  readonly range?: PixelRangeName;
  /** How many samples of each; by default as the protocol, or as the file has, whichever is less. */
  readonly n?: number;
  readonly seed: string;
  readonly quick?: boolean;
}

/** One set of samples that are known to be there, or to be drawn. */
export interface PlannedColumn extends ColumnName {
  open(): Promise<OpenedSamples>;
}

/** All sets of an evaluation. */
export interface PlannedSamples {
  /** Samples in each. */
  readonly count: number;
  /** At least one. */
  readonly columns: readonly PlannedColumn[];
}

/**
 * Reads and checks all models, or the samples themselves, before anything takes time.
 *
 * @throws ExpectedError  When they cannot be read, are not digits, are given twice, or are not as many as asked for. Names
 *                        the folder or the file.
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
    checkFolders(folders);
    const models: OpenedModel[] = [];
    for (const folder of folders) {
      models.push(await readModel(folder));
    }
    const names = nameColumns(models);
    return {
      count,
      columns: models.map((model, i) => ({
        ...(names[i] as ColumnName),
        open: () => Promise.resolve(drawSamples(model, seed, count)),
      })),
    };
  }
  const opened = await readSamples(samples, labels, range);
  const count = n ?? Math.min(usual, opened.set.count);
  checkCount(count, n === undefined ? `--samples ${samples}: number of samples` : '--n');
  const set = takeSamples(opened.set, count);
  return {
    count,
    columns: [{ label: 'samples', heading: ['samples'], open: async () => ({ ...opened, set }) }],
  };
}

function checkFolders(folders: readonly string[]): void {
  const paths = folders.map((folder) => resolve(folder));
  const twice = folders.find((_, i) => paths.indexOf(paths[i] as string) !== i);
  if (twice !== undefined) {
    throw new SampleSetError(`--model ${twice}: is given twice`);
  }
}

function checkCount(count: number, what: string): void {
  const { min, max } = SAMPLES_LIMITS;
  if (count < min || count > max) {
    throw new SampleSetError(`${what} ${count}: expected ${min} to ${max}`);
  }
}
