/**
 * Publishing a model: its files under keys that never change, then its manifest, then, by compare-and-swap, the one
 * pointer to what is served. Stopped anywhere, the old model is served and the command can be repeated; publishing what
 * is served already changes nothing.
 */
import { buildKey, encodeManifest, hashBytes, MANIFEST_FILE } from '../shared/artifact.ts';
import { readArtifactFolder } from './storage/artifact-folder.ts';
import type { Waiting } from './storage/backoff.ts';
import { checkConditionalWrites } from './storage/conditional-writes.ts';
import { StorageError, type ObjectStore } from './storage/object-store.ts';
import { PublishError } from './storage/publish-error.ts';
import { mergePointer, movePointer, readPointer, type StoredPointer } from './storage/served-pointer.ts';

export interface PublishOptions {
  /** Not closed. */
  readonly store: ObjectStore;
  /** The artifact's folder. */
  readonly folder: string;
  /** True to serve this model where a request names none. The first model of a store is that in any case. */
  readonly makeDefault: boolean;
  readonly now: () => Date;
  /** True to go on with a store that ignores conditions; the pointer may then lose an entry to another publisher. */
  readonly allowUnsafePointer?: boolean;
  /** True to check everything and write nothing. */
  readonly dryRun?: boolean;
  readonly onProgress?: (event: PublishEvent) => void;
  readonly waiting?: Waiting;
}

/** An object of the model's in the store. */
export interface PublishedObject {
  readonly key: string;
  readonly bytes: number;
  readonly sha256: string;
}

export type PublishEvent =
  | { readonly type: 'uploaded' | 'already_there'; readonly object: PublishedObject }
  | { readonly type: 'conditions_ignored' };

export interface PublishResult {
  readonly name: string;
  readonly version: string;
  /** What was written, or for a dry run would be. */
  readonly uploaded: readonly PublishedObject[];
  readonly alreadyThere: readonly PublishedObject[];
  /** True when the pointer was changed, or for a dry run would be. */
  readonly pointerMoved: boolean;
  /** The version of this model that was served before; null when there was none. */
  readonly previousVersion: string | null;
  /** The model that is served when a request names none. */
  readonly defaultName: string;
  readonly previousDefaultName: string | null;
}

/** An object that shall be in the store. */
interface Upload extends PublishedObject {
  readonly content: Uint8Array;
  readonly contentType: string;
}

/**
 * Publishes an artifact folder.
 *
 * @throws ArtifactFolderError  When the folder is not one whole artifact.
 * @throws PublishError         When the store holds what must not be overwritten, or does not keep its word.
 * @throws StorageError         When the store fails.
 */
export async function publishArtifact(options: PublishOptions): Promise<PublishResult> {
  const { store, folder, dryRun = false, allowUnsafePointer = false, onProgress = () => {} } = options;
  const { manifest, files } = await readArtifactFolder(folder);
  const { name, version } = manifest;
  const manifestBytes = encodeManifest(manifest);
  // The manifest comes last: where it lies, all that it lists lies too.
  const uploads = [...files, [MANIFEST_FILE, manifestBytes] as const].map(([path, content]) =>
    planUpload(buildKey(name, version, path), content),
  );

  const before = await readPointer(store);
  const missing: Upload[] = [];
  const alreadyThere: PublishedObject[] = [];
  for (const upload of uploads) {
    if (await isThere(store, upload)) {
      alreadyThere.push(describeObject(upload));
      onProgress({ type: 'already_there', object: describeObject(upload) });
    } else {
      missing.push(upload);
    }
  }
  const published = { name, version, manifestSha256: hashBytes(manifestBytes), makeDefault: options.makeDefault };
  const wanted = mergePointer(store, before, published, options.now);
  const result = {
    name,
    version,
    uploaded: missing.map(describeObject),
    alreadyThere,
    pointerMoved: wanted !== null,
    ...describeMove(before, name),
    defaultName: (wanted ?? before?.pointer)?.default ?? name,
  };
  if (dryRun || (missing.length === 0 && wanted === null)) {
    return result;
  }

  const isSafe = await requireConditionalWrites(store, allowUnsafePointer, onProgress);
  for (const upload of missing) {
    await putOnce(store, upload);
    onProgress({ type: 'uploaded', object: describeObject(upload) });
  }
  const {
    moved,
    before: replaced,
    defaultName,
  } = await movePointer(store, published, { now: options.now, waiting: options.waiting, isSafe });
  return { ...result, ...describeMove(replaced, name), pointerMoved: moved, defaultName };
}

function planUpload(key: string, content: Uint8Array): Upload {
  const contentType = key.endsWith('.json') ? 'application/json' : 'application/octet-stream';
  return { key, content, contentType, bytes: content.length, sha256: hashBytes(content) };
}

function describeObject({ key, bytes, sha256 }: Upload): PublishedObject {
  return { key, bytes, sha256 };
}

function describeMove(before: StoredPointer, name: string): Pick<PublishResult, 'previousVersion' | 'previousDefaultName'> {
  return { previousVersion: before?.pointer.models[name]?.version ?? null, previousDefaultName: before?.pointer.default ?? null };
}

/**
 * True when the store honours conditions; false when it does not and the caller allows that.
 * @throws PublishError  When it does not and the caller does not.
 */
async function requireConditionalWrites(
  store: ObjectStore,
  allowUnsafePointer: boolean,
  onProgress: (event: PublishEvent) => void,
): Promise<boolean> {
  const { createOnly, compareAndSwap } = await checkConditionalWrites(store);
  if (createOnly && compareAndSwap) {
    return true;
  }
  if (!allowUnsafePointer) {
    throw new PublishError(store.description, { reason: 'conditions_ignored', createOnly, compareAndSwap });
  }
  onProgress({ type: 'conditions_ignored' });
  return false;
}

/**
 * True when the object is in the store with the same bytes, false when its key is free.
 * @throws PublishError  When other bytes are there.
 */
async function isThere(store: ObjectStore, upload: Upload): Promise<boolean> {
  const matches = await compareStored(store, upload);
  if (matches === false) {
    throw new PublishError(store.description, { reason: 'object_differs', key: upload.key });
  }
  return matches === true;
}

/** Null when the key is free. */
async function compareStored(store: ObjectStore, { key, bytes, sha256 }: Upload): Promise<boolean | null> {
  try {
    const stored = await store.get(key, { maxBytes: bytes });
    return stored === null ? null : stored.bytes.length === bytes && hashBytes(stored.bytes) === sha256;
  } catch (cause) {
    if (cause instanceof StorageError && cause.failure.reason === 'too_large') {
      return false;
    }
    throw cause;
  }
}

/** Writes an object that was not there and reads it back. */
async function putOnce(store: ObjectStore, upload: Upload): Promise<void> {
  const put = await store.put(upload.key, upload.content, { when: 'absent' }, { contentType: upload.contentType });
  const matches = await compareStored(store, upload);
  if (matches !== true) {
    // Refused, the key was taken by another publisher meanwhile; done, the store did not keep what it was given.
    throw new PublishError(store.description, { reason: put.ok ? 'read_back_differs' : 'object_differs', key: upload.key });
  }
}
