/**
 * How often one caller may have work done: counted by the host, told in headers as the IETF's draft has it
 * (draft-ietf-httpapi-ratelimit-headers). What needs no work, a 304 or a page, is not counted.
 */
import type { ApiError } from '../../shared/contract/errors.ts';
import type { AppContext } from '../context.ts';

/** Counts: Cloudflare's `ratelimits` binding, or what a host has in its place. */
export interface RateLimiter {
  limit(options: { readonly key: string }): Promise<{ readonly success: boolean }>;
}

/** A limit, with what is told of it. */
export interface RateLimit {
  readonly limiter: RateLimiter;
  /** For each caller in `RATE_WINDOW_SECONDS`. */
  readonly requests: number;
}

export const RATE_WINDOW_SECONDS = 60;

/** The limits of each caller, and how a caller is told from another. */
export interface RateLimits {
  /** Of answers that are drawn, or read from storage. */
  readonly all: RateLimit | undefined;
  /** Of those among them that take much work. */
  readonly heavy: RateLimit | undefined;
  /** The caller's network address; undefined where the host tells none, and then nothing is counted. */
  readonly findAddress: (c: AppContext) => string | undefined;
}

/** What each caller may have, for `RateLimit-Policy` and `/limits`; empty where nothing is limited. */
export function listPolicies({
  all,
  heavy,
}: Pick<RateLimits, 'all' | 'heavy'>): { name: string; requests: number }[] {
  return [
    ...(all === undefined ? [] : [{ name: 'all', requests: all.requests }]),
    ...(heavy === undefined ? [] : [{ name: 'heavy', requests: heavy.requests }]),
  ];
}

/** How many are left the binding does not tell, so there is no `RateLimit` beside it. */
export function describePolicy(limits: RateLimits): string {
  return listPolicies(limits)
    .map(({ name, requests }) => `"${name}";q=${requests};w=${RATE_WINDOW_SECONDS}`)
    .join(', ');
}

/**
 * Counts a request, once however often it is called for it.
 * @returns  The error where the caller had too many.
 */
export async function countRequest(
  c: AppContext,
  limits: RateLimits | undefined,
  isHeavy: boolean,
): Promise<ApiError | undefined> {
  const address = limits?.findAddress(c);
  if (limits === undefined || address === undefined) {
    return undefined;
  }
  const caller = nameCaller(address);
  const counted = c.get('counted') ?? [];
  for (const [kind, applies] of [
    ['all', true],
    ['heavy', isHeavy],
  ] as const) {
    const limit = limits[kind];
    if (limit === undefined || !applies || counted.includes(kind)) {
      continue;
    }
    c.set('counted', [...(c.get('counted') ?? []), kind]);
    const { success } = await limit.limiter.limit({ key: `${kind}:${caller}` });
    if (!success) {
      return {
        code: 'rate_limited',
        kind,
        requests: limit.requests,
        windowSeconds: RATE_WINDOW_SECONDS,
      };
    }
  }
  return undefined;
}

/**
 * The key that a caller is counted under: an IPv4 address, or of IPv6 the first 64 bits, since whoever has one such address
 * has them all (RFC 6177).
 */
export function nameCaller(address: string): string {
  const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  if (!plain.includes(':')) {
    return plain;
  }
  const [head = '', tail] = plain.split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros =
    tail === undefined ? [] : Array.from({ length: 8 - first.length - last.length }, () => '0');
  const groups = [...first, ...zeros, ...last].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}
