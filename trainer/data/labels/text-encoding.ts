/** Text of tables and lists: UTF-8, or in the encodings that Excel writes. */
import { isUtf8 } from 'node:buffer';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { readChunks, type TreeFile } from '../layouts/tree.ts';

/** Characters of a line: 128 x 128 RGB pixels with 80 digits each. */
export const MAX_LINE = 4 * 1024 * 1024;

/** Finds UTF-16 by its first bytes. */
function findUnicode(start: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  const [first, second] = start;
  const isLittle = first === 0xff && second === 0xfe;
  return isLittle ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
}

/** What may come before a table: Excel's line with the delimiter, and lines of empty cells. */
const BEFORE_TABLE = /^(?:sep=.|[\s,;|"]*)$/i;

export function isBeforeTable(line: string): boolean {
  return BEFORE_TABLE.test(line);
}

/** Windows ends lines by two characters, old programs of the Mac by the first of them. */
const LINE_END = /\r\n?|\n/g;

/**
 * Text that is not Unicode is taken for Windows-1252.
 * @returns  Lines that end with \n, without those that come before a table.
 */
export function decodeText(bytes: Uint8Array): string {
  const unicode = findUnicode(bytes);
  const encoding = unicode !== 'utf-8' || isUtf8(bytes) ? unicode : 'windows-1252';
  const text = new TextDecoder(encoding).decode(bytes).replace(LINE_END, '\n');
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
  for await (const bytes of readChunks(file)) {
    decoder ??= new TextDecoder(findUnicode(bytes), { fatal: true });
    let chunk: string;
    try {
      chunk = decoder.decode(bytes, { stream: true });
    } catch {
      decoder = new TextDecoder('windows-1252'); // Of Excel; a part of a letter cannot be before.
      chunk = decoder.decode(bytes, { stream: true });
    }
    const text = rest + chunk;
    // The last character may be the first of two that end a line.
    const lines = text.slice(0, -1).split(LINE_END);
    rest = (lines.pop() as string) + text.slice(-1);
    yield* lines;
    if (rest.length > MAX_LINE) {
      throw new ExpectedError(`has a line of more than ${MAX_LINE} characters: no table`);
    }
  }
  yield* rest.split(LINE_END);
}

/** @returns  Null for text that is no JSON, such as an empty last line. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
