/**
 * Which samples an evaluation is about, and how many.
 */
import { DEFAULT_SAMPLES, QUICK_SAMPLES, SAMPLES_LIMITS } from '../protocol.ts';
import { drawSamples, readModel, readSamples, type OpenedSamples } from './open-samples.ts';
import { SampleSetError, takeSamples, type PixelRangeName } from './sample-set.ts';

/** What to evaluate: a model, or samples of another program. */
export interface SamplesRequest {
  /** A model's folder. Exactly one of `model` and `samples` is given. */
  readonly model?: string;
  readonly samples?: string;
  /** Of `samples`. */
  readonly labels?: string;
  /** What the numbers in `samples` mean; found out when undefined. */
  readonly range?: PixelRangeName;
  /** How many samples; by default as the protocol, or as the file has, whichever is less. */
  readonly n?: number;
  readonly seed: string;
  readonly quick?: boolean;
}

/** Samples that are known to be there, or to be drawn. */
export interface PlannedSamples {
  readonly count: number;
  open(): Promise<OpenedSamples>;
}

/**
 * Reads and checks the model, or the samples themselves, before anything takes time.
 *
 * @throws ExpectedError  When they cannot be read, are not digits, or are not as many as asked for.
 */
export async function planSamples({
  model: folder,
  samples,
  labels,
  range,
  n,
  quick,
  seed,
}: SamplesRequest): Promise<PlannedSamples> {
  const usual = quick === true ? QUICK_SAMPLES : DEFAULT_SAMPLES;
  if (folder !== undefined && samples === undefined) {
    const model = await readModel(folder);
    const count = n ?? usual;
    checkCount(count, '--n');
    return { count, open: () => drawSamples(model, seed, count) };
  }
  if (samples === undefined || folder !== undefined) {
    throw new SampleSetError('expected either --model <folder> or --samples <file>');
  }
  const opened = await readSamples(samples, labels, range);
  const count = n ?? Math.min(usual, opened.set.count);
  checkCount(count, n === undefined ? `--samples ${samples}: number of samples` : '--n');
  const set = takeSamples(opened.set, count);
  return { count, open: async () => ({ ...opened, set }) };
}

function checkCount(count: number, what: string): void {
  const { min, max } = SAMPLES_LIMITS;
  if (count < min || count > max) {
    throw new SampleSetError(`${what} ${count}: expected ${min} to ${max}`);
  }
}
