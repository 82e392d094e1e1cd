/** Pictures as rows of a CSV table: a label and a number for each pixel, as Kaggle has MNIST. */
import { Readable } from 'node:stream';
import Papa from 'papaparse';
import { ExpectedError } from '../../../shared/expected-error.ts';
import type { PixelRange } from '../../../shared/picture/pixels.ts';
import type { ArrayFile } from '../array-file.ts';
import { findLabelColumn } from '../labels/label-column.ts';
import { findRowsOf, type LabelRows } from '../labels/label-rows.ts';
import { chooseRange, MAX_ARRAY_BYTES, toLabels, toPictures } from './arrays.ts';
import {
  findSplit,
  UnusablePicture,
  type Problem,
  type RawPicture,
  type Sample,
  type Source,
  type Split,
} from './source.ts';
import { readChunks, readStart, type TreeFile } from './tree.ts';

/** The first line of a table of 128 x 128 RGB pixels fits. */
const HEADER_BYTES = 1024 * 1024;
/** Of a line: 128 x 128 RGB pixels with 80 digits each. */
const MAX_LINE = 4 * 1024 * 1024;
const MAX_BAD_ROWS = 1_000_000;

const IS_PIXELS = /^pixels?$/i;
const IS_SPLIT = /^(?:usage|split)$/i;
/** "pixel0", "px_12", "1x1", "0_0" or "7": with its number. */
const IS_PIXEL = /^(?:[a-z]+[-_ ]?)?\d+(?:[x._]\d+)?$/i;

/** Where a table's columns have what. */
interface Columns {
  /** Null when the first line has numbers already. */
  readonly header: readonly string[] | null;
  readonly width: number;
  /** Places; -1 for none. */
  readonly label: number;
  readonly split: number;
  /** One place, whose cell lists all pixels, or one for each pixel. */
  readonly pixels: readonly number[];
  /** Numbers a picture; null when cells with lists tell. */
  readonly size: number | null;
}

type Table = Columns & { readonly delimiter: string };

/** Tells whether a CSV file has pixels in its columns. @throws ExpectedError  When some lack. */
export async function isPixelTable(file: TreeFile, what: string): Promise<boolean> {
  return (await readColumns(file, what)) !== null;
}

/** Lines by which columns of labels are found. */
const SAMPLED_LINES = 200;
const DELIMITERS = [',', ';', '\t'];

async function readColumns(file: TreeFile, what: string): Promise<Table | null> {
  const start = Buffer.from(await readStart(file, HEADER_BYTES)).toString('utf8');
  const lines = start.replace(/^\ufeff/, '').split(/\r?\n/, SAMPLED_LINES);
  const [line = ''] = lines;
  // The delimiter that the line has most of.
  const [delimiter] = DELIMITERS.toSorted((a, b) => line.split(b).length - line.split(a).length);
  const [cells = [], ...rows] = lines.map((one) => one.split(delimiter as string).map(unquote));
  // The last line may be cut.
  const whole = rows.filter((row) => row.length === cells.length);
  const columns = findColumns(cells, whole, `${what}: ${file.path}`);
  return columns && { ...columns, delimiter: delimiter as string };
}

/** Quotes around a cell. Cells with delimiters within quotes do not occur in tables of pixels. */
function unquote(cell: string): string {
  return cell
    .trim()
    .replace(/^"(.*)"$/, '$1')
    .trim();
}

/** @returns  Null for a table without pixels. @param rows  Some that follow the first. */
function findColumns(
  cells: readonly string[],
  rows: readonly (readonly string[])[],
  named: string,
): Columns | null {
  const width = cells.length;
  const places = [...cells.keys()];
  const words = places.filter((place) => !Number.isFinite(Number(cells[place])));
  const numbers = cells.filter((_, place) => !words.includes(place)).map(Number);
  // A single word beside pixels is a label, unless the numbers count columns.
  const areCounted = numbers.every((number, i) => i === 0 || number === (numbers[i - 1] ?? 0) + 1);
  // Pandas writes the rows' numbers below an empty name.
  const hasIndex = cells[0] === '';
  const isOneWord = words.length === 1 && numbers.length > 1 && !areCounted;
  if (!hasIndex && (words.length === 0 || isOneWord)) {
    // Without names, a label of digits comes first or last: where fewer values repeat more often.
    const isLabelled = measureSquare(width) === null && measureSquare(width - 1) !== null;
    const count = (place: number): number => {
      const values = new Set([cells, ...rows].map((row) => row[place]));
      return values.size > 1 ? values.size : Infinity;
    };
    const isLast = count(width - 1) < count(0);
    const label = words[0] ?? (isLabelled ? (isLast ? width - 1 : 0) : -1);
    const pixels = places.filter((place) => place !== label);
    const isTable = width >= 16 && measureSquare(pixels.length) !== null;
    return isTable ? { header: null, width, label, split: -1, pixels, size: pixels.length } : null;
  }
  const find = (pattern: RegExp): number => cells.findIndex((cell) => pattern.test(cell));
  const [split, lists] = [find(IS_SPLIT), find(IS_PIXELS)];
  const rest = places.filter((place) => {
    const isPixel = IS_PIXEL.test(cells[place] as string) || place === lists;
    return !isPixel && place !== split;
  });
  const columns = rest.map((place) => ({
    name: cells[place] as string,
    cells: rows.map((row) => row[place] as string),
    place,
  }));
  const label = findLabelColumn(columns)?.place ?? -1;
  if (lists !== -1) {
    return { header: cells, width, label, split, pixels: [lists], size: null };
  }
  const pixels = interleave(
    cells,
    places.filter((place) => place !== label && IS_PIXEL.test(cells[place] as string)),
  );
  if (pixels.length < 16) {
    return null;
  }
  if (measureSquare(pixels.length) === null) {
    throw new ExpectedError(
      `${named}: has ${pixels.length} columns of pixels (${cells[pixels[0] as number]} to ${cells[pixels.at(-1) as number]}), ` +
        `which is no square${describeGap(cells, pixels)}: expected 784 for 28 x 28, for instance`,
    );
  }
  return { header: cells, width, label, split, pixels, size: pixels.length };
}

