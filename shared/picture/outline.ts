/**
 * Traces the outlines of a grey picture by marching squares (Lorensen and Cline 1987, in two
 * dimensions): the lines where the ink between pixel centres crosses half. Pure.
 */

import { HALF } from './ink.ts';

/** A closed line as x, y, x, y, … with the ink on its left. */
export type Outline = readonly number[];

/** The sides of a cell of four neighbouring centres. */
type Side = 'top' | 'right' | 'bottom' | 'left';

/**
 * The lines through a cell, from side to side, by its inked corners: 8 top left, 4 top right,
 * 2 bottom right, 1 bottom left. Two opposite corners (5 and 10) are joined, so that a thin stroke
 * has no gaps.
 */
const LINES: Readonly<Record<number, readonly (readonly [from: Side, to: Side])[]>> = {
  1: [['bottom', 'left']],
  2: [['right', 'bottom']],
  3: [['right', 'left']],
  4: [['top', 'right']],
  5: [
    ['top', 'left'],
    ['bottom', 'right'],
  ],
  6: [['top', 'bottom']],
  7: [['top', 'left']],
  8: [['left', 'top']],
  9: [['bottom', 'top']],
  10: [
    ['right', 'top'],
    ['left', 'bottom'],
  ],
  11: [['right', 'top']],
  12: [['left', 'right']],
  13: [['bottom', 'right']],
  14: [['left', 'bottom']],
};

/**
 * Traces the ink of a picture. On the screen the lines run counter-clockwise around ink and
 * clockwise around holes, in the coordinates [0, width] x [0, height].
 * @param pixels  Row-major [height, width], >= 0. Paper surrounds the picture.
 */
export function traceOutlines(pixels: ArrayLike<number>, width: number, height: number): Outline[] {
  const read = (x: number, y: number) =>
    x < 0 || y < 0 || x >= width || y >= height ? 0 : (pixels[y * width + x] as number);
  const next = new Map<number, number>();
  // Cells lie between centres: one more row and column than pixels, numbered from (-1, -1).
  const across = width + 2;
  const numberSide = (x: number, y: number, side: Side): number => {
    const [sx, sy] = side === 'right' ? [x + 1, y] : side === 'bottom' ? [x, y + 1] : [x, y];
    return ((sy + 1) * across + sx + 1) * 2 + (side === 'top' || side === 'bottom' ? 0 : 1);
  };
  const inked = (x: number, y: number) => (read(x, y) > HALF ? 1 : 0);
  for (let y = -1; y < height; y++) {
    let [top, bottom] = [0, 0]; // The corners at the left.
    for (let x = -1; x < width; x++) {
      const [above, below] = [inked(x + 1, y), inked(x + 1, y + 1)];
      for (const [from, to] of LINES[8 * top + 4 * above + 2 * below + bottom] ?? []) {
        next.set(numberSide(x, y, from), numberSide(x, y, to));
      }
      [top, bottom] = [above, below];
    }
  }
  return linkOutlines(next, (side) => {
    const cell = side >> 1;
    const [x, y] = [(cell % across) - 1, Math.floor(cell / across) - 1];
    const isFlat = (side & 1) === 0;
    const here = read(x, y);
    const part = (HALF - here) / ((isFlat ? read(x + 1, y) : read(x, y + 1)) - here);
    return isFlat ? [x + 0.5 + part, y + 0.5] : [x + 0.5, y + 0.5 + part];
  });
}

/** Follows each line back to its start. Exactly one line leaves each side. */
function linkOutlines(
  next: Map<number, number>,
  locate: (side: number) => [x: number, y: number],
): Outline[] {
  const outlines: Outline[] = [];
  for (let [side] of next) {
    const points: number[] = [];
    for (let to = next.get(side); to !== undefined; to = next.get(side)) {
      next.delete(side);
      points.push(...locate(side));
      side = to;
    }
    outlines.push(points);
  }
  return outlines;
}
