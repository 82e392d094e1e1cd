/**
 * The parameters of `GET /digit`, from query string to typed request. Strict: nothing is clamped or dropped in silence.
 */
import * as z from 'zod';
import { modelNameSchema, modelVersionSchema } from '../artifact.ts';
import { CLASS_LIMITS } from '../classes.ts';
import { chooseCols } from '../sheet.ts';
import type { ApiError } from './errors.ts';
import { LIMITS } from './limits.ts';

/** The formats of `/digit`, by extension, with their media types. The first is the default. */
export const DIGIT_FORMATS = { png: 'image/png', json: 'application/json' } as const;
export type DigitFormat = keyof typeof DIGIT_FORMATS;

/** Names that cache-busters and trackers add to URLs: always accepted, never of effect. */
const IGNORED = /^(?:v|t|_|cb|r|random|utm_[a-z]+)$/;

/** A whole number as callers write it: plain decimal digits, so that "1e3", " 1", "+1" and "0x1" are refused. */
function wholeNumber(min: number, max: number): z.ZodType<number> {
  return z
    .string()
    .regex(/^(?:0|[1-9][0-9]{0,8})$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max))
    .describe(`a whole number from ${min} to ${max}`);
}

const parameters = {
  n: wholeNumber(1, LIMITS.maxDigits),
  seed: z.string().min(1).max(LIMITS.maxSeedLength).describe(`1 to ${LIMITS.maxSeedLength} characters`),
  start: wholeNumber(0, LIMITS.maxStart),
  /** Which classes there are is the model's to say: see `findClass`. */
  label: z
    .string()
    .min(1)
    .max(CLASS_LIMITS.nameLength)
    .describe(`a class of the model by its name or its number, 1 to ${CLASS_LIMITS.nameLength} characters`),
  cols: wholeNumber(1, LIMITS.maxCols),
  scale: wholeNumber(1, LIMITS.maxScale),
  format: z.enum(['png', 'json']).describe('png or json'),
  model: z
    .string()
    .transform((text) => text.split('@'))
    .pipe(z.union([z.tuple([modelNameSchema]), z.tuple([modelNameSchema, modelVersionSchema])]))
    .transform(([name, version]) => ({ name, version }))
    .describe('a name, or name@version with 16 hex digits'),
  strict: z
    .enum(['0', '1'])
    .transform((text) => text === '1')
    .describe('0 or 1'),
};

type ParameterName = keyof typeof parameters;
const KNOWN = Object.keys(parameters) as ParameterName[];

/** A parsed query. What was not asked for is undefined. */
export type DigitQuery = { readonly [K in ParameterName]: z.output<(typeof parameters)[K]> | undefined } & {
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
  const values: Record<string, unknown> = {};
  const unknown = new Set<string>();
  for (const [name, text] of search) {
    if (!isKnown(name)) {
      if (!IGNORED.test(name)) {
        unknown.add(name);
      }
      continue;
    }
    if (name in values) {
      return { ok: false, error: { code: 'repeated_parameter', parameter: name } };
    }
    const parsed = parameters[name].safeParse(text);
    if (!parsed.success) {
      const expected = parameters[name].description ?? 'something else';
      return { ok: false, error: { code: 'invalid_parameter', parameter: name, received: text, expected } };
    }
    values[name] = parsed.data;
  }
  if (values['strict'] === true && unknown.size > 0) {
    return { ok: false, error: { code: 'unknown_parameter', parameters: [...unknown], known: KNOWN } };
  }
  return { ok: true, query: { ...(values as Omit<DigitQuery, 'unknown'>), unknown: [...unknown] } };
}

function isKnown(name: string): name is ParameterName {
  return Object.hasOwn(parameters, name);
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
  if (format !== 'json' && cols !== chooseCols(n)) {
    url.push(`cols=${cols}`);
  }
  if (scale !== 1) {
    url.push(`scale=${scale}`);
  }
  url.push(`model=${model.name}@${model.version}`);
  return url.join('&');
}
