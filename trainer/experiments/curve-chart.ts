/**
 * Curves of several arms as one SVG file that stands by itself, in light and dark: the mean over seeds as a strong line, each
 * seed as a pale one. Pure, and the same bytes for the same figures.
 */
import { scaleLinear, scaleLog } from 'd3-scale';
import { line } from 'd3-shape';
import { escapeHtml, formatNumber } from '../run/report/html.ts';

/** A point of a curve. */
export type CurvePoint = readonly [x: number, y: number];

/** An arm's curves. */
export interface Curve {
  readonly label: string;
  /** One a seed. */
  readonly seeds: readonly (readonly CurvePoint[])[];
}

/** What to draw. */
export interface CurveChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly scale: 'linear' | 'log';
  /** The first is the one to compare with. */
  readonly curves: readonly Curve[];
  /** A value worth a line across. */
  readonly reference?: { readonly value: number; readonly label: string };
}

const SIZE = { width: 640, height: 340 };
const MARGIN = { top: 34, right: 178, bottom: 44, left: 58 };
const LABEL_HEIGHT = 17;
/** Okabe and Ito's, told apart by the colour-blind; the baseline has the text's own colour. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#b8860b', '#56b4e9'];

const STYLE =
  ':root{color:#222;background:#fff}svg{font:13px system-ui,sans-serif}text{fill:currentColor}' +
  '.soft{fill:#666}.rule{stroke:#e4e4e4}.line{fill:none;stroke:currentColor;stroke-width:2.2;stroke-linejoin:round}' +
  '.seed{stroke-width:1;opacity:.35}.reference{stroke:#888;stroke-dasharray:2 4}' +
  '@media(prefers-color-scheme:dark){:root{color:#eee;background:#151515}.soft{fill:#aaa}.rule{stroke:#333}}';

/** Draws a chart. */
export function renderCurveChart(chart: CurveChart): string {
  const { width, height } = SIZE;
  const [left, right, top, bottom] = [
    MARGIN.left,
    width - MARGIN.right,
    MARGIN.top,
    height - MARGIN.bottom,
  ];
  const { x, y, xTicks, yTicks } = createScales(chart);
  const draw = line<CurvePoint>()
    .x(([at]) => x(at))
    .y(([, value]) => y(value))
    .digits(1);
  const means = chart.curves.map((curve) => averageSeeds(curve, chart.scale));
  const rows = yTicks.map(
    (tick) =>
      `<line class="rule" x1="${left}" x2="${right}" y1="${round(y(tick))}" y2="${round(y(tick))}"/>` +
      `<text class="soft" x="${left - 7}" y="${round(y(tick) + 4)}" text-anchor="end">${formatNumber(tick)}</text>`,
  );
  const columns = xTicks.map(
    (tick) =>
      `<text class="soft" x="${round(x(tick))}" y="${bottom + 18}" text-anchor="middle">${formatNumber(tick)}</text>`,
  );
  const paint = (place: number): string =>
    place === 0 ? '' : ` style="color:${COLOURS[(place - 1) % COLOURS.length]}"`;
  const curves = chart.curves.map(({ seeds }, i) => {
    const pale = seeds.map((points) => `<path class="line seed" d="${draw([...points]) ?? ''}"/>`);
    return `<g${paint(i)}>${pale.join('')}<path class="line" d="${draw([...(means[i] ?? [])]) ?? ''}"/></g>`;
  });
  const ends = means.map((points, i) => ({ place: i, at: y(points.at(-1)?.[1] ?? NaN) }));
  const labels = spreadLabels(ends, top, bottom).map(
    ({ place, at }) =>
      `<text${paint(place)} x="${right + 8}" y="${round(at + 4)}">${escapeHtml(chart.curves[place]?.label ?? '')}</text>`,
  );
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(chart.title)}">` +
    `<style>${STYLE}</style><text x="${left}" y="18" font-weight="600">${escapeHtml(chart.title)}</text>` +
    `${rows.join('')}${columns.join('')}${renderReference(chart, y)}${curves.join('')}${labels.join('')}` +
    `<text class="soft" x="${(left + right) / 2}" y="${height - 8}" text-anchor="middle">${escapeHtml(chart.xLabel)}</text>` +
    `<text class="soft" transform="translate(14 ${(top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(chart.yLabel)}</text></svg>\n`
  );
}

