/** Decodes BMP files without compression, which sharp does not read. Pure. */
import type { RawPicture } from '../layouts/source.ts';
import { UnusablePicture } from '../layouts/source.ts';

/** Bytes of the file's header; the picture's header follows. */
const FILE_HEADER = 14;
/** Ways to store pixels that need no decompression. */
const PLAIN = [0, 3, 6];
const DEPTHS = [1, 4, 8, 24, 32];

/** Reads a header. @throws UnusablePicture */
export function parseBmpHeader(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < FILE_HEADER + 12) {
    throw new UnusablePicture('is truncated');
  }
  const headerBytes = view.getUint32(14, true);
  if (headerBytes < 40 || bytes.length < FILE_HEADER + 40) {
    throw new UnusablePicture("is BMP of OS/2's kind: save it as PNG");
  }
  const rows = view.getInt32(22, true);
  const header = {
    offset: view.getUint32(10, true),
    width: view.getInt32(18, true),
    height: Math.abs(rows),
    /** Whether the first row is the top one. */
    isTopDown: rows < 0,
    depth: view.getUint16(28, true),
    palette: FILE_HEADER + headerBytes,
  };
  const compression = view.getUint32(30, true);
  if (!PLAIN.includes(compression) || !DEPTHS.includes(header.depth)) {
    throw new UnusablePicture(
      `is BMP with compression ${compression} and ${header.depth} bits a pixel: save it as PNG`,
    );
  }
  if (header.width < 1 || header.height < 1) {
    throw new UnusablePicture(`has ${header.width} x ${rows} pixels`);
  }
  return header;
}

/** @returns  RGB; opacity is left out, as most programs do. @throws UnusablePicture */
export function decodeBmp(bytes: Uint8Array): RawPicture {
  const { offset, width, height, isTopDown, depth, palette } = parseBmpHeader(bytes);
  const rowBytes = Math.ceil((width * depth) / 32) * 4;
  if (offset + rowBytes * height > bytes.length) {
    throw new UnusablePicture('is truncated');
  }
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const row = offset + rowBytes * (isTopDown ? y : height - 1 - y);
    for (let x = 0; x < width; x++) {
      let place = row + (x * depth) / 8;
      if (depth <= 8) {
        const shift = 8 - depth - ((x * depth) & 7);
        const index = ((bytes[Math.floor(place)] as number) >> shift) & (2 ** depth - 1);
        place = palette + 4 * index;
        if (place + 4 > offset) {
          throw new UnusablePicture('has a pixel beyond its palette');
        }
      }
      for (let c = 0; c < 3; c++) {
        pixels[(y * width + x) * 3 + c] = bytes[place + 2 - c] as number; // stored as BGR
      }
    }
  }
  return { width, height, channels: 3, pixels };
}
