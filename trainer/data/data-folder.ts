/**
 * The training data of `--data`: IDX files, or PNG pictures with a class for each subfolder or flat
 * without classes. A message names the pictures that do not fit before anything is trained.
 */
import { createReadStream, type Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join, relative, resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { ExpectedError } from '../../shared/expected-error.ts';
import { checkClassNames, type LoadedDataset, type LoadWatcher } from './dataset.ts';
import { IDX_FILE_NAME, loadIdxFolder } from './idx.ts';
import { decodePngPicture, parsePngHeader, PNG_HEADER_BYTES } from './png-picture.ts';

/** All pictures as RGB: 87,381 of 64 x 64, or 456,520 of 28 x 28. */
const MAX_TOTAL_BYTES = 1024 * 1024 * 1024;
/**
 * A picture of 64 x 64 has 32 KB at most, uncompressed; the rest is for metadata. Deflate inflates
 * a hostile file to at most 1,032 times this.
 */
const MAX_FILE_BYTES = 1024 * 1024;
/** Files that a message names. */
const MAX_NAMED = 5;

interface Picture {
  readonly path: string;
  readonly label: number;
}

/** @throws ExpectedError  When there is no such folder, or its content cannot be trained on. */
export async function loadDataFolder(
  folder: string,
  watcher: LoadWatcher = {},
): Promise<LoadedDataset> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    const reasons: Record<string, string> = {
      ENOENT: 'no such folder',
      ENOTDIR: 'is a file, expected a folder',
    };
    const reason = reasons[cause.code ?? ''] ?? `cannot be read (${cause.code})`;
    throw new ExpectedError(`--data ${folder}: ${reason}`, { cause });
  });
  if (names.some((name) => IDX_FILE_NAME.test(name))) {
    return { dataset: await loadIdxFolder(folder, 'train'), notes: [] };
  }
  // Last: it says what was expected when the folder has no known layout.
  return loadPngFolder(folder, watcher);
}

/**
 * Reads a folder of PNG files. Each subfolder with pictures is a class, named after it, in the
 * order of the names: numerical when all are numbers, else by character codes. Hidden files are
 * ignored; other files, and folders further down, are passed over with a note. The set is grey when
 * no picture has a coloured pixel, else RGB.
 * @throws ExpectedError  When pictures are missing, unreadable, of several sizes, or too many.
 */
async function loadPngFolder(folder: string, watcher: LoadWatcher): Promise<LoadedDataset> {
  const { pictures, classes, notes } = await listPictures(folder);
  const { width, height } = await measurePictures(folder, pictures);
  watcher.checkSize?.({ width, height });
  const size = width * height * 3;
  if (pictures.length * size > MAX_TOTAL_BYTES) {
    throw new ExpectedError(
      `--data ${folder}: ${pictures.length} pictures of ${width} x ${height} take ${pictures.length * size} bytes as RGB, ` +
        `at most ${MAX_TOTAL_BYTES} allowed: take fewer or smaller ones`,
    );
  }
  const rgb = new Uint8Array(pictures.length * size);
  await readAll(folder, pictures, async (path, i) => {
    rgb.set(await readPicture(path), i * size);
    watcher.onProgress?.(i + 1, pictures.length);
  });
  const grey = takeGrey(rgb);
  return {
    dataset: {
      name: `${basename(resolve(folder)).slice(0, 64)} (PNG files)`,
      count: pictures.length,
      height,
      width,
      channels: grey === null ? 3 : 1,
      images: grey ?? rgb,
      labels: Uint8Array.from(pictures, ({ label }) => label),
      classes,
    },
    notes,
  };
}

/** Takes one number a pixel. Null when a pixel is coloured. */
function takeGrey(rgb: Uint8Array): Uint8Array | null {
  const grey = new Uint8Array(rgb.length / 3);
  for (let i = 0; i < grey.length; i++) {
    const red = rgb[3 * i] as number;
    if (red !== rgb[3 * i + 1] || red !== rgb[3 * i + 2]) {
      return null;
    }
    grey[i] = red;
  }
  return grey;
}

