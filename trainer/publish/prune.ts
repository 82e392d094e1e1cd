/**
 * Deletes versions that nothing needs, and pins versions against that. A deletion runs under a
 * lease and starts with the manifest. It can be stopped anywhere and repeated.
 */
import { buildKey, MANIFEST_FILE } from '../../shared/model/artifact.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import {
  findLastUse,
  readManifest,
  surveyStore,
  type Survey,
  type SurveyedVersion,
} from './catalogue.ts';
import { findLease, leaseToDelete, whileKept, withLease, type Lease } from './lease.ts';
import {
  changeLedger,
  findPrevious,
  findServed,
  LEDGER_LIMITS,
  readLedger,
  type Ledger,
  type ServedVersion,
} from './ledger.ts';
import { readPointer } from './pointer.ts';
import { PublishError } from './publish-error.ts';
import { requireManifest } from './verify.ts';
import {
  PROBE_PREFIX,
  requireConditionalWrites,
  includesVersion,
  isSameVersion,
  type VersionId,
  type WriteOptions,
} from './writes.ts';

interface PruneOptions extends WriteOptions {
  /** Versions that were written or served within this time stay. */
  readonly olderThanMs: number;
  /** Number of last used versions of each model that stay beside the served one. */
  readonly keep: number;
  /** Prunes this model only; all models when not given. */
  readonly name?: string | undefined;
}

/** Why a version stays. */
export const KEEP_REASONS = {
  served: 'is served',
  pinned: 'is pinned',
  previous: 'is what a rollback goes to',
  held: 'is being published, or came into use meanwhile',
  recent: 'is among the last used (--keep)',
  young: 'was used lately (--older-than)',
  not_understood: 'has a manifest that this software does not know',
} as const;
type KeepReason = keyof typeof KEEP_REASONS;

export type PruneResult = Awaited<ReturnType<typeof pruneStore>>;

type Decision = ReturnType<typeof decideAll>[number];

/** Versions under one lease; each batch takes two writes of the ledger. */
const BATCH = 25;
/** A probe lives for a second. */
const PROBE_MS = 24 * 60 * 60 * 1000;

/**
 * Deletes the versions that `decide` gives no reason to keep, and probes of conditional writes that
 * killed publishers left. For a dry run `deleted` lists the versions to be deleted.
 * @throws PublishError  When no pointer is there, or others change the ledger in every attempt.
 * @throws StorageError
 */
export async function pruneStore(options: PruneOptions) {
  const { store, now, dryRun = false } = options;
  const survey = await surveyStore(store);
  if (survey.pointer === null) {
    throw new PublishError(store.description, { reason: 'nothing_served' });
  }
  const decisions: Decision[] = [];
  for (const { version, reason } of decideAll(survey, options)) {
    // A manifest of newer or other software is not ours to delete.
    const isForeign =
      reason === undefined && version.hasManifest && (await readManifest(store, version)) === null;
    decisions.push({ version, reason: isForeign ? 'not_understood' : reason });
  }
  const candidates = listFree(decisions);
  const probes = (await store.list(PROBE_PREFIX)).filter(
    ({ lastModifiedMs }) => now().getTime() - lastModifiedMs > PROBE_MS,
  );
  // A killed deleter leaves entries of versions that are gone.
  const vanished = survey.ledger.history.filter(
    (entry) => !includesVersion(survey.versions, entry),
  );
  const isIdle = candidates.length === 0 && probes.length === 0 && vanished.length === 0;
  const deleted: SurveyedVersion[] = dryRun ? candidates : [];
  if (!dryRun && !isIdle) {
    await requireConditionalWrites(options);
    for (let start = 0; start < candidates.length; start += BATCH) {
      const batch = candidates.slice(start, start + BATCH);
      deleted.push(...(await deleteBatch(options, survey, batch)));
    }
    for (const { key } of probes) {
      await store.delete(key);
    }
    if (vanished.length > 0) {
      const isVanished = (entry: ServedVersion): boolean =>
        vanished.some((each) => isSameVersion(each, entry) && each.replacedAt === entry.replacedAt);
      await changeLedger(options, (ledger) => forget(ledger, isVanished));
    }
  }
  const kept = decisions
    .filter(({ version }) => !deleted.includes(version))
    .map(({ version, reason = 'held' }) => ({ version, reason }));
  return { deleted, kept, probes };
}

/** @param survey  With a pointer: without one, every version would seem unused. */
function decideAll(survey: Survey, options: PruneOptions) {
  const versions = survey.versions.filter(
    ({ name }) => options.name === undefined || options.name === name,
  );
  const recent = new Set<SurveyedVersion>();
  for (const ofName of Map.groupBy(versions, ({ name }) => name).values()) {
    listRecent(ofName, survey, options.keep).forEach((version) => recent.add(version));
  }
  return versions.map((version) => {
    const reason = decide(version, survey, recent, options);
    return { version, reason };
  });
}

/** @returns  The last used versions of one model, beside the served one. */
function listRecent(
  ofName: readonly SurveyedVersion[],
  { pointer, ledger }: Survey,
  keep: number,
): SurveyedVersion[] {
  // An incomplete version can never be served, so it does not count as recent.
  return ofName
    .filter(
      ({ name, version, hasManifest }) =>
        hasManifest && version !== findServed(pointer?.pointer, name)?.version,
    )
    .map((version) => ({ version, lastUseMs: findLastUse(version, ledger) }))
    .toSorted((one, other) => other.lastUseMs - one.lastUseMs)
    .slice(0, keep)
    .map(({ version }) => version);
}

