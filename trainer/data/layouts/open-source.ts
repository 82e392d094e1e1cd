/** Finds out how data is laid out, and opens the reader of that layout. */
import { realpath, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { ExpectedError } from '../../../shared/expected-error.ts';
import type { PixelRange } from '../../../shared/picture/pixels.ts';
import {
  hasPictureEnding,
  identifyPicture,
  identifyStranger,
  SNIFFED_BYTES,
} from '../pictures/format.ts';
import { isIdx } from '../array-file.ts';
import { isPickle } from '../pickle.ts';
import { findClassNames } from '../labels/class-names.ts';
import { decodeTable } from '../labels/text-encoding.ts';
import { readLabelRows, type LabelRows } from '../labels/label-rows.ts';
import { findLabelTables } from '../labels/listed-labels.ts';
import { isArchive, isZipFile, listZip, openPacked, unpackArchives } from './archives.ts';
import { readArrays } from './arrays.ts';
import { isCifar, readCifar } from './cifar.ts';
import { readHuggingFace } from './hugging-face.ts';
import { isIdxFile, readIdxFiles, turnEmnist } from './idx-files.ts';
import { arrangePictures } from './picture-files.ts';
import { IS_JSON, isHuggingFace, openTables } from './picture-tables.ts';
import { readPixelTables, selectPixelTables } from './pixel-columns.ts';
import {
  findFolderSplit,
  nameProblems,
  nameSome,
  SAVE_IN_PYTHON,
  type FolderMeaning,
  type Problem,
  type Source,
  type Split,
} from './source.ts';
import { readColumns } from '../labels/table-columns.ts';
import { readTables } from './tables.ts';
import {
  describeFault,
  listFolder,
  locateFile,
  readStart,
  type Tree,
  type TreeFile,
} from './tree.ts';

const EXPECTED =
  'expected pictures (PNG, JPEG, WebP, GIF, TIFF, AVIF, SVG, BMP, PGM, PPM; a subfolder for each class, or none), a .zip or .tar of them, ' +
  "IDX files as MNIST's, CIFAR's files, .npy, .npz or .mat, a CSV table of pixels, or Parquet or Arrow files of Hugging Face";

/** The user's choices about a layout. */
export interface LayoutRequest {
  readonly folders?: FolderMeaning;
  /** Which numbers are black and white in arrays, tables and pictures of 16 bits. */
  readonly range?: PixelRange;
}

/** EMNIST as tables and as MATLAB's arrays, under the names that they are published with. */
const EMNIST = /(?:^|\/)emnist-[a-z]+(?:-train|-test)?\.(?:csv|mat)$/;
/** Arrays and tables by their names. */
const IS_DATA = /\.(?:np[yz]|mat|[ct]sv|pkl|pickle)$/i;
/** Archives within archives are unpacked so deep. */
const MAX_DEPTH = 3;
/** Files that are looked into at a time. */
const LOOKED_INTO = 16;

/** Endings of cameras' raw files, which begin as TIFF does, with a small preview. */
const RAW = 'dng|nef|nrw|arw|srf|sr2|cr2|cr3|orf|raf|rw2|pef|srw|3fr|iiq|dcr|kdc|erf|mef|mos|x3f';
/** Endings of files that are no pictures. Such files are not opened. */
const NO_PICTURES = new RegExp(
  `\\.(?:txt|md|cls|[ct]sv|json|jsonl|xml|ya?ml|html?|py|ipynb|pdf|pth?|pkl|pickle|joblib|h5|hdf5|${RAW})$`,
  'i',
);
/** Pickles of labels beside arrays. Others, such as label_encoder.pkl, hold no array. */
const LABELS =
  /(?:^|\/)(?:(?:train|val|test)\w*?)?(?:y|labels?|targets?)(?:[-_]?(?:train|val|test)\w*)?\.\w+$/i;

/**
 * @param path  A folder, an archive, or a file with a whole set.
 * @param part  The part that will be read.
 * @throws ExpectedError  When there is nothing that can be trained on, or several things.
 */
export async function openSource(
  path: string,
  part: 'train' | 'test',
  request: LayoutRequest,
): Promise<{ source: Source; name: string }> {
  const facts = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOTDIR') {
      return null;
    }
    const reason =
      cause.code === 'ENOENT' ? describeMissing(path) : `cannot be read (${cause.code})`;
    throw new ExpectedError(reason, { cause });
  });
  if (facts === null) {
    return { source: await readInZip(path, part, request), name: stemOf(path) };
  }
  if (facts.isDirectory()) {
    const tree = await listFolder(path);
    return { source: await readTree(tree, part, request), name: tree.name };
  }
  if (!facts.isFile()) {
    throw new ExpectedError('is neither a file nor a folder');
  }
  const real = await realpath(path);
  const file = locateFile(real, basename(real), facts.size);
  const name = stemOf(path);
  const idx = openIdx(file);
  if (isIdxFile(idx)) {
    const { files, ...siblings } = await listFolder(dirname(real), 0);
    const opened = { ...siblings, files: files.map(openIdx) };
    return { source: await readIdxFiles(opened, part, idx.path), name };
  }
  const alone: Tree = { name, files: [file], problems: [], passedOver: [] };
  await refuseStrangers([file]);
  const tree = (await isZipFile(file)) ? await listZip(real) : alone;
  return { source: await readTree(tree, part, request), name };
}

