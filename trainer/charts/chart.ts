/**
 * Draws vega-lite charts as SVG on Node. Colours are CSS variables, so one SVG suits light and
 * dark. Text widths are estimated, never measured: the SVG does not depend on installed fonts.
 */
import { parse, scale as getScaleType, View } from 'vega';
import { compile, type Config, type TopLevelSpec } from 'vega-lite';
import { writeTokens } from '../../shared/design/tokens.ts';
import { escapeHtml } from '../../shared/escape-html.ts';

const THEME: Config = {
  aria: false, // One description of the whole picture says more than one of each mark.
  font: 'system-ui, sans-serif',
  background: 'transparent',
  view: { stroke: null },
  title: { anchor: 'start', frame: 'group', color: 'var(--ink)', fontSize: 13 },
  axis: {
    domain: false,
    ticks: false,
    grid: true,
    gridColor: 'var(--line)',
    labelColor: 'var(--soft)',
    labelFontSize: 12,
    labelPadding: 6,
    labelExpr: "format(datum.value, abs(datum.value) < 1000 ? '.4~g' : '~s')",
    titleColor: 'var(--soft)',
    titleFontSize: 12,
    titleFontWeight: 'normal',
  },
  line: { strokeWidth: 2, strokeJoin: 'round', invalid: 'break-paths-show-domains' },
  text: { color: 'var(--ink)', fontSize: 13, lineHeight: 15 },
};

/** The text for readers who do not see the chart. */
interface ChartText {
  readonly title: string;
  readonly description: string;
}

/**
 * Draws a chart that takes its colours from the page around it.
 * @param spec  Without a theme. The `description` of a mark becomes its tooltip.
 * @param id    Prefix of the ids inside, unique on the page.
 */
export async function renderChart(
  spec: TopLevelSpec,
  { title, description }: ChartText,
  id: string,
): Promise<string> {
  const view = new View(parse(compile(spec, { config: THEME }).spec), { renderer: 'none' });
  const label =
    `role="img" aria-labelledby="${id}-title" aria-describedby="${id}-desc">` +
    `<title id="${id}-title">${escapeHtml(title)}</title>` +
    `<desc id="${id}-desc">${escapeHtml(description)}</desc>`;
  return cleanSvg(await view.toSVG()).replace('>', ` ${label}`);
}

/** Draws a chart as a file of its own, in light and dark. */
export async function renderChartFile(spec: TopLevelSpec, text: ChartText): Promise<string> {
  const svg = await renderChart(spec, text, 'chart');
  const paper = '<rect width="100%" height="100%" fill="var(--card)"/>';
  const style = `<style>${writeTokens(svg + paper)}</style>`;
  return `${svg.replace('</desc>', `</desc>${style}${paper}`)}\n`;
}

/** A point of a curve without a neighbour, which only a round end makes visible. */
const SINGLE_POINT = /M[\d.,-]+Z/;

/**
 * Turns Vega's descriptions into tooltips that need no script, and makes the SVG smaller: takes out
 * invisible paths and defaults, and rounds coordinates to a tenth of a pixel.
 */
function cleanSvg(svg: string): string {
  return svg
    .replace(' xmlns:xlink="http://www.w3.org/1999/xlink" version="1.1" class="marks"', '')
    .replace(/<path class="(?:background|foreground)"[^>]*\/>/g, '')
    .replace(/<path aria-label="([^"]*)"([^>]*)\/>/g, '<path$2><title>$1</title></path>')
    .replace(/ (?:role="graphics-\w+"|aria-\w+="[^"]*"|pointer-events="none"|opacity="1")/g, '')
    .replace(/ (?:d|transform)="[^"]*"/g, (attribute) => {
      const rounded = attribute.replace(/-?(?<!\d)\d+\.\d{2,}(?:e-\d+)?/g, (number) =>
        String(Math.round(Number(number) * 10) / 10),
      );
      return SINGLE_POINT.test(rounded) ? `${rounded} stroke-linecap="round"` : rounded;
    });
}

/** A scale of d3: from values to pixels. */
export interface Scale {
  (value: number): number;
  domain(): [number, number];
  ticks(count?: number): number[];
}

/** Makes a scale whose domain ends at round numbers. */
export function createLinearScale(domain: [number, number], range: [number, number]): Scale {
  return getScaleType('linear')().domain(domain).range(range).nice(5) as Scale;
}

/** Makes a logarithmic scale with some room at both ends. */
export function createLogScale([low, high]: [number, number], range: [number, number]): Scale {
  const margin = Math.max(1.02, (high / low) ** 0.06);
  return getScaleType('log')()
    .domain([low / margin, high * margin])
    .range(range) as Scale;
}

/** Picks at most `most` ticks of a logarithmic scale: powers of ten, and round numbers between. */
export function pickLogTicks(scale: Scale, most: number): number[] {
  const ticks = scale.ticks();
  const pick = (leads: readonly number[]): number[] =>
    ticks.filter((tick) => {
      const lead = tick / 10 ** Math.floor(Math.log10(tick) + 1e-9);
      return leads.some((allowed) => Math.abs(lead - allowed) < 1e-6);
    });
  const powers = pick([1]);
  if (powers.length > most) {
    return powers.filter((_, i) => i % Math.ceil(powers.length / most) === 0);
  }
  const fitting = [pick([1, 2, 5]), pick([1, 3]), powers].find(
    ({ length }) => length >= Math.min(3, most) && length <= most,
  );
  // Over less than a decade, evenly spread numbers are rounder than a logarithm's.
  return (
    fitting ?? (getScaleType('linear')().domain(scale.domain()) as Scale).ticks(Math.min(most, 4))
  );
}

/**
 * Moves labels apart where they would touch, and keeps them between `top` and `bottom`.
 * @param places  Where each label would stand best, in pixels. The result has the same order.
 */
export function spreadLabels(
  places: readonly number[],
  height: number,
  [top, bottom]: readonly [number, number],
): number[] {
  const order = places
    .map((_, i) => i)
    .sort((a, b) => (places[a] ?? 0) - (places[b] ?? 0) || a - b);
  const spread = [...places];
  let next = top;
  for (const [rank, i] of order.entries()) {
    const lowest = bottom - (order.length - 1 - rank) * height;
    spread[i] = Math.min(Math.max(places[i] as number, next), lowest);
    next = (spread[i] as number) + height;
  }
  return spread;
}

/** Formats a number: four significant digits, thousands grouped, an exponent for extreme sizes. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) {
    return 'not finite';
  }
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e9)) {
    return value.toExponential(2).replace('e-', 'e−').replace('e+', 'e').replace(/^-/, '−');
  }
  const digits = size >= 1000 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 4 };
  return value.toLocaleString('en', digits);
}
