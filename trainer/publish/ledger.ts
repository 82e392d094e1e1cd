/**
 * The ledger: what publishing has to remember beside the pointer, which workers of every age parse strictly. Which
 * versions were served before, which are pinned, and who holds which version now. One object, changed by
 * compare-and-swap alone; workers never read it. docs/publication.md has the protocol.
 */
import { z } from 'zod';
import { modelNameSchema, modelVersionSchema, type Pointer } from '../../shared/model/artifact.ts';
import type { Waiting } from '../../storage/retry.ts';
import { retryContended } from './contention.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { PublishError } from './publish-error.ts';

/** Where the ledger lies in the bucket. */
export const LEDGER_KEY = 'ledger.json';

/** Bounds that keep the ledger below its size: about 250 bytes an entry of the history or a pin. */
export const LEDGER_LIMITS = {
  bytes: 512 * 1024,
  history: 1000,
  historyOfName: 20,
  pins: 500,
  noteLength: 200,
} as const;

const versionFields = { name: modelNameSchema, version: modelVersionSchema };

const servedSchema = z.strictObject({
  ...versionFields,
  manifestSha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** As the pointer had it: when it began to be served. */
  publishedAt: z.iso.datetime(),
  /** When it was about to be replaced; a publisher that was killed just then may not have replaced it. */
  replacedAt: z.iso.datetime(),
});

const pinSchema = z.strictObject({
  ...versionFields,
  pinnedAt: z.iso.datetime(),
  note: z.string().max(LEDGER_LIMITS.noteLength),
});

const holdSchema = z.strictObject({
  token: z.uuid(),
  /** `keep`: nobody may delete these versions. `delete`: nobody may begin to serve or pin them. */
  kind: z.enum(['keep', 'delete']),
  versions: z.array(z.strictObject(versionFields)).min(1),
  /** Counts no more after that. */
  until: z.iso.datetime(),
});

const ledgerSchema = z.strictObject({
  schema: z.literal(1),
  /** Once each, the last replaced at the end. */
  history: z.array(servedSchema),
  pins: z.array(pinSchema),
  holds: z.array(holdSchema),
});

export type Ledger = z.infer<typeof ledgerSchema>;
export type ServedVersion = z.infer<typeof servedSchema>;
export type Pin = z.infer<typeof pinSchema>;
export type HoldEntry = z.infer<typeof holdSchema>;

/** A version of a model. */
export interface VersionId {
  readonly name: string;
  readonly version: string;
}

export function isSameVersion(one: VersionId, other: VersionId): boolean {
  return one.name === other.name && one.version === other.version;
}

/** `name@version`. */
export function nameVersion({ name, version }: VersionId): string {
  return `${name}@${version}`;
}

/** What every change of what is published is given. */
export interface Publication {
  readonly store: ObjectStore;
  readonly now: () => Date;
  readonly waiting?: Waiting | undefined;
}

const EMPTY: Ledger = { schema: 1, history: [], pins: [], holds: [] };

/**
 * Reads the ledger; an empty one where there is none.
 * @throws PublishError  `ledger_refused`, when it is malformed or of a newer schema: then it must not be overwritten.
 */
export async function readLedger(
  store: ObjectStore,
): Promise<{ readonly ledger: Ledger; readonly etag: string | null }> {
  const stored = await store.get(LEDGER_KEY, { maxBytes: LEDGER_LIMITS.bytes });
  return stored === null
    ? { ledger: EMPTY, etag: null }
    : { ledger: parseLedger(store.description, stored.bytes), etag: stored.etag };
}

