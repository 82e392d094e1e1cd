/**
 * The texts of parameters: reads them, writes them in one canonical form, and says what is
 * expected. Strict: nothing is clamped, and nothing is dropped silently. Without dependencies: the
 * client checks its options by it.
 */
import { formatColour, parseColour, type Colour } from '../picture/colour.ts';
import type { Kind, ModelChoice, Parameter } from './parameters.ts';

export type Value = number | boolean | string | Colour | ModelChoice;

/** No exponent, sign, space or leading zero: "1e3", "+1", " 1" and "01" are refused. */
const WHOLE = /^(?:0|[1-9][0-9]{0,9})$/;
const MODEL = /^[a-z][a-z0-9-]{0,31}(@[0-9a-f]{16})?$/;
/** `parseColour` in the terms of JSON Schema. */
const COLOUR = '^(transparent|#?([0-9A-Fa-f]{3,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8}))$';

/** Reads a decoded text. @returns  undefined for a text that is not allowed. */
export function parseText(parameter: Kind, text: string): Value | undefined {
  switch (parameter.kind) {
    case 'whole': {
      const value = WHOLE.test(text) ? Number(text) : NaN;
      return value >= parameter.min && value <= parameter.max ? value : undefined;
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
      const fits = text.length >= minLength && text.length <= maxLength;
      return fits && pattern?.test(text) !== false ? text : undefined;
    }
  }
}

/** Writes a value in its canonical form. */
export function formatValue(value: Value): string {
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
    case 'flag':
      return '0 or 1';
    case 'colour':
      return 'a colour as 3, 4, 6 or 8 hex digits, or transparent';
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
    case 'whole':
      return { ...described, type: 'integer', minimum: parameter.min, maximum: parameter.max };
    case 'flag':
      return { ...described, enum: ['0', '1'] };
    case 'colour':
      return { ...described, pattern: COLOUR };
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
