/**
 * Properties of every query: parsers only throw refusals, and the permanent URL of whatever was
 * asked for asks for the same again.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseColour, formatColour, type Colour } from '../../../shared/picture/colour.ts';
import { describeError } from '../../../shared/contract/errors.ts';
import {
  DATASET_FORMATS,
  DIGIT_FORMATS,
  MORPH_FORMATS,
  type DatasetFormat,
  type DigitFormat,
  type MorphFormat,
} from '../../../shared/contract/formats.ts';
import { formatHand } from '../../../shared/hand/hand-text.ts';
import { LIMITS } from '../../../shared/contract/limits.ts';
import { ROUTES } from '../../../shared/contract/parameters.ts';
import {
  buildDigitUrl,
  buildUrl,
  parseDigitQuery,
  parseQuery,
  pinQuery,
  type DigitQuery,
  type PinnedDigits,
} from '../../../shared/contract/query.ts';
import { chooseCols } from '../../../shared/picture/sheet-layout.ts';
import { timesAsMany } from '../../support/fast-check.ts';
import { attempt } from '../../support/refusals.ts';

const MODEL = { name: 'm', version: '0123456789abcdef' };

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('0', '1', '007', '-1', '1e3', '٣'),
);
/** Names of parameters, of what every object has, and any. */
const name = (known: object) =>
  fc.oneof(
    fc.constantFrom(
      ...Object.keys(known),
      '__proto__',
      'constructor',
      'toString',
      'v',
      'utm_source',
    ),
    text,
  );

const seed = fc
  .string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
  .filter(({ length }) => length <= LIMITS.maxSeedLength);
const channel = fc.integer({ min: 0, max: 255 });
const colour: fc.Arbitrary<Colour> = fc.oneof(
  fc.tuple(channel, channel, channel, fc.constantFrom(255, 0, 1, 128)),
  fc.constantFrom<Colour>([0, 0, 0, 255], [255, 255, 255, 255], [0, 0, 0, 0]),
);
const truncation = fc.integer({ min: 0, max: 10_000 }).map((parts) => parts / 10_000);
const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
const hand = fc
  .array(fc.integer({ min: -127, max: 127 }), { minLength: 1, maxLength: 80 })
  .map((numbers) =>
    formatHand({ model: MODEL, latents: Float32Array.from(numbers, (each) => each / 127) }),
  );
const own = { hand: maybe(hand), vary: fc.constantFrom(0, 0.25, 1) };
const look = fc.record({
  ...own,
  scale: fc.integer({ min: 1, max: LIMITS.maxScale }),
  width: fc.constant(undefined),
  height: fc.constant(undefined),
  gap: fc.integer({ min: 0, max: LIMITS.maxGap }),
  margin: fc.integer({ min: 0, max: LIMITS.maxGap }),
  fg: colour,
  bg: colour,
  smooth: fc.boolean(),
  dark_fg: maybe(colour),
  dark_bg: maybe(colour),
  pixels: fc.constantFrom('array' as const, 'base64' as const),
  truncation,
  latent: fc.boolean(),
});
const label = maybe(fc.oneof(fc.constantFrom('7', 'cat', 'a&b=c', 'é', '%41', '+'), seed));
const maxStart = LIMITS.maxStart - LIMITS.maxDatasetDigits;
const start = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: maxStart }));

/** Path and decoded pairs, as a server sees them. */
function split(url: string): { path: string; search: URLSearchParams } {
  const { pathname, searchParams } = new URL(url, 'https://example.org');
  return { path: pathname, search: searchParams };
}

describe('a parser of queries', () => {
  it.each([
    ['/digit', ROUTES.digit, (search: URLSearchParams) => parseDigitQuery(search)],
    [
      '/number',
      ROUTES.digit,
      (search: URLSearchParams) => parseDigitQuery(search, search.get('digits') ?? '2026'),
    ],
    ['/morph', ROUTES.morph, (search: URLSearchParams) => parseQuery('morph', search)],
    ['/dataset', ROUTES.dataset, (search: URLSearchParams) => parseQuery('dataset', search)],
    ['/jobs', ROUTES.jobs, (search: URLSearchParams) => parseQuery('jobs', search)],
  ])('of %s only throws refusals, and every refusal is a 400 with words', (_, known, parse) => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name(known), text), { maxLength: 8 }), (pairs) => {
        const parsed = attempt<object>(() => parse(new URLSearchParams(pairs)));
        if (!parsed.ok) {
          const { status, detail } = describeError(parsed.error);
          expect([status, detail.length > 10]).toEqual([400, true]);
        }
      }),
      { numRuns: timesAsMany(300) },
    );
  });
});

