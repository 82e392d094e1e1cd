/** Writes URLs in their canonical form, so that equal digits have equal URLs in every cache. */
import { FORMATS, type RouteName } from '../shared/contract/formats.ts';
import { NUMBER } from '../shared/contract/parameters.ts';
import {
  encodeNumber,
  listParameters,
  listWithoutEffect,
  multiplyPixels,
  normalizeNumber,
  writeUrl,
} from '../shared/contract/query.ts';
import { notAllowed, toCamelCase, writeOption } from './option-text.ts';
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
  const text = typeof number === 'string' ? normalizeNumber(number) : number;
  return buildUrl('number', options, `/${encodeNumber(writeOption('number', text, NUMBER))}`);
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
  const refused = withoutEffect.filter(({ isUnwarned }) => !isUnwarned);
  if (texts['strict'] === '1' && refused.length > 0) {
    const names = refused.map(({ text }) => toCamelCase(text)).join(', ');
    throw new RangeError(
      `digitmint: ${names} without effect in ${format}, expected to be left out`,
    );
  }
  const products = withoutEffect.some(({ name }) => name === 'dpr') ? {} : multiplyPixels(texts);
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
    const found = parameters.find(({ name }) => toCamelCase(name) === option);
    if (found === undefined) {
      const known = parameters.map(({ name }) => toCamelCase(name)).join(', ');
      throw new TypeError(`digitmint: ${option} is not an option here, known: ${known}`);
    }
    if (value !== undefined) {
      const { name, parameter } = found;
      texts[name] = writeOption(option, value, parameter);
    }
  }
  for (const { name, parameter } of parameters) {
    const { replaces = [] } = parameter;
    const other = replaces.find((each) => texts[each] !== undefined);
    if (texts[name] !== undefined && other !== undefined) {
      const { [other]: value } = options as Record<string, unknown>;
      throw notAllowed(other, value, `none beside ${name}, which replaces it`);
    }
  }
  return texts;
}

/** @throws RangeError  When it is no address of a web service, or has a query or a fragment. */
export function writeBase(base: string | URL | undefined): string {
  const text = String(base ?? '');
  const isAddress = /^(?:https?:\/\/[^/]|\/(?!\/))[^?#\s"'<>\\]*$/i.test(text);
  if (!isAddress && text !== '') {
    throw new RangeError(
      `digitmint: base is ${JSON.stringify(text.slice(0, 64))}, expected an address such as https://digits.example, or a path`,
    );
  }
  let end = text.length;
  while (text[end - 1] === '/') {
    end--;
  }
  return text.slice(0, end);
}
