/**
 * NumPy's .npz: a ZIP of .npy files (PKWARE APPNOTE 6.3.10). Nothing is compressed, and each
 * checksum follows its array, so the length is known before a digit is drawn. Ours: client-zip
 * makes no ranges, and fflate needs all bytes at once.
 */
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import crc32 from 'crc-32';
import { encodeNpyHeader } from '../../shared/array-headers.ts';
import { addDrawn, type Content } from '../http/content.ts';

/** An array of bytes, the file `name`.npy. */
interface NpzArray {
  readonly name: string;
  readonly shape: readonly number[];
  /** A byte for each element of the shape. */
  readonly values: Content;
}

/** Version 2.0; sizes and checksum follow the file; stored; 1980-01-01, so all bytes are fixed. */
const COMMON = [20, 8, 0, 0, 0x21] as const;

/** Makes the file. A range that holds the checksum of an array takes the whole array's work. */
export function makeNpz(arrays: readonly NpzArray[]): Content {
  let directoryStart = 0;
  const files = arrays.map(({ name, shape, values }) => {
    const start = directoryStart;
    const path = utf8ToBytes(`${name}.npy`);
    const npyHeader = encodeNpyHeader(shape);
    const size = npyHeader.length + values.length;
    const local = pack('IHHHHHIIIHH', 0x04034b50, ...COMMON, 0, 0, 0, path.length, 0);
    const head = concatBytes(local, path, npyHeader);
    const writeTail = (crc: number) => pack('IIII', 0x08074b50, crc, size, size);
    const writeEntry = (crc: number) => {
      const facts = [...COMMON, crc, size, size, path.length, 0, 0, 0, 0, 0, start];
      return concatBytes(pack('IHHHHHHIIIHHHHHII', 0x02014b50, 20, ...facts), path);
    };
    const valuesStart = start + head.length;
    const valuesEnd = valuesStart + values.length;
    directoryStart = valuesEnd + writeTail(0).length;
    const end = directoryStart;
    return { start, head, npyHeader, values, valuesStart, valuesEnd, end, writeTail, writeEntry };
  });
  const writeDirectory = (checksums: readonly number[]): Uint8Array => {
    const entries = concatBytes(...files.map(({ writeEntry }, i) => writeEntry(checksums[i] ?? 0)));
    const facts = [0, 0, files.length, files.length, entries.length, directoryStart, 0];
    return concatBytes(entries, pack('IHHHHIIH', 0x06054b50, ...facts));
  };
  /** Finds the values to make: all if the range touches the checksum or the directory. */
  const findValues = (file: (typeof files)[number], first: number, end: number) => {
    const { valuesStart, valuesEnd, values } = file;
    const holdsChecksum = end > directoryStart || (first < file.end && end > valuesEnd);
    const from = holdsChecksum ? 0 : Math.max(0, first - valuesStart);
    const to = holdsChecksum ? values.length : Math.min(values.length, end - valuesStart);
    return from < to ? { from, to } : undefined;
  };

  return {
    length: directoryStart + writeDirectory([]).length,
    count: (first, end) =>
      addDrawn(
        files.flatMap((file) => {
          const made = findValues(file, first, end);
          return made === undefined ? [] : [file.values.count(made.from, made.to)];
        }),
      ),
    async *read(first, end) {
      /** Cuts the range out of bytes at an offset of the file. */
      const cut = (bytes: Uint8Array, at: number): Uint8Array[] => {
        const part = bytes.subarray(Math.max(0, first - at), Math.max(0, end - at));
        return part.length > 0 ? [part] : [];
      };
      const checksums: number[] = [];
      for (const file of files) {
        yield* cut(file.head, file.start);
        let crc = crc32.buf(file.npyHeader);
        const made = findValues(file, first, end);
        if (made !== undefined) {
          let at = file.valuesStart + made.from;
          for await (const piece of file.values.read(made.from, made.to)) {
            crc = crc32.buf(piece, crc);
            yield* cut(piece, at);
            at += piece.length;
          }
        }
        yield* cut(file.writeTail(crc), file.valuesEnd);
        checksums.push(crc);
      }
      yield* cut(writeDirectory(checksums), directoryStart);
    },
  };
}

/** Packs little-endian numbers of 2 (H) or 4 bytes (I). */
function pack(layout: string, ...values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  let at = 0;
  for (const [i, value] of values.entries()) {
    if (layout[i] === 'H') {
      view.setUint16(at, value, true);
      at += 2;
    } else {
      view.setUint32(at, value, true);
      at += 4;
    }
  }
  return new Uint8Array(view.buffer, 0, at);
}
