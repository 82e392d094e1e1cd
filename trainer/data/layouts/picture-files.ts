/**
 * Picture files in a folder or archive: a folder for each class, folders for splits, one folder
 * without classes, labels in a table, or StyleGAN's `dataset.json`.
 */
import { basename, extname } from 'node:path';
import { CLASS_LIMITS } from '../../../shared/model/classes.ts';
import { ExpectedError } from '../../../shared/expected-error.ts';
import {
  describeMissing,
  describeUnreadLabels,
  findListedLabels,
  type ListedLabels,
} from '../labels/listed-labels.ts';
import { unwrapLabel } from '../labels/label-column.ts';
import { decodeText } from '../labels/text-encoding.ts';
import {
  areShards,
  areWholeNumbers,
  compareLabels,
  findFolderSplit,
  findSplit,
  guessSplit,
  nameSome,
  parseSplit,
  stripCommon,
  within,
  type FolderMeaning,
  type Sample,
  type Source,
  type Split,
} from './source.ts';
import { folderOf, readFile, type Tree, type TreeFile } from './tree.ts';

/** A larger picture file is refused. Photographs have 10 MB. */
const MAX_PICTURE_BYTES = 64 * 1024 * 1024;
const MAX_LABELS_BYTES = 128 * 1024 * 1024;

/** The file in which StyleGAN's tools keep the labels. */
const STYLEGAN_LABELS = 'dataset.json';

/** A picture file with what its folders say. */
interface Placed {
  readonly file: TreeFile;
  readonly split: Split;
  readonly label: string | null;
}

/**
 * @param folders  The meaning of subfolders; absent: found out.
 * @throws ExpectedError  When folders could mean several things, or labels are no labels.
 */
export async function arrangePictures(
  tree: Tree,
  pictures: readonly TreeFile[],
  folders?: FolderMeaning,
): Promise<Source> {
  const listings = tree.files.filter(({ path }) => basename(path) === STYLEGAN_LABELS);
  for (const listing of folders === undefined ? listings : []) {
    const labels = await readStyleGanLabels(listing);
    if (labels !== undefined) {
      return placeByStyleGan(listing, labels, pictures);
    }
  }
  const isGiven = folders === 'classes' || folders === 'names';
  const listed = isGiven ? null : await findListedLabels(tree, pictures);
  const { placed, notes } = placeByAll(pictures, folders, listed);
  const labels = new Set(placed.flatMap(({ label }) => label ?? []));
  const compare = compareLabels(areWholeNumbers(labels));
  const samples = placed
    .sort((a, b) => compare(a.label ?? '', b.label ?? '') || comparePaths(a.file, b.file))
    .map(({ file, ...rest }): Sample => ({ ...rest, name: file.path, read: () => read(file) }));
  const used = listed?.files ?? [];
  const known = new Set([...pictures.map(({ path }) => path), ...used]);
  const others = tree.files.map(({ path }) => path).filter((path) => !known.has(path));
  const advice =
    listTrained(placed).size > 1 || isGiven
      ? []
      : [...describeNames(pictures), ...describeUnreadLabels(others, pictures)];
  return { samples, problems: [], notes: [...notes, ...advice, ...describeMasks(pictures)], used };
}

/** The labels of the training part. */
function listTrained(placed: readonly Placed[]): ReadonlySet<string> {
  return new Set(placed.flatMap(({ split, label }) => (split === 'train' ? (label ?? []) : [])));
}

