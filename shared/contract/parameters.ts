/**
 * Every parameter of the interface, once: what reads it out of a URL, what refuses it, and what describes it to people
 * and programs. Strict: nothing is clamped or dropped in silence.
 */
import * as z from 'zod';
import { modelNameSchema, modelVersionSchema } from '../model/artifact.ts';
import { CLASS_LIMITS } from '../model/classes.ts';
import { parseColour, type Colour } from '../picture/colour.ts';
import type { ApiError } from './errors.ts';
import { LIMITS } from './limits.ts';

/** A parameter: a text of the URL on one side, a typed value on the other. */
export interface Parameter<T = unknown> {
  /** Parses the decoded text. Its description says what is expected: errors repeat it. */
  readonly schema: z.ZodType<T>;
  /** What it does, for the documentation: a sentence without its full stop. */
  readonly about: string;
  /** What holds without it, in words or as its text. */
  readonly without: string;
  /** A text that it takes. */
  readonly example: string;
}

/** `without` of a parameter that must be there. */
export const REQUIRED = 'an error';

/** The parameters of a route by name, in the order in which the documentation lists them. */
export type ParameterSet = Readonly<Record<string, Parameter>>;

/** What a query string said: what was not asked for is undefined. */
export type ParameterValues<P extends ParameterSet> = {
  readonly [K in keyof P]: (P[K] extends Parameter<infer T> ? T : never) | undefined;
};

export type ParsedParameters<P extends ParameterSet> =
  | {
      readonly ok: true;
      readonly values: ParameterValues<P>;
      /** Names that were given but mean nothing here: for the warning header. */
      readonly unknown: readonly string[];
    }
  | { readonly ok: false; readonly error: ApiError };

/** A whole number as callers write it: plain decimal digits, so that "1e3", " 1", "+1" and "0x1" are refused. */
export function wholeNumber(min: number, max: number): z.ZodType<number> {
  return z
    .string()
    .regex(/^(?:0|[1-9][0-9]{0,9})$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max))
    .meta({
      description: `a whole number from ${min} to ${max}`,
      type: 'integer',
      minimum: min,
      maximum: max,
    });
}

/** Yes or no, as 1 or 0. */
function flag(): z.ZodType<boolean> {
  return z
    .enum(['0', '1'])
    .transform((text) => text === '1')
    .meta({ description: '0 or 1' });
}

/** As programs are told; `parseColour` decides. */
const COLOUR_PATTERN = '^(transparent|#?([0-9A-Fa-f]{3,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8}))$';

function colour(): z.ZodType<Colour> {
  return z
    .string()
    .transform((text, context) => {
      const parsed = parseColour(text);
      if (parsed === undefined) {
        context.addIssue('not a colour');
        return z.NEVER;
      }
      return parsed;
    })
    .meta({
      description: 'a colour as 3, 4, 6 or 8 hex digits, or transparent',
      pattern: COLOUR_PATTERN,
    });
}

const TEXT = {
  seed: z
    .string()
    .min(1)
    .max(LIMITS.maxSeedLength)
    .meta({ description: `1 to ${LIMITS.maxSeedLength} characters` }),
  label: z
    .string()
    .min(1)
    .max(CLASS_LIMITS.nameLength)
    .meta({
      description: `a class of the model by its name or its number, 1 to ${CLASS_LIMITS.nameLength} characters`,
    }),
  model: z
    .string()
    .transform((text) => text.split('@'))
    .pipe(z.union([z.tuple([modelNameSchema]), z.tuple([modelNameSchema, modelVersionSchema])]))
    .transform(([name, version]) => ({ name, version }))
    .meta({
      description: 'a name, or name@version with 16 hex digits',
      pattern: '^[a-z][a-z0-9-]{0,31}(@[0-9a-f]{16})?$', // Of the two schemas above, as programs are told.
    }),
};

/** How JSON writes pixels; the first when nothing is said. */
export const PIXEL_FORMS = ['array', 'base64'] as const;
export type PixelForm = (typeof PIXEL_FORMS)[number];

