/**
 * Signatures of manifests: Ed25519 (RFC 8032) over a manifest's bytes as they are published, one object a key beside the
 * manifest. A manifest lists the SHA-256 of every file, so that its signature covers the whole model. Computed by the
 * platform's WebCrypto, which Node, Cloudflare's runtime and browsers have.
 */
import { hashBytes } from './artifact.ts';

const PUBLIC_KEY_BYTES = 32;
/** Of a signature. */
export const SIGNATURE_BYTES = 64;

/** At most so many keys are trusted at once: each costs a read when a model is loaded. */
const MAX_PUBLIC_KEYS = 8;

/** 32 bytes in base64. */
const PUBLIC_KEY = /^[A-Za-z0-9+/]{43}=$/;

/** A public key and the name that is made of it. */
export interface PublicKey {
  /** The first 16 hex digits of its SHA-256. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** Names a public key. @throws RangeError  When it has not 32 bytes. */
export function namePublicKey(bytes: Uint8Array): PublicKey {
  if (bytes.length !== PUBLIC_KEY_BYTES) {
    throw new RangeError(
      `expected an Ed25519 public key of ${PUBLIC_KEY_BYTES} bytes, got ${bytes.length}`,
    );
  }
  return { id: hashBytes(bytes).slice(0, 16), bytes };
}

/** The path of a key's signature beside the manifest: 64 bytes, as RFC 8032 has them. */
export function buildSignaturePath(keyId: string): string {
  return `manifest.${keyId}.sig`;
}

/** The id of the key whose signature lies under this path; undefined for another file. */
export function parseSignaturePath(path: string): string | undefined {
  return /^manifest\.([0-9a-f]{16})\.sig$/.exec(path)?.[1];
}

/** Writes a public key as {@link parsePublicKeys} reads it. */
export function encodePublicKey({ bytes }: PublicKey): string {
  return btoa(String.fromCharCode(...bytes));
}

/**
 * Parses public keys: each the base64 of its 32 bytes, with commas between them.
 *
 * @returns  In their order; none for an empty text.
 * @throws RangeError  When one is not that, or there are more than 8.
 */
export function parsePublicKeys(text: string): PublicKey[] {
  const parts = text.trim() === '' ? [] : text.split(',').map((part) => part.trim());
  if (parts.length > MAX_PUBLIC_KEYS) {
    throw new RangeError(`expected at most ${MAX_PUBLIC_KEYS} public keys, got ${parts.length}`);
  }
  return parts.map((part, i) => {
    // A private key in the wrong place must not be shown.
    if (!PUBLIC_KEY.test(part)) {
      throw new RangeError(
        `public key ${i + 1} of ${parts.length}: expected the base64 of 32 bytes, 44 characters ending in =`,
      );
    }
    return namePublicKey(Uint8Array.from(atob(part), (character) => character.charCodeAt(0)));
  });
}

/** True when the signature is the key's over these bytes. */
export async function verifySignature(
  key: PublicKey,
  signature: Uint8Array,
  signed: Uint8Array,
): Promise<boolean> {
  if (signature.length !== SIGNATURE_BYTES) {
    return false;
  }
  const algorithm = { name: 'Ed25519' };
  const imported = await crypto.subtle.importKey('raw', copy(key.bytes), algorithm, false, [
    'verify',
  ]);
  return crypto.subtle.verify(algorithm, imported, copy(signature), copy(signed));
}

/** WebCrypto's types want memory that is not shared. */
function copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