/** Takes the classes from folders or, without any, from tables that name the files. */
function placeByAll(
  pictures: readonly TreeFile[],
  folders: FolderMeaning | undefined,
  listed: ListedLabels | null,
): { placed: Placed[]; notes: readonly string[] } {
  const isListed = [...(listed?.labels.values() ?? [])].some(({ label }) => label !== null);
  let byFolders: ReturnType<typeof placePictures>;
  try {
    byFolders = placePictures(pictures, folders);
  } catch (error) {
    if (!isListed) {
      throw error;
    }
    byFolders = { placed: pictures.map((file) => placeBySplit(file, null)), notes: [] };
  }
  const { placed, notes } = byFolders;
  if (listed === null) {
    return byFolders;
  }
  if (listTrained(placed).size > 1) {
    const parted = placed.map((one): Placed => {
      const { split = null } = listed.labels.get(one.file) ?? {};
      return { ...one, split: findFolderSplit(one.file.path) ?? split ?? one.split };
    });
    // Lists of several partitions, as of cross-validation, would leave too little to train on.
    const areUsed =
      listed.mixed.length === 0 &&
      parted.some(({ split }, i) => split !== placed[i]?.split) &&
      listTrained(parted).size === listTrained(placed).size;
    const use = areUsed ? 'the parts are those of' : 'not used:';
    const told =
      listed.files.length > 0
        ? [`The folders are the classes; ${use} ${nameSome(listed.files)}`]
        : [];
    return { placed: areUsed ? parted : placed, notes: [...notes, ...told] };
  }
  const relabelled = placed.map((one): Placed => {
    const { label = null, split = null } = listed.labels.get(one.file) ?? {};
    return {
      file: one.file,
      split: one.split === 'train' ? (split ?? 'train') : one.split,
      label: isListed ? label : one.label,
    };
  });
  return { placed: relabelled, notes: [...notes, ...listed.notes] };
}

function placeBySplit(file: TreeFile, label: string | null): Placed {
  return { file, split: findFolderSplit(file.path) ?? 'train', label };
}

/** Names of masks beside pictures: "0007_mask.png" of 0007.png. */
const MASK = /[-_ .](?:masks?|seg(?:mentation)?|labels?|gt|depth|annotations?)$/i;

/** Says when pictures seem to be masks of others. */
function describeMasks(pictures: readonly TreeFile[]): string[] {
  const stemOf = ({ path }: TreeFile): string => basename(path, extname(path));
  const stems = new Set(pictures.map(stemOf));
  const masks = pictures.filter((file) => {
    const stem = stemOf(file);
    return MASK.test(stem) && stems.has(stem.replace(MASK, ''));
  });
  return masks.length === 0
    ? []
    : [
        `${masks.length} pictures are named like masks of others (${nameSome(masks.map(({ path }) => path))}). Move them away unless they shall be learned.`,
      ];
}

/** A number, or a word with one, before the last number: "7" of 7_12, "digit_7" of digit_7_12. */
const BEFORE_LAST = /^((?:[a-z]+[-_ ]?)?\d{1,3})[-_. ]+\(?\d+\)?$/i;

/** Groups pictures by what their names say before a number; null for none. */
function groupNames(pictures: readonly TreeFile[]): {
  names: readonly (string | null)[];
  areLikely: boolean;
} {
  const stems = pictures.map(({ path }) => basename(path, extname(path)));
  const [words, numbers] = [
    stems.map(parseName),
    stems.map((stem) => BEFORE_LAST.exec(stem)?.[1] ?? null),
  ];
  return areLikely(words) || !areLikely(numbers)
    ? { names: words, areLikely: areLikely(words) }
    : { names: numbers, areLikely: true };
}

function areLikely(names: readonly (string | null)[]): boolean {
  const groups = new Set(names.filter((name) => name !== null));
  const unnamed = names.filter((name) => name === null).length;
  return (
    groups.size > 1 &&
    groups.size <= Math.min(CLASS_LIMITS.classes, names.length / 4) &&
    unnamed <= names.length / 2
  );
}

/** The part of a name before its number: "cat" of cat.12; null for none. */
function parseName(stem: string): string | null {
  let end = stem.length;
  while (end > 0 && ' ._-()0123456789'.includes(stem[end - 1] as string)) {
    end--;
  }
  return end > 0 && end < stem.length ? stem.slice(0, end) : null;
}

/** Advises when names of files seem to have classes. */
function describeNames(pictures: readonly TreeFile[]): string[] {
  const { names, areLikely: isLikely } = groupNames(pictures);
  const known = new Set(names.filter((name) => name !== null));
  return isLikely
    ? [`Names of files begin like classes (${nameSome([...known])}): --folders names takes these.`]
    : [];
}

function comparePaths(a: TreeFile, b: TreeFile): number {
  return a.path < b.path ? -1 : 1;
}

