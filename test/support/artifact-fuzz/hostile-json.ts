/** JSON values that break careless parsers, and the places to put them. */
import type { Dice } from '../dice.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export const HOSTILE_NUMBERS: readonly number[] = [
  0,
  -0,
  1,
  -1,
  2,
  255,
  256,
  257,
  0.5,
  -0.5,
  1e-320,
  5e-324,
  1e-9,
  1e9,
  65_535,
  65_536,
  65_537,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  1e21,
  1e38,
  3.5e38,
  1e300,
  1.7976931348623157e308,
  -1.7976931348623157e308,
];

const HOSTILE_TEXTS: readonly string[] = [
  '',
  ' ',
  '0',
  '-1',
  'null',
  'NaN',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'length',
  '../../current.json',
  '..',
  '/',
  '\\',
  'a/b',
  'a\0b',
  'a\nb',
  '\u202etxt',
  '\ud800',
  '\udc00\ud800',
  '\ufeff',
  'ı',
  'İ',
  '٣',
  '日本',
  '👩‍👩‍👧',
  'e\u0301',
  '<script>alert(1)</script>',
  '"><svg onload=alert(1)>',
  '${7*7}',
  '%00',
  '%2e%2e',
  'model.json',
  'weights.bin',
  'manifest.json',
  'A'.repeat(65),
  'a'.repeat(20_000),
  '\u{10ffff}'.repeat(3000),
  '0'.repeat(64),
  'f'.repeat(16),
];

export function drawText(dice: Dice): string {
  return dice.chance(0.8)
    ? dice.pick(HOSTILE_TEXTS)
    : Array.from({ length: dice.below(80) }, () => String.fromCharCode(dice.below(0x10000))).join(
        '',
      );
}

export function drawValue(dice: Dice): Json {
  const kinds: (() => Json)[] = [
    () => null,
    () => dice.chance(0.5),
    () => dice.pick(HOSTILE_NUMBERS),
    () => dice.pick(HOSTILE_NUMBERS),
    () => drawText(dice),
    () => drawText(dice),
    () => Array.from({ length: dice.below(5) }, () => drawValue(dice)),
    () => setOwn({}, drawText(dice), dice.pick(HOSTILE_NUMBERS)),
    () => nest(dice, dice.pick([3, 100, 3000, 12_000])),
  ];
  return dice.pick(kinds)();
}

/**
 * A value nested in this many arrays or objects. It is a marker string that {@link stringify}
 * expands, because JSON.stringify cannot recurse so deep.
 */
export function nest(dice: Dice, depth: number): Json {
  return `nested ${depth} ${dice.pick(['[]', '{}'])}`;
}

const sortKeys = (_: string, value: Json): Json =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : value;

/**
 * Writes JSON with sorted keys, as manifests must have them, and expands the markers of deep
 * nesting.
 */
export function stringify(value: Json): string {
  return JSON.stringify(value, sortKeys).replaceAll(
    /"nested (\d+) (..)"/g,
    (_, depth: string, [open, close]: string) =>
      open === '{'
        ? '{"a":'.repeat(Number(depth)) + '1' + '}'.repeat(Number(depth))
        : `${open}`.repeat(Number(depth)) + `${close}`.repeat(Number(depth)),
  );
}

/** Sets a property as JSON.parse does: `__proto__` becomes an own property too. */
export function setOwn(target: JsonObject, key: string, value: Json): JsonObject {
  return Object.defineProperty(target, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

/** A value's place: the object or array that holds the value, and the key there. */
export interface Place {
  readonly holder: JsonObject | Json[];
  readonly key: string;
  readonly value: Json;
}

/** Lists every value of a tree from the top, without the deep values that a mutation made. */
export function listPlaces(tree: Json, depth = 0): Place[] {
  if (typeof tree !== 'object' || tree === null || depth > 8) {
    return [];
  }
  return Object.entries(tree).flatMap(([key, value]) => [
    { holder: tree, key, value },
    ...listPlaces(value, depth + 1),
  ]);
}

export function putAt({ holder, key }: Place, value: Json): void {
  if (Array.isArray(holder)) {
    holder[Number(key)] = value;
  } else {
    setOwn(holder, key, value);
  }
}

export function removeAt({ holder, key }: Place): void {
  if (Array.isArray(holder)) {
    holder.splice(Number(key), 1);
  } else {
    delete holder[key];
  }
}
