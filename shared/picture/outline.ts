/**
 * Outlines of a grey picture by marching squares (Lorensen and Cline 1987, in two dimensions): where its ink, read as a
 * surface between the pixels' centres, crosses half. Pure.
 */

/** A closed line, its last point joined to its first, ink on its left as one sees it; x and y in turn. */
export type Outline = readonly number[];

const LEVEL = 127.5;

/** The sides of a cell of four neighbouring centres. */
const TOP = 0;
const RIGHT = 1;
const BOTTOM = 2;
const LEFT = 3;

/**
 * Which sides a cell's lines lead from and to, by its inked corners: 8 top left, 4 top right, 2 bottom right, 1 bottom
 * left. The two cells of opposite corners (5, 10) come twice: those at 16 and above are for ink in their middle.
 */
const LINES: Readonly<Record<number, readonly (readonly [from: number, to: number])[]>> = {
  1: [[BOTTOM, LEFT]],
  2: [[RIGHT, BOTTOM]],
  3: [[RIGHT, LEFT]],
  4: [[TOP, RIGHT]],
  5: [
    [TOP, RIGHT],
    [BOTTOM, LEFT],
  ],
  6: [[TOP, BOTTOM]],
  7: [[TOP, LEFT]],
  8: [[LEFT, TOP]],
  9: [[BOTTOM, TOP]],
  10: [
    [LEFT, TOP],
    [RIGHT, BOTTOM],
  ],
  11: [[RIGHT, TOP]],
  12: [[LEFT, RIGHT]],
  13: [[BOTTOM, RIGHT]],
  14: [[LEFT, BOTTOM]],
  21: [
    [TOP, LEFT],
    [BOTTOM, RIGHT],
  ],
  26: [
    [RIGHT, TOP],
    [LEFT, BOTTOM],
  ],
};

/**
 * Traces the ink of a picture.
 *
 * @param pixels  Row-major [height, width], 0..255; around it lies paper.
 * @returns       Closed lines in pixels, the picture being [0, width] x [0, height]: around ink counter-clockwise as one
 *                sees it, around holes clockwise. Empty without ink above half.
 */
export function traceOutlines(pixels: Uint8Array, width: number, height: number): Outline[] {
  const read = (x: number, y: number) =>
    x < 0 || y < 0 || x >= width || y >= height ? 0 : (pixels[y * width + x] as number);
  const next = new Map<number, number>();
  // Cells lie between centres, so one row and column more than pixels; they and their sides are numbered from (-1, -1).
  const across = width + 2;
  const nameSide = (x: number, y: number, side: number): number => {
    const [sx, sy] = side === RIGHT ? [x + 1, y] : side === BOTTOM ? [x, y + 1] : [x, y];
    return ((sy + 1) * across + sx + 1) * 2 + (side === TOP || side === BOTTOM ? 0 : 1);
  };
  for (let y = -1; y < height; y++) {
    for (let x = -1; x < width; x++) {
      const corners = [read(x, y), read(x + 1, y), read(x + 1, y + 1), read(x, y + 1)];
      const inked = corners.reduce((bits, value) => bits * 2 + (value > LEVEL ? 1 : 0), 0);
      const opposite = inked === 5 || inked === 10;
      const joined = opposite && corners.reduce((sum, value) => sum + value) / 4 > LEVEL;
      for (const [from, to] of LINES[joined ? inked + 16 : inked] ?? []) {
        next.set(nameSide(x, y, from), nameSide(x, y, to));
      }
    }
  }
  return linkOutlines(next, (name) => {
    const cell = name >> 1;
    const [x, y] = [(cell % across) - 1, Math.floor(cell / across) - 1];
    const isFlat = (name & 1) === 0;
    const here = read(x, y);
    const part = (LEVEL - here) / ((isFlat ? read(x + 1, y) : read(x, y + 1)) - here);
    return isFlat ? [x + 0.5 + part, y + 0.5] : [x + 0.5, y + 0.5 + part];
  });
}

/** Follows each line until it is back where it began. Every side is left by exactly one line. */
function linkOutlines(
  next: Map<number, number>,
  locate: (side: number) => [x: number, y: number],
): Outline[] {
  const outlines: Outline[] = [];
  for (const start of next.keys()) {
    const points: number[] = [];
    for (let side: number | undefined = start; side !== undefined;) {
      const to = next.get(side);
      next.delete(side);
      if (to !== undefined) {
        points.push(...locate(side));
      }
      side = to;
    }
    if (points.length > 0) {
      outlines.push(points);
    }
  }
  return outlines;
}
