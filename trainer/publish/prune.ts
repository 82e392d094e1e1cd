/**
 * Pruning: deletes whole versions that nothing needs, each under a hold that keeps everybody from beginning to serve it,
 * the manifest first, so that a version which is half gone is never taken for whole. Stopped anywhere, what is served is
 * whole, and the command can be repeated.
 */
import {
  ARTIFACT_LIMITS,
  ArtifactError,
  buildKey,
  MANIFEST_FILE,
  parseManifest,
} from '../../shared/model/artifact.ts';
import { PROBE_PREFIX, requireConditionalWrites } from './conditional-writes.ts';
import { StorageError, type ListedObject, type ObjectStore } from '../../storage/object-store.ts';
import { PublishError } from './publish-error.ts';
import { readPointer } from './served-pointer.ts';
import { holding, holdToDelete, type Hold } from './hold.ts';
import {
  changeLedger,
  findServed,
  isSameVersion,
  type Ledger,
  type Publication,
  type ServedVersion,
} from './ledger.ts';
import { planPrune, type KeepReason, type PruneDecision, type PruneRules } from './prune-plan.ts';
import { surveyStore, type Survey, type SurveyedVersion } from './survey.ts';

export interface PruneOptions extends Publication, PruneRules {
  /** True to decide everything and delete nothing. */
  readonly dryRun?: boolean;
  readonly allowUnsafePointer?: boolean;
  readonly onDeleted?: (version: SurveyedVersion) => void;
  readonly onConditionsIgnored?: () => void;
}

export interface PruneResult {
  /** Deleted, or for a dry run to be deleted. */
  readonly deleted: readonly SurveyedVersion[];
  readonly kept: readonly { readonly version: SurveyedVersion; readonly reason: KeepReason }[];
  /** Objects that publishers left who were killed while they tried out conditional writes. */
  readonly probes: readonly ListedObject[];
}

/** Held and deleted together: two writes of the ledger for each such number of versions. */
const BATCH = 25;
/** A probe lives for a second. */
const PROBE_MS = 24 * 60 * 60 * 1000;

/**
 * Deletes versions that are neither served, pinned, the one to roll back to, among the last used, nor young.
 *
 * @throws PublishError  When it cannot be told what is served, or others change the ledger in every attempt.
 * @throws StorageError  When the store fails.
 */
export async function pruneStore(options: PruneOptions): Promise<PruneResult> {
  const { store, now, dryRun = false, onDeleted = () => {} } = options;
  const survey = await surveyStore(store);
  if (survey.pointer === null) {
    throw new PublishError(store.description, { reason: 'nothing_served' });
  }
  const decisions: PruneDecision[] = [];
  for (const decision of planPrune(survey, options, now().getTime())) {
    decisions.push(await reconsider(store, decision));
  }
  const candidates = decisions
    .filter(({ keptBecause }) => keptBecause === undefined)
    .map(({ version }) => version);
  const probes = (await store.list(PROBE_PREFIX)).filter(
    ({ lastModifiedMs }) => now().getTime() - lastModifiedMs > PROBE_MS,
  );
  const vanished = findVanished(survey);
  if (dryRun || (candidates.length === 0 && probes.length === 0 && vanished.length === 0)) {
    return { deleted: candidates, kept: listKept(decisions, []), probes };
  }

  await requireConditionalWrites(
    store,
    options.allowUnsafePointer === true,
    options.onConditionsIgnored ?? (() => {}),
  );
  const deleted: SurveyedVersion[] = [];
  for (let start = 0; start < candidates.length; start += BATCH) {
    for (const version of await deleteBatch(
      options,
      survey,
      candidates.slice(start, start + BATCH),
    )) {
      deleted.push(version);
      onDeleted(version);
    }
  }
  for (const { key } of probes) {
    await store.delete(key);
  }
  if (vanished.length > 0) {
    const isVanished = (entry: ServedVersion): boolean =>
      vanished.some((each) => isSameVersion(each, entry) && each.replacedAt === entry.replacedAt);
    await changeLedger(options, (ledger) => forget(ledger, isVanished));
  }
  return {
    deleted,
    kept: listKept(
      decisions,
      candidates.filter((version) => !deleted.includes(version)),
    ),
    probes,
  };
}

