/** Parquet files as tables of pictures, with hyparquet. */
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
import { MAX_ARRAY_BYTES } from '../array-file.ts';
import { UnusablePicture, type Keep, type PictureTable } from './source.ts';
import { readFile, type TreeFile } from './tree.ts';

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
interface Table {
  readonly file: AsyncBuffer;
  readonly metadata: FileMetaData;
  readonly compressors: Compressors;
  readonly utf8: boolean;
}

/** @throws Error  When the file is damaged. */
export async function openParquet(file: TreeFile, keep: Keep): Promise<PictureTable> {
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
function openCells(path: string, table: Table, column: string, keep: Keep) {
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