/** Takes a file or a folder within an archive: `--data gzip.zip/gzip/emnist-letters-…`. */
async function readInZip(
  path: string,
  part: 'train' | 'test',
  request: LayoutRequest,
): Promise<Source> {
  let archive = dirname(path);
  while (!(await stat(archive).catch(() => null))?.isFile()) {
    archive = dirname(archive);
  }
  const inner = path
    .slice(archive.length)
    .split(/[\\/]/)
    .filter((name) => name !== '')
    .join('/');
  const tree = await listZip(await realpath(archive));
  const files = tree.files.filter((file) => `${file.path}/`.startsWith(`${inner}/`));
  const [first] = files;
  if (first === undefined) {
    throw new ExpectedError(`the archive holds no ${inner}`);
  }
  const idx = openIdx(first);
  return first.path === inner && isIdxFile(idx)
    ? await readIdxFiles({ ...tree, files: tree.files.map(openIdx) }, part, idx.path)
    : await readTree({ ...tree, files }, part, request);
}

/** IDX files may be called .gz after a browser has unpacked them: their content tells. */
function openIdx(file: TreeFile): TreeFile {
  return isIdxFile(file) ? file : openPacked(file);
}

function stemOf(path: string): string {
  return basename(path).replace(/(?:\.tar)?\.[a-z0-9]+$/i, '');
}

/** Advice for a path that does not exist. */
function describeMissing(path: string): string {
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]+):\/\/(.*)$/i.exec(path) ?? [];
  if (scheme === 'file') {
    return `give the path without the scheme: ${rest}`;
  }
  if (scheme === 'hf' || rest.startsWith('huggingface.co/')) {
    return 'download it first: hf download OWNER/NAME --repo-type dataset --local-dir FOLDER';
  }
  if (scheme !== '') {
    return 'nothing is downloaded: download it, and give the folder or file';
  }
  const advice = path.startsWith('~')
    ? '. The shell replaces ~ only without quotes: give the whole path'
    : /[*?]/.test(path)
      ? '. Give a folder or a file, no pattern'
      : '';
  return `no such folder or file${advice}`;
}

