/** Compares arms by their runs: only differences beyond the spread of seeds count. Pure. */
import { computeClassBalance } from '../evaluation/metrics/classes.ts';
import { ARMS, type ArmName } from './arms.ts';
import type { ExperimentPoint, ExperimentResult } from './records.ts';

export type Figure = (point: ExperimentPoint) => number;

/** Figures that are means over the last third of the steps, so one lucky moment does not count. */
const MEANS = {
  diversity: ({ quality }) => quality.diversity,
  effectiveClasses: computeEffectiveClasses,
  recall: ({ quality }) => quality.recall,
  coverage: ({ quality }) => quality.coverage,
  sharpness: ({ quality }) => quality.sharpness,
  discriminatorLoss: ({ discriminatorLoss = NaN }) => discriminatorLoss,
} as const satisfies Readonly<Record<string, Figure>>;

/**
 * Fréchet distances, all geometric means: `frechet` and `coarse` over the last third, `…Along`
 * over all of the run, `frechetTimed` after as many seconds of processor time as every run had.
 * They are compared by their logarithm, because halving is the same step from any start.
 */
const DISTANCES = ['frechet', 'frechetAlong', 'frechetTimed', 'coarse', 'coarseAlong'] as const;

/** A figure that arms are compared by. `stepMs` is milliseconds of processor time a step. */
export type FigureName = keyof typeof MEANS | (typeof DISTANCES)[number] | 'stepMs';

/** `failure` says why the run ended early, or is null. */
type RunFigures = Readonly<Record<FigureName, number>> & {
  readonly seed: string;
  readonly failure: string | null;
};

/** All runs of an arm. */
export interface ArmRuns {
  readonly name: ArmName;
  readonly results: readonly ExperimentResult[];
  readonly figures: readonly RunFigures[];
}

/** All runs that can be compared. */
export interface Analysis {
  /** Steps that count: as many as every run has done. */
  readonly steps: number;
  /** Seconds of processor time that every run had by then: an equal budget of time. */
  readonly cpuSeconds: number;
  readonly arms: ReadonlyMap<ArmName, ArmRuns>;
}

/**
 * True for a measurement before a run diverged. Records hold -1 for a loss that was not finite, and
 * no true loss is negative.
 */
export function isSound({ discriminatorLoss = 0, generatorLoss = 0 }: ExperimentPoint): boolean {
  return discriminatorLoss >= 0 && generatorLoss >= 0;
}

/**
 * Sorts runs by arm and cuts all to the common steps of those that did not fail, or of all if each
 * failed. Unknown arms are left out.
 */
export function analyse(results: readonly ExperimentResult[]): Analysis {
  const known = results.filter(({ arm }) => arm in ARMS);
  const finished = known.filter(({ failure }) => failure === null);
  const whole = finished.length > 0 ? finished : known;
  const shared = (whole[0]?.points ?? [])
    .map(({ step }) => step)
    .filter((step) => whole.every(({ points }) => points.some((point) => point.step === step)));
  const steps = Math.max(0, ...shared);
  const cpuSeconds = Math.min(
    ...whole.map(({ points }) => points.find(({ step }) => step === steps)?.cpuSeconds ?? 0),
  );
  const cut = known
    .map(({ points, ...result }) => ({
      ...result,
      points: points.filter(({ step }) => shared.includes(step)),
    }))
    .sort((a, b) => Number(a.seed) - Number(b.seed));
  const arms = (Object.keys(ARMS) as ArmName[]).flatMap((name) => {
    const own = cut.filter(({ arm }) => arm === name);
    const figures = own.map((result) => computeRunFigures(result, cpuSeconds));
    return own.length === 0 ? [] : [[name, { name, results: own, figures }] as const];
  });
  return { steps, cpuSeconds, arms: new Map(arms) };
}

function computeRunFigures(
  { seed, points: measured, failure }: ExperimentResult,
  cpuSeconds: number,
): RunFigures {
  const points = measured.filter(isSound);
  const last = points.at(-1) as ExperimentPoint;
  const end = takeLastThird(points);
  const averageEnd = (pick: Figure): number => summarise(end.map(pick)).mean;
  const logFrechet: Figure = ({ quality }) => Math.log(quality.frechet);
  const logCoarse: Figure = ({ quality }) => Math.log(quality.coarse);
  const means = Object.entries(MEANS).map(([name, pick]) => [name, averageEnd(pick)]);
  return {
    ...(Object.fromEntries(means) as Record<keyof typeof MEANS, number>),
    seed,
    failure,
    frechet: Math.exp(averageEnd(logFrechet)),
    frechetAlong: Math.exp(averageOverSteps(points, logFrechet)),
    frechetTimed: readFrechetAt(points, cpuSeconds),
    coarse: Math.exp(averageEnd(logCoarse)),
    coarseAlong: Math.exp(averageOverSteps(points, logCoarse)),
    stepMs: (last.cpuSeconds / Math.max(1, last.step)) * 1000,
  };
}

