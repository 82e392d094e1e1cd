/**
 * Object storage over S3: Cloudflare R2, AWS, or any server that honours `If-None-Match: *` and
 * `If-Match` on a put.
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
  type StoredObject,
} from './object-store.ts';
import { realWaiting } from './retry.ts';
import { createS3Client, limitAnswer, LongAnswerError, type S3ClientOptions } from './s3-client.ts';
import { describeError, hideSecrets, toStorageFailure, type S3Failure } from './s3-error.ts';

export interface S3StoreOptions
  extends
    Pick<S3ClientOptions, 'endpoint' | 'region' | 'isVirtualHost' | 'credentials'>,
    Partial<Pick<S3ClientOptions, 'attempts' | 'waiting' | 'env'>> {
  readonly bucket: string;
  /** Put before every key with a slash; none when empty. */
  readonly prefix?: string;
  /** Time limit of one attempt, beside the time that its payload needs. */
  readonly timeoutMs?: number;
  /** Keys in a page of a listing; the server's own choice when not given. */
  readonly listPageSize?: number;
}

/** The slowest link that the time limit allows for: 512 kbit/s. */
const SLOWEST_BYTES_PER_MS = 64;
/** For answers that are no objects: an error, or a page of 1,000 keys. */
const MAX_DOCUMENT_BYTES = 2 * 1024 * 1024;
const MAX_LIST_PAGES = 10_000;
/** Below the deserializer, so that the SDK's loop retries a failure here. */
const INNERMOST = { step: 'deserialize', priority: 'low' } as const;

interface Limits {
  readonly key: string;
  /** Of the answer. */
  readonly maxBytes: number;
  /** Time limit of one attempt. */
  readonly requestTimeout: number;
}

interface Limitable {
  readonly middlewareStack: { add(middleware: unknown, options: typeof INNERMOST): void };
}

/** Opens a bucket. Nothing is sent before the first operation. */
export function createS3Store(options: S3StoreOptions): ObjectStore {
  const { bucket, endpoint, region, timeoutMs = 30_000 } = options;
  const prefix = options.prefix ? `${options.prefix}/` : '';
  const place = endpoint ?? (region === undefined ? 'AWS' : `AWS in ${region}`);
  const description = `s3://${bucket}${prefix && `/${options.prefix}`} at ${place}`;
  const client = createS3Client({ attempts: 5, waiting: realWaiting, env: {}, ...options });

  function limit(key: string, maxBytes = MAX_DOCUMENT_BYTES, payloadBytes = 0): Limits {
    const payloadMs = Number.isFinite(payloadBytes) ? payloadBytes / SLOWEST_BYTES_PER_MS : 0;
    return { key, maxBytes, requestTimeout: timeoutMs + Math.ceil(payloadMs) };
  }

  /**
   * Sends a command within limits.
   *
   * @param recover  Makes a result of a failure that is none; undefined for others.
   * @throws StorageError  Never the SDK's error, which holds signed headers.
   */
  async function attempt<Command extends Limitable, T>(
    command: Command,
    limits: Limits,
    send: (command: Command, limits: Limits) => Promise<T>,
    recover: (failure: S3Failure) => T | undefined = () => undefined,
  ): Promise<T> {
    const { key, maxBytes, requestTimeout } = limits;
    command.middlewareStack.add(limitAnswer(maxBytes, requestTimeout), INNERMOST);
    try {
      return await send(command, limits);
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
      const credentials = await client.config.credentials().catch(() => ({}));
      const secrets = Object.values(credentials).filter((each) => typeof each === 'string');
      const shown = hideSecrets(failure, secrets);
      throw new StorageError(description, toStorageFailure(shown, requestTimeout));
    }
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
    { maxBytes = Number.POSITIVE_INFINITY }: GetOptions,
    knownEtag?: string,
  ): Promise<StoredObject | 'unchanged' | null> {
    checkKey(description, key);
    const found = await attempt<GetObjectCommand, StoredObject | 'unchanged' | 'missing'>(
      new GetObjectCommand({ Bucket: bucket, Key: prefix + key, IfNoneMatch: knownEtag }),
      limit(key, maxBytes, maxBytes),
      async (command, limits) => {
        const { Body, ETag } = await client.send(command, limits);
        const bytes = new Uint8Array((await Body?.transformToByteArray()) ?? []);
        return { bytes, etag: requireEtag(ETag) };
      },
      ({ status, code }) => {
        if (knownEtag !== undefined && status === 304) {
          return 'unchanged';
        }
        return code === 'NoSuchKey' ? 'missing' : undefined;
      },
    );
    return found === 'missing' ? null : found;
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
    const etag = await attempt<PutObjectCommand, string | S3Failure>(
      new PutObjectCommand({
        Bucket: bucket,
        Key: prefix + key,
        Body: bytes,
        ContentType: contentType,
        ...(condition.when === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: condition.etag }),
      }),
      limit(key, MAX_DOCUMENT_BYTES, bytes.length),
      async (command, limits) => requireEtag((await client.send(command, limits)).ETag),
      (failure) => {
        // AWS answers 404 to If-Match on a free key.
        const isFree = condition.when === 'unchanged' && failure.code === 'NoSuchKey';
        return failure.status === 412 || isFree ? failure : undefined;
      },
    );
    if (typeof etag === 'string') {
      return { ok: true, etag };
    }
    // An earlier attempt, whose answer was lost, may have made the condition fail.
    const stored = etag.attempts > 1 ? await get(key) : null;
    return stored !== null && Buffer.compare(stored.bytes, bytes) === 0
      ? { ok: true, etag: stored.etag }
      : { ok: false, reason: 'precondition_failed' };
  }

  async function list(keyPrefix: string): Promise<ListedObject[]> {
    const objects: ListedObject[] = [];
    let token: string | undefined;
    for (let page = 0; page < MAX_LIST_PAGES; page += 1) {
      const answer = await attempt(
        new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: prefix + keyPrefix,
          MaxKeys: options.listPageSize,
          ContinuationToken: token,
        }),
        limit(keyPrefix),
        (command, limits) => client.send(command, limits),
      );
      for (const { Key = '', Size = Number.NaN, LastModified } of answer.Contents ?? []) {
        const lastModifiedMs = LastModified?.getTime() ?? Number.NaN;
        // A guess about an object's age could get it deleted.
        if (!Number.isSafeInteger(Size) || Number.isNaN(lastModifiedMs)) {
          throw failWith('a listing without sizes or dates');
        }
        const key = Key.slice(prefix.length);
        if (Key.startsWith(prefix + keyPrefix) && isValidKey(key)) {
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
    description,
    get,
    getIfChanged: (key, etag, getOptions = {}) => read(key, getOptions, etag),
    put,
    list,
    async delete(key) {
      checkKey(description, key);
      await attempt<DeleteObjectCommand, object>(
        new DeleteObjectCommand({ Bucket: bucket, Key: prefix + key }),
        limit(key),
        (command, limits) => client.send(command, limits),
        (failure) => (failure.code === 'NoSuchKey' ? failure : undefined),
      );
    },
    close: async () => client.destroy(),
  };
}
