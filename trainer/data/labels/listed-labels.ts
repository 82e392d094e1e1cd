/**
 * Labels in files beside pictures: tables with names of picture files (CSV, text, JSON, and JSON
 * lines as Hugging Face's metadata.jsonl), and WebDataset's .cls file beside each picture.
 */
import { basename, parse } from 'node:path';
import Papa from 'papaparse';
import { hasPictureEnding } from '../pictures/format.ts';
import {
  findFolderSplit,
  findSplit,
  namesLabels,
  nameSome,
  stripCommon,
  within,
  type Split,
} from '../layouts/source.ts';
import {
  describeFault,
  folderOf,
  readFile,
  readStart,
  type Tree,
  type TreeFile,
} from '../layouts/tree.ts';
import {
  flattenColumns,
  isCounted,
  isObject,
  readByKey,
  readRows,
  toColumns,
  type JsonColumns,
} from './json-columns.ts';
import { nameRows } from './table-columns.ts';
import {
  decodeTable,
  decodeText,
  describeEncoding,
  parseJson,
  parseJsonFile,
} from './text-encoding.ts';
import {
  describeUnreadParts,
  findLabels,
  findParts,
  namesParts,
  normaliseLabel,
  readPart,
  toText,
  unwrapLabels,
  type Column,
} from './label-column.ts';

const MAX_BYTES = { table: 128 * 1024 * 1024, label: 1024 } as const;
/** Bytes of a table's first lines. */
const LOOKED_INTO = 64 * 1024;
const IS_TABLE = /\.(?:csv|tsv|txt|json|jsonl|ndjson|manifest)$/i;
/** Files that are likely meant for labels. */
const IS_SHEET =
  /\.(?:[ct]sv|xlsx?|ods)$|(?:^|\/)[^/]*labels?[^/]*\.(?:txt|jsonl?|pkl|ya?ml|xml)$/i;
/** Kaggle's example of a submission lists test pictures with invented labels. */
const NO_TABLE = /(?:submission|readme|licen[cs]e)[^/]*$/i;
/** Names of lists with the part of each picture. */
const IS_PARTITION = /(?:^|[-_ ])(?:partitions?|splits?)$/i;
const IS_CLASS = /\.cls\d?(?:\.txt)?$/i;

interface ListedLabel {
  readonly label: string | null;
  /** The part; null when neither the table's name nor a column names it. */
  readonly split: Split | null;
}

/** Collected from several files. */
export interface ListedLabels {
  readonly labels: Map<TreeFile, ListedLabel>;
  /** Paths of the files with labels. */
  readonly files: string[];
  /** Paths of those that give pictures other parts than the files before. */
  readonly mixed: string[];
  /** Those files, by their column with the classes, such as ", column label". */
  readonly columns: Map<string, string[]>;
  readonly notes: string[];
}

/** @returns  Null when no file names the pictures. */
export async function findListedLabels(
  tree: Tree,
  pictures: readonly TreeFile[],
): Promise<ListedLabels | null> {
  const byName = indexNames(pictures);
  const finder = createFinder(pictures, byName);
  // A .txt or .json with a picture's name has something else: boxes, or a caption.
  const tables = tree.files.filter(
    ({ path }) =>
      IS_TABLE.test(path) && !NO_TABLE.test(path) && !byName.has(toKey(parse(path).name)),
  );
  const found: ListedLabels = {
    labels: new Map(),
    files: [],
    mixed: [],
    columns: new Map(),
    notes: [],
  };
  await takeClassFiles(tree, pictures, found);
  for (const file of found.files.length > 0 ? [] : tables) {
    const notes: string[] = [];
    const table = await readTable(file, notes).catch((error: unknown) => describeFault(error));
    if (typeof table === 'string') {
      found.notes.push(`${file.path} is not used: it ${table}`);
      continue;
    }
    takeLabels(file, table, pictures.length, finder, found);
    found.notes.push(...(found.files.includes(file.path) ? notes : []));
  }
  if (found.labels.size === 0) {
    await takeSidecars(tree, pictures, finder, found);
  }
  for (const [column, paths] of found.columns) {
    found.notes.push(`The classes are those of ${nameSome(paths)}${column}.`);
  }
  return found.files.length === 0 && found.notes.length === 0 ? null : found;
}

