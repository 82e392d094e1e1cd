/**
 * Reads Python's pickles of data: dictionaries, lists, text, numbers, and arrays of NumPy. No
 * function of a pickle is ever called.
 * @see https://github.com/python/cpython/blob/main/Lib/pickle.py
 */
import { ExpectedError } from '../../shared/expected-error.ts';
import { CLASS_LIMITS } from '../../shared/model/classes.ts';
import { sizeOf } from '../../shared/model/generator.ts';
import {
  decodeNumbers,
  fromColumnMajor,
  listAsTexts,
  MAX_ARRAY_BYTES,
  type ArrayFile,
  type NamedArray,
} from './array-file.ts';
import { unwrapLabel } from './labels/label-column.ts';
import { SAVE_IN_PYTHON, within } from './layouts/source.ts';

/** A function that the pickle would call, with its arguments. */
interface Call {
  readonly name: string;
  readonly given: readonly unknown[];
  /** The state that the object would get afterwards. */
  state?: unknown;
  items?: Map<string, unknown>;
}

const MARK = Symbol('mark');

/** Protocols 2 to 5 begin with "\x80" and their number. */
export function isPickle([first, protocol = 0]: Uint8Array): boolean {
  return first === 0x80 && protocol >= 2 && protocol <= 5;
}

/** @returns  The value; bytes and texts of Python 2 are a Buffer. @throws Error */
export function readPickle(file: Buffer): unknown {
  const stack: unknown[] = [];
  const memo = new Map<number, unknown>();
  let at = 0;
  const take = (count: number): Buffer => {
    if (at + count > file.length) {
      throw new Error('the pickle is truncated');
    }
    at += count;
    return file.subarray(at - count, at);
  };
  const int = (count: number): number => take(count).readUIntLE(0, count);
  const long = (): number => Number(take(8).readBigUInt64LE());
  const line = (): string => {
    const end = file.indexOf('\n', at);
    const text = take(Math.max(0, end - at)).toString('utf8');
    at++;
    return text;
  };
  const popMark = (): unknown[] => {
    const items = stack.splice(stack.lastIndexOf(MARK));
    return items.slice(1);
  };
  const setItems = (items: readonly unknown[]): void => {
    const top = stack.at(-1);
    // Classes such as scikit-learn's Bunch are dictionaries.
    const target = top instanceof Map ? top : ((top as Call).items ??= new Map());
    for (let i = 0; i < items.length; i += 2) {
      const key = unwrapScalar(items[i]);
      // The text of a list in lists may be as long as memory.
      const isText = typeof key === 'string' || typeof key === 'number' || Buffer.isBuffer(key);
      target.set(isText ? String(key) : `key ${target.size}`, items[i + 1]);
    }
  };
  const tuple = (count: number): unknown => stack.push(stack.splice(stack.length - count));
  const call = (given: readonly unknown[], name: unknown): unknown =>
    stack.push({ name: (name as Call).name, given } satisfies Call);
  /** The operations, by their letter or number in pickletools.py. */
  const codes: Readonly<Record<string, () => unknown>> = {
    '\x80': () => take(1),
    '\x95': () => take(8),
    '(': () => stack.push(MARK),
    '}': () => stack.push(new Map()),
    ']': () => stack.push([]),
    ')': () => stack.push([]),
    N: () => stack.push(null),
    '\x88': () => stack.push(true),
    '\x89': () => stack.push(false),
    K: () => stack.push(int(1)),
    M: () => stack.push(int(2)),
    J: () => stack.push(take(4).readInt32LE()),
    '\x8a': () => {
      const length = int(1);
      stack.push(length === 0 ? 0 : take(length).readIntLE(0, Math.min(6, length)));
    },
    G: () => stack.push(take(8).readDoubleBE()),
    I: () => stack.push(Number(line())),
    U: () => stack.push(take(int(1))),
    T: () => stack.push(take(int(4))),
    C: () => stack.push(take(int(1))),
    B: () => stack.push(take(int(4))),
    '\x8e': () => stack.push(take(long())),
    '\x96': () => stack.push(take(long())),
    '\x8c': () => stack.push(take(int(1)).toString('utf8')),
    X: () => stack.push(take(int(4)).toString('utf8')),
    q: () => memo.set(int(1), stack.at(-1)),
    r: () => memo.set(int(4), stack.at(-1)),
    '\x94': () => memo.set(memo.size, stack.at(-1)),
    h: () => stack.push(memo.get(int(1))),
    j: () => stack.push(memo.get(int(4))),
    '\x85': () => tuple(1),
    '\x86': () => tuple(2),
    '\x87': () => tuple(3),
    t: () => stack.push(popMark()),
    a: () => {
      const item = stack.pop();
      (stack.at(-1) as unknown[]).push(item);
    },
    e: () => {
      const items = popMark();
      const list = stack.at(-1) as unknown[];
      items.forEach((item) => list.push(item));
    },
    s: () => setItems(stack.splice(stack.length - 2)),
    u: () => setItems(popMark()),
    c: () => stack.push({ name: `${line()}.${line()}`, given: [] } satisfies Call),
    '\x93': () => {
      const [module, name] = stack.splice(stack.length - 2);
      stack.push({ name: `${String(module)}.${String(name)}`, given: [] } satisfies Call);
    },
    R: () => call(stack.pop() as unknown[], stack.pop()),
    '\x81': () => call(stack.pop() as unknown[], stack.pop()),
    b: () => {
      const state = stack.pop();
      (stack.at(-1) as Call).state = state;
    },
  };
  for (;;) {
    const code = take(1).toString('latin1');
    if (code === '.') {
      return stack.pop();
    }
    const act = codes[code];
    if (act === undefined) {
      throw new Error(`the pickle has the code ${JSON.stringify(code)}, which only Python reads`);
    }
    act();
  }
}

