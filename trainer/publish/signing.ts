/**
 * Signs manifests by Node's own Ed25519, with private keys in files. No private key is ever printed
 * or part of an error.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  type KeyObject,
} from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import {
  ARTIFACT_LIMITS,
  buildKey,
  buildVersionPrefix,
  hashBytes,
  MANIFEST_FILE,
} from '../../shared/model/artifact.ts';
import { ENCODER_FILE } from '../../shared/model/encoder.ts';
import { buildSignaturePath, namePublicKey, type PublicKey } from '../../shared/model/signature.ts';
import { ExpectedError } from '../../shared/expected-error.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { describeCommand } from '../packed.ts';
import { whileKept } from './lease.ts';
import { createNotWhole, requireManifest, requireWhole } from './verify.ts';
import { isThere, planUpload, putOnce, type VersionId, type WriteOptions } from './writes.ts';

/** Holds the private key in a closure, so that no log or inspection shows it. */
export type Signer = Awaited<ReturnType<typeof readSigner>>;

const MAX_KEY_FILE_BYTES = 16 * 1024;

/**
 * Reads a private key: PKCS 8 in PEM, from `models keygen` or `openssl genpkey -algorithm ed25519`.
 * @throws ExpectedError
 */
export async function readSigner(path: string) {
  const text = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new ExpectedError(`${path}: expected a private key, got ${cause.code ?? 'an error'}`);
  });
  let key: KeyObject | undefined;
  try {
    key = text.length > MAX_KEY_FILE_BYTES ? undefined : createPrivateKey(text);
  } catch {
    key = undefined; // The error's message may quote the file.
  }
  if (key?.asymmetricKeyType !== 'ed25519') {
    throw new ExpectedError(
      `${path}: expected an Ed25519 private key in PEM without a passphrase; ` +
        `\`${describeCommand('models', 'keygen --out FILE')}\` makes one`,
    );
  }
  const privateKey = key;
  return {
    publicKey: exportPublicKey(privateKey),
    /** @returns  64 bytes, always the same for the same bytes (RFC 8032). */
    sign: (bytes: Uint8Array) => new Uint8Array(sign(null, bytes, privateKey)),
  };
}

/** The last 32 bytes of the SubjectPublicKeyInfo are the key itself (RFC 8410). */
function exportPublicKey(key: KeyObject): PublicKey {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return namePublicKey(new Uint8Array(spki.subarray(-32)));
}

/**
 * Makes a key pair and writes the private key, readable by its owner alone.
 * @throws ExpectedError  When the file exists, or cannot be written.
 */
export async function createKeyFile(path: string): Promise<PublicKey> {
  const { privateKey } = generateKeyPairSync('ed25519');
  try {
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
    await writeFile(path, pem, { flag: 'wx', mode: 0o600, flush: true });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      // This call made the file. A part of a key would be in the way of the next attempt.
      await rm(path, { force: true });
    }
    throw new ExpectedError(
      code === 'EEXIST'
        ? `${path} is there already, and a key is never overwritten`
        : `${path}: cannot be written (${code ?? 'an error'})`,
    );
  }
  return exportPublicKey(privateKey);
}

/**
 * Signs the manifest of a published version, after checking that the version is whole: a signature
 * vouches for the upload. The version's name covers the manifest and its files, but no encoder. So
 * only `publish` signs encoders, those in a publisher's own folder.
 * @returns  False when this key's signature is there already.
 * @throws PublishError  When the version is not whole, or another object is in the way.
 */
export async function signVersion(
  options: WriteOptions & { readonly id: VersionId; readonly signer: Signer },
): Promise<boolean> {
  const { store, id, signer, dryRun = false } = options;
  const sha256 = await requireWhole(store, id);
  const key = buildKey(id.name, id.version, MANIFEST_FILE);
  const manifest = await store.get(key, ARTIFACT_LIMITS.manifestBytes);
  if (manifest === null || hashBytes(manifest.bytes) !== sha256) {
    throw createNotWhole(store, id, [{ key, problem: 'was changed while it was read' }]);
  }
  const path = buildSignaturePath(signer.publicKey.id);
  const upload = planUpload(buildKey(id.name, id.version, path), signer.sign(manifest.bytes));
  if (await isThere(store, upload.object)) {
    return false;
  }
  if (!dryRun) {
    await whileKept(options, id, async (lease) => {
      await requireManifest(store, id);
      await lease.assure();
      await putOnce(store, upload);
    });
  }
  return true;
}

/** Whether a version has an encoder that this key did not sign. */
export async function hasUnsignedEncoder(
  store: ObjectStore,
  { name, version }: VersionId,
  { publicKey }: Signer,
): Promise<boolean> {
  const listed = await store.list(buildVersionPrefix(name, version));
  const isListed = (path: string): boolean =>
    listed.some(({ key }) => key === buildKey(name, version, path));
  return isListed(ENCODER_FILE) && !isListed(buildSignaturePath(publicKey.id, ENCODER_FILE));
}
