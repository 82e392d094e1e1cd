/** The worker's bindings and settings: see wrangler.toml. */
import { parsePublicKeys } from '../shared/model/signature.ts';
import type { RateLimit, RateLimiter, RateLimits } from './http/admission.ts';
import { readHeader } from './http/headers.ts';
import {
  JobStore,
  type JobBucket,
  type JobQueue,
  type Jobs,
  type NoJobs,
} from './jobs/job-store.ts';
import type { Bucket } from './models/r2-reader.ts';

/** The bindings, as the runtime passes them. */
export interface Env {
  /** The bucket that models are published to; only read. */
  readonly MODELS: Bucket;
  /** Seconds between two reads of the bucket's pointer: 0.1 to 3600; 20 when absent. */
  readonly MODEL_REFRESH_SECONDS?: string;
  /** Ed25519 public keys in Base64, separated by commas; none when absent or empty. */
  readonly MODEL_PUBLIC_KEYS?: string;
  /** Seconds of Strict-Transport-Security; 0 or absent for none. */
  readonly HSTS_SECONDS?: string;
  /** Where to report a vulnerability: a URI, as RFC 9116 wants it; empty for none. */
  readonly SECURITY_CONTACT?: string;
  /** Milliseconds of processor time that an answer may be estimated to take; empty for any. */
  readonly MAX_CPU_MS?: string;
  /** Counts each caller's answers; absent without a rate limit. */
  readonly RATE_LIMITER?: RateLimiter;
  /** The limit of RATE_LIMITER, which the binding does not report; `off` or `0` ignores it. */
  readonly RATE_LIMIT?: string;
  /** The same for heavy answers. */
  readonly HEAVY_RATE_LIMITER?: RateLimiter;
  readonly HEAVY_RATE_LIMIT?: string;
  /** The bucket and the queue of jobs; without them there are no jobs. */
  readonly JOBS?: JobBucket;
  readonly JOBS_QUEUE?: JobQueue;
  /** The secret that starts jobs, in no file of the repository; no jobs when absent or empty. */
  readonly JOBS_SECRET?: string;
}

/** Parses the settings that are text. @throws RangeError  When one is wrong; it is named. */
export function parseSettings({
  MODEL_REFRESH_SECONDS: text = '20',
  MODEL_PUBLIC_KEYS: keys = '',
  HSTS_SECONDS: hsts = '0',
  SECURITY_CONTACT: contact = '',
  MAX_CPU_MS: cpu = '',
}: Partial<Env>) {
  const seconds = Number(text);
  if (!(seconds >= 0.1 && seconds <= 3600)) {
    refuse('MODEL_REFRESH_SECONDS', text, 'seconds from 0.1 to 3600');
  }
  if (!/^[0-9]{1,9}$/.test(hsts)) {
    refuse('HSTS_SECONDS', hsts, 'whole seconds, such as 31536000, or 0');
  }
  if (!/^(?:(?:https:\/\/|mailto:|tel:)[\x21-\x7e]+)?$/.test(contact)) {
    refuse('SECURITY_CONTACT', contact, 'a URL with https:, mailto: or tel:');
  }
  if (!/^(?:[1-9][0-9]{0,6})?$/.test(cpu)) {
    refuse('MAX_CPU_MS', cpu, 'milliseconds from 1 to 9999999, or nothing');
  }
  try {
    return {
      modelRefreshMs: seconds * 1000,
      publicKeys: parsePublicKeys(keys),
      hstsSeconds: Number(hsts),
      securityContact: contact === '' ? undefined : contact,
      maxCpuMs: cpu === '' ? undefined : Number(cpu),
    };
  } catch (cause) {
    throw new RangeError(`MODEL_PUBLIC_KEYS: ${(cause as Error).message}`, { cause });
  }
}

function refuse(name: string, text: string | undefined, expected: string): never {
  throw new RangeError(`${name} is ${JSON.stringify(text)}, expected ${expected}`);
}

/** @returns  undefined without limits. @throws RangeError  For a limiter without a limit. */
export function parseRateLimits(env: Partial<Env>): RateLimits | undefined {
  const all = pairLimit('RATE_LIMIT', env.RATE_LIMIT, env.RATE_LIMITER);
  const heavy = pairLimit('HEAVY_RATE_LIMIT', env.HEAVY_RATE_LIMIT, env.HEAVY_RATE_LIMITER);
  return all === undefined && heavy === undefined
    ? undefined
    : { all, heavy, findAddress: (c) => readHeader(c, 'cf-connecting-ip') };
}

function pairLimit(
  name: string,
  text: string | undefined,
  limiter: RateLimiter | undefined,
): RateLimit | undefined {
  if (limiter === undefined || text === 'off' || text === '0') {
    return undefined;
  }
  if (text === undefined || !/^[1-9][0-9]{0,8}$/.test(text)) {
    refuse(name, text, 'the limit that its binding has in wrangler.toml, or off');
  }
  return { limiter, requests: Number(text) };
}

/** Pattern of JOBS_SECRET: `openssl rand -hex 32` makes one. */
const SECRET_PATTERN = /^[\x21-\x7e]{24,}$/;

/** Reads the bindings of jobs. A secret that is easily guessed turns off jobs only. */
export function parseJobs({
  JOBS,
  JOBS_QUEUE,
  JOBS_SECRET = '',
}: Pick<Env, 'JOBS' | 'JOBS_QUEUE' | 'JOBS_SECRET'>): Jobs | NoJobs {
  if (JOBS === undefined || JOBS_QUEUE === undefined) {
    return { reason: 'JOBS or JOBS_QUEUE is not bound' };
  }
  if (JOBS_SECRET === '') {
    return { reason: 'no JOBS_SECRET is set' };
  }
  return SECRET_PATTERN.test(JOBS_SECRET)
    ? { store: new JobStore(JOBS), queue: JOBS_QUEUE, secret: JOBS_SECRET }
    : { reason: 'JOBS_SECRET is not 24 or more characters of ASCII without spaces' };
}
