import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatColour, parseColour } from '../../../shared/picture/colour.ts';
import { describeError, type ApiError } from '../../../shared/contract/errors.ts';
import { ROUTES } from '../../../shared/contract/parameters.ts';
import {
  buildDigitUrl,
  describeSchema,
  fillDefaults,
  parseDigitQuery,
  parseQuery,
  type PinnedDigits,
} from '../../../shared/contract/query.ts';
import '../../support/fast-check.ts';
import { attempt } from '../../support/refusals.ts';

function parse(query: string) {
  return attempt(() => parseDigitQuery(new URLSearchParams(query)));
}

describe('the parameters of /digit', () => {
  it('are typed', () => {
    const parsed = parse(
      'n=16&seed=a%20b&cols=4&scale=2&format=json&model=seed%400123456789abcdef&strict=1&label=7',
    );
    expect(parsed).toMatchObject({
      ok: true,
      query: {
        n: 16,
        seed: 'a b',
        cols: 4,
        scale: 2,
        format: 'json',
        model: { name: 'seed', version: '0123456789abcdef' },
        label: '7',
      },
    });
  });

  it.each([
    '0',
    '257',
    '1e9',
    '-1',
    'x',
    '',
    ' 1',
    '1.5',
    '0x10',
    '٣',
    '01',
    'NaN',
    '99999999999999999999',
  ])('refuse n=%s', (n) => {
    const parsed = parse(`n=${encodeURIComponent(n)}`);
    expect(parsed).toEqual({
      ok: false,
      error: {
        code: 'invalid_parameter',
        parameter: 'n',
        received: n,
        expected: 'a whole number from 1 to 256',
      },
    });
  });

  it('are refused when repeated, even alike', () => {
    expect(parse('n=1&n=1')).toMatchObject({
      ok: false,
      error: { code: 'repeated_parameter', parameter: 'n' },
    });
  });

  it('name what they do not know, and refuse it when strict', () => {
    expect(parse('sede=1&n=2')).toMatchObject({
      ok: true,
      query: { unknown: [{ name: 'sede', meant: 'seed' }] },
    });
    expect(parse('sede=1&strict=1')).toMatchObject({
      ok: false,
      error: { code: 'unknown_parameter', parameters: ['sede'] },
    });
    expect(parse('constructor=1&strict=1')).toMatchObject({ ok: false });
  });

  it('are refused where the index of the last sample would be no start', () => {
    const detail = (query: string) => {
      const parsed = attempt(() => parseQuery('dataset', new URLSearchParams(query)));
      return parsed.ok || describeError(parsed.error).detail;
    };
    expect(detail('start=999999998&n=2')).toBe(true);
    expect(detail('start=999999999&n=2')).toBe(
      'start is "999999999", expected at most 999999998 for 2 samples.',
    );
    expect(detail('start=999999001')).toContain('at most 999999000 for 1000 samples');
    expect(parse('start=999999999')).toMatchObject({ ok: true });
    const walk = (query: string) => {
      const parsed = attempt(() => parseQuery('morph', new URLSearchParams(query)));
      return parsed.ok || describeError(parsed.error).detail;
    };
    expect(walk('start=999999996')).toContain('at most 999999995 for 5 samples');
    expect(walk('start=999999995')).toBe(true);
    expect(walk('start=999999999&digits=123')).toBe(true);
  });

  it('let cache-busters pass, even when strict', () => {
    expect(
      parse('v=1&t=2&_=3&cb=4&r=5&random=6&utm_source=7&fbclid=8&gclid=9&strict=1'),
    ).toMatchObject({
      ok: true,
      query: { unknown: [] },
    });
  });

  it('never fail otherwise, and every refusal has a text', () => {
    const pairs = fc.array(
      fc.tuple(
        fc.constantFrom('n', 'seed', 'cols', 'scale', 'model', 'format', 'strict', '__proto__'),
        fc.string(),
      ),
    );
    fc.assert(
      fc.property(pairs, (search) => {
        const parsed = attempt(() => parseDigitQuery(new URLSearchParams(search)));
        if (!parsed.ok) {
          expect(describeError(parsed.error).status).toBe(400);
        }
      }),
    );
  });
});

