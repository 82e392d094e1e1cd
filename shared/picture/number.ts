/**
 * Joins digits to a number, each as wide as its ink, and draws its signs with the pen of the digits
 * beside them. Pure. It uses IEEE doubles and square roots only, so its bytes are the same on every
 * platform.
 */
import { fillPaper, layInk, takeInk } from './paper.ts';
import { measurePen, type Pen } from './pen.ts';
import { deriveKey, drawWords } from '../model/random.ts';
import type { Samples } from '../model/sampler.ts';
import type { Size } from './sheet-layout.ts';

const SPACE = ' ';
/** Pixels nearer to the paper's level than this do not count for a digit's width. */
const FAINT = 32;
/** The paper beside each digit is a tenth of a sample's width: 3 pixels of 28. */
const SPACES_A_WIDTH = 10;

/**
 * Writes a number. Its signs are drawn with the pen that is measured from its digits.
 * @param text     At least one digit, and any signs and spaces.
 * @param samples  One for each digit. They must have one channel if the text has signs.
 * @param hand     The request of the digits. It determines the signs.
 */
export function writeNumber(
  text: string,
  samples: Samples,
  hand: { readonly seed: string; readonly start: number },
): Samples {
  if (samples.count === text.length) {
    return joinSamples(samples);
  }
  const { height, width } = samples;
  const size = height * width;
  const pen = measurePen(takeInk(samples));
  const pixels = fillPaper(text.length * size, 1, samples.paper);
  let digit = 0;
  for (const [place, character] of [...text].entries()) {
    if ("-+.,:'".includes(character)) {
      const chances = drawChances(hand.seed, hand.start, place);
      const sign = drawSign(character as Sign, pen, samples, chances);
      pixels.set(layInk(sign, samples.paper), place * size);
    } else if (character !== SPACE) {
      pixels.set(samples.pixels.subarray(digit * size, (digit + 1) * size), place * size);
      digit++;
    }
  }
  return joinSamples({ ...samples, count: text.length, pixels }, text);
}

/**
 * Joins at least one sample to one wide sample without a label, with the same space before, between
 * and after them.
 * @param text  One character for each sample. A space is narrower than a sample without ink.
 */
export function joinSamples(samples: Samples, text = ''): Samples {
  const { count, height, width, channels, paper } = samples;
  const space = measureSpace(width);
  const spans = Array.from({ length: count }, (_, i) =>
    text[i] === SPACE ? { first: 0, last: space } : findInk(samples, i),
  );
  const total = spans.reduce((sum, { first, last }) => sum + last - first + 1 + space, space);
  const pixels = fillPaper(height * total, channels, paper);
  let left = space;
  for (const [i, { first, last }] of spans.entries()) {
    for (let y = 0; y < height; y++) {
      const from = ((i * height + y) * width + first) * channels;
      const part = samples.pixels.subarray(from, from + (last - first + 1) * channels);
      pixels.set(part, (y * total + left) * channels);
    }
    left += last - first + 1 + space;
  }
  return { count: 1, height, width: total, channels, pixels, labels: null, paper };
}

/** Measures `count` joined samples that are full of ink. */
export function measureWidestJoined({ height, width }: Size, count: number): Size {
  const space = measureSpace(width);
  return { height, width: count * (width + space) + space };
}

function measureSpace(width: number): number {
  return Math.max(1, Math.round(width / SPACES_A_WIDTH));
}

/** Finds the first and the last column with ink; all columns of a sample without ink. */
function findInk({ height, width, channels, pixels, paper }: Samples, i: number) {
  const hasInk = (x: number): boolean => {
    for (let y = 0; y < height; y++) {
      for (let c = 0; c < channels; c++) {
        const value = pixels[((i * height + y) * width + x) * channels + c] as number;
        if (Math.abs(value - (paper?.[c] ?? 0)) >= FAINT) {
          return true;
        }
      }
    }
    return false;
  };
  const columns = Array.from({ length: width }, (_, x) => hasInk(x));
  const first = columns.indexOf(true);
  return first < 0 ? { first: 0, last: width - 1 } : { first, last: columns.lastIndexOf(true) };
}

export type Sign = '-' | '+' | '.' | ',' | ':' | "'";

/** A quadratic Bézier curve, and the factor of the pen's thickness at both ends. */
interface Stroke {
  readonly points: readonly [from: Point, handle: Point, to: Point];
  readonly thickness: readonly [from: number, to: number];
}

type Point = readonly [x: number, y: number];

/** Random numbers of one sign, each in [-1, 1). They make every sign different. */
type Chances = readonly [number, number, number, number];

const PURPOSE_SIGN = 0;
const CHANCES = 4;
/** Straight parts of a drawn stroke. */
const PARTS = 8;

/** Draws the random numbers of a sign. @param place  The sign's index in the number. */
export function drawChances(seed: string, start: number, place: number): Chances {
  const words = drawWords(deriveKey('sign', seed), PURPOSE_SIGN, start, (place + 1) * CHANCES);
  const own = words.subarray(place * CHANCES);
  return Array.from(own, (word) => word / 2 ** 31 - 1) as unknown as Chances;
}

