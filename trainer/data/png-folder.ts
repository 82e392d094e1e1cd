/**
 * A folder of PNG pictures as a data set: a class for each subfolder, or a flat folder without classes. Every picture
 * that does not fit is named before anything is trained.
 */
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { checkClassNames, DatasetError, type Dataset } from './dataset.ts';
import { decodePngPicture, parsePngHeader, PNG_HEADER_BYTES } from './png-picture.ts';

/** All pictures together, as RGB, must fit: 87,381 of 64 x 64, 456,520 of 28 x 28. */
const MAX_TOTAL_BYTES = 1024 * 1024 * 1024;
/**
 * A picture of 64 x 64 has 32 KB at most, uncompressed; the rest is for what programs store beside the pixels. What a
 * hostile file inflates to is bounded with it: deflate's best is 1 to 1,032.
 */
const MAX_FILE_BYTES = 1024 * 1024;
/** Problems and passed-over files that a message names. */
const MAX_NAMED = 5;

/** What reading tells on its way. */
export interface PngFolderWatcher {
  /** Called now and then while pictures are read. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Called with the size of the pictures before any is decoded; throws to refuse it. */
  readonly checkSize?: (size: { readonly width: number; readonly height: number }) => void;
}

/** A data set, and what the user should know about it, a line each. */
export interface LoadedFolder {
  readonly dataset: Dataset;
  readonly notes: readonly string[];
}

interface Picture {
  readonly path: string;
  readonly label: number;
}

interface Listing {
  readonly pictures: readonly Picture[];
  readonly classes: readonly string[];
  readonly notes: readonly string[];
}

/**
 * Reads a folder of PNG files. With subfolders that hold pictures each of them is a class, named after it, in the order of
 * their numbers if all names are numbers, else of their characters' codes. Hidden files are ignored; others that are no PNG,
 * and folders further down, are passed over with a note. The set is grey when no picture has a coloured pixel, else RGB.
 *
 * @param folder  Exists.
 * @throws DatasetError  When there are no pictures, or some are unreadable, of another size, or too many for memory.
 */
export async function loadPngFolder(
  folder: string,
  watcher: PngFolderWatcher = {},
): Promise<LoadedFolder> {
  const { pictures, classes, notes } = await listPictures(folder);
  const { width, height } = await measurePictures(folder, pictures);
  watcher.checkSize?.({ width, height });
  const size = width * height * 3;
  if (pictures.length * size > MAX_TOTAL_BYTES) {
    throw new DatasetError(
      `--data ${folder}: ${pictures.length} pictures of ${width} x ${height} take ${pictures.length * size} bytes as RGB, ` +
        `at most ${MAX_TOTAL_BYTES} allowed: take fewer or smaller ones`,
    );
  }
  const rgb = new Uint8Array(pictures.length * size);
  const problems: string[] = [];
  for (const [i, { path }] of pictures.entries()) {
    try {
      rgb.set(await readPicture(path), i * size);
    } catch (error) {
      problems.push(describeProblem(folder, path, error));
    }
    watcher.onProgress?.(i + 1, pictures.length);
  }
  refuseProblems(folder, pictures.length, problems, 'Repair them or take them out.');
  const grey = takeGrey(rgb);
  const labels = Uint8Array.from(pictures, ({ label }) => label);
  const name = `${basename(resolve(folder)).slice(0, 64)} (PNG files)`;
  const colours = grey === null ? { channels: 3, images: rgb } : { channels: 1, images: grey };
  return {
    dataset: { name, count: pictures.length, height, width, ...colours, labels, classes },
    notes,
  };
}

/** One number a pixel; null when a pixel is coloured. */
function takeGrey(rgb: Uint8Array): Uint8Array | null {
  for (let i = 0; i < rgb.length; i += 3) {
    if (rgb[i] !== rgb[i + 1] || rgb[i] !== rgb[i + 2]) {
      return null;
    }
  }
  const grey = new Uint8Array(rgb.length / 3);
  for (let i = 0; i < grey.length; i++) {
    grey[i] = rgb[i * 3] as number;
  }
  return grey;
}

