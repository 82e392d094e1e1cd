/** The files of a folder, at any depth. They are listed once; only their content is read later. */
import type { Dirent } from 'node:fs';
import { createReadStream } from 'node:fs';
import { open, opendir, realpath, stat } from 'node:fs/promises';
import { isUtf8 } from 'node:buffer';
import { basename, join, resolve, sep } from 'node:path';
import { Readable } from 'node:stream';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { UnusablePicture, type Problem } from './source.ts';

/** Most files of a folder or archive. */
export const MAX_FILES = 1_000_000;
const MAX_DEPTH = 32;

/** A file of a folder or archive. */
export interface TreeFile {
  /** From the top, with slashes. */
  readonly path: string;
  /** Bytes of the content, as listed. */
  readonly size: number;
  /** On disk; absent within an archive. */
  readonly diskPath?: string;
  readonly open: () => Promise<Readable>;
}

export interface Tree {
  /** The name of the folder or archive itself. */
  readonly name: string;
  readonly files: readonly TreeFile[];
  readonly problems: readonly Problem[];
  /** Messages for the user about an archive, a line each. */
  readonly notes?: readonly string[];
  /** Neither files nor folders. */
  readonly passedOver: readonly string[];
}

/** Files that systems leave in folders: hidden ones, and those of Windows, macOS and Synology. */
const JUNK =
  /^(?:\..*|__MACOSX|Thumbs\.db|desktop\.ini|\$RECYCLE\.BIN|System Volume Information|@eaDir|#recycle)$/i;

/** The folder of a path with slashes: "train/cats/", or empty at the top. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

export function isJunk(path: string): boolean {
  return path.split('/').some((part) => JUNK.test(part));
}

/**
 * Lists a folder. Links are followed within it.
 * @param depth  0 for the files at the top only.
 * @throws ExpectedError  When there are too many files.
 */
export async function listFolder(folder: string, depth = MAX_DEPTH): Promise<Tree> {
  const root = await realpath(folder);
  const inside = root.endsWith(sep) ? root : root + sep;
  const files: TreeFile[] = [];
  const problems: Problem[] = [];
  const passedOver: string[] = [];
  /** @param above  Real paths of the folders on the way, against links that lead in circles. */
  const list = async (path: string, above: readonly string[]): Promise<void> => {
    const here = join(root, path);
    const listed: Dirent<Buffer>[] = [];
    // Typed for text only: buffers show which names are no UTF-8.
    const options = { encoding: 'buffer' } as unknown as { encoding: 'utf8' };
    for await (const entry of await opendir(here, options)) {
      listed.push(entry as unknown as Dirent<Buffer>);
      if (files.length + listed.length > MAX_FILES) {
        throw new ExpectedError(
          `holds more than ${MAX_FILES.toLocaleString('en')} files: take a part of them`,
        );
      }
    }
    const entries = listed.map((entry) => ({ entry, text: entry.name.toString() }));
    for (const { entry, text } of entries.sort((a, b) => (a.text < b.text ? -1 : 1))) {
      const inner = path === '' ? text : `${path}/${text}`;
      if (/^\..+\.icloud$/.test(text)) {
        problems.push({ name: inner, reason: 'is not downloaded from iCloud yet' });
        continue;
      }
      if (JUNK.test(text)) {
        continue;
      }
      if (!isUtf8(entry.name)) {
        problems.push({ name: inner, reason: 'has a name that is no UTF-8: rename it' });
        continue;
      }
      const diskPath = join(root, inner);
      try {
        const real = entry.isSymbolicLink() ? await realpath(diskPath) : diskPath;
        if (real !== root && !real.startsWith(inside)) {
          const advice = 'copy what it points to (cp -rL)';
          problems.push({ name: inner, reason: `is a link out of the folder: ${advice}` });
          continue;
        }
        const facts = await stat(real);
        if (facts.isDirectory()) {
          if (above.includes(real) || above.length > MAX_DEPTH) {
            problems.push({ name: inner, reason: 'is a folder within itself, or too deep' });
          } else if (above.length <= depth) {
            await list(inner, [...above, real]);
          }
        } else if (facts.isFile()) {
          files.push(locateFile(real, inner, facts.size));
        } else {
          passedOver.push(inner); // A pipe would be read for ever.
        }
      } catch (error) {
        if (error instanceof ExpectedError) {
          throw error;
        }
        problems.push({ name: inner, reason: describeFault(error) });
      }
    }
  };
  await list('', [root]);
  return { name: basename(resolve(folder)), files, problems, passedOver };
}

/** A file on disk. @param size  0 when it is not known. */
export function locateFile(diskPath: string, path: string, size = 0): TreeFile {
  return { path, size, diskPath, open: () => Promise.resolve(createReadStream(diskPath)) };
}

/** Says why something could not be read. Rethrows errors that are no one's data's fault. */
export function describeFault(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof UnusablePicture) {
    return message;
  }
  if (typeof code === 'string' && /^E[A-Z]+$/.test(code)) {
    return `cannot be read (${code})`;
  }
  throw error;
}

/** Reads a file up to a number of bytes. @throws UnusablePicture  When it holds more. */
export async function readFile(file: TreeFile, maxBytes: number): Promise<Buffer> {
  const check = (bytes: number): void => {
    if (bytes > maxBytes) {
      const [found, most] = [bytes, maxBytes].map((count) => count.toLocaleString('en'));
      throw new UnusablePicture(`has ${found} bytes, at most ${most} allowed`);
    }
  };
  check(file.size);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of readChunks(file)) {
    bytes += chunk.length;
    check(bytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Reads a file's content. @throws UnusablePicture  When it is damaged in its archive. */
export async function* readChunks(file: TreeFile): AsyncGenerator<Buffer> {
  try {
    yield* (await file.open()) as AsyncIterable<Buffer>;
  } catch (cause) {
    if (file.diskPath !== undefined) {
      throw cause;
    }
    const { message } = cause as Error;
    throw new UnusablePicture(`is damaged (${message})`, { cause });
  }
}

/** Streams bytes in parts of this size: a text of V8 takes no gigabyte. */
const PART_BYTES = 1024 * 1024;

export function streamBytes(bytes: Buffer): Readable {
  const count = Math.ceil(bytes.length / PART_BYTES);
  return Readable.from(
    Array.from({ length: count }, (_, i) => bytes.subarray(i * PART_BYTES, (i + 1) * PART_BYTES)),
  );
}

/** Reads the beginning of a file. */
export async function readStart(file: TreeFile, bytes: number): Promise<Buffer> {
  if (file.diskPath !== undefined) {
    // Many times as fast as a stream, which matters for many files.
    const handle = await open(file.diskPath);
    try {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(bytes), 0, bytes, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  }
  let start = Buffer.alloc(0);
  for await (const chunk of readChunks(file)) {
    start = Buffer.concat([start, chunk]);
    if (start.length >= bytes) {
      break;
    }
  }
  return start.subarray(0, bytes);
}
