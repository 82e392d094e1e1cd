/**
 * The keystream of `shared/model/random.ts` by Node's OpenSSL: the same words in a sixth of the time. Drawing is what a short training
 * step's JavaScript does most.
 */
import { createCipheriv, getCiphers } from 'node:crypto';
import { drawWords as drawPortably, type RandomKey } from '../../shared/model/random.ts';

const CIPHER = 'chacha20';
/** A few builds of Node leave it out. */
const HAS_CIPHER = getCiphers().includes(CIPHER);

/** `drawWords` of `shared/model/random.ts`, from a stream's start. */
export function drawWords(
  key: RandomKey,
  purpose: number,
  index: number,
  count: number,
): Uint32Array {
  if (!HAS_CIPHER) {
    return drawPortably(key, purpose, index, count);
  }
  const start = new DataView(new ArrayBuffer(16)); // the counter, then the nonce
  start.setUint32(4, purpose, true);
  start.setUint32(8, index % 2 ** 32, true);
  start.setUint32(12, Math.floor(index / 2 ** 32), true);
  const stream = createCipheriv(CIPHER, key, new Uint8Array(start.buffer)).update(
    new Uint8Array(count * 4),
  );
  const words = new Uint32Array(count);
  new Uint8Array(words.buffer).set(stream); // aligned, which a view of the stream need not be
  return words;
}
