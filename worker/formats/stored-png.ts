/**
 * PNG without compression: all pictures of one size have equally many bytes, so the place of each
 * in a file is known before it is drawn.
 */
import { concatBytes } from '@noble/hashes/utils.js';
import { encodeChunk, encodeNumbers } from './apng.ts';

interface Size {
  readonly height: number;
  readonly width: number;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number;
}

const SIGNATURE = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);
/** Most bytes of a stored block of deflate (RFC 1951, 3.2.4), which has a head of 5. */
const MAX_BLOCK = 65_535;

/** Encodes a picture. @param pixels  Row-major [height, width, channels]. */
export function encodeStoredPng(
  { height, width, channels }: Size,
  pixels: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const rowBytes = width * channels;
  const rows = new Uint8Array(height * (rowBytes + 1)); // Each begins with filter type 0.
  for (let y = 0; y < height; y++) {
    rows.set(pixels.subarray(y * rowBytes, (y + 1) * rowBytes), y * (rowBytes + 1) + 1);
  }
  const blocks = [Uint8Array.of(0x78, 0x01)]; // The head of zlib (RFC 1950).
  for (let at = 0; at < rows.length; at += MAX_BLOCK) {
    const block = rows.subarray(at, at + MAX_BLOCK);
    const isLast = at + MAX_BLOCK >= rows.length ? 1 : 0;
    const [low, high] = [block.length & 255, block.length >> 8];
    blocks.push(Uint8Array.of(isLast, low, high, low ^ 255, high ^ 255), block);
  }
  const facts = Uint8Array.of(8, channels === 1 ? 0 : 2, 0, 0, 0); // Bits, and grey or RGB.
  return concatBytes(
    SIGNATURE,
    encodeChunk('IHDR', encodeNumbers(width, height), facts),
    encodeChunk('IDAT', ...blocks, encodeNumbers(computeAdler32(rows))),
    encodeChunk('IEND'),
  ) as Uint8Array<ArrayBuffer>;
}

/** Computes the checksum of zlib (RFC 1950, 8.2). */
function computeAdler32(bytes: Uint8Array): number {
  let [a, b] = [1, 0];
  for (const byte of bytes) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  return b * 65_536 + a;
}
