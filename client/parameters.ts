/**
 * What each option may be, and how it is written in a URL. The same rules as `shared/contract/parameters.ts` without its
 * validator, which would be most of the package; tests hold the two together, words included.
 */
import { CLASS_LIMITS } from '../shared/model/classes.ts';
import { formatColour, parseColour } from '../shared/picture/colour.ts';
import { LIMITS } from '../shared/contract/limits.ts';
import { NUMBER_TEXT } from '../shared/contract/number-text.ts';

/**
 * Writes an option's value as the URL has it, before it is percent-encoded.
 * @throws TypeError   When it is of a wrong type; the message names the option and says what is expected.
 * @throws RangeError  When it is of the right type and not allowed.
 */
export type Writer = (name: string, value: unknown) => string;

/** Writes whole numbers. */
export function writeWhole(min: number, max: number): Writer {
  return (name, value) => {
    const expected = `a whole number from ${min} to ${max}`;
    if (typeof value !== 'number') {
      throw wrongType(name, value, expected);
    }
    if (!Number.isInteger(value) || value < min || value > max) {
      throw notAllowed(name, value, expected);
    }
    return String(value);
  };
}

/** Writes text; of a number its decimal digits. */
function writeText(max: number, expected: string, pattern = /^/): Writer {
  return (name, value) => {
    if (typeof value !== 'string' && typeof value !== 'number') {
      throw wrongType(name, value, expected);
    }
    const text = String(value);
    const isFinite = typeof value === 'string' || Number.isFinite(value);
    // Half a surrogate pair: no URL can hold it.
    const isWhole = !/\p{Cs}/u.test(text);
    if (text.length < 1 || text.length > max || !isFinite || !isWhole || !pattern.test(text)) {
      throw notAllowed(name, value, expected);
    }
    return text;
  };
}

const writeColour: Writer = (name, value) => {
  const expected = 'a colour as 3, 4, 6 or 8 hex digits, or transparent';
  if (typeof value !== 'string') {
    throw wrongType(name, value, expected);
  }
  const colour = parseColour(value);
  if (colour === undefined) {
    throw notAllowed(name, value, expected);
  }
  return formatColour(colour);
};

const writeFlag: Writer = (name, value) => {
  if (typeof value !== 'boolean') {
    throw wrongType(name, value, 'true or false');
  }
  return value ? '1' : '0';
};

/** Writes one of some words. */
export function writeChoice(choices: readonly string[]): Writer {
  return (name, value) => {
    if (typeof value !== 'string' || !choices.includes(value)) {
      throw notAllowed(name, value, `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`);
    }
    return value;
  };
}

/** The number itself, as the path has it. */
export const writeNumber: Writer = writeText(
  NUMBER_TEXT.maxLength,
  NUMBER_TEXT.about,
  NUMBER_TEXT.pattern,
);

/** What a loop walks through. */
export const writeDigits: Writer = writeText(
  LIMITS.maxMorphDigits,
  `2 to ${LIMITS.maxMorphDigits} digits from 0 to 9`,
  /^[0-9]{2,}$/,
);

/** The parameters that go into a query. */
export const WRITERS = {
  seed: writeText(LIMITS.maxSeedLength, `1 to ${LIMITS.maxSeedLength} characters`),
  start: writeWhole(0, LIMITS.maxStart),
  n: writeWhole(1, LIMITS.maxDigits),
  label: writeText(
    CLASS_LIMITS.nameLength,
    `a class of the model by its name or its number, 1 to ${CLASS_LIMITS.nameLength} characters`,
  ),
  cols: writeWhole(1, LIMITS.maxCols),
  scale: writeWhole(1, LIMITS.maxScale),
  gap: writeWhole(0, LIMITS.maxGap),
  margin: writeWhole(0, LIMITS.maxGap),
  dpr: writeWhole(1, LIMITS.maxDpr),
  fg: writeColour,
  bg: writeColour,
  smooth: writeFlag,
  darkFg: writeColour,
  darkBg: writeColour,
  pixels: writeChoice(['array', 'base64']),
  model: writeText(
    64,
    'a name, or name@version with 16 hex digits',
    /^[a-z][a-z0-9-]{0,31}(?:@[0-9a-f]{16})?$/,
  ),
  strict: writeFlag,
} as const satisfies Readonly<Record<string, Writer>>;

/** Writes all options that were given. @throws TypeError  Also for a name that is not known: a slip of the pen. */
export function writeAll(
  writers: Readonly<Record<string, Writer>>,
  options: Readonly<Record<string, unknown>>,
): Record<string, string> {
  const written: Record<string, string> = {};
  for (const [name, value] of Object.entries(options)) {
    const write = Object.hasOwn(writers, name) ? writers[name] : undefined;
    if (write === undefined) {
      throw new TypeError(
        `digitmint: ${name} is not an option here, known: ${Object.keys(writers).join(', ')}`,
      );
    }
    if (value !== undefined) {
      written[name] = write(name, value);
    }
  }
  return written;
}

/** Characters of a caller's own value that an error repeats. */
const MAX_QUOTED = 64;

function wrongType(name: string, value: unknown, expected: string): TypeError {
  return new TypeError(describe(name, value, expected));
}

/** The error for a value of the right type that is not allowed. */
export function notAllowed(name: string, value: unknown, expected: string): RangeError {
  return new RangeError(describe(name, value, expected));
}

function describe(name: string, value: unknown, expected: string): string {
  const text =
    typeof value === 'string'
      ? JSON.stringify(value.slice(0, MAX_QUOTED))
      : String(value).slice(0, MAX_QUOTED);
  return `digitmint: ${name} is ${text}, expected ${expected}`;
}
