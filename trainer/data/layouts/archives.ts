/** Archives within a folder or an archive, tar files, and packed files. */
import { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { decodeNames } from '../file-names.ts';
import { MAX_ARRAY_BYTES } from './arrays.ts';
import { within } from './source.ts';
import { isJunk, MAX_FILES, readFile, readStart, type Tree, type TreeFile } from './tree.ts';
import { listZip } from './zip.ts';

const ENDING = /\.(?:zip|tar(?:\.gz|\.zst)?|tgz|tzst)$/i;
/** Tells by the content, or by the name of a damaged file. */
export async function isZipFile(file: TreeFile): Promise<boolean> {
  const start = Buffer.from(await readStart(file, 2)).toString('latin1');
  return start === 'PK'
    ? !/\.(?:np[yz]|pth?|docx|xlsx|pptx)$/i.test(file.path)
    : /\.zip$/i.test(file.path);
}

/** A file packed by gzip or Zstandard becomes the file that it holds. */
export function openPacked(file: TreeFile): TreeFile {
  const [, path, packing = ''] = /^(.*(?<!\.tar))\.(gz|zst)$/i.exec(file.path) ?? [];
  if (path === undefined) {
    return file;
  }
  const open = async (): Promise<Readable> => {
    const packed = await file.open();
    const unpacked = /gz/i.test(packing) ? createGunzip() : createZstdDecompress();
    packed.on('error', (error) => unpacked.destroy(error)); // A pipe does not forward errors.
    return packed.pipe(unpacked);
  };
  return { path, size: file.size, open };
}

/** Bytes of a header in a tar file. Files are padded to a multiple of it. */
const BLOCK = 512;

export function isArchive({ path }: TreeFile): boolean {
  return ENDING.test(path);
}

/**
 * Puts the files of archives where the archives are: cats.zip and dogs.zip become cats/ and dogs/.
 * @throws ExpectedError  When an archive is damaged, or holds too much for memory.
 */
export async function unpackArchives(tree: Tree): Promise<Tree> {
  const archives = tree.files.filter(isArchive);
  const all = archives.reduce((sum, { size }) => sum + size, 0);
  if (archives.some(({ diskPath }) => diskPath === undefined) && all > MAX_ARRAY_BYTES) {
    throw new ExpectedError(
      `has archives of ${all} bytes, at most ${MAX_ARRAY_BYTES} allowed: unpack them`,
    );
  }
  const inner: Tree[] = [];
  for (const file of archives) {
    const folder = archives.length === 1 ? '' : `${file.path.replace(ENDING, '')}/`;
    const { files, problems, notes = [] } = await listArchive(file);
    // cats.zip often holds a folder cats.
    const own = folder.split('/').at(-2);
    const names = [...files.map(({ path }) => path), ...problems.map(({ name }) => name)];
    const isWrapped = own !== undefined && names.every((name) => name.startsWith(`${own}/`));
    const place = (path: string): string =>
      `${folder}${isWrapped ? path.slice(own.length + 1) : path}`;
    inner.push({
      ...tree,
      files: files.map((one) => ({ ...one, path: place(one.path) })),
      problems: problems.map((one) => ({ ...one, name: place(one.name) })),
      notes,
    });
  }
  const files = inner.flatMap((one) => one.files);
  if (files.length > MAX_FILES) {
    throw new ExpectedError(`holds more than ${MAX_FILES} files: take a part of them`);
  }
  const rest = tree.files.filter((file) => !archives.includes(file));
  return {
    ...tree,
    files: [...rest, ...files].sort((a, b) => (a.path < b.path ? -1 : 1)),
    problems: [...tree.problems, ...inner.flatMap(({ problems }) => problems)],
    notes: [tree, ...inner].flatMap(({ notes = [] }) => notes),
  };
}

async function listArchive(file: TreeFile): Promise<Pick<Tree, 'files' | 'problems' | 'notes'>> {
  const list = async () => {
    const isZip = await isZipFile(file);
    if (isZip && file.diskPath !== undefined) {
      return await listZip(file.diskPath);
    }
    const content = await readFile(file, MAX_ARRAY_BYTES);
    return isZip ? await listZip(content) : { ...listTar(content), problems: [] };
  };
  return await within(`${file.path} `, list, (message) => `is no whole archive (${message})`);
}

/**
 * Lists the files of a tar file, plain or packed by gzip or Zstandard.
 * @see https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
 * @throws Error  When it is damaged.
 */
export function listTar(packed: Uint8Array): Pick<Tree, 'files' | 'notes'> {
  const magic = Buffer.from(packed.subarray(0, 4)).toString('hex');
  const unpack = magic.startsWith('1f8b')
    ? gunzipSync
    : magic === '28b52ffd'
      ? zstdDecompressSync
      : null;
  const bytes =
    unpack?.(packed, { maxOutputLength: MAX_ARRAY_BYTES }) ??
    Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  const files: TreeFile[] = [];
  if (bytes.length < BLOCK) {
    throw new Error('it is truncated');
  }
  // Paths are bytes as Latin-1, until all of them are known.
  let longPath: string | undefined;
  for (let at = 0; at + BLOCK <= bytes.length && bytes[at] !== 0;) {
    const text = (from: number, length: number): string =>
      (bytes.toString('latin1', at + from, at + from + length).split('\0')[0] as string).trim();
    if (!text(257, 6).startsWith('ustar')) {
      throw new Error(`no header of tar at byte ${at}`);
    }
    const size = Number.parseInt(text(124, 12), 8);
    const [start, end] = [at + BLOCK, at + BLOCK + size];
    if (!(end <= bytes.length)) {
      throw new Error('it is truncated');
    }
    const kind = text(156, 1);
    const content = bytes.subarray(start, end);
    // Long names, in the GNU format and in the newer POSIX format, "27 path=...".
    if (kind === 'L' || kind === 'x') {
      const attribute = kind === 'L' ? /^[^\0]*/ : /(?<=^\d+ path=).*/m;
      longPath = attribute.exec(content.toString('latin1'))?.[0] ?? longPath;
    } else {
      // GNU has other fields in the place of POSIX's prefix, and ends its mark with blanks.
      const prefix = bytes[at + 262] === 0 ? text(345, 155) : '';
      const listed = longPath ?? (prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`);
      const path = listed.replace(/^(?:\.?\/)+/, '');
      longPath = undefined;
      if ((kind === '0' || kind === '') && !path.endsWith('/') && !isJunk(path)) {
        files.push({ path, size, open: () => Promise.resolve(Readable.from([content])) });
      }
    }
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  const { decoded, notes } = decodeNames(files.map(({ path }) => Buffer.from(path, 'latin1')));
  return { files: files.map((file, i) => ({ ...file, path: decoded[i] as string })), notes };
}
