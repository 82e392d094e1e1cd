/**
 * The one source of randomness that a seed stands for: the keystream of ChaCha20 (RFC 8439), keyed by the SHA-256 of
 * the seed. Pure, the same on every platform and for good; any block of any stream is reached without drawing those
 * before it. Nothing here may ever change: seeds embedded in web pages depend on it.
 */
import { chacha20 } from '@noble/ciphers/chacha.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';

/** A 256-bit key, made by {@link deriveKey}. */
export type RandomKey = Uint8Array;

const NONCE_BYTES = 12;

/**
 * Derives the key of a seed within a domain.
 *
 * @param domain  Separates uses of one seed, `"sample"` or `"train"`: lower-case ASCII without a colon.
 * @param seed    Any text; its UTF-8 bytes count.
 * @returns       32 bytes: SHA-256 of `digitmint:<domain>:<seed>`.
 */
export function deriveKey(domain: string, seed: string): RandomKey {
  return sha256(utf8ToBytes(`digitmint:${domain}:${seed}`));
}

/**
 * Draws whole 32-bit words of a keystream.
 *
 * @param key      From {@link deriveKey}.
 * @param purpose  Which of the domain's streams, an unsigned 32-bit integer (the nonce's first word).
 * @param index    Which stream of that purpose, a safe integer >= 0: a sample's place, or a training step (the nonce's
 *                 second and third words, little-endian).
 * @param count    How many words, >= 0.
 * @param block    The block that it starts from (ChaCha20's counter).
 * @returns        `count` words, each uniform over 0..2^32-1; the keystream read as little-endian words.
 */
export function drawWords(
  key: RandomKey,
  purpose: number,
  index: number,
  count: number,
  block = 0,
): Uint32Array {
  const nonce = new Uint8Array(NONCE_BYTES);
  const view = new DataView(nonce.buffer);
  view.setUint32(0, purpose, true);
  view.setUint32(4, index % 2 ** 32, true);
  view.setUint32(8, Math.floor(index / 2 ** 32), true);
  const bytes = new Uint8Array(count * 4);
  chacha20(key, nonce, bytes, bytes, block);
  // Every platform that runs JavaScript engines of today is little-endian, so the view needs no byte swap.
  return new Uint32Array(bytes.buffer);
}

/**
 * Maps words to numbers uniform in [-1, 1): the top 24 bits of each, so that every value is exact in float32.
 *
 * @param words  From {@link drawWords}.
 * @param out    Where they go, at least as long; `out[i] = (words[i] >>> 8) / 2^23 - 1`.
 */
export function fillUniform(words: Uint32Array, out: Float32Array): void {
  for (let i = 0; i < words.length; i++) {
    out[i] = ((words[i] as number) >>> 8) * 2 ** -23 - 1;
  }
}
