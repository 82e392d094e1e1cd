/**
 * What `GET /morph.{extension}` can be asked for: a loop of frames in which digits turn into one another.
 */
import * as z from 'zod';
import type { ApiError } from './errors.ts';
import { DEFAULT_LOOK, listLook, type Look } from './digit-query.ts';
import { multiplyPixels } from './device-pixels.ts';
import { LIMITS } from './limits.ts';
import {
  PARAMETERS,
  parseParameters,
  wholeNumber,
  type ParameterSet,
  type ParameterValues,
} from './parameters.ts';

/** The formats, by extension, with their media types, in the order of preference. PNG is animated: APNG. */
export const MORPH_FORMATS = {
  png: 'image/png',
  gif: 'image/gif',
} as const;
export type MorphFormat = keyof typeof MORPH_FORMATS;

const FORMAT_NAMES = Object.keys(MORPH_FORMATS) as MorphFormat[];

/** Digits of a walk, frames from one to the next, frames a second, milliseconds of rest. */
const DEFAULT_PACE = { n: 5, frames: 16, fps: 25, holdMs: 400 } as const;

/** GIF's viewers slow frames of less than 20 ms down. */
const MAX_FPS = 50;

export const MORPH_PARAMETERS = {
  n: {
    schema: wholeNumber(2, LIMITS.maxMorphDigits),
    about: 'How many digits to walk through, from start on; the last turns into the first again',
    without: String(DEFAULT_PACE.n),
    example: '8',
  },
  seed: { ...PARAMETERS.seed, about: 'Any text: the same seed gives the same walk, for good' },
  start: { ...PARAMETERS.start, about: 'Place of the first digit in the seed’s endless row' },
  label: {
    ...PARAMETERS.label,
    about: 'The class that every digit shall have: then only the handwriting changes',
  },
  digits: {
    schema: z
      .string()
      .regex(new RegExp(`^[0-9]{2,${LIMITS.maxMorphDigits}}$`))
      .meta({ description: `2 to ${LIMITS.maxMorphDigits} digits from 0 to 9` }),
    about: 'The digits to walk through, in one hand: that of start. In place of n and label',
    without: 'n digits as they come in the seed’s row',
    example: '9876543210',
  },
  frames: {
    schema: wholeNumber(1, LIMITS.maxMorphFrames),
    about: `Frames from one digit to the next; all of them together have at most ${LIMITS.maxMorphPixels} pixels`,
    without: String(DEFAULT_PACE.frames),
    example: '24',
  },
  fps: {
    schema: wholeNumber(1, MAX_FPS),
    about: 'Frames a second',
    without: String(DEFAULT_PACE.fps),
    example: '30',
  },
  hold: {
    schema: wholeNumber(0, LIMITS.maxMorphHoldMs),
    about: 'How long each digit rests, in milliseconds',
    without: String(DEFAULT_PACE.holdMs),
    example: '0',
  },
  scale: {
    ...PARAMETERS.scale,
    about: `Side of the square of output pixels for one pixel of a digit; all frames together have at most ${LIMITS.maxMorphPixels} pixels`,
  },
  margin: PARAMETERS.margin,
  dpr: {
    ...PARAMETERS.dpr,
    about: 'Device pixels for each CSS pixel: multiplies scale and margin',
  },
  fg: PARAMETERS.fg,
  bg: {
    ...PARAMETERS.bg,
    about:
      'The paper’s colour; GIF knows no half transparency, its edges are hard on transparent paper',
  },
  smooth: { ...PARAMETERS.smooth, about: 'Enlarges with smooth edges in place of squares' },
  format: {
    schema: z.enum(FORMAT_NAMES).meta({ description: FORMAT_NAMES.join(' or ') }),
    about:
      'The answer’s format, png being animated PNG; the path’s extension decides first, Accept last',
    without: 'png',
    example: 'gif',
  },
  model: PARAMETERS.model,
  strict: PARAMETERS.strict,
} as const satisfies ParameterSet;

/** A parsed query. What was not asked for is undefined; `dpr` is multiplied in. */
export type MorphQuery = ParameterValues<typeof MORPH_PARAMETERS> & {
  /** Names that were given but mean nothing here: for the warning header. */
  readonly unknown: readonly string[];
};

export type ParsedMorphQuery =
  | { readonly ok: true; readonly query: MorphQuery }
  | { readonly ok: false; readonly error: ApiError };

