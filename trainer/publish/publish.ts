/**
 * Publishes a model: writes its files, then its manifest, then moves the pointer; or rolls back to
 * an earlier version. When it is stopped anywhere, the old model is served and the command can be
 * repeated. The protocol is in docs/publication.md.
 */
import { buildKey, encodeManifest, hashBytes, MANIFEST_FILE } from '../../shared/model/artifact.ts';
import { buildSignaturePath } from '../../shared/model/signature.ts';
import { readArtifactFolder } from './artifact-folder.ts';
import { leaseToKeep, withLease } from './lease.ts';
import { findPrevious, findServed, readLedger, recordServed } from './ledger.ts';
import { mergePointer, movePointer, readPointer, type StoredPointer } from './pointer.ts';
import { PublishError } from './publish-error.ts';
import type { Signer } from './signing.ts';
import { requireManifest, requireWhole } from './verify.ts';
import {
  findMissing,
  isThere,
  planUpload,
  putOnce,
  requireConditionalWrites,
  type PublishedObject,
  type Upload,
  type VersionId,
  type WriteOptions,
} from './writes.ts';

export interface PublishOptions extends WriteOptions {
  readonly folder: string;
  /** True to serve this model where a request names none. A store's first model is the default. */
  readonly makeDefault: boolean;
  /** Signs the manifest; a version that is published already gets the signature, too. */
  readonly signer?: Signer | undefined;
  readonly onObject?: (state: 'uploaded' | 'already_there', object: PublishedObject) => void;
}

export type PublishResult = Awaited<ReturnType<typeof publishArtifact>>;

/**
 * @throws ExpectedError  When the folder is not one whole artifact.
 * @throws PublishError   When publishing would overwrite something, or cannot be safe.
 * @throws StorageError
 */
export async function publishArtifact(options: PublishOptions) {
  const { store, folder, signer, makeDefault, dryRun = false, onObject } = options;
  const { manifest, files } = await readArtifactFolder(folder);
  const { name, version } = manifest;
  const manifestBytes = encodeManifest(manifest);
  const contents = new Map(files);
  if (signer !== undefined) {
    contents.set(buildSignaturePath(signer.publicKey.id), signer.sign(manifestBytes));
  }
  // The manifest comes last: where it is, all files that it lists are, too.
  contents.set(MANIFEST_FILE, manifestBytes);
  const uploads = [...contents].map(([path, content]) =>
    planUpload(buildKey(name, version, path), content),
  );

  const before = await readPointer(store);
  await readLedger(store); // A ledger that is refused stops the command before it writes.
  const missing: Upload[] = [];
  const alreadyThere: PublishedObject[] = [];
  for (const upload of uploads) {
    const { object } = upload;
    if (await isThere(store, object)) {
      alreadyThere.push(object);
      onObject?.('already_there', object);
    } else {
      missing.push(upload);
    }
  }
  const published = { name, version, manifestSha256: hashBytes(manifestBytes), makeDefault };
  const wanted = mergePointer(options, before, published);
  const result = {
    name,
    version,
    /** Objects that were written, or for a dry run would be. */
    uploaded: missing.map(({ object }) => object),
    alreadyThere,
    /** True when the pointer was changed, or for a dry run would be. */
    pointerMoved: wanted !== null,
    ...describeBefore(before, name),
    /** The model that is served where a request names none. */
    defaultName: (wanted ?? before?.pointer)?.default ?? name,
  };
  if (dryRun || (missing.length === 0 && wanted === null)) {
    return result;
  }

  const isSafe = await requireConditionalWrites(options);
  const lease = await leaseToKeep(options, published, (ledger) =>
    recordServed(ledger, before?.pointer, published, options.now()),
  );
  return withLease(lease, async () => {
    const uploaded: PublishedObject[] = [];
    const putMissing = async (): Promise<void> => {
      for (const upload of await findMissing(store, published, uploads)) {
        await lease.assure();
        await putOnce(store, upload);
        uploaded.push(upload.object);
        onObject?.('uploaded', upload.object);
      }
    };
    await putMissing();
    const moved = await movePointer(options, published, { lease, isSafe });
    // Puts back what a delete removed that was on its way for longer than any lease.
    await putMissing();
    const keys = new Set(uploaded.map(({ key }) => key));
    return {
      ...result,
      ...describeBefore(moved.before, name),
      uploaded,
      alreadyThere: alreadyThere.filter(({ key }) => !keys.has(key)),
      pointerMoved: moved.isMoved,
      defaultName: moved.defaultName,
    };
  });
}

function describeBefore(before: StoredPointer, name: string) {
  return {
    /** The version of this model that was served before; null when there was none. */
    previousVersion: findServed(before?.pointer, name)?.version ?? null,
    previousDefaultName: before?.pointer.default ?? null,
  };
}

/**
 * Serves an earlier version of a model again. The default model stays the same.
 * @param options  Without `version`, the one served before the present one.
 * @returns  `pointerMoved`: the pointer was changed, or for a dry run would be.
 * @throws PublishError  When there is none, it is not whole, or others moved the pointer meanwhile.
 * @throws StorageError
 */
export async function rollBack(
  options: WriteOptions & { readonly name: string; readonly version?: string | undefined },
): Promise<VersionId & { readonly previousVersion: string; readonly pointerMoved: boolean }> {
  const { store, name, dryRun = false } = options;
  const pointer = await readPointer(store);
  const served = findServed(pointer?.pointer, name);
  if (served === undefined) {
    const names = Object.keys(pointer?.pointer.models ?? {});
    throw new PublishError(store.description, { reason: 'not_served', name, names });
  }
  const { ledger } = await readLedger(store);
  const version = options.version ?? findPrevious(ledger, name, served.version)?.version;
  if (version === undefined) {
    throw new PublishError(store.description, { reason: 'no_previous', name });
  }
  const result = { name, version, previousVersion: served.version };
  if (version === served.version) {
    return { ...result, pointerMoved: false };
  }
  const manifestSha256 = await requireWhole(store, { name, version });
  const target = { name, version, manifestSha256, makeDefault: false };
  if (dryRun) {
    return { ...result, pointerMoved: true };
  }

  const isSafe = await requireConditionalWrites(options);
  const lease = await leaseToKeep(options, target, (present) =>
    recordServed(present, pointer?.pointer, target, options.now()),
  );
  return withLease(lease, async () => {
    // Checked again: it may have been deleted before the lease began, but not any more.
    await requireWhole(store, target);
    const { isMoved } = await movePointer(options, target, {
      lease,
      isSafe,
      // A rollback replaces the version that was served when the command began, and no other.
      check(before) {
        const expected = served.version;
        const found = findServed(before?.pointer, name)?.version ?? 'none';
        if (found !== expected) {
          const change = { name, expected, found };
          throw new PublishError(store.description, { reason: 'served_changed', ...change });
        }
      },
    });
    // A delete that was on its way for longer than any lease: only publishing again can heal that.
    await requireManifest(store, target);
    return { ...result, pointerMoved: isMoved };
  });
}
