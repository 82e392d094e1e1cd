/**
 * The result of each layout's reader: a list of labelled pictures that are not read yet. Readers
 * refuse data by errors whose messages follow the name of a file or of the data: "holds nothing".
 */
import { basename } from 'node:path';
import { ExpectedError } from '../../../shared/expected-error.ts';

/** The part of a set that a picture belongs to. Only `train` is trained on. */
export type Split = 'train' | 'val' | 'test';

/** Pixels from an array. */
export interface RawPicture {
  readonly width: number;
  readonly height: number;
  /** 1 (grey), 3 (RGB) or 4 (RGB and opacity). */
  readonly channels: number;
  /** Row-major [height, width, channels]. */
  readonly pixels: Uint8Array;
  /** The numbers of 16 bits that `pixels` were made of, if any. */
  readonly deep?: { readonly channels: number; readonly values: Int32Array };
}

export interface Sample {
  /** For messages: the file's path within the data, or "train.csv, line 7". */
  readonly name: string;
  readonly split: Split;
  /** The name or the number of its class; null without. */
  readonly label: string | number | null;
  /** Reads the bytes of a picture file, or pixels. @throws UnusablePicture, or a system error */
  readonly read: () => Promise<Uint8Array | RawPicture>;
}

/** Something that cannot be used, with the reason in a few words: "is empty". */
export interface Problem {
  readonly name: string;
  readonly reason: string;
  /** The part that it belongs to; absent: not known. */
  readonly split?: Split;
}

export interface Source {
  /** The set's name for the manifest: "CIFAR-10, train". Absent: the path's name and the kind. */
  readonly layout?: string;
  /** "CSV table"; absent: the formats of the pictures. */
  readonly kind?: string;
  readonly samples: readonly Sample[];
  readonly problems: readonly Problem[];
  /** Messages for the user, a line each. */
  readonly notes: readonly string[];
  /** Paths of files beside the pictures that were read. */
  readonly used?: readonly string[];
  /** Names of the classes with numbers as labels, from 0. */
  readonly classNames?: readonly string[];
  /** The common shape of all samples of an array. */
  readonly shape?: Omit<RawPicture, 'pixels' | 'deep'>;
}

/** A picture that cannot be used. The message follows its name: "is empty". */
export class UnusablePicture extends Error {
  override name = 'UnusablePicture' as const;
}

/**
 * Reads something, and puts its place before the messages of refusals.
 * @param place  "train.csv ", or "--data set: ".
 * @param fault  Words an error of any kind, for files that no one has checked; absent: those that
 *               are no refusals pass as they are.
 * @throws ExpectedError  In place of what `read` throws.
 */
export async function within<T>(
  place: string,
  read: () => T | Promise<T>,
  fault?: (message: string) => string,
): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const { message, syscall } = cause as NodeJS.ErrnoException;
    if (cause instanceof ExpectedError) {
      cause.message = `${place}${message}`; // It keeps its class and its fields.
      throw cause;
    }
    if (cause instanceof UnusablePicture) {
      throw new ExpectedError(`${place}${message}`, { cause });
    }
    const words =
      fault ?? (syscall === undefined ? undefined : (text) => `cannot be read: ${text}`);
    throw words === undefined ? cause : new ExpectedError(`${place}${words(message)}`, { cause });
  }
}

/** Advice for what only Python reads. */
export const SAVE_IN_PYTHON = 'in Python, and save numpy.savez("set.npz", images=…, labels=…)';

/** The meanings of subfolders that `--folders` offers. */
export const FOLDER_MEANINGS = ['classes', 'splits', 'names', 'none'] as const;
export type FolderMeaning = (typeof FOLDER_MEANINGS)[number];

/** Whole names of folders, and cells of columns. */
const EXACT = {
  train: 'train(?:ing)?(?:set)?',
  val: '(?:val(?:id(?:ation)?)?|eval(?:uation)?|dev)(?:set)?',
  test: 'test(?:ing)?(?:set)?\\d?',
} as const;
/** Words in the names of files, arrays and columns. */
const WORDS = {
  train: 'train(?:ing)?(?:set)?',
  val: '(?:val(?:id(?:ation)?)?|dev)(?:set)?',
  test: 'test(?:ing)?(?:set)?|t10k',
  labels: 'y|labels?|lbls?|targets?|class(?:es)?',
  pictures: 'x|images?|imgs?|pictures?|data|features?|inputs?',
} as const;
/** Short names of parts. They count only beside a word for pictures or labels: "x_tr", "teY". */
const SHORT = { train: 'trn?', val: 'va|vld', test: 'te|tst?' } as const;
const PARTS = ['train', 'val', 'test'] as const;
const PART = PARTS.map((part) => WORDS[part]).join('|');
const ROLE = `${WORDS.labels}|${WORDS.pictures}`;
/** Two words without anything between: "xtrain", "ytr", "trainlabels". */
const GLUED = buildWord(`(${ROLE})(${PART}|${Object.values(SHORT).join('|')})|(${PART})(${ROLE})`);
const [IS_LABELS, IS_ROLE] = [buildWord(WORDS.labels), buildWord(ROLE)];
const [IS_EXACT, IS_PART, IS_SHORT] = [EXACT, WORDS, SHORT].map(buildParts) as [
  IsPart,
  IsPart,
  IsPart,
];
type IsPart = ReturnType<typeof buildParts>;

function buildParts(words: Readonly<Record<Split, string>>) {
  return PARTS.map((part) => [part, buildWord(words[part])] as const);
}

function buildWord(words: string): RegExp {
  return new RegExp(`^(?:${words})$`);
}

