import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDigitQuery } from '../../shared/contract/digit-query.ts';
import { describeError, type ApiError } from '../../shared/contract/errors.ts';

function parse(query: string) {
  return parseDigitQuery(new URLSearchParams(query));
}

describe('the parameters of /digit', () => {
  it('are typed', () => {
    const parsed = parse('n=16&seed=a%20b&cols=4&scale=2&format=json&model=seed%400123456789abcdef&strict=1&label=7');
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

  it.each(['0', '257', '1e9', '-1', 'x', '', ' 1', '1.5', '0x10', '٣', '01', 'NaN', '99999999999999999999'])(
    'refuse n=%s',
    (n) => {
      const parsed = parse(`n=${encodeURIComponent(n)}`);
      expect(parsed).toEqual({
        ok: false,
        error: { code: 'invalid_parameter', parameter: 'n', received: n, expected: 'a whole number from 1 to 256' },
      });
    },
  );

  it('are refused when repeated, even alike', () => {
    expect(parse('n=1&n=1')).toMatchObject({ ok: false, error: { code: 'repeated_parameter', parameter: 'n' } });
  });

  it('name what they do not know, and refuse it when strict', () => {
    expect(parse('sede=1&n=2')).toMatchObject({ ok: true, query: { unknown: ['sede'] } });
    expect(parse('sede=1&strict=1')).toMatchObject({ ok: false, error: { code: 'unknown_parameter', parameters: ['sede'] } });
    expect(parse('constructor=1&strict=1')).toMatchObject({ ok: false });
  });

  it('let cache-busters pass, even when strict', () => {
    expect(parse('v=1&t=2&_=3&cb=4&r=5&random=6&utm_source=7&strict=1')).toMatchObject({ ok: true, query: { unknown: [] } });
  });

  it('never throw, and every refusal has a text', () => {
    const pairs = fc.array(
      fc.tuple(fc.constantFrom('n', 'seed', 'cols', 'scale', 'model', 'format', 'strict', '__proto__'), fc.string()),
    );
    fc.assert(
      fc.property(pairs, (search) => {
        const parsed = parseDigitQuery(new URLSearchParams(search));
        if (!parsed.ok) {
          expect(describeError(parsed.error).status).toBe(400);
        }
      }),
    );
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
  });
});
