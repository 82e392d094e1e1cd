/**
 * Parquet in the form that Hugging Face's `datasets` reads as images with labels: the column
 * `image` holds PNGs, and the schema's metadata name the classes. Pictures, numbers and pages are
 * not compressed, so every offset is known before a digit is drawn. hyparquet-writer serialises
 * the metadata; its own writer needs all rows at once and is 14 KB larger.
 */
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { ByteWriter } from 'hyparquet-writer/src/bytewriter.js';
import { serializeTCompactProtocol } from 'hyparquet-writer/src/thrift.js';
import { holdBytes, joinContents, makeRecords, type Content } from '../http/content.ts';
import { createStoredPngWriter, type StoredPngWriter } from './stored-png.ts';

interface Rows {
  readonly count: number;
  readonly image: { readonly height: number; readonly width: number; readonly channels: number };
  /** The name of each label; empty without a column of labels. */
  readonly classes: readonly string[];
  /** Draws the pixels of rows, row-major [count, height, width, channels]. */
  drawPixels(first: number, count: number): Promise<Uint8Array>;
  drawLabels(first: number, count: number): Uint8Array;
}

/** Readers take a group at once: some megabytes of pictures. */
const GROUP_ROWS = 5000;
const MAGIC = utf8ToBytes('PAR1');

/** The used numbers of parquet.thrift. */
const TYPE = { int64: 2, bytes: 6 } as const;
const OPTIONAL = 1;
const ENCODING = { plain: 0, rle: 3 } as const;
const UTF8 = 0;
const DATA_PAGE = 0;
const UNCOMPRESSED = 0;

/** Fields by their number in parquet.thrift; a bigint is an i64. */
type Struct = Readonly<Record<`field_${number}`, unknown>>;

/** A column's part of a group. */
interface Chunk {
  readonly path: readonly string[];
  readonly type: number;
  /** Parts of the path that every row has: all, or for nulls all but the last. */
  readonly level: number;
  /** Absent for nulls. */
  readonly values?: Content;
}

export function makeParquet(rows: Rows): Content {
  const { count, image } = rows;
  const png = createStoredPngWriter(image);
  const parts = [holdBytes(MAGIC)];
  const groups: Struct[] = [];
  let at = MAGIC.length;
  for (let first = 0; first < count; first += GROUP_ROWS) {
    const groupRows = Math.min(GROUP_ROWS, count - first);
    const groupStart = at;
    const columns = listChunks(rows, png, first, groupRows).map(({ path, type, level, values }) => {
      const levels = encodeLevels(groupRows, level);
      const pageBytes = levels.length + (values?.length ?? 0);
      const header = encodePageHeader(groupRows, pageBytes);
      const bytes = header.length + pageBytes;
      parts.push(holdBytes(concatBytes(header, levels)), ...(values === undefined ? [] : [values]));
      const offset = BigInt(at);
      at += bytes;
      return {
        field_2: offset,
        field_3: {
          field_1: type,
          field_2: [ENCODING.plain, ENCODING.rle],
          field_3: path,
          field_4: UNCOMPRESSED,
          field_5: BigInt(groupRows),
          field_6: BigInt(bytes),
          field_7: BigInt(bytes),
          field_9: offset,
        },
      };
    });
    const bytes = BigInt(at - groupStart);
    groups.push({ field_1: columns, field_2: bytes, field_3: BigInt(groupRows) });
  }
  const footer = encodeFooter(rows, groups);
  return joinContents([...parts, holdBytes(footer)]);
}

function listChunks(rows: Rows, png: StoredPngWriter, first: number, count: number): Chunk[] {
  const { image, classes } = rows;
  const pixels = image.height * image.width * image.channels;
  const recordBytes = 4 + png.length;
  const pictures = makeRecords(count, recordBytes, async (from, n) => {
    const drawn = await rows.drawPixels(first + from, n);
    const records = new Uint8Array(n * recordBytes);
    const view = new DataView(records.buffer);
    for (let i = 0; i < n; i++) {
      view.setUint32(i * recordBytes, png.length, true);
      png.write(drawn.subarray(i * pixels, (i + 1) * pixels), records, i * recordBytes + 4);
    }
    return records;
  });
  const drawLabels = (from: number, n: number) => {
    const values = BigInt64Array.from(rows.drawLabels(first + from, n), BigInt);
    return new Uint8Array(values.buffer); // Every platform is little-endian.
  };
  const labels = makeRecords(count, 8, drawLabels, 'label');
  return [
    { path: ['image', 'bytes'], type: TYPE.bytes, level: 2, values: pictures },
    { path: ['image', 'path'], type: TYPE.bytes, level: 1 },
    ...(classes.length > 0
      ? [{ path: ['label'], type: TYPE.int64, level: 1, values: labels }]
      : []),
  ];
}

/** Encodes equal definition levels below 4: a run after its length. */
function encodeLevels(count: number, level: number): Uint8Array {
  const run = new ByteWriter();
  run.appendVarInt(count << 1);
  run.appendUint8(level);
  const levels = new ByteWriter();
  levels.appendUint32(run.offset);
  levels.appendBytes(run.getBytes());
  return levels.getBytes();
}

function encodePageHeader(values: number, bytes: number): Uint8Array {
  return encodeStruct({
    field_1: DATA_PAGE,
    field_2: bytes,
    field_3: bytes,
    field_5: {
      field_1: values,
      field_2: ENCODING.plain,
      field_3: ENCODING.rle,
      field_4: ENCODING.rle,
    },
  });
}

/** Encodes the schema, the places of all columns, and the names of the classes. */
function encodeFooter({ count, classes }: Rows, groups: readonly Struct[]): Uint8Array {
  const { bytes, int64 } = TYPE;
  // `datasets` takes its metadata only if every field may be null.
  const schema: Struct[] = [
    { field_4: 'schema', field_5: classes.length > 0 ? 2 : 1 },
    { field_3: OPTIONAL, field_4: 'image', field_5: 2 },
    { field_1: bytes, field_3: OPTIONAL, field_4: 'bytes' },
    { field_1: bytes, field_3: OPTIONAL, field_4: 'path', field_6: UTF8 },
    ...(classes.length > 0 ? [{ field_1: int64, field_3: OPTIONAL, field_4: 'label' }] : []),
  ];
  const features = {
    image: { _type: 'Image' },
    ...(classes.length > 0 && { label: { names: classes, _type: 'ClassLabel' } }),
  };
  const metadata = encodeStruct({
    field_1: 1,
    field_2: schema,
    field_3: BigInt(count),
    field_4: groups,
    field_5: [{ field_1: 'huggingface', field_2: JSON.stringify({ info: { features } }) }],
    field_6: 'digitmint',
  });
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, metadata.length, true);
  return concatBytes(metadata, length, MAGIC);
}

function encodeStruct(struct: Struct): Uint8Array {
  const writer = new ByteWriter();
  serializeTCompactProtocol(writer, struct);
  return writer.getBytes();
}
