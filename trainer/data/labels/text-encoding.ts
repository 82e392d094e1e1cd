/** Text of tables and lists: Unicode, or in the encodings that Excel writes. */
import { isUtf8 } from 'node:buffer';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { findEncoding } from '../file-names.ts';
import { nameSome } from '../layouts/source.ts';
import { readChunks, type TreeFile } from '../layouts/tree.ts';

/** Characters of a line: 128 x 128 RGB pixels with 80 digits each. */
export const MAX_LINE = 4 * 1024 * 1024;

/** Finds UTF-16 by its first bytes. */
function findUnicode(start: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  const [first, second] = start;
  const isLittle = first === 0xff && second === 0xfe;
  return isLittle ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
}

/** Lines that may come before a table: Excel's line with the delimiter, and empty cells. */
const BEFORE_TABLE = /^(?:sep=.|[\s,;|"]*)$/i;

export function isBeforeTable(line: string): boolean {
  return BEFORE_TABLE.test(line);
}

/** Windows ends lines by two characters, old programs of the Mac by the first of them. */
const LINE_END = /\r\n?|\n/g;

/** Lines by which the encoding of a text is found. */
const SAMPLED_LINES = 1000;

/** Lines with other characters than those of ASCII. */
function listForeign(bytes: Buffer): Buffer[] {
  const lines = bytes
    .toString('latin1')
    .split('\n')
    .filter((line) => /[^\0-\x7f]/.test(line));
  return lines.slice(0, SAMPLED_LINES).map((line) => Buffer.from(line, 'latin1'));
}

/** Finds the encoding of text that is not Unicode; Windows-1252 where no other fits. */
function guessEncoding(bytes: Buffer): readonly [encoding: string, name: string] {
  const [encoding, name] = findEncoding(listForeign(bytes)) ?? [];
  return [encoding ?? 'windows-1252', name ?? 'Windows-1252'];
}

/** Says how text is read that is not Unicode; empty for Unicode. */
export function describeEncoding(path: string, bytes: Buffer): string[] {
  if (findUnicode(bytes) !== 'utf-8' || isUtf8(bytes)) {
    return [];
  }
  const [encoding, name] = guessEncoding(bytes);
  const [line = Buffer.alloc(0)] = listForeign(bytes);
  const example = new TextDecoder(encoding).decode(line).trim().slice(0, 60);
  return [
    `${path} is no UTF-8, and is read as ${name}: ${nameSome([example])}. If that is wrong, save it as UTF-8.`,
  ];
}

/**
 * Decodes UTF-8, UTF-16, or the encoding that old programs wrote.
 * @returns  Lines that end with \n.
 */
export function decodeText(bytes: Buffer): string {
  const unicode = findUnicode(bytes);
  const encoding = unicode !== 'utf-8' || isUtf8(bytes) ? unicode : guessEncoding(bytes)[0];
  return new TextDecoder(encoding).decode(bytes).replace(LINE_END, '\n');
}

/** Decodes a table, without the lines that come before it. */
export function decodeTable(bytes: Buffer): string {
  const text = decodeText(bytes);
  let start = 0;
  for (let end = text.indexOf('\n'); end >= 0 && isBeforeTable(text.slice(start, end));) {
    start = end + 1;
    end = text.indexOf('\n', start);
  }
  return text.slice(start);
}

/** Reads the lines of a file one by one. @throws ExpectedError  When a line is too long. */
export async function* readLines(file: TreeFile): AsyncGenerator<string> {
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  let rest = '';
  /** The beginning of a letter of UTF-8, or a letter of Windows-1252. */
  let open = Buffer.alloc(0);
  for await (const chunk of readChunks(file)) {
    decoder ??= new TextDecoder(findUnicode(chunk), { fatal: true });
    const bytes = Buffer.concat([open, chunk]);
    const end = bytes.length - (decoder.encoding === 'utf-8' ? countOpen(bytes) : 0);
    open = bytes.subarray(end);
    let decoded: string;
    try {
      decoded = decoder.decode(bytes.subarray(0, end), { stream: true });
    } catch {
      const whole = bytes.subarray(0, bytes.lastIndexOf('\n') + 1 || bytes.length);
      decoder = new TextDecoder(guessEncoding(whole)[0]);
      decoded = decoder.decode(bytes, { stream: true });
      open = Buffer.alloc(0);
    }
    const text = rest + decoded;
    // The last character may be the first of two that end a line.
    const lines = text.slice(0, -1).split(LINE_END);
    rest = (lines.pop() as string) + text.slice(-1);
    yield* lines;
    if (rest.length > MAX_LINE) {
      throw new ExpectedError(`has a line of more than ${MAX_LINE} characters: no table`);
    }
  }
  yield* (rest + new TextDecoder('windows-1252').decode(open)).split(LINE_END);
}

/** Takes a letter of UTF-8 away that was cut at the end. */
export function dropOpen(bytes: Buffer): Buffer {
  return bytes.subarray(0, bytes.length - countOpen(bytes));
}

/** Counts the last bytes that begin a letter of UTF-8 and do not end it. */
function countOpen(bytes: Uint8Array): number {
  const last = bytes.subarray(-3).toReversed();
  const place = last.findIndex((byte) => byte >= 0xc0);
  const start = last[place] ?? 0;
  return (start >= 0xf0 ? 4 : start >= 0xe0 ? 3 : 2) > place + 1 ? place + 1 : 0;
}

/**
 * Parses the text of a file, which may have an object in each line, as Pandas and `datasets` also
 * write files that are called .json.
 * @returns  A list of the lines' objects; null for text that is no JSON.
 */
export function parseJsonFile(text: string): unknown {
  const whole = parseJson(text);
  if (whole !== null || !text.trimStart().startsWith('{')) {
    return whole;
  }
  const rows = text.trim().split('\n').map(parseJson);
  return rows.includes(null) ? null : rows;
}

/** @returns  Null for text that is no JSON, such as an empty last line. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