/** Puts the columns of a pixel side by side when a table has all red ones first: r0, r1, … g0. */
function interleave(cells: readonly string[], pixels: readonly number[]): readonly number[] {
  const size = pixels.length / 3;
  const startsWith = (first: number, letter: string): boolean =>
    [first, first + size - 1].every((i) => cells[pixels[i] ?? 0]?.toLowerCase().startsWith(letter));
  return startsWith(0, 'r') && startsWith(size, 'g') && startsWith(2 * size, 'b')
    ? pixels.map((_, i) => pixels[Math.floor(i / 3) + (i % 3) * size] as number)
    : pixels;
}

/** Names the first number that is left out: "; pixel17 is missing". */
function describeGap(cells: readonly string[], pixels: readonly number[]): string {
  const names = pixels.map((place) => cells[place] as string);
  const numbers = names.map((name) => Number(/(?<!\d)\d+$/.exec(name)?.[0]));
  const gap = numbers.findIndex((number, i) => i > 0 && number !== (numbers[i - 1] as number) + 1);
  return gap > 0 && !names.some((name) => /\d[x.]\d/.test(name))
    ? `; after ${names[gap - 1]} comes ${names[gap]}`
    : '';
}

/** The side and the channels of a picture with so many numbers; null when it is no square. */
function measureSquare(numbers: number): { side: number; channels: number } | null {
  for (const channels of [1, 3]) {
    const side = Math.sqrt(numbers / channels);
    if (Number.isInteger(side) && side > 1) {
      return { side, channels };
    }
  }
  return null;
}

/** Reads tables whole. @throws ExpectedError  When they are too large, or of several sizes. */
export async function readTables(
  files: readonly TreeFile[],
  what: string,
  labelRows: readonly LabelRows[],
  givenRange: PixelRange | undefined,
): Promise<Source> {
  const [notes, used]: [string[], string[]] = [[], []];
  const tables: { name: string; array: ArrayFile; rows: readonly Row[]; fileSplit: Split }[] = [];
  const samples: Sample[] = [];
  const problems: Problem[] = [];
  let shape: Source['shape'];
  for (const file of files) {
    const named = `${what}: ${file.path}`;
    const columns = await readColumns(file, what);
    if (columns === null) {
      continue;
    }
    const fileSplit = findSplit(file.path.split('/').at(-1) as string) ?? 'train';
    const rows = await readRows(file, columns, named, problems);
    if (rows.kept.length === 0) {
      continue;
    }
    const { side, channels } = measureSquare(rows.size) as { side: number; channels: number };
    const array = {
      format: 'CSV',
      shape: [rows.kept.length, side, side, channels],
      values: rows.values.subarray(0, rows.kept.length * rows.size),
    };
    if (shape !== undefined && (shape.width !== side || shape.channels !== channels)) {
      throw new ExpectedError(
        `${named}: holds pictures of ${side} x ${side}, another table of ${shape.width} x ${shape.height}: expected one size`,
      );
    }
    shape ??= { width: side, height: side, channels };
    const beside = columns.label === -1 ? findRowsOf(labelRows, fileSplit) : undefined;
    tables.push({
      name: file.path,
      array,
      rows: beside === undefined ? rows.kept : joinLabels(rows, beside, what),
      fileSplit,
    });
    if (beside !== undefined) {
      used.push(beside.path);
      notes.push(`The classes of ${file.path} are those of ${beside.path}, row by row.`);
    }
  }
  const { range, note } = chooseRange(tables, what, givenRange);
  for (const { name, array, rows, fileSplit } of tables) {
    const pictures = toPictures(array, `${what}: ${name}`, range);
    for (const [i, { line, label, usage }] of rows.entries()) {
      const split = usage === '' ? fileSplit : (findSplit(usage) ?? 'train');
      const read = (): Promise<RawPicture> => Promise.resolve(pictures.pick(i));
      samples.push({ name: `${name}, line ${line}`, split, label, read });
    }
  }
  return {
    kind: 'CSV table',
    samples,
    problems,
    notes: [...notes, ...note],
    used,
    ...(shape && { shape }),
  };
}

