/**
 * The element's attributes as options: the parameters of `/digit` and those of an image.
 */
import { listParameters } from '../shared/contract/query.ts';
import type { DigitImageOptions, NumberImageOptions } from './image.ts';
import { toCamelCase } from './option-text.ts';

/** Parameters by the names of their attributes. An image has no use for two of them. */
const PARAMETERS = listParameters('digit')
  .filter(([name]) => name !== 'pixels' && name !== 'strict')
  .map(([name, parameter]) => ({ ...parameter, name, attribute: name.replace('_', '-') }));

/** Parameters of `/digit` that a number does not have. */
const NOT_OF_NUMBERS = ['label', 'n', 'cols', 'gap'];

export const ATTRIBUTES: readonly string[] = [
  ...PARAMETERS.map(({ attribute }) => attribute),
  'base',
  'number',
  'alt',
  'loading',
  'sample',
];

/**
 * Reads the attributes as options. The functions that take the options check the values.
 *
 * @param read  Reads an attribute; null where it is absent.
 * @throws RangeError  For a text where a number is expected, and for attributes that exclude each
 *                     other.
 */
export function parseAttributes(
  read: (name: string) => string | null,
): DigitImageOptions | NumberImageOptions {
  const options: Record<string, unknown> = {
    lazy: read('loading') !== 'eager',
    sample: parseSample(read('sample')),
  };
  for (const name of ['base', 'number', 'alt']) {
    options[name] = read(name) ?? undefined;
  }
  for (const { name, attribute, kind } of PARAMETERS) {
    const text = read(attribute);
    if (text !== null) {
      options[toCamelCase(name)] =
        kind === 'whole'
          ? parseWhole(attribute, text)
          : // Like HTML's own flags it is there or not, but people also write 0 or false.
            kind === 'flag'
            ? text !== '0' && text !== 'false'
            : text;
    }
  }
  const hasDark = 'darkFg' in options || 'darkBg' in options;
  const { format = hasDark ? 'svg' : 'png', number } = options;
  if (hasDark && format !== 'svg') {
    throw new RangeError(
      `digitmint: format is ${JSON.stringify(format)}, expected svg: only SVG follows the dark scheme`,
    );
  }
  if (number === undefined) {
    const { number: _, ...digits } = options;
    return { ...digits, format } as DigitImageOptions;
  }
  const excluded = NOT_OF_NUMBERS.filter((name) => name in options);
  if (excluded.length > 0) {
    throw new RangeError(
      `digitmint: ${excluded.join(', ')} beside number, expected one of the two: number is one picture`,
    );
  }
  return { ...options, format } as NumberImageOptions;
}

function parseWhole(name: string, text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) {
    throw new RangeError(`digitmint: ${name} is ${JSON.stringify(text)}, expected a whole number`);
  }
  return Number(text);
}

/** Pixels of one digit: `28`, or `32x24` with the width first. */
function parseSample(text: string | null): { width: number; height: number } | undefined {
  if (text === null) {
    return undefined;
  }
  const sides = /^([1-9][0-9]{0,2})(?:x([1-9][0-9]{0,2}))?$/.exec(text);
  if (sides === null) {
    throw new RangeError(
      `digitmint: sample is ${JSON.stringify(text)}, expected pixels of a digit, such as 28 or 32x24`,
    );
  }
  return { width: Number(sides[1]), height: Number(sides[2] ?? sides[1]) };
}
