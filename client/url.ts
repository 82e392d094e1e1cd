/**
 * Writes the API's URLs: parameters in the order of its permalinks, those that change nothing left out, so that equal
 * digits have equal URLs in every cache. To add a route: its options in `options.ts`, a function here, a line in the tests.
 */
import { multiplyPixels } from '../shared/contract/device-pixels.ts';
import { WITHOUT_EFFECT } from '../shared/contract/digit-formats.ts';
import { LIMITS } from '../shared/contract/limits.ts';
import { encodeNumber } from '../shared/contract/number-text.ts';
import { chooseCols } from '../shared/picture/sheet-layout.ts';
import type {
  DatasetFormat,
  DatasetOptions,
  DigitFormat,
  DigitOptions,
  MorphOptions,
  NumberOptions,
} from './options.ts';
import {
  notAllowed,
  writeAll,
  writeChoice,
  writeDigits,
  writeNumber,
  WRITERS,
  writeWhole,
  type Writer,
} from './parameters.ts';

const {
  seed,
  start,
  n,
  label,
  cols,
  scale,
  gap,
  margin,
  dpr,
  fg,
  bg,
  smooth,
  darkFg,
  darkBg,
  pixels,
  model,
  strict,
} = WRITERS;

const format = writeChoice(Object.keys(WITHOUT_EFFECT));

/** What of a look stands behind the layout, and what all that has it also takes. */
const LOOK = { fg, bg, smooth, darkFg, darkBg, pixels, model, format, strict };

/** A route's parameters; their order is that of its permalinks, less what is no part of the query. */
const DIGIT = { seed, start, n, label, cols, scale, gap, margin, dpr, ...LOOK };
const NUMBER = { number: writeNumber, seed, start, scale, margin, dpr, ...LOOK };
const DATASET = {
  seed,
  start,
  n: writeWhole(1, LIMITS.maxDatasetDigits),
  label,
  part: writeChoice(['images', 'labels']),
  pixels,
  model,
  format: writeChoice(['idx', 'npy', 'csv', 'ndjson']),
  strict,
};
const MORPH = {
  seed,
  start,
  n: writeWhole(2, LIMITS.maxMorphDigits),
  label,
  digits: writeDigits,
  frames: writeWhole(1, LIMITS.maxMorphFrames),
  fps: writeWhole(1, 50),
  hold: writeWhole(0, LIMITS.maxMorphHoldMs),
  scale,
  margin,
  dpr,
  fg,
  bg,
  smooth,
  model,
  format: writeChoice(['png', 'gif']),
  strict,
};

const NOT_IN_THE_QUERY = new Set(['format', 'strict', 'number']);

/**
 * Writes the URL of digits: `/digit.png?seed=Ada&n=16&scale=4`.
 * @throws RangeError | TypeError  For a value that the API would refuse; the message says what is allowed.
 */
export function digitUrl({ base, ...options }: DigitOptions = {}): string {
  const { told, as } = tellLook(DIGIT, options);
  if (told['cols'] === String(chooseCols(options.n ?? 1))) {
    delete told['cols'];
  }
  if ((options.n ?? 1) === 1) {
    delete told['n'];
    delete told['gap'];
  }
  return join(base, `/digit.${as}`, DIGIT, told);
}

/**
 * Writes the URL of a number in one hand: `/number/2026.png?seed=Ada`.
 * @throws RangeError | TypeError  For a value that the API would refuse; the message says what is allowed.
 */
export function numberUrl({ base, ...options }: NumberOptions): string {
  const { told, as } = tellLook(NUMBER, options);
  if (told['number'] === undefined) {
    throw new TypeError('digitmint: number is missing, expected the number to write');
  }
  return join(base, `/number/${encodeNumber(told['number'])}.${as}`, NUMBER, told);
}

/**
 * Writes the URL of a labelled set: `/dataset.npy?seed=Ada&n=10000`.
 * @throws RangeError | TypeError  For a value that the API would refuse; the message says what is allowed.
 */
export function datasetUrl({ base, ...options }: DatasetOptions = {}): string {
  const told = writeAll(DATASET, options);
  const as = (told['format'] ?? 'idx') as DatasetFormat;
  const isInParts = as === 'idx' || as === 'npy';
  drop(told, [...(isInParts ? [] : ['part']), ...(as === 'ndjson' ? [] : ['pixels'])], as);
  omit(told, { start: '0', part: 'images', pixels: 'array' });
  return join(base, `/dataset.${as}`, DATASET, told);
}

