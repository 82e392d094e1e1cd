/** Draws digits for a terminal: two pixels a character, by Unicode's half blocks. */
import type { Paper, Samples } from '../../shared/model/sampler.ts';
import { evenInk, HALF } from '../../shared/picture/ink.ts';
import { takeInk } from '../../shared/picture/paper.ts';
import { buildSheet } from '../../shared/picture/sheet.ts';

/** Neither pixel is ink, the lower, the upper, both. */
const BLOCKS = [' ', '▄', '▀', '█'] as const;

/** Draws a sheet, without spaces at the ends of lines. @param cols  Digits a row. */
export function renderText(samples: Samples, cols: number): string {
  const { width, height, pixels } = buildSheet(separateInk(samples), { cols, scale: 1 });
  const isInk = (x: number, y: number) => pixels[y * width + x] === 1; // None are below the sheet.
  const lines: string[] = [];
  for (let y = 0; y < height; y += 2) {
    let line = '';
    for (let x = 0; x < width; x++) {
      line += BLOCKS[(isInk(x, y) ? 2 : 0) + (isInk(x, y + 1) ? 1 : 0)];
    }
    lines.push(line.trimEnd());
  }
  return `${lines.join('\n')}\n`;
}

/** Makes ink 1 and paper 0. In colour, ink is more than half as far from paper as can be. */
function separateInk(given: Samples): Samples {
  const { pixels, paper, ...samples } = given.channels === 1 ? takeInk(given) : given;
  const { count, width, height, channels } = samples;
  const size = width * height;
  const ink = new Uint8Array(count * size);
  for (let i = 0; i < count; i++) {
    const sample = pixels.subarray(i * size * channels, (i + 1) * size * channels);
    const even =
      channels === 1 ? evenInk(sample, width, height) : measureInk(sample, channels, paper);
    for (let k = 0; k < size; k++) {
      ink[i * size + k] = (even[k] as number) > HALF ? 1 : 0;
    }
  }
  return { ...samples, channels: 1, pixels: ink };
}

/** Measures how far each pixel is from the paper, on average of its channels: 0..255. */
function measureInk(pixels: Uint8Array, channels: number, paper: Paper): Float64Array {
  const ink = new Float64Array(pixels.length / channels);
  for (let i = 0; i < pixels.length; i++) {
    const level = paper?.[i % channels] ?? 0;
    const distance = (Math.abs((pixels[i] as number) - level) * 255) / Math.max(level, 255 - level);
    const pixel = Math.floor(i / channels);
    ink[pixel] = (ink[pixel] as number) + distance;
  }
  return ink.map((sum) => sum / channels);
}
