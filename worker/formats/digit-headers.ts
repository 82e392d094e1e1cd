/**
 * The headers of an answer that is digits: how long it may be kept, its name and its permanent URL, what was passed over.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { DIGIT_FORMATS } from '../../shared/contract/formats.ts';
import {
  buildDigitUrl,
  type DigitQuery,
  type PinnedDigits,
  type Settled,
} from '../../shared/contract/query.ts';
import { API_HEADERS, CACHE_CONTROL, HEADERS } from '../http/headers.ts';

/** Part of every ETag: rises when the same digits get other bytes, as with another PNG encoder. */
const RENDERING = 4;

/** An answer that a seed and a version of a model decide. */
export interface Pinned {
  /** Path and query of its one URL, which tells all that its bytes depend on but the origin. */
  readonly permalink: string;
  /** Whether it holds absolute URLs, and so depends on the origin too. */
  readonly holdsUrls: boolean;
  readonly seed: string;
  readonly model: { readonly name: string; readonly version: string };
}

/** What a caller said itself: how long an answer may be kept depends on it. */
interface Asked {
  readonly seed: string | undefined;
  readonly model: { readonly version: string | undefined } | undefined;
}

/** The headers that a 200 and a 304 share; with an ETag where the caller gave the seed. @param warnings  What was passed over. */
export function describePinned(
  pinned: Pinned,
  asked: Asked,
  origin: string,
  warnings: readonly string[],
): Record<string, string> {
  const { permalink, seed, model } = pinned;
  const freshness =
    asked.seed === undefined ? 'fresh' : asked.model?.version === undefined ? 'seeded' : 'pinned';
  return {
    ...API_HEADERS,
    'Cache-Control': CACHE_CONTROL[freshness],
    'Content-Location': permalink,
    Link: `<${origin}${permalink}>; rel="canonical"`,
    [HEADERS.seed]: encodeURIComponent(seed),
    [HEADERS.model]: `${model.name}@${model.version}`,
    ...(freshness !== 'fresh' && { ETag: computeTag(pinned, origin) }),
    ...(warnings.length > 0 && { [HEADERS.warning]: warnings.join('; ') }),
  };
}

/** An ETag that is known before a digit is drawn. */
function computeTag({ permalink, holdsUrls }: Pinned, origin: string): string {
  const text = `${RENDERING} ${holdsUrls ? origin : ''} ${permalink}`;
  return `"${bytesToHex(sha256(utf8ToBytes(text)).subarray(0, 16))}"`;
}

/** The headers of digits that a 200 and a 304 share. */
export function describeDigits(
  digits: PinnedDigits,
  query: Settled<DigitQuery>,
  origin: string,
  negotiated: boolean,
): Record<string, string> {
  return {
    ...describePinned(
      pinUrl(digits),
      query,
      origin,
      listWarnings(query.unknown, query.withoutEffect, digits.format),
    ),
    ...(negotiated && { Vary: 'Accept' }),
  };
}

function pinUrl(digits: PinnedDigits): Pinned {
  const { format, seed, model } = digits;
  return {
    permalink: buildDigitUrl(digits),
    holdsUrls: format === 'json' || format === 'ndjson',
    seed,
    model,
  };
}

/** Tells what was passed over, for `describePinned`. */
export function listWarnings(
  unknown: readonly string[],
  withoutEffect: readonly string[],
  format: string,
): string[] {
  return [
    ...(unknown.length > 0 ? [describeUnknown(unknown)] : []),
    ...(withoutEffect.length > 0
      ? [`without effect in ${format}: ${withoutEffect.join(', ')}`]
      : []),
  ];
}

const MAX_NAMED = 8;

/** Names what means nothing here, percent-encoded. */
function describeUnknown(names: readonly string[]): string {
  const named = names
    .slice(0, MAX_NAMED)
    .map((name) => encodeURIComponent([...name].slice(0, 32).join('')));
  return `unknown parameters: ${named.join(', ')}${names.length > MAX_NAMED ? ', ...' : ''}`;
}

function nameDigitFile({ format, seed, start, n, number }: PinnedDigits): string {
  return nameFile(
    number === undefined ? '' : `${number.replaceAll(' ', '_')}-`,
    seed,
    start,
    n,
    format,
  );
}

/** A name that every file system takes. @param what  Stands before the seed. */
export function nameFile(
  what: string,
  seed: string,
  start: number,
  n: number,
  extension: string,
): string {
  const last = n === 1 ? '' : `-${start + n - 1}`;
  return `digitmint-${what}${nameSeed(seed)}-${start}${last}.${extension}`;
}

/** A seed as part of a file's name. */
export function nameSeed(seed: string): string {
  return seed.replace(/[^A-Za-z0-9_-]+/g, '_').slice(0, 40);
}

/** Of a picture that is opened as a document: it has no script, and a style element at most, for the dark scheme. */
const SVG_POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/** The headers of a 200 alone. */
export function describeContent(digits: PinnedDigits): Record<string, string> {
  const mediaType = DIGIT_FORMATS[digits.format];
  return {
    'Content-Type': mediaType === 'text/plain' ? `${mediaType}; charset=utf-8` : mediaType,
    'Content-Disposition': `inline; filename="${nameDigitFile(digits)}"`,
    ...(digits.format === 'svg' && { 'Content-Security-Policy': SVG_POLICY }),
  };
}

/** Server-Timing. @param durations  Milliseconds, by stage. */
export function describeTiming(durations: Readonly<Record<string, number>>): string {
  return Object.entries(durations)
    .map(([name, ms]) => `${name};dur=${ms.toFixed(1)}`)
    .join(', ');
}
