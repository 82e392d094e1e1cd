/**
 * Archives within a folder or an archive, and packed files. ZIP is read with yauzl: sizes are
 * checked, nothing is unpacked to disk.
 */
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { createGunzip, gunzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { ExpectedError } from '../../../shared/expected-error.ts';
import yauzl, { type Entry } from 'yauzl';
import { decodeCp437, decodeNames } from '../file-names.ts';
import { MAX_ARRAY_BYTES } from '../array-file.ts';
import {
  areShards,
  findSplit,
  nameSome,
  within,
  type FolderMeaning,
  type Problem,
} from './source.ts';
import {
  folderOf,
  isJunk,
  MAX_FILES,
  readFile,
  readStart,
  streamBytes,
  type Tree,
  type TreeFile,
} from './tree.ts';

const ENDING = /\.(?:zip|tar(?:\.gz|\.zst)?|tgz|tzst)$/i;
/** Tells by the content, or by the name of a damaged file. */
export async function isZipFile(file: TreeFile): Promise<boolean> {
  const start = await readStart(file, 2);
  return start.toString('latin1') === 'PK'
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
    if (/zst/i.test(packing)) {
      const packed = await readFile(file, MAX_ARRAY_BYTES);
      return streamBytes(unpackWhole(() => unpackZstandard(packed)));
    }
    const packed = await file.open();
    const unpacked = createGunzip();
    // A pipe forwards neither errors nor an early end.
    packed.on('error', (error) => unpacked.destroy(error));
    unpacked.on('close', () => packed.destroy());
    return packed.pipe(unpacked);
  };
  return { path, size: file.size, open };
}

/** Honest archives do not unpack to more times their size, unless that is little. */
const HONEST = 200;
/** Bytes of a header in a tar file. Files are padded to a multiple of it. */
const BLOCK = 512;

export function isArchive({ path }: TreeFile): boolean {
  return ENDING.test(path);
}

/**
 * Puts the files of archives where the archives are: cats.zip and dogs.zip become cats/ and dogs/,
 * set-001.zip and set-002.zip one folder.
 * @param folders  The user's meaning of folders, also those of archives.
 * @throws ExpectedError  When an archive is damaged, or holds too much for memory.
 */
