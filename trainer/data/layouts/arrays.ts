/**
 * Pictures as arrays: NumPy's .npy and .npz, and MATLAB's .mat, with names as "x_train", and the
 * same arrays of other formats.
 */
import { basename } from 'node:path';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { encodePixels, type PixelRange } from '../../../shared/picture/pixels.ts';
import {
  decodeArrayFile,
  MAX_ARRAY_BYTES,
  type ArrayFile,
  type NamedArray,
} from '../array-file.ts';
import { nameCharacters } from '../labels/class-names.ts';
import type { LabelRows } from '../labels/label-rows.ts';
import { LEAST_PIXELS } from '../labels/number-lists.ts';
import { measureSquare } from '../labels/table-columns.ts';
import { decodeMat, isMat } from '../mat-file.ts';
import { isPickle, nameFour, readPickledArrays, stackArrays } from '../pickle.ts';
import { decideRange, findExtremes } from '../number-range.ts';
import { listZip } from './archives.ts';
import { findBeside } from './picture-files.ts';
import {
  areClassNames,
  areShards,
  countWords,
  findFolderSplit,
  findSplit,
  hasRole,
  isRole,
  namesLabels,
  nameSome,
  SAVE_IN_PYTHON,
  within,
  type RawPicture,
  type Sample,
  type Source,
  type Split,
} from './source.ts';
import { readFile, type TreeFile } from './tree.ts';
import { hasPictureEnding } from '../pictures/format.ts';

const ENDING = /\.(?:np[yz]|mat|idx\d?(?:-ubyte)?|p(?:kl|ickle)?)$/i;

/**
 * Reads pictures and labels of .npy, .npz and .mat files.
 * @param tables  Labels beside arrays that have none.
 * @throws ExpectedError  When arrays are no images, or do not belong together.
 */
export async function readArrays(
  files: readonly TreeFile[],
  tables: readonly LabelRows[],
  range: PixelRange | undefined,
): Promise<Source> {
  const notes: string[] = [];
  const found: NamedArray[] = [];
  for (const file of files) {
    found.push(...(await within(`${file.path} `, () => readArrayFile(file, notes))));
  }
  if (found.length === 0) {
    throw new ExpectedError(`holds no array that can be read. ${notes.join(' ')}`);
  }
  const arrays = files.length === found.length ? joinPictures(files, found) : found;
  const isLabelled = arrays.some((one) => isLabels(one) && namesLabels(one.name));
  const labelRows = isLabelled ? [] : tables;
  const source = arrangeArrays([...arrays, ...labelRows], range, notes);
  return { ...source, used: labelRows.map(({ path }) => path) };
}

/** A name that NumPy gives. */
const IS_UNNAMED = /^arr_\d+$/;

/** Reads a .npy, .npz or .mat file. @throws ExpectedError */
async function readArrayFile(file: TreeFile, notes: string[]): Promise<NamedArray[]> {
  const own = basename(file.path).replace(ENDING, '');
  const folder = findSplit(own) === null ? findFolderSplit(file.path) : null;
  const stem = folder === null ? own : `${folder}_${own}`;
  /** Adds the part that only the file's name tells, as of train.npz with x and y. */
  const nameAll = (arrays: NamedArray[], keys = arrays.map(({ name }) => name)): NamedArray[] =>
    findSplit(stem) !== null && keys.every((key) => findSplit(key) === null)
      ? arrays.map((one) => (one.name === stem ? one : { ...one, name: `${stem}_${one.name}` }))
      : arrays;
  const content = await readFile(file, MAX_ARRAY_BYTES);
  if (/\.mat$/i.test(file.path) && !isMat(content)) {
    throw new ExpectedError(
      'is no .mat of level 5, which is read: save it in MATLAB with -v7, or in Python by scipy.io.savemat',
    );
  }
  if (isMat(content)) {
    const lost: string[] = [];
    const found = await decodeMat(content, lost);
    notes.push(...renumberSvhn(stem, found), ...describeLost(file.path, lost, found));
    return nameAll(found);
  }
  if (/\.(?:pkl|pickle)$/i.test(file.path) && !isPickled(content)) {
    throw new ExpectedError(
      `is no pickle of protocol 2 or later, which are read. Read it ${SAVE_IN_PYTHON}`,
    );
  }
  if (content.toString('latin1', 0, 2) !== 'PK') {
    return nameAll(await decodeAny(content, stem, file.path, notes));
  }
  const { files: members } = await listZip(content);
  const keys = members.map(({ path }) => path.replace(/\.npy$/i, ''));
  const arrays: NamedArray[] = [];
  for (const [i, inner] of members.entries()) {
    const key = keys[i] as string;
    // `numpy.savez(file, images)` without a keyword: the file's name tells more.
    const name = IS_UNNAMED.test(key) ? stem : key;
    const bytes = await within(`${inner.path} `, () => readFile(inner, MAX_ARRAY_BYTES));
    try {
      arrays.push(
        ...(await within(`${inner.path} `, () => decodeAny(bytes, name, file.path, notes))),
      );
    } catch (error) {
      if (seemsLabels(name) || !isPickled(bytes)) {
        throw error;
      }
      // Objects of Python may lie beside the pictures.
      notes.push(`Passed over an array: ${(error as Error).message}`);
    }
  }
  return arrays.length === 4 && keys.every((key) => IS_UNNAMED.test(key))
    ? nameFour(arrays.map(({ array }) => array))
    : nameAll(arrays, keys);
}

