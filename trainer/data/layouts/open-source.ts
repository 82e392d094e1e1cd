/** Finds out how data is laid out, and opens the reader of that layout. */
import { realpath, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { hasPictureEnding, identifyPicture, SNIFFED_BYTES } from '../pictures/format.ts';
import { isArchive, unpackArchives } from './archives.ts';
import { arrangeArrays, readArrayFiles } from './arrays.ts';
import { isCifar, readCifar } from './cifar.ts';
import { isHuggingFace, readHuggingFace } from './hugging-face.ts';
import { isIdxFile, readIdxFiles } from './idx-files.ts';
import { arrangePictures, STYLEGAN_LABELS } from './picture-files.ts';
import { nameSome, UnusablePicture, type FolderMeaning, type Source } from './source.ts';
import { isPixelTable, readTables } from './tables.ts';
import { listFolder, readStart, type Tree, type TreeFile } from './tree.ts';
import { listZip } from './zip.ts';

const EXPECTED =
  'expected pictures (PNG, JPEG, WebP, GIF, TIFF, AVIF, SVG, BMP; a subfolder for each class, or none), a .zip or .tar of them, ' +
  "IDX files as MNIST's, CIFAR's files, .npy, .npz or .mat, a CSV table of pixels, or Parquet or Arrow files of Hugging Face";

/** Archives within archives are unpacked so deep. */
const MAX_DEPTH = 3;
/** Files that are looked into at a time. */
const LOOKED_INTO = 16;

/** Endings of files that are no pictures, so that nobody looks into them. */
const NO_PICTURES = /\.(?:txt|md|json|jsonl|xml|ya?ml|html?|py|ipynb|pdf|pth?|pkl|h5|hdf5)$/i;

/**
 * @param path  A folder, an archive, or a file with a whole set.
 * @param part  The part that will be read.
 * @throws ExpectedError  When there is nothing that can be trained on, or several things.
 */
export async function openSource(
  ...[path, part, folders]: Parameters<typeof findSource>
): ReturnType<typeof findSource> {
  try {
    return await findSource(path, part, folders);
  } catch (cause) {
    const { syscall, message } = cause as NodeJS.ErrnoException;
    const isOfData = cause instanceof UnusablePicture || syscall !== undefined;
    throw isOfData ? new ExpectedError(`--data ${path}: ${message}`, { cause }) : cause;
  }
}

async function findSource(
  path: string,
  part: 'train' | 'test',
  folders?: FolderMeaning,
): Promise<{ source: Source; name: string }> {
  const what = `--data ${path}`;
  const facts = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOTDIR') {
      return null;
    }
    const reason =
      cause.code === 'ENOENT' ? 'no such folder or file' : `cannot be read (${cause.code})`;
    throw new ExpectedError(`${what}: ${reason}`, { cause });
  });
  if (facts === null) {
    return await findInZip(path, part, folders);
  }
  if (facts.isDirectory()) {
    const tree = await listFolder(path);
    return { source: await readTree(tree, what, part, folders), name: tree.name };
  }
  if (!facts.isFile()) {
    throw new ExpectedError(`${what}: is neither a file nor a folder`);
  }
  const real = await realpath(path);
  const siblings = await listFolder(dirname(real), 0);
  const file = siblings.files.find((one) => one.path === basename(real));
  const name = basename(path).replace(/\.[a-z0-9]+$/i, '');
  if (file === undefined) {
    throw new ExpectedError(`${what}: cannot be read, or is hidden`);
  }
  if (isIdxFile(file)) {
    const source = await readIdxFiles(siblings, `--data ${dirname(path)}`, part, file.path);
    return { source, name };
  }
  const alone: Tree = { name, files: [file], problems: [], passedOver: [] };
  const isZip = Buffer.from(await readStart(file, 2)).toString('latin1') === 'PK';
  const tree = isZip && !/\.npz$/i.test(path) ? await listZip(real, what) : alone;
  return { source: await readTree(tree, what, part, folders), name };
}

/** Takes a file or a folder within an archive: `--data gzip.zip/gzip/emnist-letters-…`. */
async function findInZip(
  path: string,
  part: 'train' | 'test',
  folders: FolderMeaning | undefined,
): Promise<{ source: Source; name: string }> {
  let archive = dirname(path);
  while (!(await stat(archive).catch(() => null))?.isFile()) {
    archive = dirname(archive);
  }
  const what = `--data ${archive}`;
  const inner = path
    .slice(archive.length)
    .split(/[\\/]/)
    .filter((name) => name !== '')
    .join('/');
  const tree = await listZip(await realpath(archive), what);
  const files = tree.files.filter((file) => `${file.path}/`.startsWith(`${inner}/`));
  const [first] = files;
  if (first === undefined) {
    throw new ExpectedError(`--data ${path}: the archive holds no ${inner}`);
  }
  const source =
    first.path === inner && isIdxFile(first)
      ? await readIdxFiles(tree, what, part, inner)
      : await readTree({ ...tree, files }, `--data ${path}`, part, folders);
  return { source, name: basename(path).replace(/\.[a-z0-9]+$/i, '') };
}

