/**
 * Object storage over S3: Cloudflare R2, AWS, or any server that honours `If-None-Match: *` and
 * `If-Match` on a put. Errors of the SDK hold signed headers, so none ever leaves this file.
 */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import {
  checkKey,
  isValidKey,
  sortListed,
  StorageError,
  type GetOptions,
  type ListedObject,
  type ObjectStore,
  type PutCondition,
  type PutResult,
  type StorageFailure,
  type StoredObject,
} from './object-store.ts';
import { realWaiting, type Waiting } from './retry.ts';
import {
  createS3Client,
  describeError,
  isFull,
  isPutOff,
  limitAnswer,
  LongAnswerError,
  type S3Failure,
} from './s3-client.ts';
import type { Environment, S3Credentials, S3Location } from './s3-location.ts';

export interface S3StoreOptions extends Omit<S3Location, 'prefix'> {
  readonly prefix?: string;
  /** undefined: the SDK finds them, for instance in a profile. */
  readonly credentials: S3Credentials | undefined;
  /** Time limit of one attempt, beside the time that its payload needs. */
  readonly timeoutMs?: number;
  /** Attempts for one request, the first included. */
  readonly attempts?: number;
  /** Keys in a page of a listing; the server's own choice when not given. */
  readonly listPageSize?: number;
  readonly waiting?: Waiting;
  /** HTTPS_PROXY and NO_PROXY are read from here. */
  readonly env?: Environment;
}

/** The slowest link that the time limit allows for: 512 kbit/s. */
const SLOWEST_BYTES_PER_MS = 64;
/** For answers that are no objects: an error, or a page of 1,000 keys. */
const MAX_DOCUMENT_BYTES = 2 * 1024 * 1024;
const MAX_LIST_PAGES = 10_000;
/** Below the deserializer, so that the SDK's loop retries a failure here. */
const INNERMOST = { step: 'deserialize', priority: 'low' } as const;

interface Limitable {
  readonly middlewareStack: { add(middleware: unknown, options: typeof INNERMOST): void };
}