/** Files of .npy with objects have a pickle after their header. */
function isPickled(bytes: Buffer): boolean {
  return isPickle(bytes) || /^NUMPY.*'descr': '\|O'/s.test(bytes.toString('latin1', 1, 256));
}

async function decodeAny(
  bytes: Buffer,
  name: string,
  path: string,
  notes: string[],
): Promise<NamedArray[]> {
  if (!isPickled(bytes)) {
    return [{ name, array: decodeArrayFile(bytes) }];
  }
  const isNumPy = bytes[0] === 0x93;
  // The header ends with a line break.
  const pickle = isNumPy ? bytes.subarray(bytes.indexOf(10, 10) + 1) : bytes;
  const lost: string[] = [];
  const arrays = await readPickledArrays(pickle, name, lost);
  notes.push(...describeLost(path, lost, arrays));
  return arrays;
}

/** Whether an array has labels by its name, and no names of classes. */
function seemsLabels(name: string): boolean {
  return namesLabels(name) && !/names?$/i.test(name);
}

/** Names what is no array. @throws ExpectedError  When it seems to be the only labels. */
function describeLost(
  path: string,
  lost: readonly string[],
  arrays: readonly NamedArray[],
): string[] {
  const labels = lost.find(seemsLabels);
  if (labels !== undefined && !arrays.some(({ name }) => seemsLabels(name))) {
    throw new ExpectedError(
      `has ${labels}, which cannot be read as labels: expected a text or a whole number for each picture`,
    );
  }
  return lost.length === 0 ? [] : [`${path}: not used, because it is no array: ${nameSome(lost)}`];
}

/** Fewer files of one shape may be sets of as many pictures. */
const LEAST_FILES = 10;

/** Joins .npy files with a picture each, whose folders are the classes. */
function joinPictures(files: readonly TreeFile[], arrays: readonly NamedArray[]): NamedArray[] {
  const [{ array: { shape } } = { array: { shape: [] } }] = arrays;
  const [height = 0, width = 0, channels = 1] = shape as number[];
  // [1000, 784] are 1000 pictures of 28 x 28.
  const isPicture =
    shape.length === 3
      ? CHANNELS.includes(channels)
      : shape.length === 2 && (height === width || !Number.isInteger(Math.sqrt(width)));
  const joined =
    arrays.length >= LEAST_FILES && isPicture
      ? stackArrays(arrays.map(({ array }) => array))
      : null;
  if (joined === null) {
    return [...arrays];
  }
  const groups = Map.groupBy(arrays.keys(), (i) => files[i]?.path.split('/').at(-2) ?? 'images');
  return [...groups].map(([name, places]) => ({
    name,
    array: stackArrays(places.map((i) => (arrays[i] as NamedArray).array)) as ArrayFile,
  }));
}

