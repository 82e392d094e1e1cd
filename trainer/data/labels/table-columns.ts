/** Finds out which columns of a CSV table have pixels, and which has the classes. */
import Papa from 'papaparse';
import { CLASS_LIMITS } from '../../../shared/model/classes.ts';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { findLabelColumns, findParts } from './label-column.ts';
import { LEAST_PIXELS, readList } from './number-lists.ts';
import { decodeTable, dropOpen, isBeforeTable, MAX_LINE, readLines } from './text-encoding.ts';
import { within } from '../layouts/source.ts';
import { readStart, type TreeFile } from '../layouts/tree.ts';

/** The first line of a table of 128 x 128 RGB pixels fits. */
const HEADER_BYTES = 1024 * 1024;
/** Lines by which columns of labels are found. */
const SAMPLED_LINES = 200;
const DELIMITERS = [';', ',', '\t', '|', ' '] as const;
/** "pixel0", "px_12", "1x1", "0_0" or "7": with its number. */
const IS_PIXEL =
  /^(?!(?:class|label|target|y|level|index)[-_ ]?\d)(?:[a-z]+[-_ ]?)?\d+(?:[x._]\d+)?$/i;

/** The places of a table's columns. */
interface Columns {
  /** The names; null when the first line has numbers already. */
  readonly header: readonly string[] | null;
  readonly width: number;
  /** Places: one of labels, none, or those of one-hot labels. */
  readonly labels: readonly number[];
  /** A place; -1 for none. */
  readonly split: number;
  /** The place of a cell that lists all pixels, or a place for each pixel. */
  readonly pixels: readonly number[];
  /** Numbers a picture; null when cells with lists tell. */
  readonly size: number | null;
}

export interface Table extends Columns {
  readonly delimiter: string;
  /** False if only the numbers and their order tell the columns' meaning. */
  readonly hasNames: boolean;
  /** Pandas took the first picture for a header. Its cells became "0", "0.1", "0.2". */
  readonly isMangled: boolean;
}

/** Reads the start of a table, in which its columns are found; no letter of UTF-8 is cut. */
export async function readHeader(file: TreeFile): Promise<Buffer> {
  const bytes = await readStart(file, HEADER_BYTES);
  return bytes.length < HEADER_BYTES ? bytes : dropOpen(bytes);
}

/** @returns  Null for a table without pixels. @throws ExpectedError  When some lack. */
export function readColumns(file: TreeFile): Promise<Table | null> {
  return within(`${file.path} `, () => findColumns(file));
}

async function findColumns(file: TreeFile): Promise<Table | null> {
  const start = decodeTable(await readHeader(file));
  const lines = start.split('\n', SAMPLED_LINES);
  // A blank beside another delimiter is not a delimiter.
  const line = (lines[0] ?? '').trim().replace(/(?<=[;,\t|]) | (?=[;,\t|])/g, '');
  const count = (delimiter: string): number => line.split(delimiter).length - 1;
  // Commas are decimal ones where semicolons are the delimiter.
  const delimiter = DELIMITERS.find((one, i) =>
    DELIMITERS.slice(i + 1).every((other) => count(one) >= count(other) * (i === 0 ? 0.5 : 1)),
  ) as string;
  const lists = findLists(start, delimiter);
  if (lists !== null) {
    return { ...lists, delimiter, hasNames: true, isMangled: false };
  }
  const [cells = [], ...rows] = nameRows(lines.map((one) => splitLine(one, delimiter)));
  // The last line may be cut.
  const whole = rows.filter((row) => row.length === cells.length);
  const first = readFirstLine(cells, whole);
  const columns = first.hasNames
    ? findNamed(cells, whole)
    : await findUnnamed(cells, file, { ...first, delimiter });
  return columns && { ...columns, ...first, delimiter };
}

