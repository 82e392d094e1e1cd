/** Decodes file names of unknown encoding, which old programs write into archives. Pure. */
import { isUtf8 } from 'node:buffer';
import yauzl from 'yauzl';

/** Between letters of Latin script the bytes of other encodings are accents. */
const BESIDE_LATIN = /[A-Za-z][^\0-\x7f]|[^\0-\x7f][A-Za-z]/;
/**
 * Encodings, their usual names, the characters that names in them consist of, and patterns that
 * none of them has. In CP437 the letters of Windows-1252 are lines and Greek letters; its á is a
 * sharp s.
 */
const ENCODINGS = [
  [
    'shift_jis',
    'Shift-JIS',
    /^[\0-\x7f\u3000-\u303f\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}ー\uff01-\uff5e]*$/u,
    [BESIDE_LATIN, /[\uff61-\uff9f]/],
  ],
  ['gb18030', 'GBK', /^[\0-\x7f\u3000-\u303f\p{Script=Han}\uff01-\uff5e]*$/u, [BESIDE_LATIN]],
  [
    'windows-1252',
    'Windows-1252',
    /^[\0-\x7f\xc0-\xd6\xd8-\xf6\xf8-\xff]*$/,
    [/^[\0-\x7f]*á[\0-\x7fá]*$/],
  ],
] as const;

/** CP437, the first PC's encoding, is ZIP's default. Every byte is a character. */
export function decodeCp437(name: Buffer): string {
  return yauzl.getFileNameLowLevel(0, name, [], false);
}

/**
 * Decodes the names of an archive together, because they share one encoding. Different bytes get
 * different names.
 * @returns  A note when not all names are UTF-8.
 */
export function decodeNames(names: readonly Buffer[]): { decoded: string[]; notes: string[] } {
  const [example] = names.filter((name) => !isUtf8(name));
  if (example === undefined) {
    return { decoded: names.map(String), notes: [] };
  }
  const [encoding, known] = findEncoding(names) ?? [];
  const decode = (name: Buffer): string =>
    encoding !== undefined
      ? new TextDecoder(encoding).decode(name)
      : isUtf8(name)
        ? name.toString()
        : decodeCp437(name);
  const what = known ?? 'CP437, as old programs write them';
  const note = `Names in the archive are no UTF-8, and are read as ${what}: ${decode(example)}. If that is wrong, unpack it and rename them.`;
  return { decoded: names.map(decode), notes: [note] };
}

/** Finds the encoding of texts that are no UTF-8, with its usual name. */
export function findEncoding(names: readonly Buffer[]) {
  return ENCODINGS.find(([encoding, , usual, unusual]) => {
    // Chinese characters of daily use have two bytes from 0xa1.
    const isPaired = encoding !== 'gb18030' || names.every(hasPairs);
    try {
      const decoder = new TextDecoder(encoding, { fatal: true });
      const texts = names.map((name) => decoder.decode(name));
      return (
        isPaired &&
        texts.every((text) => usual.test(text) && !unusual.some((one) => one.test(text)))
      );
    } catch {
      return false;
    }
  });
}

function hasPairs(name: Buffer): boolean {
  return /^(?:[\0-\x7f]|[\xa1-\xf7][\xa1-\xfe])*$/.test(name.toString('latin1'));
}
