/**
 * File writes that survive a kill: a reader finds the old content or the new, never a part.
 *
 * `write-file-atomic` is not used: it does not sync the folder, so a power cut can undo its rename.
 */
import { accessSync, constants, existsSync, lstatSync, statSync } from 'node:fs';
import {
  appendFile,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ExpectedError } from '../shared/expected-error.ts';

/** Files that macOS and Windows write into folders that a person looks at. */
export const OF_SYSTEM = /^(?:\.DS_Store|\._.+|Thumbs\.db|desktop\.ini)$/i;

/** Temporary names hold the name of their target and the id of the process that writes there. */
const TEMPORARY = /^\..+\.\d+\.tmp$/;

/** Names the place beside `path`, in the same file system, where a process prepares its content. */
export function nameTemporary(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
}

/**
 * Refuses to write over what a command did not make.
 * @param flag  Named the path.
 * @throws ExpectedError
 */
export function requireFree(path: string, flag: string, advice = 'name another one'): void {
  // An empty path is the current folder.
  if (lstatSync(resolve(path), { throwIfNoEntry: false }) !== undefined) {
    throw new ExpectedError(
      `${flag} ${path}: is there already, and is not written over; ${advice}`,
    );
  }
}

/**
 * Refuses a place in which nothing can be written, before hours of work. Node's `mkdir` calls a
 * read-only disk ENOENT.
 * @throws ExpectedError
 */
export function requireWritable(path: string, advice: string): void {
  let folder = resolve(path);
  while (!existsSync(folder)) {
    folder = dirname(folder);
  }
  try {
    accessSync(folder, constants.W_OK);
  } catch (cause) {
    throw new ExpectedError(`${path}: ${folder} is read-only here; ${advice}`, { cause });
  }
}

/** Makes a folder, which may be there. @throws ExpectedError */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw toWriteError(folder, cause);
  }
}

/**
 * Makes the folder of a file that a command writes after its work.
 * @param flag  Named the file.
 * @throws ExpectedError  Where the file cannot be written.
 */
export async function prepareFile(path: string, flag: string): Promise<void> {
  if (statSync(resolve(path), { throwIfNoEntry: false })?.isDirectory()) {
    throw new ExpectedError(`${flag} ${path}: is a folder; name a file`);
  }
  const folder = dirname(resolve(path));
  requireWritable(folder, `name another file by ${flag}`);
  await makeFolder(folder);
}

/** Replaces a file whole or not at all. @throws ExpectedError  The old content is still there. */
export async function writeAtomically(path: string, content: Uint8Array | string): Promise<void> {
  const temporary = nameTemporary(path);
  try {
    await writeThenPlace(temporary, content, () => rename(temporary, path));
  } catch (cause) {
    throw toWriteError(path, cause);
  }
}

/** Replaces a file by a value as indented JSON. @throws ExpectedError */
export function writeJson(path: string, value: object): Promise<void> {
  return writeAtomically(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Reads a text; null when there is no such file. */
export function readIfThere(path: string): Promise<string | null> {
  return recover(readFile(path, 'utf8'), ['ENOENT'], null);
}

/**
 * Writes a temporary file to disk, lets `place` give it its name, and syncs the folder. The
 * temporary name is gone afterwards, whatever happens.
 */
export async function writeThenPlace<T>(
  temporary: string,
  content: Uint8Array | string,
  place: () => Promise<T>,
): Promise<T> {
  try {
    await writeFile(temporary, content, { flush: true });
    const placed = await place();
    await syncFolder(dirname(temporary));
    return placed;
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * Puts a whole new folder, or a link, in the place of an old one, which is deleted afterwards. No
 * system call of Node exchanges two folders. So a kill can leave the old one under another name;
 * {@link restoreReplaced} brings it back. The old one also comes back when the new one cannot be
 * placed.
 */
export async function replaceFolder(next: string, folder: string): Promise<void> {
  await restoreReplaced(folder);
  const old = nameReplaced(folder);
  const isThere = await succeeds(rename(folder, old), 'ENOENT');
  try {
    await rename(next, folder);
  } catch (cause) {
    if (isThere) {
      await rename(old, folder);
    }
    throw cause;
  }
  await syncFolder(dirname(folder));
  await rm(old, { recursive: true, force: true });
}

/** Undoes the half of {@link replaceFolder} that a killed process did. */
export async function restoreReplaced(folder: string): Promise<void> {
  const old = nameReplaced(folder);
  if (lstatSync(folder, { throwIfNoEntry: false }) !== undefined) {
    await rm(old, { recursive: true, force: true });
  } else if (existsSync(old)) {
    await succeeds(rename(old, folder), 'ENOENT');
  }
}

function nameReplaced(folder: string): string {
  return join(dirname(folder), `.${basename(folder)}.digitmint-old`);
}

/**
 * Appends to a log. A kill or a full disk can leave a part of a line; readers skip such lines.
 * @throws ExpectedError
 */
export async function appendToLog(path: string, content: Uint8Array | string): Promise<void> {
  try {
    await appendFile(path, content);
  } catch (cause) {
    throw toWriteError(path, cause);
  }
}

/**
 * Deletes what killed processes left half-written in a folder, which may be missing, but not in
 * folders inside of it.
 * @param folder  No other process writes to it, and nobody keeps files of their own there.
 */
export async function removeLeftovers(folder: string): Promise<void> {
  const names = await recover(readdir(folder), ['ENOENT', 'ENOTDIR'], []);
  for (const name of names.filter((each) => TEMPORARY.test(each))) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Gives a file a second name. @returns  False when another creator took the name first. */
export function linkIfFree(file: string, name: string): Promise<boolean> {
  return succeeds(link(file, name), 'EEXIST');
}

/** Opening a pipe must not wait for its writer, and a link may lead elsewhere. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0);

/** Opens a file to read it, whatever lies there, without waiting and without following a link. */
export function openPromptly(path: string): Promise<FileHandle> {
  return open(path, OPEN_FLAGS);
}

/** @returns  False when the operation fails with this error code. */
export function succeeds(operation: Promise<unknown>, code: string): Promise<boolean> {
  return recover(
    operation.then(() => true),
    [code],
    false,
  );
}

/** @returns  The operation's result, or `value` when it fails with one of these error codes. */
export async function recover<T, Value>(
  operation: Promise<T>,
  codes: readonly string[],
  value: Value,
): Promise<T | Value> {
  try {
    return await operation;
  } catch (cause) {
    if (codes.includes((cause as NodeJS.ErrnoException).code ?? '')) {
      return value;
    }
    throw cause;
  }
}

const FULL =
  'the disk is full. What was there before is kept. Free some space, then run it again, ' +
  'a training with --resume.';
const FORBIDDEN = 'not allowed to write there.';
const WRITE_FAILURES: Readonly<Record<string, string>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  EROFS: FORBIDDEN,
};

export function toWriteError(path: string, cause: unknown): ExpectedError {
  const { code = '', message } = cause as NodeJS.ErrnoException;
  const reason = WRITE_FAILURES[code] ?? `cannot be written: ${message}`;
  return new ExpectedError(`${path}: ${reason}`, { cause });
}

/** Windows cannot open folders, and some network file systems cannot sync them. */
const NO_FOLDER_SYNC = ['EPERM', 'EISDIR', 'EINVAL', 'ENOTSUP'];

/** Makes a rename survive a power cut, where the platform can do that. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await recover(open(folder, 'r'), NO_FOLDER_SYNC, null);
  try {
    await recover(Promise.resolve(handle?.sync()), NO_FOLDER_SYNC, undefined);
  } finally {
    await handle?.close();
  }
}
