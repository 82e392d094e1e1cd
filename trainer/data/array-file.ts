/**
 * Reads arrays from files whose size and content nobody has checked: IDX, the format of MNIST
 * (LeCun, Cortes and Burges), and NumPy's .npy, plain or gzipped. Messages of errors follow the
 * file's name: "is neither IDX nor .npy".
 */
import { gunzipSync } from 'node:zlib';
import { ExpectedError } from '../../shared/expected-error.ts';
import { sizeOf } from '../../shared/model/generator.ts';
import { decodeFloat16 } from '../../shared/model/weight-encoding.ts';

/** The largest size of one array. */
export const MAX_ARRAY_BYTES = 1024 ** 3;
/** Pictures have 4 axes; some programs add axes of size 1. */
const MAX_AXES = 8;

/** Gzipped content may be as large as half a million pictures of 28 x 28 bytes. */
const MAX_BYTES = 512 * 1024 * 1024;

export interface ArrayFile {
  /** In words: "IDX, uint8". */
  readonly format: string;
  readonly shape: readonly number[];
  /** Row-major, as many as the shape says. */
  readonly values: Uint8Array | Float32Array | Int32Array;
  /** The texts that an array's values stand for, in the order of character codes. */
  readonly texts?: readonly string[];
}

export interface NamedArray {
  /** "x_train", or a file's name without its ending. */
  readonly name: string;
  readonly array: ArrayFile;
}

const ALLOWED =
  'expected IDX or .npy (plain or gzipped) of bool, whole or decimal numbers, labels also as text';

/** Bytes of one type of number, as views read them. */
type ReadNumber = (body: DataView, offset: number, isLittle: boolean) => number;

/** NumPy's types by kind and bytes, the arrays that they become, and readers. */
const TYPES: Readonly<
  Record<string, readonly [name: string, typeof Float32Array | typeof Int32Array, ReadNumber]>
> = {
  b1: ['bool', Int32Array, (body, at) => body.getUint8(at)],
  i1: ['int8', Int32Array, (body, at) => body.getInt8(at)],
  u2: ['uint16', Int32Array, (body, at, little) => body.getUint16(at, little)],
  i2: ['int16', Int32Array, (body, at, little) => body.getInt16(at, little)],
  i4: ['int32', Int32Array, (body, at, little) => body.getInt32(at, little)],
  u4: ['uint32', Float32Array, (body, at, little) => body.getUint32(at, little)],
  i8: ['int64', Int32Array, readClampedInt64],
  u8: ['uint64', Int32Array, readClampedInt64],
  f2: ['float16', Int32Array, (body, at, little) => body.getUint16(at, little)],
  f4: ['float32', Float32Array, (body, at, little) => body.getFloat32(at, little)],
  f8: ['float64', Float32Array, (body, at, little) => body.getFloat64(at, little)],
};

/** The types of IDX, as NumPy calls them. */
const IDX_TYPES = new Map([
  [0x08, '|u1'],
  [0x09, '|i1'],
  [0x0b, '>i2'],
  [0x0c, '>i4'],
  [0x0d, '>f4'],
]);

interface NumberType {
  readonly name: string;
  readonly bytes: number;
  readonly read: (body: DataView, count: number) => ArrayFile['values'];
}

/** @param code  As in a .npy header: "<f4" or "|u1". Bytes share the memory of the file. */
export function findType(code: string): NumberType | undefined {
  if (code.slice(1) === 'u1') {
    const read = (body: DataView, count: number): Uint8Array =>
      new Uint8Array(body.buffer, body.byteOffset, count);
    return { name: 'uint8', bytes: 1, read };
  }
  const type = /^[<>|=]/.test(code) ? TYPES[code.slice(1)] : undefined;
  if (type === undefined) {
    return undefined;
  }
  const [name, ArrayType, readNumber] = type;
  const [bytes, isLittle] = [Number(code.slice(2)), code[0] !== '>'];
  const read = (body: DataView, count: number): ArrayFile['values'] => {
    const values = new ArrayType(count);
    for (let i = 0; i < count; i++) {
      values[i] = readNumber(body, bytes * i, isLittle);
    }
    return name === 'float16' ? decodeFloat16(Uint16Array.from(values)) : values;
  };
  return { name, bytes, read };
}

