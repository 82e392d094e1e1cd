/**
 * Arrays out of files of other programs: IDX and NumPy's .npy, plain or gzipped. Every count is checked against the
 * file's length. Pure.
 */
import { gunzipSync } from 'node:zlib';
import { checkLength, splitIdx } from '../../data/idx.ts';
import { ExpectedError } from '../../../shared/expected-error.ts';

/** Larger content is refused: half a million pictures of 28 x 28 as bytes. */
const MAX_BYTES = 512 * 1024 * 1024;

/** An array as its file has it. */
export interface ArrayFile {
  /** In words, for what is said about it: "IDX, uint8". */
  readonly format: string;
  readonly shape: readonly number[];
  /** Row-major, as many as the shape says. */
  readonly values: Uint8Array | Float32Array | Int32Array;
}

/** A file that holds no array that is understood. The message names the file, what is wrong and what is allowed. */
export class ArrayFileError extends ExpectedError {
  override name = 'ArrayFileError' as const;
}

const ALLOWED =
  'expected IDX or .npy (plain or gzipped) of uint8 or float32; labels also of int32 or int64';

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
  throw new ArrayFileError(
    `${what} is neither IDX nor .npy: it starts with ${showBytes(content)}; ${ALLOWED}`,
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
  const type = bytes[2] as number;
  const itemBytes = { 0x08: 1, 0x0d: 4 }[type];
  if (itemBytes === undefined) {
    throw new ArrayFileError(
      `${what} is IDX of the type 0x${type.toString(16).padStart(2, '0')}; ${ALLOWED}`,
    );
  }
  const { shape, body } = splitIdx(bytes, itemBytes, what, fail);
  if (type === 0x08) {
    return { format: 'IDX, uint8', shape, values: body };
  }
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const values = Float32Array.from({ length: body.length / itemBytes }, (_, i) =>
    view.getFloat32(4 * i),
  );
  return { format: 'IDX, float32', shape, values };
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
  const type = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const sizes = /'shape':\s*\(([0-9, ]*)\)/.exec(header)?.[1];
  if (type === undefined || sizes === undefined) {
    throw new ArrayFileError(
      `${what} has a .npy header that is not understood: ${header.trim().slice(0, 100)}`,
    );
  }
  if (/'fortran_order':\s*True/.test(header)) {
    throw new ArrayFileError(
      `${what} is in Fortran's order: save numpy.ascontiguousarray(...) of it`,
    );
  }
  const shape = sizes
    .split(',')
    .map((size) => size.trim())
    .filter((size) => size !== '')
    .map(Number);
  const body = new DataView(bytes.buffer, bytes.byteOffset + end, bytes.length - end);
  const read = { '|u1': readUint8, '<f4': readFloat32, '<i4': readInt32, '<i8': readInt64 }[type];
  if (read === undefined) {
    throw new ArrayFileError(`${what} is .npy of the type ${type}; ${ALLOWED}`);
  }
  return read(shape, body, what);
}

function readUint8(shape: readonly number[], body: DataView, what: string): ArrayFile {
  const count = checkLength(shape, 1, body.byteLength, what, fail);
  return {
    format: 'npy, uint8',
    shape,
    values: new Uint8Array(body.buffer, body.byteOffset, count),
  };
}

function readFloat32(shape: readonly number[], body: DataView, what: string): ArrayFile {
  const count = checkLength(shape, 4, body.byteLength, what, fail);
  return {
    format: 'npy, float32',
    shape,
    values: Float32Array.from({ length: count }, (_, i) => body.getFloat32(4 * i, true)),
  };
}

function readInt32(shape: readonly number[], body: DataView, what: string): ArrayFile {
  const count = checkLength(shape, 4, body.byteLength, what, fail);
  return {
    format: 'npy, int32',
    shape,
    values: Int32Array.from({ length: count }, (_, i) => body.getInt32(4 * i, true)),
  };
}

function readInt64(shape: readonly number[], body: DataView, what: string): ArrayFile {
  const count = checkLength(shape, 8, body.byteLength, what, fail);
  // Only labels are read as such; one that does not fit into 32 bits must not come out as another that does.
  const clamp = (value: bigint): number =>
    Number(value > 2147483647n ? 2147483647n : value < -2147483648n ? -2147483648n : value);
  return {
    format: 'npy, int64',
    shape,
    values: Int32Array.from({ length: count }, (_, i) => clamp(body.getBigInt64(8 * i, true))),
  };
}

function fail(message: string): ArrayFileError {
  return new ArrayFileError(message);
}

function startsWith(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, i) => bytes[i] === byte);
}

function showBytes(bytes: Uint8Array): string {
  return bytes.length === 0
    ? 'nothing'
    : Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