/** Gives the rows of a table the labels of another. @throws ExpectedError  When they are fewer. */
function joinLabels(
  { kept, count }: Awaited<ReturnType<typeof readRows>>,
  { name, array }: LabelRows,
  what: string,
): Row[] {
  const labels = toLabels({ name, array }, count, what);
  return kept.map((row) => ({ ...row, label: String(labels[row.index]) }));
}

function unquoteIfNeeded(cell: string): string {
  return cell.startsWith('"') ? unquote(cell) : cell;
}

/** Passes text on whose lines are not too long. @throws ExpectedError */
async function* boundLines(file: TreeFile, named: string): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let length = 0;
  for await (const bytes of readChunks(file)) {
    const chunk = decoder.decode(bytes, { stream: true });
    const end = chunk.lastIndexOf('\n');
    length = end === -1 ? length + chunk.length : chunk.length - end;
    if (length > MAX_LINE) {
      throw new ExpectedError(`${named}: has a line of more than ${MAX_LINE} characters: no table`);
    }
    yield chunk;
  }
}

interface Row {
  /** From 1, counting the header. */
  readonly line: number;
  /** From 0, among all rows with content. */
  readonly index: number;
  readonly label: string | null;
  readonly usage: string;
}

/** Reads a table as numbers, row after row. Rows that do not fit become problems. */
async function readRows(
  file: TreeFile,
  { header, width, label, split, pixels, size: given, delimiter }: Table,
  named: string,
  problems: Problem[],
) {
  const kept: Row[] = [];
  let size = given ?? 0;
  let values = new Float32Array(0);
  let [line, count] = [0, 0];
  let fault: ExpectedError | undefined;
  const name = (place: number): string => header?.[place] ?? `column ${place + 1}`;
  /** @returns  Why the row cannot be used. */
  const take = (cells: readonly string[]): string | undefined => {
    if (cells.length !== width) {
      return `has ${cells.length} columns, expected ${width}`;
    }
    const isList = given === null;
    const list = isList ? unquote(cells[pixels[0] as number] as string).split(/\s+/) : cells;
    if (isList && size === 0) {
      size = measureSquare(list.length) === null ? 0 : list.length;
    }
    if (isList && (list.length !== size || size === 0)) {
      return `has ${list.length} pixels, expected ${size === 0 ? 'a square' : size}`;
    }
    const text = label === -1 ? null : unquote(cells[label] as string);
    if (text === '') {
      return `has no ${name(label)}`;
    }
    const first = kept.length * size;
    if (first + size > values.length) {
      if ((first + size) * 4 > MAX_ARRAY_BYTES) {
        throw new ExpectedError(
          `${named}: holds more than ${MAX_ARRAY_BYTES / 4} numbers: too many`,
        );
      }
      const longer = new Float32Array(
        Math.max(first + size, Math.min(values.length * 2, MAX_ARRAY_BYTES / 4)),
      );
      longer.set(values);
      values = longer;
    }
    for (let i = 0; i < size; i++) {
      const place = isList ? i : (pixels[i] as number);
      const cell = unquoteIfNeeded(list[place] as string);
      const value = Number(cell);
      if (!Number.isFinite(value) || cell.trim() === '') {
        const where = isList ? `pixel ${i}` : name(place);
        return `holds ${JSON.stringify(cell.slice(0, 20))} as ${where}, expected a number`;
      }
      values[first + i] = value;
    }
    const isNumber = text !== null && /^\d+(?:\.0+)?$/.test(text);
    const usage = split === -1 ? '' : unquote(cells[split] as string);
    kept.push({ line, index: count - 1, label: isNumber ? String(Number(text)) : text, usage });
    return undefined;
  };
  const stream = Readable.from(boundLines(file, named));
  await new Promise<void>((resolve, reject) => {
    Papa.parse<string[]>(stream, {
      delimiter,
      fastMode: true, // An unclosed quote would collect the rest of the file.
      step: ({ data }, parser) => {
        line++;
        const isEmpty = data.length === 1 && (data[0] as string).trim() === '';
        if (isEmpty || (line === 1 && header !== null)) {
          return;
        }
        count++;
        try {
          const reason = take(data);
          if (reason !== undefined) {
            problems.push({ name: `${file.path}, line ${line}`, reason });
          }
          if (problems.length > MAX_BAD_ROWS) {
            throw new ExpectedError(`${named}: has too many bad rows`);
          }
        } catch (error) {
          fault = error as ExpectedError;
          parser.abort();
        }
      },
      complete: () => (fault === undefined ? resolve() : reject(fault)),
      error: reject,
    });
  }).catch((cause: Error) => {
    throw cause instanceof UnusablePicture
      ? new ExpectedError(`${named} ${cause.message}`, { cause })
      : cause;
  });
  stream.destroy();
  return { kept, values, size, count };
}
