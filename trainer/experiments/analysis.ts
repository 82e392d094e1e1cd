/**
 * From runs' records to what arms are compared by. Pure.
 */
import { computeClassBalance } from '../evaluation/metrics/classes.ts';
import { ARMS, BASELINE, type ArmName } from './arms.ts';
import type { ExperimentPoint, ExperimentResult } from './result.ts';
import { contrast, summarise, type Summary } from './statistics.ts';

/** What a run is judged by: means over the last third of its steps, so that one lucky moment does not count. */
export interface RunFigures {
  readonly seed: string;
  /** Fréchet classifier distance, a geometric mean. */
  readonly frechet: number;
  /** The same over the whole way: the smaller, the sooner it was good. */
  readonly frechetAlong: number;
  /** Fréchet distance of pictures reduced to 7 x 7, a geometric mean; and over the whole way. */
  readonly coarse: number;
  readonly coarseAlong: number;
  /** How different samples are from each other, in parts of what test digits are. */
  readonly diversity: number;
  /** After as many seconds of processor as every run has had: see `Analysis`. */
  readonly frechetTimed: number;
  /** How many classes there would be if all were equally frequent: 1 to 10. */
  readonly effectiveClasses: number;
  readonly precision: number;
  readonly recall: number;
  readonly density: number;
  readonly coverage: number;
  readonly sharpness: number;
  readonly discriminatorLoss: number;
  /** Milliseconds of processor a step. */
  readonly stepMs: number;
  /** Why it ended early, or null. */
  readonly failure: string | null;
}

/** A figure that arms are compared by. */
export type FigureName = Exclude<keyof RunFigures, 'seed' | 'failure'>;

/** Distances are compared by their logarithm: halving is halving, wherever it begins. */
const LOGARITHMIC: readonly FigureName[] = [
  'frechet',
  'frechetAlong',
  'frechetTimed',
  'coarse',
  'coarseAlong',
];
const LOWER_IS_BETTER: readonly FigureName[] = [...LOGARITHMIC, 'stepMs'];

/** All runs of an arm. */
export interface ArmRuns {
  readonly name: ArmName;
  readonly results: readonly ExperimentResult[];
  readonly figures: readonly RunFigures[];
}

/** All runs that can be compared. */
export interface Analysis {
  /** How many steps count: as many as every run has done. */
  readonly steps: number;
  /** Seconds of processor that every run has had by then at least: a budget that is equal in time. */
  readonly cpuSeconds: number;
  readonly arms: ReadonlyMap<ArmName, ArmRuns>;
}

/**
 * Sorts runs by arm and cuts all to the same measurements: the steps at which each was measured. Runs of arms that are no more
 * are left out.
 */
export function analyse(results: readonly ExperimentResult[]): Analysis {
  const known = results.filter(({ arm }) => arm in ARMS);
  const whole = known.filter(({ failure }) => failure === null);
  const shared = (whole[0]?.points ?? [])
    .map(({ step }) => step)
    .filter((step) => whole.every(({ points }) => points.some((point) => point.step === step)));
  const steps = Math.max(0, ...shared);
  const cpuSeconds = Math.min(
    ...whole.map(({ points }) => points.find(({ step }) => step === steps)?.cpuSeconds ?? 0),
  );
  const arms = new Map<ArmName, ArmRuns>();
  for (const name of Object.keys(ARMS) as ArmName[]) {
    const own = known
      .filter(({ arm }) => arm === name)
      .map((result) => ({
        ...result,
        points: result.points.filter(({ step }) => shared.includes(step)),
      }))
      .sort((a, b) => Number(a.seed) - Number(b.seed));
    if (own.length > 0) {
      arms.set(name, {
        name,
        results: own,
        figures: own.map((result) => computeRunFigures(result, cpuSeconds)),
      });
    }
  }
  return { steps, cpuSeconds, arms };
}

