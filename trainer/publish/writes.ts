/**
 * Writes objects that never change and objects that several writers change, and probes whether the
 * store honours the conditions that both rely on.
 */
import { randomUUID } from 'node:crypto';
import { buildVersionPrefix, hashBytes } from '../../shared/model/artifact.ts';
import { isTooLarge, StorageError, type ObjectStore } from '../../storage/object-store.ts';
import { repeat, type Waiting } from '../../storage/retry.ts';
import { PublishError } from './publish-error.ts';

export interface VersionId {
  readonly name: string;
  readonly version: string;
}

export function isSameVersion(one: VersionId, other: VersionId): boolean {
  return one.name === other.name && one.version === other.version;
}

export function includesVersion(versions: readonly VersionId[], id: VersionId): boolean {
  return versions.some((each) => isSameVersion(each, id));
}

/** A store and a clock, for every change in the store. */
export interface Publication {
  /** The caller closes it. */
  readonly store: ObjectStore;
  readonly now: () => Date;
  readonly waiting?: Waiting | undefined;
}

/** Options of every command that writes. */
export interface WriteOptions extends Publication {
  /** True to check everything and write nothing. */
  readonly dryRun?: boolean;
  /**
   * True to use a store that ignores or refuses conditions, where two publishers can undo each
   * other.
   */
  readonly allowUnsafePointer?: boolean;
  readonly onConditionsIgnored?: () => void;
  /** Called once when the command waits for a deleter's lease to end. */
  readonly onWait?: (version: VersionId, until: Date) => void;
}

export type Upload = ReturnType<typeof planUpload>;
export type PublishedObject = Upload['object'];

export function planUpload(key: string, content: Uint8Array) {
  return { object: { key, bytes: content.length, sha256: hashBytes(content) }, content };
}

/** Finds uploads that are not listed with their size. Content was compared when it was written. */
export async function findMissing(
  store: ObjectStore,
  { name, version }: VersionId,
  uploads: readonly Upload[],
): Promise<readonly Upload[]> {
  const listed = await store.list(buildVersionPrefix(name, version));
  const sizes = new Map(listed.map(({ key, bytes }) => [key, bytes]));
  return uploads.filter(({ object }) => sizes.get(object.key) !== object.bytes);
}

/**
 * @returns  False when the key is free.
 * @throws PublishError  When the object there has other bytes.
 */
export async function isThere(store: ObjectStore, object: PublishedObject): Promise<boolean> {
  const state = await compareStored(store, object);
  if (state === 'different') {
    throw new PublishError(store.description, { reason: 'object_differs', key: object.key });
  }
  return state === 'same';
}

async function compareStored(store: ObjectStore, { key, bytes, sha256 }: PublishedObject) {
  try {
    const stored = await store.get(key, bytes);
    if (stored === null) {
      return 'free';
    }
    return hashBytes(stored.bytes) === sha256 ? 'same' : 'different';
  } catch (cause) {
    if (isTooLarge(cause)) {
      return 'different';
    }
    throw cause;
  }
}

export const JSON_TYPE = 'application/json';

/**
 * Creates an object and reads it back.
 * @throws PublishError  When another publisher took the key, or the store kept other bytes or none.
 */
export async function putOnce(store: ObjectStore, { object, content }: Upload): Promise<void> {
  const { key } = object;
  const type = key.endsWith('.json') ? JSON_TYPE : 'application/octet-stream';
  const isNew = await store.put(key, content, null, type);
  const state = await compareStored(store, object);
  if (state !== 'same') {
    const reason = isNew || state === 'free' ? 'read_back_differs' : 'object_differs';
    throw new PublishError(store.description, { reason, key });
  }
}

const ATTEMPTS = 12;
/** R2 takes one write a second to one key. */
const BACKOFF = { baseMs: 250, maxMs: 4000 };

/**
 * Repeats a compare-and-swap, from its read on, until it does not resolve to undefined.
 * @throws PublishError  `contended`, when others came first in every attempt.
 */
export async function retryContended<T extends object>(
  { store, waiting }: Publication,
  key: string,
  attempt: () => Promise<T | undefined>,
): Promise<T> {
  const done = await repeat(attempt, BACKOFF, { attempts: ATTEMPTS, waiting });
  if (done === undefined) {
    throw new PublishError(store.description, { reason: 'contended', key, attempts: ATTEMPTS });
  }
  return done;
}

/** Keys of probes start with this. A killed publisher leaves its probe. */
export const PROBE_PREFIX = 'publish-probe-';

/**
 * Tries conditional writes on an object of its own, which it removes. Some S3 servers accept the
 * headers and ignore them, and then two publishers undo each other without an error. Others refuse
 * them.
 * @returns  `createOnly`: an object that is there is kept. `compareAndSwap`: a put is refused for
 *           another ETag and done for the right one.
 * @throws StorageError  When nothing can be written at all.
 */
export async function checkConditionalWrites(store: ObjectStore) {
  const key = `${PROBE_PREFIX}${randomUUID()}`;
  /** False also when a server says that it does not know the condition; no folder does. */
  const put = async (text: string, etag: string | null): Promise<boolean> => {
    try {
      return await store.put(key, new TextEncoder().encode(text), etag);
    } catch (cause) {
      const isServer = store.hasUnsafeConditions !== undefined;
      if (isServer && cause instanceof StorageError && cause.failure.reason === 'unsupported') {
        return false;
      }
      throw cause;
    }
  };
  try {
    if (!(await put('first', null))) {
      return { createOnly: false, compareAndSwap: false };
    }
    const createOnly = !(await put('second', null));
    const isSwappedWrongly = await put('third', `"${'0'.repeat(32)}"`);
    const etag = (await store.get(key))?.etag;
    const isSwapped = etag !== undefined && (await put('fourth', etag));
    return { createOnly, compareAndSwap: !isSwappedWrongly && isSwapped };
  } finally {
    await store.delete(key);
  }
}

/**
 * @returns  False when the store ignores or refuses conditions and the caller allows that.
 * @throws PublishError  When it does so and the caller does not.
 */
export async function requireConditionalWrites(options: WriteOptions): Promise<boolean> {
  const { store, allowUnsafePointer = false, onConditionsIgnored } = options;
  const honoured = await checkConditionalWrites(store);
  const isUnsafe = store.hasUnsafeConditions?.() === true;
  if (honoured.createOnly && honoured.compareAndSwap && !isUnsafe) {
    return true;
  }
  if (!allowUnsafePointer) {
    throw new PublishError(store.description, { reason: 'conditions_ignored', ...honoured });
  }
  onConditionsIgnored?.();
  return false;
}
