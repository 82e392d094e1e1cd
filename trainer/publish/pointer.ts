/**
 * Moves the pointer to a served version. Publishing never overwrites a pointer that it cannot
 * parse, and never loses another publisher's entry.
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
import { JSON_TYPE, retryContended, type Publication, type VersionId } from './writes.ts';

/** The pointer in the store; null when there is none. */
export type StoredPointer = { readonly pointer: Pointer; readonly etag: string } | null;

/** @throws PublishError  For a malformed or newer pointer, which must not be overwritten. */
export async function readPointer(store: ObjectStore): Promise<StoredPointer> {
  const stored = await store.get(POINTER_KEY, ARTIFACT_LIMITS.pointerBytes);
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
interface Published extends VersionId {
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

interface MoveOptions {
  /** On the version that the pointer serves afterwards, or that it served before. */
  readonly lease: Lease;
  /** True when the store honours conditions. */
  readonly isSafe: boolean;
  /** Throws when the pointer that was read must not be replaced. */
  readonly check?: (before: StoredPointer) => void | Promise<void>;
}

/**
 * Moves the pointer to a version.
 * @returns  `isMoved`: false when the pointer served that version already. `before`: the pointer
 *           that was replaced.
 * @throws PublishError  When others changed it in every attempt.
 */
export async function movePointer(
  publication: Publication,
  published: Published,
  options: MoveOptions,
): Promise<{ isMoved: boolean; before: StoredPointer; defaultName: string }> {
  const { before, after } = await changePointer(publication, published, {
    ...options,
    merge: (present) => mergePointer(publication, present, published),
    isDone: (pointer) => findServed(pointer, published.name)?.version === published.version,
  });
  const { default: defaultName = published.name } = after ?? before?.pointer ?? {};
  return { isMoved: after !== null, before, defaultName };
}

/** Takes a model out of the pointer. The version that was served gets into the history. */
export async function withdrawModel(
  publication: Publication,
  name: string,
  options: MoveOptions,
): Promise<void> {
  await changePointer(
    publication,
    { name, version: '' },
    {
      ...options,
      merge(before) {
        if (before === null || findServed(before.pointer, name) === undefined) {
          return null;
        }
        const { [name]: _, ...models } = before.pointer.models;
        return { ...before.pointer, models };
      },
      isDone: (pointer) => findServed(pointer, name) === undefined,
    },
  );
}

/**
 * Changes the pointer by compare-and-swap, and records the replaced version before each attempt.
 * @param next     The model, and the version that replaces the served one.
 * @param options  `merge`: null for no change. `isDone`: whether another publisher left the change.
 * @returns  The pointers before and after; `after` is null without a change.
 */
function changePointer(
  publication: Publication,
  next: VersionId,
  options: MoveOptions & {
    readonly merge: (before: StoredPointer) => Pointer | null;
    readonly isDone: (pointer: Pointer | undefined) => boolean;
  },
): Promise<{ before: StoredPointer; after: Pointer | null }> {
  const { store, now } = publication;
  const { lease, isSafe, check, merge, isDone } = options;
  return retryContended(publication, POINTER_KEY, async () => {
    const before = await readPointer(store);
    const after = merge(before);
    if (after === null) {
      return { before, after };
    }
    await check?.(before);
    await changeLedger(publication, (ledger) => recordServed(ledger, before?.pointer, next, now()));
    await lease.assure();
    const etag = before?.etag ?? null;
    const isSwapped = await store.put(POINTER_KEY, encodePointer(after), etag, JSON_TYPE);
    // Without conditions another publisher may have overwritten the change; then it is made again.
    const isKept = isSwapped && (isSafe || isDone((await readPointer(store))?.pointer));
    return isKept ? { before, after } : undefined;
  });
}
