/** How the schemas of `shared/schema.ts` judge values, and what they say of a fault. */
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import {
  describeIssues,
  momentSchema,
  numberSchema,
  parseAs,
  recordSchema,
  wholeSchema,
} from '../../shared/schema.ts';

const schema = v.strictObject({
  name: v.string(),
  layers: v.array(
    v.variant('type', [v.strictObject({ type: v.literal('dense'), units: wholeSchema(1, 9) })]),
  ),
});

function describeFault(value: unknown): string {
  const { issues = [] } = v.safeParse(schema, value);
  return describeIssues(issues);
}

describe('a fault is told by its place', () => {
  test.each([
    [{ layers: [] }, 'name: missing'],
    [{ name: 'a', layers: [], more: 1 }, 'more: unknown key'],
    [{ name: 7, layers: [] }, 'name: expected string, received 7'],
    [
      { name: 'a', layers: [{ type: 'dense', units: 0.5 }] },
      'layers.0.units: expected a whole number; layers.0.units: expected >=1, received 0.5',
    ],
    [
      { name: 'a', layers: [{ type: 'dense', units: 10 }] },
      'layers.0.units: expected <=9, received 10',
    ],
    [{ name: 'a', layers: [{ type: 'pool' }] }, 'layers.0.type: expected "dense"'],
    [[], 'name: missing; layers: missing'],
    [null, 'the whole: expected Object, received null'],
  ])('%j', (value, fault) => {
    expect(describeFault(value)).toBe(fault);
    expect(() => parseAs(schema, value)).toThrow(fault);
  });

  test('no text of the file is repeated, and a long list of faults is cut', () => {
    expect(describeFault({ name: 'a', layers: '\u001b[31m' })).toBe('layers: expected Array');
    expect(describeFault({ name: 'a', layers: [], '\u001b[2J\n': 1 })).toBe(
      '\uFFFD[2J\uFFFD: unknown key',
    );
    const many = Array.from({ length: 1000 }, () => ({ type: 'dense', units: 10 }));
    expect(describeFault({ name: 'a', layers: many })).toHaveLength(501);
  });
});

describe('an object whose keys are data', () => {
  const counts = recordSchema(v.pipe(v.string(), v.maxLength(12)), wholeSchema(0));

  test('keeps every key', () => {
    const value = JSON.parse('{"a":1,"constructor":2,"prototype":3,"toString":4}') as unknown;
    expect(v.parse(counts, value)).toEqual(value);
  });

  test.each([
    [{ prototype: -1 }, 'prototype: expected >=0, received -1'],
    [{ 'a name that is long': 1 }, 'a name that is long: expected <=12'],
    [[], 'the whole: expected an object'],
    [null, 'the whole: expected an object'],
  ])('%j is refused', (value, fault) => {
    expect(() => parseAs(v.pipe(counts), value)).toThrow(fault);
  });
});

test.each([1e308, -0, 5e-324])('%d is a number', (value) => {
  expect(v.is(numberSchema, value)).toBe(true);
});

test.each(['1e999', '-1e999', '"1"', 'null'])('%s of JSON is no number', (text) => {
  expect(v.is(numberSchema, JSON.parse(text))).toBe(false);
});

test.each([2 ** 53, -(2 ** 53), 0.5, Infinity])('%d is no whole number that is exact', (value) => {
  expect(v.is(wholeSchema(), value)).toBe(false);
});

test.each([
  ['2026-11-29T12:00:00Z', true],
  ['2026-11-29T12:00:00.123Z', true],
  ['2026-11-29T12:00:00+01:00', false],
  ['2026-11-29', false],
  ['2026-13-29T12:00:00Z', false],
])('%s as a moment: %s', (text, isMoment) => {
  expect(v.is(momentSchema, text)).toBe(isMoment);
});
