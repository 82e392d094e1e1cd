/**
 * Shows records: as text for the terminal, as Markdown pages and as pictures. Pure.
 */
import type { TopLevelSpec } from 'vega-lite';
import { alignColumns, writeMarkdownTable } from '../shared/text.ts';
import { renderChartFile } from '../trainer/charts/chart.ts';
import { planLineChart, type Point } from '../trainer/charts/line-chart.ts';
import { describeSpread, formatFigure, type BenchRecord, type BenchTable } from './record.ts';

/** People write the part of a page above this line. */
const MARK = '<!-- Written by `npm run bench` from here on: change it there. -->';

/** Renders a table for the terminal. */
export function printTable({ title, unit, cases, rows, limit, notes }: BenchTable): string {
  const cells = [
    [`${title}, ${unit}`, ...cases],
    ...rows.map(({ subject, values }) => [subject, ...values.map(describeSpread)]),
  ];
  if (limit !== null) {
    const values = limit.values.map((value) => (value === null ? '–' : formatFigure(value)));
    cells.push([`limit: ${limit.what}`, ...values]);
  }
  return ['', ...alignColumns(cells, (column) => column > 0), ...notes].join('\n');
}

/**
 * Renders a page.
 * @param before  The page as it was. The part that people wrote stays.
 * @param folder  The pictures' folder, relative to the page.
 * @param last    More lines for the page's end.
 */
export function renderPage(
  before: string,
  records: readonly BenchRecord[],
  folder: string,
  last: readonly string[] = [],
): string {
  const [head = ''] = before.split(MARK);
  const summary = records.flatMap(({ tables }) => tables.flatMap(summarise));
  const heads = ['', 'ours', 'to reach', 'best of the others', '', 'ours / limit'];
  return `${[
    `${head}${MARK}`,
    '',
    ...(summary.length === 0 ? [] : ['## In short', '', ...writeMarkdownTable(heads, summary), '']),
    ...records.flatMap((record) => [
      ...record.tables.flatMap((table) => renderTable(table, folder)),
      ...describeRecord(record),
      '',
    ]),
    ...last,
  ]
    .join('\n')
    .trimEnd()}\n`;
}

/** A line for each case of a table that compares one of ours with others, limits or goals. */
function summarise(table: BenchTable): string[][] {
  const { title, cases, rows, limit, goals, better, unit } = table;
  const ours = rows.filter(({ isOurs }) => isOurs);
  if (better === 'none' || ours.length !== 1) {
    return [];
  }
  const sign = better === 'lower' ? 1 : -1;
  // The anchor that GitHub gives the heading.
  const anchor = title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} -]/gu, '')
    .replaceAll(' ', '-');
  const withUnit = (value: number): string =>
    unit === '/s' ? `${formatFigure(value)}/s` : `${formatFigure(value)} ${unit}`;
  return cases.flatMap((name, column) => {
    const own = ours[0]?.values[column]?.median;
    if (own === undefined) {
      return [];
    }
    const [peer] = rows
      .filter(({ isOurs }) => !isOurs)
      .flatMap(({ subject, values }) => ({ subject, median: values[column]?.median ?? NaN }))
      .filter(({ median }) => !Number.isNaN(median))
      .toSorted((a, b) => sign * (a.median - b.median));
    const goal = goals?.[column] ?? null;
    const missed = goal !== null && sign * own > sign * goal ? ' (missed)' : '';
    const bound = limit?.values[column] ?? null;
    return [
      [
        `[${title}](#${anchor}): ${name}`,
        `**${withUnit(own)}**`,
        goal === null ? '' : `${sign > 0 ? '≤' : '≥'} ${withUnit(goal)}${missed}`,
        peer === undefined ? '' : `${withUnit(peer.median)}, ${peer.subject}`,
        peer === undefined ? '' : describeRatio((peer.median / own) ** sign, unit),
        bound === null ? '' : `${formatFigure(own / bound)} ×`,
      ],
    ];
  });
}

