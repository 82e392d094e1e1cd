/** Reads pointer and artifacts. Checks sizes before it reads; every read ends in time. */
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
  type ManifestFile,
  type ParsedManifest,
} from '../../shared/model/artifact.ts';
import {
  ENCODER_FILE,
  ENCODER_FILES,
  MAX_ENCODER_FILE_BYTES,
  parseEncoder,
  type ParsedEncoder,
} from '../../shared/model/encoder.ts';
import type { ApiError } from '../../shared/contract/errors.ts';
import type { Log } from '../http/log.ts';
import {
  buildSignaturePath,
  SIGNATURE_BYTES,
  verifySignature,
  type PublicKey,
} from '../../shared/model/signature.ts';

/** The object storage that models are published to, on any host. */
export interface ObjectReader {
  /**
   * Reads a whole object.
   * @param maxBytes   A larger object is refused before its body is read.
   * @param knownEtag  ETag of the state that the caller has: only another state is read.
   * @throws ArtifactError  `too_large`. Any other error means that the storage failed.
   */
  read(key: string, maxBytes: number, knownEtag?: string): Promise<ObjectReading>;
}

/** An object with its opaque ETag, or the reason why none was read. */
type ObjectReading =
  | 'missing'
  | 'unchanged'
  | { readonly etag: string; readonly bytes: Uint8Array };

/** The storage failed; its content is not to blame. The same read may succeed later. */
export class StorageError extends Error {
  override name = 'StorageError' as const;
}

/** A verified document, parsed and as it was published. */
export interface StoredDocument<T> {
  readonly parsed: T;
  readonly bytes: Uint8Array;
}

export interface StoredModel {
  readonly parsed: ParsedManifest;
  readonly weights: Uint8Array;
}

export interface BundledModel {
  readonly name: string;
  readonly version: string;
  /** @throws ArtifactError  When the manifest is broken. */
  read(): StoredModel;
  /** Reads a file as it was published. @returns  undefined when there is no such file. */
  readFile(path: string): Uint8Array | undefined;
}

export type ModelStore = ReturnType<typeof createModelStore>;

/**
 * Makes a store. Its methods throw ArtifactError when an object is missing, too large, malformed,
 * unsigned or not what was promised, and StorageError when the storage fails or is too slow.
 * @param timeoutMs   Longest time for one read, head and body.
 * @param publicKeys  When there are any, one of them must have signed a model's manifest.
 */
