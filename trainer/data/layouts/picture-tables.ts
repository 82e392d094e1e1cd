/** Files that have a picture in each row, as tables: Parquet with hyparquet, Arrow and JSON. */
import { tableFromIPC, Type } from '@uwdata/flechette';
import {
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { keepNewest } from '../../../shared/newest.ts';
import { MAX_ARRAY_BYTES } from '../array-file.ts';
import { isObject, readRows, type JsonColumns } from '../labels/json-columns.ts';
import { decodeText, parseJson, parseJsonFile, readLines } from '../labels/text-encoding.ts';
import { findFileSplit, UnusablePicture, within, type Split } from './source.ts';
import { readFile, type TreeFile } from './tree.ts';

/** A table with a picture in each row, which is read by columns. */
export interface PictureTable {
  readonly columns: readonly string[];
  readonly count: number;
  /** Hugging Face's description of the columns, JSON. */
  readonly description: string | undefined;
  /** Whether a column holds bytes, or structs with bytes. */
  readonly holdsBytes: (column: string) => boolean;
  readonly readColumn: (column: string) => Promise<readonly unknown[]>;
  /** Opens a column whose cells are read one by one, in order. */
  readonly openCells: (column: string) => (row: number) => Promise<unknown>;
}

/** A table, with the part that its file's name names. */
export interface PartTable {
  readonly table: PictureTable;
  readonly split: Split;
  /** For messages. */
  readonly path: string;
}

export const IS_JSON = /\.(?:json|jsonl|ndjson)$/i;
export const IS_ARROW = /\.arrow$/i;
/** Files in which `datasets` keeps the results of computations beside a set. */
const IS_CACHE = /(?:^|\/)(?:cache-[0-9a-z_-]+|indices)\.arrow$/i;

export function isHuggingFace({ path }: TreeFile): boolean {
  return (IS_ARROW.test(path) && !IS_CACHE.test(path)) || /\.parquet$/i.test(path);
}

/**
 * Opens tables. JSON that is no table is left out.
 * @throws ExpectedError  When a file is damaged.
 */
export async function openTables(files: readonly TreeFile[]): Promise<PartTable[]> {
  const keep = keepLast();
  const tables: PartTable[] = [];
  for (const file of files) {
    const { path } = file;
    const table = IS_JSON.test(path)
      ? await within(`${path} `, () => openJson(file))
      : await inTable(path, () => (IS_ARROW.test(path) ? openArrow : openParquet)(file, keep));
    if (table !== null) {
      tables.push({ table, split: findFileSplit(path), path });
    }
  }
  return tables;
}

export function inTable<T>(path: string, read: () => Promise<T>): Promise<T> {
  return within(`${path} `, read, (message) => `cannot be read (${message})`);
}

/** Reads something unless it was read before and is kept. */
type Keep = <T>(key: string, read: () => Promise<T>) => Promise<T>;

/** Keeps the last two things that were read: pictures are read in order. */
function keepLast(): Keep {
  const kept = new Map<string, Promise<unknown>>();
  return <T>(key: string, read: () => Promise<T>): Promise<T> => {
    const found = kept.get(key) ?? read();
    keepNewest(kept, key, found, 2);
    return found as Promise<T>;
  };
}

/** Rows that are decoded at a time. */
const MAX_GROUP_BYTES = 2 * 1024 ** 3;

/** A column of empty cells has pages without bytes, on which the decoder of LZ4 fails. */
const COMPRESSORS = Object.fromEntries(
  Object.entries(compressors).map(([codec, decompress]) => [
    codec,
    (input: Uint8Array, length: number) =>
      length === 0 ? new Uint8Array() : decompress(input, length),
  ]),
) as Compressors;

/** How rows are read. */
interface ParquetTable {
  readonly file: AsyncBuffer;
  readonly metadata: FileMetaData;
  readonly compressors: Compressors;
  readonly utf8: boolean;
}

/** @throws Error  When the file is damaged. */
async function openParquet(file: TreeFile, keep: Keep): Promise<PictureTable> {
  const buffer = await openBuffer(file);
  const metadata = await parquetMetadataAsync(buffer);
  const table = { file: buffer, metadata, compressors: COMPRESSORS, utf8: false };
  const { num_rows: count, key_value_metadata: pairs = [] } = table.metadata;
  const { children } = parquetSchema(table.metadata);
  return {
    columns: children.map(({ element }) => element.name),
    count: Number(count),
    description: pairs.find(({ key }) => key === 'huggingface')?.value,
    holdsBytes: (name) => {
      const column = children.find(({ element }) => element.name === name);
      const hasBytes = column?.children.some(({ element }) => element.name === 'bytes') ?? false;
      const isBinary =
        column?.element.type === 'BYTE_ARRAY' && column.element.converted_type !== 'UTF8';
      return hasBytes || isBinary;
    },
    readColumn: async (column) => {
      const rows = await parquetReadObjects({ ...table, columns: [column] });
      return rows.map((row) => row[column] as unknown);
    },
    openCells: (column) => openCells(file.path, table, column, keep),
  };
}

/** Reads ranges of a file on disk; a file in an archive is read whole. */
async function openBuffer(file: TreeFile): Promise<AsyncBuffer> {
  if (file.diskPath !== undefined) {
    return await asyncBufferFromFile(file.diskPath);
  }
  const { buffer, byteOffset, byteLength } = await readFile(file, MAX_ARRAY_BYTES);
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
}

/** Reads a column by row groups, whose numbers follow the file's path as their key. */
function openCells(path: string, table: ParquetTable, column: string, keep: Keep) {
  const starts: number[] = [];
  let next = 0;
  for (const group of table.metadata.row_groups) {
    starts.push(next);
    next += Number(group.num_rows);
  }
  return async (row: number): Promise<unknown> => {
    const group = starts.findLastIndex((start) => start <= row);
    const rowStart = starts[group] as number;
    const { num_rows: count, total_byte_size: bytes } = table.metadata.row_groups[
      group
    ] as FileMetaData['row_groups'][number];
    if (Number(bytes) > MAX_GROUP_BYTES) {
      throw new UnusablePicture(`lies in a row group of ${bytes} bytes: write smaller ones`);
    }
    const rowEnd = rowStart + Number(count);
    const options = { ...table, columns: [column], rowStart, rowEnd };
    try {
      const rows = await keep(`${path}\n${column}\n${group}`, () => parquetReadObjects(options));
      return rows[row - rowStart]?.[column];
    } catch (cause) {
      const { message } = cause as Error;
      throw new UnusablePicture(`cannot be read as Parquet (${message})`, { cause });
    }
  };
}

const BINARY = new Set<number>([Type.Binary, Type.LargeBinary, Type.BinaryView]);

/** Opens a file of `datasets`' cache or of its `save_to_disk`, which is read whole. */
async function openArrow(file: TreeFile, keep: Keep): Promise<PictureTable> {
  const open = () =>
    keep(file.path, () =>
      within(
        '',
        async () => tableFromIPC(await readFile(file, MAX_ARRAY_BYTES)),
        (message) =>
          /compression codec/.test(message)
            ? 'is compressed, which Arrow files must not be: save it as Parquet by pyarrow.parquet.write_table'
            : message,
      ),
    );
  const { schema, names, numRows } = await open();
  const { fields, metadata } = schema;
  const holdsBytes = ({ type }: (typeof fields)[number]): boolean =>
    BINARY.has(type.typeId) ||
    ('children' in type &&
      (type.children?.some((child) => child.name === 'bytes' && holdsBytes(child)) ?? false));
  return {
    columns: names,
    count: numRows,
    description: metadata?.get('huggingface'),
    holdsBytes: (column) => fields.some((field) => field.name === column && holdsBytes(field)),
    readColumn: async (column) => (await open()).getChild(column).toArray() as unknown[],
    openCells: (column) => async (row) => (await open()).getChild(column).at(row) as unknown,
  };
}

/** A text of V8 is no longer. */
const MAX_JSON_BYTES = 512 * 1024 * 1024;

/**
 * Reads JSON: what `readRows` reads, objects in lines, or cells by the name of their column.
 * @returns  Null for anything else.
 */
async function openJson(file: TreeFile): Promise<PictureTable | null> {
  const lines: unknown[] = [];
  for await (const line of /\.json$/i.test(file.path) ? [] : readLines(file)) {
    lines.push(parseJson(line));
  }
  const content =
    lines.length === 0
      ? parseJsonFile(decodeText(await readFile(file, MAX_JSON_BYTES)))
      : lines.filter((line) => line !== null);
  const areLists = Array.isArray(content) && Array.isArray(content[0]);
  const columns = areLists ? readCells([]) : (readRows(content) ?? readCells(content));
  const names = [...columns.keys()];
  const [first] = columns.values();
  const count = first?.length ?? 0;
  return count === 0 || [...columns.values()].some(({ length }) => length !== count)
    ? null
    : {
        columns: names,
        count,
        description: undefined,
        holdsBytes: () => false,
        readColumn: (name) => Promise.resolve(columns.get(name) ?? []),
        openCells: (name) => (row) => Promise.resolve(columns.get(name)?.[row]),
      };
}

/** Reads {"label": [5, 0], "image": […]}; Pandas has objects in place of the lists. */
function readCells(content: unknown): JsonColumns {
  return new Map(
    Object.entries(isObject(content) ? content : {}).map(([name, cells]) => [
      name,
      Array.isArray(cells) ? (cells as unknown[]) : Object.values((cells ?? {}) as object),
    ]),
  );
}
