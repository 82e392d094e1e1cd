/**
 * Publishes a model: writes its files, then its manifest, then moves the pointer; or rolls back to
 * an earlier version. When it is stopped anywhere, the old model is served and the command can be
 * repeated. The protocol is in docs/publication.md.
 */
import {
  buildKey,
  encodeManifest,
  hashBytes,
  MANIFEST_FILE,
  type Manifest,
} from '../../shared/model/artifact.ts';
import { ENCODER_FILE } from '../../shared/model/encoder.ts';
import { buildSignaturePath } from '../../shared/model/signature.ts';
import { readArtifactFolder } from './artifact-folder.ts';
import { checkUnchanged, findObjection } from './default-model.ts';
import { whileKept, type Lease } from './lease.ts';
import { findPrevious, findServed, readLedger } from './ledger.ts';
import { mergePointer, movePointer, readPointer, type StoredPointer } from './pointer.ts';
import { PublishError } from './publish-error.ts';
import type { Signer } from './signing.ts';
import { requireManifest, requireWhole } from './verify.ts';
import {
  findMissing,
  isThere,
  planUpload,
  putOnce,
  type PublishedObject,
  type Upload,
  type VersionId,
  type WriteOptions,
} from './writes.ts';

export interface PublishOptions extends WriteOptions {
  readonly folder: string;
  /**
   * True to serve this model where a request names none. Without it a store's first model is the
   * default, and a default model of this name is replaced, unless by a trial.
   */
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
  const { store, folder, makeDefault, signer, dryRun = false, onObject } = options;
  const { manifest, files, encoder } = await readArtifactFolder(folder);
  const { name, version } = manifest;
  const manifestBytes = encodeManifest(manifest);
  const contents = new Map([...files, ...encoder]);
  if (signer !== undefined) {
    const { id } = signer.publicKey;
    const description = encoder.get(ENCODER_FILE);
    if (description !== undefined) {
      contents.set(buildSignaturePath(id, ENCODER_FILE), signer.sign(description));
    }
    contents.set(buildSignaturePath(id), signer.sign(manifestBytes));
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
  const objection = makeDefault ? null : await findObjection(options, before, manifest);
  const wanted = objection === null ? mergePointer(options, before, published) : null;
  const result = {
    name,
    version,
    /** Objects that were written, or for a dry run would be. */
    uploaded: missing.map(({ object }) => object),
    alreadyThere,
    /** True when the pointer was changed, or for a dry run would be. */
    pointerMoved: wanted !== null,
    /** Why the version is stored but not served; null when it is served. */
    objection,
    ...describeBefore(before, name),
    /** The model that is served where a request names none. */
    defaultName: (wanted ?? before?.pointer)?.default ?? name,
  };
  if (dryRun || (missing.length === 0 && wanted === null)) {
    return result;
  }

  const publish = async (lease: Lease, isSafe: boolean) => {
    const uploaded: PublishedObject[] = [];
    const upload = async (one: Upload): Promise<void> => {
      await lease.assure();
      await putOnce(store, one);
      uploaded.push(one.object);
      onObject?.('uploaded', one.object);
    };
    // Looked for again under the lease, and not in a listing: some stores list deleted objects.
    for (const one of uploads) {
      if (!(await isThere(store, one.object))) {
        await upload(one);
      }
    }
    const moved =
      objection === null
        ? await movePointer(options, published, {
            lease,
            isSafe,
            ...(!makeDefault && {
              check: (present) => checkAgain(options, before, present, manifest),
            }),
          })
        : { isMoved: false, before, defaultName: result.defaultName };
    // Puts back what a delete removed that was on its way for longer than any lease.
    for (const one of await findMissing(store, published, uploads)) {
      await upload(one);
    }
    const keys = new Set(uploaded.map(({ key }) => key));
    return {
      ...result,
      ...describeBefore(moved.before, name),
      uploaded,
      alreadyThere: alreadyThere.filter(({ key }) => !keys.has(key)),
      pointerMoved: moved.isMoved,
      defaultName: moved.defaultName,
    };
  };
  return whileKept(options, published, publish);
}

/** Judges again what the pointer serves by now. @throws PublishError  `served_changed`. */
async function checkAgain(
  options: PublishOptions,
  before: StoredPointer,
  present: StoredPointer,
  manifest: Manifest,
): Promise<void> {
  const { name } = manifest;
  if ((await findObjection(options, present, manifest)) !== null) {
    const [expected, found] = [before, present].map(
      (each) => findServed(each?.pointer, name)?.version ?? 'none',
    ) as [string, string];
    const change = { name, expected, found };
    throw new PublishError(options.store.description, { reason: 'served_changed', ...change });
  }
}

function describeBefore(before: StoredPointer, name: string) {
  return {
    /** The version of this model that was served before; null when there was none. */
    previousVersion: findServed(before?.pointer, name)?.version ?? null,
    previousDefaultName: before?.pointer.default ?? null,
  };
}

/**
 * Serves an earlier version of a model again, also of one that was removed. The default model stays
 * the same.
 * @param options  Without `version`, the one served before the present one.
 * @returns  `pointerMoved`: the pointer was changed, or for a dry run would be. `previousVersion`:
 *           null when none was served.
 * @throws PublishError  When there is none, it is not whole, or others moved the pointer meanwhile.
 * @throws StorageError
 */
export async function rollBack(
  options: WriteOptions & { readonly name: string; readonly version?: string | undefined },
): Promise<
  VersionId & { readonly previousVersion: string | null; readonly pointerMoved: boolean }
> {
  const { store, name, dryRun = false } = options;
  const pointer = await readPointer(store);
  const { version: present = null } = findServed(pointer?.pointer, name) ?? {};
  const { ledger } = await readLedger(store);
  const previous = findPrevious(ledger, name, present ?? '');
  const names = Object.keys(pointer?.pointer.models ?? {});
  if (present === null && previous === undefined) {
    throw new PublishError(store.description, { reason: 'not_served', name, names });
  }
  const version = options.version ?? previous?.version;
  if (version === undefined) {
    throw new PublishError(store.description, { reason: 'no_previous', name });
  }
  const result = { name, version, previousVersion: present };
  if (version === present) {
    return { ...result, pointerMoved: false };
  }
  const manifestSha256 = await requireWhole(store, { name, version });
  const target = { name, version, manifestSha256, makeDefault: false };
  if (dryRun) {
    return { ...result, pointerMoved: true };
  }

  return whileKept(options, target, async (lease, isSafe) => {
    // Checked again: it may have been deleted before the lease began, but not any more.
    await requireWhole(store, target);
    const check = checkUnchanged(options, { name, version: present ?? 'none' });
    const { isMoved } = await movePointer(options, target, { lease, isSafe, check });
    // A delete that was on its way for longer than any lease: only publishing again can heal that.
    await requireManifest(store, target);
    return { ...result, pointerMoved: isMoved };
  });
}
