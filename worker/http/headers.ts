/** The headers that answers share: caching and canonical URL, embedding by any page, and safety. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { ApiError } from '../../shared/contract/errors.ts';
import type { ModelChoice } from '../../shared/contract/parameters.ts';
import { Refusal } from '../../shared/contract/refusal.ts';
import type { UnknownName } from '../../shared/contract/query.ts';
import type { AppContext } from '../context.ts';

/** This service's own headers: docs/api.md explains them. */
export const HEADERS = {
  /** The seed that was used, percent-encoded. */
  seed: 'Digitmint-Seed',
  model: 'Digitmint-Model',
  /** `r2` for a published model, `bundled` for the one inside the worker. */
  modelSource: 'Digitmint-Model-Source',
  warning: 'Digitmint-Warning',
  requestId: 'Request-Id',
} as const;

/** Headers that scripts of other origins may read beside the safelisted ones. */
const EXPOSED = [
  ...Object.values(HEADERS),
  'Accept-Ranges',
  'Content-Disposition',
  'Content-Encoding',
  'Content-Length',
  'Content-Location',
  'Content-Range',
  'ETag',
  'Link',
  'RateLimit-Policy',
  'Retry-After',
  'Server-Timing',
];

/** For answers that other origins embed or fetch. Hono's `cors()` copies the Response. */
export const API_HEADERS: Readonly<Record<string, string>> = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': EXPOSED.join(', '),
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Timing-Allow-Origin': '*',
  'X-Robots-Tag': 'noindex',
};

/** For API answers that change with a deployment only. */
export const DOCUMENT_HEADERS = { ...API_HEADERS, 'Cache-Control': 'public, max-age=300' };

/** Describes the methods of a path, for the answer to a preflight. */
export function describePreflight(methods: readonly string[]): Record<string, string> {
  return {
    ...API_HEADERS,
    'Access-Control-Allow-Methods': methods.join(', '),
    'Access-Control-Allow-Headers': '*',
    'Access-Control-Max-Age': '86400',
    'Cache-Control': 'no-store',
    Allow: methods.join(', '),
  };
}

/** The scripts of a page: for a playground, for a search, or none. */
export type PageKind = 'home' | 'reading' | 'plain';

/** For pages. Scripts come with requests to us, web workers, and pictures from bytes. */
export function buildPageHeaders(kind: PageKind): Record<string, string> {
  const policy = [
    "default-src 'none'",
    "style-src 'self'",
    // Without scripts only tools connect: Lighthouse reads robots.txt from the page.
    "connect-src 'self'",
    ...(kind === 'plain'
      ? ["img-src 'self'"]
      : ["img-src 'self' blob:", "script-src 'self'", "worker-src 'self'"]),
    "base-uri 'none'",
    `form-action ${kind === 'reading' ? "'self'" : "'none'"}`,
    "frame-ancestors 'none'",
  ];
  return {
    'Content-Security-Policy': policy.join('; '),
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
    'Referrer-Policy': 'no-referrer',
    'X-Frame-Options': 'DENY',
  };
}

/** Longest header that is parsed: no browser's Accept is a tenth as long. */
const MAX_HEADER_LENGTH = 8192;

/** Reads a request's header. One that is too long to be parsed counts as absent. */
export function readHeader(c: AppContext, name: string): string | undefined {
  const value = c.req.header(name);
  return value === undefined || value.length > MAX_HEADER_LENGTH ? undefined : value;
}

/**
 * Compares If-None-Match with an ETag, weakly (RFC 9110, section 13.1.2).
 * @param etag       Undefined for a fresh answer, which no client can have.
 * @param isCertain  Whether the answer is known to be no error: `*` matches any answer.
 */
