/**
 * Curves as SVG: lines that a stylesheet colours, so that one picture suits light and dark, a smoothed line over a pale
 * exact one, the last value written beside its line, and values under the pointer without any script. Pure.
 */
import { scaleLinear, scaleLog } from 'd3-scale';
import { line } from 'd3-shape';
import { escapeHtml, formatNumber, formatStep } from './html.ts';

/** One line of a chart. */
export interface Series {
  readonly label: string;
  /** CSS class that gives it its colour. */
  readonly tone: 'discriminator' | 'generator' | 'plain';
  /** In the order of steps. What is not finite makes a gap. */
  readonly points: readonly (readonly [step: number, value: number])[];
}

/** A picture of figures over steps. */
export interface Chart {
  /** Unique on the page: an id. */
  readonly id: string;
  readonly title: string;
  /** What it shows and what to look for. */
  readonly note: string;
  /** With `log`, what is not above 0 makes a gap. */
  readonly scale: 'linear' | 'log';
  readonly series: readonly Series[];
  /** Values worth a line across. */
  readonly references?: readonly { readonly value: number; readonly label: string }[];
  /** Steps worth a line upwards. */
  readonly marks?: readonly number[];
}

/** In SVG units; the picture scales with the page. */
const SIZE = { width: 480, height: 250 };
const MARGIN = { top: 10, right: 74, bottom: 26, left: 50 };
const LABEL_HEIGHT = 15;
/** From so many points on a line is smoothed. */
const SMOOTHED_POINTS = 30;
/** What each point keeps of the smoothed line before it. */
const SMOOTHING = 0.75;
/** Columns with values under the pointer, at most: each is an element. */
const MAX_COLUMNS = 120;

interface Scales {
  readonly x: (step: number) => number;
  readonly y: (value: number) => number;
  readonly isDrawn: (value: number) => boolean;
  readonly xTicks: readonly number[];
  readonly yTicks: readonly number[];
}

/** Draws a chart. @returns  Null when there is nothing to draw. */
export function renderChart(chart: Chart): string | null {
  const scales = createScales(chart);
  if (scales === null) {
    return null;
  }
  const { width, height } = SIZE;
  const parts = [
    `<title id="${chart.id}-title">${escapeHtml(chart.title)} over steps</title>`,
    `<desc id="${chart.id}-desc">${escapeHtml(describeChart(chart))}</desc>`,
    renderAxes(scales),
    ...(chart.marks ?? []).map((step) => renderMark(step, scales)),
    ...(chart.references ?? []).map((reference, i) => renderReference(reference, i, scales)),
    ...chart.series.map((series) => renderSeries(series, scales)),
    renderEndLabels(chart, scales),
    renderColumns(chart, scales),
  ];
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${chart.id}-title" aria-describedby="${chart.id}-desc">${parts.join('')}</svg>`;
}

