/**
 * Content negotiation by Accept (RFC 9110, section 12.5.1). Hono parses the header. The choice is
 * ours: where several formats have the highest quality, the server's order decides. negotiator
 * prefers the most specific range, so Chrome's `<img src="/digit">` would get SVG in place of PNG.
 */
import { parseAccept } from 'hono/utils/accept';

/** The media type of errors (RFC 9457). */
export const PROBLEM = 'application/problem+json';

/** Everything, all subtypes of a type, or one media type. */
const MEDIA_RANGE = /^(?:\*\/\*|[^\s/*]+\/[^\s/]+)$/;

/**
 * Chooses by quality, then by `formats`' order; undefined if none. Malformed ranges accept all.
 * Problem details in Accept are ignored, because some generated clients ask only for them.
 */
export function negotiateFormat<F extends string>(
  accept: string | undefined,
  formats: Readonly<Record<F, string>>,
): F | undefined {
  const ranges = parseRanges(accept).filter(({ type }) => type !== PROBLEM);
  const names = Object.keys(formats) as F[];
  if (ranges.length === 0) {
    return names[0];
  }
  const qualities = names.map((name) => rateType(ranges, formats[name]));
  const best = Math.max(...qualities);
  if (best > 0) {
    return names[qualities.indexOf(best)];
  }
  return ranges.some(({ type }) => MEDIA_RANGE.test(type)) ? undefined : names[0];
}

/** The quality of the most specific range that covers a media type; 0 when none does. */
function rateType(ranges: ReturnType<typeof parseRanges>, mediaType: string): number {
  const family = `${mediaType.slice(0, mediaType.indexOf('/'))}/*`;
  const covering = [mediaType, family, '*/*'].map((each) =>
    ranges.find(({ type }) => type === each),
  );
  return covering.find((range) => range !== undefined)?.q ?? 0;
}

/** Tells whether a caller rates images highest, as `<img>` does and an address bar does not. */
export function prefersImage(accept: string | undefined): boolean {
  const ranges = parseRanges(accept).filter(({ type }) => MEDIA_RANGE.test(type));
  const rateBest = (pattern: RegExp) =>
    Math.max(0, ...ranges.filter(({ type }) => pattern.test(type)).map(({ q }) => q));
  const image = rateBest(/^image\//);
  return image > rateBest(/^(?:text|application)\//) && image >= rateBest(/^(?!image\/)/);
}

/** Tells whether a caller names this media type itself, with a quality above 0. */
export function asksFor(accept: string | undefined, mediaType: string): boolean {
  return parseRanges(accept).some(({ type, q }) => type === mediaType && q > 0);
}

/** Tells whether an Accept-Encoding allows gzip (RFC 9110, section 12.5.3). */
export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  const codings = parseRanges(acceptEncoding);
  const coding =
    codings.find(({ type }) => type === 'gzip' || type === 'x-gzip') ??
    codings.find(({ type }) => type === '*');
  return (coding?.q ?? 0) > 0;
}

/** @returns  Types in lower case; they may be malformed. */
function parseRanges(accept = ''): { readonly type: string; readonly q: number }[] {
  return parseAccept(accept).map(({ type, q }) => ({ type: type.toLowerCase(), q }));
}
