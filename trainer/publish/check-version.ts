/**
 * Checks a version in a store as a worker would and further: every object is read, its size and SHA-256 are compared with
 * the manifest's, the weights are decoded, and signatures are verified.
 */
import {
  ARTIFACT_LIMITS,
  ArtifactError,
  buildKey,
  buildVersionPrefix,
  decodeWeights,
  hashBytes,
  MANIFEST_FILE,
  parseManifest,
  verifyFile,
  WEIGHTS_FILE,
  type Manifest,
  type ManifestFile,
  type ParsedManifest,
} from '../../shared/model/artifact.ts';
import {
  buildSignaturePath,
  parseSignaturePath,
  SIGNATURE_BYTES,
  verifySignature,
  type PublicKey,
} from '../../shared/model/signature.ts';
import { StorageError, type ListedObject, type ObjectStore } from '../../storage/object-store.ts';
import { PublishError } from './publish-error.ts';
import { nameVersion, type VersionId } from './ledger.ts';

/** What is wrong with an object. */
export interface Fault {
  readonly key: string;
  readonly problem: string;
}

export interface CheckedVersion extends VersionId {
  readonly faults: readonly Fault[];
  /** Absent when it could not be read or trusted. */
  readonly manifest?: Manifest;
  readonly manifestSha256?: string;
  readonly objects: number;
  readonly bytes: number;
  /** Keys whose signature lies there; with `publicKeys` only those of them whose signature is right. */
  readonly signedBy: readonly string[];
}

export interface CheckOptions {
  /** The version's objects, as listed. */
  readonly objects: readonly ListedObject[];
  /** What the pointer promises, where it serves this version. */
  readonly manifestSha256?: string | undefined;
  /** When there are any, one of them must have signed the manifest. */
  readonly publicKeys?: readonly PublicKey[];
}

/**
 * Checks a version.
 * @throws StorageError  When the store fails; what is wrong with the version is in `faults`.
 */
export async function checkVersion(
  store: ObjectStore,
  id: VersionId,
  options: CheckOptions,
): Promise<CheckedVersion> {
  const { objects, manifestSha256, publicKeys = [] } = options;
  const { name, version } = id;
  const keyOf = (path: string): string => buildKey(name, version, path);
  const faults: Fault[] = [];
  const note = (path: string, problem: string): void =>
    void faults.push({ key: keyOf(path), problem });

  const manifestBytes = await readObject(
    store,
    keyOf(MANIFEST_FILE),
    ARTIFACT_LIMITS.manifestBytes,
    faults,
  );
  const parsed =
    manifestBytes &&
    catchArtifactFault(keyOf(MANIFEST_FILE), faults, () =>
      parseManifest(manifestBytes, {
        name,
        version,
        ...(manifestSha256 !== undefined && { sha256: manifestSha256 }),
      }),
    );
  for (const file of parsed?.manifest.files ?? []) {
    await checkFile(store, keyOf(file.path), file, parsed as ParsedManifest, faults);
  }

  const paths = objects.map(({ key }) => key.slice(keyOf('').length));
  const listed = new Set([
    MANIFEST_FILE,
    ...(parsed?.manifest.files ?? []).map((file) => file.path),
  ]);
  for (const path of parsed === undefined ? [] : paths) {
    if (!listed.has(path) && parseSignaturePath(path) === undefined) {
      note(path, 'is not listed in the manifest');
    }
  }
  const signedBy =
    manifestBytes === undefined
      ? []
      : await findSigners(store, id, paths, manifestBytes, publicKeys, faults);
  if (manifestBytes !== undefined && publicKeys.length > 0 && signedBy.length === 0) {
    note(MANIFEST_FILE, 'is not signed by any of the public keys given');
  }
  return {
    name,
    version,
    faults,
    ...(parsed !== undefined && { manifest: parsed.manifest }),
    ...(manifestBytes !== undefined && { manifestSha256: hashBytes(manifestBytes) }),
    objects: objects.length,
    bytes: objects.reduce((sum, object) => sum + object.bytes, 0),
    signedBy,
  };
}

