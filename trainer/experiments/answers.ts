/**
 * Plain answers to the questions, worded by what was measured: a difference is called one only where it is larger than the
 * seeds' spread explains. Pure.
 */
import {
  findArrival,
  getBaseline,
  judgeArm,
  summariseFigure,
  type Analysis,
  type ArmRuns,
  type FigureName,
} from './analysis.ts';
import { ARMS, QUESTIONS, type ArmName, type QuestionName } from './arms.ts';
import { summarise } from './statistics.ts';
import { countOf, formatFigure, formatSummary, joinWords, nameArm } from './words.ts';

/** From so many classes in effect on, of ten, a generator has no favourites worth the name. */
const CURED_CLASSES = 8;

/** What a generator that had one favourite has more of when it has none. */
const MORE_VARIED: readonly FigureName[] = ['effectiveClasses', 'diversity'];

/** What it says about the cause when an arm helps. */
const CAUSES: Partial<Record<ArmName, string>> = {
  'slow-d': 'the discriminator, which learns five times as fast, leaves the generator behind',
  'beta1-half': "Adam's momentum makes both networks run after where the other one was",
  glorot: 'the starting weights are too wide',
  r1: 'the discriminator grows too steep around real digits',
  smoothing: 'the discriminator is too sure of real digits',
  'vae-init':
    'the generator starts so far from digits that the discriminator has won before it learns anything',
};

/** Answers a question in a few sentences; says so when the runs for it are missing. */
export function answerQuestion(question: QuestionName, analysis: Analysis): string {
  const baseline = getBaseline(analysis);
  const arms = QUESTIONS[question].arms.flatMap((name) => analysis.arms.get(name) ?? []);
  if (baseline === undefined || arms.length === 0) {
    return 'Not run yet.';
  }
  const context = { analysis, baseline, arms };
  const singles = arms.filter((arm) => judgeArm(arm, baseline, 'frechet') === 'unknown');
  if (singles.length === arms.length) {
    return (
      `**Not to be said from so few runs:** a single one has no spread to hold a difference against. So far, after ` +
      `${countOf(analysis.steps, 'step')}, Fréchet distance ${describeFigures(arms, baseline, 'frechet')}; classes in effect ` +
      `${describeFigures(arms, baseline, 'effectiveClasses')}; diversity ${describeFigures(arms, baseline, 'diversity')}.`
    );
  }
  const answer = ANSWERS[question](context);
  return singles.length > 0
    ? `${answer} (Of ${nameArms(singles)} there is one run only, which tells nothing yet.)`
    : answer;
}

interface Context {
  readonly analysis: Analysis;
  readonly baseline: ArmRuns;
  readonly arms: readonly ArmRuns[];
}

const ANSWERS: Readonly<Record<QuestionName, (context: Context) => string>> = {
  depth: answerDepth,
  prior: answerPrior,
  'vae-init': answerVae,
  collapse: answerCollapse,
};

function answerDepth({ analysis, baseline, arms }: Context): string {
  const { figure, name } = chooseDistance(arms, baseline, 'end');
  const groups = groupArms(arms, baseline, figure);
  const after = `after ${countOf(analysis.steps, 'step')}`;
  const head =
    groups.better.length === arms.length
      ? `**Yes.** Three layers come closer to real digits than two ${after}`
      : groups.better.length > 0
        ? `**It depends on the size.** Closer to real digits than two layers ${after} is only: ${nameArms(groups.better)}`
        : groups.worse.length > 0
          ? `**No.** ${after[0]?.toUpperCase()}${after.slice(1)} three layers are not better, and ${nameArms(groups.worse)} ${groups.worse.length > 1 ? 'are' : 'is'} worse`
          : `**No difference that these seeds can show** ${after}`;
  return `${head}: ${name} ${describeFigures(arms, baseline, figure)}. ${describeFavourites(arms, baseline)}`;
}

function answerPrior({ analysis, baseline, arms }: Context): string {
  const { figure, name } = chooseDistance(arms, baseline, 'along');
  const { better, worse, level } = groupArms(arms, baseline, figure);
  const parts = [
    better.length > 0 ? `faster than the uniform prior: ${nameArms(better)}` : '',
    worse.length > 0 ? `slower: ${nameArms(worse)}` : '',
    level.length > 0 ? `not told from it: ${nameArms(level)}` : '',
  ].filter((part) => part !== '');
  const head =
    better.length > 0
      ? '**It matters:**'
      : worse.length > 0
        ? '**None is faster than the uniform one:**'
        : '**None, as far as these seeds can show:**';
  return (
    `${head} ${parts.join('; ')}. Mean ${name} along ${countOf(analysis.steps, 'step')}: ` +
    `${describeFigures(arms, baseline, figure)}. ${describeFavourites(arms, baseline)}`
  );
}

