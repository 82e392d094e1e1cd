/** Options as the texts of a URL, by the rules of the API's table. */
import type { Kind } from '../shared/contract/parameters.ts';
import { describeExpected, parseText } from '../shared/contract/query.ts';
import { formatColour, type Colour } from '../shared/picture/colour.ts';

/** The JavaScript types of the kinds of options that are not given as strings. */
const TYPES: Readonly<Record<string, string>> = {
  whole: 'number',
  decimal: 'number',
  flag: 'boolean',
};

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
  const isNumber = kind === 'decimal' || kind === 'flag';
  // The API rounds to four places, too. `String` would write an exponent for 1e-7.
  const text = String(isNumber ? Number(Number(value).toFixed(4)) : value);
  if (kind === 'colour' && COLOUR_NAME.test(text)) {
    return text.toLowerCase(); // The API knows the names: their table is larger than this package.
  }
  const parsed = parseText(parameter, text);
  // No URL can hold half of a surrogate pair.
  if (parsed === undefined || /\p{Cs}/u.test(text)) {
    throw notAllowed(name, value, describeExpected(parameter));
  }
  return kind === 'colour' ? formatColour(parsed as Colour) : text;
}

export function notAllowed(name: string, value: unknown, expected: string): RangeError {
  return new RangeError(describe(name, value, expected));
}

/** Neither `transparent` nor hex digits. */
const COLOUR_NAME = /^(?!transparent$|[a-f]{3,8}$)[a-z]{3,20}$/i;

/** Characters of a caller's own value that an error repeats. */
const MAX_QUOTED = 64;

function describe(name: string, value: unknown, expected: string): string {
  const short = Array.from(String(value)).slice(0, MAX_QUOTED).join('');
  const text = typeof value === 'string' ? JSON.stringify(short) : short;
  return `digitmint: ${name} is ${text}, expected ${expected}`;
}

/** The option's name for a parameter's: `dark_fg` is `darkFg`. */
export function toCamelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
