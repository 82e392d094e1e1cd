/**
 * PNG without compression: all pictures of one size have equally many bytes, so the place of each
 * in a file is known before it is drawn.
 */
import { concatBytes } from '@noble/hashes/utils.js';
import { encodeChunk, encodeNumbers, SIGNATURE } from '../../shared/picture/png.ts';

interface Size {
  readonly height: number;
  readonly width: number;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number;
}

/** Most bytes of a stored block of deflate (RFC 1951, 3.2.4), which has a head of 5. */
const [MAX_BLOCK, BLOCK_HEAD] = [65_535, 5];
const ZLIB_HEAD = 0x7801; // RFC 1950.

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
  const header = Uint8Array.of(8, channels === 1 ? 0 : 2, 0, 0, 0); // 8 bits, grey or RGB.
  return concatBytes(
    SIGNATURE,
    encodeChunk('IHDR', encodeNumbers(width, height), header),
    encodeChunk('IDAT', storeBytes(rows)),
    encodeChunk('IEND'),
  );
}

/** Makes a zlib stream of stored blocks. fflate's, at level 0, is wrong for 65,535 bytes. */
function storeBytes(bytes: Uint8Array): Uint8Array {
  const blocks = Math.ceil(bytes.length / MAX_BLOCK);
  const stream = new Uint8Array(2 + bytes.length + BLOCK_HEAD * blocks + 4);
  const view = new DataView(stream.buffer);
  view.setUint16(0, ZLIB_HEAD);
  let at = 2;
  for (let from = 0; from < bytes.length; from += MAX_BLOCK) {
    const block = bytes.subarray(from, from + MAX_BLOCK);
    view.setUint8(at, from + MAX_BLOCK >= bytes.length ? 1 : 0); // Whether it is the last.
    view.setUint16(at + 1, block.length, true);
    view.setUint16(at + 3, ~block.length, true);
    stream.set(block, at + BLOCK_HEAD);
    at += BLOCK_HEAD + block.length;
  }
  view.setUint32(at, computeAdler32(bytes));
  return stream;
}

/** The most sums of bytes below 2^32 (RFC 1950). */
const SUMS = 5552;

/** Computes the checksum of zlib (RFC 1950, 8.2). */
function computeAdler32(bytes: Uint8Array): number {
  let [a, b] = [1, 0];
  for (let at = 0; at < bytes.length;) {
    for (const end = Math.min(bytes.length, at + SUMS); at < end; at++) {
      a += bytes[at] as number;
      b += a;
    }
    a %= 65_521;
    b %= 65_521;
  }
  return b * 65_536 + a;
}
