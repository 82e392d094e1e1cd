/** Counts requests against rate limits, leases models, and draws heavy answers in turn. */
import { LIMITS } from '../../shared/contract/limits.ts';
import type { ApiError } from '../../shared/contract/errors.ts';
import type { ModelChoice } from '../../shared/contract/parameters.ts';
import { Refusal } from '../../shared/contract/refusal.ts';
import type { GeneratorPlan } from '../../shared/model/generator.ts';
import type { AppContext, RateKind } from '../context.ts';
import { BusyError, type ConcurrencyLimit } from './concurrency-limit.ts';
import { respondError } from './respond-error.ts';
import { useModel, type ModelSource } from '../models/model-source.ts';
import type { LoadedModel } from '../models/model-cache.ts';

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

/**
 * Counts a request against its caller's limits, once each.
 * @returns  The error when too many; undefined at once where nothing is counted.
 */
export function countRequest(
  c: AppContext,
  limits: RateLimits | undefined,
  isHeavy: boolean,
): Promise<ApiError | undefined> | undefined {
  const address = limits?.findAddress(c);
  return limits && address !== undefined ? countCall(c, limits, address, isHeavy) : undefined;
}

async function countCall(
  c: AppContext,
  limits: RateLimits,
  address: string,
  isHeavy: boolean,
): Promise<ApiError | undefined> {
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
    readonly modelSource: Pick<ModelSource, 'acquire'>;
    readonly rateLimits?: RateLimits | undefined;
  },
  choice: ModelChoice | undefined,
  answer: (loaded: LoadedModel) => Response | Promise<Response>,
  refuse = (error: ApiError): Response | Promise<Response> => respondError(c, error),
): Promise<Response> {
  // A load costs as much as a heavy answer, even for a small picture.
  const admitLoad = () => countRequest(c, given.rateLimits, true);
  const answered = await useModel(given.modelSource, choice, c.get('defer'), answer, admitLoad);
  return answered instanceof Response ? answered : refuse(answered);
}

/** Parts of streams are drawn in turn, so that other requests come between two of them. */
export const STREAM_TURNS = { concurrent: 1, waiting: 1000, waitMs: 60_000, expiresMs: 30_000 };
/** Heavy answers of an isolate: it has one thread, so more at once would only take more memory. */
export const HEAVY_WORK = { concurrent: 1, waiting: 8, waitMs: 5_000, expiresMs: 30_000 };
/** After this time one of the waiting requests is usually done. */
const BUSY_RETRY_SECONDS = 1;

/**
 * The cost of an answer's parts, in nanoseconds of processor time each. `npm run bench -- cost`
 * fits these figures to measurements. Noise instead of digits costs up to three times as much.
 */
export const COST_NS = {
  answer: 200_000,
  /** Effort of the network: see `GeneratorPlan.effort`. Node takes two thirds of this time. */
  effort: 0.024,
  sample: 1800,
  /** A label that is drawn without its picture. */
  label: 2500,
  /** A sample in JSON, with its URL. */
  item: 10_000,
  /** Numbers of samples: as text, and traced as outlines. Half-blocks take half of an outline. */
  text: 11,
  outlined: 250,
  /** Values of latent vectors, drawn again and as text. */
  latent: 400,
  /** Values of samples, as text, that gzip compresses. As bytes they take a third. */
  gzip: 30,
  /** Frames of a PNG: each small one has codes of its own. */
  frame: 60_000,
  /** Pixels that the palette of a coloured GIF is chosen from. */
  palette: 10_000,
  /** Values of the final picture, of all frames, and those of it that are enlarged smoothly. */
  png: 18,
  gif: 20,
  smooth: 35,
  /** Pixels of a picture that is decoded, in each scan, and in which ink is looked for. */
  decoded: 60,
  /** Bytes that are hashed, and weights of a model that is loaded. */
  hashed: 5,
  weight: 100,
} as const;

/** The work that an answer takes, known before it is done. */
export type Work = { readonly [K in Exclude<keyof typeof COST_NS, 'answer'>]?: number };

/** For answers that are read from storage. */
export const LIGHT_WORK: Work = {};

/** Estimates the processor time of an answer in milliseconds. */
export function estimateMs(work: Work): number {
  let ns: number = COST_NS.answer;
  for (const name of Object.keys(work) as (keyof Work)[]) {
    ns += (work[name] ?? 0) * COST_NS[name];
  }
  return ns / 1e6;
}

export function measureSamples({ effort }: Pick<GeneratorPlan, 'effort'>, samples: number): Work {
  return { effort: effort * samples, sample: samples };
}

/** Counts the values of samples: one for each pixel and channel. */
export function countValues(samples: number, { sampler }: LoadedModel): number {
  const { height, width, channels } = sampler.manifest.image;
  return samples * height * width * channels;
}

/** Checks what a request would spend on the load of a model. @returns  The error when too much. */
export function checkLoad(plan: GeneratorPlan, maxMs = Infinity): ApiError | undefined {
  const samples = Math.max(4, plan.config.classes); // `Sampler.checkOutput` draws so many.
  const ms = estimateMs({ ...measureSamples(plan, samples), weight: plan.parameters });
  const fits = 'the same without model=, or with a smaller model';
  return ms > maxMs ? { code: 'too_expensive', ms: Math.ceil(ms), maxMs, fits } : undefined;
}

interface Admission {
  readonly rateLimits?: RateLimits | undefined;
  readonly heavyWork: ConcurrencyLimit;
  readonly maxCpuMs?: number | undefined;
}

/**
 * Counts a request, then does its work: at once, or when it is heavy in its turn. Does not wait
 * where nothing is counted.
 * @param describeFit  Says what would fit, when the work is more than the host allows.
 * @throws Refusal
 */
export function doWork<T>(
  c: AppContext,
  { rateLimits, heavyWork, maxCpuMs = Infinity }: Admission,
  work: Work,
  answer: () => T | Promise<T>,
  describeFit?: (maxMs: number) => string,
): T | Promise<T> {
  const ms = estimateMs(work);
  if (ms > maxCpuMs) {
    const fits = describeFit?.(maxCpuMs) ?? 'nothing of this kind';
    throw new Refusal({ code: 'too_expensive', ms: Math.ceil(ms), maxMs: maxCpuMs, fits });
  }
  const isHeavy = ms > LIMITS.maxLightMs;
  const begin = (refused?: ApiError) => {
    if (refused !== undefined) {
      throw new Refusal(refused);
    }
    return isHeavy ? takeTurn(c, heavyWork, answer) : answer();
  };
  return countRequest(c, rateLimits, isHeavy)?.then(begin) ?? begin();
}

async function takeTurn<T>(
  c: AppContext,
  heavyWork: ConcurrencyLimit,
  answer: () => T | Promise<T>,
): Promise<T> {
  try {
    return await heavyWork.run(async () => {
      await yieldThread();
      return answer();
    }, c.get('defer'));
  } catch (cause) {
    if (cause instanceof BusyError) {
      throw new Refusal({ code: 'busy', retryAfterSeconds: BUSY_RETRY_SECONDS });
    }
    throw cause;
  }
}

/** Lets requests that arrived meanwhile be admitted or refused before the thread draws again. */
export function yieldThread(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
