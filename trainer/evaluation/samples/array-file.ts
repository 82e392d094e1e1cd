/**
 * Reads arrays from files of other programs: IDX and NumPy's .npy, plain or gzipped. The length of
 * a file must be what its header says. Pure.
 */
import { gunzipSync } from 'node:zlib';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { checkLength, splitIdx } from '../../data/idx.ts';

/** Gzipped content may be as large as half a million pictures of 28 x 28 bytes. */
const MAX_BYTES = 512 * 1024 * 1024;

/** An array. */
export interface ArrayFile {
  /** In words: "IDX, uint8". */
  readonly format: string;
  readonly shape: readonly number[];
  /** Row-major, as many as the shape says. */
  readonly values: Uint8Array | Float32Array | Int32Array;
}

/** A file that holds no readable array. The message names the file and says what is allowed. */
export class ArrayFileError extends ExpectedError {
  override name = 'ArrayFileError' as const;
}

const ALLOWED =
  'expected IDX or .npy (plain or gzipped) of uint8 or float32; labels also of int32 or int64';

interface NumberType {
  readonly name: string;
  readonly bytes: number;
  readonly read: (body: DataView, count: number) => ArrayFile['values'];
}

function readFloats(isLittleEndian: boolean): NumberType['read'] {
  return (body, count) =>
    Float32Array.from({ length: count }, (_, i) => body.getFloat32(4 * i, isLittleEndian));
}

const UINT8: NumberType = {
  name: 'uint8',
  bytes: 1,
  read: (body, count) => new Uint8Array(body.buffer, body.byteOffset, count),
};

const IDX_TYPES: Readonly<Record<number, NumberType>> = {
  0x08: UINT8,
  0x0d: { name: 'float32', bytes: 4, read: readFloats(false) },
};

const NPY_TYPES: ReadonlyMap<string, NumberType> = new Map(
  Object.entries({
    '|u1': UINT8,
    '<f4': { name: 'float32', bytes: 4, read: readFloats(true) },
    '<i4': {
      name: 'int32',
      bytes: 4,
      read: (body, count) =>
        Int32Array.from({ length: count }, (_, i) => body.getInt32(4 * i, true)),
    },
    '<i8': {
      name: 'int64',
      bytes: 8,
      // Clamped, so that a label beyond 32 bits does not become another label.
      read: (body, count) =>
        Int32Array.from({ length: count }, (_, i) => {
          const value = Number(body.getBigInt64(8 * i, true));
          return Math.min(2 ** 31 - 1, Math.max(-(2 ** 31), value));
        }),
    },
  }),
);

/**
 * Decodes an array.
 *
 * @param what  Names the file in errors.
 * @throws ArrayFileError  When it is no such file, damaged, or of another type.
 */
export function decodeArrayFile(bytes: Uint8Array, what: string): ArrayFile {
  const content = unzip(bytes, what);
  if (startsWith(content, [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59])) {
    return decodeNpy(content, what);
  }
  if (startsWith(content, [0, 0]) && content.length >= 4) {
    return decodeIdx(content, what);
  }
  const start = Array.from(content.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0'));
  throw new ArrayFileError(
    `${what} is neither IDX nor .npy: it starts with ${start.join(' ') || 'nothing'}; ${ALLOWED}`,
  );
}

function unzip(bytes: Uint8Array, what: string): Uint8Array {
  if (!startsWith(bytes, [0x1f, 0x8b])) {
    return bytes;
  }
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_BYTES });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'ERR_BUFFER_TOO_LARGE' ? `it holds more than ${MAX_BYTES} bytes` : message;
    throw new ArrayFileError(`${what} cannot be unzipped: ${why}`, { cause });
  }
}

function decodeIdx(bytes: Uint8Array, what: string): ArrayFile {
  const code = bytes[2] as number;
  const type = IDX_TYPES[code];
  if (type === undefined) {
    throw new ArrayFileError(
      `${what} is IDX of the type 0x${code.toString(16).padStart(2, '0')}; ${ALLOWED}`,
    );
  }
  const { shape, body } = splitIdx(bytes, type.bytes, what, fail);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const values = type.read(view, body.length / type.bytes);
  return { format: `IDX, ${type.name}`, shape, values };
}

function decodeNpy(bytes: Uint8Array, what: string): ArrayFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6] ?? 0;
  // Version 1 counts its header in 2 bytes, versions 2 and 3 in 4.
  const start = major === 1 ? 10 : 12;
  const end =
    bytes.length < start
      ? Infinity
      : start + (major === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (major < 1 || major > 3 || end > bytes.length) {
    throw new ArrayFileError(`${what} has a damaged .npy header, or is truncated`);
  }
  const header = new TextDecoder('latin1').decode(bytes.subarray(start, end));
  const code = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const sizes = /'shape':\s*\(([0-9, ]*)\)/.exec(header)?.[1];
  if (code === undefined || sizes === undefined) {
    throw new ArrayFileError(
      `${what} has a .npy header that is not understood: ${header.trim().slice(0, 100)}`,
    );
  }
  if (/'fortran_order':\s*True/.test(header)) {
    throw new ArrayFileError(
      `${what} is in Fortran's order: save numpy.ascontiguousarray(...) of it`,
    );
  }
  const type = NPY_TYPES.get(code);
  if (type === undefined) {
    throw new ArrayFileError(`${what} is .npy of the type ${code}; ${ALLOWED}`);
  }
  const shape = (sizes.match(/[0-9]+/g) ?? []).map(Number);
  const body = new DataView(bytes.buffer, bytes.byteOffset + end, bytes.length - end);
  const count = checkLength(shape, type.bytes, body.byteLength, what, fail);
  return { format: `npy, ${type.name}`, shape, values: type.read(body, count) };
}

function fail(message: string): ArrayFileError {
  return new ArrayFileError(message);
}

function startsWith(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, i) => bytes[i] === byte);
}
