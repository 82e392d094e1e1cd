/** Writes outlines as the data of an SVG path. */
import type { Outline } from '../../shared/picture/outline.ts';

/** Steps of a digit's pixel. Points are rounded to whole steps. */
const STEPS = 10;
/** A point that is nearer than this to the line through its neighbours, in steps, is left out. */
const MAX_OFF_STEPS = 0.35;
/**
 * Pixels between the points of a curve. Marching squares' lumps are shorter, so they are smoothed
 * away; the bends of a stroke are longer.
 */
const SPACING = 1.5;
const MIN_POINTS = 6;

type Point = readonly [x: number, y: number];

/** A way to write outlines, and its units for one pixel. */
interface Style {
  readonly steps: number;
  readonly write: (outline: Outline) => string;
}

export const LINES: Style = { steps: STEPS, write: writeLines };
/** In half steps. */
export const CURVES: Style = { steps: 2 * STEPS, write: writeCurve };

/** Writes a closed polygon; '' for one that is smaller than a step. */
function writeLines(outline: Outline): string {
  const points = simplify(roundPoints(outline));
  if (points.length < 3) {
    return '';
  }
  const first = points[0] as Point;
  let [x, y] = first;
  const numbers = points.slice(1).flatMap(([toX, toY]) => {
    const line = [toX - x, toY - y];
    [x, y] = [toX, toY];
    return line;
  });
  return `M${joinNumbers(first)}l${joinNumbers(numbers)}z`;
}

/**
 * Writes a closed quadratic B-spline: parabolas between the middles of edges, with the points as
 * controls. Only the first control is written. Each other one mirrors the one before, which is
 * exact because the coordinates are half steps.
 */
function writeCurve(outline: Outline): string {
  const points = roundPoints(spaceEvenly(outline));
  const middles = points.map(([x, y], i): Point => {
    const [nextX, nextY] = points[(i + 1) % points.length] as Point;
    return [x + nextX, y + nextY];
  });
  const [[x, y], last] = [points[0] as Point, middles.at(-1) as Point];
  let from = last;
  const [to, ...others] = middles.map((middle): Point => {
    const step: Point = [middle[0] - from[0], middle[1] - from[1]];
    from = middle;
    return step;
  });
  const first = [2 * x - last[0], 2 * y - last[1], ...(to as Point)];
  return `M${joinNumbers(last)}q${joinNumbers(first)}t${joinNumbers(others.flat())}z`;
}

/** Moves the points of an outline along it, so that all are equally far apart. */
function spaceEvenly(outline: Outline): number[] {
  const count = outline.length / 2;
  const locate = (i: number): Point => [
    outline[2 * (i % count)] as number,
    outline[2 * (i % count) + 1] as number,
  ];
  const ends = [0]; // The length of the outline up to each point.
  for (let i = 0; i < count; i++) {
    ends.push((ends[i] as number) + measureDistance(locate(i), locate(i + 1)));
  }
  const length = ends[count] as number;
  const wanted = Math.max(MIN_POINTS, Math.round(length / SPACING));
  const spaced: number[] = [];
  for (let i = 0, edge = 0; i < wanted; i++) {
    const at = (length * i) / wanted;
    while ((ends[edge + 1] as number) <= at) {
      edge++;
    }
    const [[ax, ay], [bx, by]] = [locate(edge), locate(edge + 1)];
    const [begin, end] = [ends[edge] as number, ends[edge + 1] as number];
    const share = (at - begin) / (end - begin);
    spaced.push(ax + share * (bx - ax), ay + share * (by - ay));
  }
  return spaced;
}

/** Joins numbers; a minus sign separates them as well as a space. */
function joinNumbers(numbers: readonly number[]): string {
  return numbers.join(' ').replaceAll(' -', '-');
}

function roundPoints(outline: readonly number[]): Point[] {
  return Array.from({ length: outline.length / 2 }, (_, i): Point => [
    Math.round((outline[2 * i] as number) * STEPS),
    Math.round((outline[2 * i + 1] as number) * STEPS),
  ]);
}

function simplify(points: readonly Point[]): Point[] {
  const kept: Point[] = [];
  for (const [i, point] of points.entries()) {
    const before = kept.at(-1) ?? (points.at(-1) as Point);
    const after = points[(i + 1) % points.length] as Point;
    if (measureOff(before, point, after) >= MAX_OFF_STEPS) {
      kept.push(point);
    }
  }
  return kept;
}

/** Measures the distance, in steps, from a point to the line through two others, or to both. */
function measureOff([ax, ay]: Point, [x, y]: Point, [bx, by]: Point): number {
  const length = measureDistance([ax, ay], [bx, by]);
  return length === 0
    ? measureDistance([ax, ay], [x, y])
    : Math.abs((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / length;
}

/** Unlike `Math.hypot` it is the same on every platform. */
function measureDistance([ax, ay]: Point, [bx, by]: Point): number {
  return Math.sqrt((bx - ax) * (bx - ax) + (by - ay) * (by - ay));
}
