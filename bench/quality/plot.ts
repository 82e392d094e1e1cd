/**
 * Draws quality against milliseconds: a panel a figure, a dot a model. A dashed line marks real
 * digits. Steps join the models that no other model beats in both quality and time.
 */
import type { TopLevelSpec } from 'vega-lite';
import {
  createLinearScale,
  createLogScale,
  formatNumber,
  pickLogTicks,
  renderChartFile,
  spreadLabels,
} from '../../trainer/charts/chart.ts';
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
const WIDTH = 400;
const HEIGHT = 284;
/** Two lines of text. */
const LABEL_HEIGHT = 30;
const LABEL_DISTANCE = 6;
/** The axis of time goes on for the labels of the slowest model. */
const LABEL_ROOM = 1.3;
/** A distance of 0 has no logarithm. */
const LEAST_LOG = 0.01;

/** Draws the plot as an SVG file. @param report  With at least one point. */
export async function renderPlot({
  points,
  floorFigures,
}: Pick<QualityReport, 'points' | 'floorFigures'>): Promise<string> {
  const told = points.map((point) => {
    const { label, figures } = point;
    const values = PANELS.map(({ title, pick }) => `${title} ${formatNumber(pick(figures))}`);
    return `${label}: ${formatNumber(getPlottedMs(point))} ms, ${values.join(', ')}`;
  });
  const spec = {
    padding: 10,
    bounds: 'flush',
    spacing: 80,
    hconcat: PANELS.map((panel) => planPanel(panel, points, floorFigures)),
  };
  return renderChartFile(spec as TopLevelSpec, {
    title: 'Quality of the models against the worker’s milliseconds',
    description: told.join('; '),
  });
}

function planPanel(
  { title, better, scale, pick }: Panel,
  points: readonly QualityPoint[],
  floor: QualityFigures,
) {
  const place = (figures: QualityFigures): number => Math.max(pick(figures), LEAST_LOG);
  const values = [floor, ...points.map(({ figures }) => figures)].map(place);
  const x = createLinearScale([0, LABEL_ROOM * Math.max(...points.map(getPlottedMs))], [0, WIDTH]);
  const y =
    scale === 'log'
      ? createLogScale([Math.min(...values) / 1.3, Math.max(...values) * 1.3], [HEIGHT, 0])
      : createLinearScale([0, 1], [HEIGHT, 0]);
  const yTicks = scale === 'log' ? pickLogTicks(y, 7) : y.ticks(5);
  const data = points.map((point) => ({
    ms: getPlottedMs(point),
    value: place(point.figures),
    tooltip: describePoint(point),
    text: [point.label, describeCost(point)],
  }));
  const sign = better === 'lower' ? 1 : -1;
  const front = data
    .filter((one) =>
      data.every((other) => other.ms > one.ms || sign * other.value >= sign * one.value),
    )
    .toSorted((a, b) => a.ms - b.ms);
  const edge = front.slice(-1).map(({ value }) => ({ ms: x.domain()[1], value }));
  const position = {
    x: {
      field: 'ms',
      type: 'quantitative',
      scale: { domain: x.domain(), nice: false },
      axis: {
        grid: false,
        tickCount: 5,
        title: `milliseconds in the worker for ${PLOTTED_COUNT} digits`,
      },
    },
    y: {
      field: 'value',
      type: 'quantitative',
      scale: { type: scale, domain: y.domain(), nice: false },
      axis: { values: yTicks, title: null, labelOverlap: false },
    },
  };
  const name = title.replace(/\W/g, '');
  return {
    width: WIDTH,
    height: HEIGHT,
    title: {
      text: title,
      subtitle: `${better} is better; dashed: real digits, ${formatNumber(pick(floor))}`,
      fontSize: 15,
      subtitleColor: 'var(--soft)',
      subtitleFontSize: 12,
      offset: 12,
    },
    layer: [
      {
        data: { values: [{ value: place(floor) }] },
        mark: { type: 'rule', color: 'var(--orange)', strokeWidth: 1.5, strokeDash: [6, 4] },
        encoding: { y: position.y },
      },
      {
        name: `front_${name}`,
        data: { values: front.length < 2 ? [] : [...front, ...edge] },
        mark: { type: 'line', interpolate: 'step-after', color: 'var(--blue)', opacity: 0.5 },
        encoding: position,
      },
      ...planLabels(
        data.map((one) => ({ text: one.text, x: x(one.ms), y: y(one.value) })),
        better === 'lower' ? -1 : 1,
      ),
      {
        name: `point_${name}`,
        data: { values: data },
        mark: { type: 'circle', size: 80, opacity: 1, color: 'var(--blue)' },
        encoding: { ...position, description: { field: 'tooltip' } },
      },
    ],
  };
}

/**
 * Two lines right of each point, moved apart where they would touch.
 *
 * @param side  Where the steps leave room: -1 above the points, 1 below.
 */
function planLabels(points: readonly { text: string[]; x: number; y: number }[], side: 1 | -1) {
  // Counted away from the points, so that labels are moved away from the steps.
  const places = spreadLabels(
    points.map(({ y }) => side * y + 3),
    LABEL_HEIGHT,
    side < 0 ? [-HEIGHT, LABEL_HEIGHT] : [0, HEIGHT],
  );
  const labels = points.map(({ text, x, y }, i) => {
    const at = side * ((places[i] as number) + LABEL_HEIGHT / 2);
    return { text, x, y, labelX: x + LABEL_DISTANCE, at };
  });
  const pixels = (field: string) => ({ field, type: 'quantitative', scale: null });
  return [
    {
      data: { values: labels.filter(({ y, at }) => Math.abs(y - at) > LABEL_HEIGHT) },
      mark: { type: 'rule', color: 'var(--soft)', strokeWidth: 0.75 },
      encoding: { x: pixels('x'), x2: { field: 'labelX' }, y: pixels('y'), y2: { field: 'at' } },
    },
    {
      data: { values: labels },
      mark: { type: 'text', align: 'left', dy: -8, fontSize: 12 },
      encoding: { x: pixels('labelX'), y: pixels('at'), text: { field: 'text' } },
    },
  ];
}

/** "1.13 M · 266 kB": multiply-accumulates of a digit, and the weights' bytes. */
function describeCost({ multiplyAccumulates, weightsBytes }: QualityPoint): string {
  return `${(multiplyAccumulates / 1e6).toFixed(2)} M · ${(weightsBytes / 1000).toFixed(0)} kB`;
}

function describePoint(point: QualityPoint): string {
  const { name, version, weightsType } = point;
  const ms = formatNumber(getPlottedMs(point));
  return `${name}@${version}, ${weightsType}: ${ms} ms, ${describeCost(point)}`;
}
