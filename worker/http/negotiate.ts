/**
 * Content negotiation by Accept (RFC 9110, section 12.5.1), from the header's text alone.
 */

interface Range {
  readonly type: string;
  readonly subtype: string;
  readonly q: number;
}

/** Ranges beyond this many are not looked at: a browser sends fewer than ten. */
const MAX_RANGES = 64;

/**
 * Chooses a media type.
 *
 * @param accept     The header, or undefined when there is none: everything is welcome then. What is malformed in it is
 *                   passed over; a header with nothing but that counts as none.
 * @param available  What can be sent, in the server's order of preference, without parameters.
 * @returns          The one of the highest quality, the first among equals; undefined when none is acceptable.
 */
export function chooseMediaType<T extends string>(
  accept: string | undefined,
  available: readonly T[],
): T | undefined {
  const ranges = parseAccept(accept);
  if (ranges.length === 0) {
    return available[0];
  }
  let best: T | undefined;
  let bestQ = 0;
  for (const mediaType of available) {
    const q = rateMediaType(ranges, mediaType);
    if (q > bestQ) {
      best = mediaType;
      bestQ = q;
    }
  }
  return best;
}

/**
 * Tells whether a caller will show what it gets as a picture, as `<img>` does: it names images and rates nothing as high.
 * A page visited by a browser (text/html first) and a plain "everything" range do not.
 */
export function prefersImage(accept: string | undefined): boolean {
  const ranges = parseAccept(accept);
  const best = (test: (range: Range) => boolean) =>
    Math.max(0, ...ranges.filter(test).map((range) => range.q));
  const image = best((range) => range.type === 'image');
  return (
    image > 0 &&
    image >= best(({ type }) => type !== 'image') &&
    best(({ type }) => type === 'text' || type === 'application') < image
  );
}

/** Tells whether a caller names a media type itself, with any quality but 0: a range does not count. */
export function asksFor(accept: string | undefined, mediaType: string): boolean {
  return parseAccept(accept).some(
    ({ type, subtype, q }) => `${type}/${subtype}` === mediaType && q > 0,
  );
}

function parseAccept(accept: string | undefined): Range[] {
  return (accept ?? '')
    .split(',', MAX_RANGES)
    .map(parseRange)
    .filter((range) => range !== undefined);
}

function parseRange(text: string): Range | undefined {
  const [mediaType = '', ...parameters] = text.toLowerCase().split(';');
  const match = /^\s*([!#$%&'*+.^_`|~0-9a-z-]+)\/([!#$%&'*+.^_`|~0-9a-z-]+)\s*$/.exec(mediaType);
  if (match === null || (match[1] === '*' && match[2] !== '*')) {
    return undefined;
  }
  let q = 1;
  for (const parameter of parameters) {
    const weight = /^\s*q\s*=\s*(.*?)\s*$/.exec(parameter)?.[1];
    if (weight !== undefined) {
      if (!/^(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/.test(weight)) {
        return undefined;
      }
      q = Number(weight);
    }
  }
  return { type: match[1] as string, subtype: match[2] as string, q };
}

/** The quality that the most specific range gives: "a/b" before "a/*" before the range of everything. */
function rateMediaType(ranges: readonly Range[], mediaType: string): number {
  const [type, subtype] = mediaType.split('/');
  const exact = ranges.find((range) => range.type === type && range.subtype === subtype);
  const family = ranges.find((range) => range.type === type && range.subtype === '*');
  const any = ranges.find((range) => range.type === '*');
  return (exact ?? family ?? any)?.q ?? 0;
}
