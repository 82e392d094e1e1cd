/**
 * The headers of two formats for arrays of bytes: IDX, MNIST's own format (LeCun, Cortes and
 * Burges), and NumPy's .npy, version 1.0. Pure.
 */
import { concatBytes } from '@noble/hashes/utils.js';

/** The number type of bytes in IDX: the third byte of the magic number. */
export const UNSIGNED_BYTE = 0x08;

/** Encodes the header of an IDX file. @param shape  1 to 255 sizes. */
export function encodeIdxHeader(shape: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 + shape.length * 4);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, (UNSIGNED_BYTE << 8) | shape.length);
  shape.forEach((size, i) => view.setUint32(4 + i * 4, size));
  return bytes;
}

/** Encodes bytes as IDX. @param shape  1 to 255 sizes, whose product is `data.length`. */
export function encodeIdx(shape: readonly number[], data: Uint8Array): Uint8Array {
  return concatBytes(encodeIdxHeader(shape), data);
}

/** Encodes a .npy file of a C-ordered uint8 array. @param shape  Its product is `data.length`. */
export function encodeNpy(shape: readonly number[], data: Uint8Array): Uint8Array {
  return concatBytes(encodeNpyHeader(shape), data);
}

/** Encodes the header of a .npy file. Like NumPy, it pads the header to a multiple of 64 bytes. */
export function encodeNpyHeader(shape: readonly number[]): Uint8Array {
  const dimensions = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dictionary = `{'descr': '|u1', 'fortran_order': False, 'shape': (${dimensions}), }`;
  // Magic number, version and length take 10 bytes; a line feed ends the header.
  const padding = 64 - ((10 + dictionary.length + 1) % 64);
  const text = `${dictionary}${' '.repeat(padding % 64)}\n`;
  const bytes = new Uint8Array(10 + text.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]); // \x93NUMPY
  new DataView(bytes.buffer).setUint16(8, text.length, true);
  bytes.set(new TextEncoder().encode(text), 10);
  return bytes;
}
