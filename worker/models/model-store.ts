/**
 * Reads pointer and artifacts from object storage. Promises that no body is read whose size was not checked first, and
 * that every read ends in time.
 */
import {
  ARTIFACT_LIMITS,
  ArtifactError,
  buildKey,
  findFile,
  MANIFEST_FILE,
  parseManifest,
  parsePointer,
  POINTER_KEY,
  verifyFile,
  WEIGHTS_FILE,
  type ParsedManifest,
  type Pointer,
} from '../../shared/model/artifact.ts';
import {
  buildSignaturePath,
  SIGNATURE_BYTES,
  verifySignature,
  type PublicKey,
} from '../../shared/model/signature.ts';

/** Where published models lie: all that the app needs of storage, on whatever host. */
export interface ObjectReader {
  /**
   * Reads an object whole.
   *
   * @param maxBytes   A larger object is refused before it is read.
   * @param knownEtag  Of the state that the caller has: then only another one is read.
   * @throws ArtifactError  `too_large`. Whatever else is thrown means that the storage failed.
   */
  read(key: string, maxBytes: number, knownEtag?: string): Promise<ObjectReading>;
}

/** An object, or why there is none. `etag` names this state of it, opaquely. */
export type ObjectReading =
  | 'missing'
  | 'unchanged'
  | { readonly etag: string; readonly bytes: Uint8Array };

/** The storage failed, as opposed to what lies in it: later, the same read may succeed. */
export class StorageError extends Error {
  override name = 'StorageError' as const;
}

/** A pointer as it was found. `etag` names this state of it. */
export type PointerReading =
  | { readonly state: 'missing' }
  | { readonly state: 'unchanged' }
  | { readonly state: 'read'; readonly pointer: Pointer; readonly etag: string };

/** Checked manifest and the weights' bytes, which are not verified yet: `openModel` does that. */
export interface StoredModel {
  readonly parsed: ParsedManifest;
  readonly weights: Uint8Array;
}

export interface ModelStore {
  /**
   * Reads the pointer, unless it is still the one that `etag` names.
   * @throws ArtifactError  When it is not a pointer.
   * @throws StorageError   When the storage fails or is too slow.
   */
  readPointer(etag: string | undefined): Promise<PointerReading>;
  /**
   * Reads a version.
   * @param manifestSha256  What the pointer promised; a pinned version is checked by its own hash alone.
   * @throws ArtifactError  When it is missing, too large, malformed, not what was promised, or not signed as it must be.
   * @throws StorageError   When the storage fails or is too slow.
   */
  readModel(
    name: string,
    version: string,
    manifestSha256: string | undefined,
  ): Promise<StoredModel>;
}

/** Reads the files of published models as they are. */
export interface FileStore {
  /**
   * Reads a version's file.
   * @throws ArtifactError  When it is missing, too large, or not what the manifest promised.
   * @throws StorageError   When the storage fails or is too slow.
   */
  readFile(name: string, version: string, path: string): Promise<Uint8Array>;
}

/**
 * Makes a store of what lies in object storage.
 *
 * @param timeoutMs   How long one read, head and body, may take.
 * @param publicKeys  When there are any, a model is refused unless one of them signed its manifest.
 */
export function createModelStore(
  objects: ObjectReader,
  timeoutMs: number,
  publicKeys: readonly PublicKey[] = [],
): ModelStore & FileStore {
  async function read(key: string, maxBytes: number, etag?: string): Promise<ObjectReading> {
    try {
      const object = await limitTime(
        objects.read(key, maxBytes, etag),
        timeoutMs,
        `reading ${key}`,
      );
      if (object === 'unchanged' && etag === undefined) {
        throw new Error('unchanged, though no state of it was known');
      }
      return object;
    } catch (cause) {
      if (cause instanceof ArtifactError || cause instanceof StorageError) {
        throw cause;
      }
      throw new StorageError(`reading ${key} failed`, { cause });
    }
  }

  async function readRequired(key: string, maxBytes: number): Promise<Uint8Array> {
    const object = await read(key, maxBytes);
    if (typeof object === 'string') {
      throw new ArtifactError({ reason: 'missing', what: key });
    }
    return object.bytes;
  }

  async function readManifest(
    name: string,
    version: string,
    sha256?: string,
  ): Promise<[ParsedManifest, Uint8Array]> {
    const bytes = await readRequired(
      buildKey(name, version, MANIFEST_FILE),
      ARTIFACT_LIMITS.manifestBytes,
    );
    const parsed = parseManifest(bytes, { name, version, ...(sha256 !== undefined && { sha256 }) });
    await requireSignature(name, version, bytes);
    return [parsed, bytes];
  }

  async function requireSignature(
    name: string,
    version: string,
    manifest: Uint8Array,
  ): Promise<void> {
    const checks = await Promise.all(
      publicKeys.map(async (key) => {
        const signature = await read(
          buildKey(name, version, buildSignaturePath(key.id)),
          SIGNATURE_BYTES,
        );
        return typeof signature === 'string'
          ? 'missing'
          : await verifySignature(key, signature.bytes, manifest);
      }),
    );
    if (publicKeys.length > 0 && !checks.includes(true)) {
      throw new ArtifactError({
        reason: checks.includes(false) ? 'signature' : 'unsigned',
        what: MANIFEST_FILE,
      });
    }
  }

  return {
    async readPointer(etag) {
      const object = await read(POINTER_KEY, ARTIFACT_LIMITS.pointerBytes, etag);
      return typeof object === 'string'
        ? { state: object }
        : { state: 'read', pointer: parsePointer(object.bytes), etag: object.etag };
    },
    async readModel(name, version, manifestSha256) {
      const [parsed] = await readManifest(name, version, manifestSha256);
      const weights = await readRequired(
        buildKey(name, version, WEIGHTS_FILE),
        findFile(parsed.manifest, WEIGHTS_FILE).bytes,
      );
      return { parsed, weights };
    },
    async readFile(name, version, path) {
      const [{ manifest }, manifestBytes] = await readManifest(name, version);
      if (path === MANIFEST_FILE) {
        return manifestBytes;
      }
      const file = findFile(manifest, path);
      const bytes = await readRequired(buildKey(name, version, path), file.bytes);
      verifyFile(file, bytes);
      return bytes;
    },
  };
}

/**
 * Waits for a promise, but not for ever. The timer belongs to the request that waits, so it rings even when the request
 * that the promise belongs to is gone.
 *
 * @throws StorageError  When the time is up; what was begun goes on unheard.
 */
export async function limitTime<T>(
  promise: Promise<T>,
  timeoutMs: number,
  what: string,
): Promise<T> {
  // Not Promise.withResolvers: the server runs on Node 20 too.
  let giveUp: (cause: StorageError) => void = () => undefined;
  const timeout = new Promise<never>((_, reject) => {
    giveUp = reject;
  });
  const timer = setTimeout(
    () => giveUp(new StorageError(`${what} took longer than ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
    promise.catch(() => undefined); // Its failure, should it come too late, has nobody left to tell.
  }
}