async function checkFile(
  store: ObjectStore,
  key: string,
  file: ManifestFile,
  parsed: ParsedManifest,
  faults: Fault[],
): Promise<void> {
  // One byte more than listed, so that a longer one is told apart.
  const bytes = await readObject(store, key, file.bytes + 1, faults);
  if (bytes !== undefined) {
    catchArtifactFault(key, faults, () => {
      verifyFile(file, bytes);
      if (file.path === WEIGHTS_FILE) {
        decodeWeights(parsed, bytes);
      }
    });
  }
}

/** Without public keys the ids of those that signed; with keys those whose signature is right, and a fault for each that is not. */
async function findSigners(
  store: ObjectStore,
  { name, version }: VersionId,
  paths: readonly string[],
  manifestBytes: Uint8Array,
  publicKeys: readonly PublicKey[],
  faults: Fault[],
): Promise<string[]> {
  const there = paths.map(parseSignaturePath).filter((id) => id !== undefined);
  if (publicKeys.length === 0) {
    return there;
  }
  const signers: string[] = [];
  for (const publicKey of publicKeys.filter(({ id }) => there.includes(id))) {
    const key = buildKey(name, version, buildSignaturePath(publicKey.id));
    const signature = await readObject(store, key, SIGNATURE_BYTES, faults);
    if (signature === undefined) {
      continue;
    }
    if (await verifySignature(publicKey, signature, manifestBytes)) {
      signers.push(publicKey.id);
    } else {
      faults.push({ key, problem: 'is not the signature of this manifest' });
    }
  }
  return signers;
}

/** Undefined when it is missing or too large, which is a fault. */
async function readObject(
  store: ObjectStore,
  key: string,
  maxBytes: number,
  faults: Fault[],
): Promise<Uint8Array | undefined> {
  try {
    const object = await store.get(key, { maxBytes });
    if (object === null) {
      faults.push({ key, problem: 'is missing' });
    }
    return object?.bytes;
  } catch (cause) {
    if (cause instanceof StorageError && cause.failure.reason === 'too_large') {
      faults.push({ key, problem: `has more than the ${maxBytes} bytes that it may have` });
      return undefined;
    }
    throw cause;
  }
}

function catchArtifactFault<T>(key: string, faults: Fault[], check: () => T): T | undefined {
  try {
    return check();
  } catch (cause) {
    if (cause instanceof ArtifactError) {
      faults.push({ key, problem: cause.message });
      return undefined;
    }
    throw cause;
  }
}

/**
 * Checks that a version's manifest is there, and so, by the order in which files come and go, the version.
 * @throws PublishError  `not_whole`.
 */
export async function requireManifest(store: ObjectStore, id: VersionId): Promise<void> {
  const key = buildKey(id.name, id.version, MANIFEST_FILE);
  const listed = await store.list(buildVersionPrefix(id.name, id.version));
  if (!listed.some((object) => object.key === key)) {
    const faults = [{ key, problem: 'is missing' }];
    throw new PublishError(store.description, {
      reason: 'not_whole',
      version: nameVersion(id),
      faults,
    });
  }
}

/**
 * Checks that a version is whole.
 *
 * @returns  The SHA-256 of its manifest.
 * @throws PublishError  `not_whole`, with all that is wrong.
 */
export async function requireWhole(store: ObjectStore, id: VersionId): Promise<string> {
  const objects = await store.list(buildVersionPrefix(id.name, id.version));
  const { faults, manifestSha256 } = await checkVersion(store, id, { objects });
  if (faults.length > 0 || manifestSha256 === undefined) {
    throw new PublishError(store.description, {
      reason: 'not_whole',
      version: nameVersion(id),
      faults,
    });
  }
  return manifestSha256;
}
