/** Object storage in a folder: an object is a file, its ETag its SHA-256. */
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, type Dirent, type Stats } from 'node:fs';
import {
  mkdir,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  statfs,
  type FileHandle,
} from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { hashBytes } from '../shared/model/artifact.ts';
import { acquireFileLock, LockTimeoutError } from './file-lock.ts';
import { linkIfFree, openPromptly, recover, succeeds, writeThenPlace } from './files.ts';
import {
  checkKey,
  isValidKey,
  sortListed,
  StorageError,
  type ListedObject,
  type ObjectStore,
  type StorageFailure,
  type StoredObject,
} from './object-store.ts';

// Keys never start with a dot, so these names never meet an object.
const LOCK_FILE = '.lock';
const RESERVE_FILE = '.reserve';
/** Room for a ledger of the largest size and for locks. */
const RESERVE_BYTES = 1024 * 1024;
/** On a disk with less room the reserve itself would block a publication. */
const MIN_FREE_BYTES = 4 * RESERVE_BYTES;
const TEMPORARY_PREFIX = '.tmp-';
/** A file of the user may begin with the prefix, too. */
const TEMPORARY = /^\.tmp-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** A temporary file this old belongs to a publisher that was killed. */
const LEFTOVER_MS = 24 * 60 * 60 * 1000;
/** A healthy holder needs milliseconds: one compare and one rename. */
const LOCK_OPTIONS = { timeoutMs: 20_000, staleMs: 10_000 };

/** @param path  The first put creates this folder. Its file system must have hard links. */
export function createFolderStore(path: string): ObjectStore {
  const root = resolve(path);
  const description = `folder ${root}`;

  function locate(key: string): string {
    checkKey(description, key);
    return join(root, ...key.split('/'));
  }

  /** Runs an operation and turns the file system's errors into StorageError. */
  async function attempt<T>(operation: () => Promise<T>): Promise<T> {
    try {
      return await operation();
    } catch (cause) {
      throw cause instanceof StorageError
        ? cause
        : new StorageError(description, classify(cause), { cause });
    }
  }

  const get = (key: string, maxBytes = Infinity): Promise<StoredObject | null> =>
    attempt(async () => {
      const bytes = await readObject(locate(key), maxBytes);
      if (bytes === 'too_large') {
        throw new StorageError(description, { reason: 'too_large', key, maxBytes });
      }
      return bytes === null ? null : { bytes, etag: computeEtag(bytes) };
    });

  return {
    description,
    get,
    async getIfChanged(key, etag, maxBytes) {
      const object = await get(key, maxBytes);
      return object?.etag === etag ? 'unchanged' : object;
    },
    put: (key, bytes, etag) => attempt(() => putFile(root, locate(key), bytes, etag)),
    list: (prefix) => attempt(() => listObjects(root, prefix)),
    delete: (key) =>
      attempt(async () => {
        const file = locate(key);
        await withLock(root, () => rm(file, { force: true }));
        await sweepLeftovers(dirname(file));
      }),
    spendReserve: () => attempt(() => succeeds(rm(join(root, RESERVE_FILE)), 'ENOENT')),
    close: () => Promise.resolve(),
  };
}

function computeEtag(bytes: Uint8Array): string {
  return `"${hashBytes(bytes)}"`;
}

/**
 * Reads at most `maxBytes` + 1 bytes of a regular file.
 * @returns  null when there is no file; a folder is none.
 * @throws Error  For a link, a pipe or a device.
 */
async function readObject(
  file: string,
  maxBytes = Infinity,
): Promise<Uint8Array | 'too_large' | null> {
  let handle: FileHandle;
  try {
    handle = await openPromptly(file);
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    const isFolderLink = code === 'ELOOP' && (await stat(file)).isDirectory();
    if (['ENOENT', 'ENOTDIR'].includes(code) || isFolderLink) {
      return null;
    }
    throw cause;
  }
  try {
    const facts = await handle.stat();
    if (facts.isDirectory()) {
      return null;
    }
    if (!facts.isFile()) {
      throw new Error(`${file} is a pipe or a device, no regular file`);
    }
    if (facts.size > maxBytes) {
      return 'too_large';
    }
    const stream = handle.createReadStream({ end: maxBytes, autoClose: false });
    const bytes = new Uint8Array(await buffer(stream));
    return bytes.length > maxBytes ? 'too_large' : bytes;
  } finally {
    await handle.close();
  }
}

async function putFile(
  root: string,
  file: string,
  bytes: Uint8Array,
  etag: string | null,
): Promise<boolean> {
  const folder = dirname(file);
  await mkdir(folder, { recursive: true });
  await sweepLeftovers(folder);
  await keepReserve(root);
  const temporary = join(folder, `${TEMPORARY_PREFIX}${randomUUID()}`);
  return writeThenPlace(temporary, bytes, () =>
    etag === null ? linkIfFree(temporary, file) : replace(root, temporary, file, etag),
  );
}

