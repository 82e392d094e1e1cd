/** Columns of JSON that has a row for each picture: its pixels, or its file and label. Pure. */
import { UnusablePicture } from '../layouts/source.ts';
import { readPart } from './label-column.ts';

/** Cells by the names of their columns. */
export type JsonColumns = ReadonlyMap<string, readonly unknown[]>;

/** The column with the names of the lists that the rows come from. */
const PART = 'split';
/** The column with the keys of objects, as Pandas calls its index. */
const INDEX = '';

/**
 * Reads rows: objects in a list, in lists named train and test, or by their number, and what Pandas
 * writes with `orient` records, split and index.
 * @returns  Null for anything else.
 */
export function readRows(content: unknown): JsonColumns | null {
  if (typeof content !== 'object' || content === null) {
    return null;
  }
  if (Array.isArray(content)) {
    return toColumns(content);
  }
  const { columns, data, index } = content as Partial<Record<string, unknown>>;
  if (Array.isArray(columns) && Array.isArray(data) && Array.isArray(data[0])) {
    const rows = data as readonly unknown[][];
    const named = columns.map((name, i) => [String(name), rows.map((row) => row[i])] as const);
    // The index may have the names of the files.
    const keys = Array.isArray(index) ? (index as unknown[]) : [];
    return new Map(keys.some((key) => typeof key === 'string') ? [[INDEX, keys], ...named] : named);
  }
  const entries = Object.entries(content as Record<string, unknown>);
  const lists = entries.filter(
    (entry): entry is [string, unknown[]] => Array.isArray(entry[1]) && entry[1].some(isObject),
  );
  if (lists.length > 0) {
    return joinLists(lists);
  }
  const areRows =
    isCounted(content) &&
    entries.every(([, row]) => isObject(row)) &&
    !entries.every(([, row]) => isCounted(row));
  return areRows ? readByKey(entries) : null;
}

/** Joins the lists that are named as parts, or takes the first one for training. */
function joinLists(lists: readonly (readonly [string, readonly unknown[]])[]): JsonColumns {
  const named = lists.map(([name, rows]) => ({ rows, part: readPart(PART, name) }));
  const parts = named.filter(({ part }) => part !== null);
  const others = named.filter(({ part }) => part === null);
  const hasTraining = parts.some(({ part }) => part === 'train');
  const chosen = hasTraining ? parts : [...others.slice(0, 1), ...parts];
  const columns = toColumns(chosen.flatMap(({ rows }) => rows));
  const own = columns.get(PART) ?? [];
  const cells = chosen.flatMap(({ rows, part }) => rows.map(() => part));
  return parts.length === 0
    ? columns
    : columns.set(
        PART,
        cells.map((part, row) => own[row] ?? part),
      );
}

/** Reads a row from each value, with its key: {"a.png": {"label": "cat"}}. */
export function readByKey(entries: readonly (readonly [string, unknown])[]): JsonColumns {
  return toColumns(entries.map(([, row]) => row)).set(
    INDEX,
    entries.map(([key]) => key),
  );
}

/** Objects in objects are flattened so deep: Labelbox has its answers in the ninth. */
const DEPTH = 12;
/** Keys of an object that describes a part of a picture. */
const IS_BOX =
  /^(?:x|y|left|top|xmin|b(?:ounding_)?box|points|coordinates|polygon|segmentation|shape_attributes)$/i;

/**
 * Turns objects in cells, also single ones in lists, into columns: "annotation.class" of
 * {"annotation": [{"class": "cat"}]}. Boxes, and lists of several objects, have no class of a
 * picture, and are left as they are.
 */
export function flattenColumns(columns: JsonColumns, depth = DEPTH): JsonColumns {
  const flat = new Map<string, readonly unknown[]>();
  for (const [name, cells] of columns) {
    const objects = depth === 0 ? [] : cells.map(takeObject);
    const areOthers = cells.some((cell) => Array.isArray(cell) && cell.filter(isObject).length > 1);
    const rows = areOthers ? [] : objects.filter((one) => one !== null);
    if (rows.length === 0 || rows.some((row) => Object.keys(row).some((key) => IS_BOX.test(key)))) {
      flat.set(name, cells);
      continue;
    }
    for (const [inner, own] of flattenColumns(toColumns(objects), depth - 1)) {
      flat.set(`${name}.${inner}`, own);
    }
  }
  return flat;
}

function takeObject(cell: unknown): Record<string, unknown> | null {
  const [only, ...more] = Array.isArray(cell) ? (cell as unknown[]) : [cell];
  return more.length === 0 && isObject(only) ? only : null;
}

/** Cells of 60,000 pictures of 28 x 28 take half of it. */
const MAX_CELLS = 100_000_000;

/**
 * Turns rows into columns. A row may lack some.
 * @throws UnusablePicture  When the rows have so many different keys that memory may not suffice.
 */
export function toColumns(rows: readonly unknown[]): Map<string, readonly unknown[]> {
  const names = new Set<string>();
  for (const row of rows) {
    Object.keys(row ?? {}).forEach((name) => names.add(name));
  }
  if (rows.length * names.size > MAX_CELLS) {
    throw new UnusablePicture(
      `has ${rows.length} rows with ${names.size} different keys: too many`,
    );
  }
  const cells = rows as readonly (Readonly<Record<string, unknown>> | null)[];
  return new Map([...names].map((name) => [name, cells.map((row) => row?.[name])]));
}

/** Whether the keys are numbers of rows, as in a column of Pandas: {"0": 255, "1": 12}. */
export function isCounted(value: unknown): boolean {
  return isObject(value) && Object.keys(value).every((key) => /^\d+$/.test(key));
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
