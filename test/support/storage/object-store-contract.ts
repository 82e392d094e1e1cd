/**
 * The contract of every ObjectStore as a test suite. It runs on each implementation and on each S3
 * server.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkConditionalWrites } from '../../../trainer/publish/writes.ts';
import {
  StorageError,
  type ObjectStore,
  type StorageFailure,
} from '../../../storage/object-store.ts';

const utf8 = new TextEncoder();
const ONE_MEBIBYTE = 1024 * 1024;
const absent = null;
const buildFreshKey = (): string => `contract/${randomUUID()}.json`;

/** The keys that a store lists. */
export async function listKeys(store: ObjectStore, prefix = ''): Promise<string[]> {
  return (await store.list(prefix)).map(({ key }) => key);
}

/** Returns the error of a rejected call. */
export async function catchStorageFailure(call: Promise<unknown>): Promise<StorageFailure> {
  const error = await call.then(
    () => new Error('expected it to fail'),
    (cause: unknown) => cause,
  );
  if (!(error instanceof StorageError)) {
    throw error;
  }
  return error.failure;
}

/**
 * Adds the suite.
 * @param open  Opens an empty store, or one that is empty below keys with a fresh UUID; called
 *   once.
 */
export function describeObjectStoreContract(name: string, open: () => Promise<ObjectStore>): void {
  describe(`${name} as object storage`, () => {
    let store: ObjectStore;

    beforeAll(async () => {
      store = await open();
    });
    afterAll(async () => {
      await store?.close();
    });

    it('returns the bytes that were put', async () => {
      const key = buildFreshKey();
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
      const put = await store.put(key, bytes, absent);
      const got = await store.get(key);
      expect(got?.bytes).toEqual(bytes);
      expect(put).toBe(true);
    });

    it('keeps an object of several mebibytes and an empty one', async () => {
      for (const bytes of [new Uint8Array(3 * ONE_MEBIBYTE).fill(0xa5), new Uint8Array()]) {
        const key = buildFreshKey();
        await store.put(key, bytes, absent);
        expect(Buffer.compare((await store.get(key))?.bytes ?? utf8.encode('nothing'), bytes)).toBe(
          0,
        );
      }
    });

    it('finds nothing under a key that was never put', async () => {
      expect(await store.get(buildFreshKey())).toBeNull();
    });

    it('refuses to read more than the allowed size', async () => {
      const key = buildFreshKey();
      await store.put(key, new Uint8Array(11), absent);
      expect((await catchStorageFailure(store.get(key, 10))).reason).toBe('too_large');
      expect((await store.get(key, 11))?.bytes).toHaveLength(11);
    });

    it('creates an object only when the key is free', async () => {
      const key = buildFreshKey();
      await store.put(key, utf8.encode('first'), absent);
      expect(await store.put(key, utf8.encode('second'), absent)).toBe(false);
      expect((await store.get(key))?.bytes).toEqual(utf8.encode('first'));
    });

    it('replaces only an object that has not changed', async () => {
      const key = buildFreshKey();
      await store.put(key, utf8.encode('first'), absent);
      const etag = (await store.get(key))?.etag ?? '';
      const replaced = await store.put(key, utf8.encode('second'), etag);
      expect(replaced).toBe(true);
      expect(await store.put(key, utf8.encode('third'), etag)).toBe(false);
      expect((await store.get(key))?.bytes).toEqual(utf8.encode('second'));
    });

    it('does not replace an object that does not exist', async () => {
      const key = buildFreshKey();
      const put = await store.put(key, utf8.encode('new'), `"${'1'.repeat(32)}"`);
      expect(put).toBe(false);
      expect(await store.get(key)).toBeNull();
    });

    it('lets exactly one of many concurrent creators win', async () => {
      const key = buildFreshKey();
      const puts = await Promise.all(
        Array.from({ length: 8 }, (_, i) => store.put(key, utf8.encode(`creator ${i}`), absent)),
      );
      expect(puts.filter(Boolean)).toHaveLength(1);
      expect((await store.get(key))?.bytes).toEqual(utf8.encode(`creator ${puts.indexOf(true)}`));
    });

    it('lets exactly one of many writers win that start from the same ETag', async () => {
      const key = buildFreshKey();
      await store.put(key, utf8.encode('start'), absent);
      const etag = (await store.get(key))?.etag ?? '';
      const puts = await Promise.all(
        Array.from({ length: 8 }, (_, i) => store.put(key, utf8.encode(`writer ${i}`), etag)),
      );
      expect(puts.filter(Boolean)).toHaveLength(1);
      expect((await store.get(key))?.bytes).toEqual(utf8.encode(`writer ${puts.indexOf(true)}`));
    });

    it('loses no update when many writers read, change and write the same object', async () => {
      const key = buildFreshKey();
      const add = async (part: string): Promise<void> => {
        for (let done = false; !done;) {
          const there = await store.get(key);
          const parts: string[] =
            there === null ? [] : JSON.parse(new TextDecoder().decode(there.bytes));
          const bytes = utf8.encode(JSON.stringify([...parts, part]));
          done = await store.put(key, bytes, there?.etag ?? null);
        }
      };
      const parts = ['a', 'b', 'c', 'd', 'e', 'f'];
      await Promise.all(parts.map(add));
      const there = await store.get(key);
      expect(JSON.parse(new TextDecoder().decode(there?.bytes)).toSorted()).toEqual(parts);
    });

    it('lists all keys with a prefix in order, and no others', async () => {
      const folder = `contract-list-${randomUUID()}`;
      const keys = ['a.json', 'a/b.bin', 'a/c/d.json', 'b.json', 'z-1.bin'].map(
        (path) => `${folder}/${path}`,
      );
      for (const key of keys.toReversed()) {
        await store.put(key, utf8.encode(key), absent);
      }
      await store.put(`${folder}-other/a.json`, utf8.encode('other'), absent);
      expect(await listKeys(store, `${folder}/`)).toEqual(keys.toSorted());
      expect(await listKeys(store, `${folder}/a/`)).toEqual(keys.slice(1, 3));
      expect(await store.list(`${folder}/nothing`)).toEqual([]);
    });

    it('lists each object’s size and time of the last write', async () => {
      const folder = `contract-list-${randomUUID()}`;
      const startMs = Date.now();
      await store.put(`${folder}/a.bin`, new Uint8Array(1234), absent);
      await store.put(`${folder}/b.bin`, new Uint8Array(), absent);
      let listed = await store.list(`${folder}/`);
      const [first] = listed;
      // Some stores report whole seconds, and clocks differ by milliseconds.
      expect(first?.lastModifiedMs).toBeGreaterThan(startMs - 2000);
      expect(first?.lastModifiedMs).toBeLessThan(Date.now() + 2000);
      const replace = async () => {
        const there = await store.get(`${folder}/a.bin`);
        await store.put(`${folder}/a.bin`, new Uint8Array(5), there?.etag ?? '');
        listed = await store.list(`${folder}/`);
        return listed[0]?.lastModifiedMs;
      };
      await expect.poll(replace).not.toBe(first?.lastModifiedMs);
      const [replaced, other] = listed;
      expect([first?.bytes, replaced?.bytes, other?.bytes]).toEqual([1234, 5, 0]);
      expect(replaced?.lastModifiedMs).toBeGreaterThan(first?.lastModifiedMs ?? Infinity);
    });

    it('deletes an object and ignores a missing one', async () => {
      const key = buildFreshKey();
      await store.put(key, utf8.encode('short-lived'), absent);
      await store.delete(key);
      expect(await store.get(key)).toBeNull();
      await store.delete(key);
      expect(await store.put(key, utf8.encode('again'), absent)).toBe(true);
    });

    it.each([
      '',
      '/etc/passwd',
      '../outside',
      'a/../b',
      'a//b',
      'a/',
      '.hidden',
      'a/.lock',
      'a b',
      'a\\b',
      'A',
      'ä',
      'a\0b',
      'a%2fb',
      'a.',
      'x'.repeat(513),
    ])('refuses the key %j', async (key) => {
      expect((await catchStorageFailure(store.get(key))).reason).toBe('invalid_key');
      expect((await catchStorageFailure(store.put(key, new Uint8Array(1), absent))).reason).toBe(
        'invalid_key',
      );
      expect((await catchStorageFailure(store.delete(key))).reason).toBe('invalid_key');
    });

    it('passes the check for conditional writes, which leaves nothing behind', async () => {
      expect(await checkConditionalWrites(store)).toEqual({
        createOnly: true,
        compareAndSwap: true,
      });
      expect(await store.list('publish-probe-')).toEqual([]);
    });
  });
}
