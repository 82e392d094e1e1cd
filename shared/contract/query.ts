/**
 * The query of a request: parsed, settled for a format, pinned to a model and a seed, and written
 * back as the canonical URL, without parameters that change nothing. The client checks its options
 * and writes its URLs by it, without the names of colours.
 */
import NAMED_COLOURS from 'color-name';
import { formatColour, parseColour, type Colour } from '../picture/colour.ts';
import type { FormatOf, RouteName } from './formats.ts';
import { Refusal, refuseValue } from './refusal.ts';
import {
  NUMBER,
  PARAMETERS,
  ROUTES,
  type Kind,
  type ModelChoice,
  type Parameter,
  type ParametersOf,
  type Texts,
  type ValueOf,
} from './parameters.ts';

export type Value = number | boolean | string | Colour | ModelChoice;

/** No exponent, sign, space or leading zero: "1e3", "+1", " 1" and "01" are refused. */
const WHOLE = /^(?:0|[1-9][0-9]{0,9})$/;
/** Any decimals, such as 2.625 or the 1.100000023841858 of a zoomed page. */
const DECIMAL = /^(?:0|[1-9][0-9]{0,9})(?:\.[0-9]+)?$/;
/** Decimal numbers are rounded to four places. */
const DECIMAL_PARTS = 10_000;
const MODEL = /^[a-z][a-z0-9-]{0,31}(@[0-9a-f]{16})?$/;
/** The hex digits of `parseColour` in the terms of JSON Schema. */
const HEX_COLOUR = '#?([0-9A-Fa-f]{3,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})';

/** Reads a decoded text. @returns  undefined for a text that is not allowed. */
export function parseText(parameter: Kind, text: string): Value | undefined {
  switch (parameter.kind) {
    case 'whole':
    case 'decimal': {
      const pattern = parameter.kind === 'whole' ? WHOLE : DECIMAL;
      const value = pattern.test(text) ? Number(text) : NaN;
      const isWithin = value >= parameter.min && value <= parameter.max;
      return isWithin ? Math.round(value * DECIMAL_PARTS) / DECIMAL_PARTS : undefined;
    }
    case 'flag':
      return text === '0' || text === '1' ? text === '1' : undefined;
    case 'colour':
      return parseColour(text);
    case 'choice':
      return parameter.choices.includes(text) ? text : undefined;
    case 'model': {
      const [name = '', version] = text.split('@');
      return MODEL.test(text) ? { name, version } : undefined;
    }
    case 'text': {
      const { minLength = 1, maxLength = Infinity, pattern } = parameter;
      const { length } = [...text]; // In code points, as in JSON Schema.
      const fits = length >= minLength && length <= maxLength;
      return fits && pattern?.test(text) !== false ? text : undefined;
    }
  }
}

/** Writes a value in its canonical form. */
function formatValue(value: Value): string {
  switch (typeof value) {
    case 'boolean':
      return value ? '1' : '0';
    case 'object':
      return 'name' in value
        ? `${value.name}${value.version === undefined ? '' : `@${value.version}`}`
        : formatColour(value);
    default:
      return String(value);
  }
}

/** Says which texts a parameter accepts: errors and the documentation repeat it. */
export function describeExpected(parameter: Kind): string {
  switch (parameter.kind) {
    case 'whole':
      return `a whole number from ${parameter.min} to ${parameter.max}`;
    case 'decimal':
      return `a number from ${parameter.min} to ${parameter.max}`;
    case 'flag':
      return '0 or 1';
    case 'colour':
      return 'a colour by its CSS name, as 3, 4, 6 or 8 hex digits without #, or transparent';
    case 'choice':
      return `${parameter.choices.slice(0, -1).join(', ')} or ${parameter.choices.at(-1)}`;
    case 'model':
      return 'a name, or name@version with 16 hex digits';
    case 'text':
      return parameter.expected;
  }
}

/** Says what holds without a parameter; '' for one that stands in the path. */
export function describeDefault(parameter: Parameter): string {
  const { without, required, default: text } = parameter;
  return without ?? (required === true ? 'an error' : typeof text === 'string' ? text : '');
}

