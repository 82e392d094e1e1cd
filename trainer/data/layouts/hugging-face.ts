/** Tables of pictures as Hugging Face writes them, `image.bytes` and `label`: Parquet and Arrow. */
import { basename } from 'node:path';
import { tableFromIPC, Type } from '@uwdata/flechette';
import { ExpectedError } from '../../../shared/expected-error.ts';
import {
  describeObjects,
  findLabelColumns,
  findParts,
  namesParts,
  readPart,
  unwrapLabel,
  type Column,
} from '../labels/label-column.ts';
import type { PixelRange } from '../../../shared/picture/pixels.ts';
import {
  findPixels,
  IS_JSON,
  openJson,
  readPixelTables,
  type PartTable,
} from '../pictures/pixel-columns.ts';
import { MAX_ARRAY_BYTES } from './arrays.ts';
import { parseJson } from '../labels/text-encoding.ts';
import { openParquet } from './parquet.ts';
import {
  findSplit,
  nameSome,
  UnusablePicture,
  within,
  type PictureTable,
  type Problem,
  type Sample,
  type Source,
  type Split,
} from './source.ts';
import { folderOf, MAX_FILES, readFile, type TreeFile } from './tree.ts';

const BINARY = new Set<number>([Type.Binary, Type.LargeBinary, Type.BinaryView]);

const IS_ARROW = /\.arrow$/i;
/** Files in which `datasets` keeps the results of computations beside a set. */
const IS_CACHE = /(?:^|\/)(?:cache-[0-9a-z_-]+|indices)\.arrow$/i;

export function isHuggingFace({ path }: TreeFile): boolean {
  return (IS_ARROW.test(path) && !IS_CACHE.test(path)) || /\.parquet$/i.test(path);
}

/** The names of a table's columns. */
interface Columns {
  readonly image: string;
  readonly label: string | null;
  /** The part of each row. */
  readonly parts?: Column | undefined;
  readonly names?: readonly string[];
  readonly others: readonly string[];
}

/** @throws ExpectedError  When a file is damaged, or has no pictures. */
export async function readHuggingFace(
  files: readonly TreeFile[],
  range: PixelRange | undefined,
): Promise<Source> {
  const kind = files.some(({ path }) => IS_ARROW.test(path)) ? 'Arrow' : 'Parquet';
  const tables = await openPixelTables(files);
  if (tables.length === files.length) {
    return { ...(await readPixelTables(tables, range)), kind };
  }
  const samples: Sample[] = [];
  const problems: Problem[] = [];
  const notes: string[] = [];
  let classNames: readonly string[] | undefined;
  const places = new Set(
    files.filter((file) => findPart(file) === 'train').map(({ path }) => folderOf(path)),
  );
  if (places.size > 1) {
    throw new ExpectedError(
      `holds several sets (${nameSome([...places])}): name the folder that you mean`,
    );
  }
  for (const file of files) {
    const take = async (): Promise<void> => {
      const table = await openTable(file);
      const { image, label, parts, names, others } = await findColumns(table);
      classNames ??= names;
      if (
        classNames !== undefined &&
        names !== undefined &&
        classNames.join('\n') !== names.join('\n')
      ) {
        throw new ExpectedError(`names other classes than the other files: give one set`);
      }
      if (others.length > 0 && notes.length === 0) {
        const found =
          label === null ? 'No column has classes' : `The column ${label} has the classes`;
        notes.push(`${found}; not used: ${others.join(', ')}.`);
      }
      const labels = label === null ? [] : await table.readColumn(label);
      notes.push(...describeObjects(`${file.path}, column ${label}`, labels));
      const readCell = table.openCells(image);
      for (let row = 0; row < table.count; row++) {
        const name = `${file.path}, row ${row}`;
        const value = label === null ? null : parseLabel(labels[row]);
        if (typeof value === 'number' && names !== undefined && value >= names.length) {
          problems.push({
            name,
            reason: `has the label ${value}, but only ${names.length} classes have names`,
          });
          continue;
        }
        samples.push({
          name,
          split: (parts && readPart(parts.name, parts.cells[row] ?? '')) ?? findPart(file),
          label: value,
          read: async () => takeBytes(await readCell(row)),
        });
      }
      if (samples.length > MAX_FILES) {
        throw new ExpectedError(`holds more than ${MAX_FILES} rows: take a part of them`);
      }
    };
    await within(`${file.path} `, take, (message) => `cannot be read (${message})`);
  }
  return { kind, samples, problems, notes, ...(classNames && { classNames }) };
}

function openTable(file: TreeFile): Promise<PictureTable> {
  return IS_ARROW.test(file.path) ? openArrow(file) : openParquet(file);
}