interface Finder {
  readonly find: (name: string, table: TreeFile) => TreeFile | undefined;
  /** Whether several pictures have a file's name, so that it does not tell which one is meant. */
  readonly isShared: (name: string) => boolean;
}

/** Pictures by the last part of their path, with and without its ending. */
function indexNames(pictures: readonly TreeFile[]): ReadonlyMap<string, readonly TreeFile[]> {
  const index = new Map<string, TreeFile[]>();
  for (const file of pictures) {
    const name = basename(file.path);
    for (const key of new Set([toKey(name), toKey(stemOf(name))])) {
      const files = index.get(key);
      if (files === undefined) {
        index.set(key, [file]);
      } else {
        files.push(file);
      }
    }
  }
  return index;
}

/**
 * Finds pictures by path from a table's folder, the top or the folder of all pictures, else by a
 * name that only one has, or only one in the table's part of the set. Tables without a part are for
 * training.
 */
function createFinder(
  pictures: readonly TreeFile[],
  byName: ReturnType<typeof indexNames>,
): Finder {
  const paths = pictures.map((file) => [file.path.normalize(), file] as const);
  const byPath = new Map([...paths.map(([path, file]) => [stemOf(path), file] as const), ...paths]);
  const { common } = stripCommon(paths.map(([path]) => path.split('/').slice(0, -1)));
  const top = common.map((name) => `${name}/`).join('');
  const findNamed = (name: string, table: TreeFile): TreeFile | undefined => {
    const files = byName.get(toKey(name)) ?? [];
    const part = findSplit(basename(table.path));
    const takePart = (wanted: Split | null): readonly TreeFile[] =>
      files.filter(({ path }) => findFolderSplit(path) === wanted);
    const exact = files.length > 1 ? takePart(part) : files;
    const own = exact.length === 0 && part === null ? takePart('train') : exact;
    return own.length === 1 ? own[0] : undefined;
  };
  /** Tries shorter and shorter ends of a path, which may begin on another machine. */
  const findEnd = (path: string, folder: string): TreeFile | undefined => {
    const parts = path.split('/');
    // The last part alone may be the name of several files.
    const ends = parts
      .slice(0, Math.max(1, parts.length - 1))
      .map((_, i) => parts.slice(i).join('/'));
    return ends
      .flatMap((end) => [byPath.get(folder + end), byPath.get(end), byPath.get(top + end)])
      .find((file) => file !== undefined);
  };
  const findText = (text: string, table: TreeFile): TreeFile | undefined => {
    // macOS takes letters apart: é becomes e and an accent.
    const path = text
      .trim()
      .normalize()
      .replaceAll('\\', '/')
      .replace(/^\.?\//, '');
    const folder = folderOf(table.path);
    const last = basename(path);
    return (
      findEnd(path, folder) ??
      findNamed(last, table) ??
      // Another ending than that of the file: the pictures were converted.
      (hasPictureEnding(last) ? findNamed(stemOf(last), table) : undefined)
    );
  };
  const find: Finder['find'] = (name, table) => {
    // Label Studio has the path in the query: /data/local-files/?d=images/cat.png
    const [path = '', query = ''] = /^https?:|\?d=/.test(name) ? name.split('?') : [name];
    return (
      findText(path, table) ??
      findText(decodePercent(path), table) ??
      findText(decodePercent(query.replace(/^d=/, '')), table)
    );
  };
  return { find, isShared: (name) => (byName.get(toKey(basename(name)))?.length ?? 0) > 1 };
}

/** "my cat.png" of "my%20cat.png". */
function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Tables may have other capitals, and numbers without their zeros: 7 for 0007.png. */
function toKey(name: string): string {
  // Pandas writes 7.0 where another row lacks its number.
  const key = name
    .normalize()
    .toLowerCase()
    .replace(/^(\d+)\.0$/, '$1');
  return /^\d+(?:\.[a-z]+)?$/.test(key) ? key.replace(/^0+(?=\d)/, '') : key;
}

function stemOf(name: string): string {
  return hasPictureEnding(name) ? name.slice(0, name.lastIndexOf('.')) : name;
}

/**
 * Reads a table; its first row may be one of cells.
 * @param notes  Gets a line when the text is no Unicode.
 * @throws UnusablePicture
 */
export async function readTable(file: TreeFile, notes: string[]): Promise<string[][]> {
  const bytes = await readFile(file, MAX_BYTES.table);
  notes.push(...describeEncoding(file.path, bytes));
  const text = decodeTable(bytes);
  if (/\.json$/i.test(file.path)) {
    return readJson(parseJsonFile(text));
  }
  if (/\.(?:jsonl|ndjson|manifest)$/i.test(file.path)) {
    return toTable(toColumns(text.split('\n').map(parseJson).filter(isObject)));
  }
  const isText = /\.txt$/i.test(file.path);
  const delimitersToGuess = [',', ';', '\t', '|', ...(isText ? [' '] : [])];
  const comments = text.startsWith('#') ? '#' : false;
  // ` "cat"` after a comma: Papa Parse would keep the quotes.
  const quoted = /(?<=[,;\t|]) +(?="(?:[^"\r\n]|"")*" *(?:[,;\t|\r\n]|$))/g;
  const { data } = Papa.parse<string[]>(text.replace(quoted, ''), {
    delimitersToGuess,
    skipEmptyLines: 'greedy',
    comments,
  });
  return readObjects(nameRows(data));
}

