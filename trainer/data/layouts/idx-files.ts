/** IDX files under the names of MNIST, Fashion-MNIST, KMNIST, EMNIST and QMNIST, as published. */
import { gunzipSync } from 'node:zlib';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { checkClassNames } from '../dataset.ts';
import { decodeIdxPair, MAX_IDX_BYTES, type NamedBytes } from '../idx.ts';
import { nameSome, type RawPicture, type Sample, type Source } from './source.ts';
import { readFile, type Tree, type TreeFile } from './tree.ts';

/** "emnist-letters-train-images-idx3-ubyte.gz"; many copies have a dot before "idx". */
const NAME = /^(?:(.+)-)?(train|t10k|test)-(images|labels)[-.]idx[1-4]-(?:ubyte|int)(?:\.gz)?$/;

export function isIdxFile({ path }: TreeFile): boolean {
  return NAME.test(splitPath(path).name);
}

function splitPath(path: string) {
  const slash = path.lastIndexOf('/') + 1;
  return { folder: path.slice(0, slash), name: path.slice(slash) };
}

/** Files of one set: those with one prefix in one folder. */
interface IdxSet {
  readonly prefix: string;
  readonly folder: string;
  /** By part and kind: "train images". A plain file comes before its .gz. */
  readonly files: ReadonlyMap<string, TreeFile>;
}

/** Groups files by folder and prefix, or by prefix alone when no folder has a whole set. */
function groupSets({ files }: Tree): IdxSet[] {
  const group = (key: (folder: string, prefix: string) => string): IdxSet[] => {
    const groups = Map.groupBy(files.filter(isIdxFile), ({ path }) => {
      const { folder, name } = splitPath(path);
      return key(folder, NAME.exec(name)?.[1] ?? '');
    });
    return [...groups.values()].map((members) => {
      const { folder, name } = splitPath((members[0] as TreeFile).path);
      const roles = members.toReversed().map((file) => {
        const [, , part, kind] = NAME.exec(splitPath(file.path).name) ?? [];
        return [`${part === 'train' ? 'train' : 'test'} ${kind}`, file] as const;
      });
      return { folder, prefix: NAME.exec(name)?.[1] ?? '', files: new Map(roles) };
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
  what: string,
  part: 'train' | 'test',
  chosen?: string,
): Promise<Source> {
  const all = groupSets(tree);
  const sets =
    chosen === undefined
      ? all
      : all.filter(({ files }) => [...files.values()].some(({ path }) => path === chosen));
  const [set] = sets;
  if (set === undefined || sets.length > 1) {
    const names = sets.map(({ folder, prefix }) => `${folder}${prefix}`);
    throw new ExpectedError(
      `${what}: holds ${sets.length} sets of IDX files (${nameSome(names)}): give one of their files, such as ${what}/${
        set?.files.get('train images')?.path
      }`,
    );
  }
  const hasTest = set.files.has('test images');
  const samples = await readPart(tree, set, what, 'train');
  const notes: string[] = [];
  try {
    samples.push(...(hasTest ? await readPart(tree, set, what, 'test') : []));
  } catch (error) {
    if (part === 'test' || !(error instanceof ExpectedError)) {
      throw error;
    }
    notes.push(`The test files are left out: ${error.message}`); // Training needs none.
  }
  // EMNIST's files hold columns where the others hold rows.
  const isTransposed = set.prefix.startsWith('emnist');
  const first = (await samples[0]?.read()) as RawPicture;
  const training = samples.filter(({ split }) => split === 'train');
  const classNames = await readClassNames(tree, set, what, training);
  const source = {
    layout: `${(set.prefix || tree.name).slice(0, 64)} (IDX files)`,
    samples,
    problems: [],
    notes,
    shape: first,
    ...(classNames && { classNames }),
  };
  return isTransposed ? turnEmnist(source) : source;
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

async function readPart(
  tree: Tree,
  { folder, prefix, files }: IdxSet,
  what: string,
  part: 'train' | 'test',
): Promise<Sample[]> {
  const read = async (kind: string): Promise<NamedBytes> => {
    const file = files.get(`${part} ${kind}`);
    const stem = `${folder}${prefix === '' ? '' : `${prefix}-`}${part}-${kind}`;
    if (file === undefined) {
      const present = tree.files.map(({ path }) => path);
      throw new ExpectedError(
        `${what}: expected ${stem}-idx${kind === 'images' ? '3' : '1'}-ubyte or the same with .gz, the folder holds ${nameSome(present)}`,
      );
    }
    const name = `${what}/${file.path}`;
    try {
      const bytes = await readFile(file, MAX_IDX_BYTES);
      const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
      return {
        name,
        bytes: isPacked ? gunzipSync(bytes, { maxOutputLength: MAX_IDX_BYTES }) : bytes,
      };
    } catch (cause) {
      throw new ExpectedError(`${name} cannot be read: ${(cause as Error).message}`, { cause });
    }
  };
  const { count, width, height, channels, images, labels } = decodeIdxPair(
    await read('images'),
    await read('labels'),
  );
  const size = width * height * channels;
  return Array.from({ length: count }, (_, i) => ({
    name: `${part}, picture ${i}`,
    split: part,
    label: labels[i] as number,
    read: () =>
      Promise.resolve({
        width,
        height,
        channels,
        pixels: images.subarray(i * size, (i + 1) * size),
      }),
  }));
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

/** Names of classes: the lines of classes.txt, or the characters of EMNIST's mapping. */
async function readClassNames(
  tree: Tree,
  { folder, prefix }: IdxSet,
  what: string,
  samples: readonly Sample[],
): Promise<readonly string[] | undefined> {
  const find = (name: string) => tree.files.find(({ path }) => path === `${folder}${name}`);
  const [listed, mapped] = [find('classes.txt'), find(`${prefix}-mapping.txt`)];
  const file = listed ?? mapped;
  if (file === undefined) {
    return undefined;
  }
  const lines = Buffer.from(await readFile(file, MAX_IDX_BYTES))
    .toString('utf8')
    .trimEnd()
    .split('\n');
  const path = `${what}/${file.path}`;
  const last = samples.reduce((most, { label }) => Math.max(most, Number(label)), 0);
  const names: string[] = [];
  if (listed === undefined) {
    // "10 65 97": a label and its characters in ASCII.
    for (const line of lines) {
      const [, label, code] = /^\s*(\d{1,3})\s+(\d{1,5})(?:\s|$)/.exec(line) ?? [];
      if (label === undefined) {
        throw new ExpectedError(
          `${path} has the line ${JSON.stringify(line.slice(0, 40))}: expected a label and a character's number`,
        );
      }
      names[Number(label)] = String.fromCodePoint(Number(code));
    }
  } else {
    names.push(...lines);
  }
  if (last >= names.length) {
    const { length } = names;
    throw new ExpectedError(
      `${what} holds the label ${last}, ${path} has ${length} lines: expected a name for each of 0 to ${last}`,
    );
  }
  const used = new Set(samples.map(({ label }) => Number(label)));
  checkClassNames(
    [...used].map((label) => names[label] ?? ''),
    path,
  );
  return names;
}
