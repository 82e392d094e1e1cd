/**
 * Moves the pointer to what is served. Publishing never overwrites one that it does not understand,
 * and never loses another publisher's entry.
 */
import {
  ARTIFACT_LIMITS,
  ArtifactError,
  encodePointer,
  parsePointer,
  POINTER_KEY,
  type Pointer,
} from '../../shared/model/artifact.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { changeLedger, findServed, recordServed } from './ledger.ts';
import type { Lease } from './lease.ts';
import { PublishError } from './publish-error.ts';
import { retryContended, swapJson, type Publication, type VersionId } from './writes.ts';

/** The pointer in the store; null when there is none. */
export type StoredPointer = { readonly pointer: Pointer; readonly etag: string } | null;

/** @throws PublishError  For a malformed or newer pointer, which must not be overwritten. */
export async function readPointer(store: ObjectStore): Promise<StoredPointer> {
  const stored = await store.get(POINTER_KEY, { maxBytes: ARTIFACT_LIMITS.pointerBytes });
  try {
    return stored === null ? null : { pointer: parsePointer(stored.bytes), etag: stored.etag };
  } catch (cause) {
    if (cause instanceof ArtifactError) {
      throw new PublishError(store.description, { reason: 'pointer_refused', cause });
    }
    throw cause;
  }
}

/** A version whose files are in the store. */
export interface Published extends VersionId {
  readonly manifestSha256: string;
  /** True to serve it where a request names no model. */
  readonly makeDefault: boolean;
}

/**
 * Builds the pointer that serves this version beside the other models.
 * @returns  null when the present pointer serves it already.
 * @throws PublishError  When it would be too large.
 */
export function mergePointer(publication: Publication, before: StoredPointer, next: Published) {
  const { store, now } = publication;
  const { name, version, manifestSha256, makeDefault } = next;
  const present = findServed(before?.pointer, name);
  const isServed = present?.version === version && present.manifestSha256 === manifestSha256;
  const defaultName = before === null || makeDefault ? name : before.pointer.default;
  if (isServed && before?.pointer.default === defaultName) {
    return null;
  }
  const entry = isServed ? present : { version, manifestSha256, publishedAt: now().toISOString() };
  const models = { ...before?.pointer.models, [name]: entry };
  const merged: Pointer = { schema: 1, default: defaultName, models };
  const bytes = encodePointer(merged).length;
  if (bytes > ARTIFACT_LIMITS.pointerBytes) {
    throw new PublishError(store.description, { reason: 'pointer_too_large', bytes });
  }
  return merged;
}

/**
 * Moves the pointer by compare-and-swap, and records the replaced version before each attempt.
 * @param lease   On the version that the pointer will serve.
 * @param isSafe  True when the store honours conditions.
 * @param check   Throws when the pointer that was read must not be replaced.
 * @returns  `isMoved`: false when the pointer served that version already. `before`: the pointer
 *           that was replaced.
 * @throws PublishError  When others changed it in every attempt.
 */
export function movePointer(
  publication: Publication,
  published: Published,
  options: { lease: Lease; isSafe: boolean; check?: (before: StoredPointer) => void },
): Promise<{ isMoved: boolean; before: StoredPointer; defaultName: string }> {
  const { store, now } = publication;
  const { lease, isSafe, check } = options;
  return retryContended(publication, POINTER_KEY, async () => {
    const before = await readPointer(store);
    const wanted = mergePointer(publication, before, published);
    if (wanted === null) {
      const defaultName = before?.pointer.default ?? published.name;
      return { isMoved: false, before, defaultName };
    }
    check?.(before);
    await changeLedger(publication, (ledger) =>
      recordServed(ledger, before?.pointer, published, now()),
    );
    await lease.assure();
    const bytes = encodePointer(wanted);
    const isDone = await swapJson(store, POINTER_KEY, bytes, before?.etag ?? null);
    return isDone && (isSafe || (await isStillServed(store, published)))
      ? { isMoved: true, before, defaultName: wanted.default }
      : undefined;
  });
}

/** Without conditions another publisher may have overwritten the entry; then it is put back. */
async function isStillServed(store: ObjectStore, { name, version }: Published): Promise<boolean> {
  return findServed((await readPointer(store))?.pointer, name)?.version === version;
}