/** Describes a parameter as JSON Schema: its text, or the number that the text stands for. */
export function describeSchema(parameter: Kind): Record<string, unknown> {
  const described = { type: 'string', description: describeExpected(parameter) };
  switch (parameter.kind) {
    case 'whole': {
      const { min: minimum, max: maximum } = parameter;
      return { ...described, type: 'integer', format: 'int32', minimum, maximum };
    }
    case 'decimal': {
      const { min: minimum, max: maximum } = parameter;
      return { ...described, type: 'number', minimum, maximum };
    }
    case 'flag':
      return { ...described, enum: ['0', '1'] };
    case 'colour':
      return {
        ...described,
        pattern: `^(transparent|${Object.keys(NAMED_COLOURS).join('|')}|${HEX_COLOUR})$`,
      };
    case 'choice':
      return { ...described, enum: parameter.choices };
    case 'model':
      return { ...described, pattern: MODEL.source };
    case 'text': {
      const { minLength = 1, maxLength, pattern } = parameter;
      return {
        ...described,
        ...(pattern === undefined && { minLength }),
        maxLength,
        pattern: pattern?.source,
      };
    }
  }
}

/** A parameter of a route. */
interface Listed {
  readonly name: string;
  readonly parameter: Parameter;
}

const listed: { [R in RouteName]?: readonly Listed[] } = {};

/** The parameters of a route, in the order of its canonical URLs. */
export function listParameters(route: RouteName): readonly Listed[] {
  return (listed[route] ??= Object.entries<Parameter>(ROUTES[route]).map(([name, parameter]) => ({
    name,
    parameter,
  })));
}

/** Whether a parameter has an effect in a format. */
function hasEffect(
  { formats, needs = '' }: Parameter,
  format: string,
  given: Readonly<Record<string, unknown>>,
): boolean {
  return formats?.includes(format) !== false && (needs === '' || given[needs] !== undefined);
}

/** A given parameter that has no effect. */
interface WithoutEffect {
  readonly name: string;
  /** With what it lacks: "vary without hand". */
  readonly text: string;
  /** Whether no warning names it, nor does `strict` refuse it. */
  readonly isUnwarned: boolean;
}

/** Lists the given parameters that have no effect in a format, or without another parameter. */
export function listWithoutEffect(
  route: RouteName,
  given: Readonly<Record<string, unknown>>,
  format: string,
): WithoutEffect[] {
  const found: WithoutEffect[] = [];
  for (const { name, parameter } of listParameters(route)) {
    if (given[name] !== undefined && !hasEffect(parameter, format, given)) {
      const { needs, unwarned } = parameter;
      const text = needs === undefined ? name : `${name} without ${needs}`;
      found.push({ name, text, isUnwarned: unwarned?.includes(format) === true });
    }
  }
  return found;
}

/** Finds the text that means the same as no parameter. */
function findDefault(parameter: Parameter, texts: Texts): string | undefined {
  return typeof parameter.default === 'function' ? parameter.default(texts) : parameter.default;
}

/**
 * Writes path and query. Parameters stand in the table's order; those that change nothing are left
 * out.
 */