/**
 * Parses a query string.
 *
 * @param search  Decoded pairs in their order.
 * @returns       The query, or the first thing that is wrong with it.
 */
export function parseMorphQuery(search: URLSearchParams): ParsedMorphQuery {
  const parsed = parseParameters(MORPH_PARAMETERS, search);
  if (!parsed.ok) {
    return parsed;
  }
  const { digits, n, label, dpr } = parsed.values;
  if (digits !== undefined && (n !== undefined || label !== undefined)) {
    const [parameter, received] = n === undefined ? ['label', label ?? ''] : ['n', `${n}`];
    const expected = 'none beside digits, which tells them all';
    return { ok: false, error: { code: 'invalid_parameter', parameter, received, expected } };
  }
  const products = multiplyPixels(parsed.values, dpr);
  return 'code' in products
    ? { ok: false, error: products }
    : { ok: true, query: { ...parsed.values, ...products, unknown: parsed.unknown } };
}

/** What decides a loop, with nothing left to chance or to defaults that may change. */
export interface PinnedMorph extends Look {
  readonly format: MorphFormat;
  readonly model: { readonly name: string; readonly version: string };
  readonly seed: string;
  readonly start: number;
  /** How many digits are walked through. */
  readonly n: number;
  /** The class's name. */
  readonly label: string | undefined;
  /** `n` digits to write in one hand; then there is no label. */
  readonly digits: string | undefined;
  /** From one digit to the next. */
  readonly frames: number;
  /** Frames a second. */
  readonly fps: number;
  readonly holdMs: number;
}

/** Fills in what was not asked for. */
export function pinMorph(
  query: MorphQuery,
  format: MorphFormat,
  { name, version }: { name: string; version: string },
  seed: string,
): PinnedMorph {
  const { digits, label, scale, margin, fg, bg, smooth } = query;
  return {
    ...DEFAULT_LOOK,
    format,
    model: { name, version },
    seed,
    start: query.start ?? 0,
    n: digits?.length ?? query.n ?? DEFAULT_PACE.n,
    label,
    digits,
    frames: query.frames ?? DEFAULT_PACE.frames,
    fps: query.fps ?? DEFAULT_PACE.fps,
    holdMs: query.hold ?? DEFAULT_PACE.holdMs,
    ...(scale !== undefined && { scale }),
    ...(margin !== undefined && { margin }),
    ...(fg !== undefined && { fg }),
    ...(bg !== undefined && { bg }),
    ...(smooth !== undefined && { smooth }),
  };
}

/** How many frames a loop will have. */
export function countFrames({
  digits,
  n = DEFAULT_PACE.n,
  frames = DEFAULT_PACE.frames,
}: MorphQuery): number {
  return (digits?.length ?? n) * frames;
}

/** Writes the one URL of a loop: parameters in a fixed order, those that change nothing left out. */
export function buildMorphUrl(morph: PinnedMorph): string {
  const { format, model, seed, start, n, label, digits, frames, fps, holdMs } = morph;
  const pairs: [name: string, value: string, tells: boolean][] = [
    ['start', `${start}`, start !== 0],
    ['n', `${n}`, digits === undefined && n !== DEFAULT_PACE.n],
    ['label', encodeURIComponent(label ?? ''), label !== undefined],
    ['digits', digits ?? '', digits !== undefined],
    ['frames', `${frames}`, frames !== DEFAULT_PACE.frames],
    ['fps', `${fps}`, fps !== DEFAULT_PACE.fps],
    ['hold', `${holdMs}`, holdMs !== DEFAULT_PACE.holdMs],
  ];
  const told = [
    ...pairs.filter(([, , tells]) => tells).map(([name, value]) => `&${name}=${value}`),
    ...listLook(morph, 1, false).map(([name, value]) => `&${name}=${value}`),
  ];
  return `/morph.${format}?seed=${encodeURIComponent(seed)}${told.join('')}&model=${model.name}@${model.version}`;
}

/**
 * When each frame goes, so that rounding never adds up.
 *
 * @param ticks  A second has so many: 1000 for milliseconds.
 * @returns      How long each frame stands, in ticks, 2 or more of a hundredth of a second.
 */
export function listDelays({ n, frames, fps, holdMs }: PinnedMorph, ticks: number): number[] {
  const end = (frame: number) =>
    Math.round(ticks * (frame / fps + (Math.ceil(frame / frames) * holdMs) / 1000));
  return Array.from({ length: n * frames }, (_, frame) => end(frame + 1) - end(frame));
}
