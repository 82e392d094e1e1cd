/**
 * Samples on a canvas as in the API's PNG: opaque, one pixel for each of theirs. The style sheet
 * colours them.
 */
import type { Opened } from './protocol.ts';

/**
 * Paints a square of samples, row by row.
 * @param pixels  [side * side, height, width, channels]
 */
export function paintSamples(
  canvas: HTMLCanvasElement,
  pixels: Uint8Array,
  side: number,
  { width, height, channels }: Opened,
): void {
  canvas.width = side * width;
  canvas.height = side * height;
  const context = canvas.getContext('2d');
  if (context === null) {
    return;
  }
  const size = width * height * channels;
  for (let s = 0; s < side * side; s++) {
    const data = context.createImageData(width, height);
    for (let p = 0; p < width * height; p++) {
      for (let c = 0; c < 3; c++) {
        data.data[p * 4 + c] = pixels[s * size + p * channels + (channels === 1 ? 0 : c)] as number;
      }
      data.data[p * 4 + 3] = 255;
    }
    context.putImageData(data, (s % side) * width, Math.floor(s / side) * height);
  }
}