describe('the permanent URL', () => {
  it('of digits asks for the same digits again', () => {
    const digits = fc
      .record({
        seed,
        start,
        n: fc.integer({ min: 1, max: LIMITS.maxDigits }),
        label,
        cols: maybe(fc.integer({ min: 1, max: LIMITS.maxCols })),
      })
      .chain((what) => look.map((how) => ({ ...what, ...how })));
    fc.assert(
      fc.property(
        digits,
        fc.constantFrom(...(Object.keys(DIGIT_FORMATS) as DigitFormat[])),
        ({ cols, n, ...rest }, format) => {
          const pinned: PinnedDigits = {
            ...rest,
            n,
            cols: cols ?? chooseCols(n),
            format,
            model: MODEL,
            number: undefined,
          };
          const url = buildDigitUrl(pinned);
          const { path, search } = split(url);
          const query = parseDigitQuery(search);
          expect(path).toBe(`/digit.${format}`);
          expect(query.unknown).toEqual([]);
          expect(query).toMatchObject({ seed: pinned.seed, model: MODEL });
          expect([query.start ?? 0, query.n ?? 1, query.label]).toEqual([
            pinned.start,
            n,
            pinned.label,
          ]);
          expect(buildDigitUrl({ ...repin(query), format })).toBe(url);
        },
      ),
      { numRuns: timesAsMany(300) },
    );
  });

  it('of a number asks for the same number again', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[0-9]{1,32}$/),
        seed,
        start,
        look,
        (number, writer, at, how) => {
          const pinned = {
            ...how,
            gap: 0,
            number,
            seed: writer,
            start: at,
            n: 1,
            cols: 1,
            label: undefined,
            format: 'png' as const,
            model: MODEL,
          };
          const url = buildDigitUrl(pinned);
          const { path, search } = split(url);
          const query = parseDigitQuery(search, number);
          expect(path).toBe(`/number/${number}.png`);
          expect(query.unknown).toEqual([]);
          expect(buildDigitUrl({ ...repin(query), number, format: 'png' })).toBe(url);
        },
      ),
      { numRuns: timesAsMany(200) },
    );
  });

  it('of a set asks for the same set again', () => {
    const sets = fc.record({
      format: fc.constantFrom(...(Object.keys(DATASET_FORMATS) as DatasetFormat[])),
      seed,
      start,
      n: fc.integer({ min: 1, max: LIMITS.maxDatasetDigits }),
      label,
      part: fc.constantFrom('images' as const, 'labels' as const),
      pixels: fc.constantFrom('array' as const, 'base64' as const),
      truncation,
      latent: fc.boolean(),
      ...own,
    });
    fc.assert(
      fc.property(sets, (set) => {
        const url = buildUrl('dataset', { ...set, model: MODEL });
        const values = parseQuery('dataset', split(url).search);
        expect([values.seed, values.start ?? 0, values.n, values.label, values.model]).toEqual([
          set.seed,
          set.start,
          set.n,
          set.label,
          MODEL,
        ]);
        expect(values.unknown).toEqual([]);
        expect(buildUrl('dataset', pinQuery('dataset', values, set.format, MODEL, set.seed))).toBe(
          url,
        );
      }),
      { numRuns: timesAsMany(200) },
    );
  });

  it('of a loop asks for the same loop again', () => {
    const asked = fc.record(
      {
        n: fc.integer({ min: 2, max: LIMITS.maxMorphDigits }),
        start,
        frames: fc.integer({ min: 1, max: LIMITS.maxMorphFrames }),
        fps: fc.integer({ min: 1, max: 50 }),
        truncation,
        hold: fc.integer({ min: 0, max: LIMITS.maxMorphHoldMs }),
        scale: fc.integer({ min: 1, max: LIMITS.maxScale }),
        margin: fc.integer({ min: 0, max: LIMITS.maxGap }),
        fg: colour.map(formatColour),
        bg: colour.map(formatColour),
        smooth: fc.constantFrom('0', '1'),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        asked,
        seed,
        fc.constantFrom(...(Object.keys(MORPH_FORMATS) as MorphFormat[])),
        (query, writer, format) => {
          const pairs = Object.entries(query).map(([key, value]) => [key, String(value)]);
          const first = parseQuery('morph', new URLSearchParams(pairs));
          const pinned = pinQuery('morph', first, format, MODEL, writer);
          const url = buildUrl('morph', pinned);
          const again = parseQuery('morph', split(url).search);
          expect(again).toMatchObject({ seed: writer, model: MODEL, unknown: [] });
          expect(buildUrl('morph', pinQuery('morph', again, format, MODEL, writer))).toBe(url);
        },
      ),
      { numRuns: timesAsMany(200) },
    );
  });
});

/** The values that a query pins, and defaults for the others. */
function repin(query: DigitQuery): PinnedDigits {
  const pinned = pinQuery('digit', query, 'png', MODEL, query.seed ?? '');
  return { ...pinned, number: query.number };
}

describe('a colour', () => {
  it('is written in one form, which is read as the same colour', () => {
    fc.assert(
      fc.property(colour, (value) => {
        const written = formatColour(value);
        const read = parseColour(written);
        expect(read).toEqual(value[3] === 0 ? [0, 0, 0, 0] : value);
        expect(formatColour(read!)).toBe(written);
      }),
    );
  });

  it('is what four hex digits a CSS parser of another kind reads, and any other text is none', () => {
    const hex = fc.stringMatching(/^#?([0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})$/);
    fc.assert(
      fc.property(fc.oneof(hex, text), (written) => {
        const digits = written.replace(/^#/, '');
        const isHex =
          [3, 4, 6, 8].includes(digits.length) &&
          [...digits].every((digit) => '0123456789abcdefABCDEF'.includes(digit));
        const each =
          digits.length < 5
            ? [...digits].map((digit) => digit + digit)
            : (digits.match(/../g) ?? []);
        const expected = isHex
          ? [...each, 'ff'].slice(0, 4).map((pair) => Number(`0x${pair}`))
          : undefined;
        expect(parseColour(written)).toEqual(written === 'transparent' ? [0, 0, 0, 0] : expected);
      }),
      { numRuns: timesAsMany(500) },
    );
  });
});
