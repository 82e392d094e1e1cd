/** Writes the answer to each question of the experiments from their measurements. Pure. */
import {
  findArrival,
  judgeArm,
  summarise,
  summariseFigure,
  type Analysis,
  type ArmRuns,
  type FigureName,
  type Summary,
  type Verdict,
} from './analysis.ts';
import { ARMS, BASELINE, QUESTIONS, type ArmName, type QuestionName } from './arms.ts';

/** A generator with at least this many effective classes, of ten, counts as balanced. */
const CURED_CLASSES = 8;

/** Figures that rise when a generator loses its favourite. */
const VARIETY: readonly FigureName[] = ['effectiveClasses', 'diversity'];

/** The cause that an arm points to when it helps. */
const CAUSES: Partial<Record<ArmName, string>> = {
  'slow-d': 'the discriminator, which learns five times as fast, leaves the generator behind',
  'beta1-half': "Adam's momentum makes both networks run after where the other one was",
  glorot: 'the starting weights are too wide',
  r1: 'the discriminator grows too steep around real digits',
  smoothing: 'the discriminator is too sure of real digits',
  'vae-init':
    'the generator starts so far from digits that the discriminator has won before it learns anything',
};

interface Context {
  readonly analysis: Analysis;
  readonly baseline: ArmRuns;
  readonly arms: readonly ArmRuns[];
  /** The number of steps in words. */
  readonly steps: string;
}

const ANSWERS: Readonly<Record<QuestionName, (context: Context) => string>> = {
  depth: answerDepth,
  prior: answerPrior,
  'vae-init': answerVae,
  collapse: answerCollapse,
};

/** Answers a question in a few sentences, or says that its runs are missing. */
export function answerQuestion(question: QuestionName, analysis: Analysis): string {
  const baseline = analysis.arms.get(BASELINE);
  const arms = QUESTIONS[question].arms.flatMap((name) => analysis.arms.get(name) ?? []);
  if (baseline === undefined || arms.length === 0) {
    return 'Not run yet.';
  }
  const context = { analysis, baseline, arms, steps: countOf(analysis.steps, 'step') };
  const singles = pickArms(arms, context, ['frechet'], 'unknown');
  if (singles.length === arms.length) {
    const figures = (['frechet', 'effectiveClasses', 'diversity'] as const).map((figure) =>
      describeFigures(arms, context, figure),
    );
    return (
      `**Not to be said from so few runs:** a single one has no spread to hold a difference against. So far, after ` +
      `${context.steps}, Fréchet distance ${figures[0]}; classes in effect ${figures[1]}; diversity ${figures[2]}.`
    );
  }
  const answer = ANSWERS[question](context);
  return singles.length > 0
    ? `${answer} (Of ${nameArms(singles)} there is one run only, which tells nothing yet.)`
    : answer;
}

function answerDepth(context: Context): string {
  const { arms, steps } = context;
  const { figure, name } = chooseDistance(context, 'frechet', 'coarse');
  const better = pickArms(arms, context, [figure], 'better');
  const worse = pickArms(arms, context, [figure], 'worse');
  let head = `**No difference that these seeds can show** after ${steps}`;
  if (better.length === arms.length) {
    head = `**Yes.** Three layers come closer to real digits than two after ${steps}`;
  } else if (better.length > 0) {
    head = `**It depends on the size.** Closer to real digits than two layers after ${steps} is only: ${nameArms(better)}`;
  } else if (worse.length > 0) {
    const are = worse.length > 1 ? 'are' : 'is';
    head = `**No.** After ${steps} three layers are not better, and ${nameArms(worse)} ${are} worse`;
  }
  return `${head}: ${name} ${describeFigures(arms, context, figure)}. ${describeFavourites(context)}`;
}

function answerPrior(context: Context): string {
  const { arms, steps } = context;
  const { figure, name } = chooseDistance(context, 'frechetAlong', 'coarseAlong');
  const better = pickArms(arms, context, [figure], 'better');
  const worse = pickArms(arms, context, [figure], 'worse');
  const level = pickArms(arms, context, [figure], 'level', 'unknown');
  const parts = listParts([
    ['faster than the uniform prior', better],
    ['slower', worse],
    ['not told from it', level],
  ]);
  let head = '**None, as far as these seeds can show:**';
  if (better.length > 0) {
    head = '**It matters:**';
  } else if (worse.length > 0) {
    head = '**None is faster than the uniform one:**';
  }
  const figures = describeFigures(arms, context, figure);
  return `${head} ${parts}. Mean ${name} along ${steps}: ${figures}. ${describeFavourites(context)}`;
}

