/** Reads PGM and PPM, in which old sets of faces and traffic signs are; sharp reads neither. */
import { UnusablePicture, type RawPicture } from '../layouts/source.ts';

/** "P5 92 112 255", with any blanks and comments between. */
const HEADER = /^P([56])(?:\s|#.*\n)+(\d{1,6})(?:\s|#.*\n)+(\d{1,6})(?:\s|#.*\n)+(\d{1,5})\s/;
const HEADER_BYTES = 1024;

/** Reads a header. @throws UnusablePicture */
export function parseNetpbmHeader(bytes: Uint8Array) {
  const text = Buffer.from(bytes.subarray(0, HEADER_BYTES)).toString('latin1');
  const [header, kind, width, height, largest] = HEADER.exec(text) ?? [];
  if (header === undefined) {
    throw new UnusablePicture('has a header that is not understood: save it as PNG');
  }
  return {
    offset: header.length,
    channels: kind === '5' ? 1 : 3,
    width: Number(width),
    height: Number(height),
    largest: Number(largest),
  };
}

/** @returns  Grey or RGB with 8 bits. @throws UnusablePicture */
export function decodeNetpbm(bytes: Uint8Array): RawPicture {
  const { values, largest, ...picture } = readNetpbm(bytes);
  const scale = (value: number): number => Math.min(255, Math.round((value * 255) / largest));
  return { ...picture, pixels: Uint8Array.from(values, scale) };
}

/** @returns  Numbers up to the header's largest. @throws UnusablePicture */
export function readNetpbm(bytes: Uint8Array) {
  const { offset, width, height, channels, largest } = parseNetpbmHeader(bytes);
  const size = largest > 255 ? 2 : 1;
  const count = width * height * channels;
  if (offset + count * size > bytes.length || count === 0 || largest === 0) {
    throw new UnusablePicture('is truncated');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset);
  const read = (i: number): number => (size === 2 ? view.getUint16(2 * i) : view.getUint8(i));
  return {
    width,
    height,
    channels,
    largest,
    values: Int32Array.from({ length: count }, (_, i) => read(i)),
  };
}
