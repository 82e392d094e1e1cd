/**
 * The client's URLs are the API's own permalinks: the app itself says what those are.
 */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type {
  DatasetOptions,
  DigitFormat,
  DigitOptions,
  MorphOptions,
  NumberOptions,
} from '../../client/options.ts';
import { datasetUrl, digitUrl, morphUrl, numberUrl } from '../../client/url.ts';
import { CLASS_LIMITS } from '../../shared/model/classes.ts';
import {
  DATASET_FORMATS,
  DIGIT_FORMATS,
  MORPH_FORMATS,
  type MorphFormat,
} from '../../shared/contract/formats.ts';
import { LIMITS } from '../../shared/contract/limits.ts';
import { describeExpected, type ParameterSet, parseText } from '../../shared/contract/query.ts';
import { NUMBER, ROUTES as CONTRACT } from '../../shared/contract/parameters.ts';
import { pngEncoder } from '../../trainer/node-kernels.ts';
import { createApp } from '../../worker/app.ts';
import type { ModelSource } from '../../worker/models/model-source.ts';
import type { ModelFiles } from '../../worker/models/model-store.ts';
import '../support/fast-check.ts';

const VERSION = '0123456789abcdef';
const CLASSES = Array.from({ length: 10 }, (_, label) => String(label));

/**
 * The app with a model that draws blank digits of two pixels a side: only its headers are looked
 * at.
 */
const app = createApp({
  modelSource: {
    acquire: async () => ({ loaded: BLANK, release: () => undefined }),
  } as unknown as ModelSource,
  modelFiles: {} as ModelFiles,
  drawSeed: () => 'drawn',
  drawRequestId: () => 'request',
  png: pngEncoder,
  clock: () => 0,
  log: (event) => (event.level === 'info' ? undefined : expect.fail(JSON.stringify(event))),
});

const IMAGE = { width: 2, height: 2, channels: 1 };
const blank = (count: number) => ({
  count,
  ...IMAGE,
  pixels: new Uint8Array(count * 4),
  labels: new Uint8Array(count),
});
const BLANK = {
  name: 'digits',
  version: VERSION,
  origin: 'bundled',
  sampler: {
    manifest: { classes: CLASSES, image: IMAGE, latent: { size: 2 } },
    plan: { effort: 1 },
    draw: ({ count }: { count: number }) => blank(count),
    drawHand: ({ labels }: { labels: Uint8Array }) => blank(labels.length),
    drawMorph: () => blank(1),
  },
};

const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined, freq: 2 });
const whole = (min: number, max: number) =>
  fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max));