export function writeUrl(route: RouteName, path: string, format: string, texts: Texts): string {
  const pairs: string[] = [];
  for (const { name, parameter } of listParameters(route)) {
    const text = texts[name];
    const isTold =
      text !== undefined &&
      (parameter.stated === true || text !== findDefault(parameter, texts)) &&
      parameter.transient !== true &&
      hasEffect(parameter, format, texts) &&
      parameter.isIdle?.(texts, format) !== true;
    if (isTold) {
      // A query may hold the @ of name@version as it is (RFC 3986, section 3.4).
      pairs.push(`${name}=${parameter.kind === 'model' ? text : encodeURIComponent(text)}`);
    }
  }
  return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`;
}

const LENGTHS = ['scale', 'width', 'height', 'gap', 'margin'] as const;
type Length = (typeof LENGTHS)[number];

/**
 * Multiplies lengths in output pixels by `dpr`, device pixels for each CSS pixel, and rounds them.
 * So a picture for a dense screen and the equal one without `dpr` have the same canonical URL.
 * @returns  The lengths that change; or what was expected, where one would be too large.
 */
export function multiplyPixels({
  dpr = 1,
  ...pixels
}: { readonly [K in Length | 'dpr']?: number | string | undefined }):
  | { readonly [K in Length]?: number }
  | string {
  const products: Record<string, number> = {};
  for (const name of LENGTHS) {
    const { max, default: without = '0' }: { max: number; default?: string } = PARAMETERS[name];
    const value = Number(pixels[name] ?? without);
    const product = Math.round(value * Number(dpr));
    if (product > max) {
      return `${name} times dpr to be at most ${max}, not ${value} x ${dpr} = ${product}`;
    }
    const isScaled = name === 'scale' && (pixels.width ?? pixels.height) !== undefined;
    if (product !== value && !isScaled) {
      products[name] = product;
    }
  }
  return products;
}

/**
 * Replaces the signs of other languages: the minus sign, narrow and fixed spaces, and curly
 * apostrophes between thousands.
 */
export function normalizeNumber(number: string): string {
  return number
    .replaceAll('\u2212', '-')
    .replaceAll(/[\u00a0\u2009\u202f]/g, ' ')
    .replaceAll('\u2019', "'");
}

/** The digits alone, in their order. */
export function pickDigits(number: string): string {
  return number.replaceAll(/[^0-9]/g, '');
}

/**
 * Writes a number as a path segment. A comma stays as it is (RFC 3986, section 3.3). A plus would
 * be allowed too, but some programs read it as a space.
 */
export function encodeNumber(number: string): string {
  return encodeURIComponent(number).replaceAll('%2C', ',');
}

/** Parameters by name, in the order of the documentation. */
export type ParameterSet = Readonly<Record<string, Parameter>>;

/** The values of a query string; undefined for an absent parameter. */
type ParameterValues<P> = {
  readonly [K in keyof P]:
    | ValueOf<P[K]>
    | (P[K] extends { readonly required: true } ? never : undefined);
} & {
  /** Names that mean nothing here, for the warning header. */
  readonly unknown: readonly UnknownName[];
};

/** A name that is no parameter, and the parameter that was probably meant. */
export interface UnknownName {
  readonly name: string;
  readonly meant: string | undefined;
}

export type Query<R extends RouteName> = ParameterValues<ParametersOf<R>>;

/** The query of `/digit` or `/number`. The parameters that `/number` lacks are undefined there. */
export type DigitQuery = Query<'digit'> & {
  /** The number to write in one hand, from the path. */
  readonly number: string | undefined;
};

/** Names that cache-busters and trackers add to URLs: always accepted, never with an effect. */
const IGNORED = /^(?:v|t|_|cb|r|random|utm_[a-z]+|[a-z]{1,2}clid|msclkid)$/;

/**
 * Parses a query string.
 * @param parameters  The route's. `strict`, if it is among them and given, refuses unknown names.
 * @param search      Decoded pairs in their order.
 * @param isStrict    Refuses unknown names anyway.
 * @throws Refusal    With the first error.
 */
export function parseParameters<P extends ParameterSet>(
  parameters: P,
  search: URLSearchParams,
  isStrict = false,
): ParameterValues<P> {
  const values: Record<string, Value> = {};
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
      throw new Refusal({ code: 'repeated_parameter', parameter: name });
    }
    const value = parseText(parameter, parameter.kind === 'colour' ? resolveColour(text) : text);
    if (value === undefined) {
      refuseValue(name, text, describeExpected(parameter));
    }
    values[name] = value;
  }
  if (unknown.size > 0 && (isStrict || values['strict'] === true)) {
    const known = Object.keys(parameters);
    throw new Refusal({ code: 'unknown_parameter', parameters: [...unknown], known });
  }
  for (const name in parameters) {
    const parameter = parameters[name] as Parameter;
    if (values[name] === undefined) {
      if (parameter.required === true) {
        const expected = describeExpected(parameter);
        throw new Refusal({ code: 'missing_parameter', parameter: name, expected });
      }
      continue;
    }
    const other = parameter.replaces?.find((each) => values[each] !== undefined);
    if (other !== undefined) {
      const received = formatValue(values[other] as Value);
      refuseValue(other, received, `none beside ${name}, which replaces it`);
    }
  }
  const named = [...unknown].map((name) => ({ name, meant: findMeant(name, parameters) }));
  return { ...values, unknown: named } as ParameterValues<P>;
}

/** Finds the parameter whose name differs by its case or by one typing error. */
function findMeant(name: string, parameters: ParameterSet): string | undefined {
  const typed = name.toLowerCase().replace(/^amp;/, ''); // From a URL copied out of HTML.
  return Object.keys(parameters).find((known) => isNear(typed, known));
}

/** Whether two texts are equal, or one letter is missing, added, replaced or swapped. */
function isNear(a: string, b: string): boolean {
  let start = 0;
  while (start < a.length && a[start] === b[start]) {
    start++;
  }
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) {
    end++;
  }
  const [left, right] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  const isSwapped = left.length === 2 && left === `${right[1]}${right[0]}`;
  const isShort = b.length < 3;
  return left === right || (!isShort && (isSwapped || Math.max(left.length, right.length) === 1));
}

/** Replaces the name of one of CSS's 148 colours by its hex digits. */
function resolveColour(text: string): string {
  const name = text.toLowerCase();
  return Object.hasOwn(NAMED_COLOURS, name)
    ? formatColour([...NAMED_COLOURS[name as keyof typeof NAMED_COLOURS], 255])
    : text;
}

/** Parses a route's query string. A job costs money, so it refuses unknown names. */
export function parseQuery<R extends RouteName>(route: R, search: URLSearchParams): Query<R> {
  const parameters: ParameterSet = ROUTES[route];
  const query = parseParameters(parameters, search, route === 'jobs');
  const { n: counted } = parameters;
  const { digits, labels } = query;
  // Written samples all have the index `start`.
  const isWritten = (digits ?? labels) !== undefined;
  const usual = isWritten ? 1 : Number(counted && findDefault(counted, {}));
  const { start = 0, n = usual } = query as Record<string, number>;
  // The URL of each sample has its index as start.
  const last = PARAMETERS.start.max + 1 - n;
  if (start > last) {
    refuseValue('start', String(start), `at most ${last} for ${n} samples`);
  }
  return query as Query<R>;
}

/** Parses the query string of `/digit`, or of `/number` with the path's decoded number. */
export function parseDigitQuery(search: URLSearchParams, given?: string): DigitQuery {
  const number = given === undefined ? undefined : normalizeNumber(given);
  if (number !== undefined && parseText(NUMBER, number) === undefined) {
    refuseValue('digits', given as string, NUMBER.expected);
  }
  const query = parseQuery(number === undefined ? 'digit' : 'number', search);
  return { ...query, number } as DigitQuery;
}

/**
 * Multiplies `dpr` into `scale`, `gap` and `margin` if the format has pixels. Leaves out the
 * parameters without effect and names them for the warning header. `strict` refuses these.
 * @throws Refusal
 */
export function settleQuery<Q extends object>(
  route: RouteName,
  query: Q,
  format: string,
): Q & { readonly withoutEffect: readonly string[] } {
  const given = query as Readonly<Record<string, number | undefined>>;
  const parameters: ParameterSet = ROUTES[route];
  const { dpr } = parameters;
  const isMultiplied = dpr !== undefined && given['dpr'] !== undefined;
  const products = isMultiplied && hasEffect(dpr, format, given) ? multiplyPixels(given) : {};
  if (typeof products === 'string') {
    refuseValue('dpr', String(given['dpr']), products);
  }
  const ignored = listWithoutEffect(route, given, format);
  const found = ignored.filter(({ isUnwarned }) => !isUnwarned);
  const withoutEffect = found.map(({ text }) => text);
  if ('strict' in query && query.strict === true && found.length > 0) {
    const names = found.map(({ name }) => name);
    const told = { parameters: names, listed: withoutEffect, format };
    throw new Refusal({ code: 'parameter_without_effect', ...told });
  }
  const absent = Object.fromEntries(ignored.map(({ name }) => [name, undefined]));
  return { withoutEffect, ...query, ...products, ...absent };
}

/** The values of a route's parameters, where absent ones have their default. */
type Filled<R extends RouteName> = {
  readonly [K in keyof ParametersOf<R>]:
    | ValueOf<ParametersOf<R>[K]>
    | (ParametersOf<R>[K] extends { readonly default: unknown } | { readonly required: true }
        ? never
        : undefined);
};

type Values = Readonly<Record<string, Value | undefined>>;

const presets: { [R in RouteName]?: Values } = {};

/** All parameters of a route by name. The value is the default that is the same in every query. */
function findPresets(route: RouteName): Values {
  return (presets[route] ??= Object.fromEntries(
    listParameters(route).map(({ name, parameter }) => [
      name,
      typeof parameter.default === 'string' ? parseText(parameter, parameter.default) : undefined,
    ]),
  ));
}

export function fillDefaults<R extends RouteName>(
  route: R,
  query: Partial<Record<keyof ParametersOf<R>, Value | undefined>>,
): Filled<R> {
  const given = query as Values;
  const filled = { ...findPresets(route) };
  for (const name of Object.keys(given)) {
    if (name in filled) {
      filled[name] = given[name] ?? filled[name];
    }
  }
  for (const { name, parameter } of listParameters(route)) {
    if (filled[name] === undefined && typeof parameter.default === 'function') {
      filled[name] = parseText(parameter, parameter.default(writeTexts(route, given)));
    }
  }
  return filled as unknown as Filled<R>;
}

/** Everything that decides an answer: nothing is left to chance or to defaults that may change. */
export type Pinned<R extends RouteName> = Omit<
  Filled<R>,
  'format' | 'model' | 'seed' | 'dpr' | 'strict'
> & {
  readonly format: FormatOf<R>;
  readonly model: { readonly name: string; readonly version: string };
  readonly seed: string;
};

/**
 * The values that decide a picture of digits. `label` is the class's name: unlike its number it
 * means the same in every version of a model. With `number` there is one picture, `n` is 1.
 */
export type PinnedDigits = Pinned<'digit'> & Pick<DigitQuery, 'number'>;

/** Pins a query to a version of a model and to a seed. */
export function pinQuery<R extends RouteName>(
  route: R,
  query: Partial<Record<keyof ParametersOf<R>, Value | undefined>>,
  format: FormatOf<R>,
  { name, version }: { readonly name: string; readonly version: string },
  seed: string,
): Pinned<R> {
  return Object.assign(fillDefaults(route, query), { format, model: { name, version }, seed });
}

/** Writes the canonical URL: path and query. */
export function buildUrl<R extends RouteName>(route: R, pinned: Pinned<R>): string {
  const { format } = pinned;
  const path = route === 'jobs' ? '/jobs' : `/${route}.${format}`;
  return writeUrl(route, path, format, writeTexts(route, pinned));
}

/** Writes the canonical URL of digits or of a number. */
export function buildDigitUrl(digits: PinnedDigits): string {
  const { number, format } = digits;
  if (number === undefined) {
    return buildUrl('digit', digits);
  }
  const path = `/number/${encodeNumber(number)}.${format}`;
  return writeUrl('number', path, format, writeTexts('number', digits));
}

/** Writes the values that are not their parameter's default, or that a URL states anyway. */
function writeTexts(route: RouteName, values: object): Texts {
  const given = values as Values;
  const always = findPresets(route);
  const texts: Record<string, string> = {};
  for (const { name, parameter } of listParameters(route)) {
    const value = given[name];
    if (value !== undefined && (parameter.stated === true || value !== always[name])) {
      texts[name] = formatValue(value);
    }
  }
  return texts;
}
