/**
 * Quality against milliseconds as one SVG of two panels: a point a model, real digits as a line across, and the models that
 * no other beats on both axes joined by steps. Stands alone, in light and dark. Pure.
 */
import { scaleLinear, scaleLog } from 'd3-scale';
import { curveStepAfter, line } from 'd3-shape';
import { formatTick, thinTicks } from '../../trainer/run/report/chart.ts';
import { escapeHtml, formatNumber } from '../../trainer/run/report/html.ts';
import { PLOT_STYLE, round } from '../plot-style.ts';
import type { QualityFigures } from './figures.ts';
import { getPlottedMs, PLOTTED_COUNT, type QualityPoint, type QualityReport } from './points.ts';

interface Panel {
  readonly title: string;
  readonly better: 'lower' | 'higher';
  readonly scale: 'log' | 'linear';
  readonly pick: (figures: QualityFigures) => number;
}

const PANELS: readonly Panel[] = [
  {
    title: 'Fréchet distance',
    better: 'lower',
    scale: 'log',
    pick: ({ frechetDistance }) => frechetDistance,
  },
  { title: 'Recall', better: 'higher', scale: 'linear', pick: ({ recall }) => recall },
];

/** In SVG units, of one panel. */
const SIZE = { width: 480, height: 380 };
const MARGIN = { top: 48, right: 24, bottom: 48, left: 56 };
const RADIUS = 5;
/** About what a character of a label takes. */
const CHARACTER = { width: 6.6, height: 15 };
/** Where labels may stand: around their point, near it at best. */
const LEAST_DISTANCE = 5;
const LABEL_DISTANCES = [LEAST_DISTANCE, 14, 26, 40, 56, 74, 94, 116];
const LABEL_DIRECTIONS = [1, -1, 0, 0.5, -0.5].flatMap((right) =>
  [0, -1, 1, 0.5, -0.5].map((down) => [right, down] as const),
);
/** A distance of 0 has no logarithm. */
const LEAST_LOG = 0.01;

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

interface PlacedPoint {
  readonly point: QualityPoint;
  readonly x: number;
  readonly y: number;
  /** More is better. */
  readonly merit: number;
}

/** Draws the plot. @param report  With at least one point. */
export function renderPlot({
  points,
  floorFigures,
}: Pick<QualityReport, 'points' | 'floorFigures'>): string {
  const width = SIZE.width * PANELS.length;
  const panels = PANELS.map(
    (panel, i) =>
      `<g transform="translate(${i * SIZE.width} 0)">${renderPanel(panel, points, floorFigures)}</g>`,
  );
  const told = points.map(
    (point) =>
      `${point.label}: ${formatNumber(getPlottedMs(point))} ms, ` +
      PANELS.map(({ title, pick }) => `${title} ${formatNumber(pick(point.figures))}`).join(', '),
  );
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${SIZE.height}" width="${width}" height="${SIZE.height}" role="img" aria-labelledby="title" aria-describedby="told">` +
    `<title id="title">Quality of the models against the worker’s milliseconds</title><desc id="told">${escapeHtml(told.join('; '))}</desc>` +
    `<style>${PLOT_STYLE}</style><rect class="paper" width="${width}" height="${SIZE.height}"/>${panels.join('')}</svg>\n`
  );
}

function renderPanel(
  { title, better, scale, pick }: Panel,
  points: readonly QualityPoint[],
  floor: QualityFigures,
): string {
  const [left, right, top, bottom] = [
    MARGIN.left,
    SIZE.width - MARGIN.right,
    MARGIN.top,
    SIZE.height - MARGIN.bottom,
  ];
  const values = [floor, ...points.map(({ figures }) => figures)].map((figures) =>
    Math.max(pick(figures), LEAST_LOG),
  );
  const x = scaleLinear([0, Math.max(...points.map(getPlottedMs))], [left, right - 24]).nice(5);
  const y =
    scale === 'log'
      ? scaleLog([Math.min(...values) / 1.5, Math.max(...values) * 1.5], [bottom, top])
      : scaleLinear([0, 1], [bottom, top]);
  const placed = points.map((point): PlacedPoint => {
    const value = Math.max(pick(point.figures), LEAST_LOG);
    return {
      point,
      x: x(getPlottedMs(point)),
      y: y(value),
      merit: better === 'lower' ? -value : value,
    };
  });
  const yTicks = scale === 'log' ? thinTicks(y.ticks()) : y.ticks(5);
  const floorAt = y(values[0] as number);
  return [
    `<text class="title" x="${left}" y="22">${title}</text>`,
    `<text class="soft" x="${left}" y="38">${better} is better; across: real digits, ${formatNumber(pick(floor))}</text>`,
    ...yTicks.map(
      (tick) =>
        `<line class="rule" x1="${left}" x2="${right}" y1="${round(y(tick))}" y2="${round(y(tick))}"/>` +
        `<text class="soft" x="${left - 8}" y="${round(y(tick) + 4)}" text-anchor="end">${formatTick(tick)}</text>`,
    ),
    ...x
      .ticks(5)
      .map(
        (tick) =>
          `<text class="soft" x="${round(x(tick))}" y="${bottom + 18}" text-anchor="middle">${formatTick(tick)}</text>`,
      ),
    `<text class="soft" x="${right}" y="${bottom + 38}" text-anchor="end">milliseconds in the worker for ${PLOTTED_COUNT} digits</text>`,
    `<line class="floor" x1="${left}" x2="${right}" y1="${round(floorAt)}" y2="${round(floorAt)}"/>`,
    renderFront(placed, right),
    ...placed.map(
      (one) =>
        `<circle class="point" cx="${round(one.x)}" cy="${round(one.y)}" r="${RADIUS}"><title>${escapeHtml(describePoint(one.point))}</title></circle>`,
    ),
    ...placeLabels(placed, { left, right, top, bottom }, floorAt),
  ].join('');
}

