/**
 * Reads Python's pickles of data: dictionaries, lists, text, numbers, and arrays of NumPy. No
 * function of a pickle is ever called.
 * @see https://github.com/python/cpython/blob/main/Lib/pickle.py
 */

/** A function that the pickle would call, with what it would call it with. */
interface Call {
  readonly name: string;
  readonly given: readonly unknown[];
  /** What would be set afterwards. */
  state?: unknown;
}

const MARK = Symbol('mark');

/** @returns  The value; bytes and texts of Python 2 are a Buffer. @throws Error */
export function readPickle(bytes: Uint8Array): unknown {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
    const target = stack.at(-1) as Map<string, unknown>;
    for (let i = 0; i < items.length; i += 2) {
      target.set(String(items[i]), items[i + 1]);
    }
  };
  const tuple = (count: number): unknown => stack.push(stack.splice(stack.length - count));
  const call = (given: readonly unknown[], name: unknown): unknown =>
    stack.push({ name: (name as Call).name, given } satisfies Call);
  /** By the letter or number of pickletools.py. */
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

/** The bytes of a pickled array of NumPy with unsigned bytes; null for anything else. */
export function findBytes(value: unknown): Buffer | null {
  const { name = '', given = [], state } = (value ?? {}) as Partial<Call>;
  // Since protocol 5: (bytes, type, shape, order). Before: (version, shape, type, order, bytes).
  const isNew = /^numpy\.(?:_?core)\.numeric\._frombuffer$/.test(name);
  if (!isNew && !/^numpy\.(?:_?core)\.multiarray\._reconstruct$/.test(name)) {
    return null;
  }
  const parts = (isNew ? given : state) as unknown[];
  const [type, order, body] = (isNew ? [1, 3, 0] : [2, 3, 4]).map((place) => parts[place]);
  const isBytes = String((type as Call).given[0]) === 'u1' && (order === false || order === 'C');
  // Python 3 writes bytes in protocol 2 as text in which each letter is a byte.
  const { name: encode, given: text = [] } = (body ?? {}) as Partial<Call>;
  const bytes = encode === '_codecs.encode' ? Buffer.from(String(text[0]), 'latin1') : body;
  return isBytes && Buffer.isBuffer(bytes) ? bytes : null;
}
