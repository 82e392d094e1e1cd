/**
 * Enlarges pictures: smoothly by cubic convolution (Keys 1981, a = -1/2), or by repeating pixels.
 * Pure. It uses IEEE doubles only, so its bytes are the same on every platform.
 */

/** Source pixels of one output pixel. */
const TAPS = 4;

/**
 * Enlarges a picture smoothly, one axis after the other. Pixels beyond the border equal the
 * outermost ones.
 * @param pixels  Row-major [height, width, channels].
 * @param scale   A whole number >= 1.
 * @returns       Row-major [height * scale, width * scale, channels].
 */
export function enlargePixels(
  pixels: Uint8Array,
  height: number,
  width: number,
  channels: number,
  scale: number,
): Uint8Array {
  const weights = computeWeights(scale);
  const wide = new Float64Array(height * width * scale * channels);
  enlargeAxis(pixels, wide, height, width, channels, scale, weights);
  const both = new Float64Array(wide.length * scale);
  enlargeAxis(wide, both, 1, height, width * scale * channels, scale, weights);
  const out = new Uint8Array(both.length);
  for (let i = 0; i < both.length; i++) {
    const value = Math.floor((both[i] as number) + 0.5);
    out[i] = value < 0 ? 0 : value > 255 ? 255 : value;
  }
  return out;
}

/** Turns each pixel into a square. Parameters and result as in `enlargePixels`. */
export function repeatPixels(
  pixels: Uint8Array,
  height: number,
  width: number,
  channels: number,
  scale: number,
): Uint8Array {
  const lineBytes = width * scale * channels;
  const out = new Uint8Array(height * scale * lineBytes);
  for (let y = 0; y < height; y++) {
    const to = y * scale * lineBytes;
    for (let x = 0; x < width * scale; x++) {
      const from = (y * width + Math.floor(x / scale)) * channels;
      for (let c = 0; c < channels; c++) {
        out[to + x * channels + c] = pixels[from + c] as number;
      }
    }
    for (let copy = 1; copy < scale; copy++) {
      out.copyWithin(to + copy * lineBytes, to, to + lineBytes);
    }
  }
  return out;
}

/** Enlarges the middle axis of [outer, length, inner]. */
function enlargeAxis(
  from: ArrayLike<number>,
  to: Float64Array,
  outer: number,
  length: number,
  inner: number,
  scale: number,
  weights: Float64Array,
): void {
  const tapped = new Float64Array(TAPS);
  for (let o = 0; o < outer; o++) {
    for (let x = 0; x < length * scale; x++) {
      const phase = x % scale;
      // The output pixel's centre lies between two source centres. The first tap precedes both.
      const first = Math.floor((x + 0.5) / scale - 0.5) - 1;
      for (let i = 0; i < inner; i++) {
        for (let tap = 0; tap < TAPS; tap++) {
          const source = Math.min(Math.max(first + tap, 0), length - 1);
          tapped[tap] = from[(o * length + source) * inner + i] as number;
        }
        let sum = 0;
        for (let tap = 0; tap < TAPS; tap++) {
          sum += (tapped[tap] as number) * (weights[phase * TAPS + tap] as number);
        }
        to[(o * length * scale + x) * inner + i] = sum;
      }
    }
  }
}

/** [scale, TAPS]: the weight of each tap, by the output pixel's position in a source pixel. */
function computeWeights(scale: number): Float64Array {
  const weights = new Float64Array(scale * TAPS);
  for (let phase = 0; phase < scale; phase++) {
    const at = (phase + 0.5) / scale - 0.5;
    const t = at - Math.floor(at);
    weights.set(
      [
        ((-0.5 * t + 1) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1,
        ((-1.5 * t + 2) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
      ],
      phase * TAPS,
    );
  }
  return weights;
}
