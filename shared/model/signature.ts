/**
 * Signatures of manifests: Ed25519 (RFC 8032) over a manifest's published bytes, each an object
 * beside the manifest. A manifest lists the SHA-256 of every file, so it covers the whole model.
 */
import { bytesToHex } from '@noble/hashes/utils.js';
import { hashBytes, MANIFEST_FILE } from './artifact.ts';

const PUBLIC_KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;
/** Each trusted key costs one read when a model is loaded. */
const MAX_PUBLIC_KEYS = 8;
/** In base64. */
const PUBLIC_KEY = /^[A-Za-z0-9+/]{43}=$/;

/**
 * The points of small order, in hex, without the sign's bit: anyone can make signatures that such a
 * key verifies. The last two are other encodings of the first two.
 */
const SMALL_ORDER = new Set([
  `00${'00'.repeat(31)}`,
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
]);

export interface PublicKey {
  /** The first 16 hex digits of its SHA-256. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** @throws RangeError  When the bytes are no key, or one that anyone can sign for. */
export function namePublicKey(bytes: Uint8Array): PublicKey {
  if (bytes.length !== PUBLIC_KEY_BYTES) {
    throw new RangeError(
      `expected an Ed25519 public key of ${PUBLIC_KEY_BYTES} bytes, got ${bytes.length}`,
    );
  }
  const point = bytes.map((byte, i) => (i === PUBLIC_KEY_BYTES - 1 ? byte & 127 : byte));
  if (SMALL_ORDER.has(bytesToHex(point))) {
    throw new RangeError(
      'expected an Ed25519 public key of a key pair, got a point of small order: anyone can sign for it',
    );
  }
  return { id: hashBytes(bytes).slice(0, 16), bytes };
}

/**
 * The path of a key's signature beside what it signs.
 * @param signed  A JSON file: the manifest, or the description of an encoder.
 */
export function buildSignaturePath(keyId: string, signed = MANIFEST_FILE): string {
  return signed.replace(/json$/, `${keyId}.sig`);
}

/** Reads the key's id from a signature's path; undefined for another file. */
export function parseSignaturePath(path: string, signed = MANIFEST_FILE): string | undefined {
  const [, name, id] = /^([a-z]+)\.([0-9a-f]{16})\.sig$/.exec(path) ?? [];
  return `${name}.json` === signed ? id : undefined;
}

export function encodePublicKey({ bytes }: PublicKey): string {
  return btoa(String.fromCharCode(...bytes));
}

/**
 * Parses public keys: base64 of 32 bytes each, separated by commas. An empty text has no keys.
 * @throws RangeError  When a key is malformed or of small order, or there are more than 8.
 */
export function parsePublicKeys(text: string): PublicKey[] {
  const parts = text.trim() === '' ? [] : text.split(',').map((part) => part.trim());
  if (parts.length > MAX_PUBLIC_KEYS) {
    throw new RangeError(`expected at most ${MAX_PUBLIC_KEYS} public keys, got ${parts.length}`);
  }
  return parts.map((part, i) => {
    // The error must not quote the text: it may be a private key in the wrong place.
    if (!PUBLIC_KEY.test(part)) {
      throw new RangeError(
        `public key ${i + 1} of ${parts.length}: expected the base64 of 32 bytes, 44 characters ending in =`,
      );
    }
    return namePublicKey(Uint8Array.from(atob(part), (character) => character.charCodeAt(0)));
  });
}

/** Tells whether `signature` is the signature of `signed`. */
export async function verifySignature(
  key: PublicKey,
  signature: Uint8Array,
  signed: Uint8Array,
): Promise<boolean> {
  if (signature.length !== SIGNATURE_BYTES) {
    return false;
  }
  const { subtle } = crypto;
  // WebCrypto's types refuse memory that might be shared, so the bytes are copied.
  const raw = new Uint8Array(key.bytes);
  const imported = await subtle.importKey('raw', raw, 'Ed25519', false, ['verify']);
  return subtle.verify('Ed25519', imported, new Uint8Array(signature), new Uint8Array(signed));
}