/** A version of a newer schema, or one that was never ours, is left alone: only what is understood is deleted. */
async function reconsider(store: ObjectStore, decision: PruneDecision): Promise<PruneDecision> {
  const { version, keptBecause } = decision;
  if (keptBecause !== undefined || !version.hasManifest) {
    return decision;
  }
  const { name, version: expected } = version;
  try {
    const key = buildKey(name, expected, MANIFEST_FILE);
    const manifest = await store.get(key, { maxBytes: ARTIFACT_LIMITS.manifestBytes });
    if (manifest !== null) {
      parseManifest(manifest.bytes, { name, version: expected });
    }
    return decision;
  } catch (cause) {
    if (
      cause instanceof ArtifactError ||
      (cause instanceof StorageError && cause.failure.reason === 'too_large')
    ) {
      return { version, keptBecause: 'not_understood' };
    }
    throw cause;
  }
}

function listKept(
  decisions: readonly PruneDecision[],
  spared: readonly SurveyedVersion[],
): PruneResult['kept'] {
  return decisions.flatMap(({ version, keptBecause }) => {
    const reason = spared.includes(version) ? 'held' : keptBecause;
    return reason === undefined ? [] : [{ version, reason }];
  });
}

/** @returns  Those that are gone; what is in use by now is spared. */
async function deleteBatch(
  options: PruneOptions,
  survey: Survey,
  candidates: readonly SurveyedVersion[],
): Promise<SurveyedVersion[]> {
  const hold = await holdToDelete(options, (ledger) => {
    const free = listFree(options, { ...survey, ledger });
    return candidates.filter((version) => free.some((each) => isSameVersion(each, version)));
  });
  if (hold.versions.length === 0) {
    return [];
  }
  return holding(hold, async () => {
    // Decided anew with what is there now: from here on nobody begins to serve, pin or upload what is held.
    const present = await surveyStore(options.store);
    const free = listFree(options, present);
    const gone: SurveyedVersion[] = [];
    for (const version of candidates.filter((each) =>
      hold.versions.some((held) => isSameVersion(held, each)),
    )) {
      const isThere = present.versions.some((each) => isSameVersion(each, version));
      const target = free.find((each) => isSameVersion(each, version));
      if (!isThere || (target !== undefined && (await deleteVersion(options, hold, target)))) {
        gone.push(version);
      }
    }
    await hold.release((ledger) =>
      forget(ledger, (entry) => gone.some((version) => isSameVersion(version, entry))),
    );
    return gone;
  });
}

function listFree(options: PruneOptions, survey: Survey): SurveyedVersion[] {
  const decisions = planPrune(survey, options, options.now().getTime());
  return decisions
    .filter(({ keptBecause }) => keptBecause === undefined)
    .map(({ version }) => version);
}

/** @returns  False when it turned out to be served, so that it was not deleted, or no further. */
async function deleteVersion(
  { store }: PruneOptions,
  hold: Hold,
  { name, version, objects }: SurveyedVersion,
): Promise<boolean> {
  const manifestKey = buildKey(name, version, MANIFEST_FILE);
  const inOrder = objects.toSorted(
    (one, other) => Number(other.key === manifestKey) - Number(one.key === manifestKey),
  );
  for (const { key } of inOrder) {
    // Under the hold only software that knows of no holds begins to serve it.
    if (findServed((await readPointer(store))?.pointer, name)?.version === version) {
      return false;
    }
    await hold.assure();
    await store.delete(key);
  }
  return true;
}

function forget(ledger: Ledger, isForgotten: (entry: ServedVersion) => boolean): Ledger {
  const history = ledger.history.filter((entry) => !isForgotten(entry));
  return history.length === ledger.history.length ? ledger : { ...ledger, history };
}

/** Entries of versions of which nothing is left, as there are after a deleter that was killed. */
function findVanished({ ledger, versions }: Survey): ServedVersion[] {
  return ledger.history.filter(
    (entry) => !versions.some((version) => isSameVersion(version, entry)),
  );
}
