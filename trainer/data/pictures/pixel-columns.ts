/** Tables that have the pixels of a picture in each row: Parquet, Arrow and JSON. */
import { ExpectedError } from '../../../shared/expected-error.ts';
import { sizeOf } from '../../../shared/model/generator.ts';
import type { PixelRange } from '../../../shared/picture/pixels.ts';
import { listAsTexts, type ArrayFile, type NamedArray } from '../array-file.ts';
import { decodeText, parseJson, readLines } from '../labels/text-encoding.ts';
import {
  findLabels,
  findParts,
  normaliseLabel,
  readPart,
  type Column,
} from '../labels/label-column.ts';
import { LEAST_PIXELS, readList, type NumberList } from '../labels/number-lists.ts';
import { findPixelNames, shapePixels } from '../labels/table-columns.ts';
import { arrangeArrays, MAX_ARRAY_BYTES } from '../layouts/arrays.ts';
import { readFile, type TreeFile } from '../layouts/tree.ts';
import type { PictureTable, Source, Split } from '../layouts/source.ts';

/** The columns with the pixels: one with lists, one for each pixel, or none. */
export async function findPixels(table: PictureTable): Promise<readonly string[]> {
  if (table.count === 0) {
    return [];
  }
  for (const column of table.columns) {
    if (readList(await table.openCells(column)(0)) !== null) {
      return [column];
    }
  }
  const named = findPixelNames(table.columns);
  return named.length < LEAST_PIXELS ? [] : named;
}

/** A table, with the part that its file's name tells. */
export interface PartTable {
  readonly table: PictureTable;
  readonly split: Split;
  /** For messages. */
  readonly path: string;
}

/**
 * Reads the pictures of tables as arrays, with labels, for each part. The pixels are a list in one
 * column, also lists in a list or text, or a column each.
 * @param tables  With pixels, by `findPixels`.
 * @throws ExpectedError  When rows have pictures of different sizes.
 */
export async function readPixelTables(
  tables: readonly PartTable[],
  range: PixelRange | undefined,
): Promise<Source> {
  const parts = new Map<Split, { pixels: ArrayFile[]; labels: (readonly string[] | null)[] }>();
  for (const { table, split: own, path } of tables) {
    const { columns, count } = table;
    const named = await findPixels(table);
    const [list = '', more] = named;
    const pixels =
      more === undefined
        ? await readLists(table.openCells(list), count, `${path}: column ${list}`)
        : await readColumns(table, named);
    const others: Column[] = [];
    for (const name of columns.filter((column) => !named.includes(column))) {
      others.push({ name, cells: Array.from(await table.readColumn(name), toText) });
    }
    const splits = findParts(others);
    const labels = findLabels(others.filter((column) => column !== splits));
    const rows = Array.from({ length: count }, (_, row) => row);
    const groups = Map.groupBy(
      rows,
      (row) => (splits && readPart(splits.name, splits.cells[row] ?? '')) ?? own,
    );
    for (const [split, members] of groups) {
      const part = parts.get(split) ?? { pixels: [], labels: [] };
      part.pixels.push(groups.size === 1 ? pixels : pickRows(pixels, members));
      part.labels.push(labels && members.map((row) => normaliseLabel(labels.cells[row] ?? '')));
      parts.set(split, part);
    }
  }
  const arrays = [...parts].flatMap(([split, { pixels, labels }]): NamedArray[] => {
    const images = { name: `${split}_images`, array: joinRows(pixels) };
    const all = labels.flatMap((one) => one ?? []);
    return labels.includes(null)
      ? [images]
      : [images, { name: `${split}_labels`, array: listAsTexts(all, [all.length], 'table') }];
  });
  return arrangeArrays(arrays, range);
}

/** Reads lists of numbers, of which the first tells the shape. @throws ExpectedError */
async function readLists(
  readCell: (row: number) => Promise<unknown>,
  count: number,
  column: string,
): Promise<ArrayFile> {
  const { shape } = readList(await readCell(0)) as NumberList;
  const size = sizeOf(shape);
  checkSize(count * size);
  const values = new Float32Array(count * size);
  for (let row = 0; row < count; row++) {
    const list = readList(await readCell(row));
    if (list?.shape.join() !== shape.join()) {
      const found = list === null ? 'no list of numbers' : `[${list.shape.join(', ')}] numbers`;
      throw new ExpectedError(`${column}: row ${row} has ${found}, row 0 [${shape.join(', ')}]`);
    }
    values.set(list.values, row * size);
  }
  return { format: 'table', shape: [count, ...shape], values };
}

