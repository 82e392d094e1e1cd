/**
 * Content negotiation by Accept (RFC 9110, section 12.5.1). Hono parses the header. The choice is
 * ours: where several formats have the highest quality, the server's order decides. negotiator
 * prefers the most specific range, so Chrome's `<img src="/digit">` would get SVG in place of PNG.
 */
import { parseAccept } from 'hono/utils/accept';

interface MediaRange {
  readonly type: string;
  readonly subtype: string;
  readonly q: number;
}

/**
 * Chooses a format by Accept.
 *
 * @param formats  Media types by format, in the server's order of preference.
 * @returns        The format of the highest quality; undefined when none is acceptable.
 */
export function negotiateFormat<F extends string>(
  accept: string | undefined,
  formats: Readonly<Record<F, string>>,
): F | undefined {
  const ranges = parseRanges(accept);
  const names = Object.keys(formats) as F[];
  if (ranges.length === 0) {
    return names[0];
  }
  const qualities = names.map((name) => rateType(ranges, formats[name]));
  const best = Math.max(...qualities);
  return best === 0 ? undefined : names[qualities.indexOf(best)];
}

/**
 * Tells whether a caller shows the answer as a picture, as `<img>` does: it names images and rates
 * nothing higher. A browser's address bar prefers text/html, and a plain range of everything names
 * no image.
 */
export function prefersImage(accept: string | undefined): boolean {
  const best = { image: 0, document: 0, other: 0 };
  for (const { type, q } of parseRanges(accept)) {
    const isDocument = type === 'text' || type === 'application';
    const kind = type === 'image' ? 'image' : isDocument ? 'document' : 'other';
    best[kind] = Math.max(best[kind], q);
  }
  return best.image > best.document && best.image >= best.other;
}

/** Tells whether a caller names this media type itself, with a quality above 0. */
export function asksFor(accept: string | undefined, mediaType: string): boolean {
  return parseRanges(accept).some(
    ({ type, subtype, q }) => `${type}/${subtype}` === mediaType && q > 0,
  );
}

/** Parses Accept, and leaves malformed ranges out. Accept without a range accepts everything. */
function parseRanges(accept = ''): MediaRange[] {
  return parseAccept(accept).flatMap(({ type: text, q }) => {
    const match = /^([^\s/]+)\/([^\s/]+)$/.exec(text.toLowerCase());
    const [type = '', subtype = ''] = match?.slice(1) ?? [];
    return match === null || (type === '*' && subtype !== '*') ? [] : [{ type, subtype, q }];
  });
}

/** The quality of the most specific range that covers a media type; 0 when none does. */
function rateType(ranges: readonly MediaRange[], mediaType: string): number {
  const [type, subtype] = mediaType.split('/');
  const exact = ranges.find((range) => range.type === type && range.subtype === subtype);
  const family = ranges.find((range) => range.type === type && range.subtype === '*');
  const any = ranges.find((range) => range.type === '*');
  return (exact ?? family ?? any)?.q ?? 0;
}