/** Finds the split that a folder's name is: "train", "valid", "test1". */
export function parseSplit(name: string): Split | null {
  return matchPart(IS_EXACT, name.toLowerCase());
}

/** Finds the split that a folder's name may be beside a training part: "te", "images_test". */
export function guessSplit(name: string): Split | null {
  return parseSplit(name) ?? findSplit(name) ?? matchPart(IS_SHORT, name.toLowerCase());
}

/** Finds the split among the words of a name: "x_train", "trainA", "train-00000-of-00002". */
export function findSplit(name: string): Split | null {
  const words = listWords(name);
  const find = (known: IsPart): Split | null =>
    words.map((word) => matchPart(known, word)).find((part) => part !== null) ?? null;
  return find(IS_PART) ?? (words.some((word) => IS_ROLE.test(word)) ? find(IS_SHORT) : null);
}

/** Whether a name has a word for labels: "y_train", "trainLabels", "target", "ytr". */
export function namesLabels(name: string): boolean {
  return listWords(name).some((word) => IS_LABELS.test(word));
}

/** Whether a name has a word for pictures or labels: "x_train", "images". */
export function hasRole(name: string): boolean {
  return listWords(name).some((word) => IS_ROLE.test(word));
}

/** Whether a name has no other words: "images". A single letter may be a class. */
export function isRole(name: string): boolean {
  return name.length > 1 && listWords(name).every((word) => IS_ROLE.test(word));
}

/** Counts the words of a name: 2 of "train_labels", 3 of "train_coarse_labels". */
export function countWords(name: string): number {
  return listWords(name).length;
}

/** Lists the words of a name, in small letters. */
function listWords(name: string): string[] {
  const apart = name.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
  return (apart.match(/(?<![a-z])t10k|[a-z]+/g) ?? []).flatMap((word) =>
    (GLUED.exec(word)?.slice(1) ?? [word]).filter((part) => part),
  );
}

/** Finds the split that a file's folders name. */
export function findFolderSplit(path: string): Split | null {
  const folders = path.split('/').slice(0, -1);
  return folders.map((name) => parseSplit(name) ?? findSplit(name)).find((one) => one) ?? null;
}

/** Finds the split that a file's name or its folders name. Default: training. */
export function findFileSplit(path: string): Split {
  return findSplit(basename(path)) ?? findFolderSplit(path) ?? 'train';
}

function matchPart(known: IsPart, word: string): Split | null {
  return known.find(([, isPart]) => isPart.test(word))?.[0] ?? null;
}

/** Names of parts of a set that are no classes: shard-3, HAM_part_1. */
const SHARD =
  /^(?:[a-z0-9]+[-_ ])*(?:shard|part|chunk|batch|fold|images?|data|folder)[-_ ]?\d+(?:-of-\d+)?$/i;

/**
 * Whether names are those of parts of one set. They have a word for it, or they only differ in a
 * last number that zeros fill up: StyleGAN's 00000 and 00001, digits-000 and digits-001.
 */
export function areShards(names: readonly string[]): boolean {
  const stems = new Set(names.map((name) => name.replace(/(?<!\d)\d{3,}$/, '')));
  const areFilledUp =
    stems.size === 1 &&
    new Set(names.map(({ length }) => length)).size === 1 &&
    names.some((name) => /(?<!\d)0\d{2,}$/.test(name)) &&
    !names.every((name) => /^n\d{8}$/.test(name)); // Numbers of WordNet are ImageNet's classes.
  return areFilledUp || names.every((name) => SHARD.test(name));
}

/** Whether names of files are classes: several are trained on, and no other part has one more. */
export function areClassNames(
  names: readonly string[],
  splits: readonly (Split | null)[],
): boolean {
  const training = new Set(names.filter((_, i) => splits[i] === 'train'));
  return training.size > 1 && names.every((name) => training.has(name)) && !areShards(names);
}

/** Takes off the folders that all paths begin with. */
export function stripCommon(paths: readonly (readonly string[])[]) {
  const [first = []] = paths;
  let depth = 0;
  while (depth < first.length && paths.every((path) => path[depth] === first[depth])) {
    depth++;
  }
  return { common: first.slice(0, depth), paths: paths.map((path) => path.slice(depth)) };
}

/** Orders labels: by value when all are numbers, else by character codes. */
export function compareLabels(areNumbers: boolean) {
  return (a: string, b: string): number =>
    (areNumbers ? Number(a) - Number(b) : 0) || (a < b ? -1 : a > b ? 1 : 0);
}

export function areWholeNumbers(labels: Iterable<string>): boolean {
  return [...labels].every((label) => /^[0-9]{1,9}$/.test(label));
}

/** Names that a message lists. */
const MAX_NAMED = 5;

/** Lists the first names and the number of the others. */
export function nameSome(names: readonly string[], separator = ', '): string {
  const more = names.length > MAX_NAMED ? `${separator}and ${names.length - MAX_NAMED} more` : '';
  return `${names.slice(0, MAX_NAMED).map(escapeControls).join(separator)}${more}`;
}

/** Names some files of each reason, and how many are like them. */
export function nameProblems(problems: readonly Problem[]): string {
  const named = [...Map.groupBy(problems, ({ reason }) => reason)].map(
    ([reason, [first, ...others]]) => {
      const names = others.slice(0, 2).map(({ name }) => name);
      const like = [...names, ...(others.length > names.length ? ['…'] : [])].join(', ');
      const count = others.length.toLocaleString('en');
      return `${first?.name} ${reason}${others.length > 0 ? ` (and ${count} more: ${like})` : ''}`;
    },
  );
  return nameSome(named, '; ');
}

/** Names of files may hold line breaks and commands to a terminal. */
export function escapeControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (control) => JSON.stringify(control).slice(1, -1));
}