/** Opens a bucket. Nothing is sent before the first operation. */
export function createS3Store(options: S3StoreOptions): ObjectStore {
  const { bucket, endpoint, region, timeoutMs = 30_000, attempts = 5, env = {} } = options;
  const prefix = options.prefix === undefined || options.prefix === '' ? '' : `${options.prefix}/`;
  const place = endpoint ?? (region === undefined ? 'AWS' : `AWS in ${region}`);
  const description = `s3://${bucket}${prefix === '' ? '' : `/${options.prefix}`} at ${place}`;
  const waiting = options.waiting ?? realWaiting;
  const client = createS3Client({ ...options, attempts, waiting, env });

  /** Time limit of an attempt that moves up to `bytes`. */
  function limitTime(bytes: number): number {
    const payloadMs = Number.isFinite(bytes) ? bytes / SLOWEST_BYTES_PER_MS : 0;
    return timeoutMs + Math.ceil(payloadMs);
  }

  /** Bounds an answer to `command` in size and time, for each of its attempts. */
  function limit(command: Limitable, maxBytes: number, payloadBytes = maxBytes) {
    const requestTimeout = limitTime(payloadBytes);
    command.middlewareStack.add(limitAnswer(maxBytes, requestTimeout), INNERMOST);
    return { requestTimeout };
  }

  /** Says why a request failed, without anything that it was signed with. */
  async function toStorageError(cause: unknown, key: string, maxBytes: number) {
    if (cause instanceof LongAnswerError) {
      return new StorageError(description, { reason: 'too_large', key, maxBytes });
    }
    const failure = describeError(cause);
    const { networkCode } = failure;
    if (networkCode === 'ETIMEDOUT' || networkCode === 'ABORT_ERR') {
      const detail = `no answer within ${Math.ceil(limitTime(maxBytes) / 1000)} s`;
      return new StorageError(description, { reason: 'unreachable', detail });
    }
    const secrets = Object.values(await client.config.credentials().catch(() => ({})));
    const isRepeated = (text = ''): boolean =>
      secrets.some((secret) => typeof secret === 'string' && text.includes(secret));
    return new StorageError(
      description,
      classify(cause, {
        ...failure,
        code: isRepeated(failure.code) ? undefined : failure.code,
        bucketRegion: isRepeated(failure.bucketRegion) ? undefined : failure.bucketRegion,
      }),
    );
  }

  async function read(
    key: string,
    { maxBytes = Number.POSITIVE_INFINITY }: GetOptions,
    knownEtag?: string,
  ): Promise<StoredObject | 'unchanged' | null> {
    checkKey(description, key);
    const command = new GetObjectCommand({
      Bucket: bucket,
      Key: prefix + key,
      ...(knownEtag !== undefined && { IfNoneMatch: knownEtag }),
    });
    try {
      const { Body, ETag } = await client.send(command, limit(command, maxBytes));
      const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
      return { bytes: new Uint8Array(bytes), etag: requireEtag(ETag) };
    } catch (cause) {
      const { status, code } = describeError(cause);
      if (knownEtag !== undefined && status === 304) {
        return 'unchanged';
      }
      if (code === 'NoSuchKey') {
        return null;
      }
      throw cause instanceof StorageError ? cause : await toStorageError(cause, key, maxBytes);
    }
  }

  function requireEtag(etag: string | undefined): string {
    if (etag === undefined) {
      const detail = 'an answer without an ETag';
      throw new StorageError(description, { reason: 'unexpected', detail });
    }
    return etag;
  }

  const get = (key: string, getOptions: GetOptions = {}): Promise<StoredObject | null> =>
    read(key, getOptions) as Promise<StoredObject | null>;

  async function put(
    key: string,
    bytes: Uint8Array,
    condition: PutCondition,
    contentType = 'application/octet-stream',
  ): Promise<PutResult> {
    checkKey(description, key);
    const command = new PutObjectCommand({
      Bucket: bucket,
      Key: prefix + key,
      Body: bytes,
      ContentType: contentType,
      ...(condition.when === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: condition.etag }),
    });
    try {
      const { ETag } = await client.send(command, limit(command, MAX_DOCUMENT_BYTES, bytes.length));
      return { ok: true, etag: requireEtag(ETag) };
    } catch (cause) {
      const { status, code } = describeError(cause);
      // AWS answers 404 to If-Match on a free key.
      const isFree = condition.when === 'unchanged' && code === 'NoSuchKey';
      if (status !== 412 && !isFree) {
        throw cause instanceof StorageError
          ? cause
          : await toStorageError(cause, key, MAX_DOCUMENT_BYTES);
      }
      const { attempts: sent = 1 } = (cause as { $metadata: { attempts?: number } }).$metadata;
      return sent > 1 ? findOwn(key, bytes) : { ok: false, reason: 'precondition_failed' };
    }
  }

  /** The condition may have failed because of an earlier attempt whose answer was lost. */
  async function findOwn(key: string, bytes: Uint8Array): Promise<PutResult> {
    const stored = await get(key);
    return stored !== null && Buffer.compare(stored.bytes, bytes) === 0
      ? { ok: true, etag: stored.etag }
      : { ok: false, reason: 'precondition_failed' };
  }

  async function listPage(keyPrefix: string, token: string | undefined) {
    const command = new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: prefix + keyPrefix,
      MaxKeys: options.listPageSize,
      ContinuationToken: token,
    });
    try {
      return await client.send(command, limit(command, MAX_DOCUMENT_BYTES, 0));
    } catch (cause) {
      throw await toStorageError(cause, keyPrefix, MAX_DOCUMENT_BYTES);
    }
  }

  function failListing(what: string): StorageError {
    return new StorageError(description, { reason: 'unexpected', detail: `a listing ${what}` });
  }

  async function list(keyPrefix: string): Promise<ListedObject[]> {
    const objects: ListedObject[] = [];
    let token: string | undefined;
    for (let page = 0; page < MAX_LIST_PAGES; page += 1) {
      const answer = await listPage(keyPrefix, token);
      for (const { Key, Size, LastModified } of answer.Contents ?? []) {
        const lastModifiedMs = LastModified?.getTime() ?? Number.NaN;
        // A guess about an object's age could get it deleted.
        if (Key === undefined || !Number.isSafeInteger(Size) || Number.isNaN(lastModifiedMs)) {
          throw failListing('without sizes or dates');
        }
        const key = Key.slice(prefix.length);
        if (Key.startsWith(prefix + keyPrefix) && isValidKey(key)) {
          objects.push({ key, bytes: Size as number, lastModifiedMs });
        }
      }
      token = answer.NextContinuationToken;
      if (answer.IsTruncated === false) {
        return sortListed(objects);
      }
      if (token === undefined) {
        throw failListing('that does not say where it goes on');
      }
    }
    throw failListing(`of more than ${MAX_LIST_PAGES} pages`);
  }

  return {
    description,
    get,
    getIfChanged: (key, etag, getOptions = {}) => read(key, getOptions, etag),
    put,
    list,
    async delete(key) {
      checkKey(description, key);
      const command = new DeleteObjectCommand({ Bucket: bucket, Key: prefix + key });
      try {
        await client.send(command, limit(command, MAX_DOCUMENT_BYTES, 0));
      } catch (cause) {
        if (describeError(cause).code !== 'NoSuchKey') {
          throw await toStorageError(cause, key, MAX_DOCUMENT_BYTES);
        }
      }
    },
    close: async () => client.destroy(),
  };
}

