/** Pictures as rows of a CSV table: a label and a number for each pixel, as Kaggle has MNIST. */
import { ExpectedError } from '../../../shared/expected-error.ts';
import type { PixelRange } from '../../../shared/picture/pixels.ts';
import { MAX_ARRAY_BYTES } from '../array-file.ts';
import { sizeOf } from '../../../shared/model/generator.ts';
import {
  describeNoClasses,
  describeUnreadParts,
  IS_INDEX,
  normaliseLabel,
  readFlag,
  readPart,
  type Column,
} from '../labels/label-column.ts';
import type { LabelRows } from '../labels/label-rows.ts';
import { readList } from '../labels/number-lists.ts';
import { chooseRange, listPictures, toLabels, type PictureRows } from './arrays.ts';
import { findFileSplit, within, type Problem, type Source, type Split } from './source.ts';
import { labelByNames } from '../labels/table-names.ts';
import { describeEncoding } from '../labels/text-encoding.ts';
import {
  eachRow,
  measureSquare,
  parseDecimal,
  readColumns,
  readHeader,
  shapePixels,
  unquote,
  type Table,
} from '../labels/table-columns.ts';
import type { TreeFile } from './tree.ts';

const MAX_BAD_ROWS = 1_000_000;

/** Reads tables whole. @throws ExpectedError  When they are too large, or of several sizes. */
export async function readTables(
  files: readonly TreeFile[],
  labelRows: readonly LabelRows[],
  givenRange: PixelRange | undefined,
): Promise<Source> {
  const [notes, used]: [string[], string[]] = [[], []];
  const tables: TableRows[] = [];
  const problems: Problem[] = [];
  let squares = 0;
  for (const file of files) {
    const { path } = file;
    const columns = await readColumns(file);
    const split = findFileSplit(path);
    const fitting = labelRows.filter((one) => findFileSplit(one.path) === split);
    const [beside] = columns?.labels.length === 0 && fitting.length === 1 ? fitting : [];
    const rows =
      columns && (await within(`${path} `, () => readRows(file, columns, problems, beside?.ids)));
    if (!rows || rows.kept.length === 0) {
      continue;
    }
    notes.push(...describeEncoding(path, await readHeader(file)), ...rows.notes);
    const [place = -1] = columns.labels;
    if (!columns.hasNames && place !== -1) {
      notes.push(
        `The columns of ${path} have no names: column ${place + 1} is taken for the classes.`,
      );
    }
    const labels = beside && pairLabels(beside, rows);
    if (beside !== undefined && labels) {
      used.push(beside.path);
      notes.push(`The classes of ${path} are those of ${beside.path}, ${labels.how}.`);
    } else if (place === -1 && columns.hasNames) {
      const { header, pixels, split: parts } = columns;
      const others = header?.filter((_, at) => at !== parts && !pixels.includes(at)) ?? [];
      notes.push(...describeNoClasses(path, others));
    }
    const kept = rows.kept.map(({ line, index, id, label, part }) => ({
      name: `${path}, line ${line}`,
      split: part ?? split,
      label: labels ? labels.find(id, index) : label,
    }));
    const hasParts = rows.kept.some(({ part }) => part !== null);
    tables.push({ name: path, array: rows.array, rows: kept, hasParts });
    squares += !columns.hasNames && rows.count === columns.width ? 1 : 0;
  }
  if (tables.length > 1 && squares > tables.length / 2) {
    throw new ExpectedError(
      `has ${squares} tables with as many rows as columns (${tables[0]?.name}): each seems to be a picture. Expected one in each row. ` +
        'Save each picture as .npy, or all of them by numpy.savez("set.npz", images=…, labels=…)',
    );
  }
  const { tables: sets, notes: named } = labelByNames(tables);
  const pictures = listPictures(sets, chooseRange(tables, givenRange));
  return {
    kind: 'CSV table',
    ...pictures,
    problems,
    notes: [...notes, ...named, ...pictures.notes],
    used,
  };
}

/**
 * Pairs the rows of a table of pixels with those of a table of labels: by their numbers where both
 * have them, as Pandas' index, because both may be shuffled; else one after the other.
 * @returns  Null where the labels are in another order.
 * @throws ExpectedError  When there are not as many labels as rows.
 */
function pairLabels(
  beside: LabelRows,
  { kept, count }: Pick<Awaited<ReturnType<typeof readRows>>, 'kept' | 'count'>,
) {
  const { ids: { cells: ids } = { cells: [] }, isInOrder } = beside;
  const places = new Map(ids.map((id, place) => [id, place]));
  if (places.size === ids.length && kept.every(({ id }) => id !== null && places.has(id))) {
    const labels = toLabels(beside, ids.length);
    const find = (id: string | null): string => String(labels[places.get(id ?? '') as number]);
    return { how: 'by the numbers of the rows', find };
  }
  if (!isInOrder) {
    return null;
  }
  const labels = toLabels(beside, count);
  return { how: 'row by row', find: (_: unknown, index: number) => String(labels[index]) };
}

interface TableRows extends PictureRows {
  /** Whether a column has the part of some rows. */
  readonly hasParts: boolean;
}

interface Row {
  /** From 1, counting the header. */
  readonly line: number;
  /** From 0, among all rows with content. */
  readonly index: number;
  /** Its number in a column for it; null without such a column. */
  readonly id: string | null;
  readonly label: string | null;
  /** The part that a column names; null without such a column. */
  readonly part: Split | null;
}

