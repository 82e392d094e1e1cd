/**
 * Putting objects under keys that never change: compared where they are there, put where they are not, and read back.
 */
import { buildVersionPrefix, hashBytes } from '../../shared/model/artifact.ts';
import { StorageError, type ObjectStore } from '../../storage/object-store.ts';
import { PublishError } from './publish-error.ts';
import type { VersionId } from './ledger.ts';

/** An object of the model's in the store. */
export interface PublishedObject {
  readonly key: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** An object that shall be in the store. */
export interface Upload extends PublishedObject {
  readonly content: Uint8Array;
  readonly contentType: string;
}

export function planUpload(key: string, content: Uint8Array): Upload {
  const contentType = key.endsWith('.json') ? 'application/json' : 'application/octet-stream';
  return { key, content, contentType, bytes: content.length, sha256: hashBytes(content) };
}

export function describeObject({ key, bytes, sha256 }: Upload): PublishedObject {
  return { key, bytes, sha256 };
}

/** Those that are not listed with their size. What lies under a key was compared once and never changes. */
export async function findMissing(
  store: ObjectStore,
  { name, version }: VersionId,
  uploads: readonly Upload[],
): Promise<readonly Upload[]> {
  const listed = new Map(
    (await store.list(buildVersionPrefix(name, version))).map(({ key, bytes }) => [key, bytes]),
  );
  return uploads.filter(({ key, bytes }) => listed.get(key) !== bytes);
}

/**
 * True when the object is in the store with the same bytes, false when its key is free.
 * @throws PublishError  When other bytes are there.
 */
export async function isThere(store: ObjectStore, upload: Upload): Promise<boolean> {
  const matches = await compareStored(store, upload);
  if (matches === false) {
    throw new PublishError(store.description, { reason: 'object_differs', key: upload.key });
  }
  return matches === true;
}

/** Null when the key is free. */
async function compareStored(
  store: ObjectStore,
  { key, bytes, sha256 }: Upload,
): Promise<boolean | null> {
  try {
    const stored = await store.get(key, { maxBytes: bytes });
    return stored === null
      ? null
      : stored.bytes.length === bytes && hashBytes(stored.bytes) === sha256;
  } catch (cause) {
    if (cause instanceof StorageError && cause.failure.reason === 'too_large') {
      return false;
    }
    throw cause;
  }
}

/**
 * Writes an object that was not there and reads it back.
 * @throws PublishError  When other bytes are there, or come back.
 */
export async function putOnce(store: ObjectStore, upload: Upload): Promise<void> {
  const put = await store.put(
    upload.key,
    upload.content,
    { when: 'absent' },
    upload.contentType,
  );
  const matches = await compareStored(store, upload);
  if (matches !== true) {
    // Refused, the key was taken by another publisher meanwhile; done, the store did not keep what it was given.
    throw new PublishError(store.description, {
      reason: put.ok ? 'read_back_differs' : 'object_differs',
      key: upload.key,
    });
  }
}