function read(file: TreeFile): Promise<Uint8Array> {
  return readFile(file, MAX_PICTURE_BYTES);
}

/** Folders beside pictures that hold other things, such as masks. */
const BESIDE = /^(?:masks?|segmentation\w*|annotations?|labels?|depths?|ground[-_ ]?truth|gt)$/i;
const OF_PICTURES = /[-_ .](?:images?|imgs?|pictures?)$/i;
/** "no_mask" and "mask" are classes. */
const WITHOUT = /^(?:non?|without)[-_ ]?(.+)/;

function namesPart(folder: string): boolean {
  return parseSplit(folder) !== null || findSplit(folder) !== null;
}

/** A folder within a part for all of its pictures. */
const OF_ALL = /^(?:jpe?g[-_ ]?)?(?:images?|imgs?|pictures?|photos?)$/i;

/** Finds names such as masks, and train_masks beside train or train_images. */
export function findBeside(tops: readonly string[]): readonly string[] {
  const denied = tops.map((top) => WITHOUT.exec(top.toLowerCase())?.[1]);
  return tops.filter(
    (top) =>
      (BESIDE.test(top) && !denied.includes(top.toLowerCase())) ||
      (MASK.test(top) &&
        tops.some((one) => one.replace(OF_PICTURES, '') === top.replace(MASK, ''))),
  );
}

function placePictures(
  pictures: readonly TreeFile[],
  folders: FolderMeaning | undefined,
): { placed: Placed[]; notes: string[] } {
  const unlabelled = (): Placed[] =>
    pictures.map((file) => ({ file, split: 'train', label: null }));
  if (folders === 'none') {
    return { placed: unlabelled(), notes: [] };
  }
  if (folders === 'names') {
    const { names } = groupNames(pictures);
    return { placed: pictures.map((file, i) => placeBySplit(file, names[i] ?? null)), notes: [] };
  }
  const { common, paths } = stripCommon(pictures.map(({ path }) => path.split('/').slice(0, -1)));
  const around = common.filter((name) => parseSplit(name) !== null);
  if (
    folders === undefined &&
    around.length > 0 &&
    around.every((name) => parseSplit(name) !== 'train')
  ) {
    throw refuseWithoutTraining(around);
  }
  if (paths.every((path) => path.length === 0)) {
    // One folder with all pictures is a class of its own, unless it is named after a split.
    const only = common.at(-1);
    const isClass = only !== undefined && (folders === 'classes' || !namesPart(only));
    const placed = unlabelled();
    return { placed: isClass ? placed.map((one) => ({ ...one, label: only })) : placed, notes: [] };
  }
  refuseLoose(pictures, paths);
  const tops = [...new Set(paths.map(([top = '']) => top))];
  const meaning = folders ?? guessMeaning(tops, paths);
  if (meaning === 'classes') {
    const placed = pictures.map((file, i): Placed => {
      const [label = null, second = ''] = paths[i] as readonly string[];
      // cat/train/, cat/test/: splits within classes.
      const inner = folders === undefined && areSplitsWithin(paths) ? parseSplit(second) : null;
      return { file, split: inner ?? 'train', label };
    });
    return { placed, notes: folders === undefined ? describeJoined(paths) : [] };
  }
  const groups = Map.groupBy(pictures.keys(), (i) => paths[i]?.[0] ?? '');
  const placed = [...groups].flatMap(([top, places]): Placed[] => {
    const split = guessSplit(top);
    if (split === null) {
      return []; // Only with --folders splits.
    }
    const inner = stripCommon(places.map((i) => (paths[i] as readonly string[]).slice(1)));
    const files = places.map((i) => pictures[i] as TreeFile);
    if (inner.paths.every((path) => path.length === 0)) {
      const only = inner.common.at(-1) ?? '';
      // train/train/a.png and train/images/a.png have no class.
      const isClass = only !== '' && !namesPart(only) && !OF_ALL.test(only);
      return files.map((file) => ({ file, split, label: isClass ? only : null }));
    }
    refuseLoose(files, inner.paths);
    if (folders === undefined) {
      refuseCopies(inner.paths);
      refuseAlike(inner.paths, 'splits');
    }
    return files.map((file, i) => ({ file, split, label: inner.paths[i]?.[0] ?? null }));
  });
  const hasTraining = placed.some(({ split }) => split === 'train');
  if (!hasTraining) {
    throw refuseWithoutTraining(tops);
  }
  if (folders === undefined) {
    const areSure = tops.every((top) => parseSplit(top) !== null);
    const note = `The folders ${nameSome(tops)} are taken for parts of the set (else: --folders classes).`;
    return { placed, notes: areSure ? [] : [note] };
  }
  const left = tops.filter((top) => guessSplit(top) === null);
  const note = `Folders that are no parts, named train, val and test, are left out: ${nameSome(left)}.`;
  return { placed, notes: left.length > 0 ? [note] : [] };
}