/** Clamps, so that a label beyond 32 bits does not become another label. */
function readClampedInt64(body: DataView, offset: number, isLittle: boolean): number {
  const value = Number(body.getBigInt64(offset, isLittle));
  return Math.min(2 ** 31 - 1, Math.max(-(2 ** 31), value));
}

/** Decodes a file. @throws ExpectedError  When it is damaged or no array. */
export function decodeArrayFile(bytes: Buffer): ArrayFile {
  const content = unzip(bytes);
  if (content.toString('latin1', 0, 6) === '\x93NUMPY') {
    return decodeNpy(content);
  }
  if (content.length >= 4 && content.readUInt16BE() === 0) {
    return decodeIdx(content);
  }
  const start = content.toString('hex', 0, 4).replace(/..(?=.)/g, '$& ');
  throw new ExpectedError(
    `is neither IDX nor .npy: it starts with ${start || 'nothing'}; ${ALLOWED}`,
  );
}

/** QMNIST tells of each digit its class, and then its writer and places in other sets. */
const QMNIST_COLUMNS = 8;

/** Tells IDX by its first bytes: two zeros, a type, and one to four dimensions. */
export function isIdx([first, second, type = 0, rank = 0]: Uint8Array): boolean {
  return first === 0 && second === 0 && type >= 8 && type <= 14 && rank >= 1 && rank <= 4;
}

/** @throws ExpectedError  When gzipped content is damaged, or too large. */
export function unzip(bytes: Buffer): Buffer {
  if (bytes.toString('hex', 0, 2) !== '1f8b') {
    return bytes;
  }
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_BYTES });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'ERR_BUFFER_TOO_LARGE' ? `it holds more than ${MAX_BYTES} bytes` : message;
    throw new ExpectedError(`cannot be read, because it cannot be unzipped: ${why}`, { cause });
  }
}

/**
 * Decodes IDX, whose numbers are big-endian.
 * @throws ExpectedError  When type or length are not as the header says.
 */
export function decodeIdx(bytes: Buffer): ArrayFile {
  const code = bytes[2] as number;
  const type = findType(IDX_TYPES.get(code) ?? '');
  if (type === undefined) {
    throw new ExpectedError(
      `is IDX of the type 0x${code.toString(16).padStart(2, '0')}; ${ALLOWED}`,
    );
  }
  const rank = bytes[3] as number;
  const header = 4 + rank * 4;
  if (bytes.length < header) {
    throw new ExpectedError(`ends within its header of ${header} bytes: it is truncated`);
  }
  const shape = Array.from({ length: rank }, (_, i) => bytes.readUInt32BE(4 + i * 4));
  const format = `IDX, ${type.name}`;
  const values = readBody(bytes, header, type, shape);
  const [count = 0, columns] = shape;
  return code === 0x0c && rank === 2 && columns === QMNIST_COLUMNS
    ? { format, shape: [count], values: values.filter((_, i) => i % QMNIST_COLUMNS === 0) }
    : { format, shape, values };
}

function decodeNpy(bytes: Buffer): ArrayFile {
  const major = bytes[6] ?? 0;
  // Version 1 counts its header in 2 bytes, versions 2 and 3 in 4.
  const start = major === 1 ? 10 : 12;
  const end =
    bytes.length < start
      ? Infinity
      : start + (major === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8));
  if (major < 1 || major > 3 || end > bytes.length) {
    throw new ExpectedError(`has a damaged .npy header, or is truncated`);
  }
  const header = bytes.toString('latin1', start, end);
  const code = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  // Python 2 writes sizes as 28L.
  const sizes = /'shape':\s*\(([0-9L, ]*)\)/.exec(header)?.[1];
  if (/'descr':\s*\[/.test(header)) {
    throw new ExpectedError(
      'is a structured array. Save its fields: numpy.savez("set.npz", images=a["…"], labels=a["…"])',
    );
  }
  if (code === undefined || sizes === undefined) {
    throw new ExpectedError(
      `has a .npy header that is not understood: ${header.trim().slice(0, 100)}`,
    );
  }
  const shape = (sizes.match(/[0-9]+/g) ?? []).map(Number);
  const isColumnMajor = /'fortran_order':\s*True/.test(header);
  return decodeNumbers(bytes.subarray(end), code, shape, isColumnMajor);
}

/**
 * Decodes the numbers or texts of an array of NumPy.
 * @param code  As in a .npy header: "<f4" or "|u1".
 * @throws ExpectedError  When they are of another type, or more or fewer than the shape says.
 */
