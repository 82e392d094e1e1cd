/**
 * Labelled digits, as many as one likes: streamed from `/dataset` as bytes, range after range, and never more of them in
 * memory than the network has sent ahead.
 */
import { LIMITS } from '../shared/contract/limits.ts';
import { ApiError, refuseAnswer } from './api-error.ts';
import { ByteReader } from './byte-reader.ts';
import type { DatasetOptions } from './options.ts';
import { writeWhole } from './parameters.ts';
import { request, splitOptions, type RequestOptions } from './request.ts';
import { datasetUrl } from './url.ts';

/** What a stream can be asked for. */
export interface StreamOptions
  extends RequestOptions, Omit<DatasetOptions, 'n' | 'part' | 'format' | 'strict'> {
  /** How many digits: 1 to a thousand million less `start`. */
  readonly n: number;
}

/** One digit of a stream. */
export interface StreamedDigit {
  /** Its place in the seed's row. */
  readonly index: number;
  /** Its class's number; null for a model without classes. */
  readonly label: number | null;
  readonly width: number;
  readonly height: number;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number;
  /** [height, width, channels], row by row; 0 is paper, 255 ink. The caller's own. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** `name@version` of the model that drew it, the same for all. */
  readonly model: string;
  /** The seed that drew it, the same for all: also where none was asked for. */
  readonly seed: string;
}

/** Digits that are asked for at once: a few seconds of the service's work, so that no host cuts it short. */
export const RANGE = 10_000;

/**
 * Streams labelled digits. All are of one seed and one version of the model, also where neither was named and another
 * model is published meanwhile. To leave the loop ends the request.
 *
 * @throws ApiError                When the API refuses or fails, when something else answers, or an answer ends too early.
 * @throws RangeError | TypeError  For an option that the API would refuse, before anything is asked.
 */
export async function* streamDigits(
  options: StreamOptions,
): AsyncGenerator<StreamedDigit, void, undefined> {
  const [how, { n, ...what }] = splitOptions(options);
  const { start = 0 } = what;
  writeWhole(1, LIMITS.maxStart + 1 - start)('n', n);
  let { seed, model } = what;
  for (let first = start; first < start + n; first += RANGE) {
    const count = Math.min(RANGE, start + n - first);
    const pinned = { ...what, seed, model, start: first, n: count };
    const url = datasetUrl({ ...pinned, format: 'idx' });
    const answer = await request(url, how);
    const reader = new ByteReader(answer);
    try {
      const [drawn, by] = [
        answer.headers.get('digitmint-seed'),
        answer.headers.get('digitmint-model'),
      ];
      if (drawn === null || by === null) {
        throw refuseAnswer(
          answer,
          url,
          'the answer does not tell seed and model, expected that of a digitmint service',
        );
      }
      [seed, model] = [decodeURIComponent(drawn), by]; // What the first answer was drawn from, for its labels and all others.
      const labels = await fetchLabels({ ...pinned, seed, model }, how);
      const [, height = 0, width = 0, channels = 1] = await readShape(reader, answer, url);
      for (let i = 0; i < count; i++) {
        const pixels = await reader.read(height * width * channels);
        if (pixels === undefined) {
          throw refuseAnswer(answer, url, `the answer ended after ${i} of ${count} digits`);
        }
        yield {
          index: first + i,
          label: labels?.[i] ?? null,
          width,
          height,
          channels,
          pixels,
          model,
          seed,
        };
      }
      if (!(await reader.isAtEnd())) {
        throw refuseAnswer(answer, url, `the answer holds more than ${count} digits`);
      }
    } finally {
      await reader.cancel();
    }
  }
}

/** @returns  A byte a digit; undefined for a model without classes. */
async function fetchLabels(
  what: DatasetOptions,
  how: RequestOptions,
): Promise<Uint8Array | undefined> {
  const url = datasetUrl({ ...what, format: 'idx', part: 'labels' });
  try {
    const answer = await request(url, how);
    const reader = new ByteReader(answer);
    const [count = 0] = await readShape(reader, answer, url);
    const labels = await reader.read(count);
    if (labels === undefined || !(await reader.isAtEnd())) {
      throw refuseAnswer(answer, url, `the answer does not hold ${count} labels`);
    }
    return labels;
  } catch (error) {
    if (error instanceof ApiError && error.code === 'parameter_not_supported') {
      return undefined;
    }
    throw error;
  }
}

/** Reads the head of an IDX file of bytes: two zeros, the type, how many sizes, each as 4 bytes, big-endian. */
async function readShape(reader: ByteReader, answer: Response, url: string): Promise<number[]> {
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
