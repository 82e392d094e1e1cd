/**
 * Measures the pen of some digits: thickness, darkness, softness and lean of its line, and the
 * lines between which it writes. Pure. It uses IEEE doubles and square roots only, so its numbers
 * are the same on every platform.
 */
import { HALF } from './ink.ts';
import { traceOutlines, type Outline } from './outline.ts';
import type { Samples } from '../model/sampler.ts';

/** Lengths are in a sample's pixels; y is 0 at the top. */
export interface Pen {
  /** Distance from the middle of the line to half ink. */
  readonly radius: number;
  /** Width of the edge from ink to paper. */
  readonly softness: number;
  /** The ink in the middle of the line, 0..255. */
  readonly ink: number;
  /** Pixels to the left for each pixel down; positive for italics. */
  readonly lean: number;
  /** Mean upper and lower end of the digits. */
  readonly top: number;
  readonly bottom: number;
}

/** Half of an even edge lies between a quarter and three quarters of full ink. */
const QUARTER = 64;
const MAX_LEAN = 0.5;

/**
 * Measures a pen from samples with one channel.
 *
 * Steiner's formula: a line of radius r along curves of length L has the area A = 2rL + πr²χ and
 * the outline P = 2L + 2πrχ, where χ is the number of pieces less the number of holes. So r is
 * the smaller root of πχr² - Pr + A = 0. The error at a line's crossings is small.
 */
export function measurePen({ count, height, width, pixels }: Samples): Pen {
  const size = height * width;
  let [area, length, pieces, edge, tops, bottoms, inked] = [0, 0, 0, 0, 0, 0, 0];
  const inks = new Uint32Array(256); // Pixels of each level above HALF.
  const moments = { across: 0, down: 0 };
  for (let i = 0; i < count; i++) {
    const sample = pixels.subarray(i * size, (i + 1) * size);
    const outlines = traceOutlines(sample, width, height);
    for (const outline of outlines) {
      const [outlineArea, outlineLength] = measureOutline(outline);
      area += outlineArea;
      length += outlineLength;
      pieces += outlineArea > 0 ? 1 : -1;
    }
    edge += sample.filter((value) => value >= QUARTER && value < 256 - QUARTER).length;
    for (const value of sample) {
      if (value > HALF) {
        inks[value] = (inks[value] as number) + 1;
      }
    }
    const ys = outlines.flatMap((outline) => outline.filter((_, at) => at % 2 === 1));
    if (ys.length > 0) {
      tops += ys.reduce((a, b) => Math.min(a, b));
      bottoms += ys.reduce((a, b) => Math.max(a, b));
      inked++;
      addMoments(sample, width, moments);
    }
  }
  if (inked === 0) {
    // The stroke width and height of MNIST's digits.
    const [radius, top, bottom] = [0.05 * height, 0.15 * height, 0.85 * height];
    return { radius, softness: radius, ink: 255, lean: 0, top, bottom };
  }
  const lean = -moments.across / moments.down;
  return {
    radius: solveRadius(area, length, pieces),
    softness: clamp((2 * edge) / length, 0.5, 3),
    // The darker half of the ink is the middle of the line. This is its median.
    ink: findUpperQuartile(inks),
    lean: clamp(lean, -MAX_LEAN, MAX_LEAN),
    top: tops / inked,
    bottom: bottoms / inked,
  };
}

/** Finds the upper quartile of levels. @param counts  Pixels of each level; at least one in all. */
function findUpperQuartile(counts: Uint32Array): number {
  let rank = Math.floor(0.75 * counts.reduce((sum, count) => sum + count, 0));
  let level = 0;
  while (rank >= (counts[level] as number)) {
    rank -= counts[level++] as number;
  }
  return level;
}

/** Measures the area (positive around ink, negative around holes) and the length. */
function measureOutline(outline: Outline): [area: number, length: number] {
  let [area, length] = [0, 0];
  for (let i = 0; i < outline.length; i += 2) {
    const [x0, y0] = [outline[i] as number, outline[i + 1] as number];
    const next = (i + 2) % outline.length;
    const [x1, y1] = [outline[next] as number, outline[next + 1] as number];
    area += (x1 * y0 - x0 * y1) / 2;
    length += Math.sqrt((x1 - x0) * (x1 - x0) + (y1 - y0) * (y1 - y0));
  }
  return [area, length];
}

function solveRadius(area: number, length: number, pieces: number): number {
  const root = length * length - 4 * Math.PI * pieces * area;
  // A blob that is rounder than any line has no root.
  return pieces === 0 || root < 0
    ? area / length
    : (length - Math.sqrt(root)) / (2 * Math.PI * pieces);
}

/** Adds the ink's second moments, by which LeCun and others (1998) set digits upright. */
function addMoments(
  sample: Uint8Array,
  width: number,
  moments: { across: number; down: number },
): void {
  let [sum, sumX, sumY, sumXY, sumYY] = [0, 0, 0, 0, 0];
  for (let i = 0; i < sample.length; i++) {
    const value = sample[i] as number;
    const [x, y] = [i % width, Math.floor(i / width)];
    sum += value;
    sumX += value * x;
    sumY += value * y;
    sumXY += value * x * y;
    sumYY += value * y * y;
  }
  moments.across += sumXY / sum - (sumX / sum) * (sumY / sum);
  moments.down += sumYY / sum - (sumY / sum) * (sumY / sum);
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