/**
 * The distance that tells arms apart: the classifier's, unless none differs by it and the coarse one shows a difference, as
 * it does where there is nothing yet that a classifier could recognise.
 */
function chooseDistance(
  arms: readonly ArmRuns[],
  baseline: ArmRuns,
  when: 'end' | 'along',
): { readonly figure: FigureName; readonly name: string } {
  const [figure, coarse] =
    when === 'end' ? (['frechet', 'coarse'] as const) : (['frechetAlong', 'coarseAlong'] as const);
  const tells = (candidate: FigureName): boolean =>
    arms.some((arm) => ['better', 'worse'].includes(judgeArm(arm, baseline, candidate)));
  return !tells(figure) && tells(coarse)
    ? { figure: coarse, name: "coarse Fréchet distance (the classifier's tells nothing apart)" }
    : { figure, name: 'Fréchet distance' };
}

function answerVae({ analysis, baseline, arms }: Context): string {
  const [arm] = arms as [ArmRuns];
  const vaeSteps = ARMS['vae-init'].vae.steps;
  const starts = arm.results.flatMap(({ points }) =>
    points.filter(({ step }) => step === vaeSteps),
  );
  const start = summarise(starts.map(({ quality }) => Math.log(quality.frechet)));
  const end = summariseFigure(arm, 'frechet');
  const distance = chooseDistance(arms, baseline, 'along');
  const along = judgeArm(arm, baseline, distance.figure);
  const final = judgeArm(arm, baseline, 'frechet');
  const head = {
    better: '**Yes,**',
    worse: '**No, slower:**',
    level: '**No difference that these seeds can show:**',
    unknown: '',
  }[along];
  const afterwards =
    starts.length === 0
      ? ''
      : ` After its ${countOf(vaeSteps, 'step')} as a decoder it stood at ${formatFigure(Math.exp(start.mean))}; the GAN's steps then ` +
        (end.mean > Math.exp(start.mean) * 1.1
          ? `lost that again, to ${formatFigure(end.mean)}.`
          : end.mean < Math.exp(start.mean) / 1.1
            ? `brought it to ${formatFigure(end.mean)}.`
            : `left it at about that, ${formatFigure(end.mean)}.`);
  const words = {
    better: 'better',
    worse: 'worse',
    level: 'no different',
    unknown: 'not comparable',
  };
  return (
    `${head} with the VAE's steps counted as steps, its mean ${distance.name} along ${countOf(analysis.steps, 'step')} is ` +
    `${describeAgainst(arm, baseline, distance.figure)}; the Fréchet distance of the last third is ${words[final]} ` +
    `(${describeAgainst(arm, baseline, 'frechet')}), and after ${formatFigure(analysis.cpuSeconds)} seconds of processor each, the VAE's ` +
    `counted, it is ${words[judgeArm(arm, baseline, 'frechetTimed')]} (${describeAgainst(arm, baseline, 'frechetTimed')}).${afterwards} ` +
    describeFavourites([arm], baseline)
  );
}