function computeRunFigures(
  { seed, points, failure }: ExperimentResult,
  cpuSeconds: number,
): RunFigures {
  const last = points.at(-1) as ExperimentPoint;
  const end = points.filter(({ step }) => step >= (last.step * 2) / 3);
  const average = (pick: (point: ExperimentPoint) => number): number =>
    summarise(end.map(pick)).mean;
  return {
    seed,
    frechet: Math.exp(average(({ quality }) => Math.log(quality.frechet))),
    frechetAlong: Math.exp(averageOverSteps(points, ({ quality }) => Math.log(quality.frechet))),
    coarse: Math.exp(average(({ quality }) => Math.log(quality.coarse))),
    coarseAlong: Math.exp(averageOverSteps(points, ({ quality }) => Math.log(quality.coarse))),
    diversity: average(({ quality }) => quality.diversity),
    frechetTimed: readFrechetAt(points, cpuSeconds),
    effectiveClasses: average(computeEffectiveClasses),
    precision: average(({ quality }) => quality.precision),
    recall: average(({ quality }) => quality.recall),
    density: average(({ quality }) => quality.density),
    coverage: average(({ quality }) => quality.coverage),
    sharpness: average(({ quality }) => quality.sharpness),
    discriminatorLoss: average(({ discriminatorLoss }) => discriminatorLoss ?? NaN),
    stepMs: (last.cpuSeconds / Math.max(1, last.step)) * 1000,
    failure,
  };
}

/** The mean of a curve of straight pieces. */
function averageOverSteps(
  points: readonly ExperimentPoint[],
  pick: (point: ExperimentPoint) => number,
): number {
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

/** A distance between two measurements, as a straight line of its logarithm goes. */
function readFrechetAt(points: readonly ExperimentPoint[], cpuSeconds: number): number {
  const place = points.findIndex((point) => point.cpuSeconds >= cpuSeconds);
  const [before, at] = [points[place - 1], points[place] ?? (points.at(-1) as ExperimentPoint)];
  if (before === undefined || at.cpuSeconds === before.cpuSeconds) {
    return at.quality.frechet;
  }
  const part = (cpuSeconds - before.cpuSeconds) / (at.cpuSeconds - before.cpuSeconds);
  return before.quality.frechet ** (1 - part) * at.quality.frechet ** part;
}

/** The exponential of the classes' entropy. */
export function computeEffectiveClasses({
  quality: { classes },
}: Pick<ExperimentPoint, 'quality'>): number {
  const labels = Uint8Array.from(
    classes.flatMap((count, label) => Array.from({ length: count }, () => label)),
  );
  return classes.length * Math.exp(-computeClassBalance(labels, classes.length));
}

/** A figure of all runs of an arm, as it is compared. */
export function pickFigure({ figures }: ArmRuns, name: FigureName): number[] {
  return figures.map((run) => (LOGARITHMIC.includes(name) ? Math.log(run[name]) : run[name]));
}

/** Mean and spread of a figure; of distances the geometric mean, and the spread as a part of it. */
export function summariseFigure(arm: ArmRuns, name: FigureName): Summary {
  const summary = summarise(pickFigure(arm, name));
  return LOGARITHMIC.includes(name)
    ? {
        ...summary,
        mean: Math.exp(summary.mean),
        deviation: Math.exp(summary.mean) * summary.deviation,
      }
    : summary;
}

/** How an arm does beside the baseline. */
export type Verdict = 'better' | 'worse' | 'level' | 'unknown';

/** Compares an arm with another one by a figure. */
export function judgeArm(arm: ArmRuns, baseline: ArmRuns, name: FigureName): Verdict {
  const found = contrast(pickFigure(arm, name), pickFigure(baseline, name));
  if (found === 'level' || found === 'unknown') {
    return found;
  }
  return (found === 'below') === LOWER_IS_BETTER.includes(name) ? 'better' : 'worse';
}

/** The arm that all are compared with. @returns  Undefined when it was not run. */
export function getBaseline({ arms }: Analysis): ArmRuns | undefined {
  return arms.get(BASELINE);
}

/**
 * When a run's distance first came down to a level, between two measurements as a straight line goes.
 *
 * @param axis  What counts: steps, or seconds of processor.
 * @returns     Null when it never did.
 */
export function findArrival(
  { points }: Pick<ExperimentResult, 'points'>,
  level: number,
  axis: 'step' | 'cpuSeconds',
): number | null {
  const place = points.findIndex(({ quality }) => quality.frechet <= level);
  const [before, at] = [points[place - 1], points[place]];
  if (at === undefined || before === undefined) {
    return at === undefined ? null : at[axis];
  }
  const part = (before.quality.frechet - level) / (before.quality.frechet - at.quality.frechet);
  return before[axis] + part * (at[axis] - before[axis]);
}
