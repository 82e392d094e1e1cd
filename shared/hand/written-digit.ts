/**
 * Brings a picture of one written digit into MNIST's form: white ink on black, the longer side of
 * the ink 20 of 28 pixels, its centre of mass in the middle. Pure; it uses IEEE doubles and square
 * roots only. MNIST's own digits keep nearly every pixel.
 */
import { cutOut, type Box } from '../box.ts';
import { findInk, findInkBox, type GreyPicture, type Ink } from './ink-map.ts';

/** Side of the result, and of the box that holds the ink, in pixels. */
export const DIGIT_SIDE = 28;
const BOX = 20;
/** Ink below this share of full ink does not count for the box. */
const FAINT = 0.02;
/** Widths of a line in pixels of the box. MNIST's are from thin to thick; a blot is too wide. */
const LINE = { thin: 1.3, thick: 5, blot: 7.5 } as const;
/** The least longer side of a digit's ink, in pixels. */
const SMALLEST = 8;
/** Longest side of the map on which lines are made wider or narrower. */
const WORKING_SIDE = 100;

/** Why a picture holds no digit that can be read. */
type WrittenFault =
  | { readonly reason: 'blank' }
  | { readonly reason: 'too_small'; readonly side: number; readonly minSide: number }
  | { readonly reason: 'several'; readonly count: number }
  | { readonly reason: 'filled' };

/** @returns  Row-major [28, 28], 0 for paper to 255 for full ink; or the fault. */
export function normaliseDigit(picture: GreyPicture): Uint8Array | WrittenFault {
  const found = findInk(picture);
  const box = found && findInkBox(found, FAINT);
  if (found === undefined || box === undefined) {
    return { reason: 'blank' };
  }
  const longer = Math.max(box.width, box.height);
  if (longer < SMALLEST) {
    return { reason: 'too_small', side: longer, minSide: SMALLEST };
  }
  const ink = fitLine(crop(found, box));
  if ('reason' in ink) {
    return ink;
  }
  const count = Math.max(countDigits(ink, BESIDE), countDigits(turn(ink), ABOVE));
  return count > 1 ? { reason: 'several', count } : placeInk(ink);
}

function crop({ width, values }: Ink, box: Box): Ink {
  return { width: box.width, height: box.height, values: cutOut(values, width, 1, box) };
}

/** Makes lines as wide as MNIST's when they are much thinner or thicker. */
function fitLine(ink: Ink): Ink | WrittenFault {
  const longer = Math.max(ink.width, ink.height);
  const scale = Math.min(1, WORKING_SIDE / longer);
  // Room for a line that becomes wider.
  const margin = Math.ceil((LINE.thin / BOX) * longer * scale);
  const [across, down] = [ink.width, ink.height].map((side) =>
    Math.max(1, Math.round(side * scale)),
  ) as [number, number];
  const [width, height] = [across + 2 * margin, down + 2 * margin];
  const place = { left: margin, top: margin, width: across, height: down };
  const map = resample(ink, width, height, place);
  const inside = distanceTo(map, false);
  const line = measureLine(inside);
  const unit = (longer * scale) / BOX;
  if (line >= LINE.thin * unit && line <= LINE.thick * unit) {
    return ink;
  }
  if (line > LINE.blot * unit) {
    return { reason: 'filled' };
  }
  const wanted = line < LINE.thin * unit ? LINE.thin * unit : LINE.thick * unit;
  // The edge of a line moves by this many pixels outwards.
  const move = (wanted - line) / 2;
  const outside = distanceTo(map, true);
  const values = inside.map((distance, i) => {
    const depth = distance > 0 ? distance - 0.5 : 0.5 - (outside[i] as number);
    return Math.min(1, Math.max(0, depth + move + 0.5));
  });
  const fitted = { width, height, values };
  const box = findInkBox(fitted, FAINT);
  return box === undefined ? ink : crop(fitted, box);
}

/**
 * Measures the width of the lines. The mean distance to the edge within a line is a quarter of its
 * width.
 * @param inside  Distances to the paper.
 */
function measureLine(inside: Float64Array): number {
  let [sum, count] = [0, 0];
  for (let i = 0; i < inside.length; i++) {
    const distance = inside[i] as number;
    if (distance > 0) {
      sum += distance - 0.5;
      count++;
    }
  }
  return count === 0 ? 0 : (4 * sum) / count;
}

/** Computes each pixel's distance to the nearest one of ink, or of paper, in two exact passes. */
function distanceTo({ width, height, values }: Ink, toInk: boolean): Float64Array {
  const far = width + height;
  const columns = new Float64Array(values.length);
  for (let x = 0; x < width; x++) {
    for (let y = 0, last = far; y < height; y++) {
      last = (values[y * width + x] as number) > 0.5 === toInk ? 0 : last + 1;
      columns[y * width + x] = last;
    }
    for (let y = height - 1, last = far; y >= 0; y--) {
      last = Math.min(columns[y * width + x] as number, last + 1);
      columns[y * width + x] = last;
    }
  }
  const distances = new Float64Array(values.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let best = (columns[y * width + x] as number) ** 2;
      for (let step = 1; step * step < best; step++) {
        const left = x >= step ? (columns[y * width + x - step] as number) : far;
        const right = x + step < width ? (columns[y * width + x + step] as number) : far;
        best = Math.min(best, step * step + left * left, step * step + right * right);
      }
      distances[y * width + x] = Math.sqrt(best);
    }
  }
  return distances;
}

