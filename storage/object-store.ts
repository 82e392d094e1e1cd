/**
 * Object storage for publishing and the Node server: small objects under plain keys, and
 * conditional writes. Every implementation passes one contract suite.
 */
import { ExpectedError, type FailureOf } from '../shared/expected-error.ts';

export interface StoredObject {
  readonly bytes: Uint8Array;
  /** Opaque; changes with the content. */
  readonly etag: string;
}

export interface ListedObject {
  readonly key: string;
  readonly bytes: number;
  /** Last write by the store's clock: milliseconds since 1970, in some stores whole seconds. */
  readonly lastModifiedMs: number;
}

/**
 * A place for objects. All methods throw {@link StorageError}.
 *
 * A put is atomic: a reader, also after the writer was killed, finds the old object or the new
 * one. If several puts have the same condition, at most one succeeds.
 */
export interface ObjectStore {
  /** The place in words, for messages; never holds a credential. */
  readonly description: string;
  /**
   * @param maxBytes  A larger object is refused with `too_large` before it is read whole.
   * @returns  null when there is no such object.
   */
  get(key: string, maxBytes?: number): Promise<StoredObject | null>;
  /** Like `get`, but transfers nothing when the object still has this ETag. */
  getIfChanged(
    key: string,
    etag: string,
    maxBytes?: number,
  ): Promise<StoredObject | 'unchanged' | null>;
  /**
   * Writes an object if nobody has changed it.
   * @param etag         The present object's ETag; null for a key that is free.
   * @param contentType  Media type for readers over HTTP.
   * @returns  False when the object has another ETag, or the key is not free.
   */
  put(key: string, bytes: Uint8Array, etag: string | null, contentType?: string): Promise<boolean>;
  /** Lists objects whose keys start with `prefix`, in ascending order; skips invalid keys. */
  list(prefix: string): Promise<ListedObject[]>;
  /** Removes an object; a missing one is no failure. */
  delete(key: string): Promise<void>;
  /**
   * Gives up the room that is kept for commands that free space, so that they can write on a full
   * disk. @returns  False when none is left. Absent where there is no disk of its own.
   */
  spendReserve?(): Promise<boolean>;
  /**
   * True once the storage refused a condition and this store checked it by reading, which is safe
   * for a single writer only. Absent where conditions are atomic.
   */
  readonly hasUnsafeConditions?: () => boolean;
  /** Releases locks and processes; the store is not used afterwards. */
  close(): Promise<void>;
}

/** S3 allows 1,024 bytes; paths in a file system must be shorter. */
const MAX_KEY_CHARACTERS = 512;
const KEY = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?(?:\/[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)*$/;

interface Detail {
  readonly detail: string;
}

/** Each reason's message. Its parameters are the fields of the failure. */
const MESSAGES = {
  invalid_key: ({ key }: { key: string }) =>
    `${JSON.stringify(key)} is not a key: expected up to ${MAX_KEY_CHARACTERS} of ` +
    `a-z, 0-9, '.', '_' and '-' in parts joined by '/', ` +
    'each starting and ending with a letter or digit',
  too_large: ({ key, maxBytes }: { key: string; maxBytes: number }) =>
    `${key} has more than the ${maxBytes} bytes allowed; it was not written by this software`,
  no_bucket: () => 'there is no such bucket; create it, or check its name and the account',
  clock_skewed: () =>
    "refused the request because this machine's clock is wrong; set it and try again",
  unreachable: ({ detail }: Detail) =>
    `cannot be reached (${detail}); check the endpoint and the network, then repeat the command`,
  credentials_refused: ({ detail }: Detail) =>
    `refused the credentials (${detail}); check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and ` +
    'AWS_SESSION_TOKEN, or the profile',
  forbidden: ({ detail }: Detail) =>
    `not allowed (${detail}); docs/publication.md lists the rights that these credentials or ` +
    'this user need. S3 also answers this for a missing object if they may not list the bucket',
  wrong_region: ({ detail }: Detail) =>
    `the bucket is in another region (${detail}); set --region or AWS_REGION`,
  full: ({ detail }: Detail) =>
    `no room left (${detail}); nothing was left half-written; ` +
    'free some space and repeat the command',
  busy: ({ detail }: Detail) => `busy (${detail}); repeat the command later`,
  unsupported: ({ detail }: Detail) => `cannot be published to (${detail}); choose another place`,
  unexpected: ({ detail }: Detail) =>
    `expected storage to do what was asked, got ${detail}; check that this is the right place`,
} as const;

export type StorageFailure = FailureOf<typeof MESSAGES>;

/** Thrown by every {@link ObjectStore}; `failure` is for code, the message for people. */
export class StorageError extends ExpectedError {
  override name = 'StorageError' as const;
  readonly failure: StorageFailure;

  /** @param where  The store's description. */
  constructor(where: string, failure: StorageFailure, options?: ErrorOptions) {
    const describe = MESSAGES[failure.reason] as (fields: StorageFailure) => string;
    super(`${where}: ${describe(failure)}`, options);
    this.failure = failure;
  }
}

export function isTooLarge(cause: unknown): boolean {
  return cause instanceof StorageError && cause.failure.reason === 'too_large';
}

export function isForbidden(cause: unknown): boolean {
  return cause instanceof StorageError && cause.failure.reason === 'forbidden';
}

/**
 * True for a key that is safe in a path and in a URL: no parent folder, no hidden name, no capital,
 * nothing to escape. Requests to the server name models and files, so keys can be hostile.
 */
export function isValidKey(key: string): boolean {
  return key.length <= MAX_KEY_CHARACTERS && KEY.test(key);
}

/** @throws StorageError  `invalid_key`. */
export function checkKey(where: string, key: string): void {
  if (!isValidKey(key)) {
    throw new StorageError(where, { reason: 'invalid_key', key });
  }
}

export function sortListed(objects: readonly ListedObject[]): ListedObject[] {
  return objects.toSorted((one, other) => (one.key < other.key ? -1 : 1));
}