function refuseWithoutTraining(parts: readonly string[]): ExpectedError {
  return new ExpectedError(
    `has no training part, only ${nameSome(parts)}. Give a folder within it as --data, ` +
      'add a folder train, or say what the folders are: --folders classes or none',
  );
}

function refuseLoose(files: readonly TreeFile[], paths: readonly (readonly string[])[]): void {
  const loose = files.find((_, i) => paths[i]?.length === 0);
  if (loose !== undefined) {
    const top = paths.find((path) => path.length > 0)?.[0];
    throw new ExpectedError(
      `holds pictures (${loose.path}, ...) beside subfolders of pictures (${top}, ...): expected one or the other. ` +
        'Move the loose ones into a subfolder each class has, or take all of them without classes: --folders none',
    );
  }
}

/** @throws ExpectedError  When all folders hold several folders of the same names. */
function refuseAlike(paths: readonly (readonly string[])[], flag: 'classes' | 'splits'): void {
  const groups = Map.groupBy(paths, ([top]) => top);
  const inner = [...groups.values()].map((own) => {
    const { paths: inside } = stripCommon(own.map((path) => path.slice(1))); // Or in a/images/.
    return [...new Set(inside.flatMap(([top]) => top ?? []))].sort();
  });
  const [first = []] = inner;
  const areAlike = inner.every((names) => names.join('/') === first.join('/'));
  if (areAlike && groups.size > 1 && first.length > 1 && !areSplitsWithin(paths)) {
    throw new ExpectedError(
      `the subfolders ${nameSome([...groups.keys()] as string[])} hold subfolders of the same names (${nameSome(first)}). ` +
        `Say what they are: --folders ${flag} if the upper ones are the classes. If the inner ones are, put the pictures of each into one folder. Call parts of a set train, val and test`,
    );
  }
}

/**
 * Sets that were unpacked or uploaded twice lie within themselves: set/cat and set/set/cat.
 * @throws ExpectedError  When a folder holds several of the folders beside it.
 */
function refuseCopies(paths: readonly (readonly string[])[]): void {
  const groups = Map.groupBy(paths, ([top = '']) => top);
  for (const [top, own] of groups) {
    const seconds = new Set(own.flatMap(([, second = '']) => (groups.has(second) ? second : [])));
    if (seconds.size > 1) {
      throw new ExpectedError(
        `the subfolder ${top} holds subfolders of the same names as those beside it (${nameSome([...seconds])}): ` +
          'it seems to be a copy of the set. Move it away, or say what the folders are: --folders classes',
      );
    }
  }
}

/** Says when classes of folders within folders could be meant. */
function describeJoined(paths: readonly (readonly string[])[]): string[] {
  const inner = new Set(paths.filter(({ length }) => length > 1).map(([a, b]) => `${a}/${b}`));
  const outer = new Set([...inner].map((path) => path.split('/', 1)[0]));
  return inner.size > outer.size && !areSplitsWithin(paths)
    ? [`The classes are the upper folders; those within are joined (${nameSome([...inner])}).`]
    : [];
}

function areSplitsWithin(paths: readonly (readonly string[])[]): boolean {
  const seconds = new Set(paths.map((path) => path[1] ?? ''));
  return [...seconds].every((name) => parseSplit(name) !== null);
}