/** The smallest second digit, as shares of the ink's height, width and amount. */
const BESIDE = { height: 0.6, width: 0, amount: 0.2 } as const;
/** The same in the turned picture. The bar of a 5 may be loose, so a digit there is longer. */
const ABOVE = { height: 0.3, width: 0.35, amount: 0.2 } as const;

/** Counts digits beside each other: parts between empty columns that are large enough. */
function countDigits({ width, height, values }: Ink, least: typeof BESIDE | typeof ABOVE): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) {
    total += values[i] as number;
  }
  let [count, amount, top, bottom, length] = [0, 0, height, -1, 0];
  for (let x = 0; x <= width; x++) {
    let column = 0;
    const rows = x === width ? 0 : height; // The column after the last is empty.
    for (let y = 0; y < rows; y++) {
      const value = values[y * width + x] as number;
      if (value > FAINT) {
        column += value;
        top = Math.min(top, y);
        bottom = Math.max(bottom, y);
      }
    }
    amount += column;
    length++;
    if (column === 0) {
      const isTall = bottom - top + 1 >= least.height * height;
      const isWide = length > least.width * width;
      count += isTall && isWide && amount >= least.amount * total ? 1 : 0;
      [amount, top, bottom, length] = [0, height, -1, 0];
    }
  }
  return count;
}

/** Swaps rows and columns. */
function turn({ width, height, values }: Ink): Ink {
  const turned = new Float64Array(values.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      turned[x * height + y] = values[y * width + x] as number;
    }
  }
  return { width: height, height: width, values: turned };
}

/** Scales the ink into the box, and moves its centre of mass to the middle by whole pixels. */
function placeInk(ink: Ink): Uint8Array {
  const scale = BOX / Math.max(ink.width, ink.height);
  const width = Math.max(1, Math.round(ink.width * scale));
  const height = Math.max(1, Math.round(ink.height * scale));
  const { values } = resample(ink, width, height, { left: 0, top: 0, width, height });
  let [sum, across, down] = [0, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = values[y * width + x] as number;
      sum += value;
      across += value * x;
      down += value * y;
    }
  }
  const middle = DIGIT_SIDE / 2;
  const left = clamp(Math.round(middle - across / sum), DIGIT_SIDE - width);
  const top = clamp(Math.round(middle - down / sum), DIGIT_SIDE - height);
  const digit = new Uint8Array(DIGIT_SIDE * DIGIT_SIDE);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      digit[(top + y) * DIGIT_SIDE + left + x] = Math.round(
        255 * Math.min(1, values[y * width + x] as number),
      );
    }
  }
  return digit;
}

const clamp = (value: number, max: number): number => Math.max(0, Math.min(max, value));

/**
 * Scales ink into a place of an empty map. A pixel gets the mean of what it covers; where the map
 * is finer than the ink, it is interpolated between the middles of the ink's pixels.
 */
function resample(ink: Ink, width: number, height: number, place: Box): Ink {
  const columns = planAxis(ink.width, place.width);
  const rows = planAxis(ink.height, place.height);
  const values = new Float64Array(width * height);
  const narrow = new Float64Array(place.width * ink.height);
  for (let y = 0; y < ink.height; y++) {
    for (let x = 0; x < place.width; x++) {
      const { first, weights } = columns[x] as Source;
      let sum = 0;
      for (let k = 0; k < weights.length; k++) {
        sum += (ink.values[y * ink.width + first + k] as number) * (weights[k] as number);
      }
      narrow[y * place.width + x] = sum;
    }
  }
  for (let y = 0; y < place.height; y++) {
    const { first, weights } = rows[y] as Source;
    for (let x = 0; x < place.width; x++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) {
        sum += (narrow[(first + k) * place.width + x] as number) * (weights[k] as number);
      }
      values[(place.top + y) * width + place.left + x] = sum;
    }
  }
  return { width, height, values };
}

/** The neighbouring pixels that a target pixel is made of, with weights that sum to 1. */
interface Source {
  readonly first: number;
  readonly weights: readonly number[];
}

/** Lists the sources of each of `to` target pixels among `from` pixels. */
function planAxis(from: number, to: number): Source[] {
  const ratio = from / to;
  return Array.from({ length: to }, (_, i) => {
    if (ratio < 1) {
      const at = clamp((i + 0.5) * ratio - 0.5, from - 1);
      const first = Math.floor(at);
      // The last pixel has no next one.
      return { first, weights: first + 1 < from ? [1 - (at - first), at - first] : [1] };
    }
    const [start, end] = [i * ratio, (i + 1) * ratio];
    const first = Math.floor(start);
    const weights: number[] = [];
    for (let index = first; index < Math.min(from, Math.ceil(end)); index++) {
      weights.push((Math.min(end, index + 1) - Math.max(start, index)) / ratio);
    }
    return { first, weights };
  });
}

/** Says why a picture holds no digit, without a full stop. */
export function describeFault(fault: WrittenFault): string {
  switch (fault.reason) {
    case 'blank':
      return 'the picture is blank';
    case 'too_small':
      return `the ink is ${fault.side} pixels long, at least ${fault.minSide} are needed`;
    case 'several':
      return `there are ${fault.count} digits, expected one`;
    case 'filled':
      return 'the ink is a blot without lines';
  }
}