function answerVae(context: Context): string {
  const { analysis, baseline, steps } = context;
  const [arm] = context.arms as [ArmRuns];
  const { figure, name } = chooseDistance(context, 'frechetAlong', 'coarseAlong');
  const head = {
    better: '**Yes,**',
    worse: '**No, slower:**',
    level: '**No difference that these seeds can show:**',
    unknown: '',
  }[judgeArm(arm, baseline, figure)];
  const words = {
    better: 'better',
    worse: 'worse',
    level: 'no different',
    unknown: 'not comparable',
  };
  const judge = (candidate: FigureName): string => words[judgeArm(arm, baseline, candidate)];
  const compare = (candidate: FigureName): string =>
    `${describeMean(arm, candidate)} against ${describeMean(baseline, candidate)}`;
  return (
    `${head} with the VAE's steps counted as steps, its mean ${name} along ${steps} is ` +
    `${compare(figure)}; the Fréchet distance of the last third is ${judge('frechet')} ` +
    `(${compare('frechet')}), and after ${formatFigure(analysis.cpuSeconds)} seconds of processor each, the VAE's ` +
    `counted, it is ${judge('frechetTimed')} (${compare('frechetTimed')}).${describeVaeStart(arm)} ` +
    describeFavourites(context)
  );
}

function describeVaeStart(arm: ArmRuns): string {
  const vaeSteps = ARMS['vae-init'].vae.steps;
  const starts = arm.results.flatMap(({ points }) =>
    points.filter(({ step }) => step === vaeSteps),
  );
  if (starts.length === 0) {
    return '';
  }
  const start = Math.exp(summarise(starts.map(({ quality }) => Math.log(quality.frechet))).mean);
  const { mean: end } = summariseFigure(arm, 'frechet');
  let change = `left it at about that, ${formatFigure(end)}.`;
  if (end > start * 1.1) {
    change = `lost that again, to ${formatFigure(end)}.`;
  } else if (end < start / 1.1) {
    change = `brought it to ${formatFigure(end)}.`;
  }
  return ` After its ${countOf(vaeSteps, 'step')} as a decoder it stood at ${formatFigure(start)}; the GAN's steps then ${change}`;
}

function answerCollapse(context: Context): string {
  const { analysis, baseline, arms, steps } = context;
  const seen =
    `**What is seen:** in the last third of ${steps} the tutorial's generator makes ` +
    `${describeMean(baseline, 'effectiveClasses')} classes in effect, of 10, and samples that differ ` +
    `${describeMean(baseline, 'diversity')} times as much as real digits, while the discriminator's loss is ` +
    `${formatFigure(summariseFigure(baseline, 'discriminatorLoss').mean)} (one who guesses has 1.386).`;
  const others = [...analysis.arms.values()].filter((arm) => arm !== baseline);
  const varied = pickArms(others, context, VARIETY, 'better');
  const helping = sortByMean(varied, 'diversity').toReversed();
  const cured = helping.filter(({ figures }) =>
    figures.every(({ effectiveClasses }) => effectiveClasses >= CURED_CLASSES),
  );
  const parts = [seen, describeCure(helping, cured)];
  if (helping.length > 0) {
    const [classes, diversity, coarse] = (['effectiveClasses', 'diversity', 'coarse'] as const).map(
      (figure) => describeFigures(helping, context, figure),
    );
    parts.push(
      `Classes in effect: ${classes}; diversity: ${diversity}; coarse Fréchet distance: ${coarse}.`,
    );
  }
  const causes = helping.flatMap(({ name }) => CAUSES[name] ?? []);
  if (causes.length > 0) {
    parts.push(`What helps points to the cause: ${joinWords(causes)}.`);
  }
  const useless = arms.filter((arm) => !helping.includes(arm) && arm.figures.length > 1);
  if (useless.length > 0) {
    parts.push(`No help that these seeds can show: ${nameArms(useless)}.`);
  }
  return parts.join(' ');
}

