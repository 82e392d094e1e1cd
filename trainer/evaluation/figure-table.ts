/**
 * The figures of an evaluation as a table: a row a figure, a column a set of samples, beside the
 * floor. A figure is one entry of {@link FIGURES}. Pure.
 */
import type { Figures } from './figures.ts';
import type { Protocol, Split } from './protocol.ts';

/** Which way is better. */
export type Better = 'lower' | 'higher' | 'near 1';

/** A figure of every set of samples beside its floor. */
export interface Row {
  /** Its name for programs. */
  readonly id: string;
  readonly title: string;
  /** One a set; "–" for a figure that the samples cannot have. */
  readonly values: readonly string[];
  readonly floor: string;
  readonly better: Better;
  /** What it means, in one line. */
  readonly explanation: string;
}

/** What the explanations depend on. */
export interface RowFacts {
  readonly protocol: Protocol;
  /** The digits that samples are compared with. */
  readonly split: Split;
  /** Numbers a feature vector. */
  readonly features: number;
  /** Features that are above 0 for some digit. */
  readonly activeFeatures: number;
  /** How many of the sets have labels. */
  readonly labels: 'all' | 'some' | 'none';
  /** Why the classification accuracy score is missing; undefined when it is there. */
  readonly scoreMissing: string | undefined;
}

/** A figure: how it is named, printed and explained. */
interface Figure extends Pick<Row, 'id' | 'title' | 'better'> {
  readonly show: (figures: Figures) => string;
  readonly explain: (facts: RowFacts) => string;
}

const ABSENT = '–';

function showNumber(digits: number, pick: (figures: Figures) => number): Figure['show'] {
  return (figures) => pick(figures).toFixed(digits);
}

function showPercent(part: number | null | undefined): string {
  return part === null || part === undefined ? ABSENT : `${(100 * part).toFixed(2)}%`;
}

function explainLabelled(explanation: string): Figure['explain'] {
  return ({ labels }) =>
    labels === 'none' ? 'these samples were made without labels' : explanation;
}

/** In the order of the table. */
const FIGURES: readonly Figure[] = [
  {
    id: 'frechetDistance',
    title: 'Fréchet distance',
    better: 'lower',
    show: showNumber(2, (f) => f.frechetDistance),
    explain: ({ features, activeFeatures }) =>
      `of Gaussians fitted to ${features} features (${activeFeatures} of them active)`,
  },
  {
    id: 'kernelDistance',
    title: 'kernel distance ×1000',
    better: 'lower',
    show: ({ kernelDistance: { mean, standardError } }) =>
      `${(1000 * mean).toFixed(2)} ± ${(1000 * standardError).toFixed(2)}`,
    explain: ({ protocol: { kernelSubsets, kernelSubsetSize } }) =>
      `unbiased KID: ${kernelSubsets} subsets of ${kernelSubsetSize.toLocaleString('en')}, ± standard error`,
  },
  {
    id: 'precision',
    title: 'precision',
    better: 'higher',
    show: showNumber(3, (f) => f.precision),
    explain: ({ split, protocol }) =>
      `part of the samples that lie among ${split} digits (k=${protocol.precisionNeighbours})`,
  },
  {
    id: 'recall',
    title: 'recall',
    better: 'higher',
    show: showNumber(3, (f) => f.recall),
    explain: ({ split, protocol }) =>
      `part of the ${split} digits that lie among samples (k=${protocol.precisionNeighbours})`,
  },
  {
    id: 'density',
    title: 'density',
    better: 'higher',
    show: showNumber(3, (f) => f.density),
    explain: ({ split, protocol }) =>
      `how deep samples lie among ${split} digits (k=${protocol.densityNeighbours})`,
  },
  {
    id: 'coverage',
    title: 'coverage',
    better: 'higher',
    show: showNumber(3, (f) => f.coverage),
    explain: ({ split, protocol }) =>
      `part of the ${split} digits with a sample close by (k=${protocol.densityNeighbours})`,
  },
  {
    id: 'classAccuracy',
    title: 'class accuracy',
    better: 'higher',
    show: ({ classAccuracy }) => showPercent(classAccuracy?.accuracy),
    explain: explainLabelled('is a 7 asked for a 7?'),
  },
  {
    id: 'worstClass',
    title: 'worst class',
    better: 'higher',
    show: ({ classAccuracy }) =>
      classAccuracy === null
        ? ABSENT
        : `${showPercent(classAccuracy.worst.accuracy)} (${classAccuracy.worst.label})`,
    explain: explainLabelled('the class that is missed most'),
  },
  {
    id: 'classBalance',
    title: 'class balance',
    better: 'lower',
    show: showNumber(4, (f) => f.classBalance),
    explain: () => 'KL to equal classes: 0 is ideal, 2.3 is one class only',
  },
  {
    id: 'classificationAccuracyScore',
    title: 'accuracy score',
    better: 'higher',
    show: (f) => showPercent(f.classificationAccuracyScore),
    explain: ({ scoreMissing, split, labels }) => {
      const note = labels === 'none' ? ", labels are the classifier's" : '';
      return scoreMissing ?? `a fresh network that saw these only, on ${split} digits${note}`;
    },
  },
  {
    id: 'diversity',
    title: 'class diversity',
    better: 'near 1',
    show: showNumber(3, (f) => f.diversity),
    explain: ({ split }) => `mean distance of features in a class, over ${split} digits`,
  },
  {
    id: 'memorisation',
    title: 'memorisation',
    better: 'near 1',
    show: showNumber(3, (f) => f.memorisation),
    explain: ({ split }) =>
      `distance to the nearest training digit, over ${split} digits; 0: copies`,
  },
  {
    id: 'sharpness',
    title: 'sharpness',
    better: 'near 1',
    show: showNumber(3, (f) => f.sharpness),
    explain: ({ split }) => `gradient energy over ${split} digits; below 1: blur`,
  },
];

