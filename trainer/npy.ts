/**
 * NumPy's .npy format, version 1.0, for bytes. Pure.
 */

/** Encodes bytes as a C-ordered uint8 array. @param shape  Its product is `data.length`. */
export function encodeNpy(shape: readonly number[], data: Uint8Array): Uint8Array {
  const dimensions = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dictionary = `{'descr': '|u1', 'fortran_order': False, 'shape': (${dimensions}), }`;
  // Magic, version and length are 10 bytes; spaces and a line feed bring the whole to a multiple of 64, as NumPy does.
  const padding = 64 - ((10 + dictionary.length + 1) % 64);
  const header = `${dictionary}${' '.repeat(padding % 64)}\n`;
  const bytes = new Uint8Array(10 + header.length + data.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]); // \x93NUMPY
  new DataView(bytes.buffer).setUint16(8, header.length, true);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(data, 10 + header.length);
  return bytes;
}