/** Finds the column whose cells list all pixels of a picture: "0 255 12", "[[0, 255], [12, 0]]". */
function findLists(start: string, delimiter: string): Columns | null {
  const { data } = Papa.parse<string[]>(start, { delimiter, preview: SAMPLED_LINES });
  const [header = [], ...rows] = nameRows(data.map((row) => row.map((cell) => cell.trim())));
  const { length: width } = header;
  const place = rows[0]?.findIndex((cell) => readList(cell) !== null) ?? -1;
  if (place === -1 || header.some((cell) => readList(cell) !== null)) {
    return null;
  }
  const whole = rows.filter((row) => row.length === width);
  const columns = header.map((name, at) => ({
    name,
    cells: whole.map((row) => row[at] as string),
    place: at,
  }));
  const split = findParts(columns)?.place ?? -1;
  const others = columns.filter((column) => column.place !== place && column.place !== split);
  const labels = findLabelColumns(others).map((column) => column.place);
  return { header, width, labels, split, pixels: [place], size: null };
}

/** Splits a line, and takes quotes off. */
function splitLine(line: string, delimiter: string): string[] {
  return normaliseRow(splitCells(line, delimiter), delimiter).map(unquote);
}

/** Splits a line, many times as fast as a parser, unless a quoted cell holds delimiters. */
function splitCells(line: string, delimiter: string): string[] {
  const cells = line.split(delimiter);
  const isCut = (cell: string): boolean =>
    cell.startsWith('"') && (cell === '"' || !cell.endsWith('"'));
  return line.includes('"') && cells.some((cell) => isCut(cell.trim()))
    ? (Papa.parse<string[]>(line, { delimiter }).data[0] ?? cells)
    : cells;
}

/** Blanks may be several, and may end a line. */
function normaliseRow(cells: readonly string[], delimiter: string): readonly string[] {
  return delimiter === ' ' ? cells.filter((cell) => cell.trim() !== '') : cells;
}

export function unquote(cell: string): string {
  return cell
    .trim()
    .replace(/^"(.*)"$/, '$1')
    .trim();
}

/** Names the column of the rows' names, above which R's write.table leaves nothing. */
export function nameRows(table: string[][]): string[][] {
  const [first = [], second = [], ...rest] = table;
  const isLonger = ({ length }: readonly string[]): boolean => length === first.length + 1;
  // A single number counts the rows. Rows may be empty, and the last one may be cut.
  const isShort =
    (first.length > 1 || Number.isNaN(Number(first[0]))) &&
    isLonger(second) &&
    second.at(-1) !== '' &&
    rest.slice(0, -1).every((row) => row.length < 2 || isLonger(row));
  return isShort ? [['', ...first], second, ...rest] : table;
}

/** A header may count the columns, and name none. */
interface FirstLine extends Pick<Table, 'hasNames' | 'isMangled'> {
  readonly isHeader: boolean;
}

/** @param rows  Some that follow the first. */
function readFirstLine(cells: readonly string[], rows: readonly (readonly string[])[]): FirstLine {
  // Pandas writes the rows' numbers below an empty name.
  const own = cells[0] === '' ? cells.slice(1) : cells;
  const isNumber = (cell: string): boolean => Number.isFinite(parseDecimal(cell));
  const words = own.filter((cell) => !isNumber(cell));
  const numbers = own.filter(isNumber).map(parseDecimal);
  const isCounted =
    numbers.length >= LEAST_PIXELS &&
    numbers.every((number, i) => i === 0 || number === (numbers[i - 1] as number) + 1);
  const isMangled =
    words.length <= 1 &&
    new Set(own).size === own.length &&
    own.filter((cell) => cell.includes('.')).length > own.length / 2 &&
    rows.every((row) => row.every((cell) => !cell.includes('.')));
  // A single word beside numbers that do not count is a label.
  const isUnnamed = words.length === 0 || (words.length === 1 && numbers.length > 1 && !isCounted);
  return { hasNames: !isUnnamed, isHeader: !isUnnamed || isCounted, isMangled };
}

/** "0,5" is a number in tables that semicolons divide. */
export function parseDecimal(cell: string): number {
  return Number(cell.replace(',', '.'));
}

function findNamed(cells: readonly string[], rows: readonly (readonly string[])[]): Columns | null {
  const width = cells.length;
  const places = [...cells.keys()];
  const rest = places.filter((place) => !IS_PIXEL.test(cells[place] as string));
  const columns = rest.map((place) => ({
    name: cells[place] as string,
    cells: rows.map((row) => row[place] as string),
    place,
  }));
  const split = findParts(columns)?.place ?? -1;
  const others = columns.filter(({ place }) => place !== split);
  const labels = findLabelColumns(others).map(({ place }) => place);
  const pixels = orderPixels(
    cells,
    places.filter((place) => !labels.includes(place) && IS_PIXEL.test(cells[place] as string)),
  );
  if (pixels.length < LEAST_PIXELS) {
    return null;
  }
  if (measureSquare(pixels.length) === null) {
    throw new ExpectedError(
      `has ${pixels.length} columns of pixels (${cells[pixels[0] as number]} to ${cells[pixels.at(-1) as number]}), ` +
        `which is no square${describeGap(cells, pixels)}: expected 784 for 28 x 28, for instance`,
    );
  }
  return { header: cells, width, labels, split, pixels, size: pixels.length };
}

