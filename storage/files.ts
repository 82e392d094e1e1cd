/**
 * Writing files so that a reader, or a process that was killed, finds the old content or the new, never a part.
 */
import { appendFile, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ExpectedError } from '../shared/expected-error.ts';

/** A file that could not be written. The message names the file and, when the disk is full, says so. */
export class WriteError extends ExpectedError {
  override name = 'WriteError' as const;
}

/** Of the file that is being written, and the process that writes it. */
const TEMPORARY = /^\..+\.\d+\.tmp$/;

/**
 * Writes a file whole or not at all: to a temporary name in the same folder, so that the rename stays within one file
 * system, then to disk, then renamed.
 *
 * @throws WriteError  When it fails; what was there before is still there.
 */
export async function writeAtomically(path: string, content: Uint8Array | string): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}.tmp`);
  try {
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(folder);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw toWriteError(path, cause);
  }
}

/**
 * Appends to a log. When the process is killed or the disk is full a part of it may come to lie there: the log's readers
 * pass over what is not whole.
 *
 * @throws WriteError
 */
export async function appendToLog(path: string, content: Uint8Array | string): Promise<void> {
  try {
    await appendFile(path, content);
  } catch (cause) {
    throw toWriteError(path, cause);
  }
}

/** Takes away what processes that were killed left half-written. @param folder  Nobody else writes to it now. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && TEMPORARY.test(entry.name)) {
      await rm(join(entry.parentPath, entry.name), { force: true });
    }
  }
}

/** Says which file could not be written, why, and what to do. */
export function toWriteError(path: string, cause: unknown): WriteError {
  return new WriteError(describeWriteFailure(path, cause), { cause });
}

/** Makes a rename survive a power cut. Not every platform lets a folder be opened; it is not worth failing for. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // Windows refuses to open folders: there, a rename is as durable as it gets.
  }
}

function describeWriteFailure(path: string, cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `${path}: the disk is full. What was there before is kept. Free some space, then run it again, a training with --resume.`;
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `${path}: not allowed to write there.`;
    case undefined:
    default:
      return `${path}: cannot be written: ${message}`;
  }
}