describe('the canonical URL', () => {
  const digits: PinnedDigits = {
    ...fillDefaults('digit', {}),
    format: 'png',
    model: { name: 'm', version: '0123456789abcdef' },
    seed: 'a',
    start: 0,
    n: 4,
    label: undefined,
    cols: 2,
    number: undefined,
  };
  const build = (more: Partial<PinnedDigits>) =>
    buildDigitUrl({ ...digits, ...more }).replace('&model=m@0123456789abcdef', '');

  it('tells what differs from the default, in one order and one form', () => {
    expect(build({})).toBe('/digit.png?seed=a&n=4');
    const look = {
      gap: 2,
      margin: 3,
      scale: 4,
      smooth: true,
      fg: parseColour('#ABC')!,
      bg: parseColour('transparent')!,
    };
    expect(build(look)).toBe(
      '/digit.png?seed=a&n=4&scale=4&gap=2&margin=3&fg=aabbcc&bg=transparent&smooth=1',
    );
    expect(
      build({
        fg: parseColour('fff')!,
        bg: parseColour('000000ff')!,
        dark_bg: parseColour('123')!,
      }),
      // The worker leaves out the colours that the model's paper and ink have anyway.
    ).toBe('/digit.png?seed=a&n=4&fg=ffffff&bg=000000');
  });

  it('leaves out what changes nothing', () => {
    expect(build({ n: 1, cols: 1, gap: 9, smooth: true })).toBe('/digit.png?seed=a');
    expect(
      build({ format: 'svg', smooth: true, dark_fg: parseColour('123')!, dark_bg: digits.bg }),
    ).toBe('/digit.svg?seed=a&n=4&smooth=1&dark_fg=112233');
    expect(build({ format: 'npy', scale: 3, cols: 1, margin: 3, fg: parseColour('f00')! })).toBe(
      '/digit.npy?seed=a&n=4',
    );
    expect(build({ format: 'txt', scale: 3, cols: 1 })).toBe('/digit.txt?seed=a&n=4&cols=1');
    expect([build({ pixels: 'base64' }), build({ format: 'json', pixels: 'base64' })]).toEqual([
      '/digit.png?seed=a&n=4',
      '/digit.json?seed=a&n=4&pixels=base64',
    ]);
    expect(build({ format: 'json', scale: 3, cols: 1, gap: 1, margin: 2 })).toBe(
      '/digit.json?seed=a&n=4&scale=3&margin=2',
    );
  });
});

describe('colours', () => {
  it.each([
    ['fff', 'ffffff'],
    ['#0a0', '00aa00'],
    ['1D2430', '1d2430'],
    ['f008', 'ff000088'],
    ['11223344', '11223344'],
    ['112233ff', '112233'],
    ['11223300', 'transparent'],
    ['transparent', 'transparent'],
  ])('%s is %s', (text, form) => {
    expect(formatColour(parseColour(text)!)).toBe(form);
    expect(parse(`fg=${encodeURIComponent(text)}`)).toMatchObject({
      ok: true,
      query: { fg: parseColour(text) },
    });
  });

  it('have the names of CSS, in any case', () => {
    for (const [name, hex] of [
      ['red', 'ff0000'],
      ['RebeccaPurple', '663399'],
      ['lightgoldenrodyellow', 'fafad2'],
    ] as const) {
      expect(parse(`fg=${name}`)).toMatchObject({ ok: true, query: { fg: parseColour(hex) } });
    }
    const { pattern } = describeSchema(ROUTES.digit.fg) as { pattern: string };
    expect(pattern.match(/\b[a-z]+(?=\|)/g)).toHaveLength(149); // And transparent.
  });

  it.each([
    '',
    'ff',
    'fffff',
    'fffffff',
    'reddish',
    'constructor',
    '#',
    '##fff',
    'fff ',
    'ggg',
    'url(x)',
    '"><script>',
  ])('%j is none', (text) => {
    expect(parse(`bg=${encodeURIComponent(text)}`)).toMatchObject({
      ok: false,
      error: {
        code: 'invalid_parameter',
        expected: 'a colour by its CSS name, as 3, 4, 6 or 8 hex digits without #, or transparent',
      },
    });
  });
});

describe('error texts', () => {
  it('quote what a caller sent as JSON, and cut it', () => {
    const error: ApiError = {
      code: 'invalid_parameter',
      parameter: 'n',
      received: `"\r\n${'x'.repeat(1000)}`,
      expected: 'a number',
    };
    const { detail } = describeError(error);
    expect(detail).toContain(String.raw`\"\r\nxxx`);
    expect(detail).not.toMatch(/[\r\n]/);
    expect(detail.length).toBeLessThan(150);
    const pictographs = { ...error, received: `${'a'.repeat(63)}😀😀` };
    expect(describeError(pictographs).detail).toContain('a😀…"');
  });
});
