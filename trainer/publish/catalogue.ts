/**
 * The versions that lie in a store, each with its state: what `models list` and `models show` tell.
 */
import {
  ARTIFACT_LIMITS,
  ArtifactError,
  buildKey,
  MANIFEST_FILE,
  parseManifest,
  type Manifest,
} from '../../shared/model/artifact.ts';
import { parseSignaturePath } from '../../shared/model/signature.ts';
import { StorageError, type ObjectStore } from '../../storage/object-store.ts';
import { findHold } from './hold.ts';
import { findPrevious, findServed, isLive, isSameVersion, type VersionId } from './ledger.ts';
import { surveyStore, type Survey, type SurveyedVersion } from './survey.ts';

/**
 * `default` is served where a request names no model, `previous` is where a rollback goes, `incomplete` has no manifest,
 * `missing` is named by the pointer or a pin and not there, `unreadable` has a manifest that this software refuses.
 */
export type VersionState =
  | 'default'
  | 'served'
  | 'previous'
  | 'pinned'
  | 'being_published'
  | 'being_deleted'
  | 'incomplete'
  | 'missing'
  | 'unreadable';

export interface CatalogueEntry extends VersionId {
  /** The weightiest first; none for a version that only lies there. */
  readonly states: readonly VersionState[];
  readonly objects: number;
  readonly bytes: number;
  /** When its last object was written; null where there is none. ISO 8601. */
  readonly writtenAt: string | null;
  /** When it last began to be served; null when that is not known. */
  readonly publishedAt: string | null;
  /** When it was last replaced; null when it is served, or that is not known. */
  readonly replacedAt: string | null;
  readonly note: string | null;
  /** Ids of the public keys whose signatures lie there. They are not verified here. */
  readonly signedBy: readonly string[];
  /** Null where it could not be read. */
  readonly manifest: Manifest | null;
}

/**
 * Lists versions, the served one of a model first, then the last written.
 *
 * @param only  Of one model; of all when not given.
 * @throws PublishError, StorageError
 */
export async function listCatalogue(
  store: ObjectStore,
  now: Date,
  only?: string,
): Promise<CatalogueEntry[]> {
  const survey = await surveyStore(store);
  const named = [
    ...Object.entries(survey.pointer?.pointer.models ?? {}).map(([name, { version }]) => ({
      name,
      version,
    })),
    ...survey.ledger.pins,
  ];
  const missing = named
    .filter((id, i) => named.findIndex((other) => isSameVersion(id, other)) === i)
    .filter((id) => !survey.versions.some((version) => isSameVersion(version, id)))
    .map(({ name, version }) => ({
      name,
      version,
      objects: [],
      hasManifest: false,
      bytes: 0,
      lastModifiedMs: -Infinity,
    }));
  const entries: CatalogueEntry[] = [];
  for (const version of [...survey.versions, ...missing]) {
    if (only === undefined || only === version.name) {
      entries.push(await describeVersion(store, survey, version, now));
    }
  }
  return entries.toSorted(compareEntries);
}

/** By name; the served one first, then the last written. */
function compareEntries(one: CatalogueEntry, other: CatalogueEntry): number {
  const isServed = ({ states }: CatalogueEntry): boolean => states.includes('served');
  return (
    compareText(one.name, other.name) ||
    Number(isServed(other)) - Number(isServed(one)) ||
    compareText(other.writtenAt ?? '', one.writtenAt ?? '') ||
    compareText(one.version, other.version)
  );
}

function compareText(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

async function describeVersion(
  store: ObjectStore,
  survey: Survey,
  version: SurveyedVersion,
  now: Date,
): Promise<CatalogueEntry> {
  const { ledger, pointer } = survey;
  const { name, objects, bytes } = version;
  const served = findServed(pointer?.pointer, name);
  const isServed = served?.version === version.version;
  const manifest = version.hasManifest ? await readManifest(store, version) : null;
  const replaced = ledger.history.findLast((entry) => isSameVersion(entry, version));
  const pin = ledger.pins.find((each) => isSameVersion(each, version));
  const hasHold = (kind: 'keep' | 'delete'): boolean => {
    const hold = findHold(ledger, version, kind);
    return hold !== undefined && isLive(hold, now);
  };
  const states: [VersionState, boolean][] = [
    ['default', isServed && pointer?.pointer.default === name],
    ['served', isServed],
    ['missing', objects.length === 0],
    ['incomplete', objects.length > 0 && !version.hasManifest],
    ['unreadable', version.hasManifest && manifest === null],
    [
      'previous',
      served !== undefined &&
        findPrevious(ledger, name, served.version)?.version === version.version,
    ],
    ['pinned', pin !== undefined],
    ['being_published', hasHold('keep')],
    ['being_deleted', hasHold('delete')],
  ];
  return {
    name,
    version: version.version,
    states: states.filter(([, isSo]) => isSo).map(([state]) => state),
    objects: objects.length,
    bytes,
    writtenAt: objects.length === 0 ? null : new Date(version.lastModifiedMs).toISOString(),
    publishedAt: (isServed ? served : replaced)?.publishedAt ?? null,
    replacedAt: isServed ? null : (replaced?.replacedAt ?? null),
    note: pin?.note ?? null,
    signedBy: objects
      .map(({ key }) => parseSignaturePath(key.slice(buildKey(name, version.version, '').length)))
      .filter((id) => id !== undefined),
    manifest,
  };
}

/** Null where this software refuses it: `verify` says why. */
async function readManifest(
  store: ObjectStore,
  { name, version }: VersionId,
): Promise<Manifest | null> {
  try {
    const object = await store.get(buildKey(name, version, MANIFEST_FILE), {
      maxBytes: ARTIFACT_LIMITS.manifestBytes,
    });
    return object === null ? null : parseManifest(object.bytes, { name, version }).manifest;
  } catch (cause) {
    if (
      cause instanceof ArtifactError ||
      (cause instanceof StorageError && cause.failure.reason === 'too_large')
    ) {
      return null;
    }
    throw cause;
  }
}
