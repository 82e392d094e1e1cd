/**
 * Sets of labelled digits: what a file begins with, and its parts.
 */
import { isInParts } from '../../shared/contract/formats.ts';
import { buildUrl, fillDefaults, type Pinned } from '../../shared/contract/query.ts';
import { encodeIdxHeader } from '../../shared/idx.ts';
import { encodeNpyHeader } from '../../shared/npy.ts';
import type { Samples } from '../../shared/model/sampler.ts';
import { formatItems } from './digits.ts';

/** The model's side of a set. */
export interface DatasetContext {
  readonly dataset: Pinned<'dataset'>;
  readonly image: { readonly height: number; readonly width: number; readonly channels: number };
  /** A name for each label; empty without classes. */
  readonly classes: readonly string[];
  /** For absolute URLs. */
  readonly origin: string;
}

/** Writes what stands before the digits. */
export function renderDatasetHead({ dataset, image, classes }: DatasetContext): Uint8Array {
  const { format, part, n } = dataset;
  if (isInParts(format)) {
    const { height, width, channels } = image;
    const shape =
      part === 'labels' ? [n] : channels === 1 ? [n, height, width] : [n, height, width, channels];
    return format === 'idx' ? encodeIdxHeader(shape) : encodeNpyHeader(shape);
  }
  if (format === 'csv') {
    const pixels = Array.from(
      { length: image.height * image.width * image.channels },
      (_, i) => `pixel${i}`,
    );
    return encodeText(`${[...(classes.length > 0 ? ['label'] : []), ...pixels].join(',')}\n`);
  }
  return new Uint8Array();
}

/** Writes some digits, the first of which has the index `first`. */
export function renderDatasetPart(
  context: DatasetContext,
  samples: Samples,
  first: number,
): Uint8Array {
  const { dataset, classes, origin } = context;
  switch (dataset.format) {
    case 'idx':
    case 'npy':
      return samples.pixels;
    case 'csv':
      return encodeText(writeRows(samples));
    case 'ndjson': {
      const digit = { ...fillDefaults('digit', {}), ...dataset, format: 'png', n: 1 } as const;
      const lines = formatItems(
        {
          classes,
          pixels: dataset.pixels,
          writeUrl: (start) => origin + buildUrl('digit', { ...digit, start }),
        },
        samples,
        first,
      );
      return encodeText(lines.map((line) => `${line}\n`).join(''));
    }
  }
}

/** The label, if there are any, and the pixels. */
function writeRows({ count, height, width, channels, pixels, labels }: Samples): string {
  const size = height * width * channels;
  const rows = Array.from({ length: count }, (_, i) => {
    const values = pixels.subarray(i * size, (i + 1) * size).join(',');
    return labels === null ? values : `${labels[i]},${values}`;
  });
  return `${rows.join('\n')}\n`;
}

function encodeText(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
