/**
 * What the controls ask for, as a URL of the interface. Pure.
 */

import { encodeNumber } from '../../shared/contract/number-text.ts';

export interface PlayRequest {
  readonly route: 'digit' | 'number';
  /** Of /number alone. */
  readonly digits: string;
  readonly format: string;
  /** The other parameters that were set, in the order of the controls. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

/** Path and query: the format as the extension, no parameter that was not set. */
export function buildRequestPath({ route, digits, format, parameters }: PlayRequest): string {
  const path = route === 'digit' ? '/digit' : `/number/${encodeNumber(digits)}`;
  const query = new URLSearchParams(parameters.map(([name, value]) => [name, value])).toString();
  return `${path}.${format}${query === '' ? '' : `?${query}`}`;
}

/** The query of the page itself that brings the same back: a link to share. */
export function buildPageQuery({
  route,
  digits,
  format,
  parameters,
}: PlayRequest): URLSearchParams {
  const query = new URLSearchParams(parameters.map(([name, value]) => [name, value]));
  query.set('format', format);
  if (route === 'number') {
    query.set('digits', digits);
  }
  return query;
}

/** Whether an answer is a picture that pages show. */
export function isPicture(format: string): boolean {
  return format === 'png' || format === 'svg';
}

/** Device pixels for each CSS pixel of a picture. */
export function readDpr({ format, parameters }: PlayRequest): number {
  return format === 'png' ? Number(new Map(parameters).get('dpr') ?? 1) : 1;
}
