/**
 * The headers that answers share: what lets any page embed the pictures, and what keeps the documents safe.
 */
import { createMiddleware } from 'hono/factory';
import type { AppContext, AppDependencies, AppEnv } from '../context.ts';
import { describePolicy } from './rate-limit.ts';

/** This service's own headers. They are part of the interface: see the README. */
export const HEADERS = {
  /** The seed that was used, percent-encoded as in a URL. */
  seed: 'Digitmint-Seed',
  /** `name@version` of the model that drew. */
  model: 'Digitmint-Model',
  /** `r2` for a published model, `bundled` for the one inside the worker. */
  modelSource: 'Digitmint-Model-Source',
  /** What was passed over: parameters that mean nothing here, percent-encoded. */
  warning: 'Digitmint-Warning',
  requestId: 'Request-Id',
} as const;

/** What scripts of other origins may read beside the safelisted headers. */
const EXPOSED = [
  ...Object.values(HEADERS),
  'Content-Disposition',
  'Content-Length',
  'Content-Location',
  'ETag',
  'Link',
  'RateLimit-Policy',
  'Retry-After',
  'Server-Timing',
].join(', ');

const METHODS = ['GET', 'HEAD', 'OPTIONS'] as const;

/** How long an answer may be kept: by what its URL says. */
export const CACHE_CONTROL = {
  fresh: 'no-store',
  seeded: 'public, max-age=60, must-revalidate',
  pinned: 'public, max-age=31536000, immutable',
} as const;

/**
 * If-None-Match by weak comparison (RFC 9110, section 13.1.2). "*" is passed over: it asks whether anything is there.
 *
 * @param etag  The answer's; without one nobody can have it.
 */
export function hasCurrent(c: AppContext, etag: string | undefined): boolean {
  const tags = c.req.header('if-none-match')?.split(',') ?? [];
  return tags.some((tag) => tag.trim().replace(/^W\//, '') === etag);
}

/** For answers that are embedded or fetched by other origins; not for pages. */
export const API_HEADERS: Readonly<Record<string, string>> = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': EXPOSED,
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Timing-Allow-Origin': '*',
  'X-Robots-Tag': 'noindex',
};

/** For the answer to a preflight. */
export const PREFLIGHT_HEADERS: Readonly<Record<string, string>> = {
  ...API_HEADERS,
  'Access-Control-Allow-Methods': METHODS.join(', '),
  'Access-Control-Allow-Headers': '*',
  'Access-Control-Max-Age': '86400',
  'Cache-Control': 'no-store',
  Allow: METHODS.join(', '),
};

/**
 * For pages: all they show and run is this service's own.
 * @param isScripted  Allows scripts of this origin, what they fetch from it, and pictures that they were given as bytes.
 */
export function buildPageHeaders(isScripted: boolean): Record<string, string> {
  const policy = [
    "default-src 'none'",
    "style-src 'self'",
    ...(isScripted
      ? ["img-src 'self' blob:", "script-src 'self'", "worker-src 'self'", "connect-src 'self'"]
      : ["img-src 'self'"]),
    "base-uri 'none'",
    "form-action 'none'",
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

/** Gives each request its id and what writes pictures, and each answer the headers that all have. */
export function addCommonHeaders({
  drawRequestId,
  png,
  rateLimits,
}: Pick<AppDependencies, 'drawRequestId' | 'png' | 'rateLimits'>) {
  const policy = rateLimits && describePolicy(rateLimits);
  return createMiddleware<AppEnv>(async (c, next) => {
    c.set('requestId', drawRequestId());
    c.set('png', png);
    await next();
    const { headers } = c.res; // Not c.header(), which makes another Response each time once there is one.
    headers.set(HEADERS.requestId, c.get('requestId'));
    headers.set('X-Content-Type-Options', 'nosniff');
    headers.set('Strict-Transport-Security', 'max-age=31536000');
    if (policy !== undefined && c.get('counted') !== undefined) {
      headers.set('RateLimit-Policy', policy);
    }
  });
}
