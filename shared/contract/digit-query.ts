/**
 * What `GET /digit` can be asked for, and the one URL of every answer that shall be had again.
 */
import * as z from 'zod';
import { chooseCols } from '../sheet.ts';
import type { ApiError } from './errors.ts';
import { PARAMETERS, parseParameters, type ParameterSet, type ParameterValues } from './parameters.ts';

/** The formats of `/digit`, by extension, with their media types, in the order of preference. The first is the default. */
export const DIGIT_FORMATS = {
  png: 'image/png',
  json: 'application/json',
  svg: 'image/svg+xml',
  txt: 'text/plain',
  npy: 'application/x-npy',
  ndjson: 'application/x-ndjson',
} as const;
export type DigitFormat = keyof typeof DIGIT_FORMATS;

const FORMAT_NAMES = Object.keys(DIGIT_FORMATS) as DigitFormat[];

/** The parameters that change nothing in a format, and so are not part of its canonical URL. */
const UNUSED: Readonly<Record<DigitFormat, ReadonlySet<string>>> = {
  png: new Set(),
  json: new Set(['cols']),
  svg: new Set(),
  txt: new Set(['scale']),
  npy: new Set(['cols', 'scale']),
  ndjson: new Set(['cols']),
};

/** The parameters of `/digit`. The order is that of the documentation and of `strict=1`'s list. */
export const DIGIT_PARAMETERS = {
  n: PARAMETERS.n,
  seed: PARAMETERS.seed,
  start: PARAMETERS.start,
  label: PARAMETERS.label,
  cols: PARAMETERS.cols,
  scale: PARAMETERS.scale,
  format: {
    schema: z.enum(FORMAT_NAMES).meta({ description: `${FORMAT_NAMES.slice(0, -1).join(', ')} or ${FORMAT_NAMES.at(-1)}` }),
    about: 'The answer’s format; the path’s extension decides first, Accept last',
    without: 'png',
    example: 'json',
  },
  model: PARAMETERS.model,
  strict: PARAMETERS.strict,
} as const satisfies ParameterSet;

/** A parsed query. What was not asked for is undefined. */
export type DigitQuery = ParameterValues<typeof DIGIT_PARAMETERS> & {
  /** Names that were given but mean nothing here: for the warning header. */
  readonly unknown: readonly string[];
};

export type ParsedDigitQuery =
  | { readonly ok: true; readonly query: DigitQuery }
  | { readonly ok: false; readonly error: ApiError };

/**
 * Parses a query string.
 *
 * @param search  Decoded pairs in their order.
 * @returns       The query, or the first thing that is wrong with it.
 */
export function parseDigitQuery(search: URLSearchParams): ParsedDigitQuery {
  const parsed = parseParameters(DIGIT_PARAMETERS, search);
  return parsed.ok ? { ok: true, query: { ...parsed.values, unknown: parsed.unknown } } : parsed;
}

/** What decides a picture, with nothing left to chance or to defaults that may change. */
export interface PinnedDigits {
  readonly format: DigitFormat;
  readonly model: { readonly name: string; readonly version: string };
  readonly seed: string;
  readonly start: number;
  readonly n: number;
  /** The class's name: unlike its number it means the same in every version of a model. */
  readonly label: string | undefined;
  readonly cols: number;
  readonly scale: number;
}

/**
 * Writes the one URL of some digits: path and query, parameters in a fixed order, those that change nothing left out.
 * Equal digits in an equal format have equal URLs.
 */
export function buildDigitUrl({ format, model, seed, start, n, label, cols, scale }: PinnedDigits): string {
  const url = [`/digit.${format}?seed=${encodeURIComponent(seed)}`];
  if (start !== 0) {
    url.push(`start=${start}`);
  }
  if (n !== 1) {
    url.push(`n=${n}`);
  }
  if (label !== undefined) {
    url.push(`label=${encodeURIComponent(label)}`);
  }
  const unused = UNUSED[format];
  if (!unused.has('cols') && cols !== chooseCols(n)) {
    url.push(`cols=${cols}`);
  }
  if (!unused.has('scale') && scale !== 1) {
    url.push(`scale=${scale}`);
  }
  url.push(`model=${model.name}@${model.version}`);
  return url.join('&');
}
