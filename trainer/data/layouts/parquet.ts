/** Pictures in Parquet files, as Hugging Face writes them: `image.bytes` and `label`. */
import { open } from 'node:fs/promises';
import {
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type AsyncBuffer,
  type FileMetaData,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { MAX_ARRAY_BYTES } from './arrays.ts';
import {
  findSplit,
  nameSome,
  UnusablePicture,
  type Problem,
  type Sample,
  type Source,
  type Split,
} from './source.ts';
import { MAX_FILES, readFile, type TreeFile } from './tree.ts';

/** Rows that are decoded at a time. */
const MAX_GROUP_BYTES = 2 * 1024 ** 3;

interface Table {
  readonly file: TreeFile;
  readonly buffer: AsyncBuffer;
  readonly metadata: FileMetaData;
}

/** What a table's columns are called. */
interface Columns {
  readonly image: string;
  readonly label: string | null;
  readonly names?: readonly string[];
  readonly others: readonly string[];
}

/** @throws ExpectedError  When a file is damaged, or has no pictures. */
export async function readParquet(files: readonly TreeFile[], what: string): Promise<Source> {
  const samples: Sample[] = [];
  const problems: Problem[] = [];
  const notes: string[] = [];
  let classNames: readonly string[] | undefined;
  const places = new Set(
    files
      .filter((file) => findPart(file) === 'train')
      .map(({ path }) => path.slice(0, path.lastIndexOf('/') + 1)),
  );
  if (places.size > 1) {
    throw new ExpectedError(
      `${what}: holds several sets (${nameSome([...places])}): name the folder that you mean`,
    );
  }
  for (const file of files) {
    const named = `${what}: ${file.path}`;
    try {
      const table = await openTable(file);
      const columns = findColumns(table.metadata, named);
      const { image, label, names, others } = columns;
      classNames ??= names;
      if (
        classNames !== undefined &&
        names !== undefined &&
        classNames.join('\n') !== names.join('\n')
      ) {
        throw new ExpectedError(`${named}: names other classes than the other files: give one set`);
      }
      if (others.length > 0 && notes.length === 0) {
        const found =
          label === null ? 'No column has classes' : `The column ${label} has the classes`;
        notes.push(`${found}; not used: ${others.join(', ')}.`);
      }
      const split = findPart(file);
      const rows =
        label === null ? [] : await parquetReadObjects({ ...readOptions(table), columns: [label] });
      const count = Number(table.metadata.num_rows);
      const readImage = createRowReader(table, image);
      for (let row = 0; row < count; row++) {
        const name = `${file.path}, row ${row}`;
        const value = label === null ? null : parseLabel(rows[row]?.[label]);
        if (typeof value === 'number' && names !== undefined && value >= names.length) {
          problems.push({
            name,
            reason: `has the label ${value}, but only ${names.length} classes have names`,
          });
          continue;
        }
        samples.push({ name, split, label: value, read: () => readImage(row) });
      }
      if (samples.length > MAX_FILES) {
        throw new ExpectedError(`${named}: holds more than ${MAX_FILES} rows: take a part of them`);
      }
    } catch (cause) {
      throw cause instanceof ExpectedError
        ? cause
        : new ExpectedError(`${named}: cannot be read as Parquet (${(cause as Error).message})`, {
            cause,
          });
    }
  }
  return { kind: 'Parquet', samples, problems, notes, ...(classNames && { classNames }) };
}

/** The part that a file's name or its folders tell. */
function findPart({ path }: TreeFile): Split {
  return findSplit(path.split('/').at(-1) as string) ?? findSplit(path) ?? 'train';
}

async function openTable(file: TreeFile): Promise<Table> {
  const buffer = await openBuffer(file);
  return { file, buffer, metadata: await parquetMetadataAsync(buffer) };
}

/** Reads ranges of a file on disk; a file in an archive is read whole. */
async function openBuffer({ diskPath, size, ...file }: TreeFile): Promise<AsyncBuffer> {
  if (diskPath === undefined) {
    const bytes = await readFile({ ...file, size }, MAX_ARRAY_BYTES);
    const { buffer, byteOffset } = bytes;
    return {
      byteLength: bytes.length,
      slice: (start, end = bytes.length) =>
        buffer.slice(byteOffset + start, byteOffset + end) as ArrayBuffer,
    };
  }
  return {
    byteLength: size,
    async slice(start, end = size) {
      const handle = await open(diskPath);
      try {
        const bytes = new Uint8Array(end - start);
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
        if (bytesRead < bytes.length) {
          throw new Error('it became shorter while it was read');
        }
        return bytes.buffer;
      } finally {
        await handle.close();
      }
    },
  };
}

function readOptions({ buffer, metadata }: Table) {
  return { file: buffer, metadata, compressors, utf8: false };
}

/** Finds the columns by Hugging Face's description of them, else by their types and names. */
function findColumns(metadata: FileMetaData, named: string): Columns {
  const { children } = parquetSchema(metadata);
  const features = readFeatures(metadata);
  const kindOf = (name: string) => features[name]?.['_type'];
  const isImage = (name: string): boolean => {
    const column = children.find(({ element }) => element.name === name);
    const hasBytes = column?.children.some(({ element }) => element.name === 'bytes') ?? false;
    const isBinary =
      column?.element.type === 'BYTE_ARRAY' && column.element.converted_type !== 'UTF8';
    return hasBytes || isBinary;
  };
  const names = children.map(({ element }) => element.name);
  const image =
    names.find((name) => kindOf(name) === 'Image' && isImage(name)) ?? names.find(isImage);
  if (image === undefined) {
    throw new ExpectedError(
      `${named}: has the columns ${names.join(', ')}; expected one with pictures, as image.bytes`,
    );
  }
  const classes = names.filter((name) => kindOf(name) === 'ClassLabel');
  const label =
    classes.find((name) => name === 'label') ??
    classes[0] ??
    names.find((name) => name !== image && IS_LABEL.test(name)) ??
    null;
  const rest = label === null ? names.filter((name) => name !== image) : classes;
  const others = rest.filter((name) => name !== label);
  const known = label === null ? undefined : features[label]?.['names'];
  return { image, label, others, ...(Array.isArray(known) && { names: known.map(String) }) };
}

const IS_LABEL = /(?:^|_)(?:label|class|target|category|y)s?(?:_|$)/i;

type Features = Record<string, Readonly<Record<string, unknown>> | undefined>;

function readFeatures({ key_value_metadata: pairs = [] }: FileMetaData): Features {
  const text = pairs.find(({ key }) => key === 'huggingface')?.value;
  try {
    const content = JSON.parse(text ?? '{}') as { info?: { features?: Features } };
    return content.info?.features ?? {};
  } catch {
    return {}; // Types and names of columns tell enough.
  }
}

/** Hugging Face writes -1 for a label that is not known. */
function parseLabel(value: unknown): number | string | null {
  if (typeof value === 'string') {
    return value;
  }
  const number = typeof value === 'bigint' || typeof value === 'number' ? Number(value) : -1;
  return Number.isInteger(number) && number >= 0 ? number : null;
}

/** Reads a column by row groups. It keeps the last two, because pictures are read in order. */
function createRowReader(table: Table, column: string) {
  const starts: number[] = [];
  let next = 0;
  for (const group of table.metadata.row_groups) {
    starts.push(next);
    next += Number(group.num_rows);
  }
  const kept = new Map<number, Promise<Record<string, unknown>[]>>();
  return async (row: number): Promise<Uint8Array> => {
    const group = starts.findLastIndex((start) => start <= row);
    const start = starts[group] as number;
    let rows = kept.get(group);
    if (rows === undefined) {
      const { num_rows: count, total_byte_size: bytes } = table.metadata.row_groups[
        group
      ] as FileMetaData['row_groups'][number];
      if (Number(bytes) > MAX_GROUP_BYTES) {
        throw new UnusablePicture(`lies in a row group of ${bytes} bytes: write smaller ones`);
      }
      rows = parquetReadObjects({
        ...readOptions(table),
        columns: [column],
        rowStart: start,
        rowEnd: start + Number(count),
      });
      kept.set(group, rows);
      const [oldest] = kept.keys();
      if (kept.size > 2 && oldest !== undefined) {
        kept.delete(oldest);
      }
    }
    let cell: unknown;
    try {
      cell = (await rows)[row - start]?.[column];
    } catch (cause) {
      throw new UnusablePicture(`cannot be read as Parquet (${(cause as Error).message})`, {
        cause,
      });
    }
    const bytes = cell instanceof Uint8Array ? cell : (cell as { bytes?: unknown } | null)?.bytes;
    if (!(bytes instanceof Uint8Array)) {
      throw new UnusablePicture('has no bytes of a picture');
    }
    return bytes;
  };
}
