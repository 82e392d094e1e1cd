/** Finds the columns of a table that have the classes and the parts. Pure. */
import { CLASS_LIMITS } from '../../../shared/model/classes.ts';
import { findSplit, nameSome, parseSplit, type Split } from '../layouts/source.ts';

/** A column of a table with its cells, in the order of the rows. */
export interface Column {
  readonly name: string;
  readonly cells: readonly string[];
}

/** Dots lie between the names of an object and of what it has: "annotation.class". */
const EXACT =
  /^(?:.*\.)?(?:labels?|class(?:es)?|cls|category|target|y|character|letter|digit|emotion|choices?)$/i;
const WORD =
  /(?:^|[_ .-])(?:(?:labels?|class(?:es)?|category|target|species|breed)(?:$|[_ -]|\.?name|id)|(?:display|tags?\.?|answer\.)_?name)[^.]*$/i;
const PARTS = /^(?:usage|split|subset|partition|phase|(?:data[ _-]?)?set)$/i;
const FOLD = /^(?:k?[ _-]?folds?)$/i;
/** "is_valid", "isTest". */
const FLAG = /^is[ _-]?([a-z]+)$/i;
export const IS_INDEX = /^(?:unnamed.*|index|id|)$/i;

/** Whether a column's name announces the part of each row: "split", "is_valid". */
export function namesParts(column: string): boolean {
  const [, flag = ''] = FLAG.exec(column.trim()) ?? [];
  return PARTS.test(column.trim()) || parseSplit(flag) !== null;
}

/** Reads the part of a row: "PublicTest" below Usage, "True" below is_valid; null for others. */
export function readPart(column: string, cell: string): Split | null {
  const [, flag = ''] = FLAG.exec(column.trim()) ?? [];
  const part = parseSplit(flag);
  const text = normaliseLabel(cell).toLowerCase();
  if (part === null) {
    return parseSplit(cell.trim()) ?? findSplit(cell);
  }
  return /^(?:true|1|yes|t|y)$/.test(text)
    ? part
    : /^(?:false|0|no|f|n)$/.test(text)
      ? part === 'train'
        ? 'test'
        : 'train'
      : null;
}

/**
 * Finds the column with the part of each row. One with a known name that is understood comes first,
 * then one of which each cell is a part, such as "tvt" with train, val and test.
 */
export function findParts<T extends Column>(columns: readonly T[]): T | undefined {
  const named = columns.filter(({ name }) => namesParts(name));
  const isRead = ({ name, cells }: T): boolean =>
    cells.some((cell) => readPart(name, cell) !== null);
  const hasOnlyParts = ({ name, cells }: T): boolean => {
    const parts = new Set(cells.map((cell) => parseSplit(cell.trim())));
    return parts.has('train') && !parts.has(null) && ![EXACT, WORD].some((one) => one.test(name));
  };
  return named.find(isRead) ?? columns.find(hasOnlyParts) ?? named[0];
}

/** Says which parts of a column are not understood: pictures that were held out, perhaps. */
export function describeUnreadParts(
  path: string,
  column: string,
  cells: Iterable<string>,
): string[] {
  const unread = [...new Set(cells)].filter(
    (cell) => normaliseLabel(cell) !== '' && readPart(column, cell) === null,
  );
  return unread.length === 0
    ? []
    : [
        `${path}, column ${column}: some parts are not understood, so their rows are trained on: ${nameSome(unread)}. Call the parts train, val and test.`,
      ];
}

/** The column with the classes: one, or several with one-hot labels as one; null for none. */
export function findLabels(columns: readonly Column[]): Column | null {
  const found = findLabelColumns(columns);
  return found.length > 1 ? joinOneHot(found) : (found[0] ?? null);
}

/**
 * Finds a column that is named like labels, several with one-hot labels, or the only column when
 * its cells repeat.
 * @returns  None when it is not clear.
 */
export function findLabelColumns<T extends Column>(columns: readonly T[]): readonly T[] {
  const names = columns.map(({ name }) => name.trim().toLowerCase());
  const arePoints = names.includes('x') && names.includes('y');
  // Numbers of rows, parts and coordinates are no classes.
  const others = columns.filter(
    (_, i) =>
      ![IS_INDEX, FOLD].some((one) => one.test(names[i] as string)) &&
      !namesParts(names[i] as string) &&
      !(arePoints && /^[xyz]$/.test(names[i] as string)),
  );
  const findNamed = (pattern: RegExp): T[] => {
    const named = others.filter(({ name }) => pattern.test(name));
    // Words are better names of classes than numbers.
    const worded = named.filter(({ cells }) => cells.some((cell) => /\p{L}/u.test(cell)));
    const several = worded.filter(({ cells }) => {
      const { size } = new Set(cells);
      return size > 1 && size < cells.length;
    });
    return [...several, ...worded, ...named].slice(0, 1);
  };
  const flags = others.filter(({ cells }) => cells.every((cell) => readFlag(cell) !== null));
  const oneHot = joinOneHot(flags) === null ? [] : flags;
  const [exact, word] = [findNamed(EXACT), findNamed(WORD)];
  // "label_name" says in words what "label" numbers.
  const named = nameEach(exact[0], word[0]) ? word : exact;
  for (const found of [named, oneHot, word]) {
    if (found.length > 0) {
      return found;
    }
  }
  const [only, ...more] = others;
  if (only === undefined || more.length > 0) {
    return [];
  }
  const values = new Set(only.cells);
  const areMeasured = only.cells.some((cell) => /\d\.\d*[1-9]/.test(cell));
  const repeats = values.size <= Math.min(CLASS_LIMITS.classes, only.cells.length / 2);
  return repeats && !areMeasured && values.size > 1 ? [only] : [];
}