/** Reads cells with an object, as VGG Image Annotator writes them: {"class":"cat"}. */
function readObjects(table: string[][]): string[][] {
  const [header = [], ...rows] = table;
  const read = (cell = ''): unknown => (cell.startsWith('{') ? (parseJson(cell) ?? cell) : cell);
  return rows[0]?.some((cell) => isObject(read(cell))) === true
    ? toTable(new Map(header.map((name, i) => [name, rows.map((row) => read(row[i]))])))
    : table;
}

/** Reads labels in a list, rows, columns, {file: {label}}, {file: label} and {class: [files]}. */
function readJson(content: unknown): string[][] {
  const isCoco = isObject(content) && 'images' in content && 'annotations' in content;
  if (Array.isArray(content) && content.every((one) => !isObject(one))) {
    return content.map((one: unknown) => (Array.isArray(one) ? one.map(toText) : [toText(one)]));
  }
  const rows = isCoco ? null : readRows(content);
  if (rows !== null) {
    return toTable(rows);
  }
  const entries = isObject(content) && !isCoco ? Object.entries(content) : [];
  // {"file": […], "label": […]} has columns. Other names, such as class_0 and class_1, name
  // classes.
  const named = entries.filter(([key]) => namesLabels(key)).length;
  const areColumns = named > 0 && (named < entries.length || named === 1);
  if (areColumns && entries.every(([, cells]) => Array.isArray(cells) || isCounted(cells))) {
    return toTable(new Map(entries.map(([name, cells]) => [name, Object.values(cells as object)])));
  }
  const [first] = entries.map(([, cells]) => (isObject(cells) ? Object.keys(cells) : []));
  if (areColumns && first !== undefined && first.length > entries.length) {
    // Pandas' `to_json` of a table whose index is the files.
    const columns = entries.map(([name, cells]) => {
      const own = isObject(cells) ? cells : {};
      return [name, first.map((key) => own[key])] as const;
    });
    return toTable(new Map([['', first], ...columns]));
  }
  const inner = findRows(entries);
  if (inner !== null) {
    return inner;
  }
  return entries.length > 0 && entries.every(([, value]) => isObject(value))
    ? toTable(readByKey(entries))
    : entries.flatMap(([key, value]) =>
        Array.isArray(value) ? value.map((one) => [toText(one), key]) : [[key, toText(value)]],
      );
}

/**
 * Reads the largest object beside lists or texts: FiftyOne and VGG Image Annotator have their rows
 * there. A list of classes beside it names its numbers.
 * @returns  Null without such an object.
 */
function findRows(entries: readonly (readonly [string, unknown])[]): string[][] | null {
  const sizeOf = (value: unknown): number => (isObject(value) ? Object.keys(value).length : 0);
  const [largest] = entries.map(([, value]) => value).sort((a, b) => sizeOf(b) - sizeOf(a));
  if (!isObject(largest) || entries.every(([, value]) => isObject(value))) {
    return null;
  }
  const [, names] = entries.find(([key]) => key === 'classes') ?? [];
  const nameClass = (value: unknown): unknown =>
    Array.isArray(names) && typeof value === 'number'
      ? ((names as unknown[])[value] ?? value)
      : isObject(value)
        ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, nameClass(one)]))
        : value;
  return readJson(nameClass(largest));
}