const REFUSED_CREDENTIALS = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidToken',
  'ExpiredToken',
  'TokenRefreshRequired',
  'Unauthorized',
  // versitygw's answer to an access key that it does not know.
  'XAdminUserNotFound',
]);

/** Only codes are shown: the messages of servers and of the SDK may quote what was sent. */
function classify(cause: unknown, failure: S3Failure): StorageFailure {
  const { status, code, networkCode, bucketRegion = '' } = failure;
  if (networkCode !== undefined) {
    return { reason: 'unreachable', detail: networkCode };
  }
  const { name, message } = cause as Error;
  if (name === 'CredentialsProviderError') {
    return { reason: 'credentials_refused', detail: 'none could be found' };
  }
  if (message === 'Region is missing') {
    return { reason: 'wrong_region', detail: 'none is set' };
  }
  const detail =
    `HTTP ${status ?? 'answer'}` +
    (code === undefined
      ? ' without an S3 error code: is the endpoint an S3 endpoint?'
      : ` ${code}`);
  if (isFull(failure)) {
    return { reason: 'full', detail };
  }
  if (code === 'NoSuchBucket') {
    return { reason: 'no_bucket' };
  }
  if (code === 'RequestTimeTooSkewed') {
    return { reason: 'clock_skewed' };
  }
  if (
    (status !== undefined && status >= 300 && status < 400) ||
    code === 'AuthorizationHeaderMalformed'
  ) {
    const isRegion = /^[A-Za-z0-9-]{1,63}$/.test(bucketRegion);
    return { reason: 'wrong_region', detail: isRegion ? bucketRegion : detail };
  }
  if (status === 401 || REFUSED_CREDENTIALS.has(code ?? '')) {
    return { reason: 'credentials_refused', detail };
  }
  if (status === 403) {
    return { reason: 'forbidden', detail };
  }
  if (status === 501 || code === 'NotImplemented') {
    return { reason: 'unsupported', detail };
  }
  return { reason: isPutOff(failure) ? 'busy' : 'unexpected', detail };
}
