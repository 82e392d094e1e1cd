/**
 * Object storage over S3's HTTP interface: Cloudflare R2, AWS S3, or any server that signs with SigV4 and honours
 * `If-None-Match: *` and `If-Match` on a put. Path-style addresses; every payload is signed.
 */
import { AwsClient } from 'aws4fetch';
import { hashBytes } from '../shared/model/artifact.ts';
import { realWaiting, type Waiting } from './backoff.ts';
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
} from './object-store.ts';
import type { S3Credentials } from './s3-credentials.ts';
import { classifyAnswer, sendWithRetries, type S3Answer, type S3Attempt } from './s3-request.ts';
import { parseListPage } from './s3-xml.ts';

export interface S3StoreOptions {
  /** Base address of the service, without the bucket; http or https. */
  readonly endpoint: string;
  readonly bucket: string;
  /** Put before every key with a slash; none when empty. */
  readonly prefix?: string;
  /** `auto` for R2. */
  readonly region: string;
  readonly credentials: S3Credentials;
  /** How long one attempt may take beside the time that its payload needs. */
  readonly timeoutMs?: number;
  /** Keys in a page of a listing; the server's own choice when not given. */
  readonly listPageSize?: number;
  readonly waiting?: Waiting;
}

/** The slowest link that an attempt's time limit allows for: 512 kbit/s. */
const SLOWEST_BYTES_PER_MS = 64;
/** An answer that is not an object: an error or a page of 1,000 keys. */
const MAX_DOCUMENT_BYTES = 2 * 1024 * 1024;
const MAX_LIST_PAGES = 10_000;

/**
 * Opens a bucket.
 * @throws RangeError  When the endpoint is no http(s) address or carries a user name.
 */
export function createS3Store(options: S3StoreOptions): ObjectStore {
  const {
    bucket,
    region,
    credentials,
    timeoutMs = 30_000,
    listPageSize,
    waiting = realWaiting,
  } = options;
  const endpoint = parseEndpoint(options.endpoint);
  const prefix = options.prefix === undefined || options.prefix === '' ? '' : `${options.prefix}/`;
  const description = `s3://${bucket}${prefix === '' ? '' : `/${options.prefix}`} at ${endpoint}`;
  const client = new AwsClient({ ...credentials, service: 's3', region, retries: 0 });
  // Also what would be shown of a code that a server makes of what it was sent.
  const secrets = Object.values(credentials) as string[];

  /** Sends a request, again where that is safe. Every request here is safe to repeat: a put has a condition. */
  function send(
    method: string,
    key: string,
    { query = '', headers = {}, body, maxBytes = MAX_DOCUMENT_BYTES }: RequestParts = {},
  ): Promise<S3Attempt> {
    const url = `${endpoint}/${bucket}${key === '' ? '' : `/${prefix}${key}`}${query}`;
    return sendWithRetries({
      description,
      secrets,
      key,
      maxBytes,
      waiting,
      timeoutMs:
        timeoutMs +
        Math.ceil(
          ((body?.length ?? 0) + (Number.isFinite(maxBytes) ? maxBytes : 0)) / SLOWEST_BYTES_PER_MS,
        ),
      // Signed anew for each attempt: a signature holds the time.
      sign: () =>
        client.sign(url, {
          method,
          headers: { ...headers, 'x-amz-content-sha256': hashBytes(body ?? new Uint8Array()) },
          ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> }),
          redirect: 'manual',
        }),
    });
  }

  function fail(answer: S3Answer): StorageError {
    return new StorageError(description, classifyAnswer(answer, secrets));
  }

  async function get(
    key: string,
    { maxBytes = Number.POSITIVE_INFINITY }: GetOptions = {},
  ): Promise<{ bytes: Uint8Array; etag: string } | null> {
    checkKey(description, key);
    const { answer } = await send('GET', key, { maxBytes });
    if (answer.status === 200) {
      return { bytes: answer.body, etag: readEtag(answer) };
    }
    if (answer.code === 'NoSuchKey') {
      return null;
    }
    throw fail(answer);
  }

  function readEtag(answer: S3Answer): string {
    if (answer.etag === null) {
      throw new StorageError(description, {
        reason: 'unexpected',
        detail: 'an answer without an ETag',
      });
    }
    return answer.etag;
  }

  async function put(
    key: string,
    bytes: Uint8Array,
    condition: PutCondition,
    contentType: string,
  ): Promise<PutResult> {
    checkKey(description, key);
    const { answer, mayHaveHappened } = await send('PUT', key, {
      body: bytes,
      headers: {
        'content-type': contentType,
        ...(condition.when === 'absent'
          ? { 'if-none-match': '*' }
          : { 'if-match': condition.etag }),
      },
    });
    if (answer.status >= 200 && answer.status < 300) {
      return { ok: true, etag: readEtag(answer) };
    }
    // AWS answers 404 to If-Match on a key that is free.
    if (answer.status !== 412 && !(condition.when === 'unchanged' && answer.code === 'NoSuchKey')) {
      throw fail(answer);
    }
    if (mayHaveHappened) {
      // What stood in the way may be this put's own earlier attempt, whose answer was lost.
      const there = await get(key);
      if (there !== null && hashBytes(there.bytes) === hashBytes(bytes)) {
        return { ok: true, etag: there.etag };
      }
    }
    return { ok: false, reason: 'precondition_failed' };
  }

  async function list(keyPrefix: string): Promise<ListedObject[]> {
    const objects: ListedObject[] = [];
    let token: string | null = null;
    for (let page = 0; page < MAX_LIST_PAGES; page += 1) {
      const query = new URLSearchParams({
        'list-type': '2',
        prefix: prefix + keyPrefix,
        ...(listPageSize === undefined ? {} : { 'max-keys': String(listPageSize) }),
        ...(token === null ? {} : { 'continuation-token': token }),
      });
      const { answer } = await send('GET', '', { query: `?${query.toString()}` });
      const parsed =
        answer.status === 200 ? parseListPage(new TextDecoder().decode(answer.body)) : null;
      if (parsed === null) {
        throw fail(answer);
      }
      for (const object of parsed.objects) {
        const key = object.key.slice(prefix.length);
        if (object.key.startsWith(prefix + keyPrefix) && isValidKey(key)) {
          objects.push({ ...object, key });
        }
      }
      token = parsed.continuationToken;
      if (token === null) {
        return sortListed(objects);
      }
    }
    throw new StorageError(description, {
      reason: 'unexpected',
      detail: `a listing of more than ${MAX_LIST_PAGES} pages`,
    });
  }

  return {
    description,
    get,
    put: (key, bytes, condition, { contentType = 'application/octet-stream' } = {}) =>
      put(key, bytes, condition, contentType),
    list,
    delete: async (key) => {
      checkKey(description, key);
      const { answer } = await send('DELETE', key);
      if (answer.status !== 204 && answer.status !== 200 && answer.code !== 'NoSuchKey') {
        throw fail(answer);
      }
    },
    close: () => Promise.resolve(),
  };
}

interface RequestParts {
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly maxBytes?: number;
}

/** The endpoint without a slash at its end. */
function parseEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    // What stands before an @ may be a password.
    const shown = text.includes('@') ? 'another text' : JSON.stringify(text);
    throw new RangeError(
      `expected an endpoint like https://HOST, got ${shown}; check --endpoint or AWS_ENDPOINT_URL_S3`,
    );
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new RangeError(
      `expected an endpoint without a user name, query or fragment, got one for ${url.host}; credentials belong in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`,
    );
  }
  return url.href.replace(/\/+$/, '');
}
