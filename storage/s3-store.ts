/**
 * Object storage over S3: Cloudflare R2, AWS, or any server that honours `If-None-Match: *` and
 * `If-Match` on a put.
 */
import { createHash } from 'node:crypto';
import { Agent } from 'node:https';
import { addAbortSignal, Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type DeleteObjectCommandOutput,
  type GetObjectCommandOutput,
  type ListObjectsV2CommandOutput,
  type PutObjectCommandOutput,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { ExpectedError } from '../shared/expected-error.ts';
import {
  checkKey,
  isTooLarge,
  isValidKey,
  sortListed,
  StorageError,
  type ListedObject,
  type ObjectStore,
  type StoredObject,
} from './object-store.ts';
import { realWaiting, waitAfter, type Waiting } from './retry.ts';
import {
  describeError,
  hideSecrets,
  isRetried,
  isUnsupported,
  toStorageFailure,
  type S3Failure,
} from './s3-error.ts';
import type { Environment, S3Credentials, S3Location } from './s3-location.ts';

export interface S3StoreOptions extends Partial<Omit<S3Location, 'bucket'>> {
  readonly bucket: string;
  /** undefined: the SDK finds them, for instance in a profile. */
  readonly credentials?: S3Credentials | undefined;
  /** Time limit of one attempt, beside the time that its payload needs. */
  readonly timeoutMs?: number;
  /** Keys in a page of a listing; the server's own choice when not given. */
  readonly listPageSize?: number;
  /**
   * Whether to check a condition by reading where the server refuses conditional puts. Then of two
   * writers at once both may succeed.
   */
  readonly allowUnsafeConditions?: boolean;
  /** Attempts for one request, the first included; default 5. */
  readonly attempts?: number;
  readonly waiting?: Waiting;
  /** HTTPS_PROXY and NO_PROXY are read from here. */
  readonly env?: Environment;
}

/** The slowest link that the time limit allows for: 512 kbit/s. */
const SLOWEST_BYTES_PER_MS = 64;
/** For answers that are no objects: an error, or a page of 1,000 keys. */
const MAX_DOCUMENT_BYTES = 2 * 1024 * 1024;
const MAX_LIST_PAGES = 10_000;
/** With these waits, 5 attempts are enough for R2's one write a second to one key. */
const BACKOFF = { baseMs: 400, maxMs: 4000 };
/** No attempt starts later than this after the first. */
const GIVE_UP_MS = 90_000;
/** An error document is read up to this length even where a smaller object is expected. */
const MIN_ANSWER_BYTES = 64 * 1024;
/** The middleware's place is below the deserializer, so that the SDK retries its failures. */
const INNERMOST = { step: 'deserialize', priority: 'low' } as const;

type Command = DeleteObjectCommand | GetObjectCommand | ListObjectsV2Command | PutObjectCommand;

/** Opens a bucket. Nothing is sent before the first operation. */
export function createS3Store(options: S3StoreOptions): ObjectStore {
  const { bucket, endpoint, region, timeoutMs = 30_000, allowUnsafeConditions = false } = options;
  const prefix = options.prefix ? `${options.prefix}/` : '';
  const name = `s3://${bucket}${prefix && `/${options.prefix}`}`;
  let description = `${name} at ${endpoint ?? (region === undefined ? 'AWS' : `AWS in ${region}`)}`;
  const client = createS3Client(options);
  /** The headers of conditions that the server refused. */
  const refused = new Set<'IfNoneMatch' | 'IfMatch'>();

  /** Limits of one attempt: its answer's size, and its time in milliseconds. */
  function limit(key: string, maxBytes = MAX_DOCUMENT_BYTES, payloadBytes = 0) {
    const payloadMs = Number.isFinite(payloadBytes) ? payloadBytes / SLOWEST_BYTES_PER_MS : 0;
    return { key, maxBytes, requestTimeout: timeoutMs + Math.ceil(payloadMs) };
  }

  /**
   * Sends a command within limits.
   * @param recover  Makes a result of a failure that is none; undefined for others.
   * @throws StorageError  Never the SDK's error, which holds signed headers.
   */
  async function send<Output, Recovered = never>(
    command: Command,
    { key, maxBytes, requestTimeout }: ReturnType<typeof limit>,
    recover: (failure: S3Failure) => Recovered | undefined = () => undefined,
  ): Promise<Output | Recovered> {
    const limiter = limitAnswer(maxBytes, requestTimeout);
    (command as GetObjectCommand).middlewareStack.add(limiter as never, INNERMOST);
    try {
      return (await client.send(command as never, { requestTimeout })) as Output;
    } catch (cause) {
      if (cause instanceof StorageError) {
        throw cause;
      }
      if (cause instanceof LongAnswerError) {
        throw new StorageError(description, { reason: 'too_large', key, maxBytes });
      }
      const failure = describeError(cause);
      const recovered = recover(failure);
      if (recovered !== undefined) {
        return recovered;
      }
      // The endpoint of a profile.
      const found = await client.config.serviceConfiguredEndpoint?.().catch(() => undefined);
      if (endpoint === undefined && found !== undefined && URL.canParse(found)) {
        description = `${name} at ${new URL(found).origin}`;
      }
      const credentials = await client.config.credentials().catch(() => ({}));
      const secrets = Object.values(credentials).filter((each) => typeof each === 'string');
      const shown = hideSecrets(failure, secrets);
      throw new StorageError(description, toStorageFailure(shown, requestTimeout));
    }
  }

  function locate(key: string) {
    checkKey(description, key);
    return { Bucket: bucket, Key: prefix + key };
  }

  function failWith(detail: string): StorageError {
    return new StorageError(description, { reason: 'unexpected', detail });
  }

  function requireEtag(etag: string | undefined): string {
    if (etag === undefined) {
      throw failWith('an answer without an ETag');
    }
    return etag;
  }

  async function read(
    key: string,
    maxBytes = Infinity,
    knownEtag?: string,
  ): Promise<StoredObject | 'unchanged' | null> {
    const found = await send<GetObjectCommandOutput, 'unchanged' | 'missing'>(
      new GetObjectCommand({ ...locate(key), IfNoneMatch: knownEtag }),
      limit(key, maxBytes, maxBytes),
      ({ status, code }) => {
        if (knownEtag !== undefined && status === 304) {
          return 'unchanged';
        }
        return code === 'NoSuchKey' ? 'missing' : undefined;
      },
    );
    if (typeof found === 'string') {
      return found === 'missing' ? null : found;
    }
    const bytes = new Uint8Array((await found.Body?.transformToByteArray()) ?? []);
    return { bytes, etag: requireEtag(found.ETag) };
  }

  const get = (key: string, maxBytes?: number): Promise<StoredObject | null> =>
    read(key, maxBytes) as Promise<StoredObject | null>;

  async function put(
    key: string,
    bytes: Uint8Array,
    etag: string | null,
    contentType = 'application/octet-stream',
  ): Promise<boolean> {
    // Buckets with object lock require it.
    const ContentMD5 = createHash('md5').update(bytes).digest('base64');
    const object = { ...locate(key), Body: bytes, ContentType: contentType, ContentMD5 };
    const limits = limit(key, MAX_DOCUMENT_BYTES, bytes.length);
    const header = etag === null ? 'IfNoneMatch' : 'IfMatch';
    if (refused.has(header)) {
      if (((await get(key))?.etag ?? null) !== etag) {
        return false;
      }
      const { ETag } = await send<PutObjectCommandOutput>(new PutObjectCommand(object), limits);
      requireEtag(ETag);
      return true;
    }
    const answer = await send<PutObjectCommandOutput, S3Failure>(
      new PutObjectCommand({ ...object, [header]: etag ?? '*' }),
      limits,
      (failure) => {
        // AWS answers 404 to If-Match on a free key.
        const isFree = etag !== null && failure.code === 'NoSuchKey';
        const isRefused = allowUnsafeConditions && isUnsupported(failure);
        return failure.status === 412 || isFree || isRefused ? failure : undefined;
      },
    );
    if (!('attempts' in answer)) {
      requireEtag(answer.ETag);
      return true;
    }
    if (isUnsupported(answer)) {
      refused.add(header);
      return put(key, bytes, etag, contentType);
    }
    // An earlier attempt, whose answer was lost, may have made the condition fail.
    return answer.attempts > 1 && holds(key, bytes);
  }

  async function holds(key: string, bytes: Uint8Array): Promise<boolean> {
    try {
      const stored = await get(key, bytes.length);
      return stored !== null && Buffer.compare(stored.bytes, bytes) === 0;
    } catch (cause) {
      if (isTooLarge(cause)) {
        return false;
      }
      throw cause;
    }
  }

  async function list(keyPrefix: string): Promise<ListedObject[]> {
    const objects: ListedObject[] = [];
    let token: string | undefined;
    for (let page = 0; page < MAX_LIST_PAGES; page += 1) {
      const answer = await send<ListObjectsV2CommandOutput, S3Failure>(
        new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: prefix + keyPrefix,
          // XML cannot hold a control character: with one in a key, some servers fail the listing.
          EncodingType: 'url',
          MaxKeys: options.listPageSize,
          ContinuationToken: token,
        }),
        limit(keyPrefix),
        (failure) => (failure.code === 'NoSuchKey' ? failure : undefined),
      );
      if ('attempts' in answer) {
        throw failWith('NoSuchKey for a listing: does the endpoint name the bucket, too?');
      }
      for (const { Key = '', Size = Number.NaN, LastModified } of answer.Contents ?? []) {
        const lastModifiedMs = LastModified?.getTime() ?? Number.NaN;
        // A guess about an object's age could get it deleted.
        if (!Number.isSafeInteger(Size) || Number.isNaN(lastModifiedMs)) {
          throw failWith('a listing without sizes or dates');
        }
        const fullKey = answer.EncodingType === 'url' ? decodeKey(Key) : Key;
        const key = fullKey.slice(prefix.length);
        if (fullKey.startsWith(prefix + keyPrefix) && isValidKey(key)) {
          objects.push({ key, bytes: Size, lastModifiedMs });
        }
      }
      token = answer.NextContinuationToken;
      if (answer.IsTruncated === false) {
        return sortListed(objects);
      }
      if (token === undefined) {
        throw failWith('a listing that does not say where it goes on');
      }
    }
    throw failWith(`a listing of more than ${MAX_LIST_PAGES} pages`);
  }

  return {
    get description() {
      return description;
    },
    get,
    getIfChanged: (key, etag, maxBytes) => read(key, maxBytes, etag),
    put,
    list,
    async delete(key) {
      await send<DeleteObjectCommandOutput, S3Failure>(
        new DeleteObjectCommand(locate(key)),
        limit(key),
        (failure) => (failure.code === 'NoSuchKey' ? failure : undefined),
      );
    },
    hasUnsafeConditions: () => refused.size > 0,
    close: async () => client.destroy(),
  };
}

