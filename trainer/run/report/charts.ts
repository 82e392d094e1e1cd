/** The charts of a run's report: which metrics they show, and what each one means. */
import { escapeHtml } from '../../../shared/escape-html.ts';
import { formatCount } from '../../../shared/text.ts';
import { formatNumber, renderChart } from '../../charts/chart.ts';
import {
  isDrawn,
  planLineChart,
  type Line,
  type LineChart,
  type Point,
} from '../../charts/line-chart.ts';
import type { TrainingConfig } from '../../gan/preset.ts';
import type { MetricsLine } from '../log/metrics.ts';

type Series = Pick<Line, 'label' | 'colour' | 'points'>;

/** Metrics over steps. */
interface MetricsChart {
  /** Prefix of the ids in its SVG, unique on the page. */
  readonly id: string;
  readonly title: string;
  /** Says what the chart shows and what to look for. */
  readonly note: string;
  readonly scale: LineChart['scale'];
  readonly metrics: Readonly<Record<string, Exclude<keyof MetricsLine, 'warnings'>>>;
  /** Its size in the metric's own. */
  readonly unit?: number;
  /** Values worth a line across. */
  readonly references?: LineChart['references'];
  /** Whether steps with warnings are marked. */
  readonly hasMarks?: true;
}

/** A series of as many points is drawn smoothed, over the exact line. */
const LEAST_SMOOTHED = 30;
/** The part of the moving average that each point keeps. */
const SMOOTHING = 0.75;
/** Each tooltip is an element: at most this many. */
const MAX_TOOLTIPS = 120;
/** In SVG units: the picture scales with the page. */
const SIZE = { width: 480, height: 250 };
const MARGIN = { top: 10, right: 74, bottom: 26, left: 50 };

/** Draws a run's charts as figures of HTML, each with a table. Leaves out what was not logged. */
export async function renderCharts(
  metrics: readonly MetricsLine[],
  config: TrainingConfig,
): Promise<string[]> {
  const marks = metrics.filter(({ warnings = [] }) => warnings.length > 0).map(({ step }) => step);
  return renderFigures(planCharts(config), (chart) => pickSeries(metrics, chart), marks);
}

/** The charts that compare runs, and the colours of the runs. */
const COMPARED = ['losses', 'diversity', 'speed'];
/** Characters of a run's name beside its line, and room for them in SVG units. */
const [MAX_LABEL, LABEL_WIDTH] = [16, 132];
const RUN_COLOURS = ['blue', 'orange', 'green', 'pink', 'gold', 'violet'];

/** Draws one metric of several runs in each chart: the losses, diversity and speed. */
export async function renderRunCharts(
  runs: readonly { readonly label: string; readonly metrics: readonly MetricsLine[] }[],
): Promise<string[]> {
  const charts = planCharts({}).filter(({ id }) => COMPARED.includes(id));
  const pickRuns = (chart: MetricsChart): Series[] =>
    runs.flatMap(({ label, metrics }, i) =>
      pickSeries(metrics, chart).map(({ points }) => {
        const colour = `var(--${RUN_COLOURS[i % RUN_COLOURS.length]})`;
        const name = label.length > MAX_LABEL ? `${label.slice(0, MAX_LABEL - 1)}…` : label;
        return { label: name, colour, points };
      }),
    );
  return renderFigures(charts.flatMap(splitChart), pickRuns, [], LABEL_WIDTH);
}

/** Makes a chart of each metric. The cost of a guess depends on the loss, so it is left out. */
function splitChart(chart: MetricsChart): MetricsChart[] {
  const metrics = Object.entries(chart.metrics);
  return metrics.length === 1
    ? [chart]
    : metrics.map(([label, metric]) => ({
        ...chart,
        id: metric,
        title: `${chart.title}: ${label}`,
        metrics: { [label]: metric },
        note: 'Before the step’s updates. A low loss does not mean good samples.',
        references: [],
      }));
}

/**
 * @param marks  Steps worth a line upwards.
 * @param right  Room for the names beside the lines' ends.
 */
async function renderFigures(
  charts: readonly MetricsChart[],
  pick: (chart: MetricsChart) => readonly Series[],
  marks: readonly number[],
  right = MARGIN.right,
): Promise<string[]> {
  const figures = await Promise.all(
    charts.map(async (chart) => {
      const { id, title, note, scale, references = [], hasMarks = false } = chart;
      const series = pick(chart);
      const spec = planLineChart({
        size: SIZE,
        margin: { ...MARGIN, right },
        scale,
        lines: series.map((one) => toLine(one, scale)),
        references,
        marks: hasMarks ? marks : [],
        tooltips: planTooltips(series),
      });
      if (spec === null) {
        return '';
      }
      const text = { title: `${title} over steps`, description: describeSeries(series) };
      return (
        `<figure class="chart"><figcaption><h3>${title}</h3><p class="note">${note}</p></figcaption>` +
        `<div class="plot" tabindex="0">${await renderChart(spec, text, id)}</div><details><summary>Table` +
        `<span class="unseen"> of ${title.toLowerCase()}</span></summary>` +
        `<div class="scroll" tabindex="0">${renderTable(title, series)}</div></details></figure>`
      );
    }),
  );
  return figures.filter((figure) => figure !== '');
}

/** A single series is violet; two are compared. */
function pickSeries(lines: readonly MetricsLine[], { metrics, unit = 1 }: MetricsChart): Series[] {
  const names = Object.entries(metrics);
  const colours = names.length === 1 ? ['violet'] : ['blue', 'orange'];
  return names.map(([label, metric], i) => ({
    label,
    colour: `var(--${colours[i]})`,
    points: lines.flatMap(({ step, [metric]: value }) =>
      value === undefined ? [] : [[step, value / unit] as const],
    ),
  }));
}

