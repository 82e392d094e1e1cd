/** Converts a network's numbers to bytes and back. Pure. */

/** A network's output for paper (byte 0) and for full ink (byte 255). */
export type PixelRange = readonly [low: number, high: number];

/** Quantises: round((value - low) / (high - low) * 255), halves up, clamped. Any shape. */
export function encodePixels(
  values: Float32Array | Int32Array | Uint8Array,
  [low, high]: PixelRange,
): Uint8Array {
  const bytes = new Uint8Array(values.length);
  const scale = 255 / (high - low);
  for (let i = 0; i < values.length; i++) {
    const byte = Math.floor(((values[i] as number) - low) * scale + 0.5);
    bytes[i] = byte < 0 ? 0 : byte > 255 ? 255 : byte;
  }
  return bytes;
}

/** Replaces each byte by its entry in a table of 256; a callback for each would be slower. */
export function replaceBytes(bytes: Uint8Array, table: Uint8Array): Uint8Array {
  const replaced = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) {
    replaced[i] = table[bytes[i] as number] as number;
  }
  return replaced;
}

/** The number in a network's range for each of the 256 bytes. */
export function tabulatePixels([low, high]: PixelRange): Float32Array {
  const scale = (high - low) / 255;
  return Float32Array.from({ length: 256 }, (_, byte) => byte * scale + low);
}

/** Maps bytes to a network's range: the inverse of {@link encodePixels}. */
export function decodePixels(bytes: Uint8Array, range: PixelRange): Float32Array {
  const table = tabulatePixels(range);
  const values = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) {
    values[i] = table[bytes[i] as number] as number;
  }
  return values;
}
