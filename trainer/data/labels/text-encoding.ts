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

/** What is no Unicode is in Windows's own encoding. */
export function decodeText(bytes: Uint8Array): string {
  const unicode = findUnicode(bytes);
  const encoding = unicode !== 'utf-8' || isUtf8(bytes) ? unicode : 'windows-1252';
  return new TextDecoder(encoding).decode(bytes);
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
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() as string;
    yield* lines;
    if (rest.length > MAX_LINE) {
      throw new ExpectedError(`has a line of more than ${MAX_LINE} characters: no table`);
    }
  }
  yield rest;
}

/** @returns  Null for text that is no JSON, such as an empty last line. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
