/**
 * Rolling back: the pointer is moved to a version that is in the store and whole, under a hold that keeps it there.
 */
import { requireConditionalWrites } from './conditional-writes.ts';
import { PublishError } from './publish-error.ts';
import { movePointer, readPointer, type Published, type StoredPointer } from './served-pointer.ts';
import { requireManifest, requireWhole } from './check-version.ts';
import { holding, holdToKeep, type OnWait } from './hold.ts';
import {
  changeLedger,
  findPrevious,
  findServed,
  readLedger,
  recordServed,
  type Ledger,
  type Publication,
} from './ledger.ts';

export interface RollbackOptions extends Publication {
  readonly name: string;
  /** The version that was served before the present one when not given. */
  readonly version?: string | undefined;
  /** True to check everything and write nothing. */
  readonly dryRun?: boolean;
  readonly allowUnsafePointer?: boolean;
  readonly onWait?: OnWait;
  readonly onConditionsIgnored?: () => void;
}

export interface RollbackResult {
  readonly name: string;
  readonly version: string;
  readonly previousVersion: string;
  /** True when the pointer was changed, or for a dry run would be. */
  readonly pointerMoved: boolean;
}

/**
 * Serves an earlier version of a model again. Which model is the default stays as it is.
 *
 * @throws PublishError  When there is none, it is not whole, or others moved the pointer meanwhile.
 * @throws StorageError  When the store fails.
 */
export async function rollBack(options: RollbackOptions): Promise<RollbackResult> {
  const { store, now, waiting, name, dryRun = false } = options;
  const pointer = await readPointer(store);
  const served = findServed(pointer?.pointer, name);
  if (served === undefined) {
    const names = Object.keys(pointer?.pointer.models ?? {});
    throw new PublishError(store.description, { reason: 'not_served', name, names });
  }
  const { ledger } = await readLedger(store);
  const version = options.version ?? findPrevious(ledger, name, served.version)?.version;
  if (version === undefined) {
    throw new PublishError(store.description, { reason: 'no_previous', name });
  }
  const result = { name, version, previousVersion: served.version };
  if (version === served.version) {
    return { ...result, pointerMoved: false };
  }
  const target = {
    name,
    version,
    manifestSha256: await requireWhole(store, { name, version }),
    makeDefault: false,
  };
  if (dryRun) {
    return { ...result, pointerMoved: true };
  }

  const isSafe = await requireConditionalWrites(
    store,
    options.allowUnsafePointer === true,
    options.onConditionsIgnored ?? (() => {}),
  );
  const record = (before: StoredPointer) => (present: Ledger) =>
    recordServed(present, before?.pointer, target, now());
  const hold = await holdToKeep(options, target, record(pointer), options.onWait);
  return holding(hold, async () => {
    // Again, since it may have been deleted before the hold began. From here on it cannot be.
    await requireWhole(store, target);
    const { moved } = await movePointer(store, target, {
      now,
      waiting,
      isSafe,
      prepare: async (before) => {
        requireUnmoved(options, target, served.version, before);
        await changeLedger(options, record(before));
        await hold.assure();
      },
    });
    // What a deleter took whose request was on its way for longer than any hold lasts, only a publisher can put back.
    await requireManifest(store, target);
    return { ...result, pointerMoved: moved };
  });
}

/** Who rolls back means the version that was served when the command began. */
function requireUnmoved(
  { store }: Publication,
  { name }: Published,
  version: string,
  before: StoredPointer,
): void {
  const found = findServed(before?.pointer, name)?.version;
  if (found !== version) {
    throw new PublishError(store.description, {
      reason: 'served_changed',
      name,
      expected: version,
      found: found ?? 'none',
    });
  }
}
