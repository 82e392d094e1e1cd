/** Draws digits for a terminal: two pixels a character, by Unicode's half blocks. */
import type { Samples } from '../../shared/model/sampler.ts';
import { buildSheet } from '../../shared/picture/sheet.ts';

/** Average of a pixel's channels from which on it is ink. */
const HALF = 128;
/** Neither pixel is ink, the lower, the upper, both. */
const BLOCKS = [' ', '▄', '▀', '█'] as const;

/** Draws a sheet, without spaces at the ends of lines. @param cols  Digits a row. */
export function renderText(samples: Samples, cols: number): string {
  const { width, height, channels, pixels } = buildSheet(samples, { cols, scale: 1 });
  const isInk = (x: number, y: number): boolean => {
    let sum = 0;
    for (let i = (y * width + x) * channels; i < (y * width + x + 1) * channels; i++) {
      sum += pixels[i] ?? 0; // Below the sheet there are no pixels.
    }
    return sum >= HALF * channels;
  };
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
