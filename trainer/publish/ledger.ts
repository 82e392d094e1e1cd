/**
 * The ledger: served history, pins and leases. Publishers change it by compare-and-swap. It is
 * apart from the pointer, which workers of every age parse strictly. See docs/publication.md.
 */
import * as v from 'valibot';
import { describeIssues, momentSchema, parseAs } from '../../shared/schema.ts';
import {
  hashSchema,
  modelNameSchema,
  modelVersionSchema,
  type Pointer,
} from '../../shared/model/artifact.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { PublishError } from './publish-error.ts';
import {
  isSameVersion,
  JSON_TYPE,
  retryContended,
  type Publication,
  type VersionId,
} from './writes.ts';

export const LEDGER_KEY = 'ledger.json';

/** A history entry or a pin takes about 250 bytes. */
export const LEDGER_LIMITS = {
  bytes: 512 * 1024,
  history: 1000,
  historyOfName: 20,
  pins: 500,
  noteLength: 200,
} as const;

const versionFields = { name: modelNameSchema, version: modelVersionSchema };

const servedSchema = v.strictObject({
  ...versionFields,
  manifestSha256: hashSchema,
  /** When it began to be served, from the pointer. */
  publishedAt: momentSchema,
  /** Written before each attempt to move the pointer, so it may still be served. */
  replacedAt: momentSchema,
});

const pinSchema = v.strictObject({
  ...versionFields,
  pinnedAt: momentSchema,
  note: v.pipe(v.string(), v.maxLength(LEDGER_LIMITS.noteLength)),
});

const leaseSchema = v.strictObject({
  token: v.pipe(v.string(), v.uuid()),
  /** `keep`: nobody may delete these versions. `delete`: nobody may begin to serve or pin them. */
  kind: v.picklist(['keep', 'delete']),
  versions: v.pipe(v.array(v.strictObject(versionFields)), v.minLength(1)),
  /** The lease ends at this time, even if its holder was killed. */
  until: momentSchema,
});

const ledgerSchema = v.strictObject({
  schema: v.literal(1),
  /** Each version once, the last replaced at the end. */
  history: v.array(servedSchema),
  pins: v.array(pinSchema),
  /** Leases; the stored name is older than the word. */
  holds: v.array(leaseSchema),
});

export type Ledger = v.InferOutput<typeof ledgerSchema>;
export type ServedVersion = v.InferOutput<typeof servedSchema>;
export type LeaseEntry = v.InferOutput<typeof leaseSchema>;

const EMPTY: Ledger = { schema: 1, history: [], pins: [], holds: [] };

/**
 * Reads the ledger; a missing one is empty.
 * @throws PublishError  For a malformed or newer one, which must not be overwritten.
 */
export async function readLedger(store: ObjectStore) {
  const stored = await store.get(LEDGER_KEY, LEDGER_LIMITS.bytes);
  return stored === null
    ? { ledger: EMPTY, etag: null }
    : { ledger: parseLedger(store.description, stored.bytes), etag: stored.etag };
}

function parseLedger(where: string, bytes: Uint8Array): Ledger {
  const refuse = (detail: string, isNewer = false): PublishError =>
    new PublishError(where, { reason: 'ledger_refused', detail, isNewer });
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw refuse('is not JSON');
  }
  const parsed = v.safeParse(ledgerSchema, value);
  if (parsed.success) {
    return parsed.output;
  }
  const newer = v.safeParse(
    v.object({ schema: v.pipe(v.number(), v.gtValue(EMPTY.schema)) }),
    value,
  );
  if (newer.success) {
    throw refuse(`has schema ${newer.output.schema}`, true);
  }
  throw refuse(`is malformed: ${describeIssues(parsed.issues.slice(0, 1))}`);
}

/**
 * Changes the ledger by compare-and-swap. Leases that have ended are dropped.
 * @param change  Returns the same object for no change. It runs again after a conflict or a lost
 *                answer, so it must recognize its own work.
 * @returns  The ledger afterwards.
 * @throws PublishError  When the ledger is refused or full, or others changed it in every attempt.
 */
export function changeLedger(
  publication: Publication,
  change: (ledger: Ledger) => Ledger,
): Promise<Ledger> {
  const { store, now } = publication;
  return retryContended(publication, LEDGER_KEY, async () => {
    const { ledger, etag } = await readLedger(store);
    const present = { ...ledger, holds: ledger.holds.filter((lease) => isLive(lease, now())) };
    const wanted = change(present);
    if (wanted === present) {
      return present;
    }
    // Parsed as its readers do: a ledger that they refuse would stop all publishing.
    const text = `${JSON.stringify(parseAs(ledgerSchema, wanted), null, 2)}\n`;
    const bytes = new TextEncoder().encode(text);
    if (bytes.length > LEDGER_LIMITS.bytes) {
      throw new PublishError(store.description, { reason: 'ledger_full', bytes: bytes.length });
    }
    return (await store.put(LEDGER_KEY, bytes, etag, JSON_TYPE)) ? wanted : undefined;
  });
}

/**
 * A lease ends after this time when its holder is killed. A file of 16 MiB may take six minutes to
 * upload. A deleter sends short requests only, and publishers wait for the end of its lease.
 */
export const LEASE_MS = { keep: 20 * 60_000, delete: 6 * 60_000 } as const;
/** Two machines' clocks may differ by this much. */
const CLOCK_MS = 60_000;

/** A lease that ends later than any new one is no lease: a wrong clock made it. */
export function isLive({ kind, until }: LeaseEntry, at: Date): boolean {
  const leftMs = Date.parse(until) - at.getTime();
  return leftMs > 0 && leftMs <= LEASE_MS[kind] + CLOCK_MS;
}

export function findServed(pointer: Pointer | undefined, name: string) {
  return pointer !== undefined && Object.hasOwn(pointer.models, name)
    ? pointer.models[name]
    : undefined;
}

/**
 * Records the version that the pointer serves now, before `next` replaces it. So the history is
 * complete even when the publisher is killed right after the move. Each attempt of a move records
 * again, because prune counts a version's age from `replacedAt`.
 * @returns  The same object when there is nothing to record.
 */
export function recordServed(
  ledger: Ledger,
  pointer: Pointer | undefined,
  next: VersionId,
  at: Date,
): Ledger {
  const { name } = next;
  const served = findServed(pointer, name);
  if (served === undefined || served.version === next.version) {
    return ledger;
  }
  const entry = { name, ...served, replacedAt: at.toISOString() };
  const others = ledger.history.filter((each) => !isSameVersion(each, entry));
  const ofName = others.filter((each) => each.name === name);
  const surplus = ofName.slice(0, Math.max(0, ofName.length + 1 - LEDGER_LIMITS.historyOfName));
  const history = [...others.filter((each) => !surplus.includes(each)), entry];
  return { ...ledger, history: history.slice(-LEDGER_LIMITS.history) };
}

export function findPrevious(ledger: Ledger, name: string, current: string) {
  return ledger.history.findLast((entry) => entry.name === name && entry.version !== current);
}
