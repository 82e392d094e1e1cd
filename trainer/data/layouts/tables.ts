/** Pictures as rows of a CSV table: a label and a number for each pixel, as Kaggle has MNIST. */
import { basename, parse } from 'node:path';
import { ExpectedError } from '../../../shared/expected-error.ts';
import type { PixelRange } from '../../../shared/picture/pixels.ts';
import { normaliseLabel, readPart } from '../labels/label-column.ts';
import { findRowsOf, type LabelRows } from '../labels/label-rows.ts';
import { readList } from '../labels/number-lists.ts';
import {
  chooseRange,
  listPictures,
  MAX_ARRAY_BYTES,
  toLabels,
  type PictureRows,
} from './arrays.ts';
import { findSplit, nameSome, within, type Problem, type Source, type Split } from './source.ts';
import {
  eachRow,
  measureSquare,
  parseDecimal,
  readColumns,
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
  for (const file of files) {
    const { path } = file;
    const columns = await readColumns(file);
    const rows = columns && (await within(`${path} `, () => readRows(file, columns, problems)));
    if (!rows || rows.kept.length === 0) {
      continue;
    }
    const split = findSplit(basename(path)) ?? 'train';
    const names = columns.pixels.map((place) => columns.header?.[place] ?? '');
    const sizes = columns.size === null ? rows.shape : shapePixels(names);
    const array = {
      format: 'CSV',
      shape: [rows.kept.length, ...sizes],
      values: rows.values.subarray(0, rows.kept.length * rows.size),
    };
    const [place = -1] = columns.labels;
    if (!columns.hasNames && place !== -1) {
      notes.push(
        `The columns of ${path} have no names: column ${place + 1} is taken for the classes.`,
      );
    }
    const beside = place === -1 ? findRowsOf(labelRows, split) : undefined;
    const labels = beside && toLabels(beside, rows.count);
    if (beside !== undefined) {
      used.push(beside.path);
      notes.push(`The classes of ${path} are those of ${beside.path}, row by row.`);
    }
    const kept = rows.kept.map(({ line, index, label, part }) => ({
      name: `${path}, line ${line}`,
      split: part ?? split,
      label: labels === undefined ? label : String(labels[index]),
    }));
    const hasParts = rows.kept.some(({ part }) => part !== null);
    tables.push({ name: path, array, rows: kept, hasParts });
  }
  const byFile = areClasses(tables);
  if (byFile) {
    notes.push(`Each table is a class: ${nameSome(tables.map(({ name }) => stemOf(name)))}.`);
  }
  const sets = tables.map((table) =>
    byFile
      ? { ...table, rows: table.rows.map((row) => ({ ...row, label: stemOf(table.name) })) }
      : table,
  );
  const pictures = listPictures(sets, chooseRange(tables, givenRange));
  return { kind: 'CSV table', ...pictures, problems, notes: [...notes, ...pictures.notes], used };
}

interface TableRows extends PictureRows {
  /** Whether a column tells the part of some rows. */
  readonly hasParts: boolean;
}

const stemOf = (path: string): string => parse(path).name;

/** Whether cat.csv and dog.csv are classes: part-0.csv and part-1.csv are none. */
function areClasses(tables: readonly TableRows[]): boolean {
  const stems = tables.map(({ name }) => stemOf(name));
  const kinds = new Set(stems.map((stem) => stem.replace(/\d+/g, '')));
  return (
    tables.length > 1 &&
    kinds.size === tables.length &&
    stems.every((stem) => findSplit(stem) === null) &&
    tables.every(({ rows, hasParts }) => !hasParts && rows.every(({ label }) => label === null))
  );
}

interface Row {
  /** From 1, counting the header. */
  readonly line: number;
  /** From 0, among all rows with content. */
  readonly index: number;
  readonly label: string | null;
  /** That a column tells. */
  readonly part: Split | null;
}

