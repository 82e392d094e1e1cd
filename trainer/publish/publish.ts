/**
 * Publishing a model: its files under keys that never change, then its manifest, then, by compare-and-swap, the one
 * pointer to what is served. Stopped anywhere, the old model is served and the command can be repeated; publishing what
 * is served already changes nothing. The whole protocol: docs/publication.md.
 */
import { buildKey, encodeManifest, hashBytes, MANIFEST_FILE } from '../../shared/model/artifact.ts';
import { buildSignaturePath } from '../../shared/model/signature.ts';
import { holding, holdToKeep } from './hold.ts';
import {
  changeLedger,
  findServed,
  readLedger,
  recordServed,
  type Ledger,
  type Publication,
} from './ledger.ts';
import type { Signer } from './signing.ts';
import {
  describeObject,
  findMissing,
  isThere,
  planUpload,
  putOnce,
  type PublishedObject,
  type Upload,
} from './upload.ts';
import { readArtifactFolder } from './artifact-folder.ts';
import type { Waiting } from '../../storage/retry.ts';
import { requireConditionalWrites } from './conditional-writes.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { mergePointer, movePointer, readPointer, type StoredPointer } from './served-pointer.ts';

export interface PublishOptions {
  /** Not closed. */
  readonly store: ObjectStore;
  /** The artifact's folder. */
  readonly folder: string;
  /** True to serve this model where a request names none. The first model of a store is that in any case. */
  readonly makeDefault: boolean;
  /** Signs the manifest; the signature lies beside it. Of a version that is published already it is added. */
  readonly signer?: Signer | undefined;
  readonly now: () => Date;
  /** True to go on with a store that ignores conditions; the pointer may then lose an entry to another publisher. */
  readonly allowUnsafePointer?: boolean;
  /** True to check everything and write nothing. */
  readonly dryRun?: boolean;
  readonly onProgress?: (event: PublishEvent) => void;
  readonly waiting?: Waiting;
}

export type PublishEvent =
  | { readonly type: 'uploaded' | 'already_there'; readonly object: PublishedObject }
  | { readonly type: 'conditions_ignored' }
  /** The version is being deleted, which is waited for. */
  | { readonly type: 'waiting'; readonly until: Date };

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

/**
 * Publishes an artifact folder.
 *
 * @throws ArtifactFolderError  When the folder is not one whole artifact.
 * @throws PublishError         When the store holds what must not be overwritten, or does not keep its word.
 * @throws StorageError         When the store fails.
 */
export async function publishArtifact(options: PublishOptions): Promise<PublishResult> {
  const {
    store,
    folder,
    dryRun = false,
    allowUnsafePointer = false,
    onProgress = () => {},
  } = options;
  const { manifest, files } = await readArtifactFolder(folder);
  const { name, version } = manifest;
  const manifestBytes = encodeManifest(manifest);
  const { signer } = options;
  const signatures =
    signer === undefined
      ? []
      : [[buildSignaturePath(signer.publicKey.id), signer.sign(manifestBytes)] as const];
  // The manifest comes last: where it lies, all that it lists lies too.
  const uploads = [...files, ...signatures, [MANIFEST_FILE, manifestBytes] as const].map(
    ([path, content]) => planUpload(buildKey(name, version, path), content),
  );

  const before = await readPointer(store);
  await readLedger(store); // Refused where it cannot be understood, before anything is written.
  const missing: Upload[] = [];
  const alreadyThere: Upload[] = [];
  for (const upload of uploads) {
    if (await isThere(store, upload)) {
      alreadyThere.push(upload);
      onProgress({ type: 'already_there', object: describeObject(upload) });
    } else {
      missing.push(upload);
    }
  }
  const published = {
    name,
    version,
    manifestSha256: hashBytes(manifestBytes),
    makeDefault: options.makeDefault,
  };
  const wanted = mergePointer(store, before, published, options.now);
  const result = {
    name,
    version,
    uploaded: missing.map(describeObject),
    alreadyThere: alreadyThere.map(describeObject),
    pointerMoved: wanted !== null,
    ...describeMove(before, name),
    defaultName: (wanted ?? before?.pointer)?.default ?? name,
  };
  if (dryRun || (missing.length === 0 && wanted === null)) {
    return result;
  }

  const isSafe = await requireConditionalWrites(store, allowUnsafePointer, () =>
    onProgress({ type: 'conditions_ignored' }),
  );
  const { now, waiting } = options;
  const publication: Publication = { store, now, waiting };
  const record = (pointer: StoredPointer) => (ledger: Ledger) =>
    recordServed(ledger, pointer?.pointer, published, now());
  const hold = await holdToKeep(publication, published, record(before), (_, until) =>
    onProgress({ type: 'waiting', until }),
  );
  return holding(hold, async () => {
    const uploaded: PublishedObject[] = [];
    /** Puts what is not there: a second time what was deleted meanwhile. */
    const putMissing = async (wantedThere: readonly Upload[]): Promise<void> => {
      for (const upload of await findMissing(store, published, wantedThere)) {
        await hold.assure();
        await putOnce(store, upload);
        uploaded.push(describeObject(upload));
        onProgress({ type: 'uploaded', object: describeObject(upload) });
      }
    };
    await putMissing(uploads);
    const move = await movePointer(store, published, {
      now,
      waiting,
      isSafe,
      prepare: async (replaced) => {
        await changeLedger(publication, record(replaced));
        await hold.assure();
      },
    });
    await putMissing(uploads);
    return {
      ...result,
      ...describeMove(move.before, name),
      uploaded,
      alreadyThere: result.alreadyThere.filter(
        ({ key }) => !uploaded.some((object) => object.key === key),
      ),
      pointerMoved: move.moved,
      defaultName: move.defaultName,
    };
  });
}

function describeMove(
  before: StoredPointer,
  name: string,
): Pick<PublishResult, 'previousVersion' | 'previousDefaultName'> {
  return {
    previousVersion: findServed(before?.pointer, name)?.version ?? null,
    previousDefaultName: before?.pointer.default ?? null,
  };
}
