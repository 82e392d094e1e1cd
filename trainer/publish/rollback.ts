/** Rolls back: moves the pointer to a whole version, under a lease that keeps it there. */
import { leaseToKeep, withLease } from './lease.ts';
import { findPrevious, findServed, readLedger, recordServed } from './ledger.ts';
import { movePointer, readPointer } from './pointer.ts';
import { PublishError } from './publish-error.ts';
import { requireManifest, requireWhole } from './verify.ts';
import { requireConditionalWrites, type VersionId, type WriteOptions } from './writes.ts';

/**
 * Serves an earlier version of a model again. The default model stays the same.
 *
 * @param options  Without `version`, the one served before the present one.
 * @returns  `pointerMoved`: the pointer was changed, or for a dry run would be.
 * @throws PublishError  When there is none, it is not whole, or others moved the pointer meanwhile.
 * @throws StorageError
 */
export async function rollBack(
  options: WriteOptions & { readonly name: string; readonly version?: string | undefined },
): Promise<VersionId & { readonly previousVersion: string; readonly pointerMoved: boolean }> {
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
  const lease = await leaseToKeep(options, target, (present) =>
    recordServed(present, pointer?.pointer, target, options.now()),
  );
  return withLease(lease, async () => {
    // Checked again: it may have been deleted before the lease began, but not any more.
    await requireWhole(store, target);
    const { isMoved } = await movePointer(options, target, {
      lease,
      isSafe,
      // A rollback replaces the version that was served when the command began, and no other.
      check(before) {
        const expected = served.version;
        const found = findServed(before?.pointer, name)?.version ?? 'none';
        if (found !== expected) {
          const change = { name, expected, found };
          throw new PublishError(store.description, { reason: 'served_changed', ...change });
        }
      },
    });
    // A delete that was on its way for longer than any lease: only publishing again can heal that.
    await requireManifest(store, target);
    return { ...result, pointerMoved: isMoved };
  });
}