async function listPictures(folder: string): Promise<Listing> {
  const top = await listFolder(folder);
  const subfolders = await Promise.all(
    top.folders.map(async (name) => ({ name, ...(await listFolder(join(folder, name))) })),
  );
  const filled = subfolders.filter(({ pngs }) => pngs.length > 0);
  if (top.pngs.length > 0 && filled.length > 0) {
    throw new DatasetError(
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
    throw new DatasetError(
      `--data ${folder}: expected IDX files (train-images-idx3-ubyte and train-labels-idx1-ubyte), PNG files, or a ` +
        `subfolder of PNG files for each class; the folder holds ${nameSome(passedOver) || 'nothing'}. ` +
        'Other pictures can be converted, for instance by ImageMagick: mogrify -format png FOLDER/*.jpg',
    );
  }
  const notes =
    passedOver.length === 0 ? [] : [`Passed over what is no PNG: ${nameSome(passedOver)}`];
  if (filled.length === 0) {
    return {
      pictures: top.pngs.map((name) => ({ path: join(folder, name), label: 0 })),
      classes: [],
      notes,
    };
  }
  filled.sort((a, b) =>
    compareClasses(
      a.name,
      b.name,
      filled.every(({ name }) => isNumber(name)),
    ),
  );
  return {
    pictures: filled.flatMap(({ name, pngs }, label) =>
      pngs.map((png) => ({ path: join(folder, name, png), label })),
    ),
    classes: checkClassNames(
      filled.map(({ name }) => name),
      `--data ${folder}`,
    ),
    notes,
  };
}

function isNumber(name: string): boolean {
  return /^[0-9]{1,9}$/.test(name);
}

function compareClasses(a: string, b: string, areNumbers: boolean): number {
  return (areNumbers ? Number(a) - Number(b) : 0) || (a < b ? -1 : 1);
}

/** A folder's visible content by kind, sorted by the characters' codes, so that it is the same on every machine. */
async function listFolder(
  folder: string,
): Promise<{ pngs: string[]; folders: string[]; others: string[] }> {
  const pngs: string[] = [];
  const folders: string[] = [];
  const others: string[] = [];
  for (const entry of (await readdir(folder, { withFileTypes: true })).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    const { name } = entry;
    if (name.startsWith('.')) {
      continue;
    }
    const isFolder = entry.isSymbolicLink()
      ? await stat(join(folder, name)).then(
          (target) => target.isDirectory(),
          () => false, // A link to nothing: reading it fails by name.
        )
      : entry.isDirectory();
    const kind = isFolder ? folders : extname(name).toLowerCase() === '.png' ? pngs : others;
    kind.push(name);
  }
  return { pngs, folders, others };
}

/** Looks at every picture's header; the size of most of them is the set's. */
async function measurePictures(
  folder: string,
  pictures: readonly Picture[],
): Promise<{ width: number; height: number }> {
  const problems: string[] = [];
  const sizes: { path: string; width: number; height: number }[] = [];
  for (const { path } of pictures) {
    try {
      sizes.push({ path, ...parsePngHeader(await readStart(path)) });
    } catch (error) {
      problems.push(describeProblem(folder, path, error));
    }
  }
  refuseProblems(folder, pictures.length, problems, 'Repair them or take them out.');
  const counts = new Map<string, number>();
  for (const { width, height } of sizes) {
    counts.set(`${width} x ${height}`, (counts.get(`${width} x ${height}`) ?? 0) + 1);
  }
  const [most] = [...counts].sort((a, b) => b[1] - a[1])[0] as [string, number];
  const different = sizes
    .filter(({ width, height }) => `${width} x ${height}` !== most)
    .map(({ path, width, height }) => `${showPath(folder, path)} has ${width} x ${height} pixels`);
  refuseProblems(
    folder,
    pictures.length,
    different,
    `${counts.size === sizes.length ? 'No two' : `Most have ${most}; not all`} are of one size. Scale them to one, or take these out.`,
  );
  const { width, height } = sizes[0] as { width: number; height: number };
  return { width, height };
}

async function readStart(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(
      new Uint8Array(PNG_HEADER_BYTES),
      0,
      PNG_HEADER_BYTES,
      0,
    );
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
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
    throw new DatasetError(
      `--data ${folder}: ${problems.length} of ${total} pictures cannot be used: ${nameSome(problems, '; ')}. ${advice}`,
    );
  }
}

function describeProblem(folder: string, path: string, error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return `${showPath(folder, path)} ${code === undefined ? message : `cannot be read (${code})`}`;
}

function showPath(folder: string, path: string): string {
  return path.slice(join(folder, '/').length);
}

function nameSome(names: readonly string[], separator = ', '): string {
  const more = names.length > MAX_NAMED ? `${separator}and ${names.length - MAX_NAMED} more` : '';
  return `${names.slice(0, MAX_NAMED).join(separator)}${more}`;
}
