/**
 * Rolls back: moves the pointer to a whole version in the store, under a lease that keeps it there.
 */
import { leaseToKeep, withLease } from './lease.ts';
import { findPrevious, findServed, readLedger } from './ledger.ts';
import { movePointer, readPointer, recordReplaced } from './pointer.ts';
import { PublishError } from './publish-error.ts';
import { requireManifest, requireWhole } from './verify.ts';
import { requireConditionalWrites, type WriteOptions } from './writes.ts';

export interface RollbackOptions extends WriteOptions {
  readonly name: string;
  /** The version served before the present one when not given. */
  readonly version?: string | undefined;
}

export interface RollbackResult {
  readonly name: string;
  readonly version: string;
  readonly previousVersion: string;
  /** True when the pointer was changed, or for a dry run would be. */
  readonly pointerMoved: boolean;
}

/**
 * Serves an earlier version of a model again. The default model stays the same.
 *
 * @throws PublishError  When there is none, it is not whole, or others moved the pointer meanwhile.
 * @throws StorageError
 */
export async function rollBack(options: RollbackOptions): Promise<RollbackResult> {
  const { store, name, dryRun = false } = options;
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
  const manifestSha256 = await requireWhole(store, { name, version });
  const target = { name, version, manifestSha256, makeDefault: false };
  if (dryRun) {
    return { ...result, pointerMoved: true };
  }

  const isSafe = await requireConditionalWrites(options);
  const lease = await leaseToKeep(options, target, recordReplaced(options, pointer, target));
  return withLease(lease, async () => {
    // Checked again: it may have been deleted before the lease began, but not any more.
    await requireWhole(store, target);
    const { isMoved } = await movePointer(options, target, {
      lease,
      isSafe,
      // A rollback replaces the version that was served when the command began, and no other.
      check(before) {
        const found = findServed(before?.pointer, name)?.version ?? 'none';
        if (found !== served.version) {
          const failure = {
            reason: 'served_changed',
            name,
            expected: served.version,
            found,
          } as const;
          throw new PublishError(store.description, failure);
        }
      },
    });
    // A delete that was on its way for longer than any lease: only publishing again can heal that.
    await requireManifest(store, target);
    return { ...result, pointerMoved: isMoved };
  });
}