/** The parameters that several routes take. Those of one route alone stand beside its query's type. */
export const PARAMETERS = {
  n: {
    schema: wholeNumber(1, LIMITS.maxDigits),
    about: 'How many digits',
    without: '1',
    example: '16',
  },
  seed: {
    schema: TEXT.seed,
    about: 'Any text: the same seed gives the same digits, for good',
    without: 'fresh digits at every call; the answer tells the seed that it took',
    example: 'Ada',
  },
  start: {
    schema: wholeNumber(0, LIMITS.maxStart),
    about:
      'Place of the first digit in the seed’s endless row; digit i of a batch is what start=i alone gives',
    without: '0',
    example: '16',
  },
  /** Which classes there are is the model's to say: see `findClass`. */
  label: {
    schema: TEXT.label,
    about: 'The class that every digit shall have',
    without: 'drawn from the seed',
    example: '7',
  },
  cols: {
    schema: wholeNumber(1, LIMITS.maxCols),
    about: 'Digits a row of the sheet',
    without: 'a square',
    example: '4',
  },
  scale: {
    schema: wholeNumber(1, LIMITS.maxScale),
    about: `Side of the square of output pixels for one pixel of a digit; a picture has at most ${LIMITS.maxPicturePixels} pixels`,
    without: '1',
    example: '4',
  },
  gap: {
    schema: wholeNumber(0, LIMITS.maxGap),
    about: 'Output pixels of paper between digits',
    without: '0',
    example: '4',
  },
  margin: {
    schema: wholeNumber(0, LIMITS.maxGap),
    about: 'Output pixels of paper around all',
    without: '0',
    example: '8',
  },
  dpr: {
    schema: wholeNumber(1, LIMITS.maxDpr),
    about:
      'Device pixels for each CSS pixel: multiplies scale, gap and margin. PNG and loops only: SVG is sharp on any screen',
    without: '1',
    example: '2',
  },
  fg: { schema: colour(), about: 'The ink’s colour', without: 'ffffff', example: '1d2430' },
  bg: { schema: colour(), about: 'The paper’s colour', without: '000000', example: 'transparent' },
  smooth: {
    schema: flag(),
    about:
      'Enlarges with smooth edges in place of squares; in SVG, curves in place of straight lines',
    without: '0',
    example: '1',
  },
  dark_fg: {
    schema: colour(),
    about: 'SVG only: the ink’s colour where the viewer’s scheme is dark',
    without: 'as fg',
    example: 'e8eaee',
  },
  dark_bg: {
    schema: colour(),
    about: 'SVG only: the paper’s colour where the viewer’s scheme is dark',
    without: 'as bg',
    example: '14161a',
  },
  pixels: {
    schema: z.enum(PIXEL_FORMS).meta({ description: PIXEL_FORMS.join(' or ') }),
    about:
      'JSON only: pixels as an array of numbers, or as the base64 of their bytes, half as long',
    without: PIXEL_FORMS[0],
    example: 'base64',
  },
  model: {
    schema: TEXT.model,
    about:
      'Which model draws; with seed and version the answer never changes and is cached for good',
    without: 'what was published last',
    example: 'digits',
  },
  strict: {
    schema: flag(),
    about:
      'Refuses parameters that are unknown or without effect instead of naming them in the header Digitmint-Warning',
    without: '0',
    example: '1',
  },
} as const satisfies ParameterSet;

/** Names that cache-busters and trackers add to URLs: always accepted, never of effect. */
const IGNORED = /^(?:v|t|_|cb|r|random|utm_[a-z]+)$/;

/**
 * Parses a query string.
 *
 * @param parameters  Those that the route takes; `strict`, when among them, refuses all others.
 * @param search      Decoded pairs in their order.
 * @returns           The values, or the first thing that is wrong.
 */
export function parseParameters<P extends ParameterSet>(
  parameters: P,
  search: URLSearchParams,
): ParsedParameters<P> {
  const values: Record<string, unknown> = {};
  const unknown = new Set<string>();
  for (const [name, text] of search) {
    const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    if (parameter === undefined) {
      if (!IGNORED.test(name)) {
        unknown.add(name);
      }
      continue;
    }
    if (name in values) {
      return { ok: false, error: { code: 'repeated_parameter', parameter: name } };
    }
    const parsed = parameter.schema.safeParse(text);
    if (!parsed.success) {
      const expected = parameter.schema.description ?? 'something else';
      return {
        ok: false,
        error: { code: 'invalid_parameter', parameter: name, received: text, expected },
      };
    }
    values[name] = parsed.data;
  }
  if (values['strict'] === true && unknown.size > 0) {
    return {
      ok: false,
      error: {
        code: 'unknown_parameter',
        parameters: [...unknown],
        known: Object.keys(parameters),
      },
    };
  }
  return { ok: true, values: values as ParameterValues<P>, unknown: [...unknown] };
}
