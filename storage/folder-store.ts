/**
 * Object storage in a folder: an object is a file, its ETag its SHA-256. Writes are whole or not at all, also when the
 * process is killed or the disk is full. For publishing to a disk, and the simplest store to read.
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { hashBytes } from '../shared/model/artifact.ts';
import { acquireFileLock, LockTimeoutError } from './file-lock.ts';
import {
  checkKey,
  isValidKey,
  sortListed,
  StorageError,
  type ListedObject,
  type ObjectStore,
  type PutCondition,
  type PutResult,
  type StorageFailure,
} from './object-store.ts';

// Names that start with a dot are no keys, so none of these can meet an object.
const LOCK_FILE = '.lock';
const TEMPORARY_PREFIX = '.tmp-';
/** A temporary file this old belongs to a publisher that was killed. */
const LEFTOVER_MS = 24 * 60 * 60 * 1000;
/** The lock is held for milliseconds: one compare and one rename. */
const LOCK_OPTIONS = { timeoutMs: 20_000, staleMs: 10_000 };

/**
 * Opens a folder as object storage.
 *
 * @param path  The folder; made by the first put if it is not there. Its file system must have hard links.
 */
export function createFolderStore(path: string): ObjectStore {
  const root = resolve(path);
  const description = `folder ${root}`;

  function locate(key: string): string {
    checkKey(description, key);
    return join(root, ...key.split('/'));
  }

  return {
    description,
    get: (key, { maxBytes = Number.POSITIVE_INFINITY } = {}) =>
      attempt(description, async () => {
        const bytes = await readObject(locate(key), maxBytes);
        if (bytes === 'too_large') {
          throw new StorageError(description, { reason: 'too_large', key, maxBytes });
        }
        return bytes === null ? null : { bytes, etag: computeEtag(bytes) };
      }),
    put: (key, bytes, condition) =>
      attempt(description, () => putFile(root, locate(key), bytes, condition)),
    list: (prefix) => attempt(description, () => listObjects(root, prefix)),
    delete: (key) =>
      attempt(description, () => withLock(root, () => rm(locate(key), { force: true }))),
    close: () => Promise.resolve(),
  };
}

function computeEtag(bytes: Uint8Array): string {
  return `"${hashBytes(bytes)}"`;
}

async function readObject(
  file: string,
  maxBytes: number,
): Promise<Uint8Array | 'too_large' | null> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '')) {
      return null;
    }
    throw cause;
  }
  try {
    const facts = await handle.stat();
    if (facts.isDirectory()) {
      return null;
    }
    if (facts.size > maxBytes) {
      return 'too_large';
    }
    return new Uint8Array(await handle.readFile());
  } finally {
    await handle.close();
  }
}

async function putFile(
  root: string,
  file: string,
  bytes: Uint8Array,
  condition: PutCondition,
): Promise<PutResult> {
  const folder = dirname(file);
  await mkdir(folder, { recursive: true });
  await sweepLeftovers(folder);
  const temporary = join(folder, `${TEMPORARY_PREFIX}${randomUUID()}`);
  try {
    await writeThrough(temporary, bytes);
    const done =
      condition.when === 'absent'
        ? await create(temporary, file)
        : await replace(root, temporary, file, condition.etag);
    if (!done) {
      return { ok: false, reason: 'precondition_failed' };
    }
    await syncFolder(folder);
    return { ok: true, etag: computeEtag(bytes) };
  } finally {
    await rm(temporary, { force: true });
  }
}

async function writeThrough(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A hard link, unlike a rename, fails when its name is taken: so of several creators one wins. */
async function create(temporary: string, file: string): Promise<boolean> {
  try {
    await link(temporary, file);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') {
      return false;
    }
    throw cause;
  }
}

function replace(root: string, temporary: string, file: string, etag: string): Promise<boolean> {
  return withLock(root, async (isHeld) => {
    const current = await readObject(file, Number.POSITIVE_INFINITY);
    if (!(current instanceof Uint8Array) || computeEtag(current) !== etag || !(await isHeld())) {
      return false;
    }
    await rename(temporary, file);
    return true;
  });
}

async function withLock<T>(
  root: string,
  action: (isHeld: () => Promise<boolean>) => Promise<T>,
): Promise<T> {
  await mkdir(root, { recursive: true });
  const lock = await acquireFileLock(join(root, LOCK_FILE), LOCK_OPTIONS);
  try {
    return await action(lock.isHeld);
  } finally {
    await lock.release();
  }
}

/** Makes a new name survive a power cut; Windows cannot open folders and does without. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') {
    return;
  }
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function sweepLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(TEMPORARY_PREFIX)) {
      const file = join(folder, name);
      // Gone meanwhile: its writer has finished.
      const facts = await stat(file).catch(() => null);
      if (facts !== null && Date.now() - facts.mtimeMs > LEFTOVER_MS) {
        await rm(file, { force: true });
      }
    }
  }
}

async function listObjects(root: string, prefix: string): Promise<ListedObject[]> {
  const objects: ListedObject[] = [];
  for (const key of await listKeys(root)) {
    if (key.startsWith(prefix)) {
      // Gone meanwhile: deleted by another.
      const facts = await stat(join(root, ...key.split('/'))).catch(() => null);
      if (facts !== null) {
        objects.push({ key, bytes: facts.size, lastModifiedMs: facts.mtimeMs });
      }
    }
  }
  return sortListed(objects);
}

async function listKeys(root: string): Promise<string[]> {
  try {
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
      .filter(isValidKey);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      return [];
    }
    throw cause;
  }
}

/** Runs an operation and gives the file system's errors the store's types. */
async function attempt<T>(description: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (cause) {
    if (cause instanceof StorageError) {
      throw cause;
    }
    throw new StorageError(description, classify(cause), { cause });
  }
}

function classify(cause: unknown): StorageFailure {
  const { code = '', message } = cause as NodeJS.ErrnoException;
  if (cause instanceof LockTimeoutError) {
    return { reason: 'busy', detail: message };
  }
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return {
        reason: 'full',
        detail: code === 'ENOSPC' ? 'the disk is full' : 'the quota is used up',
      };
    case 'EACCES':
    case 'EROFS':
      return { reason: 'forbidden', detail: message };
    case 'EEXIST':
    case 'ENOTDIR':
      return { reason: 'unexpected', detail: `a file where a folder should be: ${message}` };
    case 'EPERM':
    case 'ENOTSUP':
    case 'EOPNOTSUPP':
    case 'ENOSYS':
      // What link() answers on file systems without hard links.
      return {
        reason: 'unsupported',
        detail: `the file system answered ${code}; it needs hard links`,
      };
    default:
      return { reason: 'unexpected', detail: message };
  }
}
