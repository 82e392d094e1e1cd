/**
 * A lock between processes: a file that names its holder. A killed holder does not block for ever:
 * its process is gone, or, on another machine, its lock stays unchanged for too long.
 */
import { randomUUID } from 'node:crypto';
import { constants, readFileSync } from 'node:fs';
import { copyFile, lstat, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import * as v from 'valibot';
import { parseAs, wholeSchema } from '../shared/schema.ts';
import { ExpectedError } from '../shared/expected-error.ts';
import { linkIfFree, openPromptly, recover } from './files.ts';
import { repeat } from './retry.ts';

const holderSchema = v.object({ token: v.string(), pid: wholeSchema(1), host: v.string() });

/** Breaking a lock takes milliseconds; a breaker that takes longer was killed. */
const BREAKING_STALE_MS = 10_000;
const BACKOFF = { baseMs: 5, maxMs: 100 };
/** The tokens of this process. In a container the next process often has the killed one's id. */
const ownTokens = new Set<string>();

/** A lock file is short; more bytes are never read. */
const MAX_BYTES = 4096;

/** Another process kept the lock for too long; the message names the file. */
export class LockTimeoutError extends ExpectedError {
  override name = 'LockTimeoutError' as const;
}

/** A link, a folder, a pipe or an unreadable file is in the lock's place. */
export class LockBlockedError extends ExpectedError {
  override name = 'LockBlockedError' as const;
}

interface LockOptions {
  readonly timeoutMs: number;
  /** A lock that does not change for this long is taken away; a holder must need far less. */
  readonly staleMs: number;
}

/**
 * @param path  The lock's file; its folder exists.
 * @throws LockTimeoutError  When another process holds it for longer than `timeoutMs`.
 * @throws LockBlockedError  When another object is in its place.
 */
export async function acquireFileLock(path: string, options: LockOptions) {
  const token = randomUUID();
  ownTokens.add(token);
  const content = JSON.stringify({ token, pid: process.pid, host: hostname() });
  // Use a hard link, where supported, so that every lock names its holder from the start.
  const prepared = `${path}.${token}`;
  try {
    await writeFile(prepared, content, { flag: 'wx' });
    await waitForLink(prepared, path, options);
  } catch (cause) {
    ownTokens.delete(token);
    throw cause;
  } finally {
    await rm(prepared, { force: true });
  }
  const isHeld = async (): Promise<boolean> => (await readLock(path).catch(() => null)) === content;
  return {
    /** False when another process took the lock away; then the former holder must not write. */
    isHeld,
    release: async (): Promise<void> => {
      if (await isHeld()) {
        await rm(path, { force: true });
      }
      ownTokens.delete(token);
    },
  };
}

async function waitForLink(prepared: string, path: string, { timeoutMs, staleMs }: LockOptions) {
  const startedMs = performance.now();
  let seen: { content: string | null; sinceMs: number } = { content: '', sinceMs: startedMs };
  await repeat(async () => {
    if (await takeIfFree(prepared, path)) {
      return true;
    }
    const content = await readLock(path);
    const nowMs = performance.now();
    if (seen.content !== content) {
      seen = { content, sinceMs: nowMs };
    }
    const isStale = content !== null && (isHolderGone(content) || nowMs - seen.sinceMs > staleMs);
    if (isStale) {
      await breakLock(path, content, prepared);
    }
    // A lock that vanished is free by now.
    if (content !== null && !isStale && nowMs - startedMs >= timeoutMs) {
      throw new LockTimeoutError(
        `${describeHolder(content)} holds ${path}; ` +
          `if it does not run any more, delete that file and ${path}.break`,
      );
    }
    return undefined;
  }, BACKOFF);
}

/** The errors of file systems without hard links. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

async function takeIfFree(prepared: string, path: string): Promise<boolean> {
  const copy = (): Promise<true> =>
    copyFile(prepared, path, constants.COPYFILE_EXCL).then(() => true as const);
  const linked = await recover(linkIfFree(prepared, path), NO_LINKS, null);
  return linked ?? recover(copy(), ['EEXIST'], false);
}

/**
 * Removes a stale lock, and no other: the breaker holds a second lock while it looks again. A
 * breaker that is killed leaves the second lock, which the next breaker removes.
 * @param prepared  A file that names this process.
 */
async function breakLock(path: string, staleContent: string, prepared: string): Promise<void> {
  const breaking = `${path}.break`;
  if (!(await takeIfFree(prepared, breaking))) {
    await removeLeftBreaking(breaking);
    return;
  }
  try {
    if ((await readLock(path)) === staleContent) {
      await rm(path, { force: true });
    }
  } finally {
    await rm(breaking, { force: true });
  }
}

/** Two removers at once may break one lock twice; `isHeld` tells its new holder of the loss. */
async function removeLeftBreaking(breaking: string): Promise<void> {
  const [content, facts] = await Promise.all([
    readLock(breaking),
    lstat(breaking).catch(() => null),
  ]);
  if (
    content !== null &&
    facts !== null &&
    (isHolderGone(content) || Date.now() - facts.ctimeMs > BREAKING_STALE_MS)
  ) {
    await rm(breaking, { force: true });
  }
}

/** A lock of other software is only broken by age. */
function isHolderGone(content: string): boolean {
  const holder = parseJson(holderSchema, content);
  if (holder === null || holder.host !== hostname()) {
    return false;
  }
  return holder.pid === process.pid ? !ownTokens.has(holder.token) : !isProcessAlive(holder.pid);
}

/** @returns  null for a text that is half-written, or of other software. */
export function parseJson<T>(schema: v.GenericSchema<unknown, T>, text: string): T | null {
  try {
    return parseAs(schema, JSON.parse(text));
  } catch {
    return null;
  }
}

export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isThread(pid);
  } catch (cause) {
    // EPERM: it runs, as another user.
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** On Linux a signal also finds a thread of any process by its id. */
function isThread(id: number): boolean {
  try {
    const group = /^Tgid:\s*(\d+)$/m.exec(readFileSync(`/proc/${id}/status`, 'utf8'))?.[1];
    return group !== undefined && Number(group) !== id;
  } catch {
    return false; // Another system, or the process has ended since.
  }
}

function describeHolder(content: string | null): string {
  const holder = parseJson(holderSchema, content ?? '');
  if (holder === null) {
    return 'another process';
  }
  const where = holder.host === hostname() ? '' : ` on ${holder.host}`;
  return `another process (${holder.pid}${where})`;
}

/**
 * Reads a lock's content, without waiting for a pipe in its place.
 * @returns  null when there is no lock.
 * @throws LockBlockedError  When it is no readable file.
 */
async function readLock(path: string): Promise<string | null> {
  try {
    const handle = await openPromptly(path);
    try {
      if (!(await handle.stat()).isFile()) {
        throw await createBlocked(path);
      }
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    // Another process may have taken the lock since: then this one looks again.
    if (isMissing && (await recover(lstat(path), ['ENOENT'], null))?.isSymbolicLink() !== true) {
      return null;
    }
    throw cause instanceof LockBlockedError ? cause : await createBlocked(path, cause);
  }
}

async function createBlocked(path: string, cause?: unknown): Promise<LockBlockedError> {
  const facts = await lstat(path).catch(() => null);
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  const got = facts?.isSymbolicLink()
    ? 'a link'
    : facts?.isDirectory()
      ? 'a folder'
      : facts?.isFile()
        ? `a file that cannot be read (${code})`
        : 'a pipe or a device';
  return new LockBlockedError(
    `${path}: expected a lock file or nothing, got ${got}; remove it, then repeat the command`,
    { cause },
  );
}