/** A key that cannot be decoded holds a %, so it is not valid and is skipped. */
function decodeKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

function createS3Client(options: S3StoreOptions): S3Client {
  const { endpoint, region, credentials, isVirtualHost = false, env = {} } = options;
  const { attempts = 5, waiting = realWaiting } = options;
  return new S3Client({
    ...(endpoint !== undefined && { endpoint, forcePathStyle: !isVirtualHost }),
    ...(region !== undefined && { region }),
    // The SDK adds a field to the object.
    ...(credentials !== undefined && { credentials: { ...credentials } }),
    // Many stores do not know the SDK's default checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false,
    maxAttempts: attempts,
    retryStrategy: createRetryStrategy(attempts, waiting),
    requestHandler: { httpsAgent: createAgent(env), throwOnRequestTimeout: true },
  });
}

/** @throws ExpectedError  When the proxy's address cannot be read. Node's own error quotes it. */
function createAgent(env: Environment): Agent {
  try {
    // Node reads `proxyEnv` from 22.21 and 24.5 on; older ones connect directly.
    const options = { keepAlive: true, maxSockets: 50, proxyEnv: env };
    return new Agent(options);
  } catch {
    throw new ExpectedError(
      'HTTPS_PROXY: expected an address like http://HOST:PORT, got another text, which is not ' +
        'shown; percent-encode the characters of a password',
    );
  }
}

type RetryStrategy = Extract<S3ClientConfig['retryStrategy'], { recordSuccess: unknown }>;

/** Plugs our clock and our list of retried answers into the SDK's loop of attempts. */
function createRetryStrategy(attempts: number, waiting: Waiting): RetryStrategy {
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

class LongAnswerError extends Error {}

/**
 * Middleware around one attempt: reads the answer whole, so that a connection that breaks in the
 * middle of a body is retried too, and refuses an answer that is too long or too slow.
 */
function limitAnswer(maxBytes: number, timeoutMs: number) {
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