/** "4.2 × faster", "1.3 × slower". */
function describeRatio(gain: number, unit: string): string {
  const isSpeed = ['ms', '/s', 'MB/s'].includes(unit);
  const [good, bad] = isSpeed ? ['faster', 'slower'] : ['smaller', 'larger'];
  return gain >= 1 ? `${formatFigure(gain)} × ${good}` : `${formatFigure(1 / gain)} × ${bad}`;
}

function describeRecord({ suite, measuredAt, machine, versions }: BenchRecord): string[] {
  const { processor, cores, memoryGiB, system, loadBefore } = machine;
  const tools = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return wrap(
    `<sub>\`npm run bench -- ${suite}\`, ${measuredAt.slice(0, 10)}: ${cores} cores of ${processor}, ` +
      `${memoryGiB} GiB, ${system}; load before ${loadBefore.toFixed(2)}. ${tools.join('; ')}.</sub>`,
  );
}

function renderTable(table: BenchTable, folder: string): string[] {
  const { id, title, unit, better, cases, rows, limit, notes, goals } = table;
  const ours = rows.filter(({ isOurs }) => isOurs);
  const isCompared = ours.length === 1 && rows.length > 1;
  /** A cell for each case, and its ratio to ours where subjects are compared. */
  const toCells = (texts: readonly string[], figures: readonly (number | null)[]): string[] =>
    texts.flatMap((text, i) => {
      const [own, figure] = [ours[0]?.values[i]?.median, figures[i] ?? null];
      const hasRatio = isCompared && own !== undefined && figure !== null;
      const ratio = hasRatio ? formatFigure(figure / own) : '';
      return isCompared ? [text, ratio] : [text];
    });
  const lines = rows.map(({ subject, isOurs, values }) => {
    const medians = values.map((spread) => spread?.median ?? null);
    const cells = toCells(values.map(describeSpread), medians);
    // The ratio of ours to itself is exactly 1.
    const shown = isOurs && isCompared ? cells.map((cell, i) => (i % 2 === 1 ? '1' : cell)) : cells;
    return [isOurs ? `**${subject}**` : subject, ...shown];
  });
  for (const [name, values] of [
    ['_limit_', limit?.values],
    ['_to reach_', goals],
  ] as const) {
    if (values !== undefined && values !== null) {
      const texts = values.map((value) => (value === null ? '' : formatFigure(value)));
      lines.push([name, ...toCells(texts, values)]);
    }
  }
  const direction = better === 'none' ? '' : `, ${better} is better`;
  const picture = `![${title}, ${unit}${direction}](${folder}/${id}.svg)`;
  const heads = ['', ...cases.flatMap((name) => (isCompared ? [name, 'ratio'] : [name]))];
  const limitNote = limit === null ? '' : `Limit: ${limit.what}.`;
  return [
    `## ${title}`,
    '',
    ...(better === 'none' ? [] : [picture, '']),
    ...writeMarkdownTable(heads, lines),
    '',
    ...[`${unit}${direction}.`, ...notes, limitNote].flatMap(wrap),
    '',
  ];
}

/** Breaks prose into lines of at most 100 columns. */
function wrap(text: string): string[] {
  return (text.match(/.{1,100}(?=\s|$)|\S+/g) ?? []).map((line) => line.trim());
}

/** In SVG units. */
const [WIDTH, LINE, CHARACTER_WIDTH, VALUE_WIDTH] = [940, 26, 6.8, 70];
/** The largest over the least that an axis shows, at least: equal figures must look equal. */
const LEAST_RANGE = 4;

/**
 * Draws a table as an SVG file: a panel a case, a line a subject. A dot marks the median, a bar the
 * range of all runs, a dashed line the limit. Each panel has its own logarithmic axis. Cases that
 * are numbers make curves instead.
 */
