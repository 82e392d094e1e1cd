/**
 * Stores whose operations are steps that a test counts: to end a command at any of them, as a kill
 * would, or to let another command run in between.
 */
import type { ObjectStore } from '../../../storage/object-store.ts';

/** What a command meets whose process is gone. */
export class Death extends Error {
  override name = 'Death' as const;
}

/** Runs `step` before each operation and after it. */
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
 * A store that dies at one of its operations, and does nothing from then on.
 * @param dieAt  Which, from 1.
 * @param when   `after`: it is carried out, but nobody hears of it.
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

/** A store that waits for something before one of its operations, from 1. */
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
