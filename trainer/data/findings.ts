/** The findings in a user's data: facts, warnings and unusable files. Pure. */
import { hash } from 'node:crypto';
import { ExpectedError } from '../../shared/expected-error.ts';
import { formatCount } from '../../shared/text.ts';
import { viewImage, type Dataset } from './dataset.ts';
import { escapeControls, nameProblems, nameSome, type Problem } from './layouts/source.ts';

export interface Findings {
  /** In words, for the manifest. */
  readonly layout: string;
  /** Pictures of the part that was read, usable or not. */
  readonly total: number;
  /** Pictures of each part: train, val, test. */
  readonly parts: Readonly<Record<string, number>>;
  /** Numbers of pictures, the most frequent first. */
  readonly formats: Readonly<Record<string, number>>;
  readonly sizes: Readonly<Record<string, number>>;
  /** Pictures with a coloured pixel. */
  readonly coloured: number;
  /** "cropped to 32 x 32"; empty when nothing was changed. */
  readonly fitted: string;
  readonly problems: readonly Problem[];
  readonly notes: readonly string[];
  /** Causes of a worse model, such as few pictures or copies. */
  readonly warnings: readonly string[];
}

/** Too much of the data cannot be used. */
export class UnusableDataError extends ExpectedError {
  readonly findings: Findings;
  constructor(message: string, findings: Findings) {
    super(message);
    this.findings = findings;
  }
}

const MAX_LISTED = 6;

