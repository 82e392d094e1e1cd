/**
 * The playground's request as a URL of the API.
 */
import { encodeNumber } from '../../shared/contract/query.ts';

export interface PlayRequest {
  readonly route: 'digit' | 'number';
  /** The number of `/number`. */
  readonly digits: string;
  readonly format: string;
  /** The other parameters with a value, in the order of the controls. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

/** Path and query, with the format as the extension. */
export function buildRequestPath({ route, digits, format, parameters }: PlayRequest): string {
  const path = route === 'digit' ? '/digit' : `/number/${encodeNumber(digits)}`;
  const query = new URLSearchParams(parameters.map(([name, value]) => [name, value])).toString();
  return `${path}.${format}${query === '' ? '' : `?${query}`}`;
}

/** The query of the page that restores the form. */
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

export function isPicture(format: string): boolean {
  return format === 'png' || format === 'svg';
}

/** Device pixels for each CSS pixel. */
export function readDpr({ format, parameters }: PlayRequest): number {
  return format === 'png' ? Number(new Map(parameters).get('dpr') ?? 1) : 1;
}