export function renderPlot(table: BenchTable): Promise<string> {
  const { title, unit, better, cases, rows } = table;
  const lines = rows.map(({ subject, values }) => {
    const told = values.map((value, i) => `${cases[i]} ${describeSpread(value)}`);
    return `${subject}: ${told.join(', ')}`;
  });
  const text = { title: `${title}, ${unit}`, description: lines.join('; ') };
  const curves = planCurves(table);
  if (curves !== null) {
    return renderChartFile(curves, text);
  }
  const labelWidth = CHARACTER_WIDTH * Math.max(18, ...rows.map(({ subject }) => subject.length));
  const width = (WIDTH - labelWidth) / cases.length - VALUE_WIDTH;
  const head = { frame: 'bounds', fontSize: 15, subtitleFontSize: 12, offset: 8 };
  const spec = {
    title: { text: title, subtitle: `${unit}, ${better} is better`, ...head },
    padding: 8,
    spacing: VALUE_WIDTH,
    hconcat: cases.map((_, column) => ({ width, ...planPanel(table, column) })),
  };
  return renderChartFile(spec as TopLevelSpec, text);
}

/** Plans curves of the medians, with the least and the largest of all runs in pale. */
function planCurves({ title, unit, curve, rows }: BenchTable): TopLevelSpec | null {
  if (curve === undefined) {
    return null;
  }
  const colours = ['blue', 'orange', 'green', 'pink', 'gold', 'violet'];
  const lines = rows.map(({ subject, values }, i) => {
    const draw = (pick: 'min' | 'median' | 'max') =>
      curve.values.map((x, column): Point => [x, values[column]?.[pick] ?? NaN]);
    const colour = `var(--${colours[i % colours.length]})`;
    return { label: subject, colour, points: draw('median'), pale: [draw('min'), draw('max')] };
  });
  return planLineChart({
    size: { width: 640, height: 380 },
    margin: { top: 40, right: 110, bottom: 46, left: 58 },
    title,
    xLabel: curve.title,
    yLabel: unit, // A longer one would push the title out of the picture.
    scale: 'log',
    xScale: 'log',
    xTicks: curve.values,
    lines,
  });
}

function planPanel({ cases, rows, limit }: BenchTable, column: number) {
  const values = rows.flatMap(({ subject, isOurs, values: all }) => {
    const spread = all[column] ?? null;
    const colour = isOurs ? 'var(--blue)' : 'var(--soft)';
    const told = describeSpread(spread);
    return spread === null || spread.min <= 0
      ? []
      : { ...spread, subject, colour, told, text: formatFigure(spread.median) };
  });
  const bound = limit?.values[column] ?? 0;
  const bounds = bound > 0 ? [bound] : [];
  const all = [...values.flatMap(({ min, max }) => [min, max]), ...bounds];
  const [least, most] = all.length === 0 ? [1, 1] : [Math.min(...all), Math.max(...all)];
  const margin = Math.max(1.1, Math.sqrt((LEAST_RANGE * least) / most));
  const scale = { type: 'log', domain: [least / margin, most * margin], nice: false };
  const axis = { title: null, tickCount: 3, labelOverlap: 'greedy' };
  const x = { field: 'median', type: 'quantitative', scale, axis };
  const domain = rows.map(({ subject }) => subject);
  const names = { title: null, grid: false, labelLimit: 0, labelExpr: 'datum.value' };
  const yAxis = column === 0 ? names : null;
  const y = { field: 'subject', type: 'nominal', scale: { domain }, axis: yAxis };
  const color = { field: 'colour', type: 'nominal', scale: null };
  return {
    height: rows.length * LINE,
    title: { text: cases[column], fontSize: 12 },
    data: { values },
    layer: [
      {
        name: `limit_${column}`,
        data: { values: bounds.map((median) => ({ median })) },
        mark: { type: 'rule', color: 'var(--orange)', strokeWidth: 1.5, strokeDash: [6, 4] },
        encoding: { x },
      },
      {
        mark: { type: 'rule', strokeWidth: 3, opacity: 0.45 },
        encoding: { x: { ...x, field: 'min' }, x2: { field: 'max' }, y, color },
      },
      {
        name: `median_${column}`,
        mark: { type: 'circle', size: 80, opacity: 1 },
        encoding: { x, y, color, description: { field: 'told' } },
      },
      {
        mark: { type: 'text', align: 'left', dx: 10 },
        encoding: { x: { ...x, field: 'max' }, y, text: { field: 'text' } },
      },
    ],
  };
}
