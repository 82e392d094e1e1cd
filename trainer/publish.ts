/**
 * Publishing a model: its files under keys that never change, then its manifest, then, by compare-and-swap, the one
 * pointer to what is served. Stopped anywhere, the old model is served and the command can be repeated; publishing what
 * is served already changes nothing.
 */
import {
  ARTIFACT_LIMITS,
  ArtifactError,
  buildKey,
  encodeManifest,
  encodePointer,
  hashBytes,
  MANIFEST_FILE,
  parsePointer,
  POINTER_KEY,
  type Pointer,
} from '../shared/artifact.ts';
import { ExpectedError } from './expected-error.ts';
import { readArtifactFolder } from './storage/artifact-folder.ts';
import { computeBackoffMs, realWaiting, type Waiting } from './storage/backoff.ts';
import { checkConditionalWrites } from './storage/conditional-writes.ts';
import { StorageError, type ObjectStore } from './storage/object-store.ts';

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

export type PublishFailure =
  | { readonly reason: 'object_differs'; readonly key: string }
  | { readonly reason: 'read_back_differs'; readonly key: string }
  | { readonly reason: 'pointer_refused'; readonly cause: ArtifactError }
  | { readonly reason: 'pointer_too_large'; readonly bytes: number }
  | { readonly reason: 'conditions_ignored'; readonly createOnly: boolean; readonly compareAndSwap: boolean }
  | { readonly reason: 'pointer_contended'; readonly attempts: number };

/** Thrown when publishing must not go on; what was served before is still served. */
export class PublishError extends ExpectedError {
  override name = 'PublishError' as const;
  readonly failure: PublishFailure;

  /** @param where  The store's description. */
  constructor(where: string, failure: PublishFailure) {
    super(`${where}: ${describeFailure(failure)}`, failure.reason === 'pointer_refused' ? { cause: failure.cause } : undefined);
    this.failure = failure;
  }
}

function describeFailure(failure: PublishFailure): string {
  switch (failure.reason) {
    case 'object_differs':
      return `expected ${failure.key} to be free or to hold the same bytes, got other bytes there; what is published never changes: delete that object if it is damaged, then repeat`;
    case 'read_back_differs':
      return `${failure.key} reads back other than it was written; delete it and repeat the command, and if that does not help do not trust this storage`;
    case 'pointer_refused':
      return failure.cause.failure.reason === 'schema_unknown'
        ? `${failure.cause.message}; nothing was changed`
        : `${failure.cause.message}; nothing was changed: put a good ${POINTER_KEY} back, or delete it, and then publish every model that shall be served`;
    case 'pointer_too_large':
      return `${POINTER_KEY} would have ${failure.bytes} bytes, at most ${ARTIFACT_LIMITS.pointerBytes} allowed; take models out of it first`;
    case 'conditions_ignored':
      return (
        `this storage ignores ${[failure.createOnly ? [] : 'If-None-Match', failure.compareAndSwap ? [] : 'If-Match'].flat().join(' and ')} on a put, ` +
        'so that two publishers at once can undo each other; if you are the only one, repeat with --allow-unsafe-pointer'
      );
    case 'pointer_contended':
      return `${POINTER_KEY} was changed by others in each of ${failure.attempts} attempts; the model's files are there, repeat the command`;
  }
}

const POINTER_ATTEMPTS = 12;
/** R2 takes one write a second to one key. */
const POINTER_WAIT_MS = { base: 250, max: 4000 };

/** An object that shall be in the store. */
interface Upload extends PublishedObject {
  readonly content: Uint8Array;
  readonly contentType: string;
}

/** The pointer as it lies in the store; null when there is none. */
type StoredPointer = { readonly pointer: Pointer; readonly etag: string } | null;

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
  const { moved, before: replaced, defaultName } = await movePointer(options, published, isSafe);
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

/**
 * Reads the pointer.
 * @throws PublishError  When it is malformed or of a newer schema: then it must not be overwritten.
 */
async function readPointer(store: ObjectStore): Promise<StoredPointer> {
  const stored = await store.get(POINTER_KEY, { maxBytes: ARTIFACT_LIMITS.pointerBytes });
  try {
    return stored === null ? null : { pointer: parsePointer(stored.bytes), etag: stored.etag };
  } catch (cause) {
    if (cause instanceof ArtifactError) {
      throw new PublishError(store.description, { reason: 'pointer_refused', cause });
    }
    throw cause;
  }
}

interface Published {
  readonly name: string;
  readonly version: string;
  readonly manifestSha256: string;
  readonly makeDefault: boolean;
}

/** The pointer that serves this model beside the others; null when the present one does so already. */
function mergePointer(store: ObjectStore, before: StoredPointer, published: Published, now: () => Date): Pointer | null {
  const { name, version, manifestSha256 } = published;
  const present = before?.pointer.models[name];
  const isServed = present?.version === version && present.manifestSha256 === manifestSha256;
  const defaultName = before === null || published.makeDefault ? name : before.pointer.default;
  if (isServed && before?.pointer.default === defaultName) {
    return null;
  }
  const entry = isServed ? present : { version, manifestSha256, publishedAt: now().toISOString() };
  const merged: Pointer = { schema: 1, default: defaultName, models: { ...before?.pointer.models, [name]: entry } };
  const bytes = encodePointer(merged).length;
  if (bytes > ARTIFACT_LIMITS.pointerBytes) {
    throw new PublishError(store.description, { reason: 'pointer_too_large', bytes });
  }
  return merged;
}

/** Moves the pointer by compare-and-swap, starting again from what others made of it meanwhile. */
async function movePointer(
  { store, now, waiting = realWaiting }: PublishOptions,
  published: Published,
  isSafe: boolean,
): Promise<{ moved: boolean; before: StoredPointer; defaultName: string }> {
  for (let attempt = 0; attempt < POINTER_ATTEMPTS; attempt += 1) {
    const before = await readPointer(store);
    const wanted = mergePointer(store, before, published, now);
    if (wanted === null) {
      return { moved: false, before, defaultName: before?.pointer.default ?? published.name };
    }
    const condition = before === null ? ({ when: 'absent' } as const) : ({ when: 'unchanged', etag: before.etag } as const);
    const put = await store.put(POINTER_KEY, encodePointer(wanted), condition, { contentType: 'application/json' });
    if (put.ok && (isSafe || (await isStillServed(store, published)))) {
      return { moved: true, before, defaultName: wanted.default };
    }
    await waiting.sleep(computeBackoffMs(attempt, POINTER_WAIT_MS.base, POINTER_WAIT_MS.max, waiting.random));
  }
  throw new PublishError(store.description, { reason: 'pointer_contended', attempts: POINTER_ATTEMPTS });
}

/** Where conditions are ignored, another publisher may have written over the entry; seen at once, it is put back. */
async function isStillServed(store: ObjectStore, { name, version }: Published): Promise<boolean> {
  return (await readPointer(store))?.pointer.models[name]?.version === version;
}
