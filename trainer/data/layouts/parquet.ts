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
import { MAX_ARRAY_BYTES } from './arrays.ts';
import { UnusablePicture, type PictureTable } from './source.ts';
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
export async function openParquet(file: TreeFile): Promise<PictureTable> {
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
    openCells: (column) => openCells(table, column),
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

/** Reads a column by row groups. It keeps the last two, because pictures are read in order. */
function openCells(table: Table, column: string) {
  const starts: number[] = [];
  let next = 0;
  for (const group of table.metadata.row_groups) {
    starts.push(next);
    next += Number(group.num_rows);
  }
  const kept = new Map<number, Promise<Record<string, unknown>[]>>();
  return async (row: number): Promise<unknown> => {
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
        ...table,
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
    try {
      return (await rows)[row - start]?.[column];
    } catch (cause) {
      const { message } = cause as Error;
      throw new UnusablePicture(`cannot be read as Parquet (${message})`, { cause });
    }
  };
}
