/**
 * The figures as the rows of a table: their names, which way is better, and what each says, in a line. Pure.
 */
import type { Figures } from './figures.ts';
import type { Protocol, Split } from './protocol.ts';

/** Which way is better. */
export type Better = 'lower' | 'higher' | 'near 1';

/** One figure of every set of samples beside its floor. */
export interface Row {
  /** Its name for programs. */
  readonly id: string;
  readonly title: string;
  /** One a set, as shown; "–" for a figure that the samples cannot have. */
  readonly values: readonly string[];
  readonly floor: string;
  readonly better: Better;
  /** What it says, in one line. */
  readonly explanation: string;
}

/** What the explanations depend on. */
export interface RowFacts {
  readonly protocol: Protocol;
  /** What all is held against. */
  readonly split: Split;
  /** Numbers a feature vector. */
  readonly features: number;
  /** Of these, those that are not 0 for every digit held against. */
  readonly activeFeatures: number;
  /** How many of the sets have labels. */
  readonly labels: 'all' | 'some' | 'none';
  /** Why the classification accuracy score is missing; undefined when it is not. */
  readonly scoreMissing: string | undefined;
}

const ABSENT = '–';

/** Builds the table's rows, in its order. @param samples  One set or more. */
export function buildRows(
  samples: readonly Figures[],
  floor: Figures,
  { protocol, split, features, activeFeatures, labels, scoreMissing }: RowFacts,
): Row[] {
  const row = (
    id: string,
    title: string,
    better: Better,
    show: (figures: Figures) => string,
    explanation: string,
  ): Row => ({
    id,
    title,
    values: samples.map(show),
    floor: show(floor),
    better,
    explanation,
  });
  const {
    precisionNeighbours: k,
    densityNeighbours: wideK,
    kernelSubsets,
    kernelSubsetSize,
  } = protocol;
  const real = `${split} digits`;
  const noLabels = 'these samples were made without labels';
  const scoreLabels = labels === 'none' ? ", labels are the classifier's" : '';
  const number = (digits: number, pick: (figures: Figures) => number) => (figures: Figures) =>
    pick(figures).toFixed(digits);
  const percent = (part: number | null | undefined): string =>
    part === null || part === undefined ? ABSENT : `${(100 * part).toFixed(2)}%`;
  return [
    row(
      'frechetDistance',
      'Fréchet distance',
      'lower',
      number(2, (f) => f.frechetDistance),
      `of Gaussians fitted to ${features} features (${activeFeatures} of them active)`,
    ),
    row(
      'kernelDistance',
      'kernel distance ×1000',
      'lower',
      ({ kernelDistance: { mean, standardError } }) =>
        `${(1000 * mean).toFixed(2)} ± ${(1000 * standardError).toFixed(2)}`,
      `unbiased KID: ${kernelSubsets} subsets of ${kernelSubsetSize.toLocaleString('en')}, ± standard error`,
    ),
    row(
      'precision',
      'precision',
      'higher',
      number(3, (f) => f.precision),
      `part of the samples that lie among ${real} (k=${k})`,
    ),
    row(
      'recall',
      'recall',
      'higher',
      number(3, (f) => f.recall),
      `part of the ${real} that lie among samples (k=${k})`,
    ),
    row(
      'density',
      'density',
      'higher',
      number(3, (f) => f.density),
      `how deep samples lie among ${real} (k=${wideK})`,
    ),
    row(
      'coverage',
      'coverage',
      'higher',
      number(3, (f) => f.coverage),
      `part of the ${real} with a sample close by (k=${wideK})`,
    ),
    row(
      'classAccuracy',
      'class accuracy',
      'higher',
      (f) => percent(f.classAccuracy?.accuracy),
      labels === 'none' ? noLabels : 'is a 7 asked for a 7?',
    ),
    row(
      'worstClass',
      'worst class',
      'higher',
      ({ classAccuracy }) =>
        classAccuracy === null
          ? ABSENT
          : `${percent(classAccuracy.worst.accuracy)} (${classAccuracy.worst.label})`,
      labels === 'none' ? noLabels : 'the class that is missed most',
    ),
    row(
      'classBalance',
      'class balance',
      'lower',
      number(4, (f) => f.classBalance),
      'KL to equal classes: 0 is ideal, 2.3 is one class only',
    ),
    row(
      'classificationAccuracyScore',
      'accuracy score',
      'higher',
      (f) => percent(f.classificationAccuracyScore),
      scoreMissing ?? `a fresh network that saw these only, on ${real}${scoreLabels}`,
    ),
    row(
      'diversity',
      'class diversity',
      'near 1',
      number(3, (f) => f.diversity),
      `mean distance of features in a class, over ${real}`,
    ),
    row(
      'memorisation',
      'memorisation',
      'near 1',
      number(3, (f) => f.memorisation),
      `distance to the nearest training digit, over ${real}; 0: copies`,
    ),
    row(
      'sharpness',
      'sharpness',
      'near 1',
      number(3, (f) => f.sharpness),
      `gradient energy over ${real}; below 1: blur`,
    ),
  ];
}