/** Builds the rows. @param samples  One set or more. */
export function buildRows(samples: readonly Figures[], floor: Figures, facts: RowFacts): Row[] {
  return FIGURES.map(({ id, title, better, show, explain }) => ({
    id,
    title,
    values: samples.map(show),
    floor: show(floor),
    better,
    explanation: explain(facts),
  }));
}

const GAP = '  ';
/** A longer line of a heading is broken: it must not widen a column of numbers. */
const HEADING_WIDTH = 12;

/**
 * Formats rows for a terminal, one line a figure. With one column of samples the explanations stand
 * beside the figures; with more they stand below, so that four columns fit into 100 characters.
 *
 * @param headings  One a column of samples, from top to bottom. Ignored for one column.
 */
export function formatTable(
  rows: readonly Row[],
  headings: readonly (readonly string[])[],
): string {
  const isNarrow = headings.length > 1;
  const heads = isNarrow ? headings.map((lines) => lines.flatMap(breakHeading)) : [['samples']];
  const height = Math.max(...heads.map(({ length }) => length));
  const toColumn = (
    head: readonly string[],
    pick: (row: Row) => string | undefined,
    align: 'left' | 'right',
  ): string[] => {
    const padding = Array.from({ length: height - head.length }, () => '');
    const cells = [...padding, ...head, ...rows.map((row) => pick(row) ?? '')];
    const width = Math.max(...cells.map(({ length }) => length));
    return cells.map((cell) => (align === 'left' ? cell.padEnd(width) : cell.padStart(width)));
  };
  const tighten = (value = ''): string => (isNarrow ? value.replace(' ± ', '±') : value);
  const columns = [
    toColumn(['figure'], ({ title }) => title, 'left'),
    ...heads.map((head, i) => toColumn(head, ({ values }) => tighten(values[i]), 'right')),
    toColumn(['real digits'], ({ floor }) => tighten(floor), 'right'),
    toColumn(['better'], ({ better }) => better, 'left'),
    ...(isNarrow ? [] : [toColumn(['what it says'], ({ explanation }) => explanation, 'left')]),
  ];
  const lines = Array.from({ length: height + rows.length }, (_, line) =>
    columns
      .map((cells) => cells[line])
      .join(GAP)
      .trimEnd(),
  );
  const rule = '─'.repeat(Math.max(...lines.map(({ length }) => length)));
  const table = [...lines.slice(0, height), rule, ...lines.slice(height)];
  return [...table, ...(isNarrow ? ['', ...explainRows(rows)] : [])].join('\n');
}

function explainRows(rows: readonly Row[]): string[] {
  const width = Math.max(...rows.map(({ title }) => title.length));
  return rows.map(({ title, explanation }) => `${title.padEnd(width)}${GAP}${explanation}`);
}

/** Breaks a heading's line, after a separator where there is one. */
function breakHeading(line: string): readonly string[] {
  const parts = `.{1,${HEADING_WIDTH}}(?:(?<=[-._])|$)|.{1,${HEADING_WIDTH}}`;
  return line.match(new RegExp(parts, 'g')) ?? [];
}
