/**
 * The pointer to what is served, as publishing reads and moves it: never overwritten when it cannot be understood, never
 * losing another publisher's entry.
 */
import {
  ARTIFACT_LIMITS,
  ArtifactError,
  encodePointer,
  parsePointer,
  POINTER_KEY,
  type Pointer,
} from '../../shared/model/artifact.ts';
import type { Waiting } from '../../storage/retry.ts';
import { retryContended } from './contention.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { PublishError } from './publish-error.ts';

/** The pointer as it lies in the store; null when there is none. */
export type StoredPointer = { readonly pointer: Pointer; readonly etag: string } | null;

/**
 * Reads the pointer.
 * @throws PublishError  When it is malformed or of a newer schema: then it must not be overwritten.
 */
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

/** A model whose files lie in the store. */
export interface Published {
  readonly name: string;
  readonly version: string;
  readonly manifestSha256: string;
  /** True to serve it where a request names none. */
  readonly makeDefault: boolean;
}

/**
 * Builds the pointer that serves this model beside the others; null when the present one does so already.
 * @throws PublishError  When it would be too large.
 */
export function mergePointer(
  store: ObjectStore,
  before: StoredPointer,
  published: Published,
  now: () => Date,
): Pointer | null {
  const { name, version, manifestSha256 } = published;
  const present =
    before !== null && Object.hasOwn(before.pointer.models, name)
      ? before.pointer.models[name]
      : undefined;
  const isServed = present?.version === version && present.manifestSha256 === manifestSha256;
  const defaultName = before === null || published.makeDefault ? name : before.pointer.default;
  if (isServed && before?.pointer.default === defaultName) {
    return null;
  }
  const entry = isServed ? present : { version, manifestSha256, publishedAt: now().toISOString() };
  const merged: Pointer = {
    schema: 1,
    default: defaultName,
    models: { ...before?.pointer.models, [name]: entry },
  };
  const bytes = encodePointer(merged).length;
  if (bytes > ARTIFACT_LIMITS.pointerBytes) {
    throw new PublishError(store.description, { reason: 'pointer_too_large', bytes });
  }
  return merged;
}

export interface MoveOptions {
  readonly now: () => Date;
  readonly waiting?: Waiting | undefined;
  /** True when the store honours conditions. */
  readonly isSafe: boolean;
  /** Does what must come before each attempt to replace what was read. */
  readonly prepare: (before: StoredPointer) => Promise<void>;
}

/** `moved`: false when the pointer served that model already. */
export interface Move {
  readonly moved: boolean;
  readonly before: StoredPointer;
  readonly defaultName: string;
}

/**
 * Moves the pointer by compare-and-swap, starting again from what others made of it meanwhile.
 *
 * @returns  What was replaced, and the default after it.
 * @throws PublishError  When others changed it in every attempt.
 */
export function movePointer(
  store: ObjectStore,
  published: Published,
  { now, waiting, isSafe, prepare }: MoveOptions,
): Promise<Move> {
  return retryContended<Move>(
    store.description,
    POINTER_KEY,
    async () => {
      const before = await readPointer(store);
      const wanted = mergePointer(store, before, published, now);
      if (wanted === null) {
        return {
          done: { moved: false, before, defaultName: before?.pointer.default ?? published.name },
        };
      }
      await prepare(before);
      const condition =
        before === null
          ? ({ when: 'absent' } as const)
          : ({ when: 'unchanged', etag: before.etag } as const);
      const put = await store.put(POINTER_KEY, encodePointer(wanted), condition, 'application/json');
      return put.ok && (isSafe || (await isStillServed(store, published)))
        ? { done: { moved: true, before, defaultName: wanted.default } }
        : undefined;
    },
    waiting,
  );
}

/** Where conditions are ignored, another publisher may have written over the entry; seen at once, it is put back. */
async function isStillServed(store: ObjectStore, { name, version }: Published): Promise<boolean> {
  return (await readPointer(store))?.pointer.models[name]?.version === version;
}
