/** Finds the column of a table that has the classes. Pure. */
import { CLASS_LIMITS } from '../../../shared/model/classes.ts';

/** A column of a table with its cells, in the order of the rows. */
export interface Column {
  readonly name: string;
  readonly cells: readonly string[];
}

const EXACT = /^(?:labels?|class(?:es)?|category|target|y|character|letter|digit|emotion)$/i;
const WORD =
  /(?:^|[_ -])(?:labels?|class(?:es)?|category|target|species|breed)(?:$|[_ -]|name|id)/i;
export const IS_INDEX = /^(?:unnamed.*|index|id|)$/i;

/** A column that is named like labels, or the only one, when its cells repeat; null for none. */
export function findLabelColumn<T extends Column>(columns: readonly T[]): T | null {
  const others = columns.filter(({ name }) => !IS_INDEX.test(name.trim()));
  for (const pattern of [EXACT, WORD]) {
    const named = others.filter(({ name }) => pattern.test(name));
    // Words are better names of classes than numbers.
    const chosen = named.find(({ cells }) => cells.some((cell) => /\p{L}/u.test(cell))) ?? named[0];
    if (chosen !== undefined) {
      return chosen;
    }
  }
  const [only, ...more] = others;
  if (only === undefined || more.length > 0) {
    return null;
  }
  const values = new Set(only.cells);
  const areMeasured = only.cells.some((cell) => /\d\.\d*[1-9]/.test(cell));
  const repeats = values.size <= Math.min(CLASS_LIMITS.classes, only.cells.length / 2);
  return repeats && !areMeasured && values.size > 1 ? only : null;
}

/** Columns of which each row has a 1 in one (one-hot), as one column with their names; or null. */
export function joinOneHot(columns: readonly Column[]): Column | null {
  const cells = columns[0]?.cells.map((_, row) => {
    const values = columns.map((column) => Number(column.cells[row] || NaN));
    const isOneHot = values.every((value) => value === 0 || value === 1);
    const places = values.flatMap((value, place) => (value === 1 ? [place] : []));
    return isOneHot && places.length === 1 ? columns[places[0] as number]?.name : undefined;
  });
  return columns.length > 1 && cells?.every((cell) => cell !== undefined) === true
    ? { name: columns.map(({ name }) => name).join(', '), cells: cells as string[] }
    : null;
}

/** "3.0", as Pandas writes numbers beside missing ones, is the label "3". */
export function normaliseLabel(cell: string): string {
  const text = cell.trim();
  return /^\d+(?:\.0+)?$/.test(text) ? String(Number(text)) : text;
}
