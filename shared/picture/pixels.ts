/**
 * The one place that knows pixel ranges: a network's numbers to bytes and back. Pure.
 */

/** What a network's output means: `low` is paper (byte 0), `high` is full ink (byte 255). */
export type PixelRange = readonly [low: number, high: number];

/**
 * Quantises a generator's output to 8 bits.
 *
 * @param values  Any shape, nominally within `range`; values outside it are clamped, as rounding can step over an end.
 * @param range   The range that the generator was trained to.
 * @returns       One byte a value: round((value - low) / (high - low) * 255), halves up.
 */
export function encodePixels(values: Float32Array, [low, high]: PixelRange): Uint8Array {
  const bytes = new Uint8Array(values.length);
  const scale = 255 / (high - low);
  for (let i = 0; i < values.length; i++) {
    const byte = Math.floor(((values[i] as number) - low) * scale + 0.5);
    bytes[i] = byte < 0 ? 0 : byte > 255 ? 255 : byte;
  }
  return bytes;
}

/**
 * Maps bytes to the range that a network is trained on: the inverse of {@link encodePixels}.
 *
 * @param bytes  0..255.
 * @param range  Where 0 and 255 go.
 * @returns      One float a byte, within `range`.
 */
export function decodePixels(bytes: Uint8Array, [low, high]: PixelRange): Float32Array {
  const scale = (high - low) / 255;
  const table = Float32Array.from({ length: 256 }, (_, byte) => byte * scale + low);
  const values = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) {
    values[i] = table[bytes[i] as number] as number;
  }
  return values;
}
