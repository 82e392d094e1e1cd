/**
 * The AWS SDK's client with limits on time and size of an answer, and retries on an injected clock.
 */
import { Agent } from 'node:https';
import { addAbortSignal, Readable } from 'node:stream';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { waitAfter, type Waiting } from './retry.ts';
import { describeError, isRetried } from './s3-error.ts';
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

/** With these waits, 5 attempts are enough for R2's one write a second to one key. */
const BACKOFF = { baseMs: 400, maxMs: 4000 };
/** No attempt starts later than this after the first. */
const GIVE_UP_MS = 90_000;
/** An error document is read up to this length even where a smaller object is expected. */
const MIN_ANSWER_BYTES = 64 * 1024;

export function createS3Client(options: S3ClientOptions): S3Client {
  const { endpoint, region, credentials, isVirtualHost = false, env } = options;
  // Node reads `proxyEnv` from 22.21 and 24.5 on; older ones connect directly.
  const agentOptions = { keepAlive: true, maxSockets: 50, proxyEnv: env };
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
    requestHandler: { httpsAgent: new Agent(agentOptions), throwOnRequestTimeout: true },
  });
}

type RetryStrategy = Extract<S3ClientConfig['retryStrategy'], { recordSuccess: unknown }>;

/** Plugs our clock and our list of retried answers into the SDK's loop of attempts. */
function createRetryStrategy({ attempts, waiting }: S3ClientOptions): RetryStrategy {
  const createToken = (count: number, startedMs: number) => ({
    getRetryCount: () => count,
    getRetryDelay: () => 0,
    startedMs,
  });
  return {
    acquireInitialRetryToken: async () => createToken(0, performance.now()),
    async refreshRetryTokenForRetry(token, { error }) {
      const { startedMs } = token as ReturnType<typeof createToken>;
      const count = token.getRetryCount() + 1;
      const isLate = performance.now() - startedMs > GIVE_UP_MS;
      if (count >= attempts || isLate || !isRetried(describeError(error))) {
        throw error;
      }
      await waitAfter(count - 1, BACKOFF, waiting);
      return createToken(count, startedMs);
    },
    recordSuccess: () => {},
  };
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
      const { headers } = args.request as { headers: Record<string, string> };
      headers['accept-encoding'] = 'identity';
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