const seeds = fc.oneof(
  fc
    .string({ minLength: 1, maxLength: 40, unit: 'grapheme' })
    .filter((text) => text.length <= LIMITS.maxSeedLength),
  fc.integer(),
);
const colours = fc.oneof(
  fc.constantFrom('transparent', 'fff', '#FFF', 'ffffffff', '000', '#12345600', '1d2430', '8888'),
  fc.stringMatching(/^#?[0-9a-fA-F]{6}$/),
);
// The model decides the colours of its own ink and paper, so the client keeps white and black.
const inks = colours.filter((text) => !/^#?f+$/i.test(text));
const papers = colours.filter((text) => text !== '000' && !/^#?0{6}$/.test(text));
const truncation = maybe(
  fc.oneof(
    fc.integer({ min: 0, max: 10_000 }).map((parts) => parts / 10_000),
    whole(0, 10).map((tenths) => tenths * 0.1), // 0.30000000000000004 among them.
  ),
);
const look = {
  seed: seeds,
  start: maybe(whole(0, 999)),
  scale: maybe(whole(1, 4)),
  margin: maybe(whole(0, 9)),
  dpr: maybe(whole(1, 4)),
  fg: maybe(inks),
  bg: maybe(papers),
  smooth: maybe(fc.boolean()),
  darkFg: maybe(inks),
  darkBg: maybe(papers),
  format: fc.constantFrom(...(Object.keys(DIGIT_FORMATS) as DigitFormat[])),
  truncation,
  model: fc.constant(`digits@${VERSION}`),
};
const latent = maybe(fc.boolean());
const labels = fc.oneof(whole(0, 9), fc.constantFrom('3', '7'));
const digits = fc.record({
  ...look,
  n: maybe(whole(1, 20)),
  label: maybe(labels),
  cols: maybe(whole(1, 20)),
  gap: maybe(whole(0, 9)),
  latent,
});

/**
 * Every option as a parameter of its own, the last first: what somebody would write who knows no
 * order and no defaults.
 */
function writeLoosely(path: string, options: object): string {
  const pairs = Object.entries(options).reverse();
  const query = new URLSearchParams();
  for (const [name, value] of pairs) {
    if (value !== undefined && name !== 'format' && name !== 'number') {
      query.append(
        name.replace(/[A-Z]/, (letter) => `_${letter.toLowerCase()}`),
        typeof value === 'boolean' ? (value ? '1' : '0') : String(value),
      );
    }
  }
  return `${path}?${query}`;
}

async function ask(path: string, method: 'GET' | 'HEAD' = 'GET'): Promise<string | null> {
  const answer = await app.request(path, { method });
  expect([path, answer.status]).toEqual([path, 200]);
  return answer.headers.get('content-location');
}

describe('URLs of what is pinned are the permalinks', () => {
  test('of digits', async () => {
    await fc.assert(
      fc.asyncProperty(digits, async (options: DigitOptions) => {
        expect(digitUrl(options)).toBe(
          await ask(writeLoosely(`/digit.${options.format}`, options)),
        );
      }),
      { numRuns: 500 },
    );
  });

  test('of numbers', async () => {
    const numbers = fc.record({
      ...look,
      latent,
      number: fc.oneof(
        fc.stringMatching(NUMBER.pattern).filter((text) => text.length <= 9),
        whole(0, 99_999),
      ),
    });
    await fc.assert(
      fc.asyncProperty(numbers, async (options: NumberOptions) => {
        expect(numberUrl(options)).toBe(
          await ask(
            writeLoosely(
              `/number/${encodeURIComponent(options.number)}.${options.format}`,
              options,
            ),
          ),
        );
      }),
      { numRuns: 200 },
    );
  });

  test('of loops', async () => {
    const { format: _format, darkFg: _darkFg, darkBg: _darkBg, ...others } = look;
    const loop = {
      ...others,
      format: fc.constantFrom(...(Object.keys(MORPH_FORMATS) as MorphFormat[])),
      frames: maybe(fc.oneof(whole(1, 32), fc.constant(16))),
      fps: maybe(fc.oneof(whole(1, 50), fc.constant(25))),
      hold: maybe(fc.oneof(whole(0, 10_000), fc.constant(400))),
    };
    const loops = fc.oneof(
      fc.record({ ...loop, n: maybe(whole(2, 16)), label: maybe(labels) }),
      fc.record({
        ...loop,
        digits: fc.oneof(fc.stringMatching(/^[0-9]{2,16}$/), whole(10, 99_999)),
      }),
    );
    await fc.assert(
      fc.asyncProperty(loops, async (options: MorphOptions) => {
        expect(morphUrl(options)).toBe(
          await ask(writeLoosely(`/morph.${options.format}`, options), 'HEAD'),
        );
      }),
      { numRuns: 500 },
    );
  });

  test('of sets', async () => {
    const sets = fc.record({
      seed: seeds,
      start: maybe(whole(0, 999)),
      n: whole(1, 20),
      label: maybe(whole(0, 9)),
      truncation,
      latent,
      part: maybe(fc.constantFrom('images' as const, 'labels' as const)),
      format: fc.constantFrom(
        ...(Object.keys(DATASET_FORMATS) as (keyof typeof DATASET_FORMATS)[]),
      ),
      model: fc.constant(`digits@${VERSION}`),
    });
    await fc.assert(
      fc.asyncProperty(sets, async (options: DatasetOptions) => {
        expect(datasetUrl(options)).toBe(
          await ask(writeLoosely(`/dataset.${options.format}`, options)),
        );
      }),
      { numRuns: 200 },
    );
  });
});

test('what is not pinned keeps the order', () => {
  expect(digitUrl()).toBe('/digit.png');
  expect(digitUrl({ scale: 4, n: 16 })).toBe('/digit.png?n=16&scale=4');
  expect(digitUrl({ model: 'digits', label: 7, seed: 'Ada & Grace', start: 3 })).toBe(
    '/digit.png?seed=Ada%20%26%20Grace&start=3&label=7&model=digits',
  );
  expect(numberUrl({ number: '007', format: 'svg', fg: 'fff', darkFg: 'fff', bg: '000' })).toBe(
    '/number/007.svg?fg=ffffff&bg=000000', // The ink is the same in the dark.
  );
  expect(digitUrl({ fg: 'Red', bg: 'transparent', dpr: 2.625, scale: 4 })).toBe(
    '/digit.png?scale=11&fg=red&bg=transparent',
  );
  expect(digitUrl({ dpr: 1.100000023841858, scale: 4, truncation: 1e-7 })).toBe(
    '/digit.png?truncation=0&scale=4',
  );
  expect(digitUrl({ width: 300, dpr: 1.5 })).toBe('/digit.png?width=450');
  expect(numberUrl({ number: '\u22121\u2019000\u202f2' })).toBe("/number/-1'000%202.png");
  expect(numberUrl({ number: '+1,000 2' })).toBe('/number/%2B1,000%202.png');
  expect(numberUrl({ number: -3.14, format: 'svg' })).toBe('/number/-3.14.svg');
  expect(datasetUrl({ format: 'npy' })).toBe('/dataset.npy');
  expect(morphUrl()).toBe('/morph.png');
  expect(
    morphUrl({ format: 'gif', hold: 0, fps: 25, scale: 4, digits: '0123', strict: true }),
  ).toBe('/morph.gif?digits=0123&hold=0&scale=4');
});

test('a loop’s n or label beside its digits is refused as the API does', async () => {
  for (const options of [
    { digits: '12', n: 5 },
    { digits: '12', label: 7 },
    { digits: 12, label: 'a', n: 3 },
  ] as MorphOptions[]) {
    const answer = await app.request(writeLoosely('/morph', options));
    const { detail } = (await answer.json()) as { detail: string };
    const unquoted = detail.replace(/"(\d)"/, '$1'); // A number is one here.
    expect(() => morphUrl(options)).toThrow(new RangeError(`digitmint: ${unquoted.slice(0, -1)}`));
    expect(detail).toMatch(/^(?:n|label) is .*, expected none beside digits/);
  }
});

test('a dpr beyond a limit is refused as the API does', async () => {
  for (const [write, path, options] of [
    [digitUrl, '/digit.png', { n: 2, gap: 100, dpr: 3 }],
    [digitUrl, '/digit.png', { scale: 5, margin: 99, dpr: 4 }],
    [morphUrl, '/morph.gif', { format: 'gif', margin: 129, dpr: 2 }],
  ] as [(options: object) => string, string, object][]) {
    const answer = await app.request(writeLoosely(path, options), {
      headers: { accept: 'application/problem+json' },
    });
    const { detail } = (await answer.json()) as { detail: string };
    expect(detail).toContain(`times dpr to be at most`);
    expect(() => write(options)).toThrow(
      new RangeError(`digitmint: ${detail.replace(/"(\d)"/, '$1').slice(0, -1)}`),
    );
  }
  expect(digitUrl({ format: 'svg', scale: 16, dpr: 4 })).toBe('/digit.svg?scale=16');
  expect(() => digitUrl({ format: 'svg', dpr: 2, strict: true })).toThrow(
    /dpr without effect in svg/,
  );
});

test('a base is an address or a path, with or without a slash at its end', () => {
  for (const base of [
    'https://digits.example',
    'https://digits.example/',
    new URL('https://digits.example'),
  ]) {
    expect(digitUrl({ base })).toBe('https://digits.example/digit.png');
  }
  expect(digitUrl({ base: '/behind/a/proxy/' })).toBe('/behind/a/proxy/digit.png');
  expect(digitUrl({ base: '' })).toBe('/digit.png');
  for (const base of [
    'javascript:alert(1)',
    'digits.example',
    '//digits.example',
    'https://a/?b',
    'https://a/#b',
    'https://a b',
  ]) {
    expect(() => digitUrl({ base })).toThrow(
      /^digitmint: base is ".*", expected an address such as/,
    );
  }
});

/** Values on both sides of every limit, with what the API is sent for each. */
const VALUES: readonly unknown[] = [
  0,
  1,
  2,
  16,
  17,
  32,
  33,
  50,
  51,
  255,
  256,
  257,
  10_000,
  10_001,
  999_999_999,
  1_000_000_000,
  -1,
  1.5,
  1e21,
  NaN,
  Infinity,
  '',
  '7',
  'png',
  'gif',
  'labels',
  'a'.repeat(64),
  'a'.repeat(65),
  'a'.repeat(128),
  'a'.repeat(129),
  '0'.repeat(16),
  '0'.repeat(17),
  '0'.repeat(32),
  '0'.repeat(33),
  '-3.14',
  -3.14,
  '+1,000',
  '12 500',
  '1 ',
  '1  2',
  '-.',
  'fff',
  '#fffff',
  'transparent',
  'digits',
  `digits@${VERSION}`,
  `digits@${VERSION}0`,
  'Digits',
  'digits@',
  '😀',
  true,
  false,
];

const ROUTES: readonly [
  name: string,
  write: (options: object) => string,
  parameters: ParameterSet,
  needs: object,
][] = [
  ['digitUrl', digitUrl, CONTRACT.digit, {}],
  [
    'numberUrl',
    (options) => numberUrl(options as NumberOptions),
    { ...CONTRACT.number, number: NUMBER },
    { number: 1 },
  ],
  ['datasetUrl', datasetUrl, CONTRACT.dataset, {}],
  ['morphUrl', morphUrl, CONTRACT.morph, {}],
];

describe.each(ROUTES)('%s', (_, write, parameters, needs) => {
  test.each(Object.keys(parameters))(
    'takes of %s what the API takes, and says the same of the rest',
    (name) => {
      const parameter = parameters[name]!;
      const option = name.replace(/_([a-z])/, (_match, letter: string) => letter.toUpperCase());
      for (const value of VALUES) {
        // Only the API knows the names of colours.
        if (parameter.kind === 'colour' && /^[a-z]{3,20}$/i.test(String(value))) {
          continue;
        }
        const text = typeof value === 'boolean' ? String(Number(value)) : String(value);
        const isFlag = parameter.kind === 'flag';
        // A client is stricter than a URL: a number must be one, and so must a flag.
        const isNumber = parameter.kind === 'whole' || parameter.kind === 'decimal';
        const types = isFlag
          ? ['boolean']
          : isNumber
            ? ['number']
            : /[fb]g$/.test(name)
              ? ['string']
              : ['string', 'number'];
        const isTaken =
          types.includes(typeof value) &&
          !['NaN', 'Infinity'].includes(text) &&
          parseText(parameter, text) !== undefined;
        let message = '';
        try {
          write({ ...needs, [option]: value });
        } catch (error) {
          expect(error instanceof RangeError || error instanceof TypeError).toBe(true);
          ({ message } = error as Error);
        }
        expect([value, message === '']).toEqual([value, isTaken]);
        if (!isTaken) {
          expect(message).toMatch(/^digitmint: \w+ is .*, expected /s);
          expect(message.endsWith(isFlag ? 'true or false' : describeExpected(parameter))).toBe(
            true,
          );
        }
      }
    },
  );
});

test('what an API would not say: half a character, other types, unknown names, what has no effect', () => {
  expect(() => digitUrl({ seed: '\ud800' })).toThrow(RangeError);
  expect(() => digitUrl({ seed: {} as string })).toThrow(TypeError);
  expect(() => digitUrl({ n: '3' as unknown as number })).toThrow(TypeError);
  expect(() => digitUrl({ scael: 4 } as object)).toThrow(
    /scael is not an option here, known: seed, start, n/,
  );
  expect(() => numberUrl({} as NumberOptions)).toThrow('number is missing');
  expect(() => numberUrl({ number: 1, n: 3 } as NumberOptions)).toThrow('n is not an option here');
  expect(digitUrl({ format: 'npy', fg: 'f00', scale: 4 })).toBe('/digit.npy');
  expect(() => digitUrl({ format: 'npy', fg: 'f00', scale: 4, strict: true })).toThrow(
    /scale, fg without effect in npy/,
  );
  expect(digitUrl({ fg: 'f00', strict: true })).toBe('/digit.png?fg=ff0000');
  expect(digitUrl({ format: 'json', n: 2, cols: 1, strict: true })).toBe('/digit.json?n=2');
  expect(() => datasetUrl({ format: 'csv', part: 'labels', strict: true })).toThrow(
    /part without effect in csv/,
  );
  expect(CLASS_LIMITS.nameLength).toBe(64); // As in VALUES.
});
