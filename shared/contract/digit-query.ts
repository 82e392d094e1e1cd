/**
 * What `GET /digit` can be asked for, and the one URL of every answer that shall be had again.
 */
import * as z from 'zod';
import { areEqual, BLACK, formatColour, WHITE, type Colour } from '../picture/colour.ts';
import { chooseCols } from '../picture/sheet.ts';
import { multiplyPixels } from './device-pixels.ts';
import { DIGIT_FORMATS, WITHOUT_EFFECT, type DigitFormat } from './digit-formats.ts';
import type { ApiError } from './errors.ts';
import { encodeNumber, NUMBER_TEXT } from './number-text.ts';
import {
  PARAMETERS,
  parseParameters,
  type Parameter,
  type ParameterSet,
  type ParameterValues,
  type PixelForm,
} from './parameters.ts';

const FORMAT_NAMES = Object.keys(DIGIT_FORMATS) as DigitFormat[];

/** The parameters of `/digit`. The order is that of the documentation and of `strict=1`'s list. */
export const DIGIT_PARAMETERS = {
  n: PARAMETERS.n,
  seed: PARAMETERS.seed,
  start: PARAMETERS.start,
  label: PARAMETERS.label,
  cols: PARAMETERS.cols,
  scale: PARAMETERS.scale,
  gap: PARAMETERS.gap,
  margin: PARAMETERS.margin,
  dpr: PARAMETERS.dpr,
  fg: PARAMETERS.fg,
  bg: PARAMETERS.bg,
  smooth: PARAMETERS.smooth,
  dark_fg: PARAMETERS.dark_fg,
  dark_bg: PARAMETERS.dark_bg,
  pixels: PARAMETERS.pixels,
  format: {
    schema: z
      .enum(FORMAT_NAMES)
      .meta({ description: `${FORMAT_NAMES.slice(0, -1).join(', ')} or ${FORMAT_NAMES.at(-1)}` }),
    about: 'The answer’s format; the path’s extension decides first, Accept last',
    without: 'png',
    example: 'json',
  },
  model: PARAMETERS.model,
  strict: PARAMETERS.strict,
} as const satisfies ParameterSet;

/** The parameters of `/number/{digits}`. */
export const NUMBER_PARAMETERS = (({ n: _n, label: _label, cols: _cols, gap: _gap, ...others }) =>
  others)(DIGIT_PARAMETERS);

/** The number itself, as the path has it. */
export const NUMBER_PATH = {
  schema: z
    .string()
    .max(NUMBER_TEXT.maxLength)
    .regex(NUMBER_TEXT.pattern)
    .meta({ description: NUMBER_TEXT.about }),
  about: 'The number, with its signs',
  without: '',
  example: '2026',
} as const satisfies Parameter;

type DigitParameter = keyof typeof DIGIT_PARAMETERS;

/** A parsed query. What was not asked for is undefined. */
export type DigitQuery = ParameterValues<typeof DIGIT_PARAMETERS> & {
  /** Names that were given but mean nothing here: for the warning header. */
  readonly unknown: readonly string[];
  /** The number that shall be written in one hand, from the path. */
  readonly number: string | undefined;
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
  return parsed.ok
    ? { ok: true, query: { ...parsed.values, unknown: parsed.unknown, number: undefined } }
    : parsed;
}

/**
 * Parses what `/number/{digits}` was asked for.
 *
 * @param number  From the path, decoded.
 * @param search  Decoded pairs in their order.
 */
export function parseNumberQuery(number: string, search: URLSearchParams): ParsedDigitQuery {
  if (!NUMBER_PATH.schema.safeParse(number).success) {
    const expected = NUMBER_PATH.schema.description ?? '';
    return {
      ok: false,
      error: { code: 'invalid_parameter', parameter: 'digits', received: number, expected },
    };
  }
  const parsed = parseParameters(NUMBER_PARAMETERS, search);
  const absent = { n: undefined, label: undefined, cols: undefined, gap: undefined };
  return parsed.ok
    ? { ok: true, query: { ...parsed.values, ...absent, unknown: parsed.unknown, number } }
    : parsed;
}

/**
 * Lists what was asked for and has no effect in a format: for the warning header. Of JSON not `cols`: callers of its first
 * days may say it along with `strict=1`.
 */
