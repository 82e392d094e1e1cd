/**
 * PNG without compression: all pictures of one size have equally many bytes, so the place of each
 * in a file is known before it is drawn.
 */
import crc32 from 'crc-32';

interface Size {
  readonly height: number;
  readonly width: number;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number;
}

const SIGNATURE = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);
/** Types of chunks. */
const [IHDR, IDAT, IEND] = [0x49484452, 0x49444154, 0x49454e44];
/** Bytes of a chunk beside its content: length and type before it, the checksum after it. */
const [BEFORE, AROUND] = [8, 12];
const HEADER_BYTES = 13;
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
  const headBytes = SIGNATURE.length + AROUND + HEADER_BYTES;
  const dataBytes = 2 + rows.length + BLOCK_HEAD * Math.ceil(rows.length / MAX_BLOCK) + 4;
  const png = new Uint8Array(headBytes + AROUND + dataBytes + AROUND);
  const view = new DataView(png.buffer);
  png.set(SIGNATURE);
  let at = SIGNATURE.length + BEFORE;
  view.setUint32(at, width);
  view.setUint32(at + 4, height);
  view.setUint8(at + 8, 8); // Bits.
  view.setUint8(at + 9, channels === 1 ? 0 : 2); // Grey or RGB.
  closeChunk(view, IHDR, at, HEADER_BYTES);
  at = headBytes + BEFORE;
  view.setUint16(at, ZLIB_HEAD);
  at += 2;
  for (let from = 0; from < rows.length; from += MAX_BLOCK) {
    const block = rows.subarray(from, from + MAX_BLOCK);
    view.setUint8(at, from + MAX_BLOCK >= rows.length ? 1 : 0); // Whether it is the last.
    view.setUint16(at + 1, block.length, true);
    view.setUint16(at + 3, ~block.length, true);
    png.set(block, at + BLOCK_HEAD);
    at += BLOCK_HEAD + block.length;
  }
  view.setUint32(at, computeAdler32(rows));
  closeChunk(view, IDAT, headBytes + BEFORE, dataBytes);
  closeChunk(view, IEND, png.length - 4, 0);
  return png;
}

/** Writes length, type and checksum around the content of a chunk. */
function closeChunk(view: DataView, type: number, at: number, bytes: number): void {
  view.setUint32(at - BEFORE, bytes);
  view.setUint32(at - 4, type);
  view.setInt32(at + bytes, crc32.buf(new Uint8Array(view.buffer, at - 4, bytes + 4)));
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
