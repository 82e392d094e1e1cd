/**
 * NumPy's .npy format, version 1.0, for bytes. Pure.
 */
import { concatBytes } from '@noble/hashes/utils.js';

/** Encodes bytes as a C-ordered uint8 array. @param shape  Its product is `data.length`. */
export function encodeNpy(shape: readonly number[], data: Uint8Array): Uint8Array {
  return concatBytes(encodeNpyHeader(shape), data);
}

/** What stands before the data of a C-ordered uint8 array of this shape. */
export function encodeNpyHeader(shape: readonly number[]): Uint8Array {
  const dimensions = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dictionary = `{'descr': '|u1', 'fortran_order': False, 'shape': (${dimensions}), }`;
  // Magic, version and length are 10 bytes; spaces and a line feed bring the whole to a multiple of 64, as NumPy does.
  const padding = 64 - ((10 + dictionary.length + 1) % 64);
  const text = `${dictionary}${' '.repeat(padding % 64)}\n`;
  const bytes = new Uint8Array(10 + text.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]); // \x93NUMPY
  new DataView(bytes.buffer).setUint16(8, text.length, true);
  bytes.set(new TextEncoder().encode(text), 10);
  return bytes;
}
