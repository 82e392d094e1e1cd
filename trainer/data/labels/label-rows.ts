/** Labels in a table of their own, a row for each picture of another file: y_train.csv. */
import { parse } from 'node:path';
import { listAsTexts, type ArrayFile } from '../array-file.ts';
import { namesLabels } from '../layouts/source.ts';
import type { TreeFile } from '../layouts/tree.ts';
import { findLabels, IS_INDEX, normaliseLabel, type Column } from './label-column.ts';
import { readTable } from './listed-labels.ts';

/** The labels as an array, [n], with its name: "y_train". */
export interface LabelRows {
  readonly path: string;
  readonly name: string;
  readonly array: ArrayFile;
  /** The column with the numbers of the rows, if there is one, as Pandas' index. */
  readonly ids?: Column;
  /** Whether the rows are in the pictures' order, as far as their numbers tell. */
  readonly isInOrder: boolean;
}

/** Whether a column's name is that of numbers or names of rows: "", "id", "image_id". */
function namesIds(column: string): boolean {
  return IS_INDEX.test(column) || (/[_ -](?:id|index)$/i.test(column) && !namesLabels(column));
}

/** @returns  Null without labels that repeat. */
export async function readLabelRows(file: TreeFile, notes: string[]): Promise<LabelRows | null> {
  const { name } = parse(file.path);
  const table = await readTable(file, notes);
  const [first = []] = table;
  const others = new Set(table.slice(1).flatMap((row) => row));
  // A header's cells are no numbers, and do not come again.
  const isCounted = first.length > 2 && first.every((cell, i) => Number(cell) === i);
  const hasHeader =
    isCounted ||
    first.some((cell) => cell !== '' && Number.isNaN(Number(cell)) && !others.has(cell));
  const rows = hasHeader ? table.slice(1) : table;
  const columns = first.map((cell, place) => ({
    name: hasHeader ? cell.trim() : first.length > 1 ? String(place) : '',
    cells: rows.map((row) => row[place] ?? ''),
  }));
  const isRising = ({ cells }: Column): boolean =>
    cells.every((cell, i) => i === 0 || Number(cell) > Number(cells[i - 1]));
  const ids =
    columns.length > 1
      ? columns.find((one) => (hasHeader ? namesIds(one.name) : isRising(one)))
      : undefined;
  const rest = columns.filter((one) => one !== ids);
  const chosen = rest.length === 1 ? rest[0] : findLabels(rest);
  if (!chosen || !namesLabels(`${name} ${chosen.name}`)) {
    return null;
  }
  const cells = chosen.cells.map(normaliseLabel);
  if (new Set(cells).size === cells.length) {
    return null; // Names of classes, or of files.
  }
  const array = listAsTexts(cells, [cells.length], 'CSV');
  // Names have no order.
  const areNames =
    ids !== undefined && !IS_INDEX.test(ids.name) && ids.cells.some((cell) => /\p{L}/u.test(cell));
  const isInOrder = ids === undefined || areNames || isRising(ids);
  return { path: file.path, name, array, isInOrder, ...(ids && { ids }) };
}
