/**
 * Random numbers of a seed: the keystream of ChaCha20 (RFC 8439), keyed by the seed's SHA-256.
 * Pure, and the same on every platform. A block is computed without the blocks before it. Nothing
 * here may ever change: seeds in web pages depend on it.
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
 * @param domain  Separates the uses of one seed: "sample" or "train". Lower-case ASCII, no colon.
 * @param seed    Any text; its UTF-8 bytes are hashed.
 * @returns       32 bytes: SHA-256 of `digitmint:<domain>:<seed>`.
 */
export function deriveKey(domain: string, seed: string): RandomKey {
  return sha256(utf8ToBytes(`digitmint:${domain}:${seed}`));
}

/**
 * Draws 32-bit words of a keystream.
 *
 * @param key      From {@link deriveKey}.
 * @param purpose  Selects a group of streams; an unsigned 32-bit integer, the nonce's first word.
 * @param index    Selects a stream of the group: a sample's index or a training step. A safe
 *                 integer >= 0, the nonce's second and third words, little-endian.
 * @param count    How many words, >= 0.
 * @param block    The first block, ChaCha20's counter.
 * @returns        `count` little-endian words of the keystream, each uniform over 0..2^32-1.
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
  // Every platform of a current JavaScript engine is little-endian, so no byte swap is needed.
  return new Uint32Array(bytes.buffer);
}

/**
 * Maps words to numbers uniform in [-1, 1). The top 24 bits of a word make the number exact in
 * float32.
 *
 * @param words  From {@link drawWords}.
 * @param out    Receives `(words[i] >>> 8) / 2^23 - 1` at `i`; at least as long as `words`.
 */
export function fillUniform(words: Uint32Array, out: Float32Array): void {
  for (let i = 0; i < words.length; i++) {
    out[i] = ((words[i] as number) >>> 8) * 2 ** -23 - 1;
  }
}