/** SVHN numbers the digit 0 as 10. @returns  A note when it did. */
function renumberSvhn(stem: string, arrays: readonly NamedArray[]): string[] {
  const labels = arrays.find(({ name }) => name === 'y')?.array.values;
  if (!stem.endsWith('_32x32') || labels?.includes(10) !== true) {
    return [];
  }
  labels.forEach((label, i) => (labels[i] = label % 10));
  return [`${stem}: the label 10 of SVHN is the digit 0.`];
}

/**
 * Pairs images with labels by the splits in their names: x_train and y_train. Several sets of
 * images without labels become a class each, named after their files, as Quick, Draw! has them.
 * @throws ExpectedError  When arrays are no images, or do not belong together.
 */
function arrangeArrays(
  arrays: readonly NamedArray[],
  givenRange: PixelRange | undefined,
  notes: readonly string[] = [],
): Source {
  const listings = arrays.filter(isListing);
  const labels = arrays.filter((one) => isLabels(one) && !listings.includes(one));
  const others = arrays.filter((one) => !isLabels(one));
  const likely = others.filter(
    ({ array }) => findDimensions(array.shape) !== null && array.texts === undefined,
  );
  // [n, 768] beside pictures are features. One that is no picture is named in an error.
  const [found = others] = [likely.filter((one) => !isFlat(one.array)), likely].filter(
    ({ length }) => length > 0,
  );
  // scikit-learn's sets have the same numbers as `data` and as `images`.
  const images = found.filter(
    ({ array }, i) => !found.slice(0, i).some((one) => haveSameNumbers(one.array, array)),
  );
  const unused = others.filter((one) => !images.includes(one) && !isMapping(one));
  if (images.length === 0) {
    throw new ExpectedError(
      `holds no array of images, only ${describeArrays(labels) || 'nothing'}: expected ${SHAPES}. ${notes.join(' ')}`,
    );
  }
  const byName = labels.length === 0 && areClasses(images.map(({ name }) => name));
  const twice = images.find(({ name }, i) => images.findIndex((one) => one.name === name) !== i);
  if (byName && twice !== undefined) {
    throw new ExpectedError(
      `holds several arrays named ${twice.name}: expected one file for each class, with all its pictures`,
    );
  }
  const areSquares = images.every(
    ({ array: { shape } }) => shape.length === 2 && shape[0] === shape[1],
  );
  if (byName && areSquares) {
    throw new ExpectedError(
      `has ${images.length} arrays with as many rows as columns (${nameSome(images.map(describeArray))}): each seems to be a picture. ` +
        'Stack them: numpy.savez("set.npz", images=numpy.stack([…]), labels=[…])',
    );
  }
  const chosenLabels: NamedArray[] = [];
  const claimed = new Set<Split>();
  const sets = images.map(({ name, array }): PictureRows => {
    const { count } = measureArray(array, name);
    const split = findSplit(name) ?? 'train';
    if (!byName && claimed.has(split)) {
      throw new ExpectedError(
        `holds several arrays of images for one part: ${nameSome(images.map(describeArray))}: expected one (numpy.concatenate joins them), or names with train and test`,
      );
    }
    claimed.add(split);
    const own = labels.filter((one) => (findSplit(one.name) ?? 'train') === split);
    const [only] = own.length === 1 ? own.filter(repeats) : [];
    // Tables of labels are told by a column's name; other lists may be of anything.
    const fits = only?.array.format === 'CSV' || only?.array.shape[0] === count;
    // Others are of coarser classes, or of something else: "labels" beside "coarse_labels".
    const named = own
      .filter((one) => namesLabels(one.name))
      .sort((a, b) => countWords(a.name) - countWords(b.name));
    const whole = named.find(({ array: { shape } }) => shape[0] === count);
    const chosen = whole ?? named[0] ?? (fits ? only : undefined);
    unused.push(...own.filter((one) => one !== chosen));
    chosenLabels.push(...(chosen === undefined ? [] : [chosen]));
    const values = chosen && toLabels(chosen, count);
    refuseColumns(name, array, values === undefined && !byName);
    const rows = Array.from({ length: count }, (_, i) => {
      const given = values?.[i] ?? '';
      const label = byName ? name.replace(NO_CLASS, '') : given === '' ? null : given;
      return { name: `${name}, picture ${i}`, split, label };
    });
    return { name, array, rows };
  });
  const { notes: ownNotes, ...pictures } = listPictures(sets, chooseRange(images, givenRange));
  let [least, largest] = [Infinity, -1];
  for (const { label } of pictures.samples) {
    const number = typeof label === 'number' ? label : -1;
    [least, largest] = [Math.min(least, number), Math.max(largest, number)];
  }
  const isMatlab = images.some(({ array }) => isMatlabs(array));
  // MATLAB counts from 1.
  const isCounted = (length: number) => isMatlab && least === 1 && largest === length;
  const [listing] = listings.filter(
    ({ array: { values } }) =>
      largest >= 0 && (values.length > largest || isCounted(values.length)),
  );
  const mapping = others.find(isMapping);
  unused.push(...listings.filter((one) => one !== listing));
  const used = [...images, ...chosenLabels, ...(listing ? [listing] : [])]
    .map(({ name }) => name)
    .join(', ');
  const passedOver =
    unused.length > 0 ? [`Used: ${used}; not used: ${describeArrays(unused)}`] : [];
  const texts = listing && listTexts(listing.array);
  const [named = ''] = texts ?? [];
  const isFromOne = texts !== undefined && isCounted(texts.length);
  const naming = isFromOne ? [`The classes are named by ${listing?.name}: 1 is ${named}.`] : [];
  return {
    kind: isMatlab ? 'MATLAB' : 'NumPy arrays',
    ...pictures,
    notes: [
      ...notes,
      ...ownNotes,
      ...(mapping === undefined ? images.flatMap(describeRows).slice(0, 1) : []),
      ...naming,
      ...passedOver,
    ],
    ...(mapping && { classNames: nameCharacters(listRows(mapping.array)) }),
    ...(texts && { classNames: isFromOne ? ['', ...texts] : texts }),
  };
}

