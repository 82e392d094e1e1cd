/**
 * Verifies versions in a store: reads every object, compares size and SHA-256 with the manifest,
 * draws with the weights and verifies signatures.
 */
import {
  ARTIFACT_LIMITS,
  ArtifactError,
  buildKey,
  buildVersionPrefix,
  hashBytes,
  MANIFEST_FILE,
  nameVersion,
  parseManifest,
  POINTER_KEY,
  verifyFile,
  WEIGHTS_FILE,
} from '../../shared/model/artifact.ts';
import {
  decodeEncoderWeights,
  ENCODER_FILE,
  ENCODER_FILES,
  ENCODER_LIMITS,
  ENCODER_WEIGHTS_FILE,
  MAX_ENCODER_FILE_BYTES,
  parseEncoder,
} from '../../shared/model/encoder.ts';
import {
  buildSignaturePath,
  parseSignaturePath,
  SIGNATURE_BYTES,
  verifySignature,
  type PublicKey,
} from '../../shared/model/signature.ts';
import { isTooLarge, type ListedObject, type ObjectStore } from '../../storage/object-store.ts';
import { checkDrawing } from './artifact-folder.ts';
import { isMeant, listMissing, surveyStore, type ModelId } from './catalogue.ts';
import { findServed, LEDGER_KEY } from './ledger.ts';
import type { VersionId } from './writes.ts';
import { PublishError, type Fault } from './publish-error.ts';

export type CheckedVersion = Awaited<ReturnType<typeof checkVersion>>;

/**
 * @param objects         The version's objects, as listed.
 * @param manifestSha256  The pointer's promise, where it serves this version.
 * @param publicKeys      When there are any, one of them must have signed the manifest, and one the
 *                        encoder.
 * @throws StorageError  When the store fails; problems with the version are in `faults`.
 */
async function checkVersion(
  store: ObjectStore,
  { name, version }: VersionId,
  objects: readonly ListedObject[],
  manifestSha256?: string,
  publicKeys: readonly PublicKey[] = [],
) {
  const faults: Fault[] = [];
  const folder = buildKey(name, version, '');
  const note = (path: string, problem: string): void =>
    void faults.push({ key: folder + path, problem });

  /** A missing or too large object is a fault. */
  async function read(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    try {
      const object = await store.get(folder + path, maxBytes);
      if (object === null) {
        note(path, 'is missing');
      }
      return object?.bytes;
    } catch (cause) {
      if (isTooLarge(cause)) {
        note(path, `has more than the ${maxBytes} bytes that it may have`);
        return undefined;
      }
      throw cause;
    }
  }

  function noteFailure<T>(path: string, check: () => T): T | undefined {
    try {
      return check();
    } catch (cause) {
      if (cause instanceof ArtifactError) {
        note(path, cause.message);
        return undefined;
      }
      throw cause;
    }
  }

  /**
   * Finds the keys that signed a file. Without public keys nothing can be verified, and all
   * signatures are listed.
   */
  async function findSigners(file: string, content: Uint8Array): Promise<string[]> {
    const signed = paths.flatMap((path) => parseSignaturePath(path, file) ?? []);
    const signers: string[] = [];
    for (const publicKey of publicKeys.filter(({ id }) => signed.includes(id))) {
      const path = buildSignaturePath(publicKey.id, file);
      const signature = await read(path, SIGNATURE_BYTES);
      if (signature !== undefined && (await verifySignature(publicKey, signature, content))) {
        signers.push(publicKey.id);
      } else if (signature !== undefined) {
        note(path, `is not the signature of this ${file}`);
      }
    }
    if (publicKeys.length > 0 && signers.length === 0) {
      note(file, 'is not signed by any of the public keys given');
    }
    return publicKeys.length === 0 ? signed : signers;
  }

  const paths = objects.map(({ key }) => key.slice(folder.length));
  const manifestBytes = await read(MANIFEST_FILE, ARTIFACT_LIMITS.manifestBytes);
  const expected = { name, version, sha256: manifestSha256 };
  const parsed =
    manifestBytes && noteFailure(MANIFEST_FILE, () => parseManifest(manifestBytes, expected));
  if (parsed !== undefined) {
    const { files } = parsed.manifest;
    for (const file of files) {
      // Read one byte more than listed, so that a longer file is reported as longer.
      const bytes = await read(file.path, file.bytes + 1);
      noteFailure(file.path, () => {
        if (bytes !== undefined) {
          verifyFile(file, bytes);
        }
        if (bytes !== undefined && file.path === WEIGHTS_FILE) {
          checkDrawing(parsed, bytes);
        }
      });
    }
    const listed = new Set([MANIFEST_FILE, ...files.map((file) => file.path)]);
    if (paths.some((path) => ENCODER_FILES.includes(path))) {
      const description = await read(ENCODER_FILE, MAX_ENCODER_FILE_BYTES);
      const encoder =
        description && noteFailure(ENCODER_FILE, () => parseEncoder(description, parsed));
      const maxBytes = (encoder?.description.file.bytes ?? ENCODER_LIMITS.parameters) + 1;
      const weights = await read(ENCODER_WEIGHTS_FILE, maxBytes);
      noteFailure(
        ENCODER_WEIGHTS_FILE,
        () => encoder && weights && decodeEncoderWeights(encoder, weights),
      );
      if (description !== undefined) {
        await findSigners(ENCODER_FILE, description);
      }
      ENCODER_FILES.forEach((path) => listed.add(path));
    }
    const isSignature = (path: string): boolean =>
      [MANIFEST_FILE, ENCODER_FILE].some((each) => parseSignaturePath(path, each) !== undefined);
    for (const path of paths) {
      if (!listed.has(path) && !isSignature(path)) {
        note(path, 'is not listed in the manifest');
      }
    }
  }
  const signedBy =
    manifestBytes === undefined ? [] : await findSigners(MANIFEST_FILE, manifestBytes);
  return {
    name,
    version,
    faults,
    ...(manifestBytes !== undefined && { manifestSha256: hashBytes(manifestBytes) }),
    objects: objects.length,
    bytes: objects.reduce((sum, object) => sum + object.bytes, 0),
    /** Ids of the manifest's signers; with `publicKeys` only those whose signature is right. */
    signedBy,
  };
}

