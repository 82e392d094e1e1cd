/**
 * Numbers in 16 bits (IEEE 754 binary16), to and from float32. By integers and exact products alone: the same bits
 * everywhere, whether or not the platform has a Float16Array.
 */

/** Largest number of the format; what rounds to more, from 65,520 on, overflows to infinity. */
export const FLOAT16_MAX = 65_504;

/** Exponent and fraction of infinity; above it, NaN. */
const INFINITY_BITS = 0x7c00;
const NAN_BITS = 0x7e00;
/** The smallest normal number, 2^-14, as float32. */
const SMALLEST_NORMAL_BITS = 0x3880_0000;
/** How much larger an exponent is written in float32 (bias 127) than here (bias 15). */
const BIAS_DIFFERENCE = 112;
/** A constant of its own: raised to the power number by number, decoding takes forty times as long. */
const BIAS_FACTOR = 2 ** 112;

/** Rounds each number to the nearest of the format, ties to the even one. Infinities and NaN stay what they are. */
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

/** @param bits  Of `magnitude` as float32. */
function roundMagnitude(bits: number, magnitude: number): number {
  if (bits >= 0x7f80_0000) {
    return bits === 0x7f80_0000 ? INFINITY_BITS : NAN_BITS;
  }
  if (bits < SMALLEST_NORMAL_BITS) {
    // Multiples of 2^-24. Where doubles are whole numbers, the addition itself rounds to the nearest, ties to even.
    return magnitude * 2 ** 24 + 2 ** 52 - 2 ** 52;
  }
  // Drops 13 bits of the fraction. A carry goes over into the exponent, as it should.
  const rounded = ((bits + 0xfff + ((bits >>> 13) & 1)) >>> 13) - (BIAS_DIFFERENCE << 10);
  return Math.min(rounded, INFINITY_BITS);
}

/** Widens each number; exact. */
export function decodeFloat16(halves: Uint16Array): Float32Array {
  const values = new Float32Array(halves.length);
  const words = new Uint32Array(values.buffer);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i] as number;
    const moved = ((half & 0x7fff) << 13) | ((half & 0x8000) << 16);
    if ((half & INFINITY_BITS) === INFINITY_BITS) {
      words[i] = moved | 0x7f80_0000;
    } else {
      // Read as float32 it is 2^112 times too small, subnormal numbers too.
      words[i] = moved;
      values[i] = (values[i] as number) * BIAS_FACTOR;
    }
  }
  return values;
}