/** A column of words has the labels; otherwise the values of the first and last columns decide. */
async function findUnnamed(
  cells: readonly string[],
  file: TreeFile,
  first: FirstLine & { readonly delimiter: string },
): Promise<Columns | null> {
  const width = cells.length;
  let [from, to] = [cells[0] === '' ? 1 : 0, width];
  const word = cells.findIndex((cell) => !Number.isFinite(parseDecimal(cell)));
  let labels = word === -1 ? [] : [word];
  // The numbers of the rows come before a word.
  const hasIndexToo = word !== -1 && from === 0 && measureSquare(width - 1) === null;
  from += hasIndexToo && word > 0 && measureSquare(width - 2) !== null ? 1 : 0;
  /** Whether the remaining columns but `others` are the pixels of a picture. */
  const isPicture = (others: number): boolean =>
    to - from - others >= LEAST_PIXELS - 1 && measureSquare(to - from - others) !== null;
  if (labels.length === 0 && !isPicture(0)) {
    if (!isPicture(1) && !isPicture(2)) {
      return null;
    }
    const [start, second, last] = await countValues(file, first, [from, from + 1, to - 1]);
    const hasIndex = isPicture(1) ? start.isIndex : true;
    if (!isPicture(1) && !start.isIndex) {
      return null;
    }
    from += hasIndex ? 1 : 0;
    if (!isPicture(0)) {
      // Classes have fewer values than pixels, unless the pixels are nearly all of one value.
      const isLast = last.spread < (hasIndex ? second : start).spread;
      labels = [isLast ? to - 1 : from];
      [from, to] = isLast ? [from, to - 1] : [from + 1, to];
    }
  }
  const pixels = Array.from({ length: to - from }, (_, i) => from + i).filter(
    (place) => !labels.includes(place),
  );
  const header = first.isHeader ? cells : null;
  return width >= LEAST_PIXELS && measureSquare(pixels.length) !== null
    ? { header, width, labels, split: -1, pixels, size: pixels.length }
    : null;
}

/** A column has no classes if its most frequent value takes more than this part. */
const NEARLY_ALL = 0.98;
/** Below this number, each row may have a class of its own. */
const LEAST_ROWS = 10;

interface ColumnValues {
  /** Different values; infinite where nearly all are the same one. */
  readonly spread: number;
  /** Whether it numbers the rows. */
  readonly isIndex: boolean;
}

/** Reads three columns of a whole table: its first rows may be of one class. */
async function countValues(
  file: TreeFile,
  { isHeader, isMangled, delimiter }: FirstLine & { readonly delimiter: string },
  places: readonly [number, number, number],
) {
  const counts = places.map(() => new Map<string, number>());
  let rows = 0;
  await eachRow(file, delimiter, (cells, _line, isFirst) => {
    if (cells.length <= 1 || (isFirst && (isHeader || isMangled))) {
      return;
    }
    rows++;
    places.forEach((place, i) => {
      const cell = unquote(cells[place] ?? '');
      counts[i]?.set(cell, (counts[i]?.get(cell) ?? 0) + 1);
    });
  });
  return counts.map((values): ColumnValues => {
    const most = [...values.values()].reduce((a, b) => Math.max(a, b), 0);
    const numbers = [...values.keys()].map(Number);
    const [least, largest] = numbers.reduce(
      ([low, high], one) => [Math.min(low, one), Math.max(high, one)],
      [Infinity, -Infinity],
    );
    // All rows from 0 or 1, or some of a larger table.
    const areNumbers = rows >= LEAST_ROWS && numbers.every(Number.isInteger);
    const isWhole = largest - least === rows - 1 || largest >= CLASS_LIMITS.classes;
    return {
      spread: values.size > 1 && most <= rows * NEARLY_ALL ? values.size : Infinity,
      isIndex: areNumbers && values.size === rows && isWhole,
    };
  }) as [ColumnValues, ColumnValues, ColumnValues];
}

