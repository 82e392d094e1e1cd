/**
 * Early signs of a training that goes wrong, read from its figures. Pure. A run may recover, so a
 * rule only warns; `endTraining` ends a run that cannot.
 *
 * The thresholds come from runs on all of MNIST. The tutorial's GAN, which learns: D loss 0.010 at
 * its lowest (step 80), 0.011 to 0.14 between steps 100 and 1,000, 0.013 again at 4,000; G loss 4
 * to 7.4; diversity 0.31 at its lowest (step 2,000); gradient norms 0.066 to 0.5 (D) and 1 to 10
 * (G). With D's rate forty times as high: D loss 1e-13 to 0.003, G loss up to 122. With G's rate
 * fifty times as high: diversity 0.003 to 0.17, nearly always below 0.1.
 */
import type { MetricsLine, Warning } from './metrics.ts';

interface Rule {
  readonly code: string;
  readonly advice: string;
  /** @returns  The finding and its meaning; false if all is well or too little is known. */
  readonly check: (history: readonly MetricsLine[]) => string | false;
}

type Figure = Exclude<keyof MetricsLine, 'warnings'>;

/** A state of this many steps is lasting: the tutorial leaves its lowest D loss within 300. */
const LASTING_STEPS = 500;
/** Below this number of lines a median has no meaning. */
const MIN_LINES = 3;
/** A quarter of the lowest loss in a run that learns; others have medians ten times lower. */
const WON_LOSS = 0.003;
/** Half the lowest diversity in a run that learns. */
const LOW_DIVERSITY = 0.15;
/** Every run changes fast in its first steps, so later steps are not compared with them. */
const WARM_UP_STEPS = 500;
/** The past that the latest lines are compared with. */
const PAST_STEPS = 1000;
const RECENT_STEPS = 300;
/** In a run that learns, diversity lost at most a sixth over 2,000 steps. */
const FALLEN_PART = 0.6;
/** In a run that learns, norms grew less than threefold over 1,000 steps after the warm-up. */
const EXPLODED_TIMES = 10;
/** A hundred times the largest norm of a run that learns. */
const EXPLODED_NORM = 1000;
/** A five-hundredth of the smallest norm in a run that learns. */
const VANISHED_NORM = 1e-4;
/** Four stretches of this many steps, each above the one before. */
const RISING_STEPS = 500;
/** No rule looks further back than this many steps. */
export const REMEMBERED_STEPS = 4 * RISING_STEPS;
/** The last stretch over the first. In a run that learns: 1.4. */
const RISEN_TIMES = 2;