export function createModelStore(
  objects: ObjectReader,
  timeoutMs: number,
  publicKeys: readonly PublicKey[] = [],
) {
  async function read(key: string, maxBytes: number, etag?: string): Promise<ObjectReading> {
    try {
      const reading = objects.read(key, maxBytes, etag);
      const object = await limitTime(reading, timeoutMs, `reading ${key}`);
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

  /** @param sha256  The pointer's promise. */
  async function readManifest(
    name: string,
    version: string,
    sha256?: string,
  ): Promise<StoredDocument<ParsedManifest>> {
    const key = buildKey(name, version, MANIFEST_FILE);
    const bytes = await readRequired(key, ARTIFACT_LIMITS.manifestBytes);
    const parsed = parseManifest(bytes, { name, version, sha256 });
    await requireSignature({ name, version, path: MANIFEST_FILE, signed: bytes });
    return { parsed, bytes };
  }

  /** One valid signature is enough; the others may be missing or wrong. */
  async function requireSignature(document: {
    readonly name: string;
    readonly version: string;
    readonly path: string;
    readonly signed: Uint8Array;
  }) {
    const { name, version, path: what, signed } = document;
    const checks = await Promise.allSettled(
      publicKeys.map(async (key) => {
        const path = buildKey(name, version, buildSignaturePath(key.id, what));
        const signature = await read(path, SIGNATURE_BYTES);
        return typeof signature === 'string'
          ? 'missing'
          : verifySignature(key, signature.bytes, signed);
      }),
    );
    if (
      publicKeys.length === 0 ||
      checks.some((check) => 'value' in check && check.value === true)
    ) {
      return;
    }
    const failed = checks.find((check) => check.status === 'rejected');
    if (failed !== undefined) {
      throw failed.reason;
    }
    const isWrong = checks.some((check) => 'value' in check && check.value === false);
    const reason = isWrong ? 'signature' : 'unsigned';
    throw new ArtifactError({ reason, what });
  }

  return {
    async readPointer(etag: string | undefined) {
      const object = await read(POINTER_KEY, ARTIFACT_LIMITS.pointerBytes, etag);
      return typeof object === 'string'
        ? object
        : { pointer: parsePointer(object.bytes), etag: object.etag };
    },
    /** @param manifestSha256  The pointer's promise; a pinned version is its own hash. */
    async readModel(name: string, version: string, manifestSha256?: string): Promise<StoredModel> {
      const { parsed } = await readManifest(name, version, manifestSha256);
      const { bytes } = findFile(parsed.manifest, WEIGHTS_FILE);
      const weights = await readRequired(buildKey(name, version, WEIGHTS_FILE), bytes);
      return { parsed, weights };
    },
    readManifest,
    /** Reads the description of a model's encoder. The manifest does not list it. */
    async readEncoder(model: ParsedManifest): Promise<StoredDocument<ParsedEncoder>> {
      const { name, version } = model.manifest;
      const bytes = await readRequired(
        buildKey(name, version, ENCODER_FILE),
        MAX_ENCODER_FILE_BYTES,
      );
      const parsed = parseEncoder(bytes, model);
      await requireSignature({ name, version, path: ENCODER_FILE, signed: bytes });
      return { parsed, bytes };
    },
    /** Reads a file that the manifest or the encoder's description lists. */
    async readFile({ manifest }: ParsedManifest, file: ManifestFile): Promise<Uint8Array> {
      const key = buildKey(manifest.name, manifest.version, file.path);
      const bytes = await readRequired(key, file.bytes);
      verifyFile(file, bytes);
      return bytes;
    },
  };
}

export const RETRY_AFTER_SECONDS = 10;
/** A bundled model's files are in memory. */
const OWN_READ_MS = 5_000;

type ModelReader = Pick<ModelStore, 'readManifest' | 'readEncoder' | 'readFile'>;

export type ModelFiles = ReturnType<typeof createModelFiles>;

/** Reads verified files of published models, for callers that run a model themselves. */
export function createModelFiles(
  store: ModelReader,
  bundled: readonly Pick<BundledModel, 'name' | 'version' | 'readFile'>[],
  log: Log,
) {
  const readOwn: ObjectReader['read'] = async (key) => {
    const model = bundled.find(({ name, version }) => key.startsWith(buildKey(name, version, '')));
    const bytes = model?.readFile(key.slice(buildKey(model.name, model.version, '').length));
    return bytes === undefined ? 'missing' : { etag: key, bytes };
  };
  const own = createModelStore({ read: readOwn }, OWN_READ_MS);

  /** Reads a bundled model's files from memory, and those it lacks there from the storage. */
  async function attempt<T>(
    { name, version }: { readonly name: string; readonly version: string },
    path: string,
    read: (from: ModelReader) => Promise<T>,
  ): Promise<T | ApiError> {
    const model = `${name}@${version}`;
    const isOwn = bundled.some((each) => each.name === name && each.version === version);
    try {
      const found = isOwn ? await read(own).catch(ignoreMissing) : undefined;
      return found ?? (await read(store));
    } catch (cause) {
      const failure = cause instanceof ArtifactError ? cause.failure : undefined;
      if (failure?.reason === 'missing') {
        return ENCODER_FILES.some((each) => failure.what.endsWith(each))
          ? { code: 'encoder_not_found', model }
          : { code: 'model_not_found', model };
      }
      log({ level: 'error', event: 'model_file_failed', model, path, cause });
      return { code: 'model_unavailable', retryAfterSeconds: RETRY_AFTER_SECONDS };
    }
  }

  return {
    readManifest: (name: string, version: string) =>
      attempt({ name, version }, MANIFEST_FILE, (from) => from.readManifest(name, version)),
    readEncoder: (model: ParsedManifest) =>
      attempt(model.manifest, ENCODER_FILE, (from) => from.readEncoder(model)),
    readFile: (model: ParsedManifest, file: ManifestFile) =>
      attempt(model.manifest, file.path, (from) => from.readFile(model, file)),
  };
}

/** @throws  Every other failure. */
function ignoreMissing(cause: unknown): undefined {
  if (!(cause instanceof ArtifactError) || cause.failure.reason !== 'missing') {
    throw cause;
  }
}

/**
 * Waits for a promise for a limited time; its work goes on. The timer belongs to the waiting
 * request, so it fires even when the request that began the work is gone.
 * @throws StorageError  When the time is up.
 */
export async function limitTime<T>(
  promise: Promise<T>,
  timeoutMs: number,
  what: string,
): Promise<T> {
  let timer!: ReturnType<typeof setTimeout>;
  const timeout = new Promise<never>((_, reject) => {
    const late = new StorageError(`${what} took longer than ${timeoutMs} ms`);
    timer = setTimeout(() => reject(late), timeoutMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
    promise.catch(() => undefined); // A failure after the time limit has no listener left.
  }
}
