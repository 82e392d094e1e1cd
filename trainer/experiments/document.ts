/** The experiments' document: Markdown with curves and grids. Equal records give equal bytes. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TopLevelSpec } from 'vega-lite';
import { ExpectedError } from '../../shared/expected-error.ts';
import { readIfThere, writeAtomically } from '../../storage/files.ts';
import { capitalize, writeMarkdownTable } from '../../shared/text.ts';
import { renderChartFile } from '../charts/chart.ts';
import { planLineChart, type LineChart, type Point } from '../charts/line-chart.ts';
import { PRESETS } from '../gan/preset.ts';
import {
  analyse,
  computeEffectiveClasses,
  isSound,
  judgeArm,
  summariseFigure,
  type Analysis,
  summarise,
  type ArmRuns,
  type Figure,
  type FigureName,
} from './analysis.ts';
import { answerQuestion, countOf, formatFigure, formatSummary, joinWords } from './answers.ts';
import { ARMS, BASELINE, listArms, QUESTIONS, type QuestionName } from './arms.ts';
import {
  cutRuns,
  EARLY_STEPS,
  findWarnings,
  hasCollapsed,
  SOUND_CLASSES,
} from './early-warning.ts';
import { QUALITY_SAMPLES } from './quality.ts';
import { loadRecords, type ExperimentPoint, type ExperimentResult } from './records.ts';

const SIZE = { width: 640, height: 340 };
const MARGIN = { top: 34, right: 178, bottom: 46, left: 58 };
/** Most collapses of longer runs end within this number of steps. */
const BEGINNING = 3000;
/** The arm to compare with has the colour of text. */
const COLOURS = ['ink', 'blue', 'orange', 'green', 'pink', 'gold', 'violet'];

const TITLE = `# The tutorial's questions, answered by experiment

<!-- Made by \`npm run trainer -- experiment --report\` out of experiments/runs: do not edit. -->`;

/** @throws ExpectedError  When another document has the name of this one. */
export async function requireDocumentPlace(docs: string): Promise<void> {
  const path = join(docs, 'experiments.md');
  const present = await readIfThere(path);
  if (present !== null && !/^<!-- Made by `npm run .*experiment/m.test(present)) {
    throw new ExpectedError(
      `--docs ${docs}: holds an experiments.md that this command did not make; name another folder`,
    );
  }
}

/** Makes the document from the records. @returns  Its path. */
export async function saveDocument(docs: string): Promise<string> {
  for (const [name, text] of await buildDocument(await loadRecords(docs))) {
    await mkdir(dirname(join(docs, name)), { recursive: true });
    await writeAtomically(join(docs, name), text);
  }
  return join(docs, 'experiments.md');
}

/** @returns  Files by name: `experiments.md`, and pictures in `experiments/` if there are runs. */
export async function buildDocument(
  results: readonly ExperimentResult[],
): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  const overall = analyse(results);
  if (!overall.arms.has(BASELINE)) {
    return files.set(
      'experiments.md',
      `${TITLE}\n\nNothing was run yet: \`npm run trainer -- experiment --all\`.\n`,
    );
  }
  const sections: string[] = [];
  for (const name of Object.keys(QUESTIONS) as QuestionName[]) {
    const analysis = analyse(pickResults(name, results));
    const arms = pickArms(name, analysis);
    for (const [key, chart] of arms.length < 2 ? [] : planCharts(name, arms)) {
      files.set(`experiments/${name}-${key}.svg`, await renderQuestionChart(chart));
    }
    sections.push(renderQuestion(name, arms, analysis));
  }
  const all = [...overall.arms.values()].flatMap((arm) => arm.results);
  const parts = [
    TITLE,
    renderMethod(overall, all),
    ...sections,
    renderEarlyWarning(all, overall.steps),
    renderArms(overall),
    renderMachine(all, overall.steps),
  ];
  files.set('experiments.md', `${parts.join('\n\n')}\n`);
  return files;
}

/** The runs that answer a question. Any arm may cure the favourites. */
function pickResults(
  question: QuestionName,
  results: readonly ExperimentResult[],
): ExperimentResult[] {
  const own: readonly string[] = listArms([question]);
  return results.filter(({ arm }) => question === 'collapse' || own.includes(arm));
}

function pickArms(question: QuestionName, { arms }: Analysis): ArmRuns[] {
  return listArms([question]).flatMap((name) => arms.get(name) ?? []);
}

