/**
 * `npm run build -- figures [RUN]`: draws the charts of /learn and of the shipped model's page into
 * docs/figures/. With the folder of a run of preset `seed` it first takes the run's losses into
 * docs/figures/tutorial-run.json.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderChartFile } from '../../trainer/charts/chart.ts';
import {
  planLineChart,
  type Line,
  type LineChart,
  type Point,
} from '../../trainer/charts/line-chart.ts';
import type { MetricsLine } from '../../trainer/run/log/metrics.ts';
import { ROOT } from './bundle.ts';

const FOLDER = join(ROOT, 'docs', 'figures');
const RECORD = join(FOLDER, 'tutorial-run.json');

/** A point of a run's record. */
type Moment = Pick<MetricsLine, 'step' | 'discriminatorLoss' | 'generatorLoss' | 'diversity'>;

const round = (value = NaN) => Number(value.toPrecision(4));

function takeRun(folder: string): void {
  const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trim().split('\n');
  const moments = lines
    .map((line) => JSON.parse(line) as MetricsLine)
    .map(({ step, discriminatorLoss, generatorLoss, diversity }) =>
      JSON.stringify({
        step,
        discriminatorLoss: round(discriminatorLoss),
        generatorLoss: round(generatorLoss),
        diversity: round(diversity),
      }),
    );
  writeFileSync(RECORD, `[\n${moments.join(',\n')}\n]\n`);
}

/** Reads the columns of numbers of a table of the model's card. The first cell is x. */
function readTable(markdown: string, firstCell: string): number[][] {
  const lines = markdown.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${firstCell} |`));
  if (start < 0) {
    throw new Error(`models/digits/README.md has no table that begins with ${firstCell}`);
  }
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows
    .slice(0, end)
    .map((row) => (row.match(/(?<![\d.])\d[\d,]*(?:\.\d+)?|\.\d+/g) ?? []).map(parseNumber))
    .filter((_, i) => !rows[i]?.includes('real digits'));
}

function parseNumber(text: string): number {
  return Number(text.replaceAll(',', ''));
}

/** The first and the last of some values, each with the words that tell where it is. */
function formatEnds(values: readonly (readonly [value: number, where: string])[]): string {
  const ends = [values.at(0), values.at(-1)];
  return ends.map(([value, where] = [NaN, '']) => `${value.toFixed(2)} ${where}`).join(' to ');
}

const SIZE = { width: 640, height: 260 };
const MARGIN = { top: 16, right: 120, bottom: 50, left: 72 };

type Drawn = Pick<LineChart, 'xLabel' | 'yLabel' | 'scale'> & {
  readonly title: string;
  readonly lines: readonly (readonly [label: string, colour: string, points: readonly Point[]])[];
  readonly description: string;
};

/** Draws every figure. @returns  The SVG texts by the names of their files. */
export async function drawFigures(): Promise<Map<string, string>> {
  const run = JSON.parse(readFileSync(RECORD, 'utf8')) as Moment[];
  const card = readFileSync(join(ROOT, 'models', 'digits', 'README.md'), 'utf8');
  const [training, truncation] = [readTable(card, 'steps'), readTable(card, 'truncation')];
  const pick = (name: keyof Moment): Point[] =>
    run.map((moment) => [moment.step, moment[name] ?? NaN]);
  const figures: Readonly<Record<string, Drawn>> = {
    losses: {
      title: 'The losses of the tutorial’s run',
      xLabel: 'steps',
      yLabel: 'loss',
      scale: 'log',
      lines: [
        ['generator', 'var(--blue)', pick('generatorLoss')],
        ['discriminator', 'var(--orange)', pick('discriminatorLoss')],
      ],
      description:
        'Both losses over 20,001 steps. The generator’s rises while its pictures improve.',
    },
    diversity: {
      title: 'How much its samples differ from each other',
      xLabel: 'steps',
      yLabel: 'diversity, 1 as real digits',
      scale: 'linear',
      lines: [['samples', 'var(--green)', pick('diversity')]],
      description: 'Falls to 0.32 at step 2,000 and rises to 0.87 at the end.',
    },
    distance: {
      title: 'The shipped model’s distance to real digits, during its training',
      xLabel: 'steps',
      yLabel: 'Fréchet distance, lower is better',
      scale: 'log',
      lines: [
        ['the model', 'var(--green)', training.map(([step = 0, distance = 0]) => [step, distance])],
      ],
      description: `Falls from ${formatEnds(
        training.map(([step = NaN, distance = NaN]) => [
          distance,
          `after ${step.toLocaleString('en')} steps`,
        ]),
      )}.`,
    },
    truncation: {
      title: 'What truncation costs',
      xLabel: 'truncation',
      yLabel: 'diversity within a class',
      scale: 'linear',
      lines: [
        ['diversity', 'var(--green)', truncation.map((row) => [row[0] ?? 0, row.at(-2) ?? 0])],
      ],
      description: `Diversity rises from ${formatEnds(
        truncation.map((row) => [row.at(-2) ?? NaN, `with truncation ${row[0]}`]),
      )}.`,
    },
  };
  const texts = Object.entries(figures).map(
    async ([name, { title, lines, description, ...chart }]) => {
      const plan = planLineChart({
        ...chart,
        size: SIZE,
        margin: MARGIN,
        lines: lines.map(([label, colour, points]): Line => ({ label, colour, points, pale: [] })),
      });
      if (plan === null) {
        throw new Error(`the figure ${name} has no points`);
      }
      // The page has the title, too, as the picture's alternative text.
      return [`${name}.svg`, await renderChartFile(plan, { title, description })] as const;
    },
  );
  return new Map(await Promise.all(texts));
}

/** @param run  The folder of a run; without it the losses stay as they are. */
export async function writeFigures(run?: string): Promise<string> {
  if (run !== undefined) {
    takeRun(run);
  }
  for (const [name, text] of await drawFigures()) {
    writeFileSync(join(FOLDER, name), text);
  }
  return FOLDER;
}