/** Keeps room for commands that free space, if there is enough of it now. Never fails. */
async function keepReserve(root: string): Promise<void> {
  const file = join(root, RESERVE_FILE);
  if (existsSync(file)) {
    return;
  }
  const temporary = join(root, `${TEMPORARY_PREFIX}${randomUUID()}`);
  try {
    const { bavail, bsize } = await statfs(root);
    if (bavail * bsize >= MIN_FREE_BYTES) {
      // Random, because some file systems store zeros without room.
      const bytes = randomBytes(RESERVE_BYTES);
      await writeThenPlace(temporary, bytes, () => linkIfFree(temporary, file));
    }
  } catch {
    // The put itself tells what is wrong.
  }
}

function replace(root: string, temporary: string, file: string, etag: string): Promise<boolean> {
  return withLock(root, async (isHeld) => {
    const current = await readObject(file);
    if (!(current instanceof Uint8Array) || computeEtag(current) !== etag || !(await isHeld())) {
      return false;
    }
    await rename(temporary, file);
    return true;
  });
}

async function withLock<T>(root: string, action: (isHeld: () => Promise<boolean>) => Promise<T>) {
  await mkdir(root, { recursive: true });
  const lock = await acquireFileLock(join(root, LOCK_FILE), LOCK_OPTIONS);
  try {
    return await action(lock.isHeld);
  } finally {
    await lock.release();
  }
}

async function sweepLeftovers(folder: string): Promise<void> {
  for (const name of await recover(readdir(folder), ['ENOENT', 'ENOTDIR'], [])) {
    if (TEMPORARY.test(name)) {
      const file = join(folder, name);
      // A file that is gone by now was placed by its writer.
      const facts = await stat(file).catch(() => null);
      if (facts !== null && Date.now() - facts.mtimeMs > LEFTOVER_MS) {
        await rm(file, { force: true });
      }
    }
  }
}

/**
 * Lists through linked folders, as objects are read and written through them. Folders that cannot
 * hold the prefix are not read: a bucket may lie among other files.
 */
async function listObjects(root: string, prefix: string): Promise<ListedObject[]> {
  const objects: ListedObject[] = [];

  /** @param above  The real paths of this folder and of those that it lies in. */
  async function visit(folder: string, above: readonly string[]): Promise<void> {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const file = join(folder, entry.name);
      const key = relative(root, file).split(sep).join('/');
      const isWithin = key.startsWith(prefix) || prefix.startsWith(`${key}/`);
      if (isValidKey(key) && isWithin) {
        const facts = await findFacts(file, entry);
        if (facts?.isDirectory()) {
          const real = await realpath(file);
          // A link to a folder that it lies in would lead around in a circle.
          await (above.includes(real) ? undefined : visit(file, [...above, real]));
        } else if (facts !== null && entry.isFile() && key.startsWith(prefix)) {
          objects.push({ key, bytes: facts.size, lastModifiedMs: facts.mtimeMs });
        }
      }
    }
  }

  const real = await recover(realpath(root), ['ENOENT'], null);
  await (real === null ? undefined : visit(root, [real]));
  return sortListed(objects);
}

/** A file that is gone by now was deleted by another process; a link into nothing is an error. */
async function findFacts(file: string, entry: Dirent): Promise<Stats | null> {
  return entry.isSymbolicLink() ? stat(file) : stat(file).catch(() => null);
}

/** Names the reason of a file system's error, or of a lock that could not be taken. */
export function classify(cause: unknown): StorageFailure {
  const { code = '', message, syscall } = cause as NodeJS.ErrnoException;
  if (cause instanceof LockTimeoutError) {
    return { reason: 'busy', detail: message };
  }
  const notFolder = `a file where a folder should be: ${message}`;
  const noLinks = `the file system answered ${code}; it needs hard links`;
  const failures: Readonly<Record<string, StorageFailure>> = {
    ENOSPC: { reason: 'full', detail: 'the disk is full' },
    EDQUOT: { reason: 'full', detail: 'the quota is used up' },
    EACCES: { reason: 'forbidden', detail: message },
    EROFS: { reason: 'forbidden', detail: message },
    EEXIST: { reason: 'unexpected', detail: notFolder },
    ENOTDIR: { reason: 'unexpected', detail: notFolder },
    ELOOP: { reason: 'unexpected', detail: `a link where a file should be: ${message}` },
    EPERM:
      syscall === 'link'
        ? { reason: 'unsupported', detail: noLinks }
        : { reason: 'forbidden', detail: message },
    ENOTSUP: { reason: 'unsupported', detail: noLinks },
    EOPNOTSUPP: { reason: 'unsupported', detail: noLinks },
    ENOSYS: { reason: 'unsupported', detail: noLinks },
  };
  return failures[code] ?? { reason: 'unexpected', detail: message };
}