/** Columns become rows of texts, below the names. */
function toTable(columns: JsonColumns): string[][] {
  const flat = flattenColumns(columns);
  const cells = [...flat.values()].map((column) => unwrapLabels(column).map(toText));
  const rows = cells[0]?.map((_, row) => cells.map((column) => column[row] ?? '')) ?? [];
  return [[...flat.keys()], ...rows];
}

/**
 * Takes the labels of a table of which a column names most pictures, or nothing. The table may name
 * many others: people try a part of a set.
 */
function takeLabels(
  file: TreeFile,
  table: string[][],
  pictures: number,
  { find, isShared }: Finder,
  found: ListedLabels,
): void {
  // A first line may count the rows.
  const width = Math.max(...table.slice(0, 2).map(({ length }) => length), 0);
  const known = new Map<string, TreeFile | undefined>();
  const lookUp = (cell: string): TreeFile | undefined => {
    if (!known.has(cell)) {
      known.set(cell, find(cell, file));
    }
    return known.get(cell);
  };
  const named = Array.from({ length: width }, (_, place) => {
    const files = table.map((row) => lookUp(row[place] ?? ''));
    const isFull = table.some((row, i) => files[i] && hasPictureEnding(row[place] ?? ''));
    const count = new Set(files.filter((one) => one !== undefined)).size;
    const isKey = new Set(table.map((row) => row[place])).size > table.length / 2;
    // Pandas' index, or a first column without a name.
    const isIndex =
      files[0] === undefined && /^(?:unnamed.*|index|)$/i.test(table[0]?.[place]?.trim() ?? '');
    return { place, files, isFull, count, isKey, isIndex };
  });
  // Numbers of rows may be names of pictures, too: 12 and 12.png.
  const [best] = named.toSorted(
    (a, b) =>
      Number(b.isFull) - Number(a.isFull) ||
      b.count - a.count ||
      Number(a.isIndex) - Number(b.isIndex),
  );
  const { place, files, count, isKey } = best ?? { place: 0, files: [], count: 0, isKey: false };
  const isOfPart = isKey && count >= pictures / 2;
  if (count === 0 || (count < (table.length - 1) / 2 && !isOfPart)) {
    const cells = table.flat().flatMap((cell) => cell.split(/\s+/));
    const names = cells.filter((cell) => hasPictureEnding(cell) && find(cell, file));
    if (names.length > table.length / 2) {
      found.notes.push(
        `${file.path} names pictures, but is not used: expected a row of names of columns, or none, and then rows of file and label.`,
      );
    }
    const shared = cells.filter((cell) => hasPictureEnding(cell) && isShared(cell));
    found.notes.push(
      ...(shared.length > table.length / 2 ? describeShared(file.path, shared) : []),
    );
    return;
  }
  const hasHeader = files[0] === undefined;
  const header = hasHeader ? (table[0] as string[]) : [];
  const first = hasHeader ? 1 : 0;
  const rows = table.slice(first);
  // A list without a header may be called list_eval_partition.txt, and number the parts.
  const isNumbered = IS_PARTITION.test(parse(file.path).name);
  const isOfParts = (i: number): boolean =>
    rows.every(
      ({ [i]: cell = '' }) =>
        (isNumbered && width === 2 && /^\d?$/.test(cell)) || readPart('partition', cell) !== null,
    );
  const columns = Array.from({ length: width }, (_, i): Column & { readonly place: number } => ({
    name: header[i]?.trim() ?? (isOfParts(i) ? 'partition' : `column ${i + 1}`),
    cells: rows.map((row) => row[i] ?? ''),
    place: i,
  })).filter(({ place: own, cells }) => own !== place && cells.some((cell) => cell !== ''));
  const splits = findParts(columns);
  const others = columns.filter((column) => column !== splits && !namesParts(column.name));
  const labels: Column | null = findLabels(others);
  const own = new Map<TreeFile, ListedLabel>();
  const missing: string[] = [];
  for (const [i, row] of rows.entries()) {
    const picture = files[i + first];
    const label = normaliseLabel(labels?.cells[i] ?? '') || null;
    if (picture === undefined) {
      missing.push(row[place] ?? '');
    } else if ((own.get(picture) ?? { label }).label !== label) {
      found.notes.push(
        `${file.path} is not used: it names ${picture.path} twice with different classes, as lists of objects in pictures do.`,
      );
      return;
    } else {
      const part = splits && readPart(splits.name, splits.cells[i] ?? '');
      const split = part ?? findSplit(basename(file.path));
      own.set(picture, { label, split });
    }
  }
  const isOther = [...own].some(([picture, { label }]) => {
    const { label: before = null } = found.labels.get(picture) ?? {};
    return label !== null && before !== null && label !== before;
  });
  if (isOther) {
    found.notes.push(
      `${file.path} is not used: it gives other classes than ${nameSome(found.files)}. Keep the table that you mean.`,
    );
    return;
  }
  const isMixed = [...own].some(([picture, { split }]) => {
    const { split: before = null } = found.labels.get(picture) ?? {};
    return split !== null && before !== null && split !== before;
  });
  found.mixed.push(...(isMixed ? [file.path] : []));
  own.forEach((value, picture) => {
    // One file may have the classes, and others the parts: train.txt and test.txt.
    const { label = null, split = null } = found.labels.get(picture) ?? {};
    found.labels.set(picture, { label: label ?? value.label, split: split ?? value.split });
  });
  const unread = splits ? describeUnreadParts(file.path, splits.name, splits.cells) : [];
  const hasParts = [...own.values()].some(({ split }) => split !== null);
  if (labels !== null || hasParts || unread.length + others.length > 0) {
    found.files.push(file.path);
  }
  found.notes.push(
    ...describeMissing(
      file.path,
      missing.filter((name) => !isShared(name)),
    ),
    ...describeShared(file.path, missing.filter(isShared)),
    ...unread,
  );
  if (labels !== null) {
    const column = `${hasHeader ? ', column ' : ', '}${labels.name}`;
    found.columns.set(column, [...(found.columns.get(column) ?? []), file.path]);
  } else if (others.length > 0) {
    const names = nameSome(others.map(({ name }) => name));
    found.notes.push(
      `${file.path} names the pictures, but which column has their classes is not clear (${names}): call it "label".`,
    );
  }
}