function answerCollapse({ analysis, baseline, arms }: Context): string {
  const seen =
    `**What is seen:** in the last third of ${countOf(analysis.steps, 'step')} the tutorial's generator makes ` +
    `${describeMean(baseline, 'effectiveClasses')} classes in effect, of 10, and samples that differ ` +
    `${describeMean(baseline, 'diversity')} times as much as real digits, while the discriminator's loss is ` +
    `${formatFigure(summariseFigure(baseline, 'discriminatorLoss').mean)} (one who guesses has 1.386).`;
  const others = [...analysis.arms.values()].filter((arm) => arm !== baseline);
  const helping = others
    .filter((arm) => MORE_VARIED.some((figure) => judgeArm(arm, baseline, figure) === 'better'))
    .sort((a, b) => summariseFigure(b, 'diversity').mean - summariseFigure(a, 'diversity').mean);
  const cured = helping.filter(({ figures }) =>
    figures.every(({ effectiveClasses }) => effectiveClasses >= CURED_CLASSES),
  );
  const closest = [...cured].sort(
    (a, b) => summariseFigure(a, 'frechet').mean - summariseFigure(b, 'frechet').mean,
  )[0];
  const verdict =
    closest !== undefined
      ? `**The smallest cure found:** ${nameArm(closest.name)} (${ARMS[closest.name].change}), with which every seed has at least ` +
        `${CURED_CLASSES} classes in effect. ${cured.length > 1 ? `${describeOthers(cured, closest)} ${cured.length > 2 ? 'cure' : 'cures'} it too. ` : ''}`
      : helping.length > 0
        ? `**No single change cures it in so many steps,** but what helps is: ${nameArms(helping)}. `
        : `**No single change tried here helps within so many steps.** `;
  const figures =
    helping.length > 0
      ? `Classes in effect: ${describeFigures(helping, baseline, 'effectiveClasses')}; diversity: ` +
        `${describeFigures(helping, baseline, 'diversity')}; coarse Fréchet distance: ${describeFigures(helping, baseline, 'coarse')}. `
      : '';
  const asked = arms
    .filter((arm) => !helping.includes(arm) && arm.figures.length > 1)
    .map(({ name }) => name);
  const causes = helping.flatMap(({ name }) => CAUSES[name] ?? []);
  const why = causes.length > 0 ? `What helps points to the cause: ${joinWords(causes)}. ` : '';
  return `${seen} ${verdict}${figures}${why}${asked.length > 0 ? `No help that these seeds can show: ${joinWords(asked.map(nameArm))}.` : ''}`.trim();
}

function describeOthers(arms: readonly ArmRuns[], closest: ArmRuns): string {
  return nameArms(arms.filter((arm) => arm !== closest));
}

/** Depth and prior are asked of a GAN that has favourites: whether an arm changes that belongs to every answer. */
function describeFavourites(arms: readonly ArmRuns[], baseline: ArmRuns): string {
  const judge = (verdict: string): ArmRuns[] =>
    arms.filter((arm) => MORE_VARIED.some((figure) => judgeArm(arm, baseline, figure) === verdict));
  const [better, worse] = [judge('better'), judge('worse')];
  const parts = [
    better.length > 0 ? `more varied samples: ${nameArms(better)}` : '',
    worse.length > 0 ? `less varied ones: ${nameArms(worse)}` : '',
  ].filter((part) => part !== '');
  const figures =
    `classes in effect ${describeFigures(arms, baseline, 'effectiveClasses')}; ` +
    `diversity ${describeFigures(arms, baseline, 'diversity')}`;
  return parts.length === 0
    ? `Its favourites stay as they are: ${figures}.`
    : `Besides, ${parts.join('; ')} (${figures}).`;
}

/** Arms by how they do beside the baseline. Single runs are told from nothing. */
function groupArms(arms: readonly ArmRuns[], baseline: ArmRuns, figure: FigureName) {
  const judged = arms.map((arm) => [arm, judgeArm(arm, baseline, figure)] as const);
  const pick = (...verdicts: string[]): ArmRuns[] =>
    judged.flatMap(([arm, verdict]) => (verdicts.includes(verdict) ? [arm] : []));
  return { better: pick('better'), worse: pick('worse'), level: pick('level', 'unknown') };
}

function describeFigures(arms: readonly ArmRuns[], baseline: ArmRuns, figure: FigureName): string {
  const own = arms.map((arm) => `${describeMean(arm, figure)} (${nameArm(arm.name)})`);
  return `${joinWords(own)} against ${describeMean(baseline, figure)}`;
}

function describeAgainst(arm: ArmRuns, baseline: ArmRuns, figure: FigureName): string {
  return `${describeMean(arm, figure)} against ${describeMean(baseline, figure)}`;
}

function describeMean(arm: ArmRuns, figure: FigureName): string {
  return formatSummary(summariseFigure(arm, figure));
}

function nameArms(arms: readonly ArmRuns[]): string {
  return joinWords(arms.map(({ name }) => nameArm(name)));
}

/** How soon an arm's runs came down to a distance: the mean of those that did, and how many did. */
export function describeArrival(
  { results }: ArmRuns,
  level: number,
  axis: 'step' | 'cpuSeconds',
): string {
  const arrivals = results.map((result) => findArrival(result, level, axis));
  const there = arrivals.filter((arrival) => arrival !== null);
  if (there.length === 0) {
    return '–';
  }
  const mean = Math.round(summarise(there).mean).toLocaleString('en');
  return there.length === arrivals.length
    ? mean
    : `${mean} (${there.length} of ${arrivals.length})`;
}