/**
 * @throws ExpectedError  When names are those of masks, or of splits or shards, but not surely, or
 *                        when all folders hold folders of the same names.
 */
function guessMeaning(
  tops: readonly string[],
  paths: readonly (readonly string[])[],
): 'classes' | 'splits' {
  const beside = findBeside([...new Set(paths.flat())]);
  if (beside.length > 0) {
    throw new ExpectedError(
      `the subfolders ${nameSome(beside)} seem to belong to the pictures of the others. ` +
        'Move them away, give the folder of the pictures as --data, or say what the folders are: --folders classes or splits',
    );
  }
  const seeming = tops.filter(namesPart);
  if (seeming.length === tops.length) {
    return 'splits'; // Without a training part it is refused.
  }
  // "te" alone may be a syllable.
  const guessed = tops.map(guessSplit);
  if (guessed.includes('train') && !guessed.includes(null)) {
    return 'splits';
  }
  if (seeming.length > 0) {
    const others = tops.filter((top) => !seeming.includes(top));
    throw new ExpectedError(
      `the subfolders ${nameSome(seeming)} are named like parts of a set` +
        `${others.length > 0 ? `, ${nameSome(others)} like classes` : ''}. ` +
        'Say which they are: --folders splits (only the training part is trained on), --folders classes, or --folders none',
    );
  }
  if (areShards(tops) && !areSplitsWithin(paths)) {
    throw new ExpectedError(
      `the subfolders ${nameSome(tops)} are named like shards of one set. ` +
        'Say what they are: --folders none (one set without classes), or --folders classes',
    );
  }
  refuseCopies(paths);
  refuseAlike(paths, 'classes');
  return 'classes';
}

/**
 * Reads `{"labels": [["00000/img00000000.png", 6], ...]}`; labels may be null.
 * @returns  Absent where the file has no such list: another program wrote it.
 * @throws ExpectedError  When it is damaged.
 */
async function readStyleGanLabels(
  listing: TreeFile,
): Promise<readonly unknown[] | null | undefined> {
  const content = await within(
    `${listing.path} `,
    async () => JSON.parse(decodeText(await readFile(listing, MAX_LABELS_BYTES))) as unknown,
    (message) => `cannot be read: ${message}`,
  );
  const { labels } = (content ?? {}) as { labels?: unknown };
  return labels === null || Array.isArray(labels) ? labels : undefined;
}

function placeByStyleGan(
  listing: TreeFile,
  labels: readonly unknown[] | null,
  pictures: readonly TreeFile[],
): Source {
  /** Labels by path. The first label of a path counts. */
  const listed = new Map<string, number>();
  for (const [i, entry] of (labels ?? []).entries()) {
    const [path, value] = Array.isArray(entry) ? (entry as unknown[]) : [];
    const label = unwrapLabel(value);
    const isLabel = typeof label === 'number' && Number.isInteger(label) && label >= 0;
    if (typeof path !== 'string' || !isLabel) {
      throw new ExpectedError(
        `${listing.path}: entry ${i} is ${(JSON.stringify(entry) ?? 'nothing').slice(0, 80)}, expected [file, label] with a whole number or one-hot vector`,
      );
    }
    const full = folderOf(listing.path) + path.replaceAll('\\', '/');
    listed.set(full, listed.get(full) ?? label);
  }
  const isLabelled = labels !== null;
  const known = new Set(pictures.map(({ path }) => path));
  const missing = [...listed.keys()].filter((path) => !known.has(path));
  const others = isLabelled ? pictures.filter(({ path }) => !listed.has(path)) : [];
  const samples = pictures
    .filter(({ path }) => !isLabelled || listed.has(path))
    .sort(comparePaths)
    .map((file): Sample => {
      const label = listed.get(file.path) ?? null;
      return { name: file.path, split: 'train', label, read: () => read(file) };
    });
  const reason = `has no label in ${STYLEGAN_LABELS}`;
  const problems = others.map(({ path }) => ({ name: path, reason }));
  const notes = describeMissing(STYLEGAN_LABELS, missing);
  return { samples, problems, notes, used: [listing.path] };
}
