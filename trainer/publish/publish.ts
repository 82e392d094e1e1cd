/**
 * Publishes a model: writes its files, then its manifest, then moves the pointer. When it is
 * stopped anywhere, the old model is served and the command can be repeated. The protocol is in
 * docs/publication.md.
 */
import { buildKey, encodeManifest, hashBytes, MANIFEST_FILE } from '../../shared/model/artifact.ts';
import { buildSignaturePath } from '../../shared/model/signature.ts';
import { readArtifactFolder } from './artifact-folder.ts';
import { leaseToKeep, withLease } from './lease.ts';
import { findServed, readLedger, recordServed } from './ledger.ts';
import { mergePointer, movePointer, readPointer, type StoredPointer } from './pointer.ts';
import type { Signer } from './signing.ts';
import {
  findMissing,
  isThere,
  planUpload,
  putOnce,
  requireConditionalWrites,
  type PublishedObject,
  type Upload,
  type Publication,
  type WriteOptions,
} from './writes.ts';

export interface PublishOptions
  extends Publication, Pick<WriteOptions, 'allowUnsafePointer' | 'dryRun'> {
  readonly folder: string;
  /** True to serve this model where a request names none. A store's first model is the default. */
  readonly makeDefault: boolean;
  /** Signs the manifest; a version that is published already gets the signature, too. */
  readonly signer?: Signer | undefined;
  readonly onProgress?: (event: PublishEvent) => void;
}

export type PublishEvent =
  | { readonly type: 'uploaded' | 'already_there'; readonly object: PublishedObject }
  | { readonly type: 'conditions_ignored' }
  /** Publishing waits because the version is being deleted. */
  | { readonly type: 'waiting'; readonly until: Date };

export interface PublishResult {
  readonly name: string;
  readonly version: string;
  /** Objects that were written, or for a dry run would be. */
  readonly uploaded: readonly PublishedObject[];
  readonly alreadyThere: readonly PublishedObject[];
  /** True when the pointer was changed, or for a dry run would be. */
  readonly pointerMoved: boolean;
  /** The version of this model that was served before; null when there was none. */
  readonly previousVersion: string | null;
  /** The model that is served where a request names none. */
  readonly defaultName: string;
  readonly previousDefaultName: string | null;
}

/**
 * @throws ArtifactFolderError  When the folder is not one whole artifact.
 * @throws PublishError         When publishing would overwrite something, or cannot be safe.
 * @throws StorageError
 */
export async function publishArtifact(options: PublishOptions): Promise<PublishResult> {
  const { store, folder, signer, makeDefault, dryRun = false, onProgress } = options;
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
      onProgress?.({ type: 'already_there', object });
    } else {
      missing.push(upload);
    }
  }
  const published = { name, version, manifestSha256: hashBytes(manifestBytes), makeDefault };
  const wanted = mergePointer(options, before, published);
  const result = {
    name,
    version,
    uploaded: missing.map(({ object }) => object),
    alreadyThere,
    pointerMoved: wanted !== null,
    ...describeBefore(before, name),
    defaultName: (wanted ?? before?.pointer)?.default ?? name,
  };
  if (dryRun || (missing.length === 0 && wanted === null)) {
    return result;
  }

  const writeOptions = {
    ...options,
    onConditionsIgnored: () => onProgress?.({ type: 'conditions_ignored' }),
    onWait: (_: unknown, until: Date) => onProgress?.({ type: 'waiting', until }),
  };
  const isSafe = await requireConditionalWrites(writeOptions);
  const lease = await leaseToKeep(writeOptions, published, (ledger) =>
    recordServed(ledger, before?.pointer, published, options.now()),
  );
  return withLease(lease, async () => {
    const uploaded: PublishedObject[] = [];
    const putMissing = async (): Promise<void> => {
      for (const upload of await findMissing(store, published, uploads)) {
        await lease.assure();
        await putOnce(store, upload);
        uploaded.push(upload.object);
        onProgress?.({ type: 'uploaded', object: upload.object });
      }
    };
    await putMissing();
    const {
      isMoved,
      before: replaced,
      defaultName,
    } = await movePointer(options, published, {
      lease,
      isSafe,
    });
    // Puts back what a delete removed that was on its way for longer than any lease.
    await putMissing();
    const keys = new Set(uploaded.map(({ key }) => key));
    return {
      ...result,
      ...describeBefore(replaced, name),
      uploaded,
      alreadyThere: alreadyThere.filter(({ key }) => !keys.has(key)),
      pointerMoved: isMoved,
      defaultName,
    };
  });
}

function describeBefore(
  before: StoredPointer,
  name: string,
): Pick<PublishResult, 'previousVersion' | 'previousDefaultName'> {
  return {
    previousVersion: findServed(before?.pointer, name)?.version ?? null,
    previousDefaultName: before?.pointer.default ?? null,
  };
}
