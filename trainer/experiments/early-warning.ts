/**
 * Whether the first steps of a run tell that it will collapse: rules of one figure and a threshold,
 * and how often each would have been right. Pure.
 */
import { computeEffectiveClasses, isSound, summarise } from './analysis.ts';
import type { ExperimentPoint, ExperimentResult } from './records.ts';

/** Steps that a warning may look at. */
export const EARLY_STEPS = 500;
/** A run collapsed if it ends with fewer classes in effect, as the classifier sees them. */
export const SOUND_CLASSES = 3;

/** A figure of a run's first steps; NaN when it has none. */
type Sign = (result: ExperimentResult) => number;

/** Losses vary from batch to batch, so these are means. */
const SIGNS: Readonly<Record<string, Sign>> = {
  "D's loss": averageEarly('discriminatorLoss'),
  "G's loss": averageEarly('generatorLoss'),
  diversity: readLast(({ quality }) => quality.diversity),
  'classes in effect': readLast(computeEffectiveClasses),
  'coarse distance': readLast(({ quality }) => quality.coarse),
  'Fréchet distance': readLast(({ quality }) => quality.frechet),
};

function averageEarly(loss: 'discriminatorLoss' | 'generatorLoss'): Sign {
  return ({ points }) => {
    // At step 0 nothing is learned yet.
    const early = points.filter(({ step }) => step > 0 && step <= EARLY_STEPS);
    const values = early.filter(isSound).flatMap((point) => point[loss] ?? []);
    return values.length === 0 ? NaN : summarise(values).mean;
  };
}

function readLast(pick: (point: ExperimentPoint) => number): Sign {
  return ({ points }) => {
    const last = points.filter(isSound).findLast(({ step }) => step <= EARLY_STEPS);
    return last === undefined ? NaN : pick(last);
  };
}

/** The runs as they were after so many steps. A run that ended early stays as it is. */
export function cutRuns(results: readonly ExperimentResult[], steps: number): ExperimentResult[] {
  return results.map((result) => {
    const points = result.points.filter(({ step }) => step <= steps);
    return points.length === result.points.length ? result : { ...result, points, failure: null };
  });
}

/** Whether a run ended on few classes, or diverged. Means would miss a late collapse. */
export function hasCollapsed({ points, failure }: ExperimentResult): boolean {
  return (
    failure !== null || computeEffectiveClasses(points.at(-1) as ExperimentPoint) < SOUND_CLASSES
  );
}

/** Runs by what a rule said of them, and what became of them. */
interface Tally {
  readonly hits: number;
  readonly misses: number;
  readonly falseAlarms: number;
}

interface Case {
  readonly arm: string;
  readonly value: number;
  readonly collapsed: boolean;
}

/** Warns of runs whose figure lies on one side of a threshold. */
interface Rule {
  readonly side: 'below' | 'above';
  readonly threshold: number;
}

/** A figure, with the rule that suits all runs best. */
interface Warning extends Rule {
  readonly title: string;
  /** Each arm's runs by the rule that suits the other arms. */
  readonly unseen: Tally;
}

/**
 * Finds the best rule of each figure. The figure with the fewest errors on unseen arms comes first.
 * @returns  Empty when all runs collapsed, or none did.
 */
export function findWarnings(results: readonly ExperimentResult[]): Warning[] {
  const warnings = Object.entries(SIGNS).flatMap(([title, read]): Warning[] => {
    const cases = results.map((result) => ({
      arm: result.arm,
      value: read(result),
      collapsed: hasCollapsed(result),
    }));
    const rule = chooseRule(cases);
    if (rule === null) {
      return [];
    }
    const isWarned = (one: Case): boolean =>
      warns(chooseRule(cases.filter(({ arm }) => arm !== one.arm)), one);
    return [{ title, ...rule, unseen: tally(cases, isWarned) }];
  });
  const countErrors = ({ unseen }: Warning) => unseen.misses + unseen.falseAlarms;
  return warnings.toSorted((a, b) => countErrors(a) - countErrors(b));
}

/**
 * Chooses the rule with the largest hit rate less false alarm rate. Its threshold lies between two
 * values. Null when the runs with a value all ended alike.
 */
function chooseRule(cases: readonly Case[]): Rule | null {
  const known = cases.filter(({ value }) => !Number.isNaN(value));
  const collapses = known.filter(({ collapsed }) => collapsed).length;
  const sound = known.length - collapses;
  if (collapses === 0 || sound === 0) {
    return null;
  }
  const values = [...new Set(known.map(({ value }) => value))].toSorted((a, b) => a - b);
  const rules = values.slice(1).flatMap((value, i) => {
    const threshold = (value + (values[i] as number)) / 2;
    return (['below', 'above'] as const).map((side): Rule => ({ side, threshold }));
  });
  const score = (rule: Rule): number => {
    const { hits, falseAlarms } = tally(known, (one) => warns(rule, one));
    return hits / collapses - falseAlarms / sound;
  };
  return rules.reduce<Rule | null>(
    (best, rule) => (best === null || score(rule) > score(best) ? rule : best),
    null,
  );
}

/** No rule warns of a run without its figure. */
function warns(rule: Rule | null, { value }: Case): boolean {
  return rule !== null && (rule.side === 'below' ? value < rule.threshold : value > rule.threshold);
}

function tally(cases: readonly Case[], isWarned: (one: Case) => boolean): Tally {
  const collapsed = cases.filter((one) => one.collapsed);
  const hits = collapsed.filter(isWarned).length;
  const falseAlarms = cases.filter((one) => !one.collapsed && isWarned(one)).length;
  return { hits, misses: collapsed.length - hits, falseAlarms };
}