/** An array of NumPy in a pickle. */
interface PickledArray {
  /** The code of a .npy header: "<f4", "|u1" or "|O". */
  readonly code: string;
  /** As it lies in memory. */
  readonly shape: readonly number[];
  readonly isColumnMajor: boolean;
  /** The axes in memory by the array's own axes; absent where they are the same. */
  readonly axes?: readonly number[];
  /** Objects are a list. */
  readonly body: Buffer | readonly unknown[];
}

/** @returns  Null for what is no array of NumPy. @throws Error  When it is damaged. */
function findArray(value: unknown): PickledArray | null {
  const { name = '', given = [], state } = (value ?? {}) as Partial<Call>;
  // Since protocol 5: (bytes, type, shape, order), and of NumPy 2.4 the axes where the order is K.
  // Before: (version, shape, type, order, bytes).
  const isNew = /^numpy\.(?:_?core)\.numeric\._frombuffer$/.test(name);
  if (!isNew && !/^numpy\.(?:_?core)\.multiarray\._reconstruct$/.test(name)) {
    return null;
  }
  const parts = (isNew ? given : state) as unknown[];
  const places = isNew ? [1, 2, 3, 0, 4] : [2, 1, 3, 4];
  const [type, sizes, order, content, axisOrder] = places.map((place) => parts[place]);
  const body = readBytes(content);
  const shape = Array.isArray(sizes) ? sizes.map(Number) : null;
  const axes = Array.isArray(axisOrder) ? axisOrder.map(Number) : null;
  const isTurned = order === 'K';
  if (
    shape === null ||
    !(Buffer.isBuffer(body) || Array.isArray(body)) ||
    (isTurned && axes?.toSorted((a, b) => a - b).join() !== [...shape.keys()].join())
  ) {
    throw new Error('the pickle has an array that is not understood');
  }
  const isColumnMajor = order === true || order === 'F';
  return { code: readCode(type), shape, isColumnMajor, body, ...(isTurned && axes && { axes }) };
}

/** @param type  The call that makes a type of NumPy. @returns  As in a .npy header: "<f4". */
function readCode(type: unknown): string {
  const { given: codes, state: byteOrder } = type as Call;
  const [, sign = '|'] = (byteOrder ?? []) as unknown[];
  return `${String(sign)}${String(codes[0])}`;
}

/** Python 3 writes bytes in protocol 2 as text in which each letter is a byte. */
function readBytes(content: unknown): unknown {
  const { name: encode, given: text = [] } = (content ?? {}) as Partial<Call>;
  return encode === '_codecs.encode' ? Buffer.from(String(text[0]), 'latin1') : content;
}

/** A number or a text of NumPy, as a list of labels has them, as one of JavaScript. */
function unwrapScalar(value: unknown): unknown {
  const { name = '', given = [] } = (value ?? {}) as Partial<Call>;
  const body = /^numpy\.(?:_?core)\.multiarray\.scalar$/.test(name) && readBytes(given[1]);
  if (!Buffer.isBuffer(body)) {
    return value;
  }
  const { texts, values } = decodeNumbers(body, readCode(given[0]), [1], false);
  return texts?.[0] ?? values[0];
}

