/**
 * Curves as a vega-lite chart: a strong line over pale ones, its name beside its end, references
 * across and values under the pointer. Pure.
 */
import type { TopLevelSpec } from 'vega-lite';
import {
  createLinearScale,
  createLogScale,
  pickLogTicks,
  spreadLabels,
  type Scale,
} from './chart.ts';

/** A point of a curve. A value that cannot be drawn makes a gap. */
export type Point = readonly [x: number, y: number];

/** A strong line, and pale ones behind it. */
export interface Line {
  readonly label: string;
  /** A second line of the label. */
  readonly note?: string;
  /** A CSS colour. */
  readonly colour: string;
  readonly points: readonly Point[];
  readonly pale: readonly (readonly Point[])[];
}

export interface LineChart {
  readonly size: { readonly width: number; readonly height: number };
  readonly margin: Readonly<Record<'top' | 'right' | 'bottom' | 'left', number>>;
  readonly title?: string;
  readonly xLabel?: string;
  readonly yLabel?: string;
  /** With `log`, values of 0 and below make gaps. */
  readonly scale: 'linear' | 'log';
  /** With `log`, x begins at the first point, and must be above 0; otherwise at 0. */
  readonly xScale?: 'linear' | 'log';
  readonly xTicks?: readonly number[];
  readonly lines: readonly Line[];
  /** Lines across. */
  readonly references?: readonly { readonly value: number; readonly label: string }[];
  /** Lines upwards. */
  readonly marks?: readonly number[];
  /** Texts under the pointer, in the order of `x`. */
  readonly tooltips?: readonly { readonly x: number; readonly text: string }[];
}

const LABEL_HEIGHT = 15;
const LABEL_GAP = 3;

/** Tells whether a value has a place on a scale. */
export function isDrawn(value: number, scale: LineChart['scale']): boolean {
  return Number.isFinite(value) && (scale === 'linear' || value > 0);
}

/** Lays out a chart. @returns  Null when there is nothing to draw. */
export function planLineChart(chart: LineChart): TopLevelSpec | null {
  const { size, margin, lines, scale, references = [], marks = [], tooltips = [] } = chart;
  const { xScale: xType = 'linear', xTicks } = chart;
  const width = size.width - margin.left - margin.right;
  const height = size.height - margin.top - margin.bottom;
  const points = lines
    .flatMap(({ points: strong, pale }) => [strong, ...pale].flat())
    .filter(([, y]) => isDrawn(y, scale));
  if (points.length === 0) {
    return null;
  }
  const values = [...points.map(([, y]) => y), ...references.map(({ value }) => value)];
  const [low, high] = findRange(values);
  const [leastX, mostX] = findRange(points.map(([x]) => x));
  const lastX = Math.max(1, mostX);
  const y =
    scale === 'log'
      ? createLogScale([low, high], [height, 0])
      : createLinearScale([Math.min(0, low), high === 0 ? 1 : high], [height, 0]);
  const firstX = xType === 'log' ? leastX : 0;
  const xScale = { type: xType, domain: [firstX, lastX], nice: false };
  const yScale = { type: scale, domain: y.domain(), nice: false };
  const xAxis = {
    grid: false,
    ...(xTicks === undefined ? { tickCount: 5 } : { values: xTicks }),
    title: chart.xLabel ?? null,
    labelFlush: false,
  };
  const yAxis = {
    values: scale === 'log' ? pickLogTicks(y, 6) : y.ticks(5),
    title: chart.yLabel ?? null,
    labelOverlap: false,
  };
  const position = {
    x: { field: 'x', type: 'quantitative', scale: xScale, axis: xAxis },
    y: { field: 'y', type: 'quantitative', scale: yScale, axis: yAxis },
  } as const;
  const acrossRows = references.map(({ value, label }, i) => {
    // The first label stands above its line where there is room, others below: lines may lie close.
    const isBelow = i > 0 || y(value) < LABEL_HEIGHT;
    return { value, label, dy: isBelow ? 8 : -8 };
  });
  const drawLines = (
    name: string,
    mark: object,
    curves: readonly { readonly colour: string; readonly points: readonly Point[] }[],
  ) => ({
    name,
    data: {
      values: curves.flatMap(({ colour, points: own }, curve) =>
        own.map(([x, value]) => ({ x, y: isDrawn(value, scale) ? value : null, curve, colour })),
      ),
    },
    mark: { type: 'line', ...mark },
    encoding: { ...position, detail: { field: 'curve' }, color: COLOUR },
  });
  return {
    width,
    height,
    autosize: 'none',
    padding: margin,
    ...(chart.title === undefined ? {} : { title: { text: chart.title, offset: 12 } }),
    layer: [
      {
        name: 'reference',
        data: { values: acrossRows },
        mark: { type: 'rule', color: 'var(--soft)', strokeDash: [2, 4] },
        encoding: { y: { ...position.y, field: 'value' } },
      },
      {
        data: { values: acrossRows },
        mark: {
          type: 'text',
          x: width - 4,
          align: 'right',
          dy: { expr: 'datum.dy' },
          color: 'var(--soft)',
          fontSize: 12,
        },
        encoding: { y: { ...position.y, field: 'value' }, text: { field: 'label' } },
      },
      {
        name: 'mark',
        data: { values: marks.map((x) => ({ x })) },
        mark: { type: 'rule', color: 'var(--red)', strokeDash: [4, 3] },
        encoding: { x: position.x },
      },
      drawLines(
        'pale',
        { strokeWidth: 1, opacity: 0.35 },
        lines.flatMap(({ colour, pale }) => pale.map((own) => ({ colour, points: own }))),
      ),
      drawLines('line', {}, lines),
      {
        name: 'end',
        data: { values: planEndLabels(lines, scale, y, height) },
        mark: { type: 'text', align: 'left', x: width + 6, fontWeight: { expr: 'datum.weight' } },
        encoding: {
          y: { field: 'at', type: 'quantitative', scale: null },
          text: { field: 'text' },
          color: COLOUR,
        },
      },
      {
        name: 'tooltip',
        data: { values: planColumns(tooltips, firstX, lastX) },
        mark: { type: 'rect', color: 'var(--soft)', opacity: 0 },
        encoding: {
          x: { ...position.x, field: 'from' },
          x2: { field: 'to' },
          y: { value: 0 },
          y2: { value: height },
          description: { field: 'text' },
        },
      },
    ],
  } as TopLevelSpec;
}