function listFree(decisions: readonly Decision[]): SurveyedVersion[] {
  return decisions.filter(({ reason }) => reason === undefined).map(({ version }) => version);
}

/** @returns  Why a version stays; undefined when it may be deleted. */
function decide(
  version: SurveyedVersion,
  { pointer, ledger }: Survey,
  recent: ReadonlySet<SurveyedVersion>,
  { olderThanMs, now }: PruneOptions,
): KeepReason | undefined {
  const { name } = version;
  const served = findServed(pointer?.pointer, name)?.version;
  if (version.version === served) {
    return 'served';
  }
  if (includesVersion(ledger.pins, version)) {
    return 'pinned';
  }
  if (served !== undefined && findPrevious(ledger, name, served)?.version === version.version) {
    return 'previous';
  }
  if (findLease(ledger, version, 'keep') !== undefined) {
    return 'held';
  }
  if (recent.has(version)) {
    return 'recent';
  }
  const unusedMs = now().getTime() - findLastUse(version, ledger);
  return unusedMs < olderThanMs ? 'young' : undefined;
}

/** @returns  The versions that are gone; those that came into use meanwhile are spared. */
async function deleteBatch(
  options: PruneOptions,
  survey: Survey,
  candidates: readonly SurveyedVersion[],
): Promise<SurveyedVersion[]> {
  const lease = await leaseToDelete(options, (ledger) => {
    const free = listFree(decideAll({ ...survey, ledger }, options));
    return candidates.filter((version) => includesVersion(free, version));
  });
  if (lease.versions.length === 0) {
    return [];
  }
  return withLease(lease, async () => {
    // Decided again: from here on nobody begins to serve, pin or upload a leased version.
    const present = await surveyStore(options.store);
    const free = listFree(decideAll(present, options));
    const gone: SurveyedVersion[] = [];
    for (const version of candidates.filter((each) => includesVersion(lease.versions, each))) {
      const target = free.find((each) => isSameVersion(each, version));
      const isGone =
        !includesVersion(present.versions, version) ||
        (target !== undefined && (await deleteVersion(options.store, lease, target)));
      if (isGone) {
        gone.push(version);
      }
    }
    await lease.release((ledger) => forget(ledger, (entry) => includesVersion(gone, entry)));
    return gone;
  });
}

/** @returns  False when it turned out to be served; then it is not deleted, or no further. */
async function deleteVersion(
  store: ObjectStore,
  lease: Lease,
  { name, version, objects }: SurveyedVersion,
): Promise<boolean> {
  const manifestKey = buildKey(name, version, MANIFEST_FILE);
  const manifestFirst = objects.toSorted(
    (one, other) => Number(other.key === manifestKey) - Number(one.key === manifestKey),
  );
  for (const { key } of manifestFirst) {
    // Older software knows no leases and may serve it in spite of this one.
    if (findServed((await readPointer(store))?.pointer, name)?.version === version) {
      return false;
    }
    await lease.assure();
    await store.delete(key);
  }
  return true;
}

function forget(ledger: Ledger, isForgotten: (entry: ServedVersion) => boolean): Ledger {
  const history = ledger.history.filter((entry) => !isForgotten(entry));
  return history.length === ledger.history.length ? ledger : { ...ledger, history };
}

export interface PinOptions extends WriteOptions {
  readonly id: VersionId;
  /** At most 200 characters. */
  readonly note?: string;
}

/**
 * Pins a version: it is never pruned, whatever its age.
 * @returns  True when the ledger was changed, or for a dry run would be.
 * @throws PublishError  `not_whole`, when there is no such version; `too_many_pins`.
 */
export async function pinVersion(options: PinOptions): Promise<boolean> {
  const { store, now, id, note = '', dryRun = false } = options;
  const isPinned = ({ pins }: Ledger): boolean =>
    pins.some((pin) => isSameVersion(pin, id) && pin.note === note);
  const { ledger } = await readLedger(store);
  await requireManifest(store, id);
  if (isPinned(ledger) || dryRun) {
    return !isPinned(ledger);
  }
  await whileKept(options, id, async (lease) => {
    // Checked again: it may have been deleted before the lease began, but not any more.
    await requireManifest(store, id);
    await lease.assure();
    await lease.release((present) => {
      const others = present.pins.filter((pin) => !isSameVersion(pin, id));
      if (others.length >= LEDGER_LIMITS.pins) {
        throw new PublishError(store.description, { reason: 'too_many_pins', pins: others.length });
      }
      const { name, version } = id;
      const pin = { name, version, pinnedAt: now().toISOString(), note };
      return isPinned(present) ? present : { ...present, pins: [...others, pin] };
    });
  });
  return true;
}

/** @returns  True when the ledger was changed, or for a dry run would be. */
export async function unpinVersion(options: PinOptions): Promise<boolean> {
  const { ledger } = await readLedger(options.store);
  if (!includesVersion(ledger.pins, options.id)) {
    return false;
  }
  if (options.dryRun !== true) {
    await requireConditionalWrites(options);
    await changeLedger(options, (present) => {
      const pins = present.pins.filter((pin) => !isSameVersion(pin, options.id));
      return pins.length === present.pins.length ? present : { ...present, pins };
    });
  }
  return true;
}
