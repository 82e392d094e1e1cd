/** Encodes sets of labelled digits: the head of a file, and its parts. */
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { isInParts } from '../../shared/contract/formats.ts';
import { buildUrl, fillDefaults, type Pinned } from '../../shared/contract/query.ts';
import { encodeIdxHeader, encodeNpyHeader } from '../../shared/array-headers.ts';
import type { Samples } from '../../shared/model/sampler.ts';
import { formatItems, planLatents } from './digits.ts';

interface DatasetContext {
  readonly dataset: Pinned<'dataset'>;
  readonly image: { readonly height: number; readonly width: number; readonly channels: number };
  /** The model's class names, by label. */
  readonly classes: readonly string[];
  /** Numbers of a latent vector. */
  readonly latentSize: number;
  /** For absolute URLs; undefined where none is to be named. */
  readonly base: string | undefined;
}

/** Encodes the bytes before the digits. */
export function renderDatasetHead({ dataset, image, classes }: DatasetContext): Uint8Array {
  const { format, part, n } = dataset;
  const { height, width, channels } = image;
  if (isInParts(format)) {
    const pixels = channels === 1 ? [height, width] : [height, width, channels];
    const shape = part === 'labels' ? [n] : [n, ...pixels];
    return format === 'idx' ? encodeIdxHeader(shape) : encodeNpyHeader(shape);
  }
  if (format === 'csv') {
    const pixels = Array.from({ length: height * width * channels }, (_, i) => `pixel${i}`);
    const names = classes.length > 0 ? ['label', ...pixels] : pixels;
    return utf8ToBytes(`${names.join(',')}\n`);
  }
  return new Uint8Array();
}

/** Encodes some digits. @param first  Index of the first. */
export function renderDatasetPart(
  { dataset, classes, latentSize, base }: DatasetContext,
  samples: Samples,
  first: number,
): Uint8Array {
  switch (dataset.format) {
    case 'idx':
    case 'npy':
      return samples.pixels;
    case 'csv':
      return utf8ToBytes(formatRows(samples));
    case 'ndjson': {
      const digit = { ...fillDefaults('digit', {}), ...dataset, format: 'png', n: 1 } as const;
      const writeUrl = (start: number) =>
        base === undefined ? undefined : base + buildUrl('digit', { ...digit, start });
      const { pixels } = dataset;
      const context = { classes, pixels, drawLatents: planLatents(dataset, latentSize), writeUrl };
      const items = formatItems(context, samples, first);
      return utf8ToBytes(`${items.join('\n')}\n`);
    }
  }
}

/** Formats a line of each digit: the label, if there is one, and the pixels. */
function formatRows({ count, height, width, channels, pixels, labels }: Samples): string {
  const size = height * width * channels;
  const rows = Array.from({ length: count }, (_, i) => {
    const values = pixels.subarray(i * size, (i + 1) * size).join(',');
    return labels === null ? values : `${labels[i]},${values}`;
  });
  return `${rows.join('\n')}\n`;
}