/** Whether a column of numbers has a word for each number in another column. */
function nameEach(numbers: Column | undefined, words: Column | undefined): boolean {
  const pairs = new Map(numbers?.cells.map((cell, row) => [cell, words?.cells[row]]));
  return (
    pairs.size > 0 &&
    [...pairs.keys()].every((cell) => /^\s*\d+(?:\.0)?\s*$/.test(cell)) &&
    [...pairs.values()].every((cell) => /\p{L}/u.test(cell ?? '')) &&
    new Set(pairs.values()).size === pairs.size &&
    numbers?.cells.every((cell, row) => pairs.get(cell) === words?.cells[row]) === true
  );
}

/** Reads a cell of one-hot labels, also Pandas' True and False; null for others. */
export function readFlag(cell: string): 0 | 1 | null {
  const text = normaliseLabel(cell);
  return /^(?:1|true)$/i.test(text) ? 1 : /^(?:0|false)$/i.test(text) ? 0 : null;
}

/** Columns of which each row has a 1 in one (one-hot), as one column with their names; or null. */
function joinOneHot(columns: readonly Column[]): Column | null {
  // "cat" of "flags.cat".
  const [, common = ''] = /^(.*\.)/.exec(columns[0]?.name ?? '') ?? [];
  const areInside = columns.every(({ name }) => name.startsWith(common));
  const nameOf = (place: number): string =>
    columns[place]?.name.slice(areInside ? common.length : 0) || String(place);
  const cells = columns[0]?.cells.map((_, row) => {
    const values = columns.map((column) => readFlag(column.cells[row] ?? ''));
    const isOneHot = values.every((value) => value !== null);
    const places = values.flatMap((value, place) => (value === 1 ? [place] : []));
    return isOneHot && places.length === 1 ? nameOf(places[0] as number) : undefined;
  });
  return columns.length > 1 &&
    cells?.length !== 0 &&
    cells?.every((cell) => cell !== undefined) === true
    ? { name: columns.map(({ name }) => name).join(', '), cells: cells as string[] }
    : null;
}

/** A list with one label as that label, and a one-hot list as the place of its 1. */
export function unwrapLabel(cell: unknown): unknown {
  if (!Array.isArray(cell) && !ArrayBuffer.isView(cell)) {
    return cell;
  }
  const items = Array.from(cell as ArrayLike<unknown>);
  const places = [...items.keys()].filter((place) => Number(items[place]) === 1);
  const areFlags = items.every((item) => [0, 1].includes(Number(item ?? NaN)));
  const isOneHot = items.length > 1 && areFlags && places.length === 1;
  return items.length === 1 ? items[0] : isOneHot ? places[0] : cell;
}

/** The text of a cell of any kind; empty for objects, and for lists of several labels. */
export function toText(cell: unknown): string {
  const label = unwrapLabel(cell);
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof label) ? String(label) : '';
}

/**
 * The labels of a column. Where its lists have several lengths, [0, 1] are two labels, and no
 * one-hot label.
 * @returns  Null for several labels.
 */
export function unwrapLabels(cells: Iterable<unknown>): unknown[] {
  const all = Array.from(cells);
  const lengths = all.map((cell) =>
    Array.isArray(cell) || ArrayBuffer.isView(cell) ? (cell as ArrayLike<unknown>).length : null,
  );
  const areAlike = new Set(lengths.filter((length) => length !== null)).size < 2;
  return all.map((cell, i) => (areAlike || (lengths[i] ?? 1) === 1 ? unwrapLabel(cell) : null));
}

/** Describes labels that cannot be classes; empty for others. */
export function describeObjects(what: string, cells: Iterable<unknown>): string[] {
  const all = Array.from(cells, (cell) => cell ?? '');
  return unwrapLabels(all).some((label) => typeof label === 'object')
    ? [`${what}, has lists or objects: expected a text or a whole number in each row as its class.`]
    : [];
}

/** Names the columns of a table of pixels in which no classes were found; empty without others. */
export function describeNoClasses(path: string, columns: readonly string[]): string[] {
  const named = columns.filter((name) => !IS_INDEX.test(name.trim()) && !namesParts(name));
  return named.length === 0
    ? []
    : [
        `${path}: no column has classes; not used: ${nameSome(named)}. Call the one with the classes "label".`,
      ];
}

/**
 * "3.0", as Pandas writes numbers beside missing ones, with a decimal comma "3,0", and NumPy's
 * "3.0e+00" are label "3". NaN is a missing label, and "['cat']" a list with the label "cat".
 * Codes stay: "4E01" without a sign, and "007".
 */
export function normaliseLabel(cell: string): string {
  const text = cell.trim().replace(/^nan$|^\[ *(["'])([^"',]*)\1 *\]$/i, '$2');
  const isNumber = /^(?:0|[1-9]\d*)(?:\.\d*|,0)?(?:e[+-]\d+)?$/i.test(text);
  const number = Number(text.replace(',', '.'));
  return isNumber && Number.isSafeInteger(number) ? String(number) : text;
}
