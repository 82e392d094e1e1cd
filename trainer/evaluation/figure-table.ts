/**
 * The figures of an evaluation as a table: a row a figure, a column a set of samples, beside the
 * floor. A figure is an entry of {@link FIGURES} and of `explainFigures`. Pure.
 */
import { alignColumns } from '../../shared/text.ts';
import type { Figures } from './figures.ts';
import type { Protocol } from './protocol.ts';

/** A figure of every set of samples beside its floor. */
type Row = ReturnType<typeof buildRows>[number];

interface RowFacts {
  readonly protocol: Protocol;
  /** The pictures that samples are compared with, such as "test digits". */
  readonly real: string;
  /** The pictures that a model may have copied. */
  readonly learned: string;
  /** Fewer than two: there are none. */
  readonly classes: number;
  /** Absent: their numbers. */
  readonly classNames?: readonly string[];
  /** Numbers a feature vector. */
  readonly features: number;
  /** Features that are above 0 for some digit. */
  readonly activeFeatures: number;
  /** Whether any of the sets has labels. */
  readonly hasLabels: boolean;
  /** Why the classification accuracy score is missing; undefined when it is there. */
  readonly scoreMissing: string | undefined;
  /** Why both two-sample tests are missing; undefined when they are there. */
  readonly twoSampleMissing: string | undefined;
  /** Whether pictures are grey: the place of the ink is measured of grey ones only. */
  readonly isGrey: boolean;
}

type FigureId = keyof Figures | 'worstClass';

type FigureColumns = readonly [
  title: string,
  better: 'lower' | 'higher' | 'near 1' | 'as real',
  show: (figures: Figures, classNames: readonly string[]) => string,
];

/** In the order of the table. */
const FIGURES: Readonly<Record<FigureId, FigureColumns>> = {
  frechetDistance: ['Fréchet distance', 'lower', showFrechetDistance],
  kernelDistance: ['kernel distance ×1000', 'lower', showKernelDistance],
  precision: ['precision', 'higher', (f) => showNumber(f.precision, 3)],
  recall: ['recall', 'higher', (f) => showNumber(f.recall, 3)],
  density: ['density', 'higher', (f) => showNumber(f.density, 3)],
  coverage: ['coverage', 'higher', (f) => showNumber(f.coverage, 3)],
  classAccuracy: ['class accuracy', 'higher', (f) => showPercent(f.classAccuracy?.accuracy)],
  worstClass: ['worst class', 'higher', showWorstClass],
  classBalance: ['class balance', 'lower', (f) => showNumber(f.classBalance, 4)],
  classificationAccuracyScore: [
    'accuracy score',
    'higher',
    (f) => showPercent(f.classificationAccuracyScore),
  ],
  twoSample: ['two-sample accuracy', 'lower', (f) => showTwoSample(f.twoSample)],
  twoSampleMagnified: [
    'two-sample, magnified',
    'lower',
    (f) => showTwoSample(f.twoSampleMagnified),
  ],
  twoSampleBinarized: [
    'two-sample, binarized',
    'lower',
    (f) => showTwoSample(f.twoSampleBinarized),
  ],
  diversity: ['class diversity', 'near 1', (f) => showNumber(f.diversity, 3)],
  memorisation: ['memorisation', 'near 1', (f) => showNumber(f.memorisation, 3)],
  sharpness: ['sharpness', 'near 1', (f) => showNumber(f.sharpness, 3)],
  valuesOf0: ['values of 0', 'as real', (f) => showPercent(f.valuesOf0)],
  values1To4: ['values 1 to 4', 'as real', (f) => showPercent(f.values1To4)],
  values250To255: ['values 250 to 255', 'as real', (f) => showPercent(f.values250To255)],
  valuesOf255: ['values of 255', 'as real', (f) => showPercent(f.valuesOf255)],
  boxSide: ['box', 'as real', (f) => showNumber(f.boxSide, 2)],
  largeBoxes: ['larger boxes', 'as real', (f) => showPercent(f.largeBoxes)],
  stray: ['stray of the centre', 'as real', (f) => showNumber(f.stray, 3)],
  strokeWidth: ['stroke width', 'as real', (f) => showNumber(f.strokeWidth, 2)],
};

function explainFigures(facts: RowFacts): Record<FigureId, string> {
  const { protocol, real, learned, classes, features, activeFeatures, hasLabels } = facts;
  const { kernelSubsets, precisionNeighbours, densityNeighbours } = protocol;
  const subsetSize = protocol.kernelSubsetSize.toLocaleString('en');
  const unlabelled =
    classes < 2
      ? 'the set has no classes'
      : hasLabels
        ? undefined
        : 'these samples were made without labels';
  const ofGrey = (text: string): string => (facts.isGrey ? text : 'for grey pictures only');
  return {
    frechetDistance: `of Gaussians fitted to ${features} features (${activeFeatures} of them active)`,
    kernelDistance: `unbiased KID: ${kernelSubsets} subsets of at most ${subsetSize}, ± error over subsets`,
    precision: `part of the samples that lie among ${real} (k=${precisionNeighbours})`,
    recall: `part of the ${real} that lie among samples (k=${precisionNeighbours})`,
    density: `how deep samples lie among ${real} (k=${densityNeighbours})`,
    coverage: `part of the ${real} with a sample close by (k=${densityNeighbours})`,
    classAccuracy: unlabelled ?? 'does a sample show the class that was asked for?',
    worstClass: unlabelled ?? 'the class that is missed most',
    classBalance:
      classes < 2
        ? 'the set has no classes'
        : `KL to equal classes: 0 is ideal, ${Math.log(classes).toFixed(1)} is one class only`,
    classificationAccuracyScore:
      facts.scoreMissing ??
      `a fresh network that saw these only, on ${real}${hasLabels ? '' : ", labels are the classifier's"}`,
    twoSample:
      facts.twoSampleMissing ?? `fresh networks tell samples from ${real}: 50% is a coin; ± spread`,
    twoSampleMagnified:
      facts.twoSampleMissing ?? 'the same with values near paper and near full ink magnified',
    twoSampleBinarized:
      facts.twoSampleMissing ?? 'the same with all values set to 0 or 255: shapes alone',
    diversity: `mean distance of features in a class, over ${real}`,
    memorisation: `distance to the nearest of the ${learned}, over ${real}; 0: copies`,
    sharpness: `gradient energy over ${real}; below 1: blur`,
    valuesOf0: 'part of all values that are exactly 0: paper',
    values1To4: 'part of all values: a haze on the paper',
    values250To255: 'part of all values: full ink',
    valuesOf255: 'part of all values that are exactly 255',
    boxSide: ofGrey('mean larger side of the box around all values above 0, in pixels'),
    largeBoxes: ofGrey(`part of the samples whose box is larger than any of ${real}`),
    stray: ofGrey(`of the centre of mass from that of ${real}, pixels along an axis`),
    strokeWidth: ofGrey('of the line, between its edges of half ink, in pixels'),
  };
}

