/**
 * Distorts training digits a little: rotates, scales, slants and shifts each, with bilinear
 * interpolation. Pure.
 */
import { drawWords, type RandomKey } from '../../../shared/model/random.ts';

/** The largest distortions. Each amount is uniform between minus and plus the number here. */
export const AUGMENTATION = { degrees: 12, scale: 0.12, slant: 0.12, shiftPixels: 2 } as const;

const WORDS_PER_IMAGE = 5;

/**
 * Distorts images.
 *
 * @param images   Row-major [count, side, side], 0..255.
 * @param key      Key of the training's seed.
 * @param purpose  The key's stream that the amounts are drawn from.
 * @param index    The training step: the place in that stream.
 * @returns        [count, side, side], 0..1.
 */
export function augmentImages(
  images: Uint8Array,
  side: number,
  key: RandomKey,
  purpose: number,
  index: number,
): Float32Array {
  const size = side * side;
  const count = images.length / size;
  const words = drawWords(key, purpose, index, count * WORDS_PER_IMAGE);
  const out = new Float32Array(images.length);
  for (let i = 0; i < count; i++) {
    const [turn, zoom, slant, right, down] = Array.from(
      words.subarray(i * WORDS_PER_IMAGE, (i + 1) * WORDS_PER_IMAGE),
      (word) => word / 2 ** 31 - 1,
    ) as [number, number, number, number, number];
    const angle = (turn * AUGMENTATION.degrees * Math.PI) / 180;
    const scale = 1 + zoom * AUGMENTATION.scale;
    const cos = Math.cos(angle) / scale;
    const sin = Math.sin(angle) / scale;
    const shear = slant * AUGMENTATION.slant;
    const image = images.subarray(i * size, (i + 1) * size);
    warpImage(image, side, out.subarray(i * size, (i + 1) * size), {
      xx: cos,
      xy: shear * cos - sin,
      yx: sin,
      yy: shear * sin + cos,
      dx: right * AUGMENTATION.shiftPixels,
      dy: down * AUGMENTATION.shiftPixels,
    });
  }
  return out;
}

/** Maps a pixel to its source (xx x + xy y + dx, yx x + yy y + dy), in pixels from the centre. */
interface Affine {
  readonly xx: number;
  readonly xy: number;
  readonly yx: number;
  readonly yy: number;
  readonly dx: number;
  readonly dy: number;
}

/** Fills `out` with the mapped image, 0..1. Sources outside of the image are paper. */
function warpImage(
  image: Uint8Array,
  side: number,
  out: Float32Array,
  { xx, xy, yx, yy, dx, dy }: Affine,
): void {
  const centre = (side - 1) / 2;
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const [x, y] = [column - centre, row - centre];
      const [fromX, fromY] = [xx * x + xy * y + dx + centre, yx * x + yy * y + dy + centre];
      const [left, top] = [Math.floor(fromX), Math.floor(fromY)];
      if (left < -1 || top < -1 || left >= side || top >= side) {
        continue;
      }
      const [a, b] = [fromX - left, fromY - top];
      const at = (r: number, c: number): number =>
        r < 0 || c < 0 || r >= side || c >= side ? 0 : (image[r * side + c] as number);
      const above = at(top, left) * (1 - a) + at(top, left + 1) * a;
      const below = at(top + 1, left) * (1 - a) + at(top + 1, left + 1) * a;
      out[row * side + column] = (above * (1 - b) + below * b) / 255;
    }
  }
}
