/** Encodes sets of labelled digits. */
import { buildUrl, fillDefaults, type Pinned } from '../../shared/contract/query.ts';
import { encodeIdxHeader, encodeNpyHeader } from '../../shared/array-headers.ts';
import type { Samples } from '../../shared/model/sampler.ts';
import { TextWriter } from '../../shared/text-writer.ts';
import {
  countPerPart,
  holdBytes,
  joinContents,
  makeRecords,
  type Content,
} from '../http/content.ts';
import { encodeLines, planLatents } from './digits.ts';
import { makeNpz } from './npz.ts';
import { makeParquet } from './parquet.ts';

export interface DatasetContext {
  readonly dataset: Pinned<'dataset'>;
  readonly image: { readonly height: number; readonly width: number; readonly channels: number };
  /** The model's class names, by label. */
  readonly classes: readonly string[];
  /** Numbers of a latent vector. */
  readonly latentSize: number;
  /** For absolute URLs; undefined where none is to be named. */
  readonly base: string | undefined;
  /** Draws digits. @param first  Place in the set, from 0 on. */
  draw(first: number, count: number): Promise<Samples>;
  /** Draws labels alone, which takes no network. The model must have classes. */
  drawLabels(first: number, count: number): Uint8Array;
}

/** Plans a set whose length is known before a digit is drawn; undefined for rows of text. */
export function planDataset(context: DatasetContext): Content | undefined {
  const { dataset, image, classes, draw, drawLabels } = context;
  const { format, part, n: count } = dataset;
  const { height, width, channels } = image;
  const pixels = channels === 1 ? [height, width] : [height, width, channels];
  const drawPixels = async (first: number, n: number) => (await draw(first, n)).pixels;
  const images = makeRecords(count, height * width * channels, drawPixels);
  const labels = makeRecords(count, 1, drawLabels, 'label');
  const [shape, values] = part === 'labels' ? [[count], labels] : [[count, ...pixels], images];
  switch (format) {
    case 'idx':
    case 'idx.gz':
      return joinContents([holdBytes(encodeIdxHeader(shape)), values]);
    case 'npy':
      return joinContents([holdBytes(encodeNpyHeader(shape)), values]);
    case 'npz':
      return makeNpz([
        ...(classes.length > 0 ? [{ name: 'labels', shape: [count], values: labels }] : []),
        { name: 'images', shape: [count, ...pixels], values: images },
      ]);
    case 'parquet':
      return makeParquet({ count, image, classes, drawPixels, drawLabels });
    default:
      return undefined;
  }
}

/** Encodes a set as rows of text. */
export async function* renderRows(context: DatasetContext): AsyncGenerator<Uint8Array> {
  const { dataset, image, classes } = context;
  const { format, n } = dataset;
  const size = image.height * image.width * image.channels;
  const batch = countPerPart(size);
  for (let first = 0; first < n; first += batch) {
    const samples = await context.draw(first, Math.min(batch, n - first));
    if (format !== 'csv') {
      yield encodeItems(context, samples, dataset.start + first);
      continue;
    }
    const text = new TextWriter();
    if (first === 0) {
      const pixels = Array.from({ length: size }, (_, i) => `pixel${i}`);
      const names = classes.length > 0 ? ['label', ...pixels] : pixels;
      text.write(`${names.join(',')}\n`);
    }
    writeRows(text, samples);
    yield text.finish();
  }
}

/** Encodes each digit as a line of JSON. @param first  Index of the first. */
function encodeItems(
  { dataset, classes, latentSize, base }: DatasetContext,
  samples: Samples,
  first: number,
): Uint8Array {
  const digit = { ...fillDefaults('digit', {}), ...dataset, format: 'png', n: 1 } as const;
  const writeUrl = (start: number) =>
    base === undefined ? undefined : base + buildUrl('digit', { ...digit, start });
  const { pixels } = dataset;
  const context = { classes, pixels, drawLatents: planLatents(dataset, latentSize), writeUrl };
  return encodeLines(context, samples, first);
}

/** Writes a line of each digit: the label, if there is one, and the pixels. */
function writeRows(
  text: TextWriter,
  { count, height, width, channels, pixels, labels }: Samples,
): void {
  const size = height * width * channels;
  for (let i = 0; i < count; i++) {
    text.write(labels === null ? '' : `${labels[i]},`);
    text.writeValues(pixels.subarray(i * size, (i + 1) * size));
    text.write('\n');
  }
}
