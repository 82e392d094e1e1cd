/**
 * The AWS SDK's client with this project's limits: time and size of an answer, and retries on an
 * injected clock.
 */
import { Agent } from 'node:https';
import { addAbortSignal, Readable } from 'node:stream';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { waitAfter, type Waiting } from './retry.ts';
import type { Environment, S3Credentials, S3Location } from './s3-location.ts';

export interface S3ClientOptions extends Omit<S3Location, 'bucket' | 'prefix'> {
  /** undefined: the SDK finds them, for instance in a profile. */
  readonly credentials: S3Credentials | undefined;
  /** Attempts for one request, the first included. */
  readonly attempts: number;
  readonly waiting: Waiting;
  /** HTTPS_PROXY and NO_PROXY are read from here. */
  readonly env: Environment;
}

/** With the waits below, 5 attempts are enough for R2's one write a second to one key. */
const BACKOFF = { baseMs: 400, maxMs: 4000 };
/** No attempt starts later than this after the first. */
const GIVE_UP_MS = 90_000;
/** An error document is read up to this length even where a smaller object is expected. */
const MIN_ANSWER_BYTES = 64 * 1024;

const RETRIED_STATUS = new Set([408, 425, 429, 500, 502, 503, 504]);
/** Codes of statuses that also mean other things: 400 for a slow body, 409 for two puts at once. */
const RETRIED_CODES = new Set([
  'RequestTimeout',
  'ConditionalRequestConflict',
  'OperationAborted',
  'SlowDown',
  'TooManyRequests',
]);
const FULL_CODES = new Set([
  'QuotaExceeded',
  'InsufficientStorage',
  'XMinioStorageFull',
  'StorageFull',
  'NoSpaceLeft',
  'BucketQuotaExceeded',
]);

export function createS3Client(options: S3ClientOptions): S3Client {
  const { endpoint, region, credentials, isVirtualHost = false } = options;
  return new S3Client({
    ...(endpoint !== undefined && { endpoint, forcePathStyle: !isVirtualHost }),
    ...(region !== undefined && { region }),
    ...(credentials !== undefined && { credentials }),
    // Many stores do not know the SDK's default checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false,
    maxAttempts: options.attempts,
    retryStrategy: createRetryStrategy(options),
    requestHandler: { httpsAgent: createAgent(options.env), throwOnRequestTimeout: true },
  });
}

/** Node reads `proxyEnv` from 22.21 and 24.5 on; older ones connect directly. */
function createAgent(env: Environment): Agent {
  const options = { keepAlive: true, maxSockets: 50, proxyEnv: env };
  return new Agent(options);
}

type RetryStrategy = Extract<S3ClientConfig['retryStrategy'], { recordSuccess: unknown }>;

/** Plugs our clock and our list of retried answers into the SDK's loop of attempts. */
function createRetryStrategy({ attempts, waiting }: S3ClientOptions): RetryStrategy {
  const startedMs = new WeakMap<object, number>();
  const createToken = (count: number, sinceMs: number) => {
    const token = { getRetryCount: () => count, getRetryDelay: () => 0 };
    startedMs.set(token, sinceMs);
    return token;
  };
  return {
    acquireInitialRetryToken: async () => createToken(0, performance.now()),
    async refreshRetryTokenForRetry(token, { error }) {
      const count = token.getRetryCount() + 1;
      const sinceMs = startedMs.get(token) ?? 0;
      const isLate = performance.now() - sinceMs > GIVE_UP_MS;
      if (count >= attempts || isLate || !isRetried(describeError(error))) {
        throw error;
      }
      await waitAfter(count - 1, BACKOFF, waiting);
      return createToken(count, sinceMs);
    },
    recordSuccess: () => {},
  };
}

/** The facts of an SDK error that may be shown; the error itself holds signed headers. */
export interface S3Failure {
  /** HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  /** S3's error code. It comes from the server, which may repeat what it was sent. */
  readonly code: string | undefined;
  /** Node's error code when no answer came. */
  readonly networkCode: string | undefined;
  readonly isClockCorrected: boolean;
  readonly bucketRegion: string | undefined;
}

/** Names that the SDK gives to an answer without an error code. */
const NO_CODE = new Set(['Error', 'NotFound', 'Unknown', 'UnknownError', 'S3ServiceException']);

export function describeError(cause: unknown): S3Failure {
  const error = cause as Partial<{
    name: string;
    code: string;
    $fault: string;
    $metadata: { httpStatusCode?: number; clockSkewCorrected?: boolean };
    $response: { statusCode?: number; headers?: Record<string, string> };
  }>;
  const status = error.$response?.statusCode ?? error.$metadata?.httpStatusCode;
  const isServiceError = error.$fault !== undefined && !NO_CODE.has(error.name ?? '');
  const isNetworkError = status === undefined && typeof error.code === 'string';
  return {
    status,
    code: isServiceError && /^[A-Za-z0-9.]{1,64}$/.test(error.name ?? '') ? error.name : undefined,
    networkCode: isNetworkError ? error.code : undefined,
    isClockCorrected: error.$metadata?.clockSkewCorrected === true,
    bucketRegion: error.$response?.headers?.['x-amz-bucket-region'],
  };
}

function isRetried(failure: S3Failure): boolean {
  // A server may report a full disk with a 5xx; the disk does not empty itself within seconds.
  return (
    failure.networkCode !== undefined ||
    failure.isClockCorrected ||
    (isPutOff(failure) && !isFull(failure))
  );
}

export function isPutOff({ status, code }: S3Failure): boolean {
  return RETRIED_STATUS.has(status ?? 0) || RETRIED_CODES.has(code ?? '');
}

export function isFull({ status, code }: S3Failure): boolean {
  return status === 507 || FULL_CODES.has(code ?? '');
}

/** An answer was longer than allowed. */
export class LongAnswerError extends Error {}

/**
 * Middleware around one attempt: reads the answer whole, so that a connection that breaks in the
 * middle of a body is retried too, and refuses an answer that is too long or too slow.
 */
export function limitAnswer(maxBytes: number, timeoutMs: number) {
  return <Args extends { request: unknown }, Result extends { response: unknown }>(
    next: (args: Args) => Promise<Result>,
  ) =>
    async (args: Args): Promise<Result> => {
      const deadline = AbortSignal.timeout(timeoutMs);
      // The request is signed by now, and proxies may change this header. A compressed answer
      // would carry a weak ETag, which no condition matches.
      (args.request as { headers: Record<string, string> }).headers['accept-encoding'] = 'identity';
      const result = await next(args);
      const response = result.response as { statusCode: number; body: Readable };
      const limit = response.statusCode < 300 ? maxBytes : Math.max(maxBytes, MIN_ANSWER_BYTES);
      response.body = Readable.from([await readBody(response.body, limit, deadline)]);
      return result;
    };
}

async function readBody(body: Readable, maxBytes: number, deadline: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of addAbortSignal(deadline, body) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) {
      throw new LongAnswerError();
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