const RULES: readonly Rule[] = [
  {
    code: 'discriminator-wins',
    advice:
      "Lower the discriminator's learning rate, raise the generator's a little, or choose a relativistic objective with penalties.",
    check(history) {
      const loss = computeMedian(takeLasting(history), 'discriminatorLoss');
      return (
        loss < WON_LOSS &&
        `the discriminator wins: over the last ${LASTING_STEPS} steps its loss was ${show(loss)} (median), so it is sure of every ` +
          'image, and the generator gets large gradients that change from step to step.'
      );
    },
  },
  {
    code: 'generator-loss-rises',
    advice: "If the grids do not get better meanwhile, lower the discriminator's learning rate.",
    check(history) {
      const medians = [3, 2, 1, 0].map((back) => {
        const lines = takeSteps(history, back * RISING_STEPS, (back + 1) * RISING_STEPS, true);
        return computeMedian(lines, 'generatorLoss');
      });
      const [first, last] = [medians[0] as number, medians[3] as number];
      return (
        medians.slice(1).every((median, i) => median > (medians[i] as number)) &&
        last > RISEN_TIMES * first &&
        reaches(history, WARM_UP_STEPS + REMEMBERED_STEPS) &&
        `the generator's loss rises steadily: from ${show(first)} to ${show(last)} (medians) over ${REMEMBERED_STEPS} steps, so it ` +
          'falls behind a discriminator that learns faster.'
      );
    },
  },
  {
    code: 'diversity-low',
    advice:
      'Look at the grids. Lower the learning rates, the generator’s first, or start again with another --seed.',
    check(history) {
      const diversity = computeMedian(takeLasting(history), 'diversity');
      return (
        diversity < LOW_DIVERSITY &&
        `the samples are nearly alike: over the last ${LASTING_STEPS} steps they differed ${showPercent(diversity)} as much as real ` +
          'images (median), so the generator is collapsing onto a few pictures.'
      );
    },
  },
  {
    code: 'diversity-falls',
    advice:
      'Look at the grids. If they get alike, go back: lower the learning rates and start again.',
    check(history) {
      const { recent, past } = compareWithPast(history, 'diversity');
      return (
        recent < FALLEN_PART * past &&
        `the samples get alike fast: they differ ${showPercent(recent)} as much as real images, it was ${showPercent(past)} over the ` +
          `${PAST_STEPS} steps before (medians). That is how a collapse begins.`
      );
    },
  },
  {
    code: 'gradients-explode',
    advice: "Lower that network's learning rate; with penalties, raise gamma.",
    check: (history) =>
      checkNetworks((name, figure) => {
        const { recent, past } = compareWithPast(history, figure);
        const isYoung = Number.isNaN(past);
        const limit = isYoung ? EXPLODED_NORM : Math.min(EXPLODED_NORM, EXPLODED_TIMES * past);
        const before = isYoung ? '' : `, it was ${show(past)} over the ${PAST_STEPS} steps before`;
        return (
          recent > limit &&
          `the ${name}'s gradients explode: their norm is ${show(recent)} (median)${before}. The next stage is losses that are not finite.`
        );
      }),
  },
  {
    code: 'gradients-vanish',
    advice:
      'Look for a discriminator that wins, or for a learning rate so high that all units are dead; start again with lower ones.',
    check(history) {
      const lasting = takeLasting(history);
      // A discriminator that wins has no gradient either, but its own warning.
      const wins = !(computeMedian(lasting, 'discriminatorLoss') >= WON_LOSS);
      return checkNetworks((name, figure) => {
        const norm = computeMedian(lasting, figure);
        return (
          norm < VANISHED_NORM &&
          !(wins && name === 'discriminator') &&
          `the ${name}'s gradients vanish: over the last ${LASTING_STEPS} steps their norm was ${show(norm)} (median), so it learns nothing.`
        );
      });
    },
  },
];

/** @returns  Warnings that the last line of a run so far, with its earlier ones, raises first. */
export function findWarnings(history: readonly MetricsLine[]): Warning[] {
  const raised = new Set(history.flatMap(({ warnings = [] }) => warnings.map(({ code }) => code)));
  return RULES.filter(({ code }) => !raised.has(code)).flatMap(({ code, advice, check }) => {
    const message = check(history);
    return message === false ? [] : [{ code, message, advice }];
  });
}

/** @returns  The finding of the first network in trouble. */
function checkNetworks(check: (name: string, figure: Figure) => string | false): string | false {
  return (
    check('discriminator', 'discriminatorGradientNorm') ||
    check('generator', 'generatorGradientNorm')
  );
}

/** The lines from `from` (included) to `to` (excluded) steps before the last. */
function takeSteps(
  history: readonly MetricsLine[],
  from: number,
  to: number,
  skipsWarmUp = false,
): readonly MetricsLine[] {
  const now = history.at(-1)?.step ?? 0;
  const first = skipsWarmUp ? WARM_UP_STEPS : 0;
  return history.filter(({ step }) => now - step >= from && now - step < to && step >= first);
}

/** The lines of the last LASTING_STEPS; none in a younger run. */
function takeLasting(history: readonly MetricsLine[]): readonly MetricsLine[] {
  return reaches(history, LASTING_STEPS) ? takeSteps(history, 0, LASTING_STEPS) : [];
}

function reaches(history: readonly MetricsLine[], step: number): boolean {
  return (history.at(-1)?.step ?? 0) >= step;
}

function compareWithPast(history: readonly MetricsLine[], figure: Figure) {
  const past = takeSteps(history, RECENT_STEPS, RECENT_STEPS + PAST_STEPS, true);
  return {
    recent: computeMedian(takeSteps(history, 0, RECENT_STEPS), figure),
    past: computeMedian(past, figure),
  };
}

/** The median of a figure's finite values; NaN, which compares as false, below MIN_LINES. */
function computeMedian(lines: readonly MetricsLine[], figure: Figure): number {
  const values = lines
    .map((line) => line[figure] ?? NaN)
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  return values.length < MIN_LINES ? NaN : (values[values.length >> 1] as number);
}

function show(value: number): string {
  return Number(value.toPrecision(2)).toString();
}

function showPercent(part: number): string {
  return `${Math.round(part * 100)}%`;
}