export function hasCurrent(c: AppContext, etag: string | undefined, isCertain = false): boolean {
  const header = etag === undefined ? undefined : readHeader(c, 'if-none-match');
  if (header === undefined || etag === undefined) {
    return false;
  }
  if (header.trim() === '*') {
    return isCertain;
  }
  const strip = (tag: string) => tag.trim().replace(/^W\//, '');
  return header === etag || header.split(',').some((tag) => strip(tag) === strip(etag));
}

/**
 * Compares If-Match with the ETag of an answer to GET or HEAD, strongly (RFC 9110, section 13.1.1).
 * @returns  The error when they differ.
 */
export function checkIfMatch(c: AppContext, { status, headers }: Response): ApiError | undefined {
  if (status >= 300 && status !== 304) {
    return undefined;
  }
  const tag = headers.get('ETag');
  return compareIfMatch(c, tag?.startsWith('"') === true ? tag : null);
}

/**
 * Refuses an If-Match before anything is changed: what a POST or DELETE changes has no ETag.
 * @throws Refusal
 */
export function refuseIfMatch(c: AppContext): void {
  const error = compareIfMatch(c, null);
  if (error !== undefined) {
    throw new Refusal(error);
  }
}

function compareIfMatch(c: AppContext, etag: string | null): ApiError | undefined {
  const received = c.req.header('if-match'); // However long: a condition is never passed over.
  if (received === undefined || received.trim() === '*') {
    return undefined;
  }
  const isMet = etag !== null && received.split(',').some((each) => each.trim() === etag);
  return isMet ? undefined : { code: 'precondition_failed', received, etag };
}

/** Tells whether parts of an answer may be asked for: only of one that stays the same. */
export function hasRanges(etag: string | undefined): boolean {
  return etag?.startsWith('"') === true;
}

/** Describes an answer of known length. @param bytes  The body's length. */
export function describeLength(etag: string | undefined, bytes: number) {
  return { 'Content-Length': String(bytes), 'Accept-Ranges': hasRanges(etag) ? 'bytes' : 'none' };
}

/** How long an answer may be cached, by what its URL fixes. */
export const CACHE_CONTROL = {
  /** Nothing is fixed. */
  fresh: 'no-store',
  /** The seed is fixed, but another model may be published. */
  seeded: 'public, max-age=60, must-revalidate',
  /** Seed and version are fixed: the answer never changes. */
  pinned: 'public, max-age=31536000, immutable',
} as const;

/** The part of a request that determines an answer's bytes together with its format and look. */
export interface PinnedSource {
  readonly model: { readonly name: string; readonly version: string };
  readonly seed: string;
}

/** Part of every ETag. Raise it when the same digits get other bytes, as with another encoder. */
const RENDERING = 6;

/**
 * Builds the headers that a 200 and a 304 share. The ETag is a hash of the canonical URL, so it is
 * known before a digit is drawn. A fresh answer has none.
 * @param permalink  Path and query of the canonical URL.
 * @param holdsUrls  Whether the answer holds absolute URLs: its bytes depend on the origin too.
 * @param query      The values that the caller fixed.
 * @param warnings   The ignored parameters: see `listWarnings`.
 */
export function buildPinnedHeaders(
  { seed, model }: PinnedSource,
  permalink: string,
  holdsUrls: boolean,
  query: { readonly seed: string | undefined; readonly model: ModelChoice | undefined },
  origin: string,
  warnings: readonly string[],
): Record<string, string> {
  const headers: Record<string, string> = {
    'Cache-Control': CACHE_CONTROL.fresh,
    'Content-Location': permalink,
    Link: `<${origin}${permalink}>; rel="canonical"`,
    [HEADERS.seed]: encodeURIComponent(seed),
    [HEADERS.model]: `${model.name}@${model.version}`,
    ...API_HEADERS,
  };
  if (query.seed !== undefined) {
    const isPinned = query.model?.version !== undefined;
    headers['Cache-Control'] = isPinned ? CACHE_CONTROL.pinned : CACHE_CONTROL.seeded;
    const determinants = `${RENDERING} ${holdsUrls ? origin : ''} ${permalink}`;
    headers['ETag'] = `"${bytesToHex(hashText(determinants)).slice(0, 32)}"`;
  }
  if (warnings.length > 0) {
    headers[HEADERS.warning] = warnings.join('; ');
  }
  return headers;
}

const encoder = new TextEncoder();
/** A buffer for one text after the other: a new buffer costs more than the hash. */
const encoded = new Uint8Array(1024);

function hashText(text: string): Uint8Array {
  const { read, written } = encoder.encodeInto(text, encoded);
  return sha256(read === text.length ? encoded.subarray(0, written) : encoder.encode(text));
}

/** Unknown parameters that a warning names, and characters of each name. */
const MAX_NAMED = 8;
const MAX_NAME_LENGTH = 32;

export function listWarnings(
  unknown: readonly UnknownName[],
  withoutEffect: readonly string[],
  format: string,
): string[] {
  const warnings: string[] = [];
  if (unknown.length > 0) {
    const named = unknown.slice(0, MAX_NAMED).map(({ name, meant }) => {
      const text = encodeURIComponent([...name].slice(0, MAX_NAME_LENGTH).join(''));
      return meant === undefined ? text : `${text} (did you mean ${meant}?)`;
    });
    const more = unknown.length > MAX_NAMED ? ', ...' : '';
    warnings.push(`unknown parameters: ${named.join(', ')}${more}`);
  }
  if (withoutEffect.length > 0) {
    warnings.push(`without effect in ${format}: ${withoutEffect.join(', ')}`);
  }
  return warnings;
}