const ADVICE = [
  [/\.(?:rar|7z|tar\.\w+|tbz2?|txz|xz|bz2|zst)$/i, 'unpack it'],
  [
    /\.(?:h5|hdf5|pth?|pkl|pickle|tfrecords?|feather|mdb|beton)$/i,
    'read it in Python, and save numpy.savez("set.npz", images=…, labels=…)',
  ],
] as const;

/** Says what to do with a file of a known kind that is not read; empty for none. */
function adviseOn(files: readonly TreeFile[]): string {
  for (const { path } of files) {
    const advice = ADVICE.find(([ending]) => ending.test(path));
    if (advice !== undefined) {
      return `. ${path} is not read: ${advice[1]}`;
    }
  }
  return '';
}

async function readTree(
  tree: Tree,
  what: string,
  part: 'train' | 'test',
  folders?: FolderMeaning,
  depth = 0,
): Promise<Source> {
  const { files } = tree;
  if (files.some(isIdxFile)) {
    return await readIdxFiles(tree, what, part);
  }
  if (isCifar(tree)) {
    return await readCifar(tree, what);
  }
  const isEnding = (ending: RegExp) => files.filter(({ path }) => ending.test(path));
  const arrays = isEnding(/\.(?:np[yz]|mat)$/i);
  const huggingFace = files.filter(isHuggingFace);
  const tables: TreeFile[] = [];
  for (const file of isEnding(/\.csv$/i)) {
    if (await isPixelTable(file, what)) {
      tables.push(file);
    }
  }
  const known = new Set([...arrays, ...huggingFace, ...tables]);
  const pictures: TreeFile[] = [];
  const others: string[] = [...tree.passedOver];
  const candidates = files.filter((one) => !known.has(one));
  for (let first = 0; first < candidates.length; first += LOOKED_INTO) {
    const some = candidates.slice(first, first + LOOKED_INTO);
    const found = await Promise.all(some.map(isPicture));
    pictures.push(...some.filter((_, i) => found[i]));
    others.push(...some.filter((_, i) => !found[i]).map(({ path }) => path));
  }
  const kinds = Object.entries({
    pictures,
    arrays,
    'Parquet or Arrow files': huggingFace,
    tables,
  }).filter(([, members]) => members.length > 0);
  if (kinds.length > 1) {
    const found = kinds.map(
      ([kind, [first, ...rest]]) => `${rest.length + 1} ${kind} (${first?.path})`,
    );
    throw new ExpectedError(
      `${what}: holds ${found.join(' and ')}: name the file or the folder that you mean`,
    );
  }
  if (kinds.length === 0 && files.some(isArchive) && depth < MAX_DEPTH) {
    return await readTree(await unpackArchives(tree, what), what, part, folders, depth + 1);
  }
  if (kinds.length === 0) {
    const listed = [...others, ...tree.problems.map(({ name, reason }) => `${name} (${reason})`)];
    const found = `it holds ${nameSome(listed) || 'nothing'}`;
    throw new ExpectedError(`${what}: ${EXPECTED}; ${found}${adviseOn(files)}`);
  }
  const source =
    arrays.length > 0
      ? arrangeArrays(await readArrayFiles(arrays, what), what)
      : huggingFace.length > 0
        ? await readHuggingFace(huggingFace, what)
        : tables.length > 0
          ? await readTables(tables, what)
          : await arrangePictures(tree, pictures, what, folders);
  const ignored = others.filter((path) => basename(path) !== STYLEGAN_LABELS);
  return {
    ...source,
    problems: [...tree.problems, ...source.problems],
    notes: [
      ...source.notes,
      ...(ignored.length > 0 ? [`Passed over what is no picture: ${nameSome(ignored)}`] : []),
    ],
  };
}

/** Names decide where they say what a file is meant to be, else the content does. */
async function isPicture(file: TreeFile): Promise<boolean> {
  if (hasPictureEnding(file.path)) {
    return true;
  }
  if (NO_PICTURES.test(file.path) || file.path.endsWith('.csv')) {
    return false;
  }
  const start = await readStart(file, SNIFFED_BYTES).catch(() => null);
  // What cannot be read is named when it is read.
  return start === null || identifyPicture(start) !== null;
}
