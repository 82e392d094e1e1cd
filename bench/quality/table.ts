/**
 * docs/quality.md: the measurements, and what a reader must know about them. Pure.
 */
import type { QualityFigures } from './figures.ts';
import { computeWorkerMs, COUNTS, type QualityPoint, type QualityReport } from './points.ts';

const ABSENT = '–';

const FIGURES: readonly (readonly [title: string, show: (figures: QualityFigures) => string])[] = [
  ['Fréchet distance', ({ frechetDistance }) => frechetDistance.toFixed(2)],
  ['precision', ({ precision }) => showPart(precision)],
  ['recall', ({ recall }) => showPart(recall)],
  ['coverage', ({ coverage }) => showPart(coverage)],
  [
    'class accuracy',
    ({ classAccuracy }) =>
      classAccuracy === null ? ABSENT : `${(100 * classAccuracy.accuracy).toFixed(2)}%`,
  ],
];

/** Writes the page. @param plot  The picture's file name, beside the page. */
export function renderPage(
  { points, floorFigures, terms, machine, repeats }: QualityReport,
  plot: string,
): string {
  const heads = [
    'model',
    'weights',
    'kB',
    'multiply-accumulates a digit',
    ...FIGURES.map(([title]) => title),
    ...COUNTS.map((count) => `ms, ${count} digit${count === 1 ? '' : 's'}`),
  ];
  const rows = [
    ...points.map((point) => [
      ...describeModel(point),
      ...showFigures(point.figures),
      ...COUNTS.map((count) => showMs(point, count)),
    ]),
    ['real digits', '', '', '', ...showFigures(floorFigures), ...COUNTS.map(() => '')],
  ];
  return [
    '# Quality against milliseconds',
    '',
    '<!-- Written by `npm run bench -- quality`: change it there. -->',
    '',
    `![Fréchet distance and recall of each model against the worker's milliseconds for 16 digits](${plot})`,
    '',
    toLine(heads),
    toLine(heads.map((_, i) => (i < 2 ? '---' : '--:'))),
    ...rows.map(toLine),
    '',
    `Milliseconds: in the worker (whole request in brackets), digits as PNG, warmed up; means of the faster half (medians of all) of ` +
      `${repeats} requests in the local edge runtime, on ${machine.cores} cores of ${machine.processor}, Node ${machine.node}. Quality: ` +
      `${terms.n.toLocaleString('en')} samples as they are served against ${terms.reference.source}, evaluation seed ` +
      `${JSON.stringify(terms.seed)}${terms.protocol['quick'] === true ? ', the quick protocol' : ''}.`,
    '',
  ].join('\n');
}

function describeModel({
  label,
  version,
  weightsType,
  weightsBytes,
  multiplyAccumulates,
}: QualityPoint): string[] {
  const kilobytes = (weightsBytes / 1000).toFixed(0);
  return [
    `${label} \`@${version.slice(0, 8)}\``,
    weightsType,
    kilobytes,
    `${(multiplyAccumulates / 1e6).toFixed(2)} M`,
  ];
}

function showFigures(figures: QualityFigures): string[] {
  return FIGURES.map(([, show]) => show(figures));
}

function showMs({ times }: QualityPoint, count: (typeof COUNTS)[number]): string {
  return `${showTime(computeWorkerMs(times[count]))} (${showTime(times[count].medianMs)})`;
}

function showTime(ms: number): string {
  return ms.toFixed(ms < 20 ? 1 : 0);
}

function showPart(part: number): string {
  return part.toFixed(3).replace(/^0/, '');
}

function toLine(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
}