/** Whether an array is of MATLAB. */
function isMatlabs({ format }: ArrayFile): boolean {
  return format.startsWith('mat');
}

/** @throws ExpectedError  When only labels would tell whether pictures are rows or columns. */
function refuseColumns(name: string, array: ArrayFile, isUnlabelled: boolean): void {
  const { shape } = array;
  const [rows = 0, columns = 0] = shape;
  const [other, own] = [measureSquare(rows), measureSquare(columns)];
  if (isUnlabelled && isMatlabs(array) && shape.length === 2 && other !== null && own !== null) {
    throw new ExpectedError(
      `${name} has the shape [${shape.join(', ')}]: ${rows} pictures of ${own.side} x ${own.side}, or ${columns} of ${other.side} x ${other.side}? ` +
        `If they are its rows, save in Python numpy.save("images.npy", a); if they are its columns, numpy.save("images.npy", ${turnRows('a.T', other)})`,
    );
  }
}

/** Python that turns flat pictures whose columns are where others have rows. */
function turnRows(array: string, { side, channels }: { side: number; channels: number }): string {
  return channels === 1
    ? `${array}.reshape(-1, ${side}, ${side}).transpose(0, 2, 1)`
    : `${array}.reshape(-1, ${channels}, ${side}, ${side}).transpose(0, 1, 3, 2)`;
}

/** Tells the order of flat pictures of MATLAB, which may be column by column. */
function describeRows({ name, array }: NamedArray): string[] {
  const square = array.shape.length === 2 ? measureSquare(array.shape[1] as number) : null;
  return square === null || !isMatlabs(array)
    ? []
    : [
        `${name} is read row by row. If data.png shows pictures on their sides, save them in Python: numpy.savez("set.npz", images=${turnRows('a', square)}, labels=…)`,
      ];
}

/** Pictures in an array, with what is known of each. */
export interface PictureRows extends NamedArray {
  readonly rows: readonly Omit<Sample, 'read'>[];
}

/**
 * Makes samples of the pictures in arrays.
 * @param range  The numbers of black and white, with the note on them.
 * @throws ExpectedError  When an array's shape is not that of pictures, or the shapes differ.
 */
