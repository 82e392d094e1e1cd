/**
 * A lock between processes: a file that names its holder. A killed holder does not block for ever:
 * its process is gone, or, on another machine, its lock stays unchanged for too long.
 */
import { randomUUID } from 'node:crypto';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import * as z from 'zod';
import { linkIfFree, recover } from './files.ts';
import { repeat } from './retry.ts';

const holderSchema = z.object({ token: z.string(), pid: z.int().positive(), host: z.string() });

/** Breaking a lock takes milliseconds; a breaker that takes longer was killed. */
const BREAKING_STALE_MS = 10_000;
const BACKOFF = { baseMs: 5, maxMs: 100 };

/** Another process kept the lock for too long; the message names the file. */
export class LockTimeoutError extends Error {
  override name = 'LockTimeoutError' as const;
}

interface LockOptions {
  readonly timeoutMs: number;
  /** A lock that does not change for this long is taken away; a holder must need far less. */
  readonly staleMs: number;
}

/**
 * @param path  The lock's file; its folder exists, and its file system has hard links.
 * @throws LockTimeoutError  When another process holds it for longer than `timeoutMs`.
 */
export async function acquireFileLock(path: string, options: LockOptions) {
  const token = randomUUID();
  const content = JSON.stringify({ token, pid: process.pid, host: hostname() });
  // A hard link, so that nobody ever sees a lock without its holder's name.
  const prepared = `${path}.${token}`;
  try {
    await writeFile(prepared, content, { flag: 'wx' });
    await waitForLink(prepared, path, options);
  } finally {
    await rm(prepared, { force: true });
  }
  const isHeld = async (): Promise<boolean> => (await readIfThere(path)) === content;
  return {
    /** False when another process took the lock away; then the former holder must not write. */
    isHeld,
    release: async (): Promise<void> => {
      if (await isHeld()) {
        await rm(path, { force: true });
      }
    },
  };
}

async function waitForLink(prepared: string, path: string, { timeoutMs, staleMs }: LockOptions) {
  const startedMs = performance.now();
  let seen = { content: '', sinceMs: startedMs };
  await repeat(async () => {
    if (await linkIfFree(prepared, path)) {
      return true;
    }
    const content = await readIfThere(path);
    if (content === null) {
      return undefined;
    }
    const nowMs = performance.now();
    if (seen.content !== content) {
      seen = { content, sinceMs: nowMs };
    }
    if (isHolderGone(content) || nowMs - seen.sinceMs > staleMs) {
      await breakLock(path, content, prepared);
    }
    if (nowMs - startedMs > timeoutMs) {
      throw new LockTimeoutError(
        `another publisher holds ${path}; if none runs, delete that file and ${path}.break`,
      );
    }
    return undefined;
  }, BACKOFF);
}

/**
 * Removes a stale lock, and no other: the breaker holds a second lock while it looks again. A
 * breaker that is killed leaves the second lock, which the next breaker removes.
 * @param prepared  A file that names this process.
 */
async function breakLock(path: string, staleContent: string, prepared: string): Promise<void> {
  const breaking = `${path}.break`;
  if (!(await linkIfFree(prepared, breaking))) {
    await removeLeftBreaking(breaking);
    return;
  }
  try {
    if ((await readIfThere(path)) === staleContent) {
      await rm(path, { force: true });
    }
  } finally {
    await rm(breaking, { force: true });
  }
}

/** Two removers at once may break one lock twice; `isHeld` tells its new holder of the loss. */
async function removeLeftBreaking(breaking: string): Promise<void> {
  const [content, facts] = await Promise.all([
    readIfThere(breaking),
    stat(breaking).catch(() => null),
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
  return holder !== null && holder.host === hostname() && !isProcessAlive(holder.pid);
}

/** @returns  null for a text that is half-written, or of other software. */
export function parseJson<T>(schema: z.ZodType<T>, text: string): T | null {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // EPERM: it runs, as another user.
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function readIfThere(path: string): Promise<string | null> {
  return recover(readFile(path, 'utf8'), ['ENOENT'], null);
}