const ABSENT = '–';

/** A share of nothing is NaN, which JSON keeps as null. */
function isKnown(figure: number | null | undefined): figure is number {
  return Number.isFinite(figure);
}

function showNumber(figure: number | null | undefined, digits: number): string {
  return isKnown(figure) ? figure.toFixed(digits) : ABSENT;
}

function showPercent(part: number | null | undefined): string {
  return isKnown(part) ? `${(100 * part).toFixed(2)}%` : ABSENT;
}

/** Random features are small, and so are their distances. */
function showFrechetDistance({ frechetDistance }: Figures): string {
  return isKnown(frechetDistance) && frechetDistance < 0.1
    ? frechetDistance.toPrecision(2)
    : showNumber(frechetDistance, 2);
}

function showKernelDistance({ kernelDistance: { mean, standardError } }: Figures): string {
  return isKnown(mean)
    ? `${(1000 * mean).toFixed(2)} ± ${(1000 * standardError).toFixed(2)}`
    : ABSENT;
}

function showTwoSample(test: Figures['twoSample']): string {
  return test === null ? ABSENT : `${showPercent(test.mean)} ± ${(100 * test.spread).toFixed(2)}`;
}

function showWorstClass({ classAccuracy }: Figures, classNames: readonly string[]): string {
  const worst = classAccuracy?.worst;
  return worst === undefined
    ? ABSENT
    : `${showPercent(worst.accuracy)} (${classNames[worst.label] ?? worst.label})`;
}

/** Builds the rows. @param samples  One set or more. */
export function buildRows(samples: readonly Figures[], floor: Figures, facts: RowFacts) {
  const explanations = explainFigures(facts);
  const { classNames = [] } = facts;
  const columns = Object.entries(FIGURES) as [FigureId, FigureColumns][];
  return columns.map(([id, [title, better, show]]) => ({
    /** Its name for programs. */
    id,
    title,
    /** A text for each set; "–" for a figure that the samples cannot have. */
    values: samples.map((figures) => show(figures, classNames)),
    floor: show(floor, classNames),
    better,
    explanation: explanations[id],
  }));
}

/** A longer line of a heading is broken: it must not widen a column of numbers. */
const HEADING_WIDTH = 12;

/**
 * Formats rows for a terminal, one line a figure. With one column of samples the explanations stand
 * beside the figures; with more they stand below, so that four columns fit into 100 characters.
 * @param headings  One a column of samples, from top to bottom. Ignored for one column.
 * @param real      The heading of the floors.
 */
export function formatTable(
  rows: readonly Row[],
  headings: readonly (readonly string[])[],
  real = 'real digits',
) {
  const isNarrow = headings.length > 1;
  const heads = isNarrow ? headings.map((lines) => lines.flatMap(breakHeading)) : [['samples']];
  const height = Math.max(...heads.map(({ length }) => length));
  const tighten = (value: string): string => (isNarrow ? value.replace(' ± ', '±') : value);
  const columns: { head: readonly string[]; pick: (row: Row) => string; isRight?: boolean }[] = [
    { head: ['figure'], pick: ({ title }) => title },
    ...heads.map((head, i) => ({
      head,
      pick: ({ values }: Row) => tighten(values[i] ?? ''),
      isRight: true,
    })),
    { head: [real], pick: ({ floor }) => tighten(floor), isRight: true },
    { head: ['better'], pick: ({ better }) => better },
    ...(isNarrow ? [] : [{ head: ['what it says'], pick: ({ explanation }: Row) => explanation }]),
  ];
  // A head's last line stands right above the figures.
  const headLines = Array.from({ length: height }, (_, line) =>
    columns.map(({ head }) => head[line - height + head.length] ?? ''),
  );
  const lines = alignColumns(
    [...headLines, ...rows.map((row) => columns.map(({ pick }) => pick(row)))],
    (column) => columns[column]?.isRight === true,
  );
  const rule = '─'.repeat(Math.max(...lines.map(({ length }) => length)));
  const table = [...lines.slice(0, height), rule, ...lines.slice(height)];
  const explanations = alignColumns(rows.map(({ title, explanation }) => [title, explanation]));
  return [...table, ...(isNarrow ? ['', ...explanations] : [])].join('\n');
}

/** Breaks a heading's line, after a separator where there is one. */
function breakHeading(line: string): readonly string[] {
  const parts = `.{1,${HEADING_WIDTH}}(?:(?<=[-._])|$)|.{1,${HEADING_WIDTH}}`;
  return line.match(new RegExp(parts, 'g')) ?? [];
}
