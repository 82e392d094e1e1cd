/**
 * The publisher's side of signatures: private keys in files, made and used by Node's own Ed25519. A private key is never
 * printed, nor a part of an error.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  type KeyObject,
} from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { namePublicKey, type PublicKey } from '../../shared/model/signature.ts';
import { ExpectedError } from '../../shared/expected-error.ts';

/** A key file that cannot be used or written; the message names the file. */
export class KeyFileError extends ExpectedError {
  override name = 'KeyFileError' as const;
}

/** Signs manifests. Holds the private key in a closure, so that no log or inspection shows it. */
export interface Signer {
  readonly publicKey: PublicKey;
  /** @returns  64 bytes, always the same for the same bytes (RFC 8032). */
  sign(bytes: Uint8Array): Uint8Array;
}

/** Far above any key file. */
const MAX_KEY_FILE_BYTES = 16 * 1024;

/**
 * Reads a private key: PKCS 8 as PEM, as `models keygen` and `openssl genpkey -algorithm ed25519` write it.
 * @throws KeyFileError  When it is not there or no such key.
 */
export async function readSigner(path: string): Promise<Signer> {
  const text = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new KeyFileError(`${path}: expected a private key, got ${cause.code ?? 'an error'}`);
  });
  const key = parsePrivateKey(path, text);
  return {
    publicKey: exportPublicKey(key),
    sign: (bytes) => new Uint8Array(sign(null, bytes, key)),
  };
}

function parsePrivateKey(path: string, text: Buffer): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = text.length > MAX_KEY_FILE_BYTES ? undefined : createPrivateKey(text);
  } catch {
    key = undefined; // Its message may quote the file.
  }
  if (key?.asymmetricKeyType !== 'ed25519') {
    throw new KeyFileError(
      `${path}: expected an Ed25519 private key in PEM without a passphrase; \`npm run models -- keygen --out FILE\` makes one`,
    );
  }
  return key;
}

/** The last 32 bytes of the SubjectPublicKeyInfo are the key itself (RFC 8410). */
function exportPublicKey(key: KeyObject): PublicKey {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return namePublicKey(new Uint8Array(spki.subarray(-32)));
}

/**
 * Makes a key pair and writes the private key, readable by its owner alone.
 *
 * @param path  A file that is not there yet.
 * @throws KeyFileError  When it is there, or cannot be written.
 */
export async function createKeyFile(path: string): Promise<PublicKey> {
  const { privateKey } = generateKeyPairSync('ed25519');
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(privateKey.export({ type: 'pkcs8', format: 'pem' }));
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new KeyFileError(
      code === 'EEXIST'
        ? `${path} is there already, and a key is never overwritten`
        : `${path}: cannot be written (${code ?? 'an error'})`,
    );
  }
  return exportPublicKey(privateKey);
}