/** The data has CSS colours. */
const COLOUR = { field: 'colour', type: 'nominal', scale: null } as const;

/** Each line's name beside its end, moved apart where names would touch. */
function planEndLabels(
  lines: readonly Line[],
  scale: LineChart['scale'],
  y: Scale,
  height: number,
) {
  const ends = lines.flatMap(({ points, label, note, colour }) => {
    const last = points.findLast(([, value]) => isDrawn(value, scale));
    const texts = note === undefined ? [label] : [label, note];
    return last === undefined ? [] : [{ texts, colour, best: y(last[1]) }];
  });
  const rows = Math.max(1, ...ends.map(({ texts }) => texts.length));
  const places = spreadLabels(
    ends.map(({ best }) => best),
    rows * LABEL_HEIGHT + LABEL_GAP,
    [LABEL_HEIGHT / 2, height - (rows - 1) * LABEL_HEIGHT],
  );
  return ends.flatMap(({ texts, colour }, i) =>
    texts.map((text, row) => ({
      text,
      colour,
      at: (places[i] as number) + row * LABEL_HEIGHT,
      weight: row === 0 && texts.length > 1 ? 600 : 400,
    })),
  );
}

/** Columns around the points with tooltips. They meet halfway between two points. */
function planColumns(tooltips: NonNullable<LineChart['tooltips']>, firstX: number, lastX: number) {
  return tooltips.map(({ x, text }, i) => {
    const [before, after] = [tooltips[i - 1], tooltips[i + 1]];
    return {
      text,
      from: before === undefined ? firstX : (before.x + x) / 2,
      to: after === undefined ? lastX : (x + after.x) / 2,
    };
  });
}

/** Finds the least and the largest of any number of values: a call takes 120,000 at most. */
function findRange(values: readonly number[]): [number, number] {
  return values.reduce(
    ([low, high], value): [number, number] => [Math.min(low, value), Math.max(high, value)],
    [Infinity, -Infinity],
  );
}
