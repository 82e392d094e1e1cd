/**
 * The head of an IDX file, MNIST's format (LeCun, Cortes and Burges). Pure.
 */

/** The type of numbers in an IDX file, third byte of its magic number. */
export const UNSIGNED_BYTE = 0x08;

/** What stands before the bytes of an array of this shape. @param shape  1 to 255 sizes. */
export function encodeIdxHeader(shape: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 + shape.length * 4);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, (UNSIGNED_BYTE << 8) | shape.length);
  shape.forEach((size, i) => view.setUint32(4 + i * 4, size));
  return bytes;
}