export function listPictures(
  sets: readonly PictureRows[],
  { range, note }: ReturnType<typeof chooseRange> = { range: BYTES, note: [] },
) {
  const ordered = orderColours(sets);
  const all = ordered.arrays.map(({ name, array }) => toPictures(array, name, range));
  const [{ width, height, channels } = { width: 0, height: 0, channels: 0 }] = all;
  const shape = { width, height, channels };
  const samples = ordered.arrays.flatMap(({ name, rows }, place): Sample[] => {
    const own = all[place] as (typeof all)[number];
    if (own.width !== width || own.height !== height || own.channels !== channels) {
      throw new ExpectedError(
        `${name} holds pictures of ${own.width} x ${own.height} x ${own.channels}, others ${Object.values(shape).join(' x ')}: expected one shape`,
      );
    }
    return rows.map((row, i) => ({ ...row, read: () => Promise.resolve(own.pick(i)) }));
  });
  return { samples, shape, problems: [], notes: [...note, ...ordered.note] };
}

function haveSameNumbers(a: ArrayFile, b: ArrayFile): boolean {
  return (
    a.values.length === b.values.length &&
    a.shape[0] === b.shape[0] &&
    a.shape.length !== b.shape.length &&
    a.values.every((value, i) => value === b.values[i])
  );
}

/** Whether an array lists the names of the classes. */
function isListing({ name, array: { shape, texts } }: NamedArray): boolean {
  const areOthers = /file|path|feature/i.test(name) || texts?.some(hasPictureEnding) === true;
  return texts?.length === shape[0] && !areOthers && /(?:names?|categories|classes)$/i.test(name);
}

/** Whether an array is EMNIST's list of labels and their characters. */
function isMapping({ name, array: { shape, values } }: NamedArray): boolean {
  const [, columns = 0, ...more] = shape;
  return (
    name === 'dataset_mapping' &&
    [2, 3].includes(columns) &&
    more.length === 0 &&
    values.every((value) => value < 256)
  );
}

function listRows({ shape: [count = 0, columns = 0], values }: ArrayFile): number[][] {
  return Array.from({ length: count }, (_, row) => [
    ...values.subarray(row * columns, (row + 1) * columns),
  ]);
}

/** Numbers of rows and names of files are no classes. */
function repeats({ array: { values } }: NamedArray): boolean {
  return new Set(values).size < values.length;
}

function listTexts({ values, texts = [] }: ArrayFile): string[] {
  return Array.from(values, (value) => texts[value] as string);
}

function describeArray({ name, array }: NamedArray): string {
  return `${name} [${array.shape.join(', ')}]`;
}

function describeArrays(arrays: readonly NamedArray[]): string {
  return arrays.map(describeArray).join(', ');
}

function isLabels({ name, array: { shape } }: NamedArray): boolean {
  const [, second = 1] = shape;
  return shape.length < 2 || (shape.length === 2 && (second === 1 || namesLabels(name)));
}

/** Before the class in names of arrays: of Quick, Draw!, of train/cat.npy and `mnist_all.mat`. */
const NO_CLASS = /^(?:full_numpy_bitmap_|(?:train|val|test)(?:_|(?=\d+$)))(?=.)/;

/** Whether arrays have a class each: cat and dog, or train0, train1 and test0. */
function areClasses(names: readonly string[]): boolean {
  const parts = names.map(findSplit);
  const classes = names.map((name) => name.replace(NO_CLASS, ''));
  if (parts.every((part) => part === null)) {
    const areOthers = names.some((name) => namesLabels(name) || isRole(name));
    return names.length > 1 && !areShards(names) && !areOthers && findBeside(names).length === 0;
  }
  const areTold = classes.every(
    (own, i) => parts[i] !== null && findSplit(own) === null && !hasRole(own),
  );
  return areTold && areClassNames(classes, parts);
}
const CHANNELS = [1, 3, 4];
const SHAPES =
  '[n, height, width], [n, height, width, channels], [n, channels, height, width] or [n, pixels of a square], with 1, 3 or 4 channels';

/**
 * Brings an array into bytes, [n, height, width, channels].
 * @param range  The numbers of black and white.
 * @throws ExpectedError  When its shape is not that of pictures.
 */