/** Reads a table as numbers, row after row. Rows that do not fit become problems. */
async function readRows(
  file: TreeFile,
  { header, width, labels, split, pixels, size: given, delimiter, isMangled }: Table,
  problems: Problem[],
) {
  const kept: Row[] = [];
  let size = given ?? 0;
  let shape: readonly number[] = [];
  let values = new Float32Array(0);
  let [line, count] = [0, 0];
  const name = (place: number): string => header?.[place] ?? `column ${place + 1}`;
  /** @returns  Null without labels, and empty when the row lacks its label. */
  const readLabel = (cells: readonly string[]): string | null => {
    const [place, ...others] = labels;
    if (place === undefined) {
      return null;
    }
    const isOne = (one: number): boolean => Number(unquote(cells[one] as string)) === 1;
    const ones = labels.filter(isOne);
    return others.length === 0
      ? unquote(cells[place] as string)
      : ones.length === 1
        ? name(ones[0] as number)
        : '';
  };
  /** @returns  Why the row cannot be used. */
  const take = (cells: readonly string[]): string | undefined => {
    if (cells.length !== width) {
      return `has ${cells.length} columns, expected ${width}`;
    }
    const isList = given === null;
    const found = isList ? readList(cells[pixels[0] as number]) : null;
    if (isList && found === null) {
      return `has no list of numbers as ${name(pixels[0] as number)}`;
    }
    const list = found?.values ?? cells;
    if (found !== null && size === 0 && (found.shape.length > 1 || measureSquare(list.length))) {
      [size, shape] = [list.length, found.shape];
    }
    if (found !== null && (list.length !== size || found.shape.join() !== shape.join())) {
      return `has ${found.shape.join(' x ')} pixels, expected ${size === 0 ? 'a square' : shape.join(' x ')}`;
    }
    const own = readLabel(cells);
    const text = own && normaliseLabel(own);
    if (text === '') {
      return `has no ${labels.map(name).join(', ')}`;
    }
    const first = kept.length * size;
    if (first + size > values.length) {
      if ((first + size) * 4 > MAX_ARRAY_BYTES) {
        throw new ExpectedError(`holds more than ${MAX_ARRAY_BYTES / 4} numbers: too many`);
      }
      const longer = new Float32Array(
        Math.max(first + size, Math.min(values.length * 2, MAX_ARRAY_BYTES / 4)),
      );
      longer.set(values);
      values = longer;
    }
    for (let i = 0; i < size; i++) {
      const place = isList ? i : (pixels[i] as number);
      const raw = list[place] as string | number;
      if (typeof raw === 'number') {
        values[first + i] = raw;
        continue;
      }
      const cell = raw.startsWith('"') ? unquote(raw) : raw;
      const value = delimiter === ';' ? parseDecimal(cell) : Number(cell);
      if (!Number.isFinite(value) || cell.trim() === '') {
        return `holds ${JSON.stringify(cell.slice(0, 20))} as ${name(place)}, expected a number`;
      }
      values[first + i] = value;
    }
    const part = split === -1 ? null : readPart(name(split), unquote(cells[split] as string));
    kept.push({ line, index: count - 1, label: text, part });
    return undefined;
  };
  await eachRow(
    file,
    delimiter,
    (row, at) => {
      line = at;
      const isMangledLine = line === 1 && isMangled;
      const cells = isMangledLine ? row.map((cell) => cell.replace(/^(\d+)\.\d+$/, '$1')) : row;
      const isEmpty = cells.every((cell) => cell.trim() === '');
      if (isEmpty || (line === 1 && header !== null)) {
        return;
      }
      count++;
      const reason = take(cells);
      if (reason !== undefined) {
        problems.push({ name: `${file.path}, line ${line}`, reason });
      }
      if (problems.length > MAX_BAD_ROWS) {
        throw new ExpectedError('has too many bad rows');
      }
    },
    given === null,
  );
  return { kept, values, size, shape, count };
}
