/** Counts requests against rate limits, leases models, and draws heavy answers in turn. */
import { LIMITS } from '../../shared/contract/limits.ts';
import type { ApiError } from '../../shared/contract/errors.ts';
import type { AppContext, RateKind } from '../context.ts';
import { BusyError, type ConcurrencyLimit } from './concurrency-limit.ts';
import { respondError } from './respond-error.ts';
import { useModel, type GeneratorSource, type ModelChoice } from '../models/generator-source.ts';
import type { Generator } from '../models/model-cache.ts';

/** Counts calls: Cloudflare's `ratelimits` binding, or a host's replacement. */
export interface RateLimiter {
  limit(options: { readonly key: string }): Promise<{ readonly success: boolean }>;
}

export interface RateLimit {
  readonly limiter: RateLimiter;
  /** Requests that each caller has in `RATE_WINDOW_SECONDS`. */
  readonly requests: number;
}

export const RATE_WINDOW_SECONDS = 60;

/** The limits of answers that are drawn or read from storage, and of those that take much work. */
export interface RateLimits extends Readonly<Record<RateKind, RateLimit | undefined>> {
  /** Finds the caller's network address. Without an address nothing is counted. */
  readonly findAddress: (c: AppContext) => string | undefined;
}

/** Lists the limits for `RateLimit-Policy` and `/limits`. */
export function listPolicies(limits?: RateLimits): { name: RateKind; requests: number }[] {
  return (['all', 'heavy'] as const).flatMap((name) => {
    const requests = limits?.[name]?.requests;
    return requests === undefined ? [] : [{ name, requests }];
  });
}

/** Writes `RateLimit-Policy`. There is no `RateLimit`: the binding reports no remaining quota. */
export function describePolicy(limits: RateLimits): string {
  return listPolicies(limits)
    .map(({ name, requests }) => `"${name}";q=${requests};w=${RATE_WINDOW_SECONDS}`)
    .join(', ');
}

/** Counts a request against its caller's limits, once each. @returns  The error when too many. */
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
  for (const kind of isHeavy ? (['all', 'heavy'] as const) : (['all'] as const)) {
    const limit = limits[kind];
    const counted = c.get('counted') ?? [];
    if (limit === undefined || counted.includes(kind)) {
      continue;
    }
    c.set('counted', [...counted, kind]);
    const { success } = await limit.limiter.limit({ key: `${kind}:${caller}` });
    if (!success) {
      const { requests } = limit;
      return { code: 'rate_limited', kind, requests, windowSeconds: RATE_WINDOW_SECONDS };
    }
  }
  return undefined;
}

/** Names a caller: an IPv4 address, or the first 64 bits of an IPv6 address (RFC 6177). */
export function nameCaller(address: string): string {
  const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  if (!plain.includes(':')) {
    return plain;
  }
  const [head = [], tail] = plain
    .split('::')
    .map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = tail && Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0');
  const groups = [...head, ...(zeros ?? []), ...(tail ?? [])].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}

/** Answers with a leased model, until `answer` settles, or with the reason why there is none. */
export async function withModel(
  c: AppContext,
  given: {
    readonly generators: Pick<GeneratorSource, 'acquire'>;
    readonly rateLimits?: RateLimits | undefined;
  },
  choice: ModelChoice,
  answer: (generator: Generator) => Response | Promise<Response>,
): Promise<Response> {
  if (choice?.version !== undefined) {
    // Any version may have to be read from storage.
    const refused = await countRequest(c, given.rateLimits, false);
    if (refused !== undefined) {
      return respondError(c, refused);
    }
  }
  const defer = c.get('defer');
  const answering = useModel(given.generators, choice, defer, answer);
  defer(answering); // Otherwise a cancelled request that waits for its turn would keep the lease.
  const answered = await answering;
  return answered instanceof Response ? answered : respondError(c, answered);
}

/** Heavy answers of an isolate: it has one thread, so more at once would only take more memory. */
export const HEAVY_WORK = { concurrent: 1, waiting: 8, waitMs: 5_000, expiresMs: 30_000 };
/** By then one of the waiting requests is done. */
const BUSY_RETRY_SECONDS = 1;

/** The work that an answer takes, known before it is done. */
export interface Work {
  /** Digits or frames to draw. */
  readonly digits: number;
  /** Pixels of the final picture; 0 where there is none. */
  readonly pixels: number;
}

/** For answers that are read from storage, or drawn at once. */
export const LIGHT_WORK: Work = { digits: 1, pixels: 0 };
/** For answers that take much work, but not for their digits. */
export const HEAVIEST_WORK: Work = { digits: Infinity, pixels: 0 };

/** Counts a request, then does its work: at once, or when it is heavy in its turn. */
export async function admit(
  c: AppContext,
  given: { readonly rateLimits?: RateLimits | undefined; readonly heavyWork: ConcurrencyLimit },
  { digits, pixels }: Work,
  answer: () => Response | Promise<Response>,
): Promise<Response> {
  const isHeavy = digits > LIMITS.maxLightDigits || pixels > LIMITS.maxLightPixels;
  const refused = await countRequest(c, given.rateLimits, isHeavy);
  if (refused !== undefined) {
    return respondError(c, refused);
  }
  if (!isHeavy) {
    return answer();
  }
  try {
    return await given.heavyWork.run(async () => {
      await yieldThread();
      return answer();
    }, c.get('defer'));
  } catch (cause) {
    if (cause instanceof BusyError) {
      return respondError(c, { code: 'busy', retryAfterSeconds: BUSY_RETRY_SECONDS });
    }
    throw cause;
  }
}

/** Lets requests that arrived meanwhile be admitted or refused before the thread draws again. */
export function yieldThread(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}