/** Says that names in a table are those of several pictures; nothing without such names. */
function describeShared(list: string, names: readonly string[]): string[] {
  return names.length === 0
    ? []
    : [
        `${list} has names that several pictures have (${names.length.toLocaleString('en')}): ${nameSome(names)}. Put their folders before them: folder/name.`,
      ];
}

/** Says that a list names pictures that are not there; nothing where all are. */
export function describeMissing(list: string, names: readonly string[]): string[] {
  return names.length === 0
    ? []
    : [
        `${list} names pictures that are not there (${names.length.toLocaleString('en')}): ${nameSome(names)}.`,
      ];
}

/**
 * Finds tables whose first lines name pictures: they have labels then, no pixels. Numbers count as
 * names where all of a column differ and are those of pictures.
 * @throws ExpectedError  When a table is damaged.
 */
export async function findLabelTables(
  tables: readonly TreeFile[],
  pictures: readonly TreeFile[],
): Promise<ReadonlySet<TreeFile>> {
  const names = new Set(pictures.map(({ path }) => toKey(stemOf(basename(path)))));
  const isName = (cell: string): boolean => names.has(toKey(stemOf(cell)));
  const found = new Set<TreeFile>();
  for (const file of names.size === 0 ? [] : tables) {
    const bytes = await within(`${file.path} `, () => readStart(file, LOOKED_INTO));
    const rows = bytes
      .toString('utf8')
      .split(/[\r\n]+/)
      .map((line) => line.split(/[,;\t]/).map((cell) => basename(cell.replace(/"/g, '').trim())));
    // The first line may be a header, the last one is cut.
    const whole = rows.slice(1, -1);
    const areNames = (place: number): boolean => {
      const cells = whole.map((row) => row[place] ?? '');
      return cells.every(isName) && new Set(cells).size === cells.length;
    };
    const isNumbered = whole.length > 1 && [...(whole[0] ?? []).keys()].some(areNames);
    const isNamed = rows
      .flat()
      .some((cell) => (hasPictureEnding(cell) || /\p{L}/u.test(stemOf(cell))) && isName(cell));
    if (isNamed || isNumbered) {
      found.add(file);
    }
  }
  return found;
}

/** Takes labels of WebDataset's 000012.png and 000012.json, which has them by name. */
async function takeSidecars(
  { files }: Tree,
  pictures: readonly TreeFile[],
  finder: Finder,
  found: ListedLabels,
): Promise<void> {
  const byStem = new Map(pictures.map(({ path }) => [stemOf(path), path]));
  const sidecars = files.flatMap((file) => {
    const [, stem = ''] = /^(.*)\.json$/i.exec(file.path) ?? [];
    // Supervisely has ann/0.png.json for img/0.png.
    const named = hasPictureEnding(stem) ? finder.find(basename(stem), file)?.path : undefined;
    const picture = byStem.get(stem) ?? named;
    return picture && file.size <= LOOKED_INTO ? [{ file, picture }] : [];
  });
  const [first] = sidecars;
  if (first === undefined) {
    return;
  }
  const rows: unknown[] = [];
  for (const { file, picture } of sidecars) {
    const bytes = await within(`${file.path} `, () => readFile(file, LOOKED_INTO));
    const content = parseJson(decodeText(bytes));
    rows.push({ ...(content as object | null), file: picture }); // It may name another file.
  }
  const own: ListedLabels = { ...found, notes: [], files: [] };
  takeLabels(first.file, toTable(toColumns(rows)), pictures.length, finder, own);
  if (own.columns.size > 0) {
    sidecars.forEach(({ file }) => found.files.push(file.path));
  }
}

/** Takes labels of WebDataset's 000012.png and 000012.cls. */
async function takeClassFiles(
  { files }: Tree,
  pictures: readonly TreeFile[],
  found: ListedLabels,
): Promise<void> {
  const keyOf = (path: string): string =>
    folderOf(path) + (basename(path).split('.', 1)[0] as string);
  const classFiles = files.filter(({ path }) => IS_CLASS.test(path));
  const byKey = new Map(pictures.map((file) => [keyOf(file.path), file]));
  for (const file of classFiles) {
    const picture = byKey.get(keyOf(file.path));
    if (picture !== undefined) {
      const bytes = await within(`${file.path} `, () => readFile(file, MAX_BYTES.label));
      found.labels.set(picture, { label: normaliseLabel(decodeText(bytes)), split: null });
    }
  }
  if (found.labels.size > 0) {
    const paths = classFiles.map(({ path }) => path);
    paths.forEach((path) => found.files.push(path));
    found.columns.set('', paths);
  }
}

/**
 * Says which files beside pictures seem to have labels that are not read: boxes of YOLO, COCO and
 * Pascal VOC, and captions. Empty for none.
 */
export function describeUnreadLabels(
  others: readonly string[],
  pictures: readonly TreeFile[],
): string[] {
  const stems = new Set(pictures.map(({ path }) => stemOf(basename(path))));
  const found = others.filter((path) => {
    const [stem = '', ending = ''] = basename(path).split(/\.(?=[^.]*$)/);
    const isBeside = stems.has(stem) && /^(?:txt|xml|json)$/i.test(ending);
    return isBeside || (/json|xml/i.test(ending) && /annotations?|instances|coco/i.test(path));
  });
  const notes: string[] = [];
  if (found.length > 0) {
    notes.push(
      `Labels of objects in pictures and captions are not read (${nameSome(found)}). Classes are folders, or in a table of file names: file,label.`,
    );
  }
  const tables = others.filter((path) => IS_SHEET.test(path) && !NO_TABLE.test(path));
  if (tables.length > 0) {
    const save = tables.some((path) => /\.(?:xlsx?|ods)$/i.test(path)) ? ' Save it as CSV.' : '';
    notes.push(
      `${nameSome(tables)}: not used for classes.${save} Expected CSV, TSV, TXT or JSON with a column of file names and one called "label".`,
    );
  }
  return notes;
}