/**
 * Checks that a manifest is there. It is written last and deleted first, so the version is, too.
 * @throws PublishError  `not_whole`.
 */
export async function requireManifest(store: ObjectStore, id: VersionId): Promise<void> {
  const key = buildKey(id.name, id.version, MANIFEST_FILE);
  const listed = await store.list(buildVersionPrefix(id.name, id.version));
  if (!listed.some((object) => object.key === key)) {
    throw createNotWhole(store, id, [{ key, problem: 'is missing' }]);
  }
}

/** @returns  The SHA-256 of a whole version's manifest. @throws PublishError  `not_whole`. */
export async function requireWhole(store: ObjectStore, id: VersionId): Promise<string> {
  const objects = await store.list(buildVersionPrefix(id.name, id.version));
  const { faults, manifestSha256 } = await checkVersion(store, id, objects);
  if (faults.length > 0 || manifestSha256 === undefined) {
    throw createNotWhole(store, id, faults);
  }
  return manifestSha256;
}

export function createNotWhole(
  { description }: ObjectStore,
  id: VersionId,
  faults: readonly Fault[],
): PublishError {
  return new PublishError(description, { reason: 'not_whole', version: nameVersion(id), faults });
}

export type Verification = Awaited<ReturnType<typeof verifyStore>>;

/**
 * Verifies every version, and that pointer and pins name versions that are there.
 * @param options  `only`: one model, or one version of it; everything when not given.
 * @throws PublishError, StorageError
 */
export async function verifyStore(
  store: ObjectStore,
  options: {
    readonly only?: ModelId | undefined;
    readonly publicKeys?: readonly PublicKey[];
    readonly onChecked?: (version: CheckedVersion) => void;
  } = {},
) {
  const { only, publicKeys, onChecked } = options;
  const survey = await surveyStore(store);
  const versions: CheckedVersion[] = [];
  // Incomplete versions that a killed process left. No faults: nothing serves them.
  const leftovers: VersionId[] = [];
  for (const surveyed of survey.versions.filter((id) => isMeant(only, id))) {
    const { name, version, objects, hasManifest } = surveyed;
    const served = findServed(survey.pointer?.pointer, name);
    const isServed = served?.version === version;
    if (!hasManifest && !isServed) {
      leftovers.push({ name, version });
      continue;
    }
    const manifestSha256 = isServed ? served.manifestSha256 : undefined;
    const checked = await checkVersion(store, surveyed, objects, manifestSha256, publicKeys);
    versions.push(checked);
    onChecked?.(checked);
  }
  const missing = listMissing(survey).filter((id) => isMeant(only, id));
  const dangling = missing.map((id) => ({
    key: id.namedBy === 'pointer' ? POINTER_KEY : LEDGER_KEY,
    problem: `names ${nameVersion(id)}, of which nothing is there`,
  }));
  const faults = [...versions.flatMap((checked) => checked.faults), ...dangling];
  return { versions, leftovers, faults };
}