function renderMethod({ steps, arms }: Analysis, all: readonly ExperimentResult[]): string {
  const sources = all.map(
    ({ data: { images, name } }) => `${images.toLocaleString('en')} training images (${name})`,
  );
  const seeds = [...arms.values()].map(({ results }) => results.length);
  const [fewest, most] = [Math.min(...seeds), Math.max(...seeds)];
  const each = fewest === most ? countOf(most, 'seed') : `${fewest} to ${countOf(most, 'seed')}`;
  const samples = QUALITY_SAMPLES.toLocaleString('en');
  const isShort = steps < PRESETS.seed.steps;
  const limits =
    `The tutorial's own run has ${countOf(PRESETS.seed.steps, 'step')}; ` +
    `this page is about the first ${steps.toLocaleString('en')}.`;
  return [
    `For people who read the tutorial: its open questions, answered by ${countOf(all.length, 'run')} of its GAN (preset \`seed\`) and of variants, the arms. ` +
      `Each arm has ${each}, ${countOf(steps, 'step')} of 256 images, and ${joinWords([...new Set(sources)])}. Runs of one seed see the same batches and the same random numbers. ` +
      'A question is answered from the steps at which all of its runs were measured.' +
      (isShort ? ` ${limits}` : ''),
    '## How to read the tables',
    [
      `- **Samples.** Each measurement takes ${samples} samples of the same latents and compares them with MNIST's test digits. \`npm run evaluate\` takes more samples, so compare these figures with each other only.`,
      '- **Means.** Figures are means over the last third of the steps ± the standard deviation over seeds. *Along the way* is the geometric mean over all steps: it is small where a run was good soon.',
      '- *At … s of processor time* is the distance after as much time as every run of the table had.',
      "- **▲ and ▼** are better and worse than the tutorial's, by more than the spread of the seeds explains (Student's t-test, 5%). Among twenty comparisons one shows a difference by chance.",
      '- *Classes in effect* is the exponential of the entropy of the classes that the classifier sees: 10 when all are equally frequent, 1 when there is one.',
      '- *D* is the discriminator, *G* the generator.',
      '- The *coarse* distance is that of the pictures reduced to 7 × 7 pixels. It sees shape and variety before a classifier recognises anything.',
      '- *Diversity* is how much samples differ from each other, divided by how much test digits do: near 0 all samples are one picture.',
    ].join('\n'),
  ].join('\n\n');
}

function renderQuestion(name: QuestionName, arms: readonly ArmRuns[], analysis: Analysis): string {
  const { title } = QUESTIONS[name];
  if (arms.length < 2) {
    return `## ${title}\n\n${answerQuestion(name, analysis)}`;
  }
  const charts = [...planCharts(name, arms)].map(
    ([key, { yLabel, xLabel }]) => `![${yLabel} over ${xLabel}](experiments/${name}-${key}.svg)`,
  );
  return [
    `## ${title}`,
    answerQuestion(name, analysis),
    renderTable(arms, analysis.cpuSeconds),
    charts.join('\n'),
    renderGrids(arms, analysis.steps),
  ].join('\n\n');
}

/** The mean over seeds is a strong line, each seed a pale one. */
type QuestionChart = LineChart & { title: string; xLabel: string; yLabel: string };

/** Plans a question's charts by file name. @param arms  The first is the one to compare with. */
function planCharts(
  question: QuestionName,
  arms: readonly ArmRuns[],
): ReadonlyMap<string, QuestionChart> {
  const floor = arms[0]?.results[0]?.floor;
  const plan = (
    yLabel: string,
    y: Figure,
    scale: LineChart['scale'],
    {
      xLabel = 'steps',
      x = ({ step }) => step,
      real,
    }: { xLabel?: string; x?: Figure; real?: number | undefined } = {},
  ): QuestionChart => ({
    size: SIZE,
    margin: MARGIN,
    title: `${QUESTIONS[question].title} ${yLabel}`,
    xLabel,
    yLabel,
    scale,
    lines: arms.map(({ name, results }, i) => {
      const seeds = results.map(({ points }) =>
        points.filter(isSound).map((point) => [x(point), y(point)] as const),
      );
      return {
        label: ARMS[name].title,
        colour: `var(--${COLOURS[i % COLOURS.length]})`,
        points: averageSeeds(seeds, scale),
        pale: seeds,
      };
    }),
    references: real === undefined ? [] : [{ value: real, label: 'real digits' }],
  });
  const frechet: Figure = ({ quality }) => quality.frechet;
  const diversity: Figure = ({ quality }) => quality.diversity;
  const x: Figure = ({ cpuSeconds }) => cpuSeconds;
  const seconds = { xLabel: 'seconds of processor time, one thread', x };
  const classes = floor && computeEffectiveClasses({ quality: floor });
  return new Map([
    ['distance', plan('Fréchet distance', frechet, 'log')],
    ['distance-by-time', plan('Fréchet distance', frechet, 'log', seconds)],
    ['coarse', plan('Coarse distance', ({ quality }) => quality.coarse, 'log')],
    ['diversity', plan('Diversity', diversity, 'linear', { real: floor?.diversity })],
    ['classes', plan('Classes in effect', computeEffectiveClasses, 'linear', { real: classes })],
  ]);
}