/** The columns that are named like pixels, in the order of a picture; none unless it is square. */
export function findPixelNames(names: readonly string[]): readonly string[] {
  const places = [...names.keys()].filter((place) => IS_PIXEL.test(names[place] as string));
  return measureSquare(places.length) === null
    ? []
    : orderPixels(names, places).map((place) => names[place] as string);
}

/** Orders columns that were sorted as texts: pixel0, pixel1, pixel10; or 0_0, 0_1, 0_10. */
function orderPixels(cells: readonly string[], pixels: readonly number[]): readonly number[] {
  const names = pixels.map((place) => cells[place]?.trim() ?? '');
  const numbers = names.map((name) => (name.match(/\d+/g) ?? []).map(Number));
  const areNumbered =
    new Set(names.map((name) => name.replace(/\d+/g, '#'))).size === 1 &&
    new Set(numbers.map(String)).size === numbers.length;
  // Either of two numbers may be the row, so an order that is not that of texts stays.
  const isOfTexts = names.every((name, i) => i === 0 || (names[i - 1] as string) < name);
  return areNumbered && (numbers[0]?.length === 1 || isOfTexts)
    ? [...pixels.keys()]
        .sort((a, b) => compareNumbers(numbers[a] as number[], numbers[b] as number[]))
        .map((i) => pixels[i] as number)
    : (interleave(cells, pixels) ?? pixels);
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  return a.map((one, i) => one - (b[i] as number)).find((difference) => difference !== 0) ?? 0;
}

/** Puts red, green and blue of a pixel side by side; null when the names name no colours. */
function interleave(cells: readonly string[], pixels: readonly number[]): number[] | null {
  const colours = ['r', 'g', 'b'].map((letter) =>
    pixels.filter((place) => cells[place]?.trim().toLowerCase().startsWith(letter)),
  );
  return colours.every(({ length }) => length === pixels.length / 3)
    ? pixels.map((_, i) => colours[i % 3]?.[Math.floor(i / 3)] as number)
    : null;
}

/** The sizes of a picture whose columns name the colours; else only how many numbers it has. */
export function shapePixels(names: readonly string[]): readonly number[] {
  const { side, channels } = measureSquare(names.length) ?? { side: 0, channels: 0 };
  const isColoured = interleave(names, [...names.keys()]) !== null;
  return isColoured ? [side, side, channels] : [names.length];
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

/** The side and the channels of a picture with `numbers` values; null when it is no square. */
export function measureSquare(numbers: number): { side: number; channels: number } | null {
  for (const channels of [1, 3]) {
    const side = Math.sqrt(numbers / channels);
    if (Number.isInteger(side) && side > 1) {
      return { side, channels };
    }
  }
  return null;
}

/**
 * Passes the rows of a table on, one after the other, as they are.
 * @param take      Gets a row, its line, from 1, and whether it is the first one. Its error
 *                  ends the reading.
 * @param isQuoted  Cells may hold delimiters and line breaks within quotes.
 * @throws ExpectedError  When a line is too long, or a quote does not end.
 */
export async function eachRow(
  file: TreeFile,
  delimiter: string,
  take: (cells: readonly string[], line: number, isFirst: boolean) => void,
  isQuoted = false,
): Promise<void> {
  let [line, top, first, open] = [0, 1, 0, ''];
  for await (const text of readLines(file)) {
    line++;
    if (line === top && isBeforeTable(text)) {
      top++;
      continue;
    }
    if (!isQuoted) {
      // An unclosed quote would collect the rest of the file.
      take(normaliseRow(splitCells(text, delimiter), delimiter), line, line === top);
      continue;
    }
    first ||= line;
    open += text;
    // An odd number of quotes leaves a cell open.
    if (open.split('"').length % 2 === 1) {
      take(
        Papa.parse<string[]>(open.trimEnd(), { delimiter }).data[0] ?? [''],
        first,
        first === top,
      );
      [first, open] = [0, ''];
    } else if (open.length > MAX_LINE) {
      throw new ExpectedError(`has a quote in line ${first} that does not end`);
    } else {
      open += '\n';
    }
  }
}