export function decodeNumbers(
  body: Buffer,
  code: string,
  shape: readonly number[],
  isColumnMajor: boolean,
): ArrayFile {
  checkAxes(shape);
  if (/^[<>|=][US][1-9][0-9]*$/.test(code)) {
    return readTexts(body, code, shape);
  }
  const type = findType(code);
  if (type === undefined) {
    throw new ExpectedError(`is .npy of the type ${code}; ${ALLOWED}`);
  }
  const read = readBody(body, 0, type, shape);
  const axes = [...shape.keys()];
  const values = isColumnMajor && shape.length > 1 ? fromColumnMajor(read, shape, axes) : read;
  return { format: `npy, ${type.name}`, shape, values };
}

/** Reads NumPy's text of a fixed length: UTF-32 (U), or bytes (S). Zeros fill its end. */
function readTexts(body: Buffer, code: string, shape: readonly number[]): ArrayFile {
  const size = Number(code.slice(2)) * (code[1] === 'U' ? 4 : 1);
  const count = sizeOf(shape);
  if (body.length !== count * size) {
    throw new ExpectedError(
      `says ${shape.join(' x ')} texts, so ${count * size} bytes; it has ${body.length}`,
    );
  }
  const readText = (at: number): string => {
    if (code[1] === 'S') {
      return body.toString('utf8', at, at + size);
    }
    const letters = Array.from({ length: size / 4 }, (_, i) =>
      code[0] === '>' ? body.readUInt32BE(at + 4 * i) : body.readUInt32LE(at + 4 * i),
    );
    return letters.map((letter) => String.fromCodePoint(Math.min(letter, 0x10ffff))).join('');
  };
  const all = Array.from({ length: count }, (_, i) => trimZeros(readText(i * size)));
  return listAsTexts(all, shape, 'npy, text');
}

export function listAsTexts(
  all: readonly string[],
  shape: readonly number[],
  format: string,
): ArrayFile {
  const texts = [...new Set(all)].sort();
  const places = new Map(texts.map((text, place) => [text, place]));
  const values = Int32Array.from(all, (text) => places.get(text) as number);
  return { format, shape, values, texts };
}

function trimZeros(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === '\0') {
    end--;
  }
  return text.slice(0, end);
}

/**
 * Rearranges column-major numbers, as Fortran and MATLAB keep them, into row-major ones.
 * @param axes  The axes of `shape` in the order of the result: [0, 1, 2] keeps them.
 * @throws ExpectedError  When there are too many axes.
 */
export function fromColumnMajor<T extends ArrayFile['values']>(
  values: T,
  shape: readonly number[],
  axes: readonly number[],
): T {
  checkAxes(shape);
  const strides = shape.map((_, axis) => sizeOf(shape.slice(0, axis)));
  const sizes = axes.map((axis) => shape[axis] as number);
  const steps = axes.map((axis) => strides[axis] as number);
  const result = values.slice() as T;
  const place = sizes.map(() => 0);
  for (let i = 0, from = 0; i < values.length; i++) {
    result[i] = values[from] as number;
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      place[axis] = (place[axis] as number) + 1;
      from += steps[axis] as number;
      if (place[axis] !== sizes[axis]) {
        break;
      }
      from -= (steps[axis] as number) * (sizes[axis] as number);
      place[axis] = 0;
    }
  }
  return result;
}

/** @throws ExpectedError  When an array has more axes than any picture. */
function checkAxes({ length }: readonly number[]): void {
  if (length > MAX_AXES) {
    throw new ExpectedError(`has ${length} axes, at most ${MAX_AXES} allowed`);
  }
}

/** Reads the numbers after a header. @throws ExpectedError  When the shape says more or fewer. */
function readBody(
  bytes: Uint8Array,
  header: number,
  type: NumberType,
  shape: readonly number[],
): ArrayFile['values'] {
  const body = new DataView(bytes.buffer, bytes.byteOffset + header, bytes.length - header);
  const count = sizeOf(shape);
  const [expected, got] = [count * type.bytes, body.byteLength];
  if (expected !== got) {
    const why = got < expected ? 'it is truncated' : 'something follows its end';
    throw new ExpectedError(
      `says ${shape.join(' x ')}, so ${expected} bytes after its header; it has ${got}: ${why}`,
    );
  }
  return type.read(body, count);
}
