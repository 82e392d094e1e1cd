/**
 * What the trainer needs of object storage: small objects under plain keys, and writes that happen only under a
 * condition. Every implementation passes one contract suite; failures are typed and say what to do.
 */
import { ExpectedError } from '../shared/expected-error.ts';

/** An object as read. */
export interface StoredObject {
  readonly bytes: Uint8Array;
  /** Opaque mark of this content; given back in a {@link PutCondition}. */
  readonly etag: string;
}

/** When a put may happen: only if the key is free, or only if the object there is still the one that was read. */
export type PutCondition =
  | { readonly when: 'absent' }
  | { readonly when: 'unchanged'; readonly etag: string };

export type PutResult =
  | { readonly ok: true; readonly etag: string }
  | { readonly ok: false; readonly reason: 'precondition_failed' };

/** An object as a listing tells of it. */
export interface ListedObject {
  readonly key: string;
  readonly bytes: number;
  /** When it was written last, by the store's clock: milliseconds since 1970, in some stores to the second. */
  readonly lastModifiedMs: number;
}

export interface GetOptions {
  /** A larger object is refused with `too_large` before it is read whole. */
  readonly maxBytes?: number;
}

export interface PutOptions {
  /** Media type that a reader over HTTP is told. */
  readonly contentType?: string;
}

/**
 * A place for objects.
 *
 * All methods throw {@link StorageError}. A put is atomic: a reader, or a writer that was killed, finds the old object
 * or the new one; of several puts under the same condition at most one succeeds.
 */
export interface ObjectStore {
  /** The place in words, for messages; never holds a credential. */
  readonly description: string;
  /** Reads an object; null when there is none. */
  get(key: string, options?: GetOptions): Promise<StoredObject | null>;
  put(
    key: string,
    bytes: Uint8Array,
    condition: PutCondition,
    options?: PutOptions,
  ): Promise<PutResult>;
  /** Lists the objects whose keys start with `prefix`, in ascending order. What is not a valid key is left out. */
  list(prefix: string): Promise<ListedObject[]>;
  /** Removes an object; one that is not there is no failure. */
  delete(key: string): Promise<void>;
  /** Releases what the store holds (a lock, a process); it is not used afterwards. */
  close(): Promise<void>;
}

/** Why storage did not do what was asked. */
export type StorageFailure =
  | { readonly reason: 'invalid_key'; readonly key: string }
  | { readonly reason: 'too_large'; readonly key: string; readonly maxBytes: number }
  | { readonly reason: 'unreachable'; readonly detail: string }
  | { readonly reason: 'credentials_refused'; readonly detail: string }
  | { readonly reason: 'forbidden'; readonly detail: string }
  | { readonly reason: 'no_bucket' }
  | { readonly reason: 'wrong_region'; readonly detail: string }
  | { readonly reason: 'clock_skewed' }
  | { readonly reason: 'full'; readonly detail: string }
  | { readonly reason: 'busy'; readonly detail: string }
  | { readonly reason: 'unsupported'; readonly detail: string }
  | { readonly reason: 'unexpected'; readonly detail: string };

/** Thrown by every {@link ObjectStore}; `failure` says why in data, the message in words. */
export class StorageError extends ExpectedError {
  override name = 'StorageError' as const;
  readonly failure: StorageFailure;

  /** @param where  The store's description. */
  constructor(where: string, failure: StorageFailure, options?: ErrorOptions) {
    super(`${where}: ${describeFailure(failure)}`, options);
    this.failure = failure;
  }
}

function describeFailure(failure: StorageFailure): string {
  switch (failure.reason) {
    case 'invalid_key':
      return (
        `${JSON.stringify(failure.key)} is not a key: expected up to ${MAX_KEY_CHARACTERS} of a-z, 0-9, '.', '_' and '-' ` +
        `in parts joined by '/', each starting and ending with a letter or digit`
      );
    case 'too_large':
      return `${failure.key} has more than the ${failure.maxBytes} bytes allowed; it was not written by this software`;
    case 'unreachable':
      return `cannot be reached (${failure.detail}); check the endpoint and the network, then repeat the command`;
    case 'credentials_refused':
      return `refused the credentials (${failure.detail}); check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN`;
    case 'forbidden':
      return `not allowed (${failure.detail}); give these credentials or this user the right to read, write, list and delete there`;
    case 'no_bucket':
      return 'there is no such bucket; create it, or check its name and the account';
    case 'wrong_region':
      return `the bucket is in another region (${failure.detail}); set --region or AWS_REGION`;
    case 'clock_skewed':
      return "refused the request because this machine's clock is wrong; set it and repeat the command";
    case 'full':
      return `no room left (${failure.detail}); nothing was left half-written; free some space and repeat the command`;
    case 'busy':
      return `busy (${failure.detail}); repeat the command later`;
    case 'unsupported':
      return `cannot be published to (${failure.detail}); choose another place`;
    case 'unexpected':
      return `expected storage to do what was asked, got ${failure.detail}; check that this is the right place`;
  }
}

/** S3's and R2's own bound is 1,024 bytes; a file system's path is shorter. */
const MAX_KEY_CHARACTERS = 512;
const KEY = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?(?:\/[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)*$/;

/** True for a key that means the same in every store: no traversal, no hidden name, no case, nothing to escape. */
export function isValidKey(key: string): boolean {
  return key.length <= MAX_KEY_CHARACTERS && KEY.test(key);
}

/** Puts what was listed into the order of its keys. */
export function sortListed(objects: readonly ListedObject[]): ListedObject[] {
  return objects.toSorted((one, other) => (one.key < other.key ? -1 : 1));
}

/**
 * Checks a key before it becomes a path or a URL.
 * @throws StorageError  `invalid_key`.
 */
export function checkKey(where: string, key: string): void {
  if (!isValidKey(key)) {
    throw new StorageError(where, { reason: 'invalid_key', key });
  }
}