export function findWithoutEffect(query: DigitQuery, format: DigitFormat): DigitParameter[] {
  const withoutEffect: readonly DigitParameter[] = WITHOUT_EFFECT[format];
  return withoutEffect.filter(
    (name) => query[name] !== undefined && !(format === 'json' && name === 'cols'),
  );
}

/**
 * Multiplies `dpr` into what it multiplies, where a format has pixels: once, before anything is made of the query.
 *
 * @returns  The query with the products; `dpr` stays in it, as what was asked for.
 */
export function applyDpr(query: DigitQuery, format: DigitFormat): ParsedDigitQuery {
  const withoutEffect: readonly DigitParameter[] = WITHOUT_EFFECT[format];
  const products = withoutEffect.includes('dpr') ? {} : multiplyPixels(query, query.dpr);
  return 'code' in products
    ? { ok: false, error: products }
    : { ok: true, query: { ...query, ...products } };
}

/** How digits look, or are written. */
export interface Look {
  readonly scale: number;
  /** Output pixels. */
  readonly gap: number;
  readonly margin: number;
  readonly fg: Colour;
  readonly bg: Colour;
  readonly smooth: boolean;
  readonly darkFg: Colour | undefined;
  readonly darkBg: Colour | undefined;
  /** In JSON. */
  readonly pixels: PixelForm;
}

export const DEFAULT_LOOK: Look = {
  scale: 1,
  gap: 0,
  margin: 0,
  fg: WHITE,
  bg: BLACK,
  smooth: false,
  darkFg: undefined,
  darkBg: undefined,
  pixels: 'array',
};

/** What decides a picture, with nothing left to chance or to defaults that may change. */
export interface PinnedDigits extends Look {
  readonly format: DigitFormat;
  readonly model: { readonly name: string; readonly version: string };
  readonly seed: string;
  readonly start: number;
  readonly n: number;
  /** The class's name: unlike its number it means the same in every version of a model. */
  readonly label: string | undefined;
  readonly cols: number;
  /** The number to write in one hand, the latent vector of `start` for each of its digits, and its signs; then `n` is 1. */
  readonly number: string | undefined;
}

/**
 * Writes the one URL of some digits: path and query, parameters in a fixed order, those that change nothing left out.
 * Equal digits in an equal format have equal URLs.
 */
export function buildDigitUrl(digits: PinnedDigits): string {
  const { format, model, seed, start, n, label, cols, number } = digits;
  const pairs: [name: string, value: string][] = [];
  if (start !== 0) {
    pairs.push(['start', `${start}`]);
  }
  if (n !== 1) {
    pairs.push(['n', `${n}`]);
  }
  if (label !== undefined) {
    pairs.push(['label', encodeURIComponent(label)]);
  }
  if (cols !== chooseCols(n)) {
    pairs.push(['cols', `${cols}`]);
  }
  pairs.push(...listLook(digits, n, format === 'svg'));
  const hasNoEffect = new Set<string>(WITHOUT_EFFECT[format]);
  const told = pairs
    .filter(([name]) => !hasNoEffect.has(name))
    .map(([name, value]) => `&${name}=${value}`);
  const path = number === undefined ? '/digit' : `/number/${encodeNumber(number)}`;
  return `${path}.${format}?seed=${encodeURIComponent(seed)}${told.join('')}&model=${model.name}@${model.version}`;
}

/** The look's parameters that are not as they would be without them, in the order of URLs. @param n  Digits of a sheet. */
export function listLook(
  { scale, gap, margin, fg, bg, smooth, darkFg, darkBg, pixels }: Look,
  n: number,
  isSvg: boolean,
): [string, string][] {
  const pairs: [name: string, value: string, tells: boolean][] = [
    ['scale', `${scale}`, scale !== 1],
    ['gap', `${gap}`, gap !== 0 && n > 1],
    ['margin', `${margin}`, margin !== 0],
    ['fg', formatColour(fg), !areEqual(fg, WHITE)],
    ['bg', formatColour(bg), !areEqual(bg, BLACK)],
    ['smooth', '1', smooth && (isSvg || scale > 1)],
    ['dark_fg', formatColour(darkFg ?? fg), darkFg !== undefined && !areEqual(darkFg, fg)],
    ['dark_bg', formatColour(darkBg ?? bg), darkBg !== undefined && !areEqual(darkBg, bg)],
    ['pixels', pixels, pixels !== DEFAULT_LOOK.pixels],
  ];
  return pairs.filter(([, , tells]) => tells).map(([name, value]) => [name, value]);
}
