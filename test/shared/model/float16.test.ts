import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeFloat16,
  encodeFloat16,
  FLOAT16_MAX,
} from '../../../shared/model/weight-encoding.ts';
import { timesAsMany } from '../../support/fast-check.ts';

/** A float32, its float16 bits and their value, from Python 3: `struct.pack('<e', x)`. */
const PYTHON: readonly [value: number, half: number, meaning: number][] = [
  [0, 0x0000, 0],
  [-0, 0x8000, -0],
  [1, 0x3c00, 1],
  [-1, 0xbc00, -1],
  [-2, 0xc000, -2],
  [0.5, 0x3800, 0.5],
  [0.3333333432674408, 0x3555, 0.333251953125],
  [-0.3333333432674408, 0xb555, -0.333251953125],
  [0.10000000149011612, 0x2e66, 0.0999755859375],
  [3.1415927410125732, 0x4248, 3.140625],
  // The largest float16, and numbers that round down to it.
  [65504, 0x7bff, 65504],
  [-65504, 0xfbff, -65504],
  [65519, 0x7bff, 65504],
  [65519.99609375, 0x7bff, 65504],
  // Around the smallest normal number, 2^-14.
  [6.103515625e-5, 0x0400, 6.103515625e-5],
  [6.1005353927612305e-5, 0x0400, 6.103515625e-5],
  [6.097555160522461e-5, 0x03ff, 6.097555160522461e-5],
  [6.102025508880615e-5, 0x0400, 6.103515625e-5],
  [6.103515261202119e-5, 0x0400, 6.103515625e-5],
  [6.0999998822808266e-5, 0x03ff, 6.097555160522461e-5],
  // Subnormal numbers, multiples of 2^-24: ties and their neighbours.
  [5.960464477539063e-8, 0x0001, 5.960464477539063e-8],
  [2 ** -25, 0x0000, 0],
  [-(2 ** -25), 0x8000, -0],
  [2.980232594040899e-8, 0x0001, 5.960464477539063e-8],
  [1.4901161193847656e-8, 0x0000, 0],
  [8.940696716308594e-8, 0x0002, 1.1920928955078125e-7],
  [1.4901161193847656e-7, 0x0002, 1.1920928955078125e-7],
  [-1.4901161193847656e-7, 0x8002, -1.1920928955078125e-7],
  [2.086162567138672e-7, 0x0004, 2.384185791015625e-7],
  // Ties of normal numbers and their neighbours.
  [1.00048828125, 0x3c00, 1],
  [1.00146484375, 0x3c02, 1.001953125],
  [1.0004884004592896, 0x3c01, 1.0009765625],
  [1.0004881620407104, 0x3c00, 1],
  [1.0009765625, 0x3c01, 1.0009765625],
  [1.99951171875, 0x4000, 2],
  [1.999755859375, 0x4000, 2],
  [1.9995115995407104, 0x3fff, 1.9990234375],
  [2049, 0x6800, 2048],
  [2051, 0x6802, 2052],
  [2050, 0x6801, 2050],
  [4098, 0x6c00, 4096],
  [4102, 0x6c02, 4104],
  [32776, 0x7800, 32768],
  [32792, 0x7801, 32800],
  // Subnormal in float32 as well.
  [1.401298464324817e-45, 0x0000, 0],
  [1.1754943508222875e-38, 0x0000, 0],
  [5.877471754111438e-39, 0x0000, 0],
];

const readBits = (values: Float32Array) => new Uint32Array(values.buffer);

/** Computes the value of a float16 from IEEE 754's definition. */
function computeMeaning(half: number): number {
  const [sign, exponent, fraction] = [half >> 15 ? -1 : 1, (half >> 10) & 31, half & 1023];
  if (exponent === 31) {
    return fraction === 0 ? sign * Infinity : NaN;
  }
  return (
    sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15))
  );
}

const ALL = Uint16Array.from({ length: 65_536 }, (_, half) => half);

describe('float16', () => {
  it.each(PYTHON)('writes %d as Python does', (value, half, meaning) => {
    expect([...encodeFloat16(Float32Array.of(value))]).toEqual([half]);
    expect([...decodeFloat16(Uint16Array.of(half))]).toEqual([meaning]);
  });

  it('overflows to infinity from 65,520 on, where Python refuses', () => {
    const values = Float32Array.of(
      65_520,
      -65_520,
      65_536,
      3.4028234663852886e38,
      Infinity,
      -Infinity,
      NaN,
    );
    expect([...encodeFloat16(values)]).toEqual([
      0x7c00, 0xfc00, 0x7c00, 0x7c00, 0x7c00, 0xfc00, 0x7e00,
    ]);
    expect(decodeFloat16(Uint16Array.of(0x7c00, 0xfc00, 0x7e00, 0x7c01))).toEqual(
      Float32Array.of(Infinity, -Infinity, NaN, NaN),
    );
  });

  it('reads every float16 as the standard defines it', () => {
    expect([...decodeFloat16(ALL)]).toEqual([...ALL].map(computeMeaning));
  });

  it('reads every float16 to the same bits as tfjs', async () => {
    await tf.setBackend('cpu');
    const spec = {
      name: 'all',
      shape: [ALL.length],
      dtype: 'float32',
      quantization: { dtype: 'float16' },
    } as const;
    const { all } = tf.io.decodeWeights(ALL.slice().buffer, [{ ...spec, shape: [...spec.shape] }]);
    expect(readBits(decodeFloat16(ALL))).toEqual(readBits(all?.dataSync() as Float32Array));
    all?.dispose();
  });

  it('returns every number that float16 can represent', () => {
    const numbers = ALL.filter((half) => (half & 0x7fff) <= 0x7c00);
    expect(encodeFloat16(decodeFloat16(numbers))).toEqual(numbers);
  });

  it('rounds to the nearest, ties to even', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: -FLOAT16_MAX, max: FLOAT16_MAX }), (value) => {
        const [half = 0] = encodeFloat16(Float32Array.of(value));
        const distance = (other: number) => Math.abs(value - computeMeaning(other));
        expect(half >> 15).toBe(Object.is(Math.sign(value), -0) || value < 0 ? 1 : 0);
        for (const neighbour of [half - 1, half + 1]) {
          const isNumber = (half & 0x7fff) !== 0 || neighbour > half;
          if (isNumber && Number.isFinite(computeMeaning(neighbour))) {
            expect(distance(half)).toBeLessThanOrEqual(distance(neighbour));
            expect(distance(half) === distance(neighbour) && half % 2 !== 0).toBe(false);
          }
        }
      }),
      { numRuns: timesAsMany(3000) },
    );
  });
});