function listCounts(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts);
  const listed = entries
    .slice(0, MAX_LISTED)
    .map(([name, count]) => `${name} (${formatCount(count)})`);
  const rest = entries.length - listed.length;
  return `${listed.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

/** Describes formats, sizes and what was done to them, in one line. */
export function describeFound({ formats, sizes, coloured, fitted }: Findings): string {
  const parts = [
    `formats ${listCounts(formats)}`,
    `sizes ${listCounts(sizes)}`,
    coloured === 0 ? 'no colours' : `${formatCount(coloured)} coloured`,
    fitted,
  ];
  return parts.filter((part) => part !== '').join('; ');
}

/** Describes the parts that are not trained on; empty when there are none. */
export function describeKept({ parts }: Findings): string {
  const { train: _train, ...kept } = parts;
  return Object.keys(kept).length === 0 ? '' : `${listCounts(kept)}, kept for evaluation`;
}

/**
 * A warning that pictures are left out; empty when none are.
 * @param record  A sentence that says where all of them are named.
 */
export function describeProblems({ problems, total }: Findings, record = ''): string[] {
  const part = ((problems.length / total) * 100).toFixed(1);
  return problems.length === 0
    ? []
    : [
        `LEFT OUT: ${formatCount(problems.length)} of ${formatCount(total)} pictures (${part}%)${record}: ${nameProblems(problems)}`,
      ];
}

/** A file that names every problem, a line each. */
export function formatProblems({ problems }: Findings): string {
  return problems.map(({ name, reason }) => `${escapeControls(name)}\t${reason}\n`).join('');
}

/** With fewer pictures a GAN learns them by heart: their changes help it (docs/own-data.md). */
export const FEW = 1000;
/** The largest class has this many times the pictures of the smallest. */
const UNEVEN = 10;
/** Grey levels within which a picture counts as one colour. */
const ONE_COLOUR = 8;
/** This part of all pictures is worth a warning. */
const PART = 0.01;

/** @returns  Warnings, a line each. */
export function findWarnings(dataset: Dataset): string[] {
  const { count, classes } = dataset;
  const warnings: string[] = [];
  if (count < FEW) {
    warnings.push(
      `${formatCount(count)} pictures are few: a model learns some hundred by heart, good ones need thousands.`,
    );
  }
  const counts = countLabels(dataset);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const single = classes.filter((_, label) => counts[label] === 1);
  if (classes.length > 1 && single.length > 0) {
    warnings.push(
      `Classes with one picture (${nameSome(single)}) are learned by heart, and drawn as often as the others: join or remove them.`,
    );
  } else if (classes.length > 1 && most >= least * UNEVEN) {
    const rare = classes[counts.indexOf(least)] as string;
    const frequent = classes[counts.indexOf(most)] as string;
    warnings.push(
      `The classes are uneven: ${frequent} has ${formatCount(most)} pictures, ${rare} ${formatCount(least)}. All are drawn equally often; rare ones will look worse.`,
    );
  }
  const alike = Map.groupBy(classes, (name) => name.toLowerCase());
  const twice = [...alike.values()].filter((names) => names.length > 1).flat();
  if (twice.length > 0) {
    warnings.push(`Names of classes differ only by upper and lower case: ${nameSome(twice)}.`);
  }
  const plain = countPlain(dataset);
  if (plain > 0 && plain >= count * PART) {
    warnings.push(
      `${formatCount(plain)} pictures are almost one colour. If they are transparent, try another --background.`,
    );
  }
  const copies = countCopies(dataset);
  if (copies > 0 && copies >= count * PART) {
    warnings.push(
      `${formatCount(copies)} pictures are nearly the same as an earlier one: copies are drawn more often.`,
    );
  }
  return warnings;
}

/** The number of images of each class. */
export function countLabels({ classes, labels }: Dataset): number[] {
  const counts = Array.from(classes, () => 0);
  labels.forEach((label) => (counts[label] = (counts[label] ?? 0) + 1));
  return counts;
}

function countPlain(dataset: Dataset): number {
  let plain = 0;
  for (let i = 0; i < dataset.count; i++) {
    let [least, largest] = [255, 0];
    for (const value of viewImage(dataset, i)) {
      least = value < least ? value : least;
      largest = value > largest ? value : largest;
    }
    plain += largest - least < ONE_COLOUR ? 1 : 0;
  }
  return plain;
}

/** Fields of a fingerprint on each side; levels by which neighbours differ. */
const [FIELDS, DIFFERENCE] = [8, 6];
/** Root mean square difference of near duplicates, in levels. */
const NEAR = 6;
/** Pictures that are searched for near copies: more would delay a start by seconds. */
const LOOKED_AT = 20_000;

/**
 * Counts pictures that equal an earlier one, and among some of the others those that have an
 * earlier one's coarse pattern and nearly all of its pixels.
 */
function countCopies(dataset: Dataset): number {
  const groups = new Map<string, number[]>();
  const first = new Map<string, number>();
  for (let i = 0; i < dataset.count; i++) {
    const key = hash('sha1', viewImage(dataset, i));
    first.set(key, first.get(key) ?? i);
  }
  const different = [...first.values()];
  let copies = dataset.count - different.length;
  const step = Math.ceil(different.length / LOOKED_AT);
  for (const i of different.filter((_, place) => place % step === 0)) {
    const own = viewImage(dataset, i);
    const pattern = computePattern(own, dataset);
    const earlier = groups.get(pattern) ?? [];
    const isCopy = earlier.some((other) => isNear(own, viewImage(dataset, other)));
    copies += isCopy ? 1 : 0;
    // A few of each pattern: plain pictures share theirs.
    if (!isCopy && earlier.length < 16) {
      groups.set(pattern, [...earlier, i]);
    }
  }
  return copies;
}

function isNear(a: Uint8Array, b: Uint8Array): boolean {
  const limit = a.length * NEAR ** 2;
  let sum = 0;
  for (let i = 0; i < a.length && sum < limit; i++) {
    sum += ((a[i] as number) - (b[i] as number)) ** 2;
  }
  return sum < limit;
}

/** Which fields of a picture are clearly brighter than the field before. */
function computePattern(pixels: Uint8Array, { width, height, channels }: Dataset): string {
  const sums = new Float64Array(FIELDS * FIELDS);
  for (let y = 0, k = 0; y < height; y++) {
    const row = Math.floor((y * FIELDS) / height) * FIELDS;
    for (let x = 0; x < width; x++) {
      const field = row + Math.floor((x * FIELDS) / width);
      for (let c = 0; c < channels; c++) {
        sums[field] = (sums[field] as number) + (pixels[k++] as number);
      }
    }
  }
  const perField = pixels.length / sums.length;
  let pattern = '';
  for (let i = 1; i < sums.length; i++) {
    const difference = ((sums[i] as number) - (sums[i - 1] as number)) / perField;
    pattern += difference > DIFFERENCE ? '+' : difference < -DIFFERENCE ? '-' : '0';
  }
  return pattern;
}
