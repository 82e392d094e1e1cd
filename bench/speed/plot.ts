/**
 * Draws a table of figures: a panel a case, a line a subject. A dot marks the median, a bar the
 * range of all runs, a dashed line the limit. Each panel has its own logarithmic axis.
 */
import type { TopLevelSpec } from 'vega-lite';
import { createLogScale, pickLogTicks, renderChartFile } from '../../trainer/charts/chart.ts';
import { formatFigure, type BenchTable, type Spread } from '../record.ts';

/** In SVG units. */
const WIDTH = 940;
const LINE = 26;
const LEAST_LABEL_WIDTH = 120;
const CHARACTER_WIDTH = 6.8;
/** Between panels: the value beside the rightmost dot, and some room. */
const VALUE_WIDTH = 70;
const TICK_WIDTH = 42;
/** The largest over the least that an axis shows, at least: equal figures must look equal. */
const LEAST_RANGE = 4;

/** Draws a table as an SVG file. */
export async function renderSpeedPlot(table: BenchTable): Promise<string> {
  const { title, unit, better, cases, rows } = table;
  const labelWidth = Math.max(
    LEAST_LABEL_WIDTH,
    ...rows.map(({ subject }) => subject.length * CHARACTER_WIDTH),
  );
  const panelWidth = (WIDTH - labelWidth) / cases.length - VALUE_WIDTH;
  const spec = {
    title: { text: title, subtitle: `${unit}, ${better} is better`, ...HEAD },
    padding: 8,
    bounds: 'flush',
    spacing: VALUE_WIDTH,
    hconcat: cases.map((_, column) => planPanel(table, column, panelWidth, labelWidth)),
  };
  const lines = rows.map(({ subject, values }) => {
    const told = values.map((value, i) => `${cases[i]} ${describeSpread(value)}`);
    return `${subject}: ${told.join(', ')}`;
  });
  const text = { title: `${title}, ${unit}`, description: lines.join('; ') };
  return renderChartFile(spec as TopLevelSpec, text);
}

const HEAD = {
  frame: 'bounds',
  fontSize: 15,
  subtitleColor: 'var(--soft)',
  subtitleFontSize: 12,
  offset: 8,
};

function planPanel(
  { cases, rows, limit }: BenchTable,
  column: number,
  width: number,
  labelWidth: number,
) {
  const limitValue = limit?.values[column] ?? 0;
  const data = rows.flatMap(({ subject, isOurs, values }) => {
    const spread = values[column] ?? null;
    return spread === null || spread.min <= 0
      ? []
      : {
          ...spread,
          subject,
          colour: isOurs ? 'var(--blue)' : 'var(--soft)',
          text: formatFigure(spread.median),
          tooltip: describeSpread(spread),
          weight: isOurs ? 600 : 400,
        };
  });
  const all = [
    ...data.flatMap(({ min, max }) => [min, max]),
    ...(limitValue > 0 ? [limitValue] : []),
  ];
  const [least, most] = all.length === 0 ? [1, 1] : [Math.min(...all), Math.max(...all)];
  const margin = Math.max(1.1, Math.sqrt((LEAST_RANGE * least) / most));
  const scale = createLogScale([least / margin, most * margin], [0, width]);
  const ticks = all.length === 0 ? [] : pickLogTicks(scale, Math.max(2, width / TICK_WIDTH));
  const hasRoom = (tick: number, i: number): boolean =>
    i === 0 || scale(tick) - scale(ticks[i - 1] as number) > TICK_WIDTH / 2;
  const x = {
    field: 'median',
    type: 'quantitative',
    scale: { type: 'log', domain: scale.domain(), nice: false },
    axis: { values: ticks.filter(hasRoom), title: null, labelFlush: false, labelOverlap: false },
  };
  const ours = rows.filter(({ isOurs }) => isOurs).map(({ subject }) => subject);
  const weight = { test: { field: 'value', oneOf: ours }, value: 600 };
  const labels = {
    title: null,
    grid: false,
    labelAlign: 'left',
    labelPadding: labelWidth,
    labelLimit: 0,
    labelColor: 'var(--ink)',
    labelExpr: 'datum.value',
    labelFontWeight: { condition: weight, value: 400 },
  };
  const y = {
    field: 'subject',
    type: 'nominal',
    scale: { domain: rows.map(({ subject }) => subject) },
    axis: column === 0 ? labels : null,
  };
  const colour = { field: 'colour', type: 'nominal', scale: null };
  return {
    width,
    height: rows.length * LINE,
    title: { text: cases[column], fontSize: 12 },
    data: { values: data },
    layer: [
      {
        name: `limit_${column}`,
        data: { values: limitValue > 0 ? [{ median: limitValue }] : [] },
        mark: { type: 'rule', color: 'var(--orange)', strokeWidth: 1.5, strokeDash: [6, 4] },
        encoding: { x },
      },
      {
        mark: { type: 'rule', strokeWidth: 3, opacity: 0.45 },
        encoding: { x: { ...x, field: 'min' }, x2: { field: 'max' }, y, color: colour },
      },
      {
        name: `median_${column}`,
        mark: { type: 'circle', size: 80, opacity: 1 },
        encoding: { x, y, color: colour, description: { field: 'tooltip' } },
      },
      {
        mark: { type: 'text', align: 'left', dx: 10, fontWeight: { expr: 'datum.weight' } },
        encoding: { x: { ...x, field: 'max' }, y, text: { field: 'text' } },
      },
    ],
  };
}

function describeSpread(spread: Spread | null): string {
  return spread === null
    ? 'not measured'
    : `${formatFigure(spread.median)} (${formatFigure(spread.min)} to ${formatFigure(spread.max)})`;
}
