/**
 * A number as callers write it: digits with signs among them. Without dependencies: the client
 * imports it.
 */

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