/** The values as a table, for those who do not see the picture and those who want the numbers. */
export function renderTable({ title, series }: Chart): string {
  const rows = mergeRows(series).map(
    ([step, values]) =>
      `<tr><th scope="row">${formatStep(step)}</th>${values.map((value) => `<td>${value === null ? '' : formatNumber(value)}</td>`).join('')}</tr>`,
  );
  return (
    `<table><caption>${escapeHtml(title)}</caption><thead><tr><th scope="col">step</th>` +
    `${series.map(({ label }) => `<th scope="col">${escapeHtml(label)}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`
  );
}

function createScales({ scale, series, references = [] }: Chart): Scales | null {
  const isDrawn = (value: number): boolean =>
    Number.isFinite(value) && (scale === 'linear' || value > 0);
  const points = series.flatMap((one) => one.points.filter(([, value]) => isDrawn(value)));
  if (points.length === 0) {
    return null;
  }
  const values = [...points.map(([, value]) => value), ...references.map(({ value }) => value)];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const lastStep = Math.max(1, ...points.map(([step]) => step));
  const x = scaleLinear([0, lastStep], [MARGIN.left, SIZE.width - MARGIN.right]);
  const range = [SIZE.height - MARGIN.bottom, MARGIN.top];
  if (scale === 'linear') {
    const y = scaleLinear([Math.min(0, low), high === 0 ? 1 : high], range).nice(5);
    return { x, y, isDrawn, xTicks: x.ticks(5), yTicks: y.ticks(5) };
  }
  const y = scaleLog([low / 1.25, high * 1.25], range);
  return { x, y, isDrawn, xTicks: x.ticks(5), yTicks: thinTicks(y.ticks()) };
}

/** A logarithmic scale's ticks, as few as fit: all, those that begin with 1, 2 or 5, or powers of ten. */
export function thinTicks(ticks: readonly number[]): readonly number[] {
  const lead = (value: number): number =>
    Math.round(value / 10 ** Math.floor(Math.log10(value) + 1e-9));
  const fitting = [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1, 3], [1]].map((leads) =>
    ticks.filter((tick) => leads.includes(lead(tick))),
  );
  const powers = fitting.at(-1) ?? ticks;
  return (
    fitting.find(({ length }) => length <= 7) ??
    powers.filter((_, i) => i % Math.ceil(powers.length / 6) === 0)
  );
}

function renderAxes({ x, y, xTicks, yTicks }: Scales): string {
  const [left, right, bottom] = [
    MARGIN.left,
    SIZE.width - MARGIN.right,
    SIZE.height - MARGIN.bottom,
  ];
  const rows = yTicks.map(
    (tick) =>
      `<line class="rule" x1="${left}" x2="${right}" y1="${round(y(tick))}" y2="${round(y(tick))}"/>` +
      `<text class="tick" x="${left - 6}" y="${round(y(tick) + 4)}" text-anchor="end">${formatTick(tick)}</text>`,
  );
  const columns = xTicks.map(
    (tick) =>
      `<text class="tick" x="${round(x(tick))}" y="${bottom + 17}" text-anchor="middle">${formatTick(tick)}</text>`,
  );
  return `<g aria-hidden="true">${rows.join('')}${columns.join('')}</g>`;
}

/** A value beside an axis. */
export function formatTick(value: number): string {
  if (value !== 0 && Math.abs(value) < 1e-3) {
    return value.toExponential(0).replace('-', '−');
  }
  return new Intl.NumberFormat('en', {
    notation: value >= 1000 ? 'compact' : 'standard',
    maximumSignificantDigits: 4,
  }).format(value);
}

function renderMark(step: number, { x }: Scales): string {
  const at = round(x(step));
  return `<line class="mark" x1="${at}" x2="${at}" y1="${MARGIN.top}" y2="${SIZE.height - MARGIN.bottom}"/>`;
}

function renderReference(
  { value, label }: { value: number; label: string },
  place: number,
  { y }: Scales,
): string {
  const at = round(y(value));
  // The first above its line, unless there is no room, others below theirs: lines may lie close.
  const baseline = place > 0 || at < MARGIN.top + LABEL_HEIGHT ? at + LABEL_HEIGHT - 2 : at - 4;
  return (
    `<line class="reference" x1="${MARGIN.left}" x2="${SIZE.width - MARGIN.right}" y1="${at}" y2="${at}"/>` +
    `<text class="reference-label" x="${SIZE.width - MARGIN.right - 4}" y="${round(baseline)}" text-anchor="end">${escapeHtml(label)}</text>`
  );
}

function renderSeries({ tone, points }: Series, { x, y, isDrawn }: Scales): string {
  const placed = points.map(([step, value]) =>
    isDrawn(value) ? ([x(step), y(value)] as const) : null,
  );
  const draw = (path: readonly (readonly [number, number] | null)[]): string =>
    line<readonly [number, number] | null>()
      .defined((point) => point !== null)
      .x((point) => point?.[0] ?? 0)
      .y((point) => point?.[1] ?? 0)
      .digits(1)([...path]) ?? '';
  if (points.length < SMOOTHED_POINTS) {
    return `<path class="line ${tone}" d="${draw(placed)}"/>`;
  }
  return `<path class="line exact ${tone}" d="${draw(placed)}"/><path class="line ${tone}" d="${draw(smooth(placed))}"/>`;
}

/** An exponential moving average of heights, so that a logarithmic axis is smoothed as it looks. Starts at the first point. */
function smooth(
  points: readonly (readonly [number, number] | null)[],
): (readonly [number, number] | null)[] {
  let height: number | undefined;
  return points.map((point) => {
    if (point === null) {
      return null;
    }
    height = height === undefined ? point[1] : SMOOTHING * height + (1 - SMOOTHING) * point[1];
    return [point[0], height] as const;
  });
}

/** Each line's name and last value beside its end, moved apart where they would touch. */
function renderEndLabels({ series }: Chart, { y, isDrawn }: Scales): string {
  const labels = series
    .flatMap(({ label, tone, points }) => {
      const last = points.findLast(([, value]) => isDrawn(value));
      return last === undefined ? [] : [{ label, tone, value: last[1], at: y(last[1]) }];
    })
    .sort((a, b) => a.at - b.at);
  let next = MARGIN.top + LABEL_HEIGHT;
  const left = SIZE.width - MARGIN.right + 6;
  return labels
    .map(({ label, tone, value, at }, i) => {
      const rest = (labels.length - 1 - i) * 2 * LABEL_HEIGHT;
      const top = Math.min(
        Math.max(at, next),
        SIZE.height - MARGIN.bottom - rest - LABEL_HEIGHT + 4,
      );
      next = top + 2 * LABEL_HEIGHT;
      return (
        `<text class="end ${tone}" x="${left}" y="${round(top)}">${escapeHtml(label)}` +
        `<tspan class="value" x="${left}" dy="${LABEL_HEIGHT}">${formatNumber(value)}</tspan></text>`
      );
    })
    .join('');
}

/** Transparent columns whose titles browsers show under the pointer. */
function renderColumns({ series }: Chart, { x }: Scales): string {
  const rows = mergeRows(series);
  const every = Math.ceil(rows.length / MAX_COLUMNS);
  const shown = rows.filter((_, i) => i % every === 0 || i === rows.length - 1);
  const columns = shown.map(([step, values], i) => {
    const at = x(step);
    const from = i === 0 ? MARGIN.left : (at + x(shown[i - 1]?.[0] ?? 0)) / 2;
    const to =
      i === shown.length - 1 ? SIZE.width - MARGIN.right : (at + x(shown[i + 1]?.[0] ?? 0)) / 2;
    const text = series.flatMap(({ label }, k) =>
      values[k] === null ? [] : [`${label} ${formatNumber(values[k] as number)}`],
    );
    return (
      `<g class="column"><rect x="${round(from)}" y="${MARGIN.top}" width="${round(Math.max(0.1, to - from))}" height="${SIZE.height - MARGIN.top - MARGIN.bottom}"/>` +
      `<line x1="${round(at)}" x2="${round(at)}" y1="${MARGIN.top}" y2="${SIZE.height - MARGIN.bottom}"/>` +
      `<title>${escapeHtml(`step ${formatStep(step)}: ${text.join(', ')}`)}</title></g>`
    );
  });
  return `<g aria-hidden="true">${columns.join('')}</g>`;
}

function describeChart({ series }: Chart): string {
  return series
    .map(({ label, points }) => {
      const [first, last] = [points[0], points.at(-1)];
      return first === undefined || last === undefined
        ? `${label}: nothing`
        : `${label}: ${formatNumber(first[1])} at step ${formatStep(first[0])}, ${formatNumber(last[1])} at step ${formatStep(last[0])}`;
    })
    .join('; ')
    .concat('. All values stand in the table below.');
}

/** A row a step that any series has, with each one's value or null. */
function mergeRows(
  series: readonly Series[],
): (readonly [step: number, values: readonly (number | null)[]])[] {
  const steps = [...new Set(series.flatMap(({ points }) => points.map(([step]) => step)))].sort(
    (a, b) => a - b,
  );
  const maps = series.map(({ points }) => new Map(points));
  return steps.map((step) => [step, maps.map((map) => map.get(step) ?? null)] as const);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