function toPictures(array: ArrayFile, name: string, range: PixelRange) {
  const { height, width, channels, isPlanar } = measureArray(array, name);
  const { values } = array;
  const size = height * width * channels;
  const isBytes = values instanceof Uint8Array && range.join() === BYTES.join();
  const bytes = isBytes ? values : encodePixels(values, range);
  const pick = (i: number): RawPicture => {
    const own = bytes.subarray(i * size, (i + 1) * size);
    const pixels = isPlanar
      ? own.map((_, k) => own[(k % channels) * height * width + Math.floor(k / channels)] as number)
      : own;
    return { width, height, channels, pixels };
  };
  return { width, height, channels, pick };
}

/** No picture is this many times higher than wide. */
const THIN = 20;

/** @throws ExpectedError  When its shape is not that of pictures. */
function measureArray({ shape, values }: ArrayFile, name: string) {
  const [count = 0, ...rest] = shape;
  const dimensions = findDimensions(shape);
  const [examples = 0, classes = 0] = rest;
  // USPS in MATLAB: 256 pixels of 1100 pictures in 10 classes. No picture is so thin.
  if (shape.length === 3 && dimensions && measureSquare(count) && examples >= THIN * classes) {
    throw new ExpectedError(
      `${name} has the shape [${shape.join(', ')}], which seems to be pixels, pictures, classes: expected ${SHAPES}. ` +
        `In Python: numpy.savez("set.npz", images=a.transpose(2, 1, 0).reshape(-1, ${count}), labels=numpy.repeat(range(${classes}), ${examples}))`,
    );
  }
  const [, height = 0, last = 0] = shape;
  const isCountedLast = shape.length === 3 && count === height && last >= THIN * height;
  if (dimensions === null || count === 0 || values.length === 0 || isCountedLast) {
    const isOne =
      (shape.length === 3 && CHANNELS.includes(shape[2] as number)) ||
      (shape.length === 2 && shape[0] === shape[1]);
    const advice = isOne
      ? '. It seems to be one picture: stack them with numpy.stack'
      : findDimensions([0, ...shape.slice(0, -1)]) !== null
        ? '. If pictures are counted last: numpy.moveaxis(images, -1, 0)'
        : '';
    throw new ExpectedError(
      `${name} has the shape [${shape.join(', ')}], expected ${SHAPES}${advice}`,
    );
  }
  return { count, ...dimensions };
}

function findDimensions([count, ...sizes]: readonly number[]): ReturnType<typeof findPicture> {
  const [own = 0, ...more] = sizes.filter((size) => size !== 1);
  if (sizes.length === 1 || more.length > 0 || own < LEAST_PIXELS) {
    return findPicture(sizes);
  }
  // [n, 1, 784] and [n, 784, 1] have flat pictures, and an axis for the only colour.
  return measureSquare(own)?.channels === 1 && own !== count ? findPicture([own]) : null;
}

function findPicture(sizes: readonly number[]) {
  const [first = 0, second = 0, third = 0] = sizes;
  if (sizes.length === 3) {
    const isLast = CHANNELS.includes(third);
    const isPlanar = !isLast && CHANNELS.includes(first);
    return isPlanar
      ? { height: second, width: third, channels: first, isPlanar }
      : isLast
        ? { height: first, width: second, channels: third, isPlanar }
        : null;
  }
  if (sizes.length === 2) {
    // [16, 16, 3] is rather one picture in colour than 16 pictures of 16 x 3.
    return CHANNELS.includes(second)
      ? null
      : { height: first, width: second, channels: 1, isPlanar: false };
  }
  const square = sizes.length === 1 ? measureSquare(first) : null;
  return square && { ...square, height: square.side, width: square.side, isPlanar: false };
}

/** Whether rows hold the numbers of coloured pictures in an unknown order. */
function isFlat({ shape: [, size = 0, ...others] }: ArrayFile): boolean {
  return others.length === 0 && measureSquare(size)?.channels === 3;
}

/** The number of pictures from which the order of all is found. */
const COMPARED = 1000;

/**
 * Finds whether rows of a set's pictures have all red numbers first, or red, green and blue of each
 * pixel: the right order is the one in which a pixel differs less from the one below it.
 */
