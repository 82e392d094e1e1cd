/** Reads MATLAB's .mat files of level 5, as `save -v7`, Octave and scipy write them. */
import { inflateSync } from 'node:zlib';
import { ExpectedError } from '../../shared/expected-error.ts';
import { sizeOf } from '../../shared/model/generator.ts';
import {
  findType,
  fromColumnMajor,
  listAsTexts,
  MAX_ARRAY_BYTES,
  type NamedArray,
} from './array-file.ts';
import { within } from './layouts/source.ts';
import { stackArrays } from './pickle.ts';

/** The largest size of all unpacked arrays together. */
const MAX_UNPACKED = 2 * MAX_ARRAY_BYTES;
const [COMPRESSED, MATRIX, CELLS, STRUCT, TEXT, OBJECT] = [15, 14, 1, 2, 4, 17];
/** NumPy's names of the types of stored numbers. */
const TYPES = new Map([
  [1, 'i1'],
  [2, 'u1'],
  [3, 'i2'],
  [4, 'u2'],
  [5, 'i4'],
  [6, 'u4'],
  [7, 'f4'],
  [9, 'f8'],
  [12, 'i8'],
  [13, 'u8'],
]);

/** Types of text with two bytes a letter: numbers and UTF-16. */
const WIDE_TEXT = [4, 17];

/** @returns  Whether the file begins as one of MATLAB does. */
export function isMat(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, 7) === 'MATLAB ';
}

/**
 * Reads the arrays of numbers, also those in structs: dataset.train.images becomes
 * "dataset_train_images", columns of letters, and cells of texts, of numbers or of arrays of one
 * shape. Pictures are in MATLAB's order, [height, width, channels, n]; they become row-major with n
 * first.
 * @param lost  Gets the names of others.
 * @throws ExpectedError  When the file is damaged or of another level.
 */
export async function decodeMat(bytes: Buffer, lost: string[]): Promise<NamedArray[]> {
  const start = bytes.toString('latin1', 0, 128);
  if (!start.startsWith('MATLAB 5.0') || bytes.length < 128) {
    throw new ExpectedError(
      `is ${start.slice(0, 10)}, expected level 5: save it in MATLAB with -v7, or as .npz`,
    );
  }
  const isLittle = start.endsWith('IM');
  let left = MAX_UNPACKED;
  const unpack = (data: Buffer): Buffer => {
    const maxOutputLength = Math.max(1, Math.min(left, MAX_ARRAY_BYTES));
    const unpacked = inflateSync(data, { maxOutputLength });
    left -= unpacked.length;
    return unpacked;
  };
  const read = (): NamedArray[] =>
    [...readElements(bytes.subarray(128), isLittle)].flatMap((element) => {
      const [inner = element] =
        element.type === COMPRESSED ? readElements(unpack(element.data), isLittle) : [];
      return inner.type === MATRIX ? readMatrix(inner.data, isLittle, lost) : [];
    });
  return await within('', read, (message) => `cannot be read as MATLAB's .mat: ${message}`);
}

function* readElements(bytes: Buffer, isLittle: boolean) {
  const tags = view(bytes);
  for (let at = 0; at + 8 <= bytes.length;) {
    const [type, size] = [tags.getUint32(at, isLittle), tags.getUint32(at + 4, isLittle)];
    // Up to 4 bytes lie within the tag, whose upper half counts them.
    const isSmall = type >> 16 !== 0;
    const [from, length] = isSmall ? [at + 4, type >> 16] : [at + 8, size];
    if (from + length > bytes.length) {
      throw new Error('it is truncated');
    }
    yield { type: type & 0xffff, data: bytes.subarray(from, from + length) };
    at = isSmall ? at + 8 : from + (type === COMPRESSED ? length : Math.ceil(length / 8) * 8);
  }
}

type Element = Readonly<{ type: number; data: Buffer }>;

function decodeName(name: Element | undefined): string {
  return name?.data.toString('latin1') ?? '';
}

const view = ({ buffer, byteOffset, byteLength }: Buffer = Buffer.alloc(0)): DataView =>
  new DataView(buffer, byteOffset, byteLength);