/** Opens the tables that have the pixels of a picture in each row, also those of JSON. */
export async function openPixelTables(files: readonly TreeFile[]): Promise<PartTable[]> {
  const tables: PartTable[] = [];
  for (const file of files) {
    // A damaged file is refused when its columns are looked for.
    const table = IS_JSON.test(file.path)
      ? await openJson(file)
      : await openTable(file).catch(() => null);
    const isOfPixels = table !== null && !table.columns.some(table.holdsBytes);
    if (isOfPixels && (await findPixels(table)).length > 0) {
      tables.push({ table, split: findPart(file), path: file.path });
    }
  }
  return tables;
}

/** The part that a file's name or its folders name. */
function findPart({ path }: TreeFile): Split {
  return findSplit(basename(path)) ?? findSplit(path) ?? 'train';
}

/** Finds the columns by Hugging Face's description of them, else by their types and names. */
async function findColumns(table: PictureTable): Promise<Columns> {
  const { columns: names, holdsBytes } = table;
  const features = readFeatures(table);
  const kindOf = (name: string) => features[name]?.['_type'];
  const image =
    names.find((name) => kindOf(name) === 'Image' && holdsBytes(name)) ?? names.find(holdsBytes);
  if (image === undefined) {
    throw new ExpectedError(
      `has the columns ${nameSome(names)}; expected one with the bytes of picture files, as image.bytes, one with lists of pixels, or columns pixel0, pixel1, … of a square`,
    );
  }
  const columns: Column[] = [];
  for (const name of names.filter(namesParts)) {
    const cells = await table.readColumn(name);
    columns.push({ name, cells: cells.map((cell) => String(parseLabel(cell) ?? '')) });
  }
  const parts = findParts(columns);
  const rest = names.filter((name) => name !== image && name !== parts?.name);
  const classes = rest.filter((name) => kindOf(name) === 'ClassLabel');
  const label =
    classes.find((name) => name === 'label') ??
    classes[0] ??
    (await findOther(
      table,
      rest.filter((name) => !holdsBytes(name)),
    ));
  const others = (label === null ? rest : classes).filter((name) => name !== label);
  const known = label === null ? undefined : features[label]?.['names'];
  return { image, label, parts, others, ...(Array.isArray(known) && { names: known.map(String) }) };
}

/** Finds labels by a column's name, or in the only other column. */
async function findOther(table: PictureTable, names: readonly string[]): Promise<string | null> {
  const [only = ''] = names;
  const cells = names.length === 1 ? await table.readColumn(only) : [];
  const texts = cells.map((cell) => String(parseLabel(cell) ?? ''));
  return findLabelColumns(names.map((name) => ({ name, cells: texts })))[0]?.name ?? null;
}

type Features = Record<string, Readonly<Record<string, unknown>> | undefined>;

/** Without a description, the types and names of the columns decide. */
function readFeatures({ description = '{}' }: PictureTable): Features {
  const content = parseJson(description) as { info?: { features?: Features } } | null;
  return content?.info?.features ?? {};
}

/** Hugging Face writes -1 for a label that is not known. */
function parseLabel(cell: unknown): number | string | null {
  const value = unwrapLabel(cell);
  if (typeof value === 'string' || typeof value === 'boolean') {
    return String(value);
  }
  const number = typeof value === 'bigint' || typeof value === 'number' ? Number(value) : -1;
  return Number.isInteger(number) && number >= 0 ? number : null;
}

/** @throws UnusablePicture */
function takeBytes(cell: unknown): Uint8Array {
  const bytes = cell instanceof Uint8Array ? cell : (cell as { bytes?: unknown } | null)?.bytes;
  if (!(bytes instanceof Uint8Array)) {
    const { path } = (cell ?? {}) as { path?: unknown };
    const isPath = typeof path === 'string' || path instanceof Uint8Array;
    throw new UnusablePicture(
      isPath
        ? 'has the path of a picture, but not its bytes: save the set with its pictures embedded'
        : 'has no bytes of a picture',
    );
  }
  return bytes;
}

/** Opens a file of `datasets`' cache or of its `save_to_disk`, which is read whole. */
async function openArrow(file: TreeFile): Promise<PictureTable> {
  const bytes = await readFile(file, MAX_ARRAY_BYTES);
  const table = await within(
    '',
    () => tableFromIPC(bytes),
    (message) =>
      /compression codec/.test(message)
        ? 'is compressed, which Arrow files must not be: save it as Parquet by pyarrow.parquet.write_table'
        : message,
  );
  const { fields, metadata } = table.schema;
  const holdsBytes = ({ type }: (typeof fields)[number]): boolean =>
    BINARY.has(type.typeId) ||
    ('children' in type &&
      (type.children?.some((child) => child.name === 'bytes' && holdsBytes(child)) ?? false));
  return {
    columns: table.names,
    count: table.numRows,
    description: metadata?.get('huggingface'),
    holdsBytes: (column) => fields.some((field) => field.name === column && holdsBytes(field)),
    readColumn: (column) => Promise.resolve(table.getChild(column).toArray() as unknown[]),
    openCells: (column) => {
      const cells = table.getChild(column);
      return (row) => Promise.resolve(cells.at(row));
    },
  };
}
