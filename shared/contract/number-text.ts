/**
 * A number as callers write it: digits, and the signs among them. Pure, and without dependencies: the client writes URLs by it.
 */
import { LIMITS } from './limits.ts';

/** What a number may be, in two ways: `pattern` is tested beside `maxLength`. */
export const NUMBER_TEXT = {
  maxLength: LIMITS.maxNumberLength,
  pattern: /^(?:[-+.,] ?)*[0-9](?: ?[-+.,0-9])*$/,
  about: `1 to ${LIMITS.maxNumberLength} characters: at least one digit, among them - + . , and single spaces`,
} as const;

/** The digits alone, in their order. */
export function pickDigits(number: string): string {
  return number.replaceAll(/[^0-9]/g, '');
}

/**
 * Writes a number as the segment of a path. A comma may stand there as it is (RFC 3986, section 3.3); so might a plus, but there
 * are programs that read a space for it.
 */
export function encodeNumber(number: string): string {
  return encodeURIComponent(number).replaceAll('%2C', ',');
}