function parseLedger(where: string, bytes: Uint8Array): Ledger {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new PublishError(where, {
      reason: 'ledger_refused',
      detail: 'is not JSON',
      isNewer: false,
    });
  }
  const parsed = ledgerSchema.safeParse(value);
  if (!parsed.success) {
    const schema =
      typeof value === 'object' && value !== null && 'schema' in value ? value.schema : undefined;
    const isNewer = typeof schema === 'number' && schema > EMPTY.schema;
    const issue = parsed.error.issues[0];
    const detail = isNewer
      ? `has schema ${schema}`
      : `is malformed: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`;
    throw new PublishError(where, { reason: 'ledger_refused', detail, isNewer });
  }
  return parsed.data;
}

/**
 * Changes the ledger by compare-and-swap, starting again from what others made of it meanwhile. Holds whose time is over
 * are dropped on the way.
 *
 * @param change  Given what is there now; gives the same object back when there is nothing to change. Done again, it must
 *                find its own work done: a write whose answer was lost is followed by another attempt.
 * @returns  The ledger after it.
 * @throws PublishError  When the ledger cannot be understood, is full, or was changed by others in every attempt.
 */
export function changeLedger(
  { store, now, waiting }: Publication,
  change: (ledger: Ledger) => Ledger,
): Promise<Ledger> {
  return retryContended(
    store.description,
    LEDGER_KEY,
    async () => {
      const { ledger, etag } = await readLedger(store);
      const present = { ...ledger, holds: ledger.holds.filter((hold) => isLive(hold, now())) };
      const wanted = change(present);
      if (wanted === present) {
        return { done: present };
      }
      // Checked as it will be when it is read: one that is refused would stop all publishing.
      const bytes = new TextEncoder().encode(
        `${JSON.stringify(ledgerSchema.parse(wanted), null, 2)}\n`,
      );
      if (bytes.length > LEDGER_LIMITS.bytes) {
        throw new PublishError(store.description, { reason: 'ledger_full', bytes: bytes.length });
      }
      const condition =
        etag === null ? ({ when: 'absent' } as const) : ({ when: 'unchanged', etag } as const);
      const put = await store.put(LEDGER_KEY, bytes, condition, 'application/json');
      return put.ok ? { done: wanted } : undefined;
    },
    waiting,
  );
}

export function isLive(hold: HoldEntry, at: Date): boolean {
  return Date.parse(hold.until) > at.getTime();
}

/** A served version of the pointer's; undefined when none of that name is served. */
export function findServed(
  pointer: Pointer | undefined,
  name: string,
): Pointer['models'][string] | undefined {
  return pointer !== undefined && Object.hasOwn(pointer.models, name)
    ? pointer.models[name]
    : undefined;
}

/**
 * Writes down that the version which the pointer serves now is about to be replaced: before the move, so that whatever
 * was served is in the history, also when the mover is killed right after it.
 *
 * @returns  The same object when it is written down already, or nothing of that name is served.
 */
export function recordServed(
  ledger: Ledger,
  pointer: Pointer | undefined,
  next: VersionId,
  at: Date,
): Ledger {
  const served = findServed(pointer, next.name);
  if (served === undefined || served.version === next.version) {
    return ledger;
  }
  const { name } = next;
  const last = ledger.history.findLast((entry) => entry.name === name);
  if (last?.version === served.version && last.publishedAt === served.publishedAt) {
    return ledger;
  }
  const others = ledger.history.filter(
    (entry) => !isSameVersion(entry, { name, version: served.version }),
  );
  const entry = { name, ...served, replacedAt: at.toISOString() };
  const ofName = others.filter((each) => each.name === name);
  const surplus = new Set(
    ofName.slice(0, Math.max(0, ofName.length + 1 - LEDGER_LIMITS.historyOfName)),
  );
  const history = [...others.filter((each) => !surplus.has(each)), entry].slice(
    -LEDGER_LIMITS.history,
  );
  return { ...ledger, history };
}

/** The version of a name that was served before `current`; undefined when none is known. */
export function findPrevious(
  ledger: Ledger,
  name: string,
  current: string,
): ServedVersion | undefined {
  return ledger.history.findLast((entry) => entry.name === name && entry.version !== current);
}
