/**
 * What `GET /dataset.{extension}` can be asked for: labelled digits to train and to test on, in ranges of any size.
 */
import * as z from 'zod';
import { LIMITS } from './limits.ts';
import {
  PARAMETERS,
  wholeNumber,
  type ParameterSet,
  type ParameterValues,
  type PixelForm,
} from './parameters.ts';

/** The formats, by extension, with their media types. */
export const DATASET_FORMATS = {
  idx: 'application/octet-stream',
  npy: 'application/x-npy',
  csv: 'text/csv',
  ndjson: 'application/x-ndjson',
} as const;
export type DatasetFormat = keyof typeof DATASET_FORMATS;

const DEFAULT_COUNT = 1000;

export const DATASET_PARAMETERS = {
  n: {
    schema: wholeNumber(1, LIMITS.maxDatasetDigits),
    about: 'How many digits; the next range begins at start + n',
    without: String(DEFAULT_COUNT),
    example: '1000',
  },
  seed: {
    ...PARAMETERS.seed,
    without: 'a fresh one; the answer tells it, and the labels need the same',
  },
  start: {
    ...PARAMETERS.start,
    about: 'Place of the first digit in the seed’s endless row: a digit never depends on the range',
  },
  label: PARAMETERS.label,
  part: {
    schema: z.enum(['images', 'labels']).meta({ description: 'images or labels' }),
    about: 'idx and npy hold one of the two; csv and ndjson hold both',
    without: 'images',
    example: 'labels',
  },
  pixels: { ...PARAMETERS.pixels, about: PARAMETERS.pixels.about.replace('JSON', 'ndjson') },
  model: PARAMETERS.model,
  strict: PARAMETERS.strict,
} as const satisfies ParameterSet;

export type DatasetQuery = ParameterValues<typeof DATASET_PARAMETERS>;

/** What decides a set, with nothing left to chance or to defaults that may change. */
export interface PinnedDataset {
  readonly format: DatasetFormat;
  readonly model: { readonly name: string; readonly version: string };
  readonly seed: string;
  readonly start: number;
  readonly n: number;
  /** The class's name. */
  readonly label: string | undefined;
  readonly part: 'images' | 'labels';
  /** In NDJSON. */
  readonly pixels: PixelForm;
}

/** Fills in what was not asked for. */
export function pinDataset(
  query: DatasetQuery,
  format: DatasetFormat,
  { name, version }: { name: string; version: string },
  seed: string,
  label: string | undefined,
): PinnedDataset {
  const { start = 0, n = DEFAULT_COUNT, part = 'images', pixels = 'array' } = query;
  return { format, model: { name, version }, seed, start, n, label, part, pixels };
}

/** Lists what was asked for and has no effect in a format: for the warning header. */
export function findWithoutEffect(
  query: DatasetQuery,
  format: DatasetFormat,
): ('part' | 'pixels')[] {
  const withoutEffect = [
    ...(isInParts(format) ? [] : ['part' as const]),
    ...(format === 'ndjson' ? [] : ['pixels' as const]),
  ];
  return withoutEffect.filter((name) => query[name] !== undefined);
}

/** Whether a format holds only one part of a set. */
export function isInParts(format: DatasetFormat): boolean {
  return format === 'idx' || format === 'npy';
}

/** Writes the one URL of a set: parameters in a fixed order, those that change nothing left out. */
export function buildDatasetUrl({
  format,
  model,
  seed,
  start,
  n,
  label,
  part,
  pixels,
}: PinnedDataset): string {
  const told = [
    `seed=${encodeURIComponent(seed)}`,
    ...(start === 0 ? [] : [`start=${start}`]),
    `n=${n}`,
    ...(label === undefined ? [] : [`label=${encodeURIComponent(label)}`]),
    ...(part === 'labels' && isInParts(format) ? ['part=labels'] : []),
    ...(pixels === 'base64' && format === 'ndjson' ? ['pixels=base64'] : []),
    `model=${model.name}@${model.version}`,
  ];
  return `/dataset.${format}?${told.join('&')}`;
}