/** The bytes of a pickled array with unsigned bytes; null for anything else. */
export function findBytes(value: unknown): Buffer | null {
  const { code = '', isColumnMajor, axes, body } = findArray(value) ?? {};
  const isRowMajor = isColumnMajor === false && axes === undefined;
  return code.endsWith('u1') && isRowMajor && Buffer.isBuffer(body) ? body : null;
}

/** Names of what a pickle has without names: of (images, labels), as deeplearning.net had MNIST. */
const ROLES = ['images', 'labels'];
const PARTS = ['train', 'valid', 'test'];

/**
 * @param name  The name of an array that is alone in the pickle.
 * @param lost  Gets the names of lists that are no arrays.
 * @throws ExpectedError  When the pickle is damaged, or has no arrays.
 */
export async function readPickledArrays(
  bytes: Buffer,
  name: string,
  lost: string[],
): Promise<NamedArray[]> {
  if (bytes.includes('joblib.numpy_pickle')) {
    throw new ExpectedError(
      'is a file of joblib: numpy.savez("set.npz", images=…, labels=…) saves what joblib.load gives',
    );
  }
  const found = await within(
    '',
    () => listArrays(readPickle(bytes), name, { lost, items: 0 }),
    (message) => `cannot be read: ${message}. Read it ${SAVE_IN_PYTHON}`,
  );
  if (found.length === 0) {
    throw new ExpectedError(`has no array of NumPy. Read it ${SAVE_IN_PYTHON}`);
  }
  return found;
}

interface Walk {
  readonly lost: string[];
  /** All items of the lists and dictionaries up to here. */
  items: number;
}

/** A pickle of some hundred bytes may hold lists in lists without an end. */
const MAX_ITEMS = 1_000_000;
/** Cells of rows together. */
const MAX_CELLS = 100_000_000;

/** @throws ExpectedError  For a DataFrame. */
function listArrays(value: unknown, name: string, walk: Walk): NamedArray[] {
  const array = toArray(value);
  if (array !== null) {
    return [{ name, array }];
  }
  walk.items += Array.isArray(value) ? value.length : value instanceof Map ? value.size : 1;
  if (walk.items > MAX_ITEMS) {
    throw new Error('it has too many lists in lists');
  }
  const { shape = [0], body } = findArray(value) ?? {};
  if (shape.length === 0 && Array.isArray(body)) {
    return listArrays(body[0], name, walk); // `numpy.save(file, {...})`
  }
  const { name: type = '', items } = (value ?? {}) as Partial<Call>;
  if (type.startsWith('pandas.')) {
    throw new ExpectedError(
      `has a DataFrame of Pandas: convert it with pandas.read_pickle(…).to_json("set.jsonl", orient="records", lines=True)`,
    );
  }
  if (items !== undefined) {
    return listArrays(items, name, walk);
  }
  if (value instanceof Map) {
    const prefix = PARTS.includes(name) ? `${name}_` : '';
    return [...value].flatMap(([key, one]) => {
      const own = `${prefix}${String(key)}`;
      const arrays = listArrays(one, own, walk);
      const isList = findArray(one) !== null || (Array.isArray(one) && one.length > ROLES.length);
      walk.lost.push(...(arrays.length === 0 && isList ? [own] : []));
      return arrays;
    });
  }
  if (!Array.isArray(value)) {
    return [];
  }
  const rows = value.length > 4 ? readRows(value) : null;
  const four = value.length === 4 ? value.map(toArray) : [];
  if (rows !== null) {
    return listArrays(rows, name, walk);
  }
  if (four.every((one) => one !== null) && four.length > 0) {
    return nameFour(four);
  }
  const isNested = value.every((one) => Array.isArray(one) || one instanceof Map);
  const names = isNested
    ? value.length === 2
      ? ['train', 'test']
      : PARTS
    : ROLES.map((role) => (PARTS.includes(name) ? `${name}_${role}` : role));
  return value.length > names.length
    ? []
    : value.flatMap((one, i) => listArrays(one, names[i] as string, walk));
}

/** Names X_train, y_train, X_test, y_test, or X_train, X_test, y_train, y_test. */
export function nameFour(four: readonly ArrayFile[]): NamedArray[] {
  const seen = { images: 0, labels: 0 };
  const sizes = four.map(({ shape }) => sizeOf(shape.slice(1)));
  return four.map((array, i) => {
    // One-hot labels have fewer numbers than pictures.
    const role = sizes[i] === Math.max(...sizes) ? 'images' : 'labels';
    return { name: `${seen[role]++ === 0 ? 'train' : 'test'}_${role}`, array };
  });
}

