/**
 * One S3 request: its attempts, time limit and bounded answer, and what an answer that is no success means.
 */
import { computeBackoffMs, type Waiting } from './backoff.ts';
import { StorageError, type StorageFailure } from './object-store.ts';
import { parseErrorCode } from './s3-xml.ts';

/** An answer, read whole. */
export interface S3Answer {
  readonly status: number;
  /** S3's error code; null for a success, or when the answer holds none. */
  readonly code: string | null;
  readonly etag: string | null;
  /** The region that the server says the bucket is in. */
  readonly bucketRegion: string | null;
  readonly body: Uint8Array;
}

export interface S3Attempt {
  readonly answer: S3Answer;
  /** True when an earlier attempt got no clear answer, so that the server may have carried it out. */
  readonly mayHaveHappened: boolean;
}

export interface S3Request {
  readonly description: string;
  readonly secrets: readonly string[];
  readonly key: string;
  readonly sign: () => Promise<Request>;
  /** A longer answer is refused. */
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly waiting: Waiting;
}

/** With the waits below, enough for R2's one write a second to one key. */
const ATTEMPTS = 5;
const BASE_WAIT_MS = 400;
const MAX_WAIT_MS = 4000;
/** No attempt starts later than this after the first. */
const GIVE_UP_MS = 90_000;

const RETRIED_STATUS = new Set([408, 425, 429, 500, 502, 503, 504]);
/** Codes of statuses that mean something else too: 400 for a body that came too slowly, 409 for two puts at once. */
const RETRIED_CODES = new Set([
  'RequestTimeout',
  'ConditionalRequestConflict',
  'OperationAborted',
  'SlowDown',
  'TooManyRequests',
]);
/** Answers that tell that nothing was done. */
const REFUSED_STATUS = new Set([409, 425, 429]);

/**
 * Sends a request until it gets an answer that repeating will not change. Only for requests that are safe to repeat.
 *
 * @throws StorageError  `unreachable` without an answer, `busy` when all attempts were put off, `too_large`.
 */
export async function sendWithRetries(request: S3Request): Promise<S3Attempt> {
  const { waiting } = request;
  const startedMs = performance.now();
  let mayHaveHappened = false;
  for (let attempt = 0; ; attempt += 1) {
    const outcome = await sendOnce(request);
    const isLast = attempt + 1 >= ATTEMPTS || performance.now() - startedMs > GIVE_UP_MS;
    if (outcome instanceof StorageError) {
      if (isLast) {
        throw outcome;
      }
      mayHaveHappened = true;
    } else {
      if (!isRetried(outcome)) {
        return { answer: outcome, mayHaveHappened };
      }
      if (isLast) {
        throw new StorageError(request.description, classifyAnswer(outcome, request.secrets));
      }
      mayHaveHappened ||= !REFUSED_STATUS.has(outcome.status);
    }
    await waiting.sleep(computeBackoffMs(attempt, BASE_WAIT_MS, MAX_WAIT_MS, waiting.random));
  }
}

function isRetried({ status, code }: S3Answer): boolean {
  // A full disk may be told with a 5xx; it does not empty itself within seconds.
  return (
    (RETRIED_STATUS.has(status) || (code !== null && RETRIED_CODES.has(code))) && !isFull(code)
  );
}

/** An answer, or what kept it from coming. */
async function sendOnce({
  description,
  key,
  sign,
  maxBytes,
  timeoutMs,
}: S3Request): Promise<S3Answer | StorageError> {
  const request = await sign();
  // Not signed, since proxies change it: a compressed answer would come with a weak ETag, which no put could match.
  request.headers.set('accept-encoding', 'identity');
  try {
    const response = await fetch(request, { signal: AbortSignal.timeout(timeoutMs) });
    const { headers, status } = response;
    // An error is read whole: it is no object, and its code matters more than its length.
    const body = await readBody(response, response.ok ? maxBytes : Math.max(maxBytes, 64 * 1024));
    if (body === null) {
      throw new StorageError(description, { reason: 'too_large', key, maxBytes });
    }
    return {
      status,
      code: response.ok ? null : parseErrorCode(new TextDecoder().decode(body)),
      etag: headers.get('etag'),
      bucketRegion: headers.get('x-amz-bucket-region'),
      body,
    };
  } catch (cause) {
    if (cause instanceof StorageError) {
      throw cause;
    }
    return new StorageError(
      description,
      { reason: 'unreachable', detail: describeNetworkError(cause, timeoutMs) },
      { cause },
    );
  }
}

/** Null when the body is longer than `maxBytes`; the rest is not read. */
async function readBody(response: Response, maxBytes: number): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > maxBytes) {
      return null;
    }
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/** Only codes of Node's own: an error's message may quote what was sent. */
function describeNetworkError(cause: unknown, timeoutMs: number): string {
  if (cause instanceof DOMException && cause.name === 'TimeoutError') {
    return `no answer within ${Math.ceil(timeoutMs / 1000)} s`;
  }
  for (let error = cause; error instanceof Error; error = error.cause) {
    if ('code' in error && typeof error.code === 'string') {
      return error.code;
    }
  }
  return 'the connection failed';
}

const REFUSED_CREDENTIALS = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidToken',
  'ExpiredToken',
  'TokenRefreshRequired',
  'Unauthorized',
  // versitygw's word for an access key that it does not know.
  'XAdminUserNotFound',
]);
const FULL_CODES = new Set([
  'QuotaExceeded',
  'InsufficientStorage',
  'XMinioStorageFull',
  'StorageFull',
  'NoSpaceLeft',
  'BucketQuotaExceeded',
]);

function isFull(code: string | null): boolean {
  return code !== null && FULL_CODES.has(code);
}

/** Says what an answer that was no success means. */
export function classifyAnswer(answer: S3Answer, secrets: readonly string[]): StorageFailure {
  const { status, bucketRegion } = answer;
  // A code never holds a credential, unless a server makes it so.
  const code =
    answer.code !== null && !secrets.some((secret) => answer.code?.includes(secret))
      ? answer.code
      : null;
  const detail = `HTTP ${status}${code === null ? ' without an S3 error code: is the endpoint an S3 endpoint?' : ` ${code}`}`;
  if (isFull(code) || status === 507) {
    return { reason: 'full', detail };
  }
  if (code === 'NoSuchBucket') {
    return { reason: 'no_bucket' };
  }
  if (code === 'RequestTimeTooSkewed') {
    return { reason: 'clock_skewed' };
  }
  if ((status >= 300 && status < 400) || code === 'AuthorizationHeaderMalformed') {
    return {
      reason: 'wrong_region',
      detail:
        bucketRegion !== null && /^[a-z0-9-]{1,40}$/.test(bucketRegion) ? bucketRegion : detail,
    };
  }
  if (status === 401 || (code !== null && REFUSED_CREDENTIALS.has(code))) {
    return { reason: 'credentials_refused', detail };
  }
  if (status === 403) {
    return { reason: 'forbidden', detail };
  }
  if (status === 501 || code === 'NotImplemented') {
    return { reason: 'unsupported', detail };
  }
  if (RETRIED_STATUS.has(status) || (code !== null && RETRIED_CODES.has(code))) {
    return { reason: 'busy', detail };
  }
  return { reason: 'unexpected', detail };
}
