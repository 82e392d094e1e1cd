/**
 * PNG without compression: all pictures of one size have equally many bytes, so the place of each
 * in a file is known before it is drawn.
 */
import { concatBytes } from '@noble/hashes/utils.js';
import crc32 from 'crc-32';
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

/** A writer of pictures of one size. */
export interface StoredPngWriter {
  /** Bytes of each picture. */
  readonly length: number;
  /**
   * Writes a picture.
   * @param pixels  Row-major [height, width, channels].
   * @param at      Place in `target` of the first byte.
   */
  write(pixels: Uint8Array, target: Uint8Array, at: number): void;
}

/** Encodes a black picture once. Others differ from it in pixels and checksums alone. */
export function createStoredPngWriter({ height, width, channels }: Size): StoredPngWriter {
  const rowBytes = width * channels;
  const rows = new Uint8Array(height * (rowBytes + 1)); // Each begins with filter type 0.
  const header = Uint8Array.of(8, channels === 1 ? 0 : 2, 0, 0, 0); // 8 bits, grey or RGB.
  const before = concatBytes(SIGNATURE, encodeChunk('IHDR', encodeNumbers(width, height), header));
  const stored = storeBytes(rows);
  const picture = concatBytes(before, encodeChunk('IDAT', stored), encodeChunk('IEND'));
  const [type, data] = [before.length + 4, before.length + 8];
  const end = data + stored.length;
  return {
    length: picture.length,
    write(pixels, target, at) {
      for (let y = 0; y < height; y++) {
        rows.set(pixels.subarray(y * rowBytes, (y + 1) * rowBytes), y * (rowBytes + 1) + 1);
      }
      target.set(picture, at);
      for (let [from, to] = [0, at + data + 2]; from < rows.length; from += MAX_BLOCK) {
        const block = rows.subarray(from, from + MAX_BLOCK);
        target.set(block, to + BLOCK_HEAD);
        to += BLOCK_HEAD + block.length;
      }
      const view = new DataView(target.buffer, target.byteOffset + at, picture.length);
      view.setUint32(end - 4, computeAdler32(rows));
      view.setInt32(end, crc32.buf(target.subarray(at + type, at + end)));
    },
  };
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
