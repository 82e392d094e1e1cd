/** Writes the answer to each question of the experiments. The tables below it have the figures. */
import {
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

/** The figures that decide a question, in words. The second decides if the first shows nothing. */
const AT_THE_END: readonly (readonly [FigureName, string])[] = [
  ['frechet', 'the Fréchet distance'],
  ['coarse', 'the coarse distance (the Fréchet distance tells nothing apart)'],
];
const ALONG_THE_WAY: typeof AT_THE_END = [
  ['frechetAlong', 'the Fréchet distance along the way'],
  ['coarseAlong', 'the coarse distance along the way (the Fréchet distance tells nothing apart)'],
];

const NO_DIFFERENCE = 'No difference that these seeds can show.';

/** How the answer begins: all or some arms are better, or else some are worse, or none differs. */
const DECISIONS = {
  depth: {
    figures: AT_THE_END,
    all: 'Yes.',
    some: 'It depends on the size.',
    worse: 'No.',
    none: NO_DIFFERENCE,
  },
  prior: {
    figures: ALONG_THE_WAY,
    all: 'It matters.',
    some: 'It matters.',
    worse: 'None is faster than the uniform one.',
    none: 'None, as far as these seeds can show.',
  },
  'vae-init': {
    figures: ALONG_THE_WAY,
    all: 'Yes.',
    some: 'Yes.',
    worse: 'No, it is slower.',
    none: NO_DIFFERENCE,
  },
} as const;

interface Context {
  readonly analysis: Analysis;
  readonly baseline: ArmRuns;
  readonly arms: readonly ArmRuns[];
}

/** Answers a question in a few sentences, or says that its runs are missing. */
export function answerQuestion(question: QuestionName, analysis: Analysis): string {
  const baseline = analysis.arms.get(BASELINE);
  const arms = QUESTIONS[question].arms.flatMap((name) => analysis.arms.get(name) ?? []);
  if (baseline === undefined || arms.length === 0) {
    return 'Not run yet.';
  }
  const context = { analysis, baseline, arms };
  const singles = pickArms(arms, context, ['frechet'], 'unknown');
  if (singles.length === arms.length) {
    return '**Not to be said from so few runs.** A single run has no spread to compare with.';
  }
  const answer = question === 'collapse' ? answerCollapse(context) : compare(question, context);
  return singles.length > 0
    ? `${answer} Of ${nameArms(singles)} there is one run only, which tells nothing yet.`
    : answer;
}

function compare(question: keyof typeof DECISIONS, context: Context): string {
  const { analysis, arms } = context;
  const { figures, ...heads } = DECISIONS[question];
  const pick = (figure: FigureName, ...verdicts: readonly Verdict[]) =>
    pickArms(arms, context, [figure], ...verdicts);
  const [figure, name] = (figures.find(([each]) => pick(each, 'better', 'worse').length > 0) ??
    figures[0]) as (typeof figures)[number];
  const [better, worse] = [pick(figure, 'better'), pick(figure, 'worse')];
  const isAnyWorse = worse.length > 0 ? 'worse' : 'none';
  const isAllBetter = better.length === arms.length ? 'all' : 'some';
  const head = heads[better.length > 0 ? isAllBetter : isAnyWorse];
  const variety = listArms([
    ['More varied samples', pickArms(arms, context, VARIETY, 'better')],
    ['Less varied samples', pickArms(arms, context, VARIETY, 'worse')],
  ]);
  return [
    `**${head}** Over ${countOf(analysis.steps, 'step')}, the figure that decides is ${name}.`,
    ...listArms([
      ['Better than the tutorial’s', better],
      ['Worse than the tutorial’s', worse],
      ['No difference could be shown for', pick(figure, 'level', 'unknown')],
    ]),
    ...(variety.length === 0 ? ['The samples are as varied as the tutorial’s.'] : variety),
    ...(question === 'vae-init' ? describeVae(context) : []),
  ].join(' ');
}

function describeVae({ analysis, arms, baseline }: Context): string[] {
  const [arm] = arms as [ArmRuns];
  const words = { better: 'better', worse: 'worse', level: 'no different', unknown: 'unknown' };
  const judge = (figure: FigureName): string => words[judgeArm(arm, baseline, figure)];
  const seconds = `${formatFigure(analysis.cpuSeconds)} seconds of processor time each`;
  const compared =
    "The VAE's steps and time count. The Fréchet distance of the last third is " +
    `${judge('frechet')}; after ${seconds} it is ${judge('frechetTimed')}.`;
  const vaeSteps = ARMS['vae-init'].vae.steps;
  const starts = arm.results.flatMap(({ points }) =>
    points.filter(({ step }) => step === vaeSteps),
  );
  if (starts.length === 0) {
    return [compared];
  }
  const start = Math.exp(summarise(starts.map(({ quality }) => Math.log(quality.frechet))).mean);
  const { mean: end } = summariseFigure(arm, 'frechet');
  const isLost = end > start * 1.1;
  const change = isLost
    ? 'lost that again, to'
    : end < start / 1.1
      ? 'brought it to'
      : 'left it at';
  return [
    compared,
    `After its ${countOf(vaeSteps, 'step')} as a decoder it stood at ${formatFigure(start)}.`,
    `The GAN's steps then ${change} ${formatFigure(end)}.`,
  ];
}

function answerCollapse(context: Context): string {
  const { analysis, baseline, arms } = context;
  const loss = formatFigure(summariseFigure(baseline, 'discriminatorLoss').mean);
  const others = [...analysis.arms.values()].filter((arm) => arm !== baseline);
  const helping = sortByMean(
    pickArms(others, context, VARIETY, 'better'),
    'diversity',
  ).toReversed();
  const causes = helping.flatMap(({ name }) => CAUSES[name] ?? []);
  const useless = arms.filter((arm) => !helping.includes(arm) && arm.figures.length > 1);
  return [
    `**What is seen.** In the last third of ${countOf(analysis.steps, 'step')} the tutorial's generator makes ` +
      `${describeMean(baseline, 'effectiveClasses')} classes in effect, of 10. Its samples differ ` +
      `${describeMean(baseline, 'diversity')} times as much as real digits. The discriminator's loss is ` +
      `${loss}; one that guesses has 1.386.`,
    describeCure(helping),
    ...(causes.length > 0 ? [`What helps points to the cause: ${causes.join('; ')}.`] : []),
    ...(useless.length > 0 ? [`No help that these seeds can show: ${nameArms(useless)}.`] : []),
  ].join(' ');
}

/** @param helping  The arms with more varied samples, the best first. */
function describeCure(helping: readonly ArmRuns[]): string {
  const cured = helping.filter(({ figures }) =>
    figures.every(({ effectiveClasses }) => effectiveClasses >= CURED_CLASSES),
  );
  const [closest] = sortByMean(cured, 'frechet');
  if (closest === undefined) {
    return helping.length > 0
      ? `**No single change cures it in so many steps.** These help: ${nameArms(helping)}.`
      : '**No single change tried here helps within so many steps.**';
  }
  const others = cured.filter((arm) => arm !== closest);
  const { title, change } = ARMS[closest.name];
  return [
    `**The smallest cure found** is *${title}*: ${change}. With it every seed has at least`,
    `${CURED_CLASSES} classes in effect.`,
    ...(others.length > 0 ? [`The same holds for ${nameArms(others)}.`] : []),
    ...(helping.length > cured.length
      ? [
          `More varied samples come from these, too: ${nameArms(helping.filter((arm) => !cured.includes(arm)))}.`,
        ]
      : []),
  ].join(' ');
}

function sortByMean(arms: readonly ArmRuns[], figure: FigureName): ArmRuns[] {
  const getMean = (arm: ArmRuns): number => summariseFigure(arm, figure).mean;
  return arms.toSorted((a, b) => getMean(a) - getMean(b));
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

/** Lists the arms of each label in a sentence; none for a label without arms. */
function listArms(parts: readonly (readonly [label: string, arms: readonly ArmRuns[]])[]) {
  const told = parts.filter(([, arms]) => arms.length > 0);
  return told.map(([label, arms]) => `${label}: ${nameArms(arms)}.`);
}

function describeMean(arm: ArmRuns, figure: FigureName): string {
  return formatSummary(summariseFigure(arm, figure));
}

/** Titles may hold commas. */
function nameArms(arms: readonly ArmRuns[]): string {
  return joinWords(arms.map(({ name }) => `*${ARMS[name].title}*`));
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
