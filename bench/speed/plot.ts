/**
 * A table of figures as one SVG: a panel a case, a line a subject, a dot at the median with a whisker from least to largest, and the
 * limit as a line upwards. Logarithmic, each panel with its own scale. Stands alone, in light and dark. Pure.
 */
import { scaleLog } from 'd3-scale';
import { formatTick } from '../../trainer/run/report/chart.ts';
import { escapeHtml } from '../../trainer/run/report/html.ts';
import { PLOT_STYLE, round } from '../plot-style.ts';
import { formatFigure, type BenchTable, type Spread } from '../record.ts';

/** In SVG units. */
const WIDTH = 960;
const LINE = 26;
const HEAD = 58;
const FOOT = 34;
const CHARACTER_WIDTH = 6.4;
/** The unit stands above the labels. */
const LEAST_LABEL_WIDTH = 150;
/** From one tick's number to the next. */
const TICK_WIDTH = 42;
/** Of the largest and the least that an axis shows, at least: where all are alike, that is what is to be seen. */
const LEAST_RANGE = 4;
const RADIUS = 5;
/** Beside a panel. */
const GAP = 18;
/** Right of the dots, for the last value. */
const VALUE_WIDTH = 52;

/** Draws a table. */
export function renderSpeedPlot(table: BenchTable): string {
  const { title, unit, better, cases, rows } = table;
  const labelWidth = Math.max(
    LEAST_LABEL_WIDTH,
    ...rows.map(({ subject }) => subject.length * CHARACTER_WIDTH + GAP),
  );
  const panelWidth = (WIDTH - labelWidth) / cases.length;
  const height = HEAD + rows.length * LINE + FOOT;
  const told = rows.map(
    ({ subject, values }) =>
      `${subject}: ${values.map((value, i) => `${cases[i]} ${describe(value)}`).join(', ')}`,
  );
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title" aria-describedby="told">` +
    `<title id="title">${escapeHtml(title)}, ${unit}</title><desc id="told">${escapeHtml(told.join('; '))}</desc>` +
    `<style>${PLOT_STYLE}</style><rect class="paper" width="${WIDTH}" height="${height}"/>` +
    `<text class="title" x="8" y="22">${escapeHtml(title)}</text>` +
    `<text class="soft" x="8" y="42">${unit}, ${better} is better</text>` +
    rows
      .map(
        ({ subject, isOurs }, i) =>
          `<text${isOurs ? ' class="label"' : ''} x="8" y="${placeRow(i) + 4}">${escapeHtml(subject)}</text>`,
      )
      .join('') +
    cases
      .map((_, column) => renderPanel(table, column, labelWidth + column * panelWidth, panelWidth))
      .join('') +
    '</svg>\n'
  );
}

function renderPanel(
  { cases, rows, limit }: BenchTable,
  column: number,
  at: number,
  width: number,
): string {
  const spreads = rows.map(({ values }) => values[column] ?? null);
  const limitValue = limit?.values[column] ?? null;
  const all = [
    ...spreads.flatMap((spread) => (spread === null ? [] : [spread.min, spread.max])),
    ...(limitValue === null ? [] : [limitValue]),
  ];
  const positive = all.filter((value) => value > 0);
  const [left, right, bottom] = [at + GAP, at + width - VALUE_WIDTH, HEAD + rows.length * LINE];
  const heading = `<text class="label" x="${round(left)}" y="42">${escapeHtml(cases[column] as string)}</text>`;
  if (positive.length === 0) {
    return heading;
  }
  const [least, most] = [Math.min(...positive), Math.max(...positive)];
  const margin = Math.max(1.2, Math.sqrt((LEAST_RANGE * least) / most));
  const x = scaleLog([least / margin, most * margin], [left, right]);
  const shown = chooseTicks(x.ticks(), x);
  return [
    heading,
    ...shown.map(
      (tick) =>
        `<line class="rule" x1="${round(x(tick))}" x2="${round(x(tick))}" y1="${HEAD - 8}" y2="${bottom}"/>` +
        `<text class="soft" x="${round(x(tick))}" y="${bottom + 18}" text-anchor="middle">${formatTick(tick)}</text>`,
    ),
    limitValue === null || limitValue <= 0
      ? ''
      : `<line class="floor" x1="${round(x(limitValue))}" x2="${round(x(limitValue))}" y1="${HEAD - 8}" y2="${bottom}"/>`,
    ...spreads.map((spread, i) =>
      spread === null || spread.min <= 0
        ? ''
        : renderDot(spread, rows[i]?.isOurs === true, x, placeRow(i)),
    ),
  ].join('');
}

/** The roundest first, and each only where there is room. */
function chooseTicks(ticks: readonly number[], x: (value: number) => number): number[] {
  const lead = (value: number): number =>
    Math.round(value / 10 ** Math.floor(Math.log10(value) + 1e-9));
  const chosen: number[] = [];
  for (const leads of [[1], [5], [2], [3], [4, 6, 7, 8, 9]]) {
    for (const tick of ticks.filter((value) => leads.includes(lead(value)))) {
      if (chosen.every((other) => Math.abs(x(other) - x(tick)) >= TICK_WIDTH)) {
        chosen.push(tick);
      }
    }
  }
  return chosen.toSorted((a, b) => a - b);
}

function renderDot(
  spread: Spread,
  isOurs: boolean,
  x: (value: number) => number,
  y: number,
): string {
  const tone = isOurs ? 'point' : 'peer';
  const [least, middle, largest] = [spread.min, spread.median, spread.max].map((value) =>
    round(x(value)),
  ) as [number, number, number];
  return (
    `<rect class="${tone}" opacity=".45" x="${least}" width="${round(largest - least)}" y="${y - 1.5}" height="3"/>` +
    `<circle class="${tone}" cx="${middle}" cy="${y}" r="${RADIUS}"><title>${describe(spread)}</title></circle>` +
    `<text${isOurs ? ' class="label"' : ''} x="${round(Math.max(largest, middle + RADIUS) + 5)}" y="${y + 4}">${formatFigure(spread.median)}</text>`
  );
}

function placeRow(index: number): number {
  return HEAD + (index + 0.5) * LINE;
}

function describe(spread: Spread | null): string {
  return spread === null
    ? 'not measured'
    : `${formatFigure(spread.median)} (${formatFigure(spread.min)} to ${formatFigure(spread.max)})`;
}
