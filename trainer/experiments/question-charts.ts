/** The charts of a question: the mean over seeds as a strong line, each seed as a pale one. */
import type { TopLevelSpec } from 'vega-lite';
import { renderChartFile } from '../charts/chart.ts';
import { planLineChart, type LineChart, type Point } from '../charts/line-chart.ts';
import { computeEffectiveClasses, summarise, type ArmRuns } from './analysis.ts';
import { nameArm, QUESTIONS, type QuestionName } from './arms.ts';
import type { ExperimentPoint } from './records.ts';

type Pick = (point: ExperimentPoint) => number;
interface Options {
  readonly xLabel?: string;
  readonly x?: Pick;
  /** The figure of real digits. */
  readonly real?: number | undefined;
}

interface QuestionChart extends LineChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
}

const SIZE = { width: 640, height: 340 };
const MARGIN = { top: 34, right: 178, bottom: 46, left: 58 };
/** The arm to compare with has the colour of text. */
const COLOURS = ['ink', 'blue', 'orange', 'green', 'pink', 'gold', 'violet'];

/** Plans a question's charts by file name. @param arms  The first is the one to compare with. */
export function planCharts(
  question: QuestionName,
  arms: readonly ArmRuns[],
): ReadonlyMap<string, QuestionChart> {
  const floor = arms[0]?.results[0]?.floor;
  const plan = (
    yLabel: string,
    y: Pick,
    scale: LineChart['scale'],
    { xLabel = 'steps', x = ({ step }) => step, real }: Options = {},
  ): QuestionChart => ({
    size: SIZE,
    margin: MARGIN,
    title: `${QUESTIONS[question].title} ${yLabel}`,
    xLabel,
    yLabel,
    scale,
    lines: arms.map(({ name, results }, i) => {
      const seeds = results.map(({ points }) =>
        points.map((point) => [x(point), y(point)] as const),
      );
      return {
        label: nameArm(name),
        colour: `var(--${COLOURS[i % COLOURS.length]})`,
        points: averageSeeds(seeds, scale),
        pale: seeds,
      };
    }),
    references: real === undefined ? [] : [{ value: real, label: 'real digits' }],
  });
  const frechet: Pick = ({ quality }) => quality.frechet;
  const diversity: Pick = ({ quality }) => quality.diversity;
  const x: Pick = ({ cpuSeconds }) => cpuSeconds;
  const seconds = { xLabel: 'seconds of processor, one thread', x };
  const classes = floor && computeEffectiveClasses({ quality: floor });
  return new Map([
    ['distance', plan('Fréchet distance', frechet, 'log')],
    ['distance-by-time', plan('Fréchet distance', frechet, 'log', seconds)],
    ['coarse', plan('Coarse distance', ({ quality }) => quality.coarse, 'log')],
    ['diversity', plan('Diversity', diversity, 'linear', { real: floor?.diversity })],
    ['classes', plan('Classes in effect', computeEffectiveClasses, 'linear', { real: classes })],
  ]);
}

/** Draws a chart as a file of its own: the same bytes for the same figures. */
export function renderQuestionChart(chart: QuestionChart): Promise<string> {
  const { title, xLabel, yLabel, lines } = chart;
  const arms = lines.map(({ label }) => label).join(', ');
  // Every arm has points, so there is something to draw.
  const spec = planLineChart(chart) as TopLevelSpec;
  return renderChartFile(spec, { title, description: `${yLabel} over ${xLabel} of: ${arms}.` });
}

/** Averages both coordinates point by point over seeds: geometrically on a logarithmic scale. */
function averageSeeds(seeds: readonly (readonly Point[])[], scale: LineChart['scale']): Point[] {
  const count = Math.min(...seeds.map((points) => points.length));
  return Array.from({ length: count }, (_, i) => {
    const points = seeds.map((one) => one[i] as Point);
    const values = points.map(([, value]) => value);
    const value =
      scale === 'log' ? Math.exp(summarise(values.map(Math.log)).mean) : summarise(values).mean;
    return [summarise(points.map(([at]) => at)).mean, value] as const;
  });
}