async function listPictures(folder: string) {
  const top = await listFolder(folder);
  const subfolders = await Promise.all(
    top.folders.map(async (name) => ({ name, ...(await listFolder(join(folder, name))) })),
  );
  const filled = subfolders.filter(({ pngs }) => pngs.length > 0);
  if (top.pngs.length > 0 && filled.length > 0) {
    throw new ExpectedError(
      `--data ${folder}: holds pictures (${top.pngs[0]}, ...) beside subfolders of pictures (${filled[0]?.name}, ...): ` +
        'expected one or the other. Move the loose ones into a subfolder each class has, or all into one folder',
    );
  }
  const passedOver = [
    ...top.others,
    ...subfolders.flatMap(({ name, pngs, folders, others }) =>
      pngs.length === 0
        ? [`${name}/ (no PNG in it)`]
        : [...others, ...folders.map((inner) => `${inner}/`)].map((path) => join(name, path)),
    ),
  ];
  if (top.pngs.length === 0 && filled.length === 0) {
    throw new ExpectedError(
      `--data ${folder}: expected IDX files (train-images-idx3-ubyte and train-labels-idx1-ubyte), PNG files, or a ` +
        `subfolder of PNG files for each class; the folder holds ${nameSome(passedOver) || 'nothing'}. ` +
        'Other pictures can be converted, for instance by ImageMagick: mogrify -format png FOLDER/*.jpg',
    );
  }
  const notes =
    passedOver.length === 0 ? [] : [`Passed over what is no PNG: ${nameSome(passedOver)}`];
  const listPngs = (pngs: readonly string[], label: number, subfolder = ''): Picture[] =>
    pngs.map((png) => ({ path: join(folder, subfolder, png), label }));
  if (filled.length === 0) {
    return { pictures: listPngs(top.pngs, 0), classes: [], notes };
  }
  const areNumbers = filled.every(({ name }) => /^[0-9]{1,9}$/.test(name));
  filled.sort((a, b) => {
    const difference = areNumbers ? Number(a.name) - Number(b.name) : 0;
    return difference || (a.name < b.name ? -1 : 1);
  });
  const pictures = filled.flatMap(({ name, pngs }, label) => listPngs(pngs, label, name));
  const names = filled.map(({ name }) => name);
  return { pictures, classes: checkClassNames(names, `--data ${folder}`), notes };
}

/** Lists visible content by kind, in the order of character codes: the same everywhere. */
async function listFolder(folder: string) {
  const listed = { pngs: [] as string[], folders: [] as string[], others: [] as string[] };
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const { name } = entry;
    if (name.startsWith('.')) {
      continue;
    }
    const { isFolder, isFile } = await identify(folder, entry);
    // A pipe would be read for ever.
    const isPng = isFile && extname(name).toLowerCase() === '.png';
    listed[isFolder ? 'folders' : isPng ? 'pngs' : 'others'].push(name);
  }
  return listed;
}

/** Follows a link. A broken one counts as a file: reading it fails later, with its name. */
async function identify(folder: string, entry: Dirent) {
  const broken = { isDirectory: () => false, isFile: () => true };
  const target = entry.isSymbolicLink()
    ? await stat(join(folder, entry.name)).catch(() => broken)
    : entry;
  return { isFolder: target.isDirectory(), isFile: target.isFile() };
}

/** Reads every picture's header. The most frequent size is the set's. */
async function measurePictures(folder: string, pictures: readonly Picture[]) {
  const headers = await readAll(folder, pictures, async (path) => {
    const start = await buffer(createReadStream(path, { end: PNG_HEADER_BYTES - 1 }));
    const { width, height } = parsePngHeader(start);
    return { path, width, height, size: `${width} x ${height}` };
  });
  const bySize = [...Map.groupBy(headers, ({ size }) => size).values()].sort(
    (a, b) => b.length - a.length,
  );
  const most = bySize[0]?.[0]?.size;
  const different = headers
    .filter(({ size }) => size !== most)
    .map(({ path, size }) => `${relative(folder, path)} has ${size} pixels`);
  const problem = bySize.length === headers.length ? 'No two' : `Most have ${most}; not all`;
  const advice = `${problem} are of one size. Scale them to one, or take these out.`;
  refuseProblems(folder, pictures.length, different, advice);
  return headers[0] as { width: number; height: number };
}

/** Reads all pictures one by one. @throws ExpectedError  Names those that cannot be read. */
async function readAll<T>(
  folder: string,
  pictures: readonly Picture[],
  read: (path: string, index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  const problems: string[] = [];
  for (const [i, { path }] of pictures.entries()) {
    try {
      results.push(await read(path, i));
    } catch (error) {
      const { message, code } = error as NodeJS.ErrnoException;
      const why = code === undefined ? message : `cannot be read (${code})`;
      problems.push(`${relative(folder, path)} ${why}`);
    }
  }
  refuseProblems(folder, pictures.length, problems, 'Repair them or take them out.');
  return results;
}

async function readPicture(path: string): Promise<Uint8Array> {
  const { size } = await stat(path);
  if (size > MAX_FILE_BYTES) {
    throw new Error(`has ${size} bytes, at most ${MAX_FILE_BYTES} allowed`);
  }
  return decodePngPicture(await readFile(path));
}

function refuseProblems(
  folder: string,
  total: number,
  problems: readonly string[],
  advice: string,
): void {
  if (problems.length > 0) {
    throw new ExpectedError(
      `--data ${folder}: ${problems.length} of ${total} pictures cannot be used: ${nameSome(problems, '; ')}. ${advice}`,
    );
  }
}

function nameSome(names: readonly string[], separator = ', '): string {
  const more = names.length > MAX_NAMED ? `${separator}and ${names.length - MAX_NAMED} more` : '';
  return `${names.slice(0, MAX_NAMED).join(separator)}${more}`;
}
