/**
 * Checks options by the API's table and writes them as URLs in their canonical form, so that equal
 * digits have equal URLs in every cache.
 */
import { FORMATS, type RouteName } from '../shared/contract/formats.ts';
import { NUMBER, type Kind } from '../shared/contract/parameters.ts';
import {
  describeExpected,
  encodeNumber,
  listParameters,
  listWithoutEffect,
  multiplyPixels,
  parseText,
  writeUrl,
} from '../shared/contract/query.ts';
import { formatColour, type Colour } from '../shared/picture/colour.ts';
import type {
  BaseOptions,
  DatasetOptions,
  DigitOptions,
  MorphOptions,
  NumberOptions,
} from './options.ts';

/**
 * Writes the URL of digits: `/digit.png?seed=Ada&n=16&scale=4`.
 * @throws RangeError | TypeError  For a value that the API would refuse.
 */
export function digitUrl(options: DigitOptions = {}): string {
  return buildUrl('digit', options);
}

/**
 * Writes the URL of a number in one handwriting: `/number/2026.png?seed=Ada`.
 * @throws RangeError | TypeError  For a value that the API would refuse.
 */
export function numberUrl({ number, ...options }: NumberOptions): string {
  if (number === undefined) {
    throw new TypeError('digitmint: number is missing, expected the number to write');
  }
  return buildUrl('number', options, `/${encodeNumber(writeOption('number', number, NUMBER))}`);
}

/**
 * Writes the URL of a labelled set: `/dataset.npy?seed=Ada&n=10000`.
 * @throws RangeError | TypeError  For a value that the API would refuse.
 */
export function datasetUrl(options: DatasetOptions = {}): string {
  return buildUrl('dataset', options);
}

/**
 * Writes the URL of a loop in which digits turn into one another:
 * `/morph.gif?seed=Ada&digits=9876543210`.
 * @throws RangeError | TypeError  For a value that the API would refuse.
 */
export function morphUrl(options: MorphOptions = {}): string {
  return buildUrl('morph', options);
}

/** @param segment  The rest of the path, where the route has one. */
function buildUrl(
  route: Exclude<RouteName, 'jobs'>,
  { base, format = FORMATS[route][0], ...options }: BaseOptions & { format?: string | undefined },
  segment = '',
): string {
  writeOption('format', format, { kind: 'choice', choices: FORMATS[route] });
  const texts = writeTexts(route, options);
  const withoutEffect = listWithoutEffect(route, texts, format);
  if (texts['strict'] === '1' && withoutEffect.length > 0) {
    const names = withoutEffect.map(toCamelCase).join(', ');
    throw new RangeError(
      `digitmint: ${names} without effect in ${format}, expected to be left out`,
    );
  }
  const products = withoutEffect.includes('dpr') ? {} : multiplyPixels(texts);
  if (typeof products === 'string') {
    throw notAllowed('dpr', Number(texts['dpr']), products);
  }
  for (const [name, product] of Object.entries(products)) {
    texts[name] = String(product);
  }
  return writeBase(base) + writeUrl(route, `/${route}${segment}.${format}`, format, texts);
}

/** Checks options and writes them by the names of their parameters. */
function writeTexts(route: RouteName, options: object): Record<string, string> {
  const parameters = listParameters(route);
  const texts: Record<string, string> = {};
  for (const [option, value] of Object.entries(options)) {
    const found = parameters.find(([name]) => toCamelCase(name) === option);
    if (found === undefined) {
      const known = parameters.map(([name]) => toCamelCase(name)).join(', ');
      throw new TypeError(`digitmint: ${option} is not an option here, known: ${known}`);
    }
    if (value !== undefined) {
      const [name, parameter] = found;
      texts[name] = writeOption(option, value, parameter);
    }
  }
  for (const [name, { replaces = [] }] of parameters) {
    const other = replaces.find((each) => texts[each] !== undefined);
    if (texts[name] !== undefined && other !== undefined) {
      const { [other]: value } = options as Record<string, unknown>;
      throw notAllowed(other, value, `none beside ${name}, which replaces it`);
    }
  }
  return texts;
}

/** @throws RangeError  When it is no address of a web service, or has a query or a fragment. */
function writeBase(base: string | URL | undefined): string {
  const text = String(base ?? '');
  const isAddress = /^(?:https?:\/\/[^/]|\/(?!\/))[^?#\s"'<>\\]*$/i.test(text);
  if (!isAddress && text !== '') {
    throw new RangeError(
      `digitmint: base is ${JSON.stringify(text.slice(0, 64))}, expected an address such as https://digits.example, or a path`,
    );
  }
  return text.replace(/\/+$/, '');
}

/** The JavaScript types of the kinds of options that are not given as strings. */
const TYPES: Readonly<Record<string, string>> = { whole: 'number', flag: 'boolean' };

/**
 * Writes an option's value in the canonical form of its parameter.
 * @throws TypeError   For a wrong type. The message names the option and says what is expected.
 * @throws RangeError  For a value that is not allowed.
 */
export function writeOption(name: string, value: unknown, parameter: Kind): string {
  const { kind } = parameter;
  const isTyped =
    typeof value === (TYPES[kind] ?? 'string') ||
    // A number is text too, unless it is NaN or infinite.
    (typeof value === 'number' && kind === 'text' && Number.isFinite(value));
  if (!isTyped) {
    throw new TypeError(
      describe(name, value, kind === 'flag' ? 'true or false' : describeExpected(parameter)),
    );
  }
  const text = kind === 'flag' ? String(Number(value)) : String(value);
  const parsed = parseText(parameter, text);
  // No URL can hold half of a surrogate pair.
  if (parsed === undefined || /\p{Cs}/u.test(text)) {
    throw notAllowed(name, value, describeExpected(parameter));
  }
  return kind === 'colour' ? formatColour(parsed as Colour) : text;
}

function notAllowed(name: string, value: unknown, expected: string): RangeError {
  return new RangeError(describe(name, value, expected));
}

/** Characters of a caller's own value that an error repeats. */
const MAX_QUOTED = 64;

function describe(name: string, value: unknown, expected: string): string {
  const text =
    typeof value === 'string'
      ? JSON.stringify(value.slice(0, MAX_QUOTED))
      : String(value).slice(0, MAX_QUOTED);
  return `digitmint: ${name} is ${text}, expected ${expected}`;
}

/** The option's name for a parameter's: `dark_fg` is `darkFg`. */
export function toCamelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
