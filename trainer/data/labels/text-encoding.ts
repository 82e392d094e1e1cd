/** Encodings of tables and lists: UTF-8, and those that Excel writes. */
import { isUtf8 } from 'node:buffer';

/** Finds UTF-16 by its first bytes. */
export function findUnicode(start: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
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