export async function unpackArchives(tree: Tree, folders?: FolderMeaning): Promise<Tree> {
  const archives = tree.files.filter(isArchive);
  const all = archives.reduce((sum, { size }) => sum + size, 0);
  if (archives.some(({ diskPath }) => diskPath === undefined) && all > MAX_ARRAY_BYTES) {
    throw new ExpectedError(
      `has archives of ${all} bytes, at most ${MAX_ARRAY_BYTES} allowed: unpack them`,
    );
  }
  const listed: [TreeFile, Listed][] = [];
  // All contents of tar files stay in memory.
  let left = Math.max(MAX_ARRAY_BYTES, all * HONEST);
  for (const file of archives) {
    const found = await listArchive(file, Math.min(left, MAX_ARRAY_BYTES));
    listed.push([file, found]);
    left -= found.unpacked;
  }
  const isOneSet = folders !== 'classes' && areParts(listed);
  const inner: Tree[] = [];
  for (const [file, { files, problems, notes = [] }] of listed) {
    const folder = isOneSet || archives.length === 1 ? '' : `${file.path.replace(ENDING, '')}/`;
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
  const joined = isOneSet
    ? [
        `The archives ${nameSome(archives.map(({ path }) => path))} are read as parts of one set (else: --folders classes).`,
      ]
    : [];
  return {
    ...tree,
    files: [...rest, ...files].sort((a, b) => (a.path < b.path ? -1 : 1)),
    problems: [...tree.problems, ...inner.flatMap(({ problems }) => problems)],
    notes: [...[tree, ...inner].flatMap(({ notes = [] }) => notes), ...joined],
  };
}

/** Whether archives are parts of one set by their names, and no two files have one path. */
function areParts(archives: readonly (readonly [TreeFile, Pick<Tree, 'files'>])[]): boolean {
  const names = archives.map(([{ path }]) => basename(path).replace(ENDING, ''));
  const paths = archives.flatMap(([, { files }]) => files.map(({ path }) => path));
  return (
    archives.length > 1 &&
    new Set(archives.map(([{ path }]) => folderOf(path))).size === 1 &&
    areShards(names) &&
    names.every((name) => findSplit(name) === null) &&
    new Set(paths).size === paths.length
  );
}

/** The files of an archive, with the bytes that they take in memory. */
type Listed = Pick<Tree, 'files' | 'problems' | 'notes'> & { readonly unpacked: number };

async function listArchive(file: TreeFile, maxBytes: number): Promise<Listed> {
  const list = async (): Promise<Listed> => {
    const isZip = await isZipFile(file);
    if (isZip && file.diskPath !== undefined) {
      return { ...(await listZip(file.diskPath)), unpacked: 0 };
    }
    const content = await readFile(file, MAX_ARRAY_BYTES);
    return isZip
      ? { ...(await listZip(content)), unpacked: 0 }
      : listTar(content, Math.max(1, maxBytes));
  };
  return await within(`${file.path} `, list, (message) => `is no whole archive (${message})`);
}

/** The kind of a file that Unix programs put into its first four bits. */
const UNIX_LINK = 0xa;

/**
 * Lists an archive. Its file stays open until the process ends.
 * @param from  Its path, or its bytes when it lies within another archive.
 * @throws ExpectedError  When it is damaged, holds too many files, or would inflate too much.
 */
export async function listZip(from: string | Buffer): Promise<Tree> {
  const files: TreeFile[] = [];
  const problems: Problem[] = [];
  // The names are decoded here, all together.
  const options = { autoClose: false, lazyEntries: true, decodeStrings: false };
  let inflated = 0;
  let notes: readonly string[] = [];
  const list = async (): Promise<void> => {
    const zip =
      typeof from === 'string'
        ? await yauzl.openPromise(from, options)
        : await yauzl.fromBufferPromise(from, options);
    if (zip.entryCount > MAX_FILES) {
      throw new ExpectedError(`holds ${zip.entryCount} files, at most ${MAX_FILES} allowed`);
    }
    const entries: Entry[] = [];
    for await (const entry of zip.eachEntry()) {
      entries.push(entry);
    }
    const names = decodeNames(entries.map(readName));
    notes = names.notes;
    for (const [i, entry] of entries.entries()) {
      const { uncompressedSize: size } = entry;
      const path = (names.decoded[i] as string).replaceAll('\\', '/').replace(/^(?:\.\/)+/, '');
      const fault = yauzl.validateFileName(path);
      inflated += size;
      if (fault !== null) {
        problems.push({ name: path, reason: 'has a path out of the archive: pack it without' });
        continue;
      }
      if (path.endsWith('/') || isJunk(path)) {
        continue;
      }
      const isLink = entry.externalFileAttributes >>> 28 === UNIX_LINK;
      if (isLink || !entry.canDecodeFileData()) {
        const reason = isLink
          ? 'is a link in the archive: pack what it points to (zip without -y)'
          : entry.isEncrypted()
            ? 'is encrypted'
            : 'is packed in an unknown way: unpack it';
        problems.push({ name: path, reason });
        continue;
      }
      files.push({ path, size, open: () => zip.openReadStreamPromise(entry) });
    }
    if (inflated > Math.max(MAX_ARRAY_BYTES, zip.fileSize * HONEST)) {
      throw new ExpectedError(
        `has ${zip.fileSize} bytes that would inflate to ${inflated}: too much for an honest archive`,
      );
    }
  };
  await within('', list, (message) => `is no whole ZIP archive (${message})`);
  // If two members have the same path, the later one counts, as in unpacking.
  const last = [...new Map(files.map((file) => [file.path, file])).values()];
  last.sort((a, b) => (a.path < b.path ? -1 : 1));
  const name = typeof from === 'string' ? basename(from) : '';
  return { name, files: last, problems, notes, passedOver: [] };
}

/** A name's bytes. Some programs add the name in UTF-8, which yauzl finds. */
function readName({ fileNameRaw, extraFields }: Entry): Buffer {
  const added = yauzl.getFileNameLowLevel(0, fileNameRaw, extraFields, false);
  return added === decodeCp437(fileNameRaw) ? fileNameRaw : Buffer.from(added);
}

/**
 * Lists the files of a tar file, plain or packed by gzip or Zstandard. A hard link is the file of
 * that name before it.
 * @see https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
 * @throws Error  When it is damaged.
 */
export function listTar(packed: Buffer, maxBytes = MAX_ARRAY_BYTES): Listed {
  const magic = packed.toString('hex', 0, 4);
  const bytes = magic.startsWith('1f8b')
    ? unpackWhole(() => gunzipSync(packed, { maxOutputLength: maxBytes }), maxBytes)
    : IS_ZSTANDARD.test(magic)
      ? unpackWhole(() => unpackZstandard(packed, maxBytes), maxBytes)
      : packed;
  const listed: { path: string; content: Buffer | null; reason?: string }[] = [];
  if (bytes.length < BLOCK) {
    throw new Error('it is truncated');
  }
  // Paths are bytes as Latin-1, until all of them are known.
  const contents = new Map<string, Buffer>();
  let longPath: string | undefined;
  let longLink: string | undefined;
  let isSparse = false;
  for (let at = 0; at + BLOCK <= bytes.length && bytes[at] !== 0;) {
    const text = (from: number, length: number): string =>
      (bytes.toString('latin1', at + from, at + from + length).split('\0')[0] as string).trim();
    if (!text(257, 6).startsWith('ustar')) {
      throw new Error(`no header of tar at byte ${at}`);
    }
    const size = Number.parseInt(text(124, 12), 8);
    const [start, end] = [at + BLOCK, at + BLOCK + size];
    if (!(size >= 0)) {
      throw new Error(`the size at byte ${at} is no number`);
    }
    if (end > bytes.length) {
      throw new Error('it is truncated');
    }
    const kind = text(156, 1);
    const content = bytes.subarray(start, end);
    // Long names, in the GNU format and in the newer POSIX format, "27 path=...".
    if (kind === 'L' || kind === 'K' || kind === 'x') {
      const attributes = content.toString('latin1');
      const find = (key: string): string | undefined =>
        kind === 'x'
          ? new RegExp(`(?<=^\\d+ ${key}=).*`, 'm').exec(attributes)?.[0]
          : /^[^\0]*/.exec(attributes)?.[0];
      longPath = (kind === 'K' ? undefined : find('path')) ?? longPath;
      longLink = (kind === 'L' ? undefined : find('linkpath')) ?? longLink;
      isSparse = kind === 'x' && attributes.includes(' GNU.sparse.');
    } else {
      // GNU has other fields in the place of POSIX's prefix, and ends its mark with blanks.
      const prefix = bytes[at + 262] === 0 ? text(345, 155) : '';
      const path = strip(longPath ?? (prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`));
      const link = strip(longLink ?? text(157, 100));
      const inner = path.replace(/(?<=^|\/)\.\.\//g, '');
      const isOutside = inner !== path;
      if (!path.endsWith('/') && !isJunk(inner)) {
        const isPlain = (kind === '0' || kind === '') && !isSparse && !isOutside;
        const own = isPlain ? content : (kind === '1' && contents.get(link)) || null;
        const reason = isOutside
          ? REASONS.outside
          : kind === 'S' || isSparse
            ? REASONS.sparse
            : REASONS.link;
        if (own !== null || isOutside || isSparse || ['1', '2', 'S'].includes(kind)) {
          listed.push({ path, content: own, reason });
        }
        if (own !== null) {
          contents.set(path, own);
        }
      }
      [longPath, longLink, isSparse] = [undefined, undefined, false];
    }
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  const { decoded, notes } = decodeNames(listed.map(({ path }) => Buffer.from(path, 'latin1')));
  const files: TreeFile[] = [];
  const problems: Problem[] = [];
  // If two members have the same path, the later one counts, as in unpacking.
  const last = new Map(listed.map((one, i) => [decoded[i] as string, one]));
  for (const [path, { content, reason = '' }] of last) {
    if (content === null) {
      problems.push({ name: path, reason });
    } else {
      const open = (): Promise<Readable> => Promise.resolve(streamBytes(content));
      files.push({ path, size: content.length, open });
    }
  }
  return { files, problems, notes, unpacked: bytes.length };
}

/** Why a member of a tar file cannot be read. */
const REASONS = {
  link: 'is a link in the archive: pack what it points to (tar -h)',
  outside: 'has ".." in its path: pack it without',
  sparse: 'is a sparse file of tar: pack it without --sparse',
} as const;

const strip = (path: string): string => path.replace(/^(?:\.?\/)+/, '');

/** The first bytes of a frame in hexadecimal, also of one to skip, as pzstd writes it. */
const IS_ZSTANDARD = /^(?:28b52ffd|5.2a4d18)$/;
const EMPTY_FRAME = zstdCompressSync(Buffer.alloc(0));

/**
 * Unpacks all frames of a file. Node unpacks one, and takes what there is of a truncated one.
 * @see https://www.rfc-editor.org/rfc/rfc8878#section-3
 * @throws Error  When it is damaged, or too large.
 */
function unpackZstandard(packed: Uint8Array, maxBytes = MAX_ARRAY_BYTES): Buffer {
  // The empty frame supplies the parts that a truncated frame lacks.
  const whole = Buffer.concat([packed, EMPTY_FRAME]);
  const frames: Buffer[] = [];
  let [at, left] = [0, maxBytes];
  while (at < packed.length) {
    const options = { info: true, maxOutputLength: Math.max(1, left) };
    const { buffer, engine } = zstdDecompressSync(whole.subarray(at), options) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    frames.push(buffer);
    left -= buffer.length;
    at += engine.bytesWritten;
  }
  if (at > packed.length) {
    throw new Error('it is truncated');
  }
  return Buffer.concat(frames);
}

/** @throws Error  When it is damaged, or more than memory should hold. */
function unpackWhole(unpack: () => Buffer, maxBytes = MAX_ARRAY_BYTES): Buffer {
  try {
    return unpack();
  } catch (cause) {
    const isLarge = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw isLarge
      ? new Error(`it unpacks to more than ${maxBytes} bytes: unpack it`, { cause })
      : cause;
  }
}