function renderQuestionChart(chart: QuestionChart): Promise<string> {
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

/** The columns' heads. Those with an arrow (which way is better) are compared with the baseline. */
const COLUMNS = {
  frechet: 'distance ↓',
  frechetAlong: 'along the way ↓',
  coarse: 'coarse distance ↓',
  diversity: 'diversity ↑',
  frechetTimed: 'at equal time ↓',
  effectiveClasses: 'classes in effect ↑',
  coverage: 'coverage ↑',
  recall: 'recall ↑',
  sharpness: 'sharpness, 1 is real',
  discriminatorLoss: "D's loss",
  stepMs: 'processor ms a step',
} as const satisfies Partial<Record<FigureName, string>>;

/** A figure of real digits; NaN for those of training. */
function readFloor(floor: ExperimentPoint['quality'], figure: keyof typeof COLUMNS): number {
  switch (figure) {
    case 'effectiveClasses':
      return computeEffectiveClasses({ quality: floor });
    case 'frechetAlong':
    case 'frechetTimed':
      return floor.frechet;
    case 'discriminatorLoss':
    case 'stepMs':
      return NaN;
    default:
      return floor[figure];
  }
}

function renderTable(arms: readonly ArmRuns[], cpuSeconds: number): string {
  const [baseline] = arms as [ArmRuns];
  const columns = Object.entries(COLUMNS) as [keyof typeof COLUMNS, string][];
  const budget = `${formatFigure(cpuSeconds)} s of processor time`;
  const heads = ['arm', 'seeds', ...columns.map(([, head]) => head.replace('equal time', budget))];
  const rows = arms.map((arm) => [
    ARMS[arm.name].title,
    String(arm.results.length),
    ...columns.map(([figure, head]) => {
      const hasVerdict = arm !== baseline && /[↑↓]/.test(head);
      const mark = hasVerdict ? MARKS[judgeArm(arm, baseline, figure)] : '';
      return `${formatSummary(summariseFigure(arm, figure))}${mark}`;
    }),
  ]);
  const floor = baseline.results[0]?.floor as ExperimentPoint['quality'];
  const real = columns.map(([figure]) => formatFigure(readFloor(floor, figure)));
  rows.push(['real training digits', '', ...real]);
  const failures = arms.flatMap(({ name, figures }) =>
    figures.flatMap(({ seed, failure }) =>
      failure === null ? [] : [`${ARMS[name].title}, seed ${seed}: ${failure}.`],
    ),
  );
  return [writeMarkdownTable(heads, rows).join('\n'), ...failures].join('\n\n');
}

const MARKS = { better: ' ▲', worse: ' ▼', level: '', unknown: '' } as const;

function renderGrids(arms: readonly ArmRuns[], steps: number): string {
  const seeds = [...new Set(arms.flatMap(({ figures }) => figures.map(({ seed }) => seed)))];
  const rows = arms.map((arm) => {
    const name = ARMS[arm.name].title;
    const cells = seeds.map((seed) =>
      arm.results.some((result) => result.seed === seed)
        ? `![${name}, seed ${seed}](experiments/runs/${arm.name}-${seed}.png)`
        : '',
    );
    // Runs may have gone on beyond the steps that are compared.
    const ends = [...new Set(arm.results.map((result) => result.steps))]
      .filter((end) => end !== steps)
      .map((end) => countOf(end, 'step'));
    return [ends.length > 0 ? `${name}, after ${ends.join(' or ')}` : name, ...cells];
  });
  const heads = ['samples at the end, the same latents', ...seeds.map((seed) => `seed ${seed}`)];
  return writeMarkdownTable(heads, rows, heads.length).join('\n');
}

function renderArms({ arms }: Analysis): string {
  const all = [...arms.values()];
  const rows = all.map(({ name, results }) => [
    ARMS[name].title,
    `\`${name}\``,
    ARMS[name].change,
    `\`${results[0]?.sha256.slice(0, 12)}\``,
  ]);
  const seed = all[0]?.results[0]?.seed;
  const heads = ['arm', 'folder', 'change', `hash of seed ${seed}'s settings and data`];
  const { vae } = ARMS['vae-init'];
  return (
    `## What was changed\n\nOne thing an arm; all else is preset \`seed\`.\n\n${writeMarkdownTable(heads, rows, heads.length).join('\n')}\n\n` +
    `**The VAE's budget.** Its ${vae.steps} steps count as steps of the run, and its time counts too; the batches are as large as the GAN's. ` +
    `The encoder has ${vae.encoderUnits} hidden units. The decoder is the tutorial's generator, with latents as wide as the uniform ones. ` +
    `When the GAN begins, Adam's moments begin anew, and the discriminator is fresh.`
  );
}

function renderEarlyWarning(results: readonly ExperimentResult[], steps: number): string {
  const lengths = steps > BEGINNING ? [BEGINNING, steps] : [steps];
  const early = EARLY_STEPS.toLocaleString('en');
  const method = [
    `- A run counts as collapsed if it diverged, or if the classifier sees fewer than ${SOUND_CLASSES} classes in effect, of ten, at the last measurement of these steps.`,
    `- Losses are means over the measurements up to ${early}. The other figures are those of the last measurement by then.`,
    '- A threshold and its side are those with the largest hit rate less false alarm rate.',
    '- Each arm is rated by the rule of the other arms.',
    "- A rule gives no warning of a run without its figure: a VAE has no GAN's losses.",
  ].join('\n');
  return [
    '## Which early warning tells a collapse?',
    ...lengths.map((length) => renderWarnings(cutRuns(results, length), length)),
    method,
  ].join('\n\n');
}

/** Compares the early signs of runs with their outcome after `steps` steps. */
function renderWarnings(results: readonly ExperimentResult[], steps: number): string {
  const collapses = results.filter(hasCollapsed).length;
  const sound = results.length - collapses;
  const soundArms = new Set(results.filter((one) => !hasCollapsed(one)).map(({ arm }) => arm));
  const warnings = findWarnings(results);
  const [best] = warnings;
  const what = `After ${countOf(steps, 'step')}, ${collapses} of ${countOf(results.length, 'run')} are collapsed.`;
  if (best === undefined) {
    return `${what} **It cannot be told** from runs that all ended alike.`;
  }
  const { hits, falseAlarms } = best.unseen;
  const early = `of the first ${EARLY_STEPS.toLocaleString('en')} steps`;
  const answer =
    hits === 0
      ? `**No figure** ${early} predicts a collapse on arms that its rule has not seen.`
      : `**${capitalize(best.title)}** ${early} predicts best, as far as these runs can show. On arms that its rule has not seen, it predicts ` +
        `${hits} of ${countOf(collapses, 'collapse')}. It gives ${countOf(falseAlarms, 'false alarm')} among ${countOf(sound, 'sound run')} of ${countOf(soundArms.size, 'arm')}. ` +
        `A warning on every run would have ${countOf(collapses, 'hit')} and ${countOf(sound, 'false alarm')}.`;
  const rows = warnings.map(({ title: sign, side, threshold, unseen }) => [
    sign,
    `${side} ${formatFigure(threshold)}`,
    ...[unseen.hits, unseen.misses, unseen.falseAlarms].map(String),
  ]);
  const heads = ['sign', 'warns', 'hits', 'misses', 'false alarms'];
  return [`${what} ${answer}`, writeMarkdownTable(heads, rows).join('\n')].join('\n\n');
}

function renderMachine(all: readonly ExperimentResult[], steps: number): string {
  const machines = all.map(
    ({ environment: { backend, node, tfjs, processor, system } }) =>
      `${backend}, TensorFlow.js ${tfjs}, Node ${node}, on ${processor} (${system})`,
  );
  const last = all.map(({ points }) => points.at(-1) as ExperimentPoint);
  const hours = (pick: (point: ExperimentPoint) => number): string =>
    (last.reduce((sum, point) => sum + pick(point), 0) / 60).toFixed(0);
  return (
    `## How it was run\n\n${[...new Set(machines)].join('; ')}. ${hours(({ cpuSeconds }) => cpuSeconds)} minutes of processor time for all training, ` +
    `${hours(({ seconds }) => seconds)} by the clock: the machine was shared, so curves against seconds count the processor's, which ` +
    `depend on what else runs too.\n\n` +
    `\`\`\`sh\nnpm run trainer -- experiment --all --steps ${steps} --data path/to/mnist  # goes on where it was stopped; several processes share the work\n` +
    'npm run trainer -- experiment --report  # makes this document again\n```'
  );
}