/**
 * Reads a table as an array, row after row. Rows that do not fit become problems.
 * @param ids  The numbers of the rows in a table of labels.
 */
async function readRows(
  file: TreeFile,
  { header, width, labels, split, pixels, size, delimiter, isMangled }: Table,
  problems: Problem[],
  ids?: Column,
) {
  const kept: Row[] = [];
  const pictures: (Uint8Array | Float32Array)[] = [];
  const name = (place: number): string => header?.[place] ?? `column ${place + 1}`;
  const names = (header ?? []).map((one, place) => (pixels.includes(place) ? null : one.trim()));
  const isIndex = (one: string | null) => one !== null && IS_INDEX.test(one);
  const samePlace = names.findIndex((one) => one === ids?.name);
  // Pandas calls its index "", and "Unnamed: 0" when it reads that again.
  const idPlace =
    samePlace === -1 && isIndex(ids?.name ?? null)
      ? names.findIndex((one) => isIndex(one))
      : samePlace;
  let sizes = size === null ? [] : shapePixels(pixels.map((place) => header?.[place] ?? ''));
  /** @returns  Null without labels, or when the row lacks its own. */
  const readLabel = (cells: readonly string[]): string | null => {
    const [place, ...others] = labels;
    if (place === undefined) {
      return null;
    }
    const ones = labels.filter((one) => readFlag(unquote(cells[one] as string)) === 1);
    const text = others.length === 0 ? unquote(cells[place] as string) : '';
    const [one = -1] = ones;
    return normaliseLabel(others.length > 0 && ones.length === 1 ? name(one) : text) || null;
  };
  /** @returns  The numbers, or why the row cannot be used. */
  const readPixels = (cells: readonly string[]): Uint8Array | Float32Array | string => {
    const [first = -1] = pixels;
    const list = size === null ? readList(cells[first]) : null;
    if (list !== null) {
      const isPicture = list.shape.length > 1 || measureSquare(list.values.length) !== null;
      sizes = sizes.length === 0 && isPicture ? list.shape : sizes;
      return list.shape.join() === sizes.join()
        ? compress(Float32Array.from(list.values))
        : `has ${list.shape.join(' x ')} pixels, expected ${sizes.join(' x ') || 'a square'}`;
    }
    if (size === null) {
      return `has no list of numbers as ${name(first)}`;
    }
    const values = new Float32Array(size);
    for (let i = 0; i < size; i++) {
      const place = pixels[i] as number;
      const raw = cells[place] as string;
      const cell = raw.startsWith('"') ? unquote(raw) : raw;
      const value = delimiter === ';' ? parseDecimal(cell) : Number(cell);
      if (!Number.isFinite(value) || cell.trim() === '') {
        return `holds ${JSON.stringify(cell.slice(0, 20))} as ${name(place)}, expected a number`;
      }
      values[i] = value;
    }
    return compress(values);
  };
  const parts = new Set<string>();
  const readOwnPart = (cells: readonly string[]): Split | null => {
    const part = split === -1 ? '' : unquote(cells[split] ?? '');
    parts.add(part);
    return readPart(name(split), part);
  };
  let [count, areBytes] = [0, true];
  /** @returns  Why the row cannot be used. */
  const take = (cells: readonly string[], line: number): string | undefined => {
    if (cells.length !== width) {
      return `has ${cells.length} columns, expected ${width}`;
    }
    const picture = readPixels(cells);
    if (typeof picture === 'string') {
      return picture;
    }
    areBytes &&= picture instanceof Uint8Array;
    const bytes = (kept.length + 1) * picture.length * (areBytes ? 1 : 4);
    if (bytes > MAX_ARRAY_BYTES) {
      throw new ExpectedError(
        `holds ${bytes} bytes of numbers up to line ${line}, at most ${MAX_ARRAY_BYTES} allowed: take a part of it`,
      );
    }
    pictures.push(picture);
    const id = idPlace === -1 ? null : unquote(cells[idPlace] as string);
    kept.push({ line, index: count - 1, id, label: readLabel(cells), part: readOwnPart(cells) });
    return undefined;
  };
  const takeLine = (row: readonly string[], line: number, isFirst: boolean): void => {
    const isMangledLine = isFirst && isMangled;
    const cells = isMangledLine ? row.map((cell) => cell.replace(/^(\d+)\.\d+$/, '$1')) : row;
    const isEmpty = cells.every((cell) => cell.trim() === '');
    if (isEmpty || (isFirst && header !== null)) {
      return;
    }
    count++;
    const reason = take(cells, line);
    if (reason !== undefined) {
      const own = readOwnPart(cells) ?? findFileSplit(file.path);
      problems.push({ name: `${file.path}, line ${line}`, reason, split: own });
    }
    if (problems.length > MAX_BAD_ROWS) {
      throw new ExpectedError('has too many bad rows');
    }
  };
  await eachRow(file, delimiter, takeLine, size === null);
  const numbers = sizeOf([kept.length, ...sizes]);
  const values = areBytes ? new Uint8Array(numbers) : new Float32Array(numbers);
  pictures.forEach((picture, i) => values.set(picture, i * picture.length));
  const notes = describeUnreadParts(file.path, name(split), parts);
  return { kept, count, notes, array: { format: 'CSV', shape: [kept.length, ...sizes], values } };
}

/** Whole numbers from 0 to 255 as bytes: a quarter of the memory. */
function compress(values: Float32Array): Uint8Array | Float32Array {
  const bytes = Uint8Array.from(values);
  return values.every((value, i) => value === bytes[i]) ? bytes : values;
}