/** Draws a sign in the middle of a sample. @returns  Row-major [height, width]. */
export function drawSign(sign: Sign, pen: Pen, sample: Size, chances: Chances): Uint8Array {
  const { height, width } = sample;
  const pixels = new Uint8Array(height * width);
  for (const { points, thickness } of planSign(sign, pen, height, chances)) {
    const line = Array.from({ length: PARTS + 1 }, (_, i) => bend(points, i / PARTS));
    // Most of the sample is farther from the line than its ink reaches.
    const reach = pen.radius * Math.max(...thickness) + pen.softness / 2 + 1;
    const [left, right] = findSpan(
      line.map(([x]) => x + width / 2),
      reach,
      width,
    );
    const [upper, lower] = findSpan(
      line.map(([, y]) => y),
      reach,
      height,
    );
    for (let y = upper; y < lower; y++) {
      for (let x = left; x < right; x++) {
        const value = inkAt(x + 0.5 - width / 2, y + 0.5, line, thickness, pen);
        pixels[y * width + x] = Math.max(pixels[y * width + x] as number, value);
      }
    }
  }
  return pixels;
}

/** Finds the pixels, of `length` in a row, that are within reach of places. */
function findSpan(places: readonly number[], reach: number, length: number) {
  return [
    Math.max(0, Math.floor(Math.min(...places) - reach)),
    Math.min(length, Math.ceil(Math.max(...places) + reach)),
  ] as const;
}

/** Plans a sign's strokes. x is 0 in the middle of the sample, y is 0 at its top. */
function planSign(
  sign: Sign,
  { radius, lean, top, bottom }: Pen,
  height: number,
  [a, b, c, d]: Chances,
): Stroke[] {
  const size = bottom - top;
  const middle = (top + bottom) / 2;
  switch (sign) {
    case '-': {
      const [half, rise, bow] = [size * (0.2 + 0.03 * a), size * 0.03 * (b - 0.5), size * 0.03 * c];
      const y = middle + size * (0.04 + 0.03 * d);
      return [stroke([-half, y - rise], [0, y + bow], [half, y + rise], [1.05, 1])];
    }
    case '+': {
      const [wide, tall] = [size * (0.24 + 0.025 * a), size * (0.25 + 0.025 * b)];
      const rise = size * 0.03 * (c - 0.5);
      const [x, y] = [size * 0.03 * d, middle + size * 0.03];
      const upper: Point = [x + lean * tall, y - tall];
      const lower: Point = [x - lean * tall, y + tall];
      return [
        stroke(upper, [x + size * 0.02 * c, y], lower, [1.05, 1]),
        stroke([-wide, y - rise], [0, y + size * 0.02 * d], [wide, y + rise], [1.05, 0.95]),
      ];
    }
    case '.':
      return [planDot(0, bottom - radius, radius, [a, b, c, d])];
    case ':': {
      const upper = middle - size * (0.06 + 0.02 * d);
      const lower = bottom - size * 0.12 - radius;
      const across = lean * (lower - upper);
      return [
        planDot(across / 2, upper, radius, [a, b, c, d]),
        planDot(-across / 2, lower, radius, [b, c, d, a]),
      ];
    }
    case "'": {
      const [from, to] = [top + radius, top + radius + size * (0.2 + 0.03 * a)];
      const tail = -size * (0.03 + 0.02 * b) - lean * (to - from);
      const handle: Point = [tail * (0.4 + 0.2 * c), (from + to) / 2];
      return [stroke([0, from], handle, [tail, to], [1.1, 0.75])];
    }
    case ',': {
      const to = Math.min(bottom + size * (0.15 + 0.03 * a), height - radius - 0.5);
      const from = Math.min(bottom - radius, to - size * 0.16);
      const tail = -size * (0.09 + 0.03 * b) - lean * (to - from);
      const handle: Point = [size * 0.05 * (1 + 0.4 * c), (from + to) / 2];
      return [stroke([0, from], handle, [tail, to], [1.15, 0.7])];
    }
  }
}

function planDot(x: number, y: number, radius: number, [a, b, c]: Chances): Stroke {
  const [dx, dy] = [radius * (0.3 + 0.3 * a), radius * 0.3 * b];
  return stroke([x - dx, y - dy], [x + radius * 0.2 * c, y], [x + dx, y + dy], [1.15, 1.05]);
}

function stroke(from: Point, handle: Point, to: Point, thickness: Stroke['thickness']): Stroke {
  return { points: [from, handle, to], thickness };
}

function bend([from, handle, to]: Stroke['points'], t: number): Point {
  const [a, b, c] = [(1 - t) * (1 - t), 2 * t * (1 - t), t * t];
  return [a * from[0] + b * handle[0] + c * to[0], a * from[1] + b * handle[1] + c * to[1]];
}

/** Computes the ink at a point from the part of the line that covers it most. */
function inkAt(
  px: number,
  py: number,
  line: readonly Point[],
  [from, to]: Stroke['thickness'],
  { radius, softness, ink }: Pen,
): number {
  let depth = -Infinity;
  for (let i = 0; i < PARTS; i++) {
    const start = line[i] as Point;
    const end = line[i + 1] as Point;
    const dx = end[0] - start[0];
    const dy = end[1] - start[1];
    const across = px - start[0];
    const down = py - start[1];
    const projected = (across * dx + down * dy) / (dx * dx + dy * dy || 1);
    const along = Math.min(Math.max(projected, 0), 1);
    const x = across - along * dx;
    const y = down - along * dy;
    const thickness = from + ((to - from) * (i + along)) / PARTS;
    depth = Math.max(depth, radius * thickness - Math.sqrt(x * x + y * y));
  }
  return Math.floor(ink * Math.min(Math.max(0.5 + depth / softness, 0), 1) + 0.5);
}
