/**
 * Finds out whether a store keeps its word on conditional writes: some S3 servers accept the headers and ignore them,
 * and then two publishers can lose each other's work without an error.
 */
import { randomUUID } from 'node:crypto';
import { StorageError, type ObjectStore, type PutCondition } from '../../storage/object-store.ts';
import { PublishError } from './publish-error.ts';

export interface ConditionalWrites {
  /** A put under "only if the key is free" leaves an object that is there. */
  readonly createOnly: boolean;
  /** A put under "only if unchanged" is refused for another ETag and done for the right one. */
  readonly compareAndSwap: boolean;
}

/** What the keys of its objects begin with. One that is left was left by a publisher that was killed. */
export const PROBE_PREFIX = 'publish-probe-';

const utf8 = new TextEncoder();

/**
 * Tries conditional writes on an object of its own, which it removes.
 * @throws StorageError  When the store cannot be written to at all.
 */
export async function checkConditionalWrites(store: ObjectStore): Promise<ConditionalWrites> {
  const key = `${PROBE_PREFIX}${randomUUID()}`;
  try {
    const created = await store.put(key, utf8.encode('first'), { when: 'absent' });
    if (!created.ok) {
      return { createOnly: false, compareAndSwap: false };
    }
    const createOnly = !(await tryPut(store, key, 'second', { when: 'absent' }));
    const swappedWrongly = await tryPut(store, key, 'third', {
      when: 'unchanged',
      etag: `"${'0'.repeat(32)}"`,
    });
    const before = await store.get(key);
    const swapped =
      before !== null &&
      (await tryPut(store, key, 'fourth', { when: 'unchanged', etag: before.etag }));
    return { createOnly, compareAndSwap: !swappedWrongly && swapped };
  } finally {
    await store.delete(key);
  }
}

/**
 * True when the store honours conditions; false when it does not and the caller allows that.
 *
 * @param onIgnored  Called in that case.
 * @throws PublishError  When it does not and the caller does not.
 */
export async function requireConditionalWrites(
  store: ObjectStore,
  isUnsafeAllowed: boolean,
  onIgnored: () => void,
): Promise<boolean> {
  const { createOnly, compareAndSwap } = await checkConditionalWrites(store);
  if (createOnly && compareAndSwap) {
    return true;
  }
  if (!isUnsafeAllowed) {
    throw new PublishError(store.description, {
      reason: 'conditions_ignored',
      createOnly,
      compareAndSwap,
    });
  }
  onIgnored();
  return false;
}

/** True when the put was done. A server that knows no such condition and says so has not done it. */
async function tryPut(
  store: ObjectStore,
  key: string,
  text: string,
  condition: PutCondition,
): Promise<boolean> {
  try {
    return (await store.put(key, utf8.encode(text), condition)).ok;
  } catch (cause) {
    if (cause instanceof StorageError && cause.failure.reason === 'unsupported') {
      return false;
    }
    throw cause;
  }
}