interface Scales {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  readonly xTicks: readonly number[];
  readonly yTicks: readonly number[];
}

function createScales({ curves, scale, reference }: CurveChart): Scales {
  const points = curves.flatMap(({ seeds }) => seeds.flat());
  const values = [
    ...points.map(([, value]) => value),
    ...(reference === undefined ? [] : [reference.value]),
  ];
  const x = scaleLinear(
    [0, Math.max(...points.map(([at]) => at))],
    [MARGIN.left, SIZE.width - MARGIN.right],
  );
  const range = [SIZE.height - MARGIN.bottom, MARGIN.top];
  if (scale === 'linear') {
    const y = scaleLinear([0, Math.max(...values)], range).nice(5);
    return { x, y, xTicks: x.ticks(5), yTicks: y.ticks(5) };
  }
  const domain: [number, number] = [Math.min(...values) / 1.1, Math.max(...values) * 1.1];
  return { x, y: scaleLog(domain, range), xTicks: x.ticks(5), yTicks: chooseLogTicks(domain) };
}

/** 1, 2 and 5 times powers of ten where these are enough, else evenly spread numbers: others would touch. */
function chooseLogTicks(domain: [number, number]): number[] {
  const lead = (tick: number): number => tick / 10 ** Math.floor(Math.log10(tick) + 1e-9);
  const plain = scaleLog(domain, [0, 1])
    .ticks(30)
    .filter((tick) => [1, 2, 5].some((allowed) => Math.abs(lead(tick) - allowed) < 1e-6));
  return plain.length >= 3 ? plain : scaleLinear(domain, [0, 1]).ticks(5);
}

function renderReference({ reference }: CurveChart, y: Scales['y']): string {
  if (reference === undefined) {
    return '';
  }
  const at = round(y(reference.value));
  const right = SIZE.width - MARGIN.right;
  const below = at < MARGIN.top + LABEL_HEIGHT;
  return (
    `<line class="reference" x1="${MARGIN.left}" x2="${right}" y1="${at}" y2="${at}"/>` +
    `<text class="soft" x="${MARGIN.left + 4}" y="${below ? at + LABEL_HEIGHT - 3 : at - 5}">${escapeHtml(reference.label)}</text>`
  );
}

/**
 * The mean over seeds, point by point: of distances the geometric one. Seeds whose points lie at different places (seconds)
 * are averaged in both directions.
 */
function averageSeeds({ seeds }: Curve, scale: CurveChart['scale']): CurvePoint[] {
  const count = Math.min(...seeds.map((points) => points.length));
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  return Array.from({ length: count }, (_, i) => {
    const points = seeds.map((one) => one[i] as CurvePoint);
    const heights = points.map(([, value]) => value);
    const height = scale === 'log' ? Math.exp(mean(heights.map(Math.log))) : mean(heights);
    return [mean(points.map(([at]) => at)), height] as const;
  });
}

/** Moves labels apart where they would touch, and keeps them on the picture. */
function spreadLabels(
  ends: readonly { place: number; at: number }[],
  top: number,
  bottom: number,
): { place: number; at: number }[] {
  const sorted = [...ends].sort((a, b) => a.at - b.at || a.place - b.place);
  let next = top;
  return sorted.map(({ place, at }, i) => {
    const room = bottom - (sorted.length - 1 - i) * LABEL_HEIGHT;
    const placed = Math.min(Math.max(at, next), room);
    next = placed + LABEL_HEIGHT;
    return { place, at: placed };
  });
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