/** Takes a matrix apart. */
function readParts(data: Buffer, isLittle: boolean) {
  const [flags, sizes, name, numbers, ...rest] = [...readElements(data, isLittle)];
  const kind = flags === undefined ? 0 : view(flags.data).getUint32(0, isLittle) & 0xff;
  return { kind, sizes, name, numbers, rest };
}

/** Reads text, one letter a number, column by column; null for anything else. */
function readText(data: Buffer, isLittle: boolean): string | null {
  const { kind, numbers } = readParts(data, isLittle);
  if (kind !== TEXT || numbers === undefined) {
    return null;
  }
  const wide = isLittle ? 'utf-16le' : 'utf-16be';
  return new TextDecoder(WIDE_TEXT.includes(numbers.type) ? wide : 'utf-8').decode(numbers.data);
}

function readMatrix(data: Buffer, isLittle: boolean, lost: string[]): NamedArray[] {
  const { kind, sizes, name, numbers, rest } = readParts(data, isLittle);
  const code = TYPES.get(numbers?.type ?? 0);
  if (kind === CELLS && numbers !== undefined) {
    const cells = [numbers, ...rest];
    const texts = cells.map((cell) => readText(cell.data, isLittle));
    const arrays = cells.flatMap((cell) => readMatrix(cell.data, isLittle, []));
    const array = texts.includes(null)
      ? arrays.length === cells.length
        ? stackArrays(arrays.map((one) => one.array))
        : null
      : listAsTexts(texts.map(String), [texts.length], 'mat, text');
    lost.push(...(array === null ? [decodeName(name)] : []));
    return array === null ? [] : [{ name: decodeName(name), array }];
  }
  if (kind === STRUCT && numbers !== undefined) {
    // Names of fields have a fixed length. Their matrices follow.
    const size = view(numbers.data).getInt32(0, isLittle);
    const [names, ...fields] = rest;
    return fields.flatMap((field, i) => {
      const key = names?.data.toString('latin1', i * size, (i + 1) * size) ?? '';
      const path = [decodeName(name), key].map((one) => one.split('\0')[0]);
      const join = (inner: string): string =>
        [...path, inner].filter((part) => part !== '').join('_');
      const own: string[] = [];
      const arrays = readMatrix(field.data, isLittle, own);
      lost.push(...own.map(join));
      return arrays.map((inner) => ({ name: join(inner.name), array: inner.array }));
    });
  }
  const shape = Array.from({ length: (sizes?.data.length ?? 0) / 4 }, (_, i) =>
    view(sizes?.data).getInt32(4 * i, isLittle),
  );
  const [rows = 0, columns = 0] = shape;
  const text = rows > 1 ? readText(data, isLittle) : null;
  if (text !== null) {
    // A text in each row: all first letters, then all second ones.
    const letters = [...text];
    const texts = Array.from({ length: rows }, (_, row) =>
      Array.from({ length: columns }, (__, i) => letters[i * rows + row] ?? '')
        .join('')
        .trim(),
    );
    return [{ name: decodeName(name), array: listAsTexts(texts, [rows], 'mat, text') }];
  }
  const type = code === undefined ? undefined : findType((isLittle ? '<' : '>') + code);
  if (kind < 6 || kind > 15 || type === undefined || numbers === undefined) {
    // Objects, such as categorical ones, have no sizes before their name.
    lost.push(...(kind === OBJECT ? [decodeName(sizes)] : []));
    return [];
  }
  const count = sizeOf(shape);
  if (numbers.data.length !== count * type.bytes) {
    throw new Error(`${shape.join(' x ')} numbers do not fit its ${numbers.data.length} bytes`);
  }
  const last = shape.length - 1;
  const isLast = shape.length > 2 && (shape[last] as number) >= rows;
  const axes = [...shape.keys()];
  const order = isLast ? [last, ...axes.slice(0, last)] : axes;
  const values = fromColumnMajor(type.read(view(numbers.data), count), shape, order);
  const ordered = order.map((axis) => shape[axis] as number);
  return [
    {
      name: decodeName(name),
      array: {
        format: `mat, ${type.name}`,
        shape: shape.length === 2 && rows === 1 ? [columns] : ordered,
        values,
      },
    },
  ];
}
