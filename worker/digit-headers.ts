/**
 * The headers of an answer that is digits: how long it may be kept, its name and its permanent URL, what was passed over.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import {
  buildDigitUrl,
  DIGIT_FORMATS,
  findWithoutEffect,
  type DigitFormat,
  type DigitQuery,
  type PinnedDigits,
} from '../shared/contract/digit-query.ts';
import { API_HEADERS, CACHE_CONTROL, HEADERS } from './headers.ts';

/** Part of every ETag: rises when the same digits get other bytes, as with another PNG encoder. */
const RENDERING = 2;

/** The headers that a 200 and a 304 share. */
export function describeDigits(
  digits: PinnedDigits,
  query: DigitQuery,
  origin: string,
  negotiated: boolean,
): Record<string, string> {
  const permalink = buildDigitUrl(digits);
  const freshness = query.seed === undefined ? 'fresh' : query.model?.version === undefined ? 'seeded' : 'pinned';
  return {
    ...API_HEADERS,
    'Cache-Control': CACHE_CONTROL[freshness],
    'Content-Location': permalink,
    Link: `<${origin}${permalink}>; rel="canonical"`,
    [HEADERS.seed]: encodeURIComponent(digits.seed),
    [HEADERS.model]: `${digits.model.name}@${digits.model.version}`,
    ...(freshness !== 'fresh' && { ETag: computeEtag(digits, origin) }),
    ...(negotiated && { Vary: 'Accept' }),
    ...describeWarnings(query, digits.format),
  };
}

/** Known before a digit is drawn: all that the bytes depend on. JSON holds absolute URLs, and so depends on the origin. */
export function computeEtag(digits: PinnedDigits, origin: string): string {
  const hasUrls = digits.format === 'json' || digits.format === 'ndjson';
  const text = `${RENDERING} ${hasUrls ? origin : ''} ${buildDigitUrl(digits)}`;
  return `"${bytesToHex(sha256(utf8ToBytes(text)).subarray(0, 16))}"`;
}

function describeWarnings(query: DigitQuery, format: DigitFormat): Record<string, string> {
  const withoutEffect = findWithoutEffect(query, format);
  const warnings = [
    ...(query.unknown.length > 0 ? [describeUnknown(query.unknown)] : []),
    ...(withoutEffect.length > 0 ? [`without effect in ${format}: ${withoutEffect.join(', ')}`] : []),
  ];
  return warnings.length > 0 ? { [HEADERS.warning]: warnings.join('; ') } : {};
}

const MAX_NAMED = 8;

function describeUnknown(names: readonly string[]): string {
  const named = names.slice(0, MAX_NAMED).map((name) => encodeURIComponent([...name].slice(0, 32).join('')));
  return `unknown parameters: ${named.join(', ')}${names.length > MAX_NAMED ? ', ...' : ''}`;
}

function nameFile({ format, seed, start, n, number }: PinnedDigits): string {
  const last = n === 1 ? '' : `-${start + n - 1}`;
  const what = number === undefined ? '' : `${number}-`;
  return `digitmint-${what}${seed.replace(/[^A-Za-z0-9_-]+/g, '_').slice(0, 40)}-${start}${last}.${format}`;
}

/** Of a picture that is opened as a document: it has no script, and a style element at most, for the dark scheme. */
const SVG_POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/** The headers of a 200 alone. */
export function describeContent(digits: PinnedDigits): Record<string, string> {
  const mediaType = DIGIT_FORMATS[digits.format];
  return {
    'Content-Type': mediaType === 'text/plain' ? `${mediaType}; charset=utf-8` : mediaType,
    'Content-Disposition': `inline; filename="${nameFile(digits)}"`,
    ...(digits.format === 'svg' && { 'Content-Security-Policy': SVG_POLICY }),
  };
}