/** Advice for formats that are not read, by endings and by first bytes as Latin-1. */
const ADVICE = [
  [/\.(?:(?:zip|7z)\.\d+|z\d\d)$/i, /^(?!)/, 'join its parts, and unpack them'],
  [/\.(?:tar\.\w+|tbz2?|txz)$/i, /^(?!)/, 'unpack it: tar xf FILE'],
  [/\.bz2$/i, /^BZh/, 'unpack it: bunzip2 -k FILE'],
  [/\.xz$/i, /^\xfd7zXZ/, 'unpack it: xz -dk FILE'],
  [/\.(?:rar|7z|gz)$/i, /^(?:Rar!|7z\xbc)/, 'unpack it'],
  [/\.(?:xlsx?|ods|rds|rdata|rda)$/i, /^(?!)/, 'save it as CSV'],
  [/\.\w+\?[^/]*$/, /^(?!)/, "take its URL's query off its name"], // wget keeps ?download=1.
  [
    /\.joblib$/i,
    /^(?!)/,
    'numpy.savez("set.npz", images=…, labels=…) saves what joblib.load gives',
  ],
  [new RegExp(`\\.(?:${RAW})$`, 'i'), /^(?!)/, 'save its picture as PNG or JPEG'],
  [
    /\.(?:mp4|mov|avi|mkv|webm|pdf|tga|pcx|psd|dds|exr|hdr|xpm|ras|sgi)$/i,
    /^(?:%PDF|.{4}ftyp(?:isom|mp4|qt))/s,
    'save its pictures as PNG or JPEG',
  ],
  [
    /\.(?:h5|hdf5|pth?|tfrecords?(?:-\d+-of-\d+)?|feather|mdb|beton|safetensors|sqlite\d?|db|dcm|nii|ndjson|arff|libsvm|record|orc|ipc)$/i,
    /^(?:\x89HDF|SQLite)/,
    `read it ${SAVE_IN_PYTHON}`,
  ],
] as const;

