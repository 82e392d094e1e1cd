/**
 * How weights.bin encodes a generator's weights. float16 and uint8 are those of TensorFlow.js
 * (`quantization` in tfjs-core's `io/types`) and decode to the same bits.
 */
import * as v from 'valibot';
import { numberSchema } from '../schema.ts';
import { GENERATOR_LIMITS, sizeOf, type WeightSpec } from './generator.ts';

export const WEIGHT_DTYPES = ['float32', 'float16', 'uint8'] as const;
export type WeightDtype = (typeof WEIGHT_DTYPES)[number];

/** Bytes of one weight. */
export const WEIGHT_BYTES = { float32: 4, float16: 2, uint8: 1 } as const;

/** Byte `q` decodes to `q * scale + min`, computed in float64, then rounded to float32. */
const affineSchema = v.pipe(
  v.strictObject({ scale: v.pipe(numberSchema, v.gtValue(0)), min: numberSchema }),
  v.check(
    ({ scale, min }) => [min, 255 * scale + min].every((end) => Number.isFinite(Math.fround(end))),
    'expected numbers within the range of float32',
  ),
);

/** `quantization` has one entry for each of the plan's weights, in their order. */
export const weightEncodingSchema = v.variant('dtype', [
  v.strictObject({ dtype: v.literal('float32') }),
  v.strictObject({ dtype: v.literal('float16') }),
  v.strictObject({
    dtype: v.literal('uint8'),
    quantization: v.pipe(v.array(affineSchema), v.maxLength(2 * GENERATOR_LIMITS.layers)),
  }),
]);

export type AffineQuantization = v.InferOutput<typeof affineSchema>;
export type WeightEncoding = v.InferOutput<typeof weightEncodingSchema>;

/**
 * Decodes weights to [parameters], a copy. float32 and float16 may give NaN and infinities.
 * @param weights  From the plan; for uint8 as many as `encoding.quantization` has entries.
 * @param bytes    Little-endian, of exactly the expected length, at any alignment.
 */
export function decodeValues(
  weights: readonly WeightSpec[],
  encoding: WeightEncoding,
  bytes: Uint8Array,
): Float32Array {
  switch (encoding.dtype) {
    // new Uint8Array copies. `slice` of Node's Buffer would share its memory.
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

/** The largest finite float16. Numbers from 65,520 on round to infinity. */
export const FLOAT16_MAX = 65_504;
/** The bits of infinity; larger magnitudes are NaN. */
const INFINITY_BITS = 0x7c00;
const NAN_BITS = 0x7e00;
/** The float32 bits of the smallest normal float16, 2^-14. */
const SMALLEST_NORMAL_BITS = 0x3880_0000;
/** The exponent bias of float32 (127) less that of float16 (15). */
const BIAS_DIFFERENCE = 112;
/** A constant, because `2 ** BIAS_DIFFERENCE` in the loop makes decoding forty times slower. */
const BIAS_FACTOR = 2 ** 112;

/**
 * Rounds each number to the nearest float16, ties to even. Infinities and NaN stay. Every platform
 * gives the same bits; Node 22 has no Float16Array.
 */
export function encodeFloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    halves[i] =
      ((word >>> 16) & 0x8000) | roundMagnitude(word & 0x7fff_ffff, Math.abs(values[i] as number));
  }
  return halves;
}

/** @param bits  The float32 bits of `magnitude`. */
function roundMagnitude(bits: number, magnitude: number): number {
  if (bits >= 0x7f80_0000) {
    return bits === 0x7f80_0000 ? INFINITY_BITS : NAN_BITS;
  }
  if (bits < SMALLEST_NORMAL_BITS) {
    // A multiple of 2^-24. Adding 2^52 leaves no fraction bits, so it rounds, ties to even.
    return magnitude * 2 ** 24 + 2 ** 52 - 2 ** 52;
  }
  // Drops 13 bits of the fraction. A carry correctly increases the exponent.
  const rounded = ((bits + 0xfff + ((bits >>> 13) & 1)) >>> 13) - (BIAS_DIFFERENCE << 10);
  return Math.min(rounded, INFINITY_BITS);
}

/** Converts float16 to float32, exactly. */
export function decodeFloat16(halves: Uint16Array): Float32Array {
  const values = new Float32Array(halves.length);
  const words = new Uint32Array(values.buffer);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i] as number;
    const moved = ((half & 0x7fff) << 13) | ((half & 0x8000) << 16);
    if ((half & INFINITY_BITS) === INFINITY_BITS) {
      words[i] = moved | 0x7f80_0000;
    } else {
      // Read as float32, the number (normal or subnormal) is 2^112 times too small.
      words[i] = moved;
      values[i] = (values[i] as number) * BIAS_FACTOR;
    }
  }
  return values;
}