/** Steps along the models that are better than all that are as fast; nothing where there is only one. */
function renderFront(placed: readonly PlacedPoint[], right: number): string {
  const front = placed
    .filter((one) => !placed.some((other) => other.x <= one.x && other.merit > one.merit))
    .toSorted((a, b) => a.x - b.x);
  const last = front.at(-1);
  if (last === undefined || front.length < 2) {
    return '';
  }
  const draw = line<{ x: number; y: number }>()
    .x(({ x }) => x)
    .y(({ y }) => y)
    .curve(curveStepAfter)
    .digits(1);
  return `<path class="front" d="${draw([...front, { x: right, y: last.y }]) ?? ''}"/>`;
}

/** Two lines by each point, where they cover least of points, other labels and the floor; those farther off with a leader. */
function placeLabels(placed: readonly PlacedPoint[], bounds: Box, floorAt: number): string[] {
  const taken: Box[] = [
    toBox(bounds.left, floorAt - RADIUS, bounds.right - bounds.left, 2 * RADIUS),
    ...placed.map(({ x, y }) => toBox(x - RADIUS, y - RADIUS, 2 * RADIUS, 2 * RADIUS)),
  ];
  return placed.map(({ point, x, y }) => {
    const lines = [point.label, describeCost(point)];
    const width = Math.max(...lines.map(({ length }) => length)) * CHARACTER.width;
    const height = lines.length * CHARACTER.height;
    const candidates = LABEL_DISTANCES.flatMap((distance) =>
      LABEL_DIRECTIONS.map(([right, down]) => {
        const box = toBox(
          x + right * (RADIUS + distance) + ((right - 1) * width) / 2,
          y + down * (RADIUS + distance) + ((down - 1) * height) / 2,
          width,
          height,
        );
        return {
          box,
          cost:
            measureOutside(box, bounds) +
            sum(taken.map((other) => measureOverlap(box, other))) +
            distance,
        };
      }),
    );
    const { box } = candidates.reduce((best, candidate) =>
      candidate.cost < best.cost ? candidate : best,
    );
    taken.push(box);
    const nearest = { x: clamp(x, box.left - 2, box.right), y: clamp(y, box.top + 2, box.bottom) };
    const leader =
      Math.hypot(nearest.x - x, nearest.y - y) > 2 * LEAST_DISTANCE + RADIUS
        ? `<line class="leader" x1="${round(x)}" y1="${round(y)}" x2="${round(nearest.x)}" y2="${round(nearest.y)}"/>`
        : '';
    const texts = lines.map(
      (text, i) =>
        `<text class="${i === 0 ? 'label' : 'cost'}" x="${round(box.left)}" y="${round(box.top + (i + 0.8) * CHARACTER.height)}">${escapeHtml(text)}</text>`,
    );
    return leader + texts.join('');
  });
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

function toBox(left: number, top: number, width: number, height: number): Box {
  return { left, top, right: left + width, bottom: top + height };
}

function measureOverlap(a: Box, b: Box): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return width > 0 && height > 0 ? width * height : 0;
}

/** What of a box cannot be seen weighs more than what is hard to read. */
function measureOutside(box: Box, bounds: Box): number {
  const area = (box.right - box.left) * (box.bottom - box.top);
  return 10 * (area - measureOverlap(box, bounds));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** "1.13 M · 266 kB": multiply-accumulates of a digit, and the weights' bytes. */
export function describeCost({ multiplyAccumulates, weightsBytes }: QualityPoint): string {
  return `${(multiplyAccumulates / 1e6).toFixed(2)} M · ${(weightsBytes / 1000).toFixed(0)} kB`;
}

function describePoint(point: QualityPoint): string {
  return `${point.name}@${point.version}, ${point.weightsType}: ${formatNumber(getPlottedMs(point))} ms, ${describeCost(point)}`;
}
