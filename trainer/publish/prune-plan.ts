/**
 * Which versions may be deleted, and why each other one stays. Pure.
 */
import { findHold } from './hold.ts';
import { findPrevious, findServed, isSameVersion } from './ledger.ts';
import { findLastUse, type Survey, type SurveyedVersion } from './survey.ts';

export interface PruneRules {
  /** What was written or served within so many milliseconds stays. */
  readonly olderThanMs: number;
  /** So many of each name's versions stay, the last used ones, beside the served one. */
  readonly keep: number;
  /** Only versions of this model are deleted; of all when not given. */
  readonly name?: string | undefined;
}

/** Why a version stays: `previous` is the one that a rollback goes to, `held` is being published or pinned now. */
export type KeepReason =
  | 'served'
  | 'pinned'
  | 'previous'
  | 'held'
  | 'recent'
  | 'young'
  | 'not_understood';

export interface PruneDecision {
  readonly version: SurveyedVersion;
  /** Undefined when it may be deleted. */
  readonly keptBecause: KeepReason | undefined;
}

/**
 * Decides about every version that the rules mean.
 *
 * @param survey  With a pointer: without one everything would seem to be unused.
 * @param nowMs   Milliseconds since 1970.
 */
export function planPrune(survey: Survey, rules: PruneRules, nowMs: number): PruneDecision[] {
  const meant = survey.versions.filter(
    ({ name }) => rules.name === undefined || rules.name === name,
  );
  return meant.map((version) => ({
    version,
    keptBecause: findReason(version, survey, rules, nowMs),
  }));
}

function findReason(
  version: SurveyedVersion,
  { pointer, ledger, versions }: Survey,
  { olderThanMs, keep }: PruneRules,
  nowMs: number,
): KeepReason | undefined {
  const served = findServed(pointer?.pointer, version.name)?.version;
  if (version.version === served) {
    return 'served';
  }
  if (ledger.pins.some((pin) => isSameVersion(pin, version))) {
    return 'pinned';
  }
  if (
    served !== undefined &&
    findPrevious(ledger, version.name, served)?.version === version.version
  ) {
    return 'previous';
  }
  if (findHold(ledger, version, 'keep') !== undefined) {
    return 'held';
  }
  // Of what is not whole nothing can be served again: there is no sense in keeping the last of it.
  if (version.hasManifest) {
    const recent = versions
      .filter((each) => each.name === version.name && each.version !== served && each.hasManifest)
      .toSorted((one, other) => findLastUse(other, ledger) - findLastUse(one, ledger))
      .slice(0, keep);
    if (recent.includes(version)) {
      return 'recent';
    }
  }
  return nowMs - findLastUse(version, ledger) < olderThanMs ? 'young' : undefined;
}