function orderColours<T extends { readonly array: ArrayFile }>(
  arrays: readonly T[],
): { arrays: readonly T[]; note: string[] } {
  const unknown = arrays.filter(({ array }) => isFlat(array));
  const [size = 0] = unknown.map(({ array }) => array.shape[1] as number);
  const { side } = measureSquare(size) ?? { side: 0 };
  let [planar, interleaved] = [0, 0];
  for (const { array } of unknown.filter((one) => one.array.shape[1] === size)) {
    const { shape, values } = array;
    const count = shape[0] as number;
    for (let i = 0; i < count; i += Math.ceil(count / COMPARED)) {
      const own = values.subarray(i * size, (i + 1) * size);
      const compare = (at: number, rows: number): number =>
        Math.abs((own[at] as number) - (own[at + rows * side] as number));
      for (let k = 0; k < size - 3 * side; k++) {
        interleaved += compare(k, 3);
        // The last row of a colour has none below it.
        planar += compare(k + side * Math.floor(k / (side * (side - 1))), 1);
      }
    }
  }
  if (unknown.length === 0) {
    return { arrays, note: [] };
  }
  const isPlanar = planar < interleaved;
  const order = isPlanar ? [3, side, side] : [side, side, 3];
  const found = isPlanar ? 'all red ones first' : 'red, green and blue of each pixel together';
  const ordered = arrays.map((one) => {
    const { array } = one;
    return array.shape[1] === size && isFlat(array)
      ? { ...one, array: { ...array, shape: [array.shape[0] as number, ...order] } }
      : one;
  });
  const note = `The ${size.toLocaleString('en')} numbers of a picture are read as ${side} x ${side} pixels, ${found}: neighbours differ less so.`;
  return { arrays: ordered, note: [note] };
}

const BYTES: PixelRange = [0, 255];

/**
 * Finds the numbers of black and white in all arrays of a set: a part may be darker than the whole.
 * @param given  By the user.
 * @returns  A note unless they are 0 and 255.
 * @throws ExpectedError  When numbers are not finite, beyond the given ones, or may mean several.
 */
export function chooseRange(
  arrays: readonly NamedArray[],
  given?: PixelRange,
): { range: PixelRange; note: string[] } {
  if (arrays.length === 0) {
    return { range: BYTES, note: [] };
  }
  const extremes = { least: Infinity, largest: -Infinity };
  for (const { name, array } of arrays) {
    const { shape, values } = array;
    const found = findExtremes(values);
    if ('notFinite' in found) {
      const { notFinite: i } = found;
      const picture = Math.floor((i * (shape[0] ?? 1)) / values.length);
      throw new ExpectedError(
        `${name} holds ${values[i]} in picture ${picture}: expected finite numbers`,
      );
    }
    extremes.least = Math.min(extremes.least, found.least);
    extremes.largest = Math.max(extremes.largest, found.largest);
  }
  return decideRange(extremes, given);
}

/** Texts, whole numbers from 0, or the places of the ones in one-hot rows. */
export function toLabels({ name, array }: NamedArray, count: number): readonly (number | string)[] {
  const { shape, values } = array;
  const [rows = 0, columns = 1] = shape;
  // Pandas calls the only column "0".
  if (rows === count + 1 && array.format === 'CSV' && array.texts?.[values[0] as number] === '0') {
    return listTexts(array).slice(1);
  }
  if (rows !== count) {
    throw new ExpectedError(
      `${name} holds ${rows} labels for ${count} pictures: expected as many. The first axis counts pictures`,
    );
  }
  if (array.texts !== undefined && columns === 1) {
    return listTexts(array);
  }
  if (columns > 1) {
    return Array.from({ length: rows }, (_, i) => {
      const row = values.subarray(i * columns, (i + 1) * columns);
      const ones = [...row].filter((value) => value === 1).length;
      if (ones !== 1 || row.some((value) => value !== 0 && value !== 1)) {
        throw new ExpectedError(
          `${name} holds in row ${i} no one-hot label: expected one 1 beside zeros, or numbers`,
        );
      }
      return row.indexOf(1);
    });
  }
  const place = values.findIndex((value) => !Number.isInteger(value) || value < 0);
  if (place !== -1) {
    throw new ExpectedError(
      `${name} holds the label ${values[place]} at place ${place}: expected whole numbers from 0`,
    );
  }
  return Array.from(values);
}
