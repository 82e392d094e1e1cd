/** Finds out the format of a picture file from its first bytes, whatever its name says. Pure. */

/** Bytes that `identifyPicture` needs, for SVG with a comment before its element. */
export const SNIFFED_BYTES = 1024;

/** Formats that are read. */
export const READ_FORMATS = [
  'PNG',
  'JPEG',
  'WebP',
  'GIF',
  'TIFF',
  'AVIF',
  'SVG',
  'BMP',
  'PGM or PPM',
] as const;
export type ReadFormat = (typeof READ_FORMATS)[number];
/** The others are only recognised, to name them. */
type PictureFormat =
  | ReadFormat
  | 'HEIC'
  | 'JPEG XL'
  | 'JPEG 2000'
  | 'icon'
  | 'Photoshop'
  | 'PBM, or PGM or PPM in text';

/** Texts at places, as Latin-1. All of a line must be there; the first line that fits decides. */
const SIGNATURES: readonly (readonly [
  PictureFormat,
  ...(readonly [at: number, text: string])[],
])[] = [
  ['PNG', [0, '\x89PNG\r\n\x1a\n']],
  ['JPEG', [0, '\xff\xd8\xff']],
  ['GIF', [0, 'GIF8']],
  ['WebP', [0, 'RIFF'], [8, 'WEBP']],
  ['TIFF', [0, 'II*\0']],
  ['TIFF', [0, 'II+\0']],
  ['TIFF', [0, 'MM\0*']],
  ['TIFF', [0, 'MM\0+']],
  ['AVIF', [4, 'ftypavi']],
  ['AVIF', [4, 'ftypmif1'], [16, 'avif']],
  ['AVIF', [4, 'ftypmif1'], [20, 'avif']],
  ['HEIC', [4, 'ftyphei']],
  ['HEIC', [4, 'ftyphev']],
  ['HEIC', [4, 'ftypmif1']],
  ['JPEG XL', [0, '\xff\x0a']],
  ['JPEG XL', [4, 'JXL ']],
  ['JPEG 2000', [4, 'jP  ']],
  ['BMP', [0, 'BM'], [6, '\0\0\0\0'], [15, '\0\0\0']],
  ['PGM or PPM', [0, 'P5\n']],
  ['PGM or PPM', [0, 'P5 ']],
  ['PGM or PPM', [0, 'P6\n']],
  ['PGM or PPM', [0, 'P6 ']],
  ...['P1', 'P2', 'P3', 'P4'].flatMap((kind) =>
    ['\n', ' ', '\r'].map((end) => ['PBM, or PGM or PPM in text', [0, `${kind}${end}`]] as const),
  ),
  ['icon', [0, '\0\0\x01\0']],
  ['Photoshop', [0, '8BPS']],
];

/** Null when the bytes begin no picture. */
export function identifyPicture(start: Uint8Array): PictureFormat | null {
  const text = Buffer.from(start.subarray(0, SNIFFED_BYTES)).toString('latin1');
  const found = SIGNATURES.find(([, ...parts]) =>
    parts.every(([at, part]) => text.startsWith(part, at)),
  );
  if (found !== undefined) {
    return found[0];
  }
  // A byte-order mark, a declaration, comments and a document type may come first.
  const isXml = /^(?:\xef\xbb\xbf)?\s*<[?!s]/.test(text);
  return isXml && /<(?:[a-z]+:)?svg[\s>]/i.test(text) ? 'SVG' : null;
}

/** Recognises common content instead of a picture. @returns  As in "is a web page"; or null. */
export function identifyStranger(start: Uint8Array): string | null {
  const text = Buffer.from(start.subarray(0, SNIFFED_BYTES)).toString('latin1').trimStart();
  return text.startsWith('version https://git-lfs.github.com/')
    ? 'is only a pointer of Git LFS: fetch the file with git lfs pull'
    : /^(?:<!--(?:(?!-->).)*-->\s*)*<(?:!doctype html|html|head|body)/is.test(text)
      ? 'is a web page: its download failed'
      : null;
}

/** Endings of files that are meant as pictures, even when their content is none. */
const ENDING =
  /\.(?:png|apng|jpe?g|jpe|jfif|webp|gif|tiff?|avif|heic|heif|svgz?|bmp|dib|p[bgp]m|jxl|jp2|ico|psd)$/i;

export function hasPictureEnding(path: string): boolean {
  return ENDING.test(path);
}