/** Turns rows, as [(image, label), …] and [{…}, …], into columns; null for anything else. */
function readRows(rows: readonly unknown[]): Map<string, unknown> | null {
  const [first] = rows;
  if (first instanceof Map) {
    const names = [...(first as Map<string, unknown>).keys()];
    return rows.length * names.length <= MAX_CELLS && rows.every((row) => row instanceof Map)
      ? new Map(names.map((name) => [name, rows.map((row: Map<string, unknown>) => row.get(name))]))
      : null;
  }
  const arePairs = rows.every(
    (row) => Array.isArray(row) && row.length === 2 && findArray(row[0]) !== null,
  );
  return arePairs
    ? new Map(ROLES.map((role, i) => [role, rows.map((row) => (row as unknown[])[i])]))
    : null;
}

/** The arrays of what was read: a pickle of a few bytes may name one object a million times. */
const decoded = new WeakMap<object, ArrayFile | null>();

/** An array of NumPy, or a list of labels or of pictures; null for anything else. */
function toArray(value: unknown): ArrayFile | null {
  if (typeof value !== 'object' || value === null) {
    return null;
  }
  const known = decoded.get(value);
  const array = known === undefined ? decode(value) : known;
  decoded.set(value, array);
  return array;
}

function decode(value: object): ArrayFile | null {
  const found = findArray(value);
  if (found === null) {
    return Array.isArray(value) && value.length > ROLES.length ? fromList(value) : null;
  }
  const { code, shape, body, isColumnMajor, axes } = found;
  return Buffer.isBuffer(body)
    ? turn(decodeNumbers(body, code, shape, isColumnMajor), axes)
    : shape.length === 1 && body.length > 0
      ? fromList(body)
      : null;
}

/** Brings an array's axes into their own order. */
function turn(array: ArrayFile, axes: readonly number[] | undefined): ArrayFile {
  if (axes === undefined) {
    return array;
  }
  const { shape, values } = array;
  // Row-major numbers are column-major ones of the axes in reverse.
  const places = axes.map((axis) => shape.length - 1 - axis);
  return {
    ...array,
    shape: axes.map((axis) => shape[axis] as number),
    values: fromColumnMajor(values, shape.toReversed(), places),
  };
}

function fromList(items: readonly unknown[]): ArrayFile | null {
  const known = new Map(items.map((item) => [item, item]));
  known.forEach((item) => known.set(item, readLabel(item)));
  const values = items.map((item) => known.get(item));
  if (values.every((value) => typeof value === 'number' || typeof value === 'boolean')) {
    return {
      format: 'pickled numbers',
      shape: [values.length],
      values: Float32Array.from(values, Number),
    };
  }
  // A missing label is an empty text.
  const texts = values.map((value) => value ?? '');
  if (texts.some((text) => text !== '') && texts.every((text) => typeof text !== 'object')) {
    return listAsTexts(texts.map(String), [texts.length], 'pickled texts');
  }
  const arrays = values.map((value) => (findArray(value) === null ? null : toArray(value)));
  return arrays.every((one) => one !== null) ? stackArrays(arrays) : null;
}

/** A label as a number or text, also one in a list; anything else as it is. */
function readLabel(item: unknown): unknown {
  const isShort = Array.isArray(item) && item.length <= CLASS_LIMITS.classes;
  const value = unwrapScalar(isShort ? unwrapLabel(item.map(unwrapScalar)) : item);
  return Buffer.isBuffer(value) ? String(value) : value;
}

/**
 * @returns  Arrays of one shape as one array, or null when the shapes differ.
 * @throws ExpectedError  When it would be too large.
 */
export function stackArrays(arrays: readonly ArrayFile[]): ArrayFile | null {
  const [first] = arrays;
  if (first === undefined || arrays.some(({ shape }) => shape.join() !== first.shape.join())) {
    return null;
  }
  const size = sizeOf(first.shape);
  const areBytes = arrays.every(({ values }) => values instanceof Uint8Array);
  const count = arrays.length * size;
  if (count * (areBytes ? 1 : 4) > MAX_ARRAY_BYTES) {
    throw new ExpectedError(
      `has arrays of ${count} numbers together: too many. Take a part of them`,
    );
  }
  const values = new (areBytes ? Uint8Array : Float32Array)(count);
  arrays.forEach((one, i) => values.set(one.values, i * size));
  return { format: first.format, shape: [arrays.length, ...first.shape], values };
}
