/**
 * Which curves a question has. Pure.
 */
import { computeEffectiveClasses, type ArmRuns } from './analysis.ts';
import { QUESTIONS, type QuestionName } from './arms.ts';
import type { Curve, CurveChart } from './curve-chart.ts';
import type { ExperimentPoint } from './result.ts';
import { nameArm } from './words.ts';

type Pick = (point: ExperimentPoint) => number;

/** Plans a question's charts, by the names of their files. @param arms  The first is the one to compare with. */
export function planCharts(
  question: QuestionName,
  arms: readonly ArmRuns[],
): ReadonlyMap<string, CurveChart> {
  const floor = arms[0]?.results[0]?.floor;
  const step: Pick = (point) => point.step;
  const frechet: Pick = ({ quality }) => quality.frechet;
  const draw = (x: Pick, y: Pick): Curve[] =>
    arms.map(({ name, results }) => ({
      label: nameArm(name),
      seeds: results.map(({ points }) => points.map((point) => [x(point), y(point)] as const)),
    }));
  const plan = (
    what: string,
    x: readonly [string, Pick],
    y: Pick,
    scale: CurveChart['scale'],
  ): CurveChart => ({
    title: `${QUESTIONS[question].title} ${what}`,
    xLabel: x[0],
    yLabel: what,
    scale,
    curves: draw(x[1], y),
  });
  const steps = ['steps', step] as const;
  const withFloor = (chart: CurveChart, value: number | undefined): CurveChart =>
    value === undefined ? chart : { ...chart, reference: { value, label: 'real digits' } };
  return new Map([
    ['distance', plan('Fréchet distance', steps, frechet, 'log')],
    [
      'distance-by-time',
      plan(
        'Fréchet distance',
        ['seconds of processor, one thread', (point) => point.cpuSeconds],
        frechet,
        'log',
      ),
    ],
    ['coarse', plan('Coarse distance', steps, ({ quality }) => quality.coarse, 'log')],
    [
      'diversity',
      withFloor(
        plan('Diversity', steps, ({ quality }) => quality.diversity, 'linear'),
        floor?.diversity,
      ),
    ],
    [
      'classes',
      withFloor(
        plan('Classes in effect', steps, computeEffectiveClasses, 'linear'),
        floor && computeEffectiveClasses({ quality: floor }),
      ),
    ],
  ]);
}
