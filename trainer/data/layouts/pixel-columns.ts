/** Tables that have the pixels of a picture in each row: Parquet, Arrow and JSON. */
import { ExpectedError } from '../../../shared/expected-error.ts';
import { sizeOf } from '../../../shared/model/generator.ts';
import type { PixelRange } from '../../../shared/picture/pixels.ts';
import { MAX_ARRAY_BYTES, type ArrayFile } from '../array-file.ts';
import {
  describeNoClasses,
  describeObjects,
  describeUnreadParts,
  findLabels,
  findParts,
  normaliseLabel,
  readPart,
  toText,
  unwrapLabels,
} from '../labels/label-column.ts';
import { LEAST_PIXELS, readList, type NumberList } from '../labels/number-lists.ts';
import { findPixelNames, shapePixels } from '../labels/table-columns.ts';
import { labelByNames } from '../labels/table-names.ts';
import { chooseRange, listPictures, type PictureRows } from './arrays.ts';
import type { PartTable, PictureTable } from './picture-tables.ts';
import { within, type Source, type Split } from './source.ts';

/** The columns with the pixels: one with lists, one for each pixel, or none. */
async function findPixels(table: PictureTable): Promise<readonly string[]> {
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

/** A table with the pixels of a picture in each row. */
export interface PixelTable extends PartTable {
  /** The columns with the pixels: one with lists, or one for each pixel. */
  readonly pixels: readonly string[];
}

/** Selects the tables that have pixels, and no files of pictures. */
export async function selectPixelTables(tables: readonly PartTable[]): Promise<PixelTable[]> {
  const selected: PixelTable[] = [];
  for (const one of tables) {
    const { columns, holdsBytes } = one.table;
    const pixels = columns.some(holdsBytes) ? [] : await findPixels(one.table);
    if (pixels.length > 0) {
      selected.push({ ...one, pixels });
    }
  }
  return selected;
}

/**
 * Reads the pictures of tables. The pixels are a list in one column, also lists in a list or text,
 * or a column each.
 * @throws ExpectedError  When rows have pictures of different sizes.
 */
export async function readPixelTables(
  tables: readonly PixelTable[],
  range: PixelRange | undefined,
): Promise<Source> {
  const sets: (PictureRows & { readonly hasParts: boolean })[] = [];
  const unlabelled = new Set<Split>();
  const objects: string[] = [];
  for (const { table, split: own, path, pixels: named } of tables) {
    const array = await within(`${path} `, () => readPixels(table, named));
    const raw = new Map<string, readonly unknown[]>();
    for (const name of table.columns.filter((column) => !named.includes(column))) {
      raw.set(name, await table.readColumn(name));
    }
    const others = Array.from(raw, ([name, cells]) => ({
      name,
      cells: unwrapLabels(cells).map(toText),
    }));
    const parts = findParts(others);
    objects.push(...(parts ? describeUnreadParts(path, parts.name, parts.cells) : []));
    const read = parts?.cells.map((cell) => readPart(parts.name, cell)) ?? [];
    const labels = findLabels(others.filter((column) => column !== parts));
    const rows = Array.from({ length: table.count }, (_, row) => ({
      name: `${path}, row ${row}`,
      split: read[row] ?? own,
      label: normaliseLabel(labels?.cells[row] ?? '') || null,
    }));
    if (labels === null) {
      rows.forEach(({ split }) => unlabelled.add(split));
      objects.push(...describeNoClasses(path, [...raw.keys()]));
    } else {
      // Labels of several columns, one for each class, have no column of their own.
      const cells = raw.get(labels.name) ?? [];
      objects.push(...describeObjects(`${path}, column ${labels.name}`, cells));
    }
    sets.push({ name: path, array, rows, hasParts: read.some((part) => part !== null) });
  }
  // Classes of some files of a part are none.
  const equal = sets.map(({ rows, ...set }) => ({
    ...set,
    rows: rows.map((row) => (unlabelled.has(row.split) ? { ...row, label: null } : row)),
  }));
  const { tables: labelled, notes } = labelByNames(equal);
  const pictures = listPictures(labelled, chooseRange(sets, range));
  return { ...pictures, notes: [...objects, ...notes, ...pictures.notes] };
}

/** Reads a list in a column, or a column for each pixel. @throws ExpectedError */
async function readPixels(table: PictureTable, names: readonly string[]): Promise<ArrayFile> {
  const { count } = table;
  const [list = '', ...more] = names;
  const readCell = table.openCells(list);
  const sizes =
    more.length === 0 ? (readList(await readCell(0)) as NumberList).shape : shapePixels(names);
  const size = sizeOf(sizes);
  if (count * size * 4 > MAX_ARRAY_BYTES) {
    throw new ExpectedError(`holds ${count * size} numbers: too many. Take a part of them`);
  }
  const values = new Float32Array(count * size);
  for (const [place, name] of more.length === 0 ? [] : names.entries()) {
    const cells = await table.readColumn(name);
    for (let row = 0; row < count; row++) {
      values[row * size + place] = Number(cells[row] ?? NaN);
    }
  }
  for (let row = 0; more.length === 0 && row < count; row++) {
    const found = readList(await readCell(row));
    if (found?.shape.join() !== sizes.join()) {
      const other = found === null ? 'no list of numbers' : `[${found.shape.join(', ')}] numbers`;
      throw new ExpectedError(
        `has ${other} in row ${row} of the column ${list}, [${sizes.join(', ')}] in row 0`,
      );
    }
    values.set(found.values, row * size);
  }
  return { format: 'table', shape: [count, ...sizes], values };
}