/** The measurements in the last third of a run's steps. */
function takeLastThird(points: readonly ExperimentPoint[]): ExperimentPoint[] {
  const steps = points.at(-1)?.step ?? 0;
  return points.filter(({ step }) => step >= (steps * 2) / 3);
}

/** The mean of a piecewise linear curve. */
function averageOverSteps(points: readonly ExperimentPoint[], pick: Figure): number {
  const [first, last] = [points[0] as ExperimentPoint, points.at(-1) as ExperimentPoint];
  if (first.step === last.step) {
    return pick(first);
  }
  const area = points.slice(1).reduce((sum, point, i) => {
    const before = points[i] as ExperimentPoint;
    return sum + ((point.step - before.step) * (pick(point) + pick(before))) / 2;
  }, 0);
  return area / (last.step - first.step);
}

/** The distance at a time, by linear interpolation of its logarithm. */
function readFrechetAt(points: readonly ExperimentPoint[], cpuSeconds: number): number {
  const place = points.findIndex((point) => point.cpuSeconds >= cpuSeconds);
  const [before, at] = [points[place - 1], points[place] ?? (points.at(-1) as ExperimentPoint)];
  if (before === undefined || at.cpuSeconds === before.cpuSeconds) {
    return at.quality.frechet;
  }
  const part = (cpuSeconds - before.cpuSeconds) / (at.cpuSeconds - before.cpuSeconds);
  return before.quality.frechet ** (1 - part) * at.quality.frechet ** part;
}

/** The exponential of the classes' entropy: 10 for ten equally frequent classes, 1 for one only. */
export function computeEffectiveClasses(point: Pick<ExperimentPoint, 'quality'>): number {
  const { classes } = point.quality;
  const labels = classes.flatMap((count, label) => Array.from({ length: count }, () => label));
  return classes.length * Math.exp(-computeClassBalance(Uint8Array.from(labels), classes.length));
}

function isDistance(name: FigureName): boolean {
  return (DISTANCES as readonly FigureName[]).includes(name);
}

/** A figure of all runs of an arm, on the scale it is compared on. */
export function pickFigure({ figures }: ArmRuns, name: FigureName): number[] {
  return figures.map((run) => (isDistance(name) ? Math.log(run[name]) : run[name]));
}

/** Mean and spread of a figure; of a distance the geometric mean and the spread relative to it. */
export function summariseFigure(arm: ArmRuns, name: FigureName): Summary {
  const summary = summarise(pickFigure(arm, name));
  const mean = Math.exp(summary.mean);
  return isDistance(name) ? { ...summary, mean, deviation: mean * summary.deviation } : summary;
}

export type Verdict = 'better' | 'worse' | 'level' | 'unknown';

export function judgeArm(arm: ArmRuns, baseline: ArmRuns, name: FigureName): Verdict {
  const found = contrast(pickFigure(arm, name), pickFigure(baseline, name));
  if (found === 'level' || found === 'unknown') {
    return found;
  }
  const isLowerBetter = isDistance(name) || name === 'stepMs';
  return (found === 'below') === isLowerBetter ? 'better' : 'worse';
}

export interface Summary {
  readonly count: number;
  readonly mean: number;
  /** Sample standard deviation, over count - 1; 0 for a single value. */
  readonly deviation: number;
}

/** Summarises one or more numbers. */
export function summarise(values: readonly number[]): Summary {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { count, mean, deviation: count > 1 ? Math.sqrt(squares / (count - 1)) : 0 };
}

/**
 * Compares two sets of runs by Student's t-test for two samples: pooled variance, two-sided, 5%. It
 * is `unknown` when a set has a single run, because one run has no variance, or a figure is NaN.
 */
export function contrast(
  first: readonly number[],
  second: readonly number[],
): 'above' | 'below' | 'level' | 'unknown' {
  const [a, b] = [summarise(first), summarise(second)];
  if (a.count < 2 || b.count < 2) {
    return 'unknown';
  }
  const freedom = a.count + b.count - 2;
  const variance = ((a.count - 1) * a.deviation ** 2 + (b.count - 1) * b.deviation ** 2) / freedom;
  const error = Math.sqrt(variance * (1 / a.count + 1 / b.count));
  const difference = a.mean - b.mean;
  if (Number.isNaN(difference)) {
    return 'unknown';
  }
  if (Math.abs(difference) <= computeStudentQuantile(freedom) * error) {
    return 'level';
  }
  return difference > 0 ? 'above' : 'below';
}

/** The 97.5% quantiles of Student's distribution with 1 to 10 degrees of freedom. */
const STUDENT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

/** Above 10 degrees of freedom: the expansion of Cornish and Fisher, exact to three digits. */
function computeStudentQuantile(freedom: number): number {
  const z = 1.959964;
  return (
    STUDENT[freedom - 1] ??
    z + (z ** 3 + z) / (4 * freedom) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2)
  );
}