async function readColumns(
  { count, readColumn }: PictureTable,
  names: readonly string[],
): Promise<ArrayFile> {
  checkSize(count * names.length);
  const values = new Float32Array(count * names.length);
  for (const [place, name] of names.entries()) {
    const cells = await readColumn(name);
    for (let row = 0; row < count; row++) {
      values[row * names.length + place] = Number(cells[row] ?? NaN);
    }
  }
  return { format: 'table', shape: [count, ...shapePixels(names)], values };
}

function checkSize(numbers: number): void {
  if (numbers * 4 > MAX_ARRAY_BYTES) {
    throw new ExpectedError(`holds ${numbers} numbers: too many. Take a part of them`);
  }
}

function joinRows(arrays: readonly ArrayFile[]): ArrayFile {
  const [first] = arrays as [ArrayFile];
  const [, ...sizes] = first.shape;
  const other = arrays.find(({ shape }) => shape.slice(1).join() !== sizes.join());
  if (other !== undefined) {
    throw new ExpectedError(
      `holds tables with [${sizes.join(', ')}] and [${other.shape.slice(1).join(', ')}] numbers a row: expected one size`,
    );
  }
  if (arrays.length === 1) {
    return first;
  }
  const count = arrays.reduce((sum, { shape: [rows = 0] }) => sum + rows, 0);
  checkSize(count * sizeOf(sizes));
  const values = new Float32Array(count * sizeOf(sizes));
  let at = 0;
  for (const one of arrays) {
    values.set(one.values, at);
    at += one.values.length;
  }
  return { format: first.format, shape: [count, ...sizes], values };
}

function pickRows({ format, shape: [, ...sizes], values }: ArrayFile, rows: readonly number[]) {
  const size = sizeOf(sizes);
  const own = new Float32Array(rows.length * size);
  rows.forEach((row, i) => own.set(values.subarray(row * size, (row + 1) * size), i * size));
  return { format, shape: [rows.length, ...sizes], values: own };
}

function toText(cell: unknown): string {
  const isText = ['string', 'number', 'bigint', 'boolean'].includes(typeof cell);
  return isText ? String(cell) : '';
}

export const IS_JSON = /\.(?:json|jsonl|ndjson)$/i;
/** A text of V8 is no longer. */
const MAX_JSON_BYTES = 512 * 1024 * 1024;

/**
 * Reads JSON with rows: objects in a list or in lines, or lists by name, also as Pandas writes them
 * with `orient` split and columns.
 * @returns  Null for anything else.
 */
export async function openJson(file: TreeFile): Promise<PictureTable | null> {
  const rows: unknown[] = [];
  for await (const line of /\.json$/i.test(file.path) ? [] : readLines(file)) {
    rows.push(parseJson(line));
  }
  const columns = toColumns(
    rows.length === 0
      ? parseJson(decodeText(await readFile(file, MAX_JSON_BYTES)))
      : rows.filter((row) => row !== null),
  );
  const names = Object.keys(columns);
  const count = columns[names[0] as string]?.length ?? 0;
  return count === 0 || names.some((name) => columns[name]?.length !== count)
    ? null
    : {
        columns: names,
        count,
        description: undefined,
        holdsBytes: () => false,
        readColumn: (name) => Promise.resolve(columns[name] as unknown[]),
        openCells: (name) => (row) => Promise.resolve(columns[name]?.[row]),
      };
}

function toColumns(content: unknown): Record<string, readonly unknown[]> {
  if (typeof content !== 'object' || content === null) {
    return {};
  }
  if (Array.isArray(content)) {
    const names = Object.keys((content[0] ?? {}) as object);
    const rows = content as (Record<string, unknown> | null)[];
    const isTable = names.length > 0 && !Array.isArray(content[0]);
    return isTable
      ? Object.fromEntries(names.map((name) => [name, rows.map((row) => row?.[name])]))
      : {};
  }
  const { columns, data } = content as { columns?: unknown; data?: unknown };
  if (Array.isArray(columns) && Array.isArray(data)) {
    const rows = data as unknown[][];
    return Object.fromEntries(columns.map((name, i) => [String(name), rows.map((row) => row[i])]));
  }
  const entries = Object.entries(content as Record<string, unknown>);
  const rows = entries.find(
    ([, value]) => Array.isArray(value) && typeof value[0] === 'object' && !Array.isArray(value[0]),
  );
  return rows !== undefined
    ? toColumns(rows[1])
    : Object.fromEntries(
        entries.map(([name, value]) => [
          name,
          Array.isArray(value) ? (value as unknown[]) : Object.values((value ?? {}) as object),
        ]),
      );
}
