/**
 * Labelled digits in any number, streamed from `/dataset` range by range. Memory holds no more than
 * the network has sent ahead.
 */
import { LIMITS } from '../shared/contract/limits.ts';
import { PARAMETERS } from '../shared/contract/parameters.ts';
import { ApiError, refuseAnswer } from './api-error.ts';
import type { DatasetOptions } from './options.ts';
import { request, splitOptions, type RequestOptions } from './request.ts';
import { writeOption } from './option-text.ts';
import { datasetUrl } from './url.ts';

export interface StreamOptions
  extends RequestOptions, Omit<DatasetOptions, 'n' | 'part' | 'latent' | 'format' | 'strict'> {
  /** How many digits, 1 to 1,000,000,000 - `start`. */
  readonly n: number;
}

/** One digit of a stream. */
export interface StreamedDigit {
  /** Index in the seed's endless sequence. */
  readonly index: number;
  /** The class's number; null for a model without classes. */
  readonly label: number | null;
  readonly width: number;
  readonly height: number;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number;
  /** [height, width, channels], row by row; 0 is black, 255 is white. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** `name@version` of the model, the same for all digits. */
  readonly model: string;
  /** The seed, the same for all digits, even if none was given. */
  readonly seed: string;
}

/** Digits of one request: a few seconds of the service's work, within any host's limits. */
export const RANGE = 10_000;

/**
 * Streams labelled digits. All have one seed and one version of the model, even if none was given
 * and another model is published meanwhile. Leaving the loop ends the request.
 * @throws ApiError                For an error, an answer that is not the API's, or one that ends
 *                                 early.
 * @throws RangeError | TypeError  For an option that the API would refuse, before any request.
 */
export async function* streamDigits(
  options: StreamOptions,
): AsyncGenerator<StreamedDigit, void, undefined> {
  const [how, { n, ...what }] = splitOptions(options);
  const { start = 0 } = what;
  writeOption('start', start, PARAMETERS.start);
  writeOption('n', n, { kind: 'whole', min: 1, max: LIMITS.maxStart + 1 - start });
  let { seed, model } = what;
  let hasLabels = true;
  for (let first = start; first < start + n; first += RANGE) {
    const count = Math.min(RANGE, start + n - first);
    const range = { ...what, start: first, n: count };
    // Labels come first: a retry of them must not keep an answer with images waiting.
    const labelled: Labelled | undefined = hasLabels
      ? await fetchLabels({ ...range, seed, model }, how)
      : undefined;
    hasLabels = labelled !== undefined;
    ({ seed, model } = labelled ?? { seed, model });
    const url = datasetUrl({ ...range, seed, model, format: 'idx' });
    const answer = await request(url, how);
    const reader = new ByteReader(answer);
    try {
      ({ seed, model } = readOrigin(answer, url));
      const [, height = 0, width = 0, channels = 1] = await readShape(reader, answer, url);
      for (let i = 0; i < count; i++) {
        const pixels = await reader.read(height * width * channels);
        if (pixels === undefined) {
          throw refuseAnswer(answer, url, `the answer ended after ${i} of ${count} digits`);
        }
        const label = labelled?.labels[i] ?? null;
        yield { index: first + i, label, width, height, channels, pixels, model, seed };
      }
      if (!(await reader.isAtEnd())) {
        throw refuseAnswer(answer, url, `the answer holds more than ${count} digits`);
      }
    } finally {
      await reader.cancel();
    }
  }
}

/** Parts of the first answer that the images and all further ranges share. */
interface Origin {
  readonly seed: string;
  readonly model: string;
}

interface Labelled extends Origin {
  /** One byte for each digit. */
  readonly labels: Uint8Array;
}

function readOrigin(answer: Response, url: string): Origin {
  const seed = answer.headers.get('digitmint-seed');
  const model = answer.headers.get('digitmint-model');
  if (seed === null || model === null) {
    const detail = 'the answer does not name seed and model, expected that of a digitmint service';
    throw refuseAnswer(answer, url, detail);
  }
  return { seed: decodeURIComponent(seed), model };
}

/** @returns  undefined for a model without classes. */
async function fetchLabels(
  what: DatasetOptions,
  how: RequestOptions,
): Promise<Labelled | undefined> {
  const url = datasetUrl({ ...what, format: 'idx', part: 'labels' });
  try {
    const answer = await request(url, how);
    const origin = readOrigin(answer, url);
    const reader = new ByteReader(answer);
    try {
      const [count = 0] = await readShape(reader, answer, url);
      const labels = await reader.read(count);
      if (labels === undefined || !(await reader.isAtEnd())) {
        throw refuseAnswer(answer, url, `the answer does not hold ${count} labels`);
      }
      return { ...origin, labels };
    } finally {
      await reader.cancel();
    }
  } catch (error) {
    if (error instanceof ApiError && error.code === 'parameter_not_supported') {
      return undefined;
    }
    throw error;
  }
}

/** Reads an answer's body in pieces of any size. */
export class ByteReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #left: Uint8Array = new Uint8Array();

  /** @param answer  Its body gets locked. */
  constructor(answer: Response) {
    this.#reader = answer.body?.getReader();
  }

  /** Reads `count` bytes. @returns  A copy; undefined when the body ends before. */
  async read(count: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const bytes = new Uint8Array(count);
    let filled = 0;
    while (filled < count) {
      if (this.#left.length === 0) {
        const part = await this.#reader?.read();
        if (part?.value === undefined) {
          return undefined;
        }
        this.#left = part.value;
      }
      const taken = this.#left.subarray(0, count - filled);
      bytes.set(taken, filled);
      filled += taken.length;
      this.#left = this.#left.subarray(taken.length);
    }
    return bytes;
  }

  /** Reads the end of the body. @returns  false when there are more bytes. */
  async isAtEnd(): Promise<boolean> {
    return this.#left.length === 0 && (await this.read(1)) === undefined;
  }

  /** Ends the transfer. Does nothing after the end of the body, and never rejects. */
  async cancel(): Promise<void> {
    await this.#reader?.cancel().catch(() => undefined);
  }
}

/**
 * Reads the header of an IDX file of bytes: two zeros, the type, the rank, and the sizes as
 * 4 big-endian bytes.
 */
export async function readShape(
  reader: ByteReader,
  answer: Response,
  url: string,
): Promise<number[]> {
  const [zero, also, type, rank = 0] = (await reader.read(4)) ?? [];
  const sizes =
    zero === 0 && also === 0 && type === 8 && rank >= 1 && rank <= 4
      ? await reader.read(4 * rank)
      : undefined;
  if (sizes === undefined) {
    throw refuseAnswer(
      answer,
      url,
      'the answer is not an IDX file of bytes, expected that of a digitmint service',
    );
  }
  const view = new DataView(sizes.buffer);
  return Array.from({ length: rank }, (_, i) => view.getUint32(4 * i));
}