/** The beginnings of PNG, JPEG, GIF and WebP in base64. */
const BASE64 = /["',;\t|\n](?:data:image\/[^,]*,|iVBORw0KGgo|\/9j\/|R0lGOD|UklGR)/;

/** Says what to do with a file of a known kind that is not read; empty for none. */
async function adviseOn(files: readonly TreeFile[]): Promise<string> {
  for (const file of files.slice(0, LOOKED_INTO)) {
    const start = await readStart(file, SNIFFED_BYTES).catch(() => Buffer.alloc(0));
    const advice = ADVICE.find(
      ([ending, content]) => ending.test(file.path) || content.test(start.toString('latin1')),
    );
    if (advice !== undefined) {
      return `. ${file.path} is not read: ${advice[2].replace('FILE', () => file.path)}`;
    }
    if (BASE64.test(start.toString('latin1'))) {
      return `. ${file.path} has pictures as text (base64), which is not read: save each as a file, in Python by open(name, "wb").write(base64.b64decode(text))`;
    }
    if (IS_JSON.test(file.path)) {
      return `. ${file.path} is no table of pixels: expected rows such as {"image": [0, 255, 12], "label": "cat"}, or names of pictures beside it`;
    }
    if (/\.[ct]sv$/i.test(file.path) && start.includes(0)) {
      return `. ${file.path} is UTF-16 or UTF-32 without a byte-order mark: save it as UTF-8`;
    }
    if (/\.[ct]sv$/i.test(file.path)) {
      const [line = ''] = decodeTable(start).split('\n');
      return `. ${file.path} is no table of pixels: it begins with ${JSON.stringify(line.slice(0, 60))}, expected the names of the columns or a number in each column as label,pixel0,pixel1, a list of all of them in one, or names of pictures beside it`;
    }
  }
  return '';
}

/** @throws ExpectedError  When a file holds something else than its name says. */
async function refuseStrangers(files: readonly TreeFile[]): Promise<void> {
  for (const file of files.slice(0, LOOKED_INTO)) {
    const stranger = identifyStranger(
      await readStart(file, SNIFFED_BYTES).catch(() => Buffer.alloc(0)),
    );
    if (stranger !== null) {
      throw new ExpectedError(`${file.path} ${stranger}`);
    }
  }
}

async function readTree(
  tree: Tree,
  part: 'train' | 'test',
  request: LayoutRequest,
  depth = 0,
): Promise<Source> {
  const opened = tree.files.map(openPacked);
  const plain = new Set(tree.files);
  // The plain file counts where it lies beside its packed form.
  const ordered = [true, false].flatMap((isPacked) =>
    opened.filter((file) => plain.has(file) !== isPacked),
  );
  const byPath = new Map(ordered.map((file) => [file.path, file]));
  const files = opened.filter((file) => byPath.get(file.path) === file);
  const twice = tree.files.flatMap(({ path }, i) => {
    const own = opened[i] as TreeFile;
    return byPath.get(own.path) === own ? [] : [path];
  });
  if (files.some(isIdxFile)) {
    const source = await readIdxFiles({ ...tree, files: tree.files.map(openIdx) }, part);
    return { ...source, notes: [...source.notes, ...describeUnread(files, 'IDX')] };
  }
  if (isCifar(tree)) {
    const source = await readCifar(tree, part);
    return { ...source, notes: [...source.notes, ...describeUnread(files, 'CIFAR')] };
  }
  const isEnding = (ending: RegExp) => files.filter(({ path }) => ending.test(path));
  const arrays = isEnding(/\.(?:np[yz]|mat)$/i);
  const huggingFace = files.filter(isHuggingFace);
  const csv = isEnding(/\.[ct]sv$/i);
  const notPictures = new Set([...arrays, ...huggingFace, ...csv]);
  const [pictures, pickles]: [TreeFile[], TreeFile[]] = [[], isEnding(/\.(?:pkl|pickle)$/i)];
  const byKind = { picture: pictures, array: arrays, parquet: huggingFace, pickle: pickles };
  const others: string[] = [...tree.passedOver];
  const candidates = files.filter((one) => !notPictures.has(one));
  for (let first = 0; first < candidates.length; first += LOOKED_INTO) {
    const some = candidates.slice(first, first + LOOKED_INTO);
    for (const [i, kind] of (await Promise.all(some.map(identify))).entries()) {
      const file = some[i] as TreeFile;
      if (kind !== null) {
        byKind[kind].push(file);
      }
      if (kind === null || kind === 'pickle') {
        others.push(file.path);
      }
    }
  }
  // Beside pictures, text is captions or boxes, and a pickle a model.
  if (pictures.length + arrays.length + huggingFace.length === 0) {
    isEnding(/\.(?:txt|data|dat|tra|tes|train|test)$/i).forEach((file) => csv.push(file));
    arrays.push(...pickles);
  } else if (arrays.length > 0 && pictures.length === 0) {
    arrays.push(...pickles.filter(({ path }) => LABELS.test(path)));
  }
  const tables: TreeFile[] = [];
  const besideNotes: string[] = [];
  const noteFault = (error: unknown): boolean => {
    if (!(error instanceof ExpectedError)) {
      throw error;
    }
    besideNotes.push(`Not used: ${error.message}`);
    return false;
  };
  const labelTables = await findLabelTables(csv, pictures);
  for (const file of csv) {
    const hasPixels = async (): Promise<boolean> => (await readColumns(file)) !== null;
    if (
      !labelTables.has(file) &&
      // Beside pictures, a faulty table is no fault of the set.
      (await (pictures.length > 0 ? hasPixels().catch(noteFault) : hasPixels()))
    ) {
      tables.push(file);
    } else if (!others.includes(file.path)) {
      others.push(file.path);
    }
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
    const advice =
      pictures.length > 0
        ? '. Labels of pictures are read from a CSV table with file names: file,label'
        : '';
    throw new ExpectedError(
      `holds ${found.join(' and ')}: name the file or the folder that you mean, or move the others away${advice}`,
    );
  }
  await refuseStrangers([...arrays, ...huggingFace, ...csv, ...files.filter(isArchive)]);
  const isAlone = kinds.length === 0 && !files.some(isArchive);
  const json = isAlone ? await selectPixelTables(await openTables(isEnding(IS_JSON))) : [];
  if (json.length > 0) {
    const source = await readPixelTables(json, request.range);
    return { ...source, kind: 'JSON', problems: placeProblems(tree, source) };
  }
  if (kinds.length === 0 && files.some(isArchive) && depth < MAX_DEPTH) {
    return await readTree(await unpackArchives(tree, request.folders), part, request, depth + 1);
  }
  if (kinds.length === 0) {
    await refuseStrangers(files);
    const unread = tree.problems.length === 0 ? '' : `. Not read: ${nameProblems(tree.problems)}`;
    const found = `it holds ${nameSome(others) || 'nothing'}${unread}`;
    throw new ExpectedError(`${EXPECTED}; ${found}${await adviseOn(files)}`);
  }
  const text = new Set([...csv, ...isEnding(/\.(?:txt|json)$/i)]);
  const beside =
    arrays.length > 0 || tables.length > 0 ? [...text].filter((one) => !tables.includes(one)) : [];
  const labelRows: LabelRows[] = [];
  for (const file of beside) {
    const texts: string[] = [];
    const rows = await readLabelRows(file, texts).catch(describeFault);
    if (typeof rows === 'string') {
      besideNotes.push(`${file.path} is not used: it ${rows}`);
    } else if (rows !== null) {
      labelRows.push(rows);
      besideNotes.push(...texts);
    }
  }
  const found =
    arrays.length > 0
      ? await readArrays(
          arrays,
          labelRows.filter(({ isInOrder }) => isInOrder),
          request.range,
        )
      : huggingFace.length > 0
        ? await readHuggingFace(huggingFace, request.range)
        : tables.length > 0
          ? await readTables(tables, labelRows, request.range)
          : await arrangePictures({ ...tree, files }, pictures, request.folders);
  const isEmnist = [...arrays, ...tables].some(({ path }) => EMNIST.test(path));
  const source = isEmnist ? turnEmnist(found) : found;
  const used = new Set(source.used);
  const unused = files.filter(({ path }) => !used.has(path));
  const list =
    source.classNames === undefined ? await findClassNames(unused, source.samples) : { notes: [] };
  const read = new Set([...used, list.path, ...[...tables, ...arrays].map(({ path }) => path)]);
  const ignored = others.filter((path) => !read.has(path));
  return {
    ...source,
    ...(list.classNames && { classNames: list.classNames }),
    problems: [...placeProblems(tree, source), ...source.problems],
    notes: [
      ...(tree.notes ?? []),
      ...(twice.length > 0
        ? [`Not read, because they lie here unpacked, too: ${nameSome(twice)}`]
        : []),
      ...source.notes,
      ...besideNotes,
      ...list.notes,
      ...(ignored.length > 0 ? [`Passed over what is no picture: ${nameSome(ignored)}`] : []),
    ],
  };
}

/** Finds the parts of files that cannot be read, if the set has parts. */
function placeProblems({ problems }: Tree, { samples }: Source): Problem[] {
  const parts = new Set<Split | null>(samples.map(({ split }) => split));
  return problems.map((problem) => {
    const split = findFolderSplit(problem.name);
    return split !== null && parts.has(split) ? { ...problem, split } : problem;
  });
}

/** A file's name decides its kind if it says so; otherwise the content decides. */
async function identify(
  file: TreeFile,
): Promise<'picture' | 'array' | 'parquet' | 'pickle' | null> {
  if (hasPictureEnding(file.path)) {
    return 'picture';
  }
  if (NO_PICTURES.test(file.path)) {
    return null;
  }
  const start = await readStart(file, SNIFFED_BYTES).catch(() => null);
  // The reader names unreadable files later.
  if (start === null || identifyPicture(start) !== null) {
    return 'picture';
  }
  const isParquet = start.toString('latin1', 0, 4) === 'PAR1';
  return isIdx(start) ? 'array' : isParquet ? 'parquet' : isPickle(start) ? 'pickle' : null;
}

/** Names files of data that are not used beside those of a well-known set. */
function describeUnread(files: readonly TreeFile[], read: 'IDX' | 'CIFAR'): string[] {
  const others = files.filter(
    (file) => hasPictureEnding(file.path) || isHuggingFace(file) || IS_DATA.test(file.path),
  );
  return others.length === 0
    ? []
    : [`Only the ${read} files are read; not used: ${nameSome(others.map(({ path }) => path))}`];
}