function planCharts({ objective, finalFactor = 1 }: Partial<TrainingConfig>): MetricsChart[] {
  return [
    {
      id: 'losses',
      title: 'Losses',
      note:
        'Discriminator (D) and generator (G), before the step’s updates. Lines across: the loss when the ' +
        'discriminator guesses. A low loss does not mean good samples.',
      scale: 'log',
      metrics: { D: 'discriminatorLoss', G: 'generatorLoss' },
      // Guessing between two classes costs log 2. A discriminator that judges both pays twice.
      references:
        objective?.type === 'relativistic'
          ? [{ value: Math.LN2, label: 'guessing' }]
          : [
              { value: 2 * Math.LN2, label: 'D guessing' },
              { value: Math.LN2, label: 'G guessing' },
            ],
      hasMarks: true,
    },
    {
      id: 'diversity',
      title: 'Diversity',
      note:
        'How much samples differ from each other, divided by how much real images do. ' +
        'Near 0 all samples are one picture. Samples of one class can still differ.',
      scale: 'linear',
      metrics: { samples: 'diversity' },
      references: [{ value: 1, label: 'real images' }],
      hasMarks: true,
    },
    {
      id: 'gradients',
      title: 'Gradient norms',
      note:
        'Length of each network’s whole gradient. A steep rise is an explosion; near 0 the network ' +
        'learns nothing.',
      scale: 'log',
      metrics: { D: 'discriminatorGradientNorm', G: 'generatorGradientNorm' },
      hasMarks: true,
    },
    {
      id: 'penalties',
      title: 'Penalties',
      note:
        'Mean squared gradient of the discriminator at real images (R1) and at generated ones (R2), ' +
        'before the factor gamma / 2.',
      scale: 'log',
      metrics: { R1: 'r1', R2: 'r2' },
      hasMarks: true,
    },
    {
      id: 'speed',
      title: 'Images a second',
      note: 'Real images trained on per second since the point before. Sample grids and checkpoints count.',
      scale: 'linear',
      metrics: { 'images/s': 'imagesPerSecond' },
    },
    {
      id: 'memory',
      title: 'Memory',
      note: 'Resident memory of the process in MiB. A line that keeps rising is a leak.',
      scale: 'linear',
      metrics: { MiB: 'residentBytes' },
      unit: 2 ** 20,
    },
    {
      id: 'factor',
      title: 'Schedule',
      note: 'The factor of the learning rates.',
      scale: 'linear',
      metrics: finalFactor === 1 ? {} : { factor: 'learningRateFactor' },
    },
  ];
}

function toLine({ label, colour, points }: Series, scale: LineChart['scale']): Line {
  const last = points.findLast(([, value]) => isDrawn(value, scale));
  const named = { label, colour, ...(last && { note: formatNumber(last[1]) }) };
  return points.length < LEAST_SMOOTHED
    ? { ...named, points, pale: [] }
    : { ...named, points: smooth(points, scale), pale: [points] };
}

/** An exponential moving average, of logarithms on a logarithmic scale. Gaps stay gaps. */
function smooth(points: readonly Point[], scale: LineChart['scale']): Point[] {
  const [apply, invert] = scale === 'log' ? [Math.log, Math.exp] : [Number, Number];
  let average: number | undefined;
  return points.map(([step, value]) => {
    if (!isDrawn(value, scale)) {
      return [step, NaN];
    }
    const next = apply(value);
    average = average === undefined ? next : SMOOTHING * average + (1 - SMOOTHING) * next;
    return [step, invert(average)];
  });
}

function planTooltips(series: readonly Series[]): { x: number; text: string }[] {
  const rows = mergeRows(series);
  const every = Math.ceil(rows.length / MAX_TOOLTIPS);
  return rows
    .filter((_, i) => i % every === 0 || i === rows.length - 1)
    .map(([step, values]) => {
      const told = series.flatMap(({ label }, i) => {
        const value = values[i];
        return value === undefined ? [] : [`${label} ${formatNumber(value)}`];
      });
      return { x: step, text: `step ${formatCount(step)}: ${told.join(', ')}` };
    });
}

function describeSeries(series: readonly Series[]): string {
  const told = series.map(({ label, points }) => {
    const [first, last] = [points[0], points.at(-1)];
    return first === undefined || last === undefined
      ? `${label}: nothing`
      : `${label}: ${formatNumber(first[1])} at step ${formatCount(first[0])}, ` +
          `${formatNumber(last[1])} at step ${formatCount(last[0])}`;
  });
  return `${told.join('; ')}. The table below has the values.`;
}

function renderTable(title: string, series: readonly Series[]): string {
  const heads = series.map(({ label }) => `<th scope="col">${escapeHtml(label)}</th>`);
  const rows = mergeRows(series).map(([step, values]) => {
    const cells = values.map(
      (value) => `<td>${value === undefined ? '' : formatNumber(value)}</td>`,
    );
    return `<tr><th scope="row">${formatCount(step)}</th>${cells.join('')}</tr>`;
  });
  return (
    `<table><caption>${title}</caption><thead><tr><th scope="col">step</th>${heads.join('')}</tr>` +
    `</thead><tbody>${rows.join('')}</tbody></table>`
  );
}

/** A row for each step of any series, with the value of each series there. */
function mergeRows(series: readonly Series[]): [step: number, values: (number | undefined)[]][] {
  const maps = series.map(({ points }) => new Map(points));
  const steps = [...new Set(maps.flatMap((map) => [...map.keys()]))].sort((a, b) => a - b);
  return steps.map((step) => [step, maps.map((map) => map.get(step))]);
}
