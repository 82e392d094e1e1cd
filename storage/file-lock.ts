/**
 * A lock between processes on one folder: a file that names its holder. A holder that was killed does not block for
 * ever: on the same machine its process is seen to be gone, elsewhere its lock is seen not to change.
 */
import { randomUUID } from 'node:crypto';
import { link, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { z } from 'zod';
import { computeBackoffMs, realWaiting } from './backoff.ts';

const holderSchema = z.object({ token: z.string(), pid: z.int().positive(), host: z.string() });

/** Breaking a lock takes milliseconds: a process that has not done it by then was killed, on whatever machine. */
const BREAKING_STALE_MS = 10_000;

/** The lock could not be had in time; the message names its file. */
export class LockTimeoutError extends Error {
  override name = 'LockTimeoutError' as const;
}

export interface LockOptions {
  /** How long to wait for the holder. */
  readonly timeoutMs: number;
  /**
   * A lock that stayed the same for so long while it was waited for is taken from its holder. Far above the time that a
   * lock is held; Infinity where a holder may take as long as it likes.
   */
  readonly staleMs: number;
}

export interface FileLock {
  /** False when another process took the lock away because its holder seemed dead: then nothing may be written. */
  readonly isHeld: () => Promise<boolean>;
  readonly release: () => Promise<void>;
}

/**
 * Takes a lock.
 *
 * @param path  The lock's file; its folder exists, and its file system has hard links.
 * @throws LockTimeoutError  When another process holds it for longer than `timeoutMs`.
 */
export async function acquireFileLock(
  path: string,
  { timeoutMs, staleMs }: LockOptions,
): Promise<FileLock> {
  const token = randomUUID();
  const content = JSON.stringify({ token, pid: process.pid, host: hostname() });
  // Linked, not created in place: a lock is never seen without its holder's name, even if the holder is killed here.
  const prepared = `${path}.${token}`;
  try {
    await writeFile(prepared, content, { flag: 'wx' });
    await waitForLink(prepared, path, { timeoutMs, staleMs });
  } finally {
    await rm(prepared, { force: true });
  }
  const isHeld = async (): Promise<boolean> => (await readIfThere(path)) === content;
  return {
    isHeld,
    release: async () => {
      if (await isHeld()) {
        await rm(path, { force: true });
      }
    },
  };
}

async function waitForLink(
  prepared: string,
  path: string,
  { timeoutMs, staleMs }: LockOptions,
): Promise<void> {
  const startedMs = performance.now();
  let seen = { content: '', sinceMs: startedMs };
  for (let attempt = 0; ; attempt += 1) {
    try {
      await link(prepared, path);
      return;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw cause;
      }
    }
    const content = await readIfThere(path);
    if (content === null) {
      continue;
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
    await realWaiting.sleep(computeBackoffMs(attempt, 5, 100, realWaiting.random));
  }
}

/**
 * Removes a stale lock, and only that one: whoever breaks a lock holds a second one meanwhile and looks again. Its holder can be
 * killed too: then the next who comes takes it away.
 *
 * @param prepared  A file that names this process.
 */
async function breakLock(path: string, staleContent: string, prepared: string): Promise<void> {
  const breaking = `${path}.break`;
  try {
    await link(prepared, breaking);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') {
      await removeLeftBreaking(breaking);
      return;
    }
    throw cause;
  }
  try {
    if ((await readIfThere(path)) === staleContent) {
      await rm(path, { force: true });
    }
  } finally {
    await rm(breaking, { force: true });
  }
}

/** Should two remove it at once, two may break one lock: its new holder then sees by `isHeld` that it has lost it. */
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

function isHolderGone(content: string): boolean {
  const holder = parseHolder(content);
  return holder !== null && holder.host === hostname() && !isProcessAlive(holder.pid);
}

/** Null for what this software did not write; such a lock only ages. */
function parseHolder(content: string): z.infer<typeof holderSchema> | null {
  try {
    return holderSchema.parse(JSON.parse(content));
  } catch {
    return null;
  }
}

/** True when a process with this id runs on this machine. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // EPERM: it runs, as another user.
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      return null;
    }
    throw cause;
  }
}
