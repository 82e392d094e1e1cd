/** Pictures as lists of numbers in a cell: of Python, of NumPy, or in text. Pure. */
import { sizeOf } from '../../../shared/model/generator.ts';

/** Fewer numbers are no picture. */
export const LEAST_PIXELS = 16;

/** Pictures are lists in at most three lists. */
const DEPTH = 8;

/** Numbers with the sizes of the lists that they are in. */
export interface NumberList {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** @returns  Null for anything but numbers in lists of one length each, or in a text of such. */
export function readList(cell: unknown): NumberList | null {
  if (typeof cell === 'string') {
    const list = parseText(cell);
    return list === null ? null : readList(list);
  }
  const shape: number[] = [];
  let first = cell;
  while (isList(first) && shape.length < DEPTH) {
    shape.push(first.length);
    [first] = Array.from(first);
  }
  const values = flatten(cell, shape.length);
  const isEven = values.length === sizeOf(shape) && values.every((value) => !Number.isNaN(value));
  return shape.length > 0 && isEven && values.length >= LEAST_PIXELS ? { shape, values } : null;
}

function isList(cell: unknown): cell is ArrayLike<unknown> {
  return Array.isArray(cell) || (ArrayBuffer.isView(cell) && !(cell instanceof DataView));
}

function flatten(cell: unknown, depth: number): number[] {
  return isList(cell) && depth > 0
    ? Array.from(cell).flatMap((inner) => flatten(inner, depth - 1))
    : [typeof cell === 'number' || typeof cell === 'bigint' ? Number(cell) : NaN];
}

/** Python's and NumPy's forms of lists: "[[0, 0.5], [1, 0]]", "array([0. 1.])", "0 12 255". */
function parseText(text: string): unknown {
  const [, inner = text] = /^\s*array\((.*?)(?:,\s*dtype=\w+)?\)\s*$/s.exec(text) ?? [];
  if (!/^[-+.,;\s\d()[\]e]+$/i.test(inner)) {
    return null;
  }
  const json = inner
    .trim()
    .replace(/[()]/g, (bracket) => (bracket === '(' ? '[' : ']'))
    .replace(/[^\s,;[\]]+/g, (number) => String(Number(number)))
    .replace(/(?<=[\d\]])[\s,;]+(?=[-\d[])/g, ',');
  try {
    return JSON.parse(json.startsWith('[') ? json : `[${json}]`) as unknown;
  } catch {
    return null;
  }
}
