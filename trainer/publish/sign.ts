/**
 * Signing a version that is published already: the signature is put beside its manifest under a hold, and nothing moves.
 */
import { ARTIFACT_LIMITS, buildKey, MANIFEST_FILE } from '../../shared/model/artifact.ts';
import { buildSignaturePath } from '../../shared/model/signature.ts';
import { PublishError } from './publish-error.ts';
import { requireManifest, requireWhole } from './check-version.ts';
import { holding, holdToKeep, type OnWait } from './hold.ts';
import { nameVersion, type Publication, type VersionId } from './ledger.ts';
import type { Signer } from './signing.ts';
import { isThere, planUpload, putOnce } from './upload.ts';

export interface SignOptions extends Publication {
  readonly id: VersionId;
  readonly signer: Signer;
  /** True to check everything and write nothing. */
  readonly dryRun?: boolean;
  readonly onWait?: OnWait;
}

/**
 * Signs what lies in the store, after checking that it is whole: who signs vouches for what others uploaded.
 *
 * @returns  False when this key's signature is there already.
 * @throws PublishError  When the version is not whole, or something else lies in the signature's place.
 */
export async function signVersion(options: SignOptions): Promise<boolean> {
  const { store, id, signer, dryRun = false } = options;
  const sha256 = await requireWhole(store, id);
  const key = buildKey(id.name, id.version, MANIFEST_FILE);
  const manifest = await store.get(key, { maxBytes: ARTIFACT_LIMITS.manifestBytes });
  if (manifest === null || planUpload(key, manifest.bytes).sha256 !== sha256) {
    const faults = [{ key, problem: 'was changed while it was read' }];
    throw new PublishError(store.description, {
      reason: 'not_whole',
      version: nameVersion(id),
      faults,
    });
  }
  const path = buildSignaturePath(signer.publicKey.id);
  const upload = planUpload(buildKey(id.name, id.version, path), signer.sign(manifest.bytes));
  if (await isThere(store, upload)) {
    return false;
  }
  if (!dryRun) {
    const hold = await holdToKeep(options, id, (ledger) => ledger, options.onWait);
    await holding(hold, async () => {
      await requireManifest(store, id);
      await hold.assure();
      await putOnce(store, upload);
    });
  }
  return true;
}