/**
 * Writes the URL of a loop in which digits turn into one another: `/morph.gif?seed=Ada&digits=9876543210`.
 * @throws RangeError | TypeError  For a value that the API would refuse; the message says what is allowed.
 */
export function morphUrl({ base, ...options }: MorphOptions = {}): string {
  const told = writeAll(MORPH, options);
  for (const name of ['n', 'label'] as const) {
    if (told['digits'] !== undefined && told[name] !== undefined) {
      throw notAllowed(name, options[name], 'none beside digits, which tells them all');
    }
  }
  multiply(told);
  omitLook(told, false);
  omit(told, { n: '5', frames: '16', fps: '25', hold: '400' });
  return join(base, `/morph.${told['format'] ?? 'png'}`, MORPH, told);
}

/** What digits and numbers have in common: the look, told only where it shows. */
function tellLook(
  writers: Readonly<Record<string, Writer>>,
  options: object,
): { told: Record<string, string>; as: DigitFormat } {
  const told = writeAll(writers, { ...options });
  const as = (told['format'] ?? 'png') as DigitFormat;
  drop(told, WITHOUT_EFFECT[as].map(toCamelCase), as);
  multiply(told);
  omitLook(told, as === 'svg');
  return { told, as };
}

/** Tells scale, gap and margin as the products that `dpr` makes of them. @throws RangeError  When one is beyond its limit. */
function multiply(told: Record<string, string>): void {
  const read = (name: string) => (told[name] === undefined ? undefined : Number(told[name]));
  const products = multiplyPixels(
    { scale: read('scale'), gap: read('gap'), margin: read('margin') },
    read('dpr'),
  );
  if ('code' in products) {
    throw notAllowed('dpr', read('dpr'), products.expected);
  }
  delete told['dpr'];
  for (const [name, product] of Object.entries(products)) {
    told[name] = String(product);
  }
}

/** Leaves out of the look what changes nothing. */
function omitLook(told: Record<string, string>, isSvg: boolean): void {
  const { fg: ink = 'ffffff', bg: paper = '000000', scale: enlarged = '1' } = told;
  omit(told, {
    start: '0',
    scale: '1',
    gap: '0',
    margin: '0',
    darkFg: ink,
    darkBg: paper,
    pixels: 'array',
  });
  omit(told, {
    fg: 'ffffff',
    bg: '000000',
    smooth: isSvg || enlarged !== '1' ? '0' : (told['smooth'] ?? '0'),
  });
}

/** Leaves out what has no effect. @throws RangeError  When that was to be refused. */
function drop(told: Record<string, string>, names: readonly string[], as: string): void {
  const given = names.filter((name) => told[name] !== undefined);
  if (told['strict'] === '1' && given.length > 0) {
    throw new RangeError(
      `digitmint: ${given.join(', ')} without effect in ${as}, expected to be left out`,
    );
  }
  for (const name of given) {
    delete told[name];
  }
}

/** Leaves out what is as it would be without it. */
function omit(told: Record<string, string>, defaults: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(defaults)) {
    if (told[name] === value) {
      delete told[name];
    }
  }
}

function join(
  base: string | URL | undefined,
  path: string,
  order: Readonly<Record<string, unknown>>,
  told: Readonly<Record<string, string>>,
): string {
  const pairs = Object.keys(order)
    .filter((name) => !NOT_IN_THE_QUERY.has(name) && told[name] !== undefined)
    .map((name) => `${toSnakeCase(name)}=${encode(name, told[name] as string)}`);
  return writeBase(base) + path + (pairs.length === 0 ? '' : `?${pairs.join('&')}`);
}

function toCamelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function toSnakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A model's name and version are written plainly, as permalinks have them: @ is allowed there (RFC 3986, section 3.4). */
function encode(name: string, text: string): string {
  return name === 'model' ? text : encodeURIComponent(text);
}

/** @throws RangeError  When it is no address of a web service, or has a query or a fragment. */
function writeBase(base: string | URL | undefined): string {
  if (base === undefined) {
    return '';
  }
  const text = String(base);
  const isAddress = /^(?:https?:\/\/[^/]|\/(?!\/))[^?#\s"'<>\\]*$/i.test(text);
  if (!isAddress && text !== '') {
    throw new RangeError(
      `digitmint: base is ${JSON.stringify(text.slice(0, 64))}, expected an address such as https://digits.example, or a path`,
    );
  }
  return text.replace(/\/+$/, '');
}
