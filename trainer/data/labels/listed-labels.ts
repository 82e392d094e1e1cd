/**
 * Labels in files beside pictures: tables with names of picture files (CSV, TSV, and JSON lines as
 * Hugging Face's metadata.jsonl), and a .cls file beside each picture, as WebDataset has them.
 */
import Papa from 'papaparse';
import { hasPictureEnding } from '../pictures/format.ts';
import { findSplit, nameSome, type Problem, type Split } from '../layouts/source.ts';
import { describeFault, readFile, type Tree, type TreeFile } from '../layouts/tree.ts';
import { findLabelColumn, joinOneHot, normaliseLabel, type Column } from './label-column.ts';

const MAX_BYTES = { table: 128 * 1024 * 1024, label: 1024 } as const;
const IS_TABLE = /\.(?:csv|tsv|jsonl|ndjson)$/i;
/** Kaggle's example of a submission lists test pictures with invented labels. */
const IS_SUBMISSION = /submission[^/]*$/i;
const IS_CLASS = /\.cls\d?$/i;
const IS_SPLIT = /^(?:usage|split|subset|(?:data[ _]?)?set)$/i;

export interface ListedLabel {
  readonly label: string | null;
  /** Null when neither the table's name nor a column tells. */
  readonly split: Split | null;
}

export interface ListedLabels {
  readonly labels: ReadonlyMap<TreeFile, ListedLabel>;
  /** Paths of the files with labels. */
  readonly files: readonly string[];
  readonly problems: readonly Problem[];
  readonly notes: readonly string[];
}

/** @returns  Null when no file names the pictures. */
export async function findListedLabels(
  tree: Tree,
  pictures: readonly TreeFile[],
): Promise<ListedLabels | null> {
  const find = indexPictures(pictures);
  const tables = tree.files.filter(({ path }) => IS_TABLE.test(path) && !IS_SUBMISSION.test(path));
  const found = (await readClassFiles(tree, pictures)) ?? {
    labels: new Map<TreeFile, ListedLabel>(),
    files: [],
    problems: [],
    notes: [],
  };
  for (const file of found.files.length > 0 ? [] : tables) {
    const table = await readTable(file).catch((error: unknown) => describeFault(error));
    if (typeof table === 'string') {
      found.notes.push(`${file.path} is not used: it ${table}`);
      continue;
    }
    takeLabels(file, table, find, found);
  }
  return found.files.length === 0 && found.notes.length === 0 ? null : found;
}

/** Collected from several files. */
interface Found {
  readonly labels: Map<TreeFile, ListedLabel>;
  readonly files: string[];
  readonly problems: Problem[];
  readonly notes: string[];
}

type FindPicture = (name: string, folder: string) => TreeFile | undefined;

