/**
 * How weights.bin writes a generator's numbers: as they were trained, or in a half or a quarter of the bytes. The small
 * forms are those of tfjs's own weights manifest (`quantization` in tfjs-core's `io/types`), decoded to the same bits.
 */
import * as z from 'zod';
import { decodeFloat16 } from './float16.ts';
import { GENERATOR_LIMITS, sizeOf, type WeightSpec } from './generator.ts';

export const WEIGHT_DTYPES = ['float32', 'float16', 'uint8'] as const;
export type WeightDtype = (typeof WEIGHT_DTYPES)[number];

/** Bytes of a weight. */
export const WEIGHT_BYTES: Readonly<Record<WeightDtype, number>> = {
  float32: 4,
  float16: 2,
  uint8: 1,
};

/** A byte `q` stands for `q * scale + min`, computed in float64, then rounded to float32. */
const affineSchema = z
  .strictObject({ scale: z.number().positive(), min: z.number() })
  .refine(
    ({ scale, min }) =>
      Number.isFinite(Math.fround(min)) && Number.isFinite(Math.fround(255 * scale + min)),
    {
      error: 'expected numbers within the range of float32',
    },
  );

/** `quantization` is one for each of the plan's weights, in their order. */
export const weightEncodingSchema = z.discriminatedUnion('dtype', [
  z.strictObject({ dtype: z.literal('float32') }),
  z.strictObject({ dtype: z.literal('float16') }),
  z.strictObject({
    dtype: z.literal('uint8'),
    quantization: z.array(affineSchema).max(2 * GENERATOR_LIMITS.layers),
  }),
]);

export type AffineQuantization = z.infer<typeof affineSchema>;
export type WeightEncoding = z.infer<typeof weightEncodingSchema>;

/**
 * Reads weights, whatever they are written in.
 *
 * @param weights   The plan's; for uint8 as many as `encoding.quantization` has entries.
 * @param encoding  Checked by its schema.
 * @param bytes     Little-endian, of exactly the length that weights and encoding ask for, at any alignment.
 * @returns         [parameters], one after the other: a copy. Of float32 and float16 it may hold NaN and infinities.
 */
export function decodeNumbers(
  weights: readonly WeightSpec[],
  encoding: WeightEncoding,
  bytes: Uint8Array,
): Float32Array {
  switch (encoding.dtype) {
    // A new Uint8Array, not slice(): that of a Buffer of Node shares its memory.
    case 'float32':
      return new Float32Array(new Uint8Array(bytes).buffer);
    case 'float16':
      return decodeFloat16(new Uint16Array(new Uint8Array(bytes).buffer));
    case 'uint8':
      return decodeAffine(weights, encoding.quantization, bytes);
  }
}

function decodeAffine(
  weights: readonly WeightSpec[],
  quantization: readonly AffineQuantization[],
  bytes: Uint8Array,
): Float32Array {
  const values = new Float32Array(bytes.length);
  const levels = new Float32Array(256);
  let next = 0;
  weights.forEach(({ shape }, index) => {
    const { scale, min } = quantization[index] as AffineQuantization;
    for (let q = 0; q < 256; q++) {
      levels[q] = q * scale + min;
    }
    for (const end = next + sizeOf(shape); next < end; next++) {
      values[next] = levels[bytes[next] as number] as number;
    }
  });
  return values;
}