function describeCure(helping: readonly ArmRuns[], cured: readonly ArmRuns[]): string {
  const [closest] = sortByMean(cured, 'frechet');
  if (closest === undefined) {
    return helping.length > 0
      ? `**No single change cures it in so many steps,** but what helps is: ${nameArms(helping)}.`
      : '**No single change tried here helps within so many steps.**';
  }
  const others = cured.filter((arm) => arm !== closest);
  const too =
    others.length > 0 ? ` ${nameArms(others)} ${others.length > 1 ? 'cure' : 'cures'} it too.` : '';
  return (
    `**The smallest cure found:** ${ARMS[closest.name].title} (${ARMS[closest.name].change}), with which every seed has at least ` +
    `${CURED_CLASSES} classes in effect.${too}`
  );
}

function sortByMean(arms: readonly ArmRuns[], figure: FigureName): ArmRuns[] {
  const getMean = (arm: ArmRuns): number => summariseFigure(arm, figure).mean;
  return arms.toSorted((a, b) => getMean(a) - getMean(b));
}

/** Chooses the coarse distance where the classifier recognises too little to tell arms apart. */
function chooseDistance(context: Context, figure: FigureName, coarse: FigureName) {
  const tells = (candidate: FigureName): boolean =>
    pickArms(context.arms, context, [candidate], 'better', 'worse').length > 0;
  return !tells(figure) && tells(coarse)
    ? { figure: coarse, name: "coarse Fréchet distance (the classifier's tells nothing apart)" }
    : { figure, name: 'Fréchet distance' };
}

function describeFavourites(context: Context): string {
  const { arms } = context;
  const parts = listParts([
    ['more varied samples', pickArms(arms, context, VARIETY, 'better')],
    ['less varied ones', pickArms(arms, context, VARIETY, 'worse')],
  ]);
  const figures =
    `classes in effect ${describeFigures(arms, context, 'effectiveClasses')}; ` +
    `diversity ${describeFigures(arms, context, 'diversity')}`;
  return parts === ''
    ? `Its favourites stay as they are: ${figures}.`
    : `Besides, ${parts} (${figures}).`;
}

function pickArms(
  arms: readonly ArmRuns[],
  { baseline }: Context,
  figures: readonly FigureName[],
  ...verdicts: readonly Verdict[]
): ArmRuns[] {
  return arms.filter((arm) =>
    figures.some((figure) => verdicts.includes(judgeArm(arm, baseline, figure))),
  );
}

function listParts(parts: readonly (readonly [label: string, arms: readonly ArmRuns[]])[]): string {
  return parts
    .filter(([, arms]) => arms.length > 0)
    .map(([label, arms]) => `${label}: ${nameArms(arms)}`)
    .join('; ');
}

function describeFigures(
  arms: readonly ArmRuns[],
  { baseline }: Context,
  figure: FigureName,
): string {
  const own = arms.map((arm) => `${describeMean(arm, figure)} (${ARMS[arm.name].title})`);
  return `${joinWords(own)} against ${describeMean(baseline, figure)}`;
}

function describeMean(arm: ArmRuns, figure: FigureName): string {
  return formatSummary(summariseFigure(arm, figure));
}

function nameArms(arms: readonly ArmRuns[]): string {
  return joinWords(arms.map(({ name }) => ARMS[name].title));
}

/** The mean step of arrival at a distance, over the runs that reached it, and their number. */
export function describeArrival({ results }: ArmRuns, level: number): string {
  const arrivals = results.map(({ points }) => findArrival(points, level));
  const reached = arrivals.filter((arrival) => arrival !== null);
  if (reached.length === 0) {
    return '–';
  }
  const mean = Math.round(summarise(reached).mean).toLocaleString('en');
  return reached.length === arrivals.length
    ? mean
    : `${mean} (${reached.length} of ${arrivals.length})`;
}

/** "a", "a and b", "a, b and c". */
export function joinWords(words: readonly string[]): string {
  return new Intl.ListFormat('en-GB').format(words);
}

/** Three significant digits. The spread of the seeds supports no more. */
export function formatFigure(value: number): string {
  if (!Number.isFinite(value)) {
    return '–';
  }
  const size = Math.abs(value);
  if (size >= 99.95) {
    return Math.round(value).toLocaleString('en');
  }
  // The rounded number decides: 0.9999 is 1.00.
  return value.toFixed(size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3);
}

/** A mean with its spread. A single run has no spread. */
export function formatSummary({ mean, deviation, count }: Summary): string {
  return count > 1 ? `${formatFigure(mean)} ± ${formatFigure(deviation)}` : formatFigure(mean);
}

/** "1 step", "2,000 steps". */
export function countOf(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
