/**
 * Object storage in memory, for tests that run a command once for each of its operations. It passes
 * the contract suite of the real stores, is quick to copy, and makes each operation one step.
 */
import {
  checkKey,
  isValidKey,
  sortListed,
  StorageError,
  type ObjectStore,
} from '../../../storage/object-store.ts';

interface MemoryObject {
  readonly bytes: Uint8Array;
  readonly etag: string;
  readonly lastModifiedMs: number;
}

export interface MemoryStore extends ObjectStore {
  /** Copies the store with its objects. */
  copy(): MemoryStore;
  /** Reads an object between two operations. */
  peek(key: string): Uint8Array | undefined;
}

let writes = 0;

export function createMemoryStore(
  from: ReadonlyMap<string, MemoryObject> = new Map(),
): MemoryStore {
  const objects = new Map(from);
  const description = 'memory';
  return {
    description,
    copy: () => createMemoryStore(objects),
    peek: (key) => objects.get(key)?.bytes,
    async get(key, maxBytes = Infinity) {
      checkKey(description, key);
      const object = objects.get(key);
      if (object !== undefined && object.bytes.length > maxBytes) {
        throw new StorageError(description, { reason: 'too_large', key, maxBytes });
      }
      return object === undefined ? null : { bytes: object.bytes.slice(), etag: object.etag };
    },
    async getIfChanged(key, etag, maxBytes) {
      const object = await this.get(key, maxBytes);
      return object?.etag === etag ? 'unchanged' : object;
    },
    async put(key, bytes, etag) {
      checkKey(description, key);
      if ((objects.get(key)?.etag ?? null) !== etag) {
        return false;
      }
      writes += 1;
      const written = { bytes: bytes.slice(), etag: `"${writes}"`, lastModifiedMs: Date.now() };
      objects.set(key, written);
      return true;
    },
    async list(prefix) {
      const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && isValidKey(key));
      return sortListed(
        keys.map((key) => {
          const { bytes, lastModifiedMs } = objects.get(key) as MemoryObject;
          return { key, bytes: bytes.length, lastModifiedMs };
        }),
      );
    },
    async delete(key) {
      checkKey(description, key);
      objects.delete(key);
    },
    close: () => Promise.resolve(),
  };
}