/** Finds pictures by path from a table's folder or the top, else by a name that only one has. */
function indexPictures(pictures: readonly TreeFile[]): FindPicture {
  const byPath = new Map(pictures.map((file) => [file.path, file]));
  const byName = new Map<string, TreeFile | null>();
  const add = (name: string, file: TreeFile) => byName.set(name, byName.has(name) ? null : file);
  for (const file of pictures) {
    const name = lastOf(file.path);
    add(name, file);
    add(stemOf(name), file);
  }
  return (name, folder) => {
    const path = name
      .trim()
      .replaceAll('\\', '/')
      .replace(/^\.?\//, '');
    const last = lastOf(path);
    return (
      byPath.get(folder + path) ??
      byPath.get(path) ??
      byName.get(last) ??
      // Another ending than that of the file: the pictures were converted.
      (hasPictureEnding(last) ? (byName.get(stemOf(last)) ?? undefined) : undefined)
    );
  };
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function stemOf(name: string): string {
  return hasPictureEnding(name) ? name.slice(0, name.lastIndexOf('.')) : name;
}

/** Reads a table; its first row may be one of cells. @throws UnusablePicture */
async function readTable(file: TreeFile): Promise<string[][]> {
  const content = Buffer.from(await readFile(file, MAX_BYTES.table)).toString('utf8');
  const text = content.replace(/^\ufeff/, '');
  if (/\.(?:csv|tsv)$/i.test(file.path)) {
    const delimitersToGuess = [',', ';', '\t', '|'];
    return Papa.parse<string[]>(text, { delimitersToGuess, skipEmptyLines: 'greedy' }).data;
  }
  const rows = text.split('\n').flatMap((line): Record<string, unknown>[] => {
    try {
      return [JSON.parse(line) as Record<string, unknown>];
    } catch {
      return []; // An empty last line, or a line that names no picture.
    }
  });
  const names = Object.keys(rows[0] ?? {});
  const cell = (value: unknown) =>
    typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  return [names, ...rows.map((row) => names.map((name) => cell(row[name])))];
}

/** Takes the labels of a table of which a column names most pictures, or nothing. */
function takeLabels(file: TreeFile, table: string[][], find: FindPicture, found: Found): void {
  const folder = file.path.slice(0, -lastOf(file.path).length);
  const width = table[0]?.length ?? 0;
  const namesOf = (place: number) => table.map((row) => find(row[place] ?? '', folder));
  const named = Array.from({ length: width }, (_, place) => namesOf(place));
  const counts = named.map((files) => new Set(files.filter((one) => one !== undefined)).size);
  const most = Math.max(0, ...counts);
  const place = counts.indexOf(most);
  const files = named[place] ?? [];
  if (most === 0 || most < (table.length - 1) / 2) {
    return;
  }
  const hasHeader = files[0] === undefined;
  const header = hasHeader ? (table[0] as string[]) : [];
  const first = hasHeader ? 1 : 0;
  const rows = table.slice(first);
  const columns = Array.from({ length: width }, (_, i): Column & { readonly place: number } => ({
    name: header[i]?.trim() ?? `column ${i + 1}`,
    cells: rows.map((row) => row[i] ?? ''),
    place: i,
  })).filter((column) => column.place !== place);
  const splits = columns.find(({ name }) => IS_SPLIT.test(name));
  const others = columns.filter((column) => column !== splits);
  const labels: Column | null = findLabelColumn(others) ?? joinOneHot(others);
  const own = new Map<TreeFile, ListedLabel>();
  const missing: Problem[] = [];
  for (const [i, row] of rows.entries()) {
    const picture = files[i + first];
    const label = normaliseLabel(labels?.cells[i] ?? '') || null;
    if (picture === undefined) {
      const reason = `is not there, but ${file.path} names it`;
      missing.push({ name: row[place] ?? '', reason });
    } else if ((own.get(picture) ?? { label }).label !== label) {
      found.notes.push(
        `${file.path} is not used: it names ${picture.path} twice with different classes, as lists of objects in pictures do.`,
      );
      return;
    } else {
      const split = findSplit(splits?.cells[i] ?? '') ?? findSplit(lastOf(file.path));
      own.set(picture, { label, split });
    }
  }
  own.forEach((value, picture) => {
    if ((found.labels.get(picture)?.label ?? null) === null) {
      found.labels.set(picture, value);
    }
  });
  found.files.push(file.path);
  found.problems.push(...missing);
  found.notes.push(
    labels === null
      ? `${file.path} names the pictures, but which column has their classes is not clear (${nameSome(columns.map(({ name }) => name)) || 'it has no other'}): call it "label".`
      : `The classes are those of ${file.path}, ${hasHeader ? 'column ' : ''}${labels.name}.`,
  );
}

/** WebDataset's 000012.png and 000012.cls. */
async function readClassFiles(
  { files }: Tree,
  pictures: readonly TreeFile[],
): Promise<Found | null> {
  const keyOf = (path: string): string => {
    const name = lastOf(path);
    return path.slice(0, -name.length) + (name.split('.', 1)[0] as string);
  };
  const classFiles = files.filter(({ path }) => IS_CLASS.test(path));
  const byKey = new Map(pictures.map((file) => [keyOf(file.path), file]));
  const labels = new Map<TreeFile, ListedLabel>();
  for (const file of classFiles) {
    const picture = byKey.get(keyOf(file.path));
    if (picture !== undefined) {
      const text = Buffer.from(await readFile(file, MAX_BYTES.label)).toString('utf8');
      labels.set(picture, { label: normaliseLabel(text), split: null });
    }
  }
  const paths = classFiles.map(({ path }) => path);
  const notes = [`The classes are those of the .cls files (${nameSome(paths)}).`];
  return labels.size === 0 ? null : { labels, files: paths, problems: [], notes };
}

/**
 * Says which files beside pictures seem to have labels that are not read: boxes of YOLO, COCO and
 * Pascal VOC, and captions. Empty for none.
 */
export function describeUnreadLabels(
  others: readonly string[],
  pictures: readonly TreeFile[],
): string[] {
  const stems = new Set(pictures.map(({ path }) => stemOf(lastOf(path))));
  const found = others.filter((path) => {
    const [stem = '', ending = ''] = lastOf(path).split(/\.(?=[^.]*$)/);
    const isBeside = stems.has(stem) && /^(?:txt|xml|json)$/i.test(ending);
    return isBeside || (/json/i.test(ending) && /annotations?|instances|coco/i.test(path));
  });
  return found.length === 0
    ? []
    : [
        `Labels of objects in pictures and captions are not read (${nameSome(found)}). Classes are folders, or in a table of file names: file,label.`,
      ];
}
