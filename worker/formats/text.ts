/**
 * Digits for a terminal: two pixels a character, by Unicode's half blocks.
 */
import type { Samples } from '../../shared/model/sampler.ts';
import { buildSheet } from '../../shared/picture/sheet.ts';

const HALF = 128;

/** By upper and lower pixel: both paper, lower ink, upper ink, both. */
const BLOCKS = [' ', '▄', '▀', '█'] as const;

/** Draws a sheet; a line ends with its last ink. @param cols  Digits a row. */
export function renderText(samples: Samples, cols: number): string {
  const { width, height, channels, pixels } = buildSheet(samples, { cols, scale: 1 });
  const isInk = (x: number, y: number): boolean => {
    if (y >= height) {
      return false;
    }
    let sum = 0;
    for (let c = 0; c < channels; c++) {
      sum += pixels[(y * width + x) * channels + c] as number;
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
