/**
 * Stores whose operations are counted steps. A test can end a command at any step, as a kill would,
 * or run another command between two steps.
 */
import type { ObjectStore } from '../../../storage/object-store.ts';

/** The error that a command gets when its process is dead. */
export class Death extends Error {
  override name = 'Death' as const;
}

/** Runs `step` before and after each operation. */
export function wrapOperations(
  store: ObjectStore,
  step: (name: string, operate: () => Promise<unknown>) => Promise<unknown>,
): ObjectStore {
  const wrap =
    <A extends unknown[], R>(name: string, operation: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> =>
      step(`${name} ${String(args[0])}`, () => operation(...args)) as Promise<R>;
  return {
    ...store,
    get: wrap('get', store.get),
    put: wrap('put', store.put),
    list: wrap('list', store.list),
    delete: wrap('delete', store.delete),
  };
}

/**
 * A store that dies at one of its operations and does nothing from then on.
 * @param dieAt  The operation's number, from 1.
 * @param when  `after`: the operation is carried out, but its answer is lost.
 */
export function createDyingStore(
  store: ObjectStore,
  dieAt: number,
  when: 'before' | 'after',
): ObjectStore {
  let operations = 0;
  return wrapOperations(store, async (name, operate) => {
    operations += 1;
    if (operations < dieAt) {
      return operate();
    }
    if (operations === dieAt && when === 'after') {
      await operate();
    }
    throw new Death(`${when} operation ${dieAt}, ${name}`);
  });
}

/** A store that waits before one of its operations, counted from 1. */
export function createPausingStore(
  store: ObjectStore,
  pauseAt: number,
  during: () => Promise<void>,
): ObjectStore {
  let operations = 0;
  return wrapOperations(store, async (_name, operate) => {
    operations += 1;
    if (operations === pauseAt) {
      await during();
    }
    return operate();
  });
}

/** A store that counts its operations. */
export function createCountingStore(store: ObjectStore): {
  readonly store: ObjectStore;
  readonly seen: string[];
} {
  const seen: string[] = [];
  return {
    seen,
    store: wrapOperations(store, (name, operate) => {
      seen.push(name);
      return operate();
    }),
  };
}
